package hacarustest

import (
	"errors"
	"fmt"
	"image"
	"maps"
	"math"
	"slices"
)

// The service's defaults for Pattern Matching.
const (
	defaultWindow    = 16
	defaultStep      = 4
	defaultThreshold = 0.1
)

const (
	smoothing   = 1     // pixels to each side that are averaged against noise
	slack       = 1     // pixels a contour may be off
	spreadReach = 4     // pixels to each side over which the spread is averaged
	lightReach  = 12    // pixels to each side in which a change of light is found
	wideReach   = 24    // the same, against chance
	wideWeight  = 2     // how many images the wide average counts for
	deviations  = 4     // of the usual spread make a pixel a changed one
	leastSpread = 2     // gray levels; good images are never more equal than this
	mostGain    = 1.5   // a greater change of brightness is not the lamp's
	gainSamples = 10000 // pixels that are looked at for the brightness
	speckle     = 3     // changed pixels in 3 by 3 without which a pixel is noise
)

// PatternMatching is an [Inspector] after the service's algorithm of that name:
// it compares images pixel by pixel with a golden one. It learns from one good
// image or more, all of one size; the product may lie a little shifted (up to
// an eighth of the image) or turned (up to five degrees), and the light may be
// brighter or darker (by half, or a third). The real algorithm forgives less:
// by the documentation it allows no variation of the position. The zero value
// is ready for use.
//
// It takes the documented parameters: a window of min_inspection_size moves by
// min_inspection_step over the image, less the margin of ignore_outer, and is
// anomalous if more than the threshold, from 0 to 1, of its pixels changed. What
// changed there are the defects; those with a Box below min_detected_area, in
// pixels, do not count. An image with a defect left is NG. Its Score is the share
// of changed pixels in the worst window, from 0 to 1; it is above the threshold
// for every NG image, and also for one whose defects are all too small to count.
// Values out of range are taken as the nearest possible ones, and anomaly_range
// has no meaning here.
type PatternMatching struct{}

var _ Inspector = PatternMatching{}

// Train makes the golden image. It fails without images, with an image without
// pixels, and with images of different sizes.
func (PatternMatching) Train(good []image.Image, p Parameters) (Judge, error) {
	if len(good) == 0 {
		return nil, errors.New("pattern matching needs at least one good image")
	}
	size := good[0].Bounds().Size()
	if size.X == 0 || size.Y == 0 {
		return nil, errors.New("pattern matching cannot learn from an image without pixels")
	}
	for i, img := range good {
		if got := img.Bounds().Size(); got != size {
			return nil, fmt.Errorf("all images must have one size: image 1 is %v, image %d is %v", size, i+1, got)
		}
	}
	return learn(good, p), nil
}

// golden is the Judge of Pattern Matching.
type golden struct {
	params    Parameters
	reference pyramid // the first good image, for the position
	mean      *plane  // the golden image
	tolerance *plane  // how far off a good pixel may be
	low, high *plane  // between what values a good pixel is
}

func learn(good []image.Image, p Parameters) *golden {
	noise := float64(leastSpread)
	var reference pyramid
	var level, detail *statistics
	for _, img := range good {
		raw := grayPlane(img)
		pixels := raw.blur(smoothing)
		noise = max(noise, roughness(raw, pixels))
		if reference == nil {
			reference = newPyramid(pixels)
			level, detail = newStatistics(pixels), newStatistics(pixels)
		}
		pixels = aligned(pixels, reference)
		level.add(pixels)
		detail.add(pixels.minus(pixels.blur(lightReach)))
	}
	g := &golden{params: maps.Clone(p), reference: reference, mean: level.mean}
	g.tolerance = detail.spread(noise)
	g.low, g.high = g.mean.erode(slack), g.mean.dilate(slack)
	for i := range g.tolerance.pix {
		g.tolerance.pix[i] *= deviations
		g.low.pix[i] -= g.tolerance.pix[i]
		g.high.pix[i] += g.tolerance.pix[i]
	}
	return g
}

