// Package vision judges products by images of them. Each algorithm is a
// [Trainer], which learns from images of good products and makes an
// [Inspector]. They share planes and masks, the search for how a product lies,
// the windows in which an image is judged, and the boxes around what is found.
package vision

import (
	"context"
	"image"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// Trainer is an algorithm before it has learned.
type Trainer interface {
	// Train learns from images of good products, which it does not change. Its
	// error says in words for a user why nothing can be learned, or is that of
	// the context.
	Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error)
}

// Inspector is what an algorithm has learned. It is safe for concurrent use.
type Inspector interface {
	// Inspect judges one image by the parameters, which are all that were set:
	// those of the training are among them. Its error says why the image cannot
	// be judged, or is that of the context.
	Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error)
}

// Finding is the judgment on one image. Heat is the brighter the odder a place is; the
// value of anomaly_range is white, or without that the score, and at least the
// threshold. It is smaller than the image.
type Finding struct {
	NG      bool
	Score   float64  // of the worst place, from 0 to about 1
	Defects []Defect // from top to bottom
	Heat    *image.Gray
}

// Defect is a place that is not as it should be.
type Defect struct {
	Box  image.Rectangle // in pixels from the image's upper left corner
	Area float64         // how many pixels of Box are defective
}

// Parameters are the values of parameters by their names.
type Parameters map[string]string

// Float returns a number, or the fallback where there is no finite one.
func (p Parameters) Float(name string, fallback float64) float64 {
	number, ok := wire.ParseNumber(p[name])
	if !ok {
		return fallback
	}
	return number
}

// Pair returns two numbers of which the vertical one stands first in the text.
// One number stands for both. The fallback is for any other text.
func (p Parameters) Pair(name string, fallback float64) (x, y float64) {
	texts, _ := wire.SplitNumbers(p[name])
	if len(texts) != 1 && len(texts) != 2 {
		return fallback, fallback
	}
	vertical, ok := wire.ParseNumber(texts[0])
	horizontal, okToo := wire.ParseNumber(texts[len(texts)-1])
	if !ok || !okToo {
		return fallback, fallback
	}
	return horizontal, vertical
}
