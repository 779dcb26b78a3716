package vision

import (
	"context"
	"image"
	"math"
)

// The service's defaults for Pattern Matching.
var patternMatchingDefaults = windowDefaults{side: 16, step: 4, threshold: 0.1}

const (
	smoothing   = 1     // pixels to each side that are averaged against noise
	slack       = 1     // pixels a contour may be off
	lightReach  = 12    // pixels to each side in which a change of light is found
	deviations  = 4     // of the usual spread make a pixel a changed one
	leastSpread = 2     // gray levels; good images are never more equal than this
	mostGain    = 1.5   // a greater change of brightness is not the lamp's
	gainSamples = 10000 // pixels that are looked at for the brightness
	speckle     = 3     // changed pixels in 3 by 3 without which a pixel is noise
	spreadReach = 4     // pixels to each side over which the spread is averaged
	wideReach   = 24    // the same, against chance
)

// PatternMatching compares images pixel by pixel with a golden one, at the place
// and in the light where the product is.
type PatternMatching struct{}

// Train makes the golden image.
func (PatternMatching) Train(ctx context.Context, good []image.Image, _ Parameters) (Inspector, error) {
	if _, err := commonSize("pattern matching", good); err != nil {
		return nil, err
	}
	return learnGolden(ctx, good)
}

// golden is what Pattern Matching has learned.
type golden struct {
	reference pyramid // the first good image, for the position
	mean      *plane  // the golden image
	tolerance *plane  // how far off a good pixel may be
	low, high *plane  // between what values a good pixel is
}

func learnGolden(ctx context.Context, good []image.Image) (*golden, error) {
	noise := float64(leastSpread)
	var reference pyramid
	var level, detail *statistics
	for _, img := range good {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw := grayPlane(img)
		pixels := raw.blur(smoothing)
		noise = max(noise, roughness(raw, pixels))
		if reference == nil {
			reference = newPyramid(pixels)
			level, detail = newStatistics(pixels), newStatistics(pixels)
		}
		pixels, _ = aligned(pixels, reference)
		level.add(pixels)
		detail.add(pixels.minus(pixels.blur(lightReach)))
	}
	g := &golden{reference: reference, mean: level.mean}
	g.tolerance = detail.spread(noise, spreadReach, wideReach)
	g.low, g.high = g.mean.erode(slack), g.mean.dilate(slack)
	for i := range g.tolerance.pix {
		g.tolerance.pix[i] *= deviations
		g.low.pix[i] -= g.tolerance.pix[i]
		g.high.pix[i] += g.tolerance.pix[i]
	}
	return g, nil
}

// roughness is the usual difference of a plane's pixels from their neighbors.
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
// reference, and the pose that it had there.
func aligned(p *plane, reference pyramid) (*plane, pose) {
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
	return out, at
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

// Inspect compares an image with the golden one.
func (g *golden) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	got := img.Bounds().Size()
	if err := sameSize(image.Pt(g.mean.w, g.mean.h), got); err != nil {
		return Finding{}, err
	}
	changed := g.changed(grayPlane(img).blur(smoothing))
	if err := ctx.Err(); err != nil {
		return Finding{}, err
	}
	changed.keep(changed.around(1, speckle))
	windows := newWindows(got, p, patternMatchingDefaults)
	h := newHeat(got)
	anomalous, score := windows.anomalous(got, h, changed.sums().mean)
	changed.keep(anomalous)
	return windows.finding(windows.defects(changed), score, h), nil
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
