package overlay_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// The picture of a plate, with what a model found on it.
func Example() {
	outcome := inspected()

	picture, err := overlay.Open("../testdata/plates/inspect/NG-01-scratch.jpg")
	if err != nil {
		log.Fatal(err)
	}
	findings := overlay.FindingsOf(outcome.Item, "plates", picture)
	marked := overlay.Draw(picture, findings)

	var file bytes.Buffer
	if err := png.Encode(&file, marked); err != nil {
		log.Fatal(err)
	}
	fmt.Println(findings.Verdict, findings.Boxes, marked.Bounds().Size())
	// Output: NG [(88,53)-(176,87)] (256,192)
}

// inspected is an outcome as Client.Inspect yields it.
func inspected() *hacarus.Inspection {
	return &hacarus.Inspection{Verdict: hacarus.VerdictNG, Item: &hacarus.Item{
		Images: []hacarus.ImageMeta{{Width: 256, Height: 192}},
		Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelNG, Annotations: []hacarus.Annotation{
			{XMin: new(88.0), YMin: new(53.0), XMax: new(176.0), YMax: new(87.0)},
		}}},
	}}
}

// Findings of any origin can be drawn, with a heat map of any size.
func ExampleDraw() {
	picture := image.NewGray(image.Rect(0, 0, 640, 480))
	heat := image.NewGray(image.Rect(0, 0, 16, 12))
	heat.SetGray(8, 6, color.Gray{Y: 0xff})

	marked := overlay.Draw(picture, overlay.Findings{
		Verdict: hacarus.VerdictNG,
		Boxes:   []image.Rectangle{image.Rect(320, 240, 360, 280)},
		Heat:    heat,
	})
	fmt.Println(marked.Bounds(), marked.RGBAAt(340, 260).R > 0x80)
	// Output: (0,0)-(640,480) true
}

// Where the file is at hand already.
func ExampleDecode() {
	content, err := os.ReadFile("../testdata/plates/inspect/OK-01.jpg")
	if err != nil {
		log.Fatal(err)
	}
	picture, err := overlay.Decode(bytes.NewReader(content))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(picture.Bounds().Size(), picture.Orientation)
	// Output: (256,192) 1
}

// An image that is no file, such as a camera's frame, can carry findings too.
func ExampleFindingsOf() {
	frame := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 512, 384))}
	findings := overlay.FindingsOf(inspected().Item, hacarus.ActiveModel, frame)
	fmt.Println(findings.Boxes) // the service has seen an image of half the size
	// Output: [(176,106)-(352,174)]
}

func ExampleOpen() {
	_, err := overlay.Open("../testdata/plates/truth.json")
	fmt.Println(err)
	// Output: overlay: neither PNG nor JPEG nor TIFF: ../testdata/plates/truth.json
}

// A heat map of a photograph that the camera has noted to lie on its side.
func ExamplePicture_Upright() {
	photograph := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 300, 400)), Orientation: 6}
	heat := image.NewGray(image.Rect(0, 0, 100, 75))
	fmt.Println(photograph.Upright(heat).Bounds().Size())
	// Output: (75,100)
}
