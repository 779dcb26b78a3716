package vision

import "slices"

const (
	brightnessBins = 6
	binWidth       = 256.0 / brightnessBins
	fewInBin       = 20  // windows, below which a bin says nothing
	usualMargin    = 1.2 // times the lower quartile
	leastUsual     = 0.5 // gray levels; images have that much noise at least
)

// brightnessCurve is the usual error of windows by their brightness, in gray
// levels. It does not know the contrast: contours would excuse everything.
type brightnessCurve [brightnessBins]float32

// usual is the usual error of an image.
func (g *grid) usual() (c brightnessCurve) {
	var bins [brightnessBins][]float32
	var all []float32
	for _, w := range g.seen {
		bin := min(max(int(w.mean/binWidth), 0), brightnessBins-1)
		bins[bin] = append(bins[bin], w.err)
		all = append(all, w.err)
	}
	for i, errs := range bins {
		if len(errs) < fewInBin {
			errs = nearestBin(bins[:], i, all)
		}
		c[i] = max(usualMargin*quantile(errs, 0.25), leastUsual)
	}
	return c
}

// nearestBin is the bin next to an empty one that is not, or all windows.
func nearestBin(bins [][]float32, i int, all []float32) []float32 {
	for d := 1; d < len(bins); d++ {
		for _, j := range [2]int{i - d, i + d} {
			if j >= 0 && j < len(bins) && len(bins[j]) >= fewInBin {
				return bins[j]
			}
		}
	}
	return all
}

func quantile(values []float32, share float64) float32 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(share*float64(len(sorted)-1))]
}

// raise makes the curve at least another one.
func (c *brightnessCurve) raise(other brightnessCurve) {
	for i, v := range other {
		c[i] = max(c[i], v)
	}
}

// times is a multiple of the curve.
func (c brightnessCurve) times(f float32) brightnessCurve {
	for i := range c {
		c[i] *= f
	}
	return c
}

// capped is the curve where it is no more than some multiple of another one.
func (c brightnessCurve) capped(other brightnessCurve, times float32) brightnessCurve {
	for i, v := range other {
		c[i] = min(c[i], times*v)
	}
	return c
}

// at is the usual error at a brightness, between the middles of two bins.
func (c brightnessCurve) at(brightness float32) float32 {
	at := min(max(brightness/binWidth-0.5, 0), brightnessBins-1)
	low := min(int(at), brightnessBins-2)
	f := at - float32(low)
	return c[low] + f*(c[low+1]-c[low])
}
