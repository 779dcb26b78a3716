package boards

import (
	"math"
	"math/rand/v2"
)

// wood is a cut along a trunk, whose axis runs from left to right, deeper or less
// deep below the surface. Its annual rings are the grain.
type wood struct {
	axis, depth float64 // where the trunk's axis lies below the board's middle
	tilt        float64 // how fast it gets deeper from left to right
	year        float64 // the usual width of a ring
	bent        noise   // of rings, which are not round
	fibers      noise
	years       noise // what the weather made of each
	early, late rgb   // the colors of spring and autumn
	knots       []knot
}

// knot is a branch that the cut has met.
type knot struct {
	at     vector
	radius float64
	stress float64 // how much longer it is along the grain
	rings  noise
}

var (
	cream = rgb{0.86, 0.77, 0.61}
	amber = rgb{0.70, 0.52, 0.35}
	bark  = rgb{0.40, 0.25, 0.15}
)

func newWood(r *rand.Rand, half vector) *wood {
	warm := rgb{between(r, -0.02, 0.02), between(r, -0.01, 0.01), between(r, -0.03, 0.01)}
	w := &wood{
		axis:  between(r, -1.3, 1.3) * half.y,
		depth: between(r, 30, 150),
		tilt:  between(r, -0.16, 0.16),
		year:  between(r, 11, 19),
		bent:  newNoise(r), fibers: newNoise(r), years: newNoise(r),
		early: cream.plus(warm),
		late:  amber.plus(warm),
	}
	for range 1 + r.IntN(2) {
		w.knots = append(w.knots, knot{
			at:     vector{between(r, -0.8, 0.8) * half.x, between(r, -0.75, 0.75) * half.y},
			radius: between(r, 6, 11),
			stress: between(r, 1.1, 1.6),
			rings:  newNoise(r),
		})
	}
	return w
}

// color is that of a place, seen from the board's middle.
func (w *wood) color(at vector) rgb {
	grain := w.around(at)
	ring := w.ring(grain)
	year := math.Floor(ring)
	autumn := smooth((ring-year-0.2)/0.65) * (1 - smooth((ring-year-0.87)/0.13))
	autumn *= 0.36 + 0.24*w.years.peak(int64(year), 0)

	fiber := 0.020*w.fibers.at(grain.x/55, grain.y/1.3) +
		0.022*w.fibers.at(grain.x/16+300, grain.y/0.9) +
		0.030*w.fibers.at(grain.x/140+600, grain.y/34)
	fiber -= 0.10 * smooth((w.fibers.at(grain.x/9+900, grain.y/1.1)-0.78)/0.2) // pores
	c := w.early.mixed(w.late, autumn).times(1 + fiber)
	for _, k := range w.knots {
		c = k.over(c, at)
	}
	return c
}

// around is where the grain of a place would be if it did not flow around knots.
func (w *wood) around(at vector) vector {
	grain := at
	for _, k := range w.knots {
		x, y := k.from(at)
		grain.y -= y * min(1, 2.2*k.radius*k.radius/(x*x+y*y+1))
	}
	return grain
}

// ring counts the rings from the trunk's axis.
func (w *wood) ring(at vector) float64 {
	away := math.Hypot(at.y-w.axis, w.depth+w.tilt*at.x)
	away += 7*w.bent.at(at.x/170, at.y/90) + 2.2*w.bent.at(at.x/60+50, at.y/40)
	ring := away / w.year
	return ring + 0.35*w.years.at(0.8*ring, 50)
}

// from is how far a place is from the knot's middle, as if the knot were round.
func (k knot) from(at vector) (x, y float64) {
	return (at.x - k.at.x) / k.stress, at.y - k.at.y
}

// over is the color with the knot over it.
func (k knot) over(c rgb, at vector) rgb {
	x, y := k.from(at)
	away := math.Hypot(x, y) + 0.9*k.rings.at(at.x/4, at.y/4)
	if away > 2*k.radius {
		return c
	}
	heart := amber.mixed(bark, 0.45+0.22*k.rings.at(away/1.4, 9)).times(0.95)
	rim := bell((away - k.radius) / 1.6)
	within := smooth((k.radius + 1.2 - away) / 2.4)
	halo := 0.35 * math.Exp(-max(away-k.radius, 0)/(0.4*k.radius))
	return c.mixed(amber, halo).mixed(heart, within).mixed(bark, 0.6*rim)
}
