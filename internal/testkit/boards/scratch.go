package boards

import (
	"math"
	"math/rand/v2"
)

// scratch is a groove that something hard has torn across the grain.
type scratch struct {
	from   vector
	along  vector // of length 1
	length float64
	bend   float64 // to the side, at the middle
	width  float64
	torn   noise
}

// newScratches are apart from each other, and from knots.
func newScratches(r *rand.Rand, n int, half vector, knots []knot) []scratch {
	var all []scratch
	for len(all) < n {
		s := newScratch(r, half)
		if s.near(all, knots) {
			continue
		}
		all = append(all, s)
	}
	return all
}

func newScratch(r *rand.Rand, half vector) scratch {
	angle := between(r, 50, 130) * math.Pi / 180
	s := scratch{
		along:  vector{math.Cos(angle), math.Sin(angle)},
		length: between(r, 45, 115),
		width:  between(r, 0.8, 1.3),
		torn:   newNoise(r),
	}
	s.bend = s.length * between(r, -0.14, 0.14)
	middle := vector{
		between(r, -1, 1) * (half.x - 35 - s.length/2*math.Abs(s.along.x)),
		between(r, -1, 1) * (half.y - 15 - s.length/2*math.Abs(s.along.y)),
	}
	s.from = vector{middle.x - s.along.x*s.length/2, middle.y - s.along.y*s.length/2}
	return s
}

// near says whether the scratch comes close to others or to knots.
func (s scratch) near(others []scratch, knots []knot) bool {
	for step := range 21 {
		at := s.at(float64(step) / 20)
		for _, k := range knots {
			if math.Hypot(at.x-k.at.x, at.y-k.at.y) < 3*k.radius {
				return true
			}
		}
		for _, other := range others {
			for theirs := range 21 {
				there := other.at(float64(theirs) / 20)
				if math.Hypot(at.x-there.x, at.y-there.y) < 40 {
					return true
				}
			}
		}
	}
	return false
}

// at is the place after a share of the length.
func (s scratch) at(share float64) vector {
	aside := s.bend * math.Sin(math.Pi*share)
	return vector{
		s.from.x + s.along.x*s.length*share - s.along.y*aside,
		s.from.y + s.along.y*s.length*share + s.along.x*aside,
	}
}

// shade is by how much the scratch makes a place brighter: the groove is dark, and
// splinters at its side catch the light.
func (s scratch) shade(at vector) float64 {
	x, y := at.x-s.from.x, at.y-s.from.y
	way := x*s.along.x + y*s.along.y
	if way < 0 || way > s.length {
		return 0
	}
	share := way / s.length
	aside := y*s.along.x - x*s.along.y - s.bend*math.Sin(math.Pi*share)
	if math.Abs(aside) > 9 {
		return 0
	}
	aside += 0.7*s.torn.at(way/7, 0) + 0.5*s.torn.at(way/2.5, 1)
	depth := min(1, 10*share, 10*(1-share)) * (0.75 + 0.35*s.torn.at(way/9, 2))
	groove := bell(aside / s.width)
	splinters := bell((aside-1.9*s.width)/(0.8*s.width)) * (0.7 + 0.5*s.torn.at(way/3, 3))
	return depth * (0.34*splinters - 0.62*groove)
}
