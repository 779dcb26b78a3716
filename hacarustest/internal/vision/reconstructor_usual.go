package vision

import (
	"cmp"
	"slices"
)

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
	bins := g.bins()
	for i := range bins {
		c[i] = max(usualMargin*atShare(nearestBin(bins[:], i), 0.25), leastUsual)
	}
	return c
}

// bins are the errors of the windows by their brightness, in rising order.
func (g *grid) bins() (bins [brightnessBins][]float32) {
	var counts [brightnessBins]int
	for _, w := range g.seen {
		counts[brightnessBin(w.mean)]++
	}
	for i, n := range counts {
		bins[i] = make([]float32, 0, n)
	}
	for _, w := range g.seen {
		bin := &bins[brightnessBin(w.mean)]
		*bin = append(*bin, w.err)
	}
	for _, errs := range bins {
		slices.Sort(errs)
	}
	return bins
}

func brightnessBin(brightness float32) int {
	return min(max(int(brightness/binWidth), 0), brightnessBins-1)
}

// nearestBin is the bin next to bin i, or that itself, which has values enough. Where
// none has, it is that with the most.
func nearestBin(bins [][]float32, i int) []float32 {
	for d := range bins {
		for _, j := range [2]int{i - d, i + d} {
			if j >= 0 && j < len(bins) && len(bins[j]) >= fewInBin {
				return bins[j]
			}
		}
	}
	return slices.MaxFunc(bins, func(a, b []float32) int { return cmp.Compare(len(a), len(b)) })
}

// quantile is the value that a share of the values, from 0 to 1, is below. It sorts them.
func quantile(values []float32, share float64) float32 {
	slices.Sort(values)
	return atShare(values, share)
}

// atShare is a quantile of sorted values.
func atShare(sorted []float32, share float64) float32 {
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
