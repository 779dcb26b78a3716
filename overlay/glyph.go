package overlay

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"unicode/utf8"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// dot is a place in a glyph: x to the right and y down, in heights of a letter.
type dot struct{ x, y float64 }

// glyph is what a pen of one width draws: strokes that are straight from dot to
// dot, and curves that go smoothly through all of theirs.
type glyph struct {
	width   float64
	strokes [][]dot
	curves  [][]dot
}

// thickness of strokes, in heights of a letter.
const thickness = 0.17

// ring and cross are the marks of OK and NG, which Japanese readers know as maru
// and batsu.
const ring, cross = '○', '×'

func markOf(v hacarus.Verdict) rune {
	switch v {
	case hacarus.VerdictOK:
		return ring
	case hacarus.VerdictNG:
		return cross
	}
	return '?'
}

// glyphs are the letters and marks that are drawn, and no others.
var glyphs = map[rune]glyph{
	ring:  {1, nil, [][]dot{ellipse(0.5, 0.5, 0.48, 0.48)}},
	cross: {1, [][]dot{{{0.06, 0.06}, {0.94, 0.94}}, {{0.94, 0.06}, {0.06, 0.94}}}, nil},
	'?':   {0.6, [][]dot{{{0.3, 0.62}, {0.3, 0.66}}, {{0.3, 0.97}, {0.3, 0.97}}}, [][]dot{{{0.03, 0.22}, {0.12, 0.05}, {0.3, 0}, {0.5, 0.07}, {0.54, 0.28}, {0.36, 0.46}, {0.3, 0.62}}}},
	'O':   {0.8, nil, [][]dot{ellipse(0.4, 0.5, 0.4, 0.5)}},
	'K':   {0.66, [][]dot{{{0.05, 0}, {0.05, 1}}, {{0.6, 0}, {0.05, 0.6}}, {{0.24, 0.42}, {0.64, 1}}}, nil},
	'N':   {0.7, [][]dot{{{0.05, 1}, {0.05, 0}, {0.65, 1}, {0.65, 0}}}, nil},
	'G':   {0.8, [][]dot{{{0.45, 0.55}, {0.76, 0.55}, {0.76, 0.86}}}, [][]dot{{{0.7, 0.14}, {0.42, 0}, {0.1, 0.18}, {0, 0.5}, {0.1, 0.82}, {0.42, 1}, {0.76, 0.86}}}},
	'0':   {0.6, nil, [][]dot{ellipse(0.3, 0.5, 0.28, 0.5)}},
	'1':   {0.6, [][]dot{{{0.1, 0.24}, {0.36, 0}, {0.36, 1}}}, nil},
	'2':   {0.6, [][]dot{{{0.03, 1}, {0.57, 1}}}, [][]dot{{{0.04, 0.24}, {0.12, 0.06}, {0.3, 0}, {0.5, 0.08}, {0.54, 0.28}, {0.4, 0.54}, {0.03, 1}}}},
	'3':   {0.6, nil, [][]dot{{{0.05, 0.1}, {0.28, 0}, {0.5, 0.1}, {0.5, 0.36}, {0.24, 0.47}}, {{0.24, 0.47}, {0.54, 0.58}, {0.56, 0.86}, {0.3, 1}, {0.03, 0.9}}}},
	'4':   {0.6, [][]dot{{{0.44, 1}, {0.44, 0}, {0.02, 0.7}, {0.6, 0.7}}}, nil},
	'5':   {0.6, [][]dot{{{0.52, 0}, {0.12, 0}, {0.08, 0.45}}}, [][]dot{{{0.08, 0.45}, {0.32, 0.38}, {0.55, 0.5}, {0.56, 0.82}, {0.3, 1}, {0.04, 0.9}}}},
	'6':   {0.6, nil, [][]dot{six}},
	'7':   {0.6, [][]dot{{{0.03, 0}, {0.57, 0}, {0.22, 1}}}, nil},
	'8':   {0.6, nil, [][]dot{ellipse(0.3, 0.24, 0.22, 0.24), ellipse(0.3, 0.73, 0.27, 0.27)}},
	'9':   {0.6, nil, [][]dot{turned(six)}},
}

var six = []dot{{0.48, 0.04}, {0.24, 0.12}, {0.07, 0.42}, {0.05, 0.76}, {0.3, 1}, {0.54, 0.85}, {0.54, 0.58}, {0.31, 0.43}, {0.06, 0.64}}

