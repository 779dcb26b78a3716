package vision

import (
	"image"
	"math"
)

const (
	sampleLen   = 16 // numbers that describe a place
	finePlace   = 1  // cells to each side that are described together,
	coarsePlace = 3  // and in the second half of the numbers
	leastPlace  = 21 // cells in a row, three times of what is described together
	farApart    = 4  // cells between places of which the usual difference is taken
	sampleNoise = 6  // gray levels, below which differences are the camera's
	strayNoise  = 1e-3
	leastAim    = 0.1 // of the gradients must have one direction for it to count
)

// sample describes a place, at two sizes: how strong the gradients are, which way they
// run relative to the whole image, how rough the place is and how mixed its
// brightness. The last two numbers are what the two sizes differ in, and brightness.
type sample [sampleLen]float32

// samples are the samples of a picture, one for each cell, row by row.
type samples struct {
	image      int // of which picture
	cell, w, h int
	all        []sample
}

// The planes of which samples are made: sums over the pixels of each cell.
const (
	sumEnergy = iota // squared gradients
	sumCos2          // the same by the cosine and sine of twice their angle
	sumSin2
	sumCos4 // and of four times their angle
	sumSin4
	sumRough
	sumLight
	sumSquares // of the brightness
	cellSums
)

// samplesOf describes a plane in square cells. What is left of a row or column and is
// no whole cell does not count.
func samplesOf(p *plane, cell, image int) *samples {
	sums := cellSumsOf(p, cell)
	s := &samples{image: image, cell: cell, w: sums[0].w, h: sums[0].h}
	s.all = make([]sample, s.w*s.h)
	if len(s.all) == 0 {
		return s
	}
	cos, sin := aim(sums)
	var fine, coarse [cellSums]*plane
	for i, sum := range sums {
		fine[i], coarse[i] = sum.blur(finePlace), sum.blur(coarsePlace)
	}
	for i := range s.all {
		v := &s.all[i]
		describe(&fine, i, cos, sin, v[:7])
		describe(&coarse, i, cos, sin, v[7:14])
		light := coarse[sumLight].pix[i]
		v[14] = (fine[sumLight].pix[i] - light) / (16 + light)
		v[15] = log(light + 8)
	}
	return s
}

// cellSumsOf are averages over each cell's pixels.
func cellSumsOf(p *plane, cell int) (sums [cellSums]*plane) {
	w, h := p.w/cell, p.h/cell
	for i := range sums {
		sums[i] = newPlane(w, h)
	}
	smooth := p.blur(smoothing)
	part := 1 / float32(cell*cell)
	for y := range h * cell {
		row, even := p.row(y), smooth.row(y)
		above, below := smooth.row(max(y-1, 0)), smooth.row(min(y+1, p.h-1))
		at := y / cell * w
		for x := range w * cell {
			i := at + x/cell
			dx, dy := even[min(x+1, p.w-1)]-even[max(x-1, 0)], below[x]-above[x]
			cos, sin := dx*dx-dy*dy, 2*dx*dy
			energy := dx*dx + dy*dy
			off := row[x] - even[x]
			sums[sumEnergy].pix[i] += part * energy
			sums[sumCos2].pix[i] += part * cos
			sums[sumSin2].pix[i] += part * sin
			sums[sumCos4].pix[i] += part * (cos*cos - sin*sin) / (energy + sampleNoise)
			sums[sumSin4].pix[i] += part * 2 * cos * sin / (energy + sampleNoise)
			sums[sumRough].pix[i] += part * max(off, -off)
			sums[sumLight].pix[i] += part * even[x]
			sums[sumSquares].pix[i] += part * even[x] * even[x]
		}
	}
	return sums
}

// aim is the direction that prevails in a whole image, as cosine and sine of twice its
// angle. Strong contours count no more than much faint grain.
func aim(sums [cellSums]*plane) (cos, sin float32) {
	var total float32
	for i, energy := range sums[sumEnergy].pix {
		weight := 1 / (float32(math.Sqrt(float64(energy))) + sampleNoise)
		cos += weight * sums[sumCos2].pix[i]
		sin += weight * sums[sumSin2].pix[i]
		total += weight * energy
	}
	length := float32(math.Hypot(float64(cos), float64(sin)))
	if length <= leastAim*total {
		return 1, 0
	}
	return cos / length, sin / length
}

// describe writes the seven numbers of one size: the directions are turned by the aim.
func describe(sums *[cellSums]*plane, i int, cos, sin float32, into []float32) {
	at := func(k int) float32 { return sums[k].pix[i] }
	into[0] = log(at(sumEnergy) + sampleNoise)
	into[1], into[2] = short(turned(at(sumCos2), at(sumSin2), cos, sin))
	into[3], into[4] = short(turned(at(sumCos4), at(sumSin4), cos*cos-sin*sin, 2*cos*sin))
	into[5] = log(at(sumRough) + 0.25)
	into[6] = log(max(at(sumSquares)-at(sumLight)*at(sumLight), 0) + sampleNoise)
}

// turned is a vector turned back by the angle of another one of length 1.
func turned(x, y, cos, sin float32) (float32, float32) { return x*cos + y*sin, y*cos - x*sin }

// short is a vector with the logarithm of its length.
func short(x, y float32) (float32, float32) {
	length := float32(math.Hypot(float64(x), float64(y)))
	f := log(1+length/sampleNoise) / (length + strayNoise)
	return f * x, f * y
}

func log(v float32) float32 { return float32(math.Log(float64(v))) }

// grid is where the samples are.
func (s *samples) grid() *grid {
	size := image.Pt(s.cell, s.cell)
	return &grid{
		size: size, step: s.cell, place: leastPlace,
		xs: positions(0, s.w*s.cell, s.cell, s.cell), ys: positions(0, s.h*s.cell, s.cell, s.cell),
	}
}

// rows is one of so many rows of a picture.
func (s *samples) rows(every int) *samples {
	if every == 1 {
		return s
	}
	some := &samples{image: s.image, cell: s.cell, w: s.w, h: (s.h + every - 1) / every}
	some.all = make([]sample, 0, some.w*some.h)
	for y := 0; y < s.h; y += every {
		some.all = append(some.all, s.all[y*s.w:][:s.w]...)
	}
	return some
}

// strips are the columns of a picture as so many pictures.
func (s *samples) strips(n int) (all []*samples) {
	for k := range n {
		low, high := k*s.w/n, (k+1)*s.w/n
		strip := &samples{image: k, cell: s.cell, w: high - low, h: s.h}
		for y := range s.h {
			strip.all = append(strip.all, s.all[y*s.w+low:y*s.w+high]...)
		}
		all = append(all, strip)
	}
	return all
}

// sampleScale is what each number of a sample is divided by, so that all count alike:
// the usual difference between places that are some way apart.
type sampleScale [sampleLen]float32

func scaleOf(pictures []*samples) (scale sampleScale) {
	for k := range scale {
		var values []float64
		for _, p := range pictures {
			every := 1 + len(p.all)/gainSamples
			for i := 0; i < len(p.all); i += every {
				if i%p.w+farApart < p.w {
					values = append(values, math.Abs(float64(p.all[i][k]-p.all[i+farApart][k])))
				}
			}
		}
		scale[k] = 1
		if len(values) > 0 {
			scale[k] = max(float32(median(values)), 0.02)
		}
	}
	return scale
}

func (scale *sampleScale) apply(s *samples) {
	for i := range s.all {
		for k := range scale {
			s.all[i][k] /= scale[k]
		}
	}
}
