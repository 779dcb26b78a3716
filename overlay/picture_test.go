package overlay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// corners is a picture of 40 by 20 pixels whose quarters are, from the upper left
// and clockwise, white, light, dark and black.
func corners() *image.Gray {
	img := image.NewGray(image.Rect(0, 0, 40, 20))
	for y := range 20 {
		for x := range 40 {
			img.SetGray(x, y, color.Gray{[]uint8{0xff, 0xaa, 0x00, 0x55}[x/20+y/10*2]})
		}
	}
	return img
}

// seen are the four quarters of an image: white, light, dark, black as w, l, d, b.
func seen(img image.Image) string {
	var letters []byte
	size := img.Bounds().Size()
	for _, at := range []image.Point{{size.X / 4, size.Y / 4}, {size.X * 3 / 4, size.Y / 4}, {size.X * 3 / 4, size.Y * 3 / 4}, {size.X / 4, size.Y * 3 / 4}} {
		gray := color.GrayModel.Convert(img.At(img.Bounds().Min.X+at.X, img.Bounds().Min.Y+at.Y)).(color.Gray)
		letters = append(letters, "bdlw"[(int(gray.Y)+42)/85])
	}
	return string(letters)
}

// asJPEG is a JPEG with metadata behind a comment, as cameras write it.
func asJPEG(t *testing.T, img image.Image, metadata []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	head := []byte{0xff, 0xd8, 0xff, 0xfe, 0, 4, 'h', 'i', 0xff, 0xff, 0xe1}
	head = binary.BigEndian.AppendUint16(head, uint16(len(metadata)+8))
	head = append(append(head, "Exif\x00\x00"...), metadata...)
	return append(head, b.Bytes()[2:]...)
}

func asPNG(t *testing.T, img image.Image, metadata []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	const header = 8 + 25 // signature and IHDR
	chunk := append([]byte("eXIf"), metadata...)
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(metadata))), chunk...)
	framed = binary.BigEndian.AppendUint32(framed, crc32.ChecksumIEEE(chunk))
	return append(append(bytes.Clone(b.Bytes()[:header]), framed...), b.Bytes()[header:]...)
}

// asTIFF is a TIFF whose number of samples, one without an entry, makes room for
// the orientation.
func asTIFF(t *testing.T, img image.Image, orientation uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tiff.Encode(&b, img, nil))
	content := b.Bytes()
	start := binary.LittleEndian.Uint32(content[4:])
	for i := range int(binary.LittleEndian.Uint16(content[start:])) {
		entry := content[int(start)+2+12*i:]
		if tag := binary.LittleEndian.Uint16(entry); tag == 0x0115 {
			binary.LittleEndian.PutUint16(entry, 0x0112)
			binary.LittleEndian.PutUint16(entry[8:], orientation)
		}
	}
	return content
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	huge := asPNG(t, corners(), nil)
	binary.BigEndian.PutUint32(huge[16:], 100_000)
	binary.BigEndian.PutUint32(huge[20:], 100_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	for want, content := range map[string][]byte{
		"overlay: neither PNG nor JPEG nor TIFF":     []byte("GIF89a"),
		"overlay: 100000x100000 pixels are too many": huge,
		"overlay: unexpected EOF":                    asJPEG(t, corners(), nil)[:200],
	} {
		_, err := overlay.Decode(bytes.NewReader(content))
		require.EqualError(t, err, want)
	}
	broken := errors.New("the cable was pulled")
	_, err := overlay.Decode(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	_, err = overlay.Open(filepath.Join(t.TempDir(), "none.png"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "empty.png")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = overlay.Open(path)
	require.EqualError(t, err, "overlay: neither PNG nor JPEG nor TIFF: "+path)
}

func box(xMin, yMin, xMax, yMax float64) hacarus.Annotation {
	return hacarus.Annotation{XMin: &xMin, YMin: &yMin, XMax: &xMax, YMax: &yMax}
}

func item(width, height int, annotations ...hacarus.Annotation) *hacarus.Item {
	return &hacarus.Item{
		Images:      []hacarus.ImageMeta{{Width: width, Height: height}},
		Assessments: []hacarus.Assessment{{ModelID: "plates", Label: hacarus.LabelNG, Annotations: annotations}},
	}
}

// The defect is in the upper right quarter of the stored image, which the camera
// took lying on its side, and wherever the service looked at it, it is on the same
// part of the picture.
func TestFindingsOfAreOnThePicture(t *testing.T) {
	t.Parallel()
	picture, err := overlay.Decode(bytes.NewReader(asJPEG(t, corners(), exif(binary.BigEndian, 6))))
	require.NoError(t, err)
	want := []image.Rectangle{image.Rect(12, 24, 18, 36)} // of 20 by 40
	for name, item := range map[string]*hacarus.Item{
		"upright":           item(20, 40, box(12, 24, 18, 36)),
		"upright, scaled":   item(200, 400, box(120, 240, 180, 360)),
		"as stored":         item(40, 20, box(24, 2, 36, 8)),
		"as stored, scaled": item(20, 10, box(12, 1, 18, 4)),
		"of no known size":  item(0, 0, box(12, 24, 18, 36)),
	} {
		findings := overlay.FindingsOf(item, "plates", picture)
		require.Equal(t, hacarus.VerdictNG, findings.Verdict)
		require.Equal(t, want, findings.Boxes, name)
	}
}

func TestFindingsOfEveryOrientation(t *testing.T) {
	t.Parallel()
	for orientation, want := range map[int]image.Rectangle{
		5: image.Rect(2, 24, 8, 36), 6: image.Rect(12, 24, 18, 36), 7: image.Rect(12, 4, 18, 16), 8: image.Rect(2, 4, 8, 16),
	} {
		picture := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 20, 40)), Orientation: orientation}
		findings := overlay.FindingsOf(item(40, 20, box(24, 2, 36, 8)), "", picture)
		require.Equal(t, []image.Rectangle{want}, findings.Boxes, orientation)
	}
}

