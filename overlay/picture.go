package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"

	"golang.org/x/image/tiff"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Picture is an image as a person wants to see it: upright, whatever the camera
// has noted about how it was held. An image that is no file is a Picture too:
// Picture{Image: img}.
type Picture struct {
	image.Image
	// Orientation is how the file's pixels were turned, as EXIF has it: 1 not at
	// all, 2 to 8 otherwise. 0 is not known, and taken as 1.
	Orientation int
}

// maxPixels is what would take a gigabyte.
const maxPixels = 1 << 28

// Open reads an image file as [Decode] does.
func Open(path string) (*Picture, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	defer file.Close()
	picture, err := Decode(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, path)
	}
	return picture, nil
}

// Decode reads a PNG, a JPEG or a TIFF, and turns it upright by the orientation
// that is noted in it. Other formats, broken files, and images of more than 2^28
// pixels are errors.
func Decode(r io.Reader) (*Picture, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	picture, err := Measure(content)
	if err != nil {
		return nil, err
	}
	if size := picture.Bounds().Size(); size.X > 0 && size.Y > maxPixels/size.X {
		return nil, fmt.Errorf("overlay: %dx%d pixels are too many", size.X, size.Y)
	}
	format, _ := formatOf(content) // it was measured
	img, err := format.decode(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	picture.Image = upright(img, picture.Orientation)
	return picture, nil
}

// Measure returns the picture that [Decode] makes of a file, with its bounds and its
// orientation, but without its pixels, which it does not decode. It is what
// [Picture.FromService] and [Picture.ToService] need. What is neither PNG nor JPEG nor
// TIFF, and a file without its beginning, are errors.
func Measure(content []byte) (*Picture, error) {
	format, known := formatOf(content)
	if !known {
		return nil, errors.New("overlay: neither PNG nor JPEG nor TIFF")
	}
	config, err := format.config(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("overlay: %w", err)
	}
	orientation := format.orientation(content)
	return &Picture{image.Rectangle{Max: turnedSize(image.Pt(config.Width, config.Height), orientation)}, orientation}, nil
}

// format is a kind of image file.
type format struct {
	magic       string
	config      func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
	orientation func([]byte) int
}

var formats = []format{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, orientationOfPNG},
	{"\xff\xd8", jpeg.DecodeConfig, jpeg.Decode, orientationOfJPEG},
	{"II*\x00", tiff.DecodeConfig, tiff.Decode, orientationOfTIFF},
	{"MM\x00*", tiff.DecodeConfig, tiff.Decode, orientationOfTIFF},
}

func formatOf(content []byte) (format, bool) {
	for _, f := range formats {
		if bytes.HasPrefix(content, []byte(f.magic)) {
			return f, true
		}
	}
	return format{}, false
}

// upright turns an image by its orientation.
func upright(img image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return img
	}
	stored := copied(img)
	size := stored.Rect.Size()
	turned := image.NewRGBA(image.Rectangle{Max: turnedSize(size, orientation)})
	for y := range size.Y {
		for x := range size.X {
			to := turn(dot{float64(x) + 0.5, float64(y) + 0.5}, size, orientation)
			from, at := stored.PixOffset(x, y), turned.PixOffset(int(to.x), int(to.y))
			copy(turned.Pix[at:at+4], stored.Pix[from:from+4])
		}
	}
	return turned
}

// turnedSize is the size of what had size before it was turned.
func turnedSize(size image.Point, orientation int) image.Point {
	if orientation >= 5 && orientation <= 8 {
		return image.Pt(size.Y, size.X)
	}
	return size
}

// turn says where a place of the stored image, which has size, is in the upright
// one.
func turn(d dot, size image.Point, orientation int) dot {
	width, height := float64(size.X), float64(size.Y)
	switch orientation {
	case 2: // mirrored
		return dot{width - d.x, d.y}
	case 3: // upside down
		return dot{width - d.x, height - d.y}
	case 4:
		return dot{d.x, height - d.y}
	case 5:
		return dot{d.y, d.x}
	case 6: // on its left side
		return dot{height - d.y, d.x}
	case 7:
		return dot{height - d.y, width - d.x}
	case 8: // on its right side
		return dot{d.y, width - d.x}
	}
	return d
}

