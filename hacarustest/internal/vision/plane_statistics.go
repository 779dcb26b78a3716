package vision

import "math"

// wideWeight is how many images the spread of the wider neighborhood counts for.
const wideWeight = 2

// statistics follows mean and variance of each pixel over the good images
// (Welford's method).
type statistics struct {
	n           float32
	mean, moved *plane
}

func newStatistics(like *plane) *statistics {
	return &statistics{mean: newPlane(like.w, like.h), moved: newPlane(like.w, like.h)}
}

func (s *statistics) add(p *plane) {
	s.n++
	for i, v := range p.pix {
		d := v - s.mean.pix[i]
		s.mean.pix[i] += d / s.n
		s.moved.pix[i] += d * (v - s.mean.pix[i])
	}
}

// spread is the standard deviation to expect of the next image around each
// pixel, averaged over its neighbors near by, and at least the noise. The fewer
// images there were, the more counts what was seen in the wider neighborhood.
func (s *statistics) spread(noise float64, near, wider int) *plane {
	more := max(s.n-1, 1)
	few := float64(1 + 1/s.n)
	wide := s.moved.blur(wider)
	spread := s.moved.blur(near)
	for i, v := range spread.pix {
		variance := float64((v + wideWeight*wide.pix[i]/more) / (more + wideWeight))
		spread.pix[i] = float32(math.Sqrt(few * max(variance, noise*noise)))
	}
	return spread
}
