package vision

import (
	"image"
	"math"
)

// headLen is how many waves windows are compared by first. Most of what windows
// show is in their coarsest waves.
const headLen = 16

// cosines are the coarsest waves of windows, without their mean: vectors of length
// 1 at right angles to each other, one after the other.
func cosines(size image.Point) (waves []float32) {
	n := 0
	for order := 1; order <= size.X+size.Y-2; order++ {
		for fy := max(0, order-size.X+1); fy <= min(order, size.Y-1) && n < headLen; fy++ {
			waves = append(waves, cosine(size, order-fy, fy)...)
			n++
		}
	}
	return waves
}

func cosine(size image.Point, fx, fy int) []float32 {
	wave := make([]float32, size.X*size.Y)
	for y := range size.Y {
		for x := range size.X {
			wave[y*size.X+x] = float32(math.Cos(math.Pi*float64(fx)*(float64(x)+0.5)/float64(size.X)) *
				math.Cos(math.Pi*float64(fy)*(float64(y)+0.5)/float64(size.Y)))
		}
	}
	normalize(wave)
	return wave
}
