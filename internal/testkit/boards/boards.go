// Package boards draws photographs of wooden boards: each with a grain and knots
// of its own, and some with scratches. What a board looks like hangs on its seed
// alone.
package boards

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// DefaultSize is that of most photographs.
var DefaultSize = image.Pt(480, 384)

const (
	samples = 2    // per pixel and direction, against jagged edges
	visible = 0.03 // change of brightness from which a scratch is seen
)

// Board is a board and how it is photographed.
type Board struct {
	// Seed decides on wood, place, light and scratches.
	Seed uint64
	// Size is the photograph's; zero is [DefaultSize]. The camera is as far away
	// for all sizes.
	Size image.Point
	// Scratches is how many there are. They do not change the rest of the board.
	Scratches int
}

// Photograph draws the board, and tells where its scratches are: a box around
// what can be seen of each.
func (b Board) Photograph() (*image.RGBA, []image.Rectangle) {
	if b.Size == (image.Point{}) {
		b.Size = DefaultSize
	}
	s := newScene(b)
	noise := b.random(3)
	img := image.NewRGBA(image.Rectangle{Max: b.Size})
	boxes := make([]image.Rectangle, b.Scratches)
	for y := range b.Size.Y {
		for x := range b.Size.X {
			img.SetRGBA(x, y, s.pixel(x, y, boxes).developed(0.008*noise.NormFloat64()))
		}
	}
	return img, boxes
}

// random is a source that the seed alone decides on, for one of several purposes.
func (b Board) random(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(b.Seed, purpose)) //nolint:gosec // it must come out the same each time
}

// rgb is a color by its brightness in red, green and blue, from 0 to 1.
type rgb [3]float64

func (c rgb) plus(d rgb) rgb                 { return rgb{c[0] + d[0], c[1] + d[1], c[2] + d[2]} }
func (c rgb) times(v float64) rgb            { return rgb{c[0] * v, c[1] * v, c[2] * v} }
func (c rgb) mixed(d rgb, share float64) rgb { return c.times(1 - share).plus(d.times(share)) }

func (c rgb) developed(noise float64) color.RGBA {
	level := func(v float64) uint8 { return uint8(math.Round(255 * min(max(v+noise, 0), 1))) }
	return color.RGBA{level(c[0]), level(c[1]), level(c[2]), 255}
}

// scene is a board before the camera.
type scene struct {
	middle     vector // of the photograph
	place      vector // of the board's middle from there
	sin, cos   float64
	half       vector // of the board's width and height
	light      float64
	wood       *wood
	scratches  []scratch
	background noise
}

type vector struct{ x, y float64 }

func newScene(b Board) *scene {
	r := b.random(1)
	sin, cos := math.Sincos(between(r, -2.5, 2.5) * math.Pi / 180)
	s := &scene{
		middle: vector{float64(b.Size.X) / 2, float64(b.Size.Y) / 2},
		place:  vector{between(r, -10, 10), between(r, -8, 8)},
		sin:    sin, cos: cos,
		half:       vector{between(r, 174, 184), between(r, 120, 126)},
		light:      between(r, 0.94, 1.04),
		background: newNoise(r),
	}
	s.wood = newWood(r, s.half)
	s.scratches = newScratches(b.random(2), b.Scratches, s.half, s.wood.knots)
	return s
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// pixel is the color of a pixel. It extends the boxes of those scratches that can
// be seen there.
func (s *scene) pixel(x, y int, boxes []image.Rectangle) (sum rgb) {
	change := make([]float64, len(boxes))
	for j := range samples {
		for i := range samples {
			u := float64(x) + (float64(i)+0.5)/samples
			v := float64(y) + (float64(j)+0.5)/samples
			at := s.onBoard(u, v)
			c := s.surface(at).times(s.lamp(u, v))
			for n := range s.scratches {
				shade := s.scratches[n].shade(at)
				change[n] += shade * c[1]
				c = c.times(1 + shade)
			}
			sum = sum.plus(c)
		}
	}
	for n := range boxes {
		if math.Abs(change[n])/(samples*samples) >= visible {
			boxes[n] = boxes[n].Union(image.Rect(x, y, x+1, y+1))
		}
	}
	return sum.times(1.0 / (samples * samples))
}

// onBoard is a place of the photograph as seen from the board's middle.
func (s *scene) onBoard(u, v float64) vector {
	x, y := u-s.middle.x-s.place.x, v-s.middle.y-s.place.y
	return vector{s.cos*x + s.sin*y, s.cos*y - s.sin*x}
}

// lamp is the light at a place of the photograph: it comes from the upper left,
// and the lens takes some of it at the edges.
func (s *scene) lamp(u, v float64) float64 {
	x, y := (u-s.middle.x)/240, (v-s.middle.y)/240
	return s.light * (1 - 0.06*x - 0.05*y - 0.08*(x*x+y*y))
}

// surface is the color of a place in even light.
func (s *scene) surface(at vector) rgb {
	const bevel = 4.0
	ragged := 0.3 * s.background.at(at.x/5, at.y/5)
	toSide := s.half.x - math.Abs(at.x) + ragged
	toTop, toBottom := at.y+s.half.y+ragged, s.half.y-at.y+ragged
	if min(toSide, toTop, toBottom) < 0 {
		return s.ground(at, -min(toSide, toTop, toBottom))
	}
	c := s.wood.color(at)
	switch {
	case toTop < bevel:
		return c.mixed(rgb{1, 0.98, 0.92}, 0.65) // the edge that looks to the lamp
	case toBottom < bevel:
		return c.times(0.42)
	case toSide < 1.5:
		return c.times(0.8)
	}
	return c
}

// ground is the dark cloth below the board, darker in the board's shadow.
func (s *scene) ground(at vector, away float64) rgb {
	weave := 0.012 * s.background.at(at.x/2, at.y/2)
	v := 0.085 + weave - 0.05*math.Exp(-away/6)
	return rgb{0.9 * v, v, 1.02 * v}
}
