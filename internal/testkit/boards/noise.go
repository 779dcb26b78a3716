package boards

import (
	"math"
	"math/rand/v2"
)

// noise is a random landscape without end.
type noise uint64

func newNoise(r *rand.Rand) noise { return noise(r.Uint64()) }

// at is its height at a place, from -1 to 1. Places one apart have little to do
// with each other; between them it is smooth.
func (n noise) at(x, y float64) float64 {
	x0, y0 := math.Floor(x), math.Floor(y)
	u, v := smooth(x-x0), smooth(y-y0)
	i, j := int64(x0), int64(y0)
	top := mix(n.peak(i, j), n.peak(i+1, j), u)
	bottom := mix(n.peak(i, j+1), n.peak(i+1, j+1), u)
	return mix(top, bottom, v)
}

// peak is the height at a place of whole numbers, from -1 to 1.
func (n noise) peak(i, j int64) float64 {
	h := uint64(n) ^ uint64(i)*0x9e3779b97f4a7c15 ^ uint64(j)*0xc2b2ae3d27d4eb4f //nolint:gosec // any number will do
	h = (h ^ h>>31) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>29) * 0x94d049bb133111eb
	return float64(h>>11)/(1<<52) - 1
}

func mix(a, b, share float64) float64 { return a + (b-a)*share }

// smooth goes from 0 to 1 with no slope at its ends.
func smooth(t float64) float64 {
	t = min(max(t, 0), 1)
	return t * t * (3 - 2*t)
}

// bell is 1 at 0, and falls on both sides.
func bell(x float64) float64 { return math.Exp(-x * x) }
