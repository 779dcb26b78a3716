package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"golang.org/x/image/draw"
)

// change makes copies of an image on which the product is as good or bad.
type change struct {
	name string
	make func(img *image.RGBA, r *rand.Rand) *image.RGBA
}

var changes = []change{
	{"shifted by 5 to 10 px", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		return moved(img, placement{dx: aside(r, 5, 10), dy: aside(r, 5, 10), scale: 1})
	}},
	{"turned by 1° to 2°", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		return moved(img, placement{degrees: aside(r, 1, 2), scale: 1})
	}},
	{"scaled by 5 to 10 %", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		return moved(img, placement{scale: 1 + aside(r, 0.05, 0.1)})
	}},
	{"5 to 10 % brighter or darker", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		gain := 1 + aside(r, 0.05, 0.1)
		return redone(img, func(v float64) float64 { return v * gain })
	}},
	{"noise of 2 to 4 gray levels", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		deviation := between(r, 2, 4)
		return redone(img, func(v float64) float64 { return v + deviation*r.NormFloat64() })
	}},
	{"JPEG of quality 50 to 80", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		return compressed(img, 50+r.IntN(31))
	}},
	{"turned by 10° to 180°", func(img *image.RGBA, r *rand.Rand) *image.RGBA {
		return moved(img, placement{degrees: aside(r, 10, 180), scale: 1})
	}},
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// aside is between low and high, to either side of 0.
func aside(r *rand.Rand, low, high float64) float64 {
	return between(r, low, high) * float64(1-2*r.IntN(2))
}

// copies are the changed photos; the seed decides by how much.
func (c change) copies(photos []photo, seed int) ([]photo, error) {
	all := make([]photo, len(photos))
	for i, p := range photos {
		img, err := p.decode()
		if err != nil {
			return nil, err
		}
		r := rand.New(rand.NewPCG(uint64(seed), uint64(i))) //nolint:gosec // it must come out the same each time
		content, err := encoded(c.make(img, r))
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(p.name, filepath.Ext(p.name))
		all[i] = photo{name: fmt.Sprintf("%s-copy-%d.png", name, seed), content: content, good: p.good}
	}
	return all, nil
}

// placement is how a product lies, compared with the original.
type placement struct{ dx, dy, degrees, scale float64 }

// moved is the image with its content in another place. What comes in from
// outside continues the edges.
func moved(img *image.RGBA, p placement) *image.RGBA {
	size := img.Rect.Size()
	middleX, middleY := float64(size.X-1)/2, float64(size.Y-1)/2
	sin, cos := math.Sincos(p.degrees * math.Pi / 180)
	out := image.NewRGBA(img.Rect)
	for y := range size.Y {
		for x := range size.X {
			u, v := (float64(x)-middleX-p.dx)/p.scale, (float64(y)-middleY-p.dy)/p.scale
			out.SetRGBA(x, y, sampled(img, cos*u+sin*v+middleX, cos*v-sin*u+middleY))
		}
	}
	return out
}

// sampled is the color between four pixels.
func sampled(img *image.RGBA, x, y float64) color.RGBA {
	x = min(max(x, 0), float64(img.Rect.Max.X-1))
	y = min(max(y, 0), float64(img.Rect.Max.Y-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, img.Rect.Max.X-1), min(y0+1, img.Rect.Max.Y-1)
	u, v := x-float64(x0), y-float64(y0)
	var c [3]byte
	for n := range c {
		at := func(x, y int) float64 { return float64(img.Pix[img.PixOffset(x, y)+n]) }
		top, bottom := at(x0, y0)*(1-u)+at(x1, y0)*u, at(x0, y1)*(1-u)+at(x1, y1)*u
		c[n] = byte(top*(1-v) + bottom*v + 0.5)
	}
	return color.RGBA{c[0], c[1], c[2], 255}
}

// redone is the image with each level put through f.
func redone(img *image.RGBA, f func(float64) float64) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = v
		if i%4 != 3 { // opacity stays
			out.Pix[i] = byte(min(max(f(float64(v)), 0), 255) + 0.5)
		}
	}
	return out
}

func compressed(img *image.RGBA, quality int) *image.RGBA {
	var b bytes.Buffer
	// Neither fails for what is in memory.
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	decoded, _ := jpeg.Decode(&b)
	draw.Draw(img, img.Rect, decoded, image.Point{}, draw.Src)
	return img
}
