package hacarustest

import (
	"image"
	"math"
	"strconv"
	"strings"
)

// Inspector makes a [Judge] from images of good products.
type Inspector interface {
	// Train learns from the good images what a good product looks like. The
	// parameters are those of the algorithm; nil stands for the defaults. An
	// error says why nothing can be learned, in words for the user: it becomes
	// the status text of the failed model. The images are not changed.
	Train(good []image.Image, p Parameters) (Judge, error)
}

// Judge tells of one image at a time whether the product on it is good. It is
// safe for concurrent use.
type Judge interface {
	// Inspect compares the image with what was learned. Parameters given here
	// win over those of the training, one by one; nil changes none. It is an
	// error if the image cannot be compared, such as one of another size.
	Inspect(img image.Image, p Parameters) (Finding, error)
}

// Finding is what a [Judge] says of one image. The zero value is a flawless
// product.
type Finding struct {
	// NG is true for a bad product.
	NG bool
	// Score is how unusual the worst place of the image is, from 0 (as learned)
	// to about 1; larger is worse. How it relates to NG is the inspector's choice.
	Score float64
	// Defects are the places that differ, from top to bottom; nil for none.
	Defects []Defect
}

// Defect is one place of an image that is not as it should be.
type Defect struct {
	// Box is the smallest rectangle around the defect, in pixels of the inspected
	// image: its left upper corner is (0, 0) whatever the bounds of the image.
	Box image.Rectangle
	// Area is the number of pixels of the defect itself, at least 1 and at most
	// the area of Box.
	Area float64
}

// Parameters are the values of an algorithm's parameters by name, each in the
// service's text form: "threshold": "0.1", "min_inspection_size": "[16, 16]". A
// nil map has no values and is fine to read.
type Parameters map[string]string

// Float is the number of that name. A missing value, or one that is not a
// finite number, gives the fallback.
func (p Parameters) Float(name string, fallback float64) float64 {
	v, ok := number(p[name])
	if !ok {
		return fallback
	}
	return v
}

// Pair is the pair of numbers of that name. The text has the vertical number
// first, as the service documents it: "[8, 4]" is x 4 and y 8. Brackets of
// other kinds, or none, are as good, and a single number stands for both. A
// missing value, or one that is nothing of the kind, gives the fallback twice.
func (p Parameters) Pair(name string, fallback float64) (x, y float64) {
	parts := strings.Split(strings.Trim(p[name], " \t\r\n[](){}"), ",")
	first, ok1 := number(parts[0])
	last, ok2 := number(parts[len(parts)-1])
	if !ok1 || !ok2 || len(parts) > 2 {
		return fallback, fallback
	}
	return last, first
}

// number reads a finite number with blanks around it.
func number(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}