// roughness is the usual difference of a plane's pixels from their neighbours.
func roughness(raw, smooth *plane) float64 {
	var values []float64
	every := stride(raw, gainSamples)
	for y := 0; y < raw.h; y += every {
		for x := 0; x < raw.w; x += every {
			values = append(values, math.Abs(float64(raw.row(y)[x]-smooth.row(y)[x])))
		}
	}
	return median(values)
}

// aligned is the plane as it would look at the place and in the light of the
// reference.
func aligned(p *plane, reference pyramid) *plane {
	at := register(newPyramid(p), reference)
	gain := brightness(p, reference[0], at)
	locate := at.inverse().locate(p.w, p.h)
	out := newPlane(p.w, p.h)
	for y := range out.h {
		row := out.row(y)
		for x := range row {
			row[x] = gain * p.at(locate(x, y))
		}
	}
	return out
}

// brightness is the factor from the image's light to the reference's: the
// median over the reference's brighter pixels, within reason.
func brightness(p, reference *plane, at pose) float32 {
	var ratios []float64
	bright := float32(reference.mean())
	locate, every := at.locate(p.w, p.h), stride(p, gainSamples)
	for y := 0; y < p.h; y += every {
		for x := 0; x < p.w; x += every {
			want, have := reference.at(locate(x, y)), p.row(y)[x]
			if want >= bright && have > 0 {
				ratios = append(ratios, float64(want/have))
			}
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	return float32(min(max(median(ratios), 1/mostGain), mostGain))
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

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
// pixel, and at least the noise. The fewer images there were, the more counts
// what was seen in the wider neighbourhood.
func (s *statistics) spread(noise float64) *plane {
	more := max(s.n-1, 1)
	few := float64(1 + 1/s.n)
	wide := s.moved.blur(wideReach)
	spread := s.moved.blur(spreadReach)
	for i, v := range spread.pix {
		variance := float64((v + wideWeight*wide.pix[i]/more) / (more + wideWeight))
		spread.pix[i] = float32(math.Sqrt(few * max(variance, noise*noise)))
	}
	return spread
}

// Inspect compares an image with the golden one.
func (g *golden) Inspect(img image.Image, p Parameters) (Finding, error) {
	want, got := image.Pt(g.mean.w, g.mean.h), img.Bounds().Size()
	if got != want {
		return Finding{}, fmt.Errorf("the model learned from images of size %v, this one is %v", want, got)
	}
	w := newWindows(got, g.settings(p))
	changed := g.changed(grayPlane(img).blur(smoothing))
	changed.keep(changed.around(1, speckle))
	anomalous, score := w.anomalous(changed)
	changed.keep(anomalous)
	defects := w.defects(changed)
	return Finding{NG: len(defects) > 0, Score: score, Defects: defects}, nil
}

// settings are the parameters of the training with those of the call over them.
func (g *golden) settings(p Parameters) Parameters {
	all := Parameters{}
	maps.Copy(all, g.params)
	maps.Copy(all, p)
	return all
}

// changed marks the pixels that are darker or brighter than a good one may be.
// Pixels outside the golden image are not judged.
func (g *golden) changed(p *plane) *mask {
	at := register(newPyramid(p), g.reference)
	gain := brightness(p, g.reference[0], at)
	places := at.places(p.w, p.h)
	light := g.light(p, gain, places)
	out := newMask(p.w, p.h)
	for i, j := range places {
		if j >= 0 {
			v := gain*p.pix[i] - light.pix[i]
			out.set[i] = v < g.low.pix[j] || v > g.high.pix[j]
		}
	}
	return out
}

// light is how much brighter than the golden image the surroundings of each
// pixel are. What is beyond the tolerance counts only up to there, lest defects
// pass for light.
func (g *golden) light(p *plane, gain float32, places []int) *plane {
	off := newPlane(p.w, p.h)
	for i, j := range places {
		if j >= 0 {
			most := g.tolerance.pix[j]
			off.pix[i] = min(max(gain*p.pix[i]-g.mean.pix[j], -most), most)
		}
	}
	return off.blur(lightReach)
}