// A box that is drawn on the picture comes back to where it was drawn.
func TestToServiceIsTheOtherWay(t *testing.T) {
	t.Parallel()
	want := image.Rect(2, 4, 8, 16)
	for orientation := range 9 {
		picture := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 20, 40)), Orientation: orientation}
		for _, item := range []*hacarus.Item{item(20, 40), item(200, 400), item(40, 20), item(400, 200), item(0, 0), nil} {
			require.Equal(t, want, picture.FromService(picture.ToService(want, item), item), orientation)
		}
	}
	lying := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 20, 40)), Orientation: 6}
	require.Equal(t, image.Rect(48, 4, 72, 16), lying.ToService(image.Rect(12, 24, 18, 36), item(80, 40)))
	var none *overlay.Picture
	require.Equal(t, want, none.ToService(want, item(20, 40)))
}

// What is measured is what is decoded, but for its pixels.
func TestMeasure(t *testing.T) {
	t.Parallel()
	for orientation := range uint16(9) {
		content := asJPEG(t, corners(), exif(binary.BigEndian, orientation))
		picture, err := overlay.Decode(bytes.NewReader(content))
		require.NoError(t, err)
		measured, err := overlay.Measure(content)
		require.NoError(t, err)
		require.Equal(t, picture.Bounds(), measured.Bounds())
		require.Equal(t, picture.Orientation, measured.Orientation)
	}
	_, err := overlay.Measure(nil)
	require.Error(t, err)
}

// Of a square image nobody can see whether the service has turned it.
func TestFindingsOfASquareAreUpright(t *testing.T) {
	t.Parallel()
	picture := &overlay.Picture{Image: image.NewGray(image.Rect(0, 0, 40, 40)), Orientation: 6}
	require.Equal(t, []image.Rectangle{image.Rect(4, 6, 8, 12)}, overlay.FindingsOf(item(20, 20, box(2, 3, 4, 6)), "", picture).Boxes)
}

// A person's verdict and boxes are before the model's, each where there are any.
func TestFindingsOfAPerson(t *testing.T) {
	t.Parallel()
	picture := &overlay.Picture{Image: corners()}
	labeled := item(40, 20, box(1, 1, 5, 5))
	labeled.UserAssessment = &hacarus.UserAssessment{Label: hacarus.LabelOK}
	require.Equal(t, overlay.Findings{Verdict: hacarus.VerdictOK, Boxes: []image.Rectangle{image.Rect(1, 1, 5, 5)}}, overlay.FindingsOf(labeled, "plates", picture))
	labeled.UserAssessment.Annotations = []hacarus.Annotation{box(2, 2, 9, 9), {}}
	require.Equal(t, overlay.Findings{Verdict: hacarus.VerdictOK, Boxes: []image.Rectangle{image.Rect(2, 2, 9, 9)}}, overlay.FindingsOf(labeled, "plates", picture))
}

func TestFindingsOfNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, overlay.Findings{Verdict: hacarus.VerdictUnknown}, overlay.FindingsOf(nil, "", nil))
	require.Equal(t, overlay.Findings{Verdict: hacarus.VerdictUnknown}, overlay.FindingsOf(item(4, 4), "another", &overlay.Picture{}))
	require.Equal(t, []image.Rectangle{image.Rect(1, 1, 2, 2)}, overlay.FindingsOf(item(4, 4, box(1, 1, 2, 2)), "", nil).Boxes)
}