// FindingsOf takes the verdict and the boxes from an item, as they are to be
// drawn on the picture of its first image. The verdict is that of
// [hacarus.Item.Verdict]: a person's before the model's. The boxes are a
// person's if one drew any, or else the model's; modelID "" is any model. A nil
// item has no verdict.
//
// The service tells the size of the image that boxes are drawn on, and may have
// scaled it; boxes are scaled to the picture. Whether it minds the orientation of
// a file is not documented: where its image is turned by a quarter against the
// picture, boxes are turned with the picture. Where that cannot be seen by the
// size, they are taken as upright. Without a size of either, and without a picture,
// they stay as they are.
func FindingsOf(item *hacarus.Item, modelID string, picture *Picture) Findings {
	findings := Findings{Verdict: item.Verdict(modelID)}
	for _, annotation := range annotations(item, modelID) {
		if box, ok := annotation.Rect(); ok {
			findings.Boxes = append(findings.Boxes, picture.FromService(box, item))
		}
	}
	return findings
}

func annotations(item *hacarus.Item, modelID string) []hacarus.Annotation {
	if item == nil {
		return nil
	}
	if item.UserAssessment != nil && len(item.UserAssessment.Annotations) > 0 {
		return item.UserAssessment.Annotations
	}
	if a := item.Assessment(modelID); a != nil {
		return a.Annotations
	}
	return nil
}

// sizeOf is the size of the image as the service has it; zero is not known.
func sizeOf(item *hacarus.Item) image.Point {
	if item == nil || len(item.Images) == 0 || item.Images[0].Width <= 0 || item.Images[0].Height <= 0 {
		return image.Point{}
	}
	return image.Pt(item.Images[0].Width, item.Images[0].Height)
}

// FromService moves a box from the image as the service has it, whose size an item
// tells, to the picture. [FindingsOf] says what is known of that.
func (p *Picture) FromService(box image.Rectangle, item *hacarus.Item) image.Rectangle {
	service := sizeOf(item)
	if p == nil || p.Image == nil || service == (image.Point{}) {
		return box
	}
	if p.aside(service) {
		box, service = turnBox(box, service, p.Orientation), image.Pt(service.Y, service.X)
	}
	return scaleBox(box, service, p.Bounds().Size())
}

// ToService moves a box that was drawn on the picture to the image as the service has
// it, such as for [hacarus.Client.AnnotateItem]. It is the other way of
// [Picture.FromService], but for what rounding takes.
func (p *Picture) ToService(box image.Rectangle, item *hacarus.Item) image.Rectangle {
	service := sizeOf(item)
	if p == nil || p.Image == nil || p.Bounds().Empty() || service == (image.Point{}) {
		return box
	}
	if !p.aside(service) {
		return scaleBox(box, p.Bounds().Size(), service)
	}
	back := map[int]int{5: 5, 6: 8, 7: 7, 8: 6}[p.Orientation]
	lying := image.Pt(service.Y, service.X)
	return turnBox(scaleBox(box, p.Bounds().Size(), lying), lying, back)
}

// turnBox turns a box of an image that has size.
func turnBox(box image.Rectangle, size image.Point, orientation int) image.Rectangle {
	from, to := turn(dotOf(box.Min), size, orientation), turn(dotOf(box.Max), size, orientation)
	return image.Rect(rounded(from.x), rounded(from.y), rounded(to.x), rounded(to.y))
}

// scaleBox moves a box from an image of one size to the same one of another.
func scaleBox(box image.Rectangle, from, to image.Point) image.Rectangle {
	x, y := float64(to.X)/float64(from.X), float64(to.Y)/float64(from.Y)
	return image.Rect(rounded(float64(box.Min.X)*x), rounded(float64(box.Min.Y)*y), rounded(float64(box.Max.X)*x), rounded(float64(box.Max.Y)*y))
}

// Upright turns an image that the service has made of the picture's file, such as
// a heat map, as the picture was turned. Whether the service minds the orientation
// of a file is not documented: an image is turned where its proportions show that it
// lies on its side, and is returned as it is where they do not.
func (p *Picture) Upright(made image.Image) image.Image {
	if p == nil || p.Image == nil || made == nil || p.Bounds().Empty() || made.Bounds().Empty() || !p.aside(made.Bounds().Size()) {
		return made
	}
	return upright(made, p.Orientation)
}

// aside says whether what has that size was not turned by a quarter as the picture
// was.
func (p *Picture) aside(size image.Point) bool {
	own := p.Bounds().Size()
	return p.Orientation >= 5 && p.Orientation <= 8 && !alike(size, own) && alike(size, image.Pt(own.Y, own.X))
}

func dotOf(p image.Point) dot { return dot{float64(p.X), float64(p.Y)} }

func rounded(x float64) int { return int(math.Round(x)) }

// alike says whether two sizes have the same proportions, but for rounding.
func alike(a, b image.Point) bool {
	return math.Abs(float64(a.X)*float64(b.Y)/(float64(a.Y)*float64(b.X))-1) < 0.02
}
