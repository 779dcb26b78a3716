package overlay

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Findings are what is drawn on an image. The zero value is that there is no
// verdict.
type Findings struct {
	// Verdict is OK or NG; anything else is drawn as none.
	Verdict hacarus.Verdict
	// Boxes are the places of defects, in pixels from the image's upper left
	// corner. They are numbered in this order, from 1. What lies outside of the
	// image is not drawn.
	Boxes []image.Rectangle
	// Heat is a heat map, stretched over the image whatever its size; nil is none.
	// Where it is gray, black is nothing and white is the most. One that has
	// colors is laid over the image with them, half transparent.
	Heat image.Image
}

// The colors are dark enough for white letters, and differ in lightness too.
var (
	red   = color.RGBA{0xd3, 0x1b, 0x1b, 0xff}
	green = color.RGBA{0x00, 0x7a, 0x3d, 0xff}
	gray  = color.RGBA{0x4b, 0x53, 0x60, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
	black = color.RGBA{0x00, 0x00, 0x00, 0xff}
)

// Draw returns a copy of the picture with the findings on it: the heat map, a
// frame in the verdict's color, a box around each defect with its number beside it,
// and a badge with the verdict. A number is where it covers the least of all boxes
// and of the numbers before it, and the badge in the corner where it covers the least
// of both. Below some 24 pixels there is room for the frame and the mark alone.
//
// Its bounds begin at 0, 0. What is transparent in the picture is white.
func Draw(picture image.Image, findings Findings) *image.RGBA {
	canvas := copied(picture)
	if findings.Heat != nil {
		drawHeat(canvas, findings.Heat)
	}
	p := newPen(canvas)
	p.frame(canvas.Rect, p.line, colorOf(findings.Verdict))
	boxes := visible(findings.Boxes, canvas.Rect)
	var taken []image.Rectangle
	for _, b := range boxes {
		p.box(b.place)
		taken = append(taken, p.around(b.place))
	}
	// Numbers come after all boxes, since no line must cross one.
	for _, b := range boxes {
		tag := p.tag(b, taken)
		p.number(b.number, tag)
		taken = append(taken, tag)
	}
	p.badge(findings.Verdict, taken)
	return canvas
}

func colorOf(v hacarus.Verdict) color.RGBA {
	switch v {
	case hacarus.VerdictOK:
		return green
	case hacarus.VerdictNG:
		return red
	}
	return gray
}

func copied(picture image.Image) *image.RGBA {
	canvas := image.NewRGBA(image.Rectangle{Max: picture.Bounds().Size()})
	draw.Draw(canvas, canvas.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(canvas, canvas.Rect, picture, picture.Bounds().Min, draw.Over)
	return canvas
}

// numbered is a box with its place in the list.
type numbered struct {
	place  image.Rectangle
	number int
}

// visible are the boxes of which something is to be seen. An empty one, such as
// a point, is there where it lies in the image.
func visible(boxes []image.Rectangle, bounds image.Rectangle) []numbered {
	var seen []numbered
	for i, box := range boxes {
		box = box.Canon()
		if box.Overlaps(bounds) || box.Empty() && box.Min.In(bounds) {
			seen = append(seen, numbered{box, i + 1})
		}
	}
	return seen
}

// pen draws in sizes that fit the image.
type pen struct {
	canvas *image.RGBA
	line   int // width of lines
	letter int // height of the letters in the badge
}

// leastLetter is the height of the smallest letters that can be read.
const leastLetter = 8

func newPen(canvas *image.RGBA) pen {
	short := min(canvas.Rect.Dx(), canvas.Rect.Dy())
	line := max(2, short/150)
	if short < 80 {
		line = 1
	}
	return pen{canvas: canvas, line: line, letter: max(leastLetter, short/16)}
}

func (p pen) fill(r image.Rectangle, c color.RGBA) {
	draw.Draw(p.canvas, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// frame draws the edge of a rectangle, inwards.
func (p pen) frame(r image.Rectangle, width int, c color.RGBA) {
	inner := r.Inset(width)
	if inner.Empty() {
		p.fill(r, c)
		return
	}
	p.fill(image.Rect(r.Min.X, r.Min.Y, r.Max.X, inner.Min.Y), c)
	p.fill(image.Rect(r.Min.X, inner.Max.Y, r.Max.X, r.Max.Y), c)
	p.fill(image.Rect(r.Min.X, inner.Min.Y, inner.Min.X, inner.Max.Y), c)
	p.fill(image.Rect(inner.Max.X, inner.Min.Y, r.Max.X, inner.Max.Y), c)
}

// rim is the width of the light lines beside a red one. The dark one around them
// is as wide: of light and dark, one stands out from any background.
func (p pen) rim() int { return max(1, p.line/2) }

// around is the outer edge of what is drawn around a defect. At the image's edge
// it turns inwards, so that no line is lost.
func (p pen) around(defect image.Rectangle) image.Rectangle {
	width := p.line + 3*p.rim()
	outer := image.Rectangle{defect.Min.Sub(image.Pt(width, width)), defect.Max.Add(image.Pt(width, width))}
	return outer.Intersect(p.canvas.Rect)
}

func (p pen) box(defect image.Rectangle) {
	outer, rim := p.around(defect), p.rim()
	p.frame(outer, rim, black)
	p.frame(outer.Inset(rim), p.line+2*rim, white)
	p.frame(outer.Inset(2*rim), p.line, red)
}

// number draws a box's number on its tag.
func (p pen) number(n int, tag image.Rectangle) {
	if tag.Empty() {
		return
	}
	height, pad := p.digits()
	p.fill(tag, white)
	p.fill(tag.Inset(1), red)
	drawText(p.canvas, strconv.Itoa(n), tag.Min.Add(image.Pt(pad, pad)), height, white)
}

// digits are the height of a number and the room around it.
func (p pen) digits() (height, pad int) {
	height = max(leastLetter, p.letter*3/5)
	return height, max(2, height/4)
}

// tag is the place of a box's number: of those around the box, the one that covers the
// least of what is taken, which are all boxes and the numbers so far. It is empty in an
// image that is too small for numbers.
func (p pen) tag(b numbered, taken []image.Rectangle) image.Rectangle {
	height, pad := p.digits()
	size := image.Pt(textWidth(strconv.Itoa(b.number), height)+2*pad, height+2*pad)
	if room := p.canvas.Rect.Size(); size.X*3 > room.X || size.Y*3 > room.Y {
		return image.Rectangle{}
	}
	return leastCovering(p.beside(p.around(b.place), size), taken)
}

// beside are the places along the edges of a box, the best one first: above the box,
// where people look for its number, then below it, and then at its sides.
func (p pen) beside(box image.Rectangle, size image.Point) []image.Rectangle {
	left, right := box.Min.X, box.Max.X-size.X
	top, bottom := box.Min.Y, box.Max.Y-size.Y
	above, below := box.Min.Y-size.Y, box.Max.Y
	before, behind := box.Min.X-size.X, box.Max.X
	var places []image.Rectangle
	for _, at := range []image.Point{
		{left, above}, {right, above}, {left, below}, {right, below},
		{behind, top}, {before, top}, {behind, bottom}, {before, bottom},
	} {
		places = append(places, inside(image.Rectangle{at, at.Add(size)}, p.canvas.Rect))
	}
	return places
}

// leastCovering is the first of the places that covers the fewest pixels of what is
// taken.
func leastCovering(places, taken []image.Rectangle) image.Rectangle {
	best, least := image.Rectangle{}, math.MaxInt
	for _, place := range places {
		covered := 0
		for _, other := range taken {
			covered += area(place.Intersect(other))
		}
		if covered < least {
			best, least = place, covered
		}
	}
	return best
}

// inside moves r into bounds, as far as it fits.
func inside(r, bounds image.Rectangle) image.Rectangle {
	r = r.Add(image.Pt(min(0, bounds.Max.X-r.Max.X), min(0, bounds.Max.Y-r.Max.Y)))
	return r.Add(image.Pt(max(0, bounds.Min.X-r.Min.X), max(0, bounds.Min.Y-r.Min.Y)))
}

// badge draws the verdict's mark and word, or the mark alone where there is no
// room for more.
func (p pen) badge(v hacarus.Verdict, taken []image.Rectangle) {
	height, mark, word := p.letter, markOf(v), wordOf(v)
	pad, gap := max(2, height/2), max(2, height/2)
	width := height
	if word != "" {
		width += gap + textWidth(word, height)
	}
	size := image.Pt(width+2*pad, height+2*pad)
	if room := p.canvas.Rect.Size(); size.X*2 > room.X || size.Y*2 > room.Y {
		word = ""
		height = min(height, room.X/3, room.Y/3)
		pad = max(1, height/5)
		size = image.Pt(height+2*pad, height+2*pad)
	}
	badge := leastCovering(p.corners(size), taken)
	p.fill(badge, white)
	p.fill(badge.Inset(p.rim()), colorOf(v))
	at := badge.Min.Add(image.Pt(pad, pad))
	drawGlyph(p.canvas, mark, at, height, white)
	if word != "" {
		drawText(p.canvas, word, at.Add(image.Pt(height+gap, 0)), height, white)
	}
}

func wordOf(v hacarus.Verdict) string {
	switch v {
	case hacarus.VerdictOK:
		return "OK"
	case hacarus.VerdictNG:
		return "NG"
	}
	return "" // the mark says it
}

// corners are where the badge may be, inside of the frame.
func (p pen) corners(size image.Point) []image.Rectangle {
	bounds := p.canvas.Rect.Inset(p.line)
	var corners []image.Rectangle
	for _, at := range []image.Point{
		bounds.Min,
		{bounds.Max.X - size.X, bounds.Min.Y},
		{bounds.Min.X, bounds.Max.Y - size.Y},
		bounds.Max.Sub(size),
	} {
		corners = append(corners, image.Rectangle{at, at.Add(size)})
	}
	return corners
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }
