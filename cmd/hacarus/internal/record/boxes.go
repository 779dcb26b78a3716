package record

import (
	"image"
	"io"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// Rect is a box of an entry.
func Rect(box [4]int) image.Rectangle { return image.Rect(box[0], box[1], box[2], box[3]) }

// Box is what an entry has of a box.
func Box(r image.Rectangle) [4]int { return [4]int{r.Min.X, r.Min.Y, r.Max.X, r.Max.Y} }

// OnPicture moves boxes from the service's image to the picture that people see, which
// may have another size and be turned. Where the file is gone, nobody knows better.
func OnPicture(boxes [][4]int, item *hacarus.Item, open func() (io.ReadCloser, error)) [][4]int {
	if len(boxes) == 0 {
		return boxes
	}
	file, err := open()
	if err != nil {
		return boxes
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return boxes
	}
	picture, err := overlay.Measure(content)
	if err != nil {
		return boxes
	}
	for n, b := range boxes {
		boxes[n] = Box(picture.FromService(Rect(b), item))
	}
	return boxes
}
