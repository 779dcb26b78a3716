package main

import (
	"image"
	"image/color"
	"slices"
	"strconv"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	hacarus "github.com/hacarus/hacarus-check-go"
)

var (
	red    = color.RGBA{0xdc, 0x26, 0x26, 0xff}
	green  = color.RGBA{0x16, 0xa3, 0x4a, 0xff}
	orange = color.RGBA{0xff, 0x6a, 0x00, 0xff}
	grey   = color.RGBA{0x6b, 0x72, 0x80, 0xff}
)

func verdictColor(v hacarus.Verdict) color.RGBA {
	switch v {
	case hacarus.VerdictOK:
		return green
	case hacarus.VerdictNG:
		return red
	}
	return grey
}

// annotate returns a copy of the picture in a frame of the verdict's colour,
// with its defects boxed and numbered in their order, and over a heat map if
// there is one.
func annotate(picture, heat image.Image, verdict hacarus.Verdict, defects []image.Rectangle) (*image.RGBA, error) {
	bounds := image.Rectangle{Max: picture.Bounds().Size()}
	canvas := image.NewRGBA(bounds)
	draw.Draw(canvas, bounds, image.White, image.Point{}, draw.Src) // under transparent pictures
	draw.Draw(canvas, bounds, picture, picture.Bounds().Min, draw.Over)
	if heat != nil {
		drawHeat(canvas, heat)
	}

	// Sizes that stay readable on a thumbnail of any picture.
	short := min(bounds.Dx(), bounds.Dy())
	line := max(2, short/256)
	face, err := boldFace(max(11, short/36))
	if err != nil {
		return nil, err
	}
	defer face.Close()

	drawFrame(canvas, bounds, line, verdictColor(verdict))
	var taken []image.Rectangle
	for _, defect := range defects {
		// Around the defect, not on it, and with a light rim that dark pictures need.
		box := defect.Inset(-line)
		drawFrame(canvas, box.Inset(-1), line+2, color.White)
		drawFrame(canvas, box, line, red)
		taken = append(taken, box.Inset(-1))
	}
	// Tags come last, since a box must not cross the number of another.
	for i, box := range slices.Clone(taken) {
		tag := newTag(strconv.Itoa(i+1), face)
		place := leastCovering(tag.places(box, bounds), taken)
		tag.draw(canvas, place)
		taken = append(taken, place)
	}
	return canvas, nil
}

// drawHeat lays a heat map over the canvas, whatever its size: the brighter a
// place of it, the more orange. What is hottest still has to be seen.
func drawHeat(canvas *image.RGBA, heat image.Image) {
	levels := image.NewGray(canvas.Rect)
	draw.BiLinear.Scale(levels, levels.Rect, heat, heat.Bounds(), draw.Src, nil)
	for i, level := range levels.Pix {
		levels.Pix[i] = level / 5 * 3
	}
	mask := &image.Alpha{Pix: levels.Pix, Stride: levels.Stride, Rect: levels.Rect}
	draw.DrawMask(canvas, canvas.Rect, image.NewUniform(orange), image.Point{}, mask, image.Point{}, draw.Over)
}

// drawFrame draws the rectangle's edge, inwards.
func drawFrame(canvas draw.Image, r image.Rectangle, width int, c color.Color) {
	inner := r.Inset(width)
	if inner.Empty() {
		draw.Draw(canvas, r, image.NewUniform(c), image.Point{}, draw.Src)
		return
	}
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, inner.Min.Y),
		image.Rect(r.Min.X, inner.Max.Y, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, inner.Min.Y, inner.Min.X, inner.Max.Y),
		image.Rect(inner.Max.X, inner.Min.Y, r.Max.X, inner.Max.Y),
	} {
		draw.Draw(canvas, side, image.NewUniform(c), image.Point{}, draw.Src)
	}
}

// tag is a number on a red ground.
type tag struct {
	text   string
	face   font.Face
	size   image.Point
	origin image.Point // of the text, from the tag's corner
}

func newTag(text string, face font.Face) tag {
	metrics := face.Metrics()
	ascent, pad := metrics.Ascent.Ceil(), metrics.Height.Ceil()/5
	return tag{
		text: text, face: face,
		size:   image.Pt(font.MeasureString(face, text).Ceil()+2*pad, ascent+metrics.Descent.Ceil()),
		origin: image.Pt(pad, ascent),
	}
}

// places are where the tag may be, the best one first: above the box, below it,
// and at its sides.
func (t tag) places(box, bounds image.Rectangle) []image.Rectangle {
	corners := []image.Point{
		{box.Min.X, box.Min.Y - t.size.Y},
		{box.Min.X, box.Max.Y},
		{box.Max.X, box.Min.Y},
		{box.Min.X - t.size.X, box.Min.Y},
	}
	places := make([]image.Rectangle, len(corners))
	for i, corner := range corners {
		places[i] = inside(image.Rectangle{corner, corner.Add(t.size)}, bounds)
	}
	return places
}

// leastCovering is the first of the places that covers the least of what is taken.
func leastCovering(places, taken []image.Rectangle) image.Rectangle {
	covered := func(place image.Rectangle) (pixels int) {
		for _, r := range taken {
			both := place.Intersect(r)
			pixels += both.Dx() * both.Dy()
		}
		return pixels
	}
	return slices.MinFunc(places, func(a, b image.Rectangle) int { return covered(a) - covered(b) })
}

func (t tag) draw(canvas draw.Image, place image.Rectangle) {
	draw.Draw(canvas, place, image.NewUniform(red), image.Point{}, draw.Src)
	dot := place.Min.Add(t.origin)
	pen := font.Drawer{Dst: canvas, Src: image.White, Face: t.face, Dot: fixed.P(dot.X, dot.Y)}
	pen.DrawString(t.text)
}

// inside moves r into bounds, as far as it fits.
func inside(r, bounds image.Rectangle) image.Rectangle {
	r = r.Add(image.Pt(min(0, bounds.Max.X-r.Max.X), min(0, bounds.Max.Y-r.Max.Y)))
	return r.Add(image.Pt(max(0, bounds.Min.X-r.Min.X), max(0, bounds.Min.Y-r.Min.Y)))
}

func boldFace(pixels int) (font.Face, error) {
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(bold, &opentype.FaceOptions{Size: float64(pixels), DPI: 72, Hinting: font.HintingFull})
}