// turned is a curve upside down, in the width of a digit.
func turned(curve []dot) []dot {
	other := make([]dot, len(curve))
	for i, d := range curve {
		other[i] = dot{0.6 - d.x, 1 - d.y}
	}
	return other
}

// ellipse is closed, with a dot more at either end so that it is smooth there too.
func ellipse(x, y, rx, ry float64) []dot {
	const parts = 16
	var dots []dot
	for i := range parts + 1 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / parts)
		dots = append(dots, dot{x + rx*cos, y + ry*sin})
	}
	return dots
}

// textWidth is that of a text in pixels.
func textWidth(text string, height int) int {
	width := -spacing
	for _, r := range text {
		width += glyphs[r].width + spacing
	}
	return int(math.Ceil(width * float64(height)))
}

// spacing is the room between letters, in heights of a letter.
const spacing = 0.26

func drawText(canvas *image.RGBA, text string, at image.Point, height int, c color.RGBA) {
	x := 0.0
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		drawGlyph(canvas, r, at.Add(image.Pt(int(math.Round(x*float64(height))), 0)), height, c)
		x += glyphs[r].width + spacing
		text = text[size:]
	}
}

// drawGlyph draws a glyph whose box begins at a point.
func drawGlyph(canvas *image.RGBA, r rune, at image.Point, height int, c color.RGBA) {
	g := glyphs[r]
	margin := 1 + height/8 // strokes are on the edges of the box, half outside
	box := image.Rect(0, 0, int(math.Ceil(g.width*float64(height)))+2*margin, height+2*margin)
	k := &ink{image.NewAlpha(box), float64(height), float64(margin), max(0.5, thickness*float64(height)/2)}
	for _, stroke := range g.strokes {
		k.stroke(stroke)
	}
	for _, curve := range g.curves {
		k.stroke(smooth(curve))
	}
	place := box.Add(at).Sub(image.Pt(margin, margin))
	draw.DrawMask(canvas, place, image.NewUniform(c), image.Point{}, k.mask, image.Point{}, draw.Over)
}

// smooth is a Catmull-Rom spline through the dots.
func smooth(dots []dot) []dot {
	const parts = 8
	place := func(i int) dot { return dots[min(max(i, 0), len(dots)-1)] }
	if dots[0] == dots[len(dots)-1] {
		place = func(i int) dot { return dots[(i+len(dots)-1)%(len(dots)-1)] }
	}
	var line []dot
	for i := range len(dots) - 1 {
		a, b, c, d := place(i-1), place(i), place(i+1), place(i+2)
		for part := range parts {
			t := float64(part) / parts
			line = append(line, dot{spline(a.x, b.x, c.x, d.x, t), spline(a.y, b.y, c.y, d.y, t)})
		}
	}
	return append(line, dots[len(dots)-1])
}

func spline(a, b, c, d, t float64) float64 {
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}

// ink collects what a round pen covers.
type ink struct {
	mask   *image.Alpha
	scale  float64
	margin float64
	radius float64
}

// stroke draws through all dots.
func (k *ink) stroke(dots []dot) {
	for i, d := range dots {
		k.line(k.place(dots[max(0, i-1)]), k.place(d))
	}
}

func (k *ink) place(d dot) dot { return dot{k.margin + d.x*k.scale, k.margin + d.y*k.scale} }

// line covers pixels by how far they are from the line, smoothly at its edge.
func (k *ink) line(from, to dot) {
	reach := k.radius + 1
	near := image.Rect(
		int(min(from.x, to.x)-reach), int(min(from.y, to.y)-reach),
		int(max(from.x, to.x)+reach)+1, int(max(from.y, to.y)+reach)+1,
	).Intersect(k.mask.Rect)
	for y := near.Min.Y; y < near.Max.Y; y++ {
		for x := near.Min.X; x < near.Max.X; x++ {
			middle := dot{float64(x) + 0.5, float64(y) + 0.5}
			cover := uint8(255 * min(max(k.radius+0.5-distance(middle, from, to), 0), 1))
			if i := k.mask.PixOffset(x, y); cover > k.mask.Pix[i] {
				k.mask.Pix[i] = cover
			}
		}
	}
}

// distance is that of a dot from the line between two others.
func distance(d, from, to dot) float64 {
	alongX, alongY := to.x-from.x, to.y-from.y
	share := 0.0
	if length := alongX*alongX + alongY*alongY; length > 0 {
		share = min(max(((d.x-from.x)*alongX+(d.y-from.y)*alongY)/length, 0), 1)
	}
	return math.Hypot(d.x-from.x-share*alongX, d.y-from.y-share*alongY)
}
