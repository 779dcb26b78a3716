package vision

import (
	"context"
	"image"
	"math"
	"math/rand/v2"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// The service's default threshold for Pattern Sample Inspection. It has no windows:
// defects have at least the size of one all the same.
var patternSampleDefaults = windowDefaults{side: 16, step: 4, threshold: 0.1}

const (
	defaultFeatures = 100
	featureSamples  = 40  // in the bank for each feature
	mostFeatures    = 400 // larger values cost time and memory, and change nothing

	mostPlaces = 800_000 // of which samples are chosen: with more images, rows are left out

	sampleCell = 4 // pixels of a cell's side, of which the larger model has half

	// Good images are looked at once more turned by so many radians, and mirrored: a
	// contour that rises may fall the next time, and looks different along the pixels.
	diagonal = math.Pi / 4

	strips = 4 // of a single image, which are compared with each other
)

// PatternSample collects samples of what good images look like anywhere, and finds
// places that are like none of them. What it knows of a place does not change with
// where the product lies, or how it is turned.
type PatternSample struct{}

// sampled is what Pattern Sample Inspection has learned.
type sampled struct {
	cell  int
	scale sampleScale
	bank  *clusters
}

// Train fills the bank.
func (PatternSample) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	sizes, err := imageSizes("pattern sample inspection", good)
	if err != nil {
		return nil, err
	}
	s := &sampled{cell: sampleCell}
	if p.Float(hacarus.ParamModelType, 0) >= 1 {
		s.cell = sampleCell / 2
	}
	cells := 0
	for _, size := range sizes {
		cells += 2 * (size.X / s.cell) * (size.Y / s.cell)
	}
	every := 1 + cells/mostPlaces
	pictures := make([]*samples, 2*len(good))
	inParts(len(good), func(low, high int) {
		for i := low; i < high && ctx.Err() == nil; i++ {
			gray := grayPlane(good[i])
			pictures[2*i] = samplesOf(gray, s.cell, i).rows(every)
			pictures[2*i+1] = samplesOf(gray.turnedOver(diagonal), s.cell, i).rows(every)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.scale = scaleOf(pictures)
	for _, picture := range pictures {
		s.scale.apply(picture)
	}
	if len(good) == 1 {
		pictures = append(pictures[0].strips(strips), pictures[1].strips(strips)...)
	}
	features := within(p.Float(hacarus.ParamNumFeatures, defaultFeatures), 1, mostFeatures)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // what is learned from the same images is the same
	s.bank, err = learnBank(ctx, pictures, features*featureSamples, random)
	return s, err
}

// Inspect finds the places with many cells that are like no sample.
func (s *sampled) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	size := img.Bounds().Size()
	windows, h := newWindows(size, p, patternSampleDefaults), newHeat(size)
	if size.X < s.cell || size.Y < s.cell {
		return windows.finding(nil, 0, h), nil // there is nothing to be seen in less than a cell
	}
	seen := samplesOf(grayPlane(img), s.cell, noImage)
	s.scale.apply(seen)
	odd := newMask(seen.w, seen.h)
	inParts(len(odd.set), func(low, high int) {
		known := 0
		for i := low; i < high; i++ {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return
			}
			odd.set[i] = !s.bank.knows(&seen.all[i], &known)
		}
	})
	if err := ctx.Err(); err != nil {
		return Finding{}, err
	}
	odd.keep(odd.around(1, speckle))
	marked, score := windows.evidence(seen.grid(), odd, size, 1, h)
	defects := s.tightened(groups(marked, nearness, float64(windows.size.X*windows.size.Y)), marked)
	return windows.finding(defects, score, h), nil
}

// tightened makes boxes smaller by the reach of a place: a cell is odd as soon as a
// defect is somewhere near it.
func (s *sampled) tightened(defects []Defect, marked *mask) []Defect {
	reach := (coarsePlace - 1) * s.cell
	for i, d := range defects {
		box := d.Box
		if box.Dx() > 3*reach {
			box.Min.X, box.Max.X = box.Min.X+reach, box.Max.X-reach
		}
		if box.Dy() > 3*reach {
			box.Min.Y, box.Max.Y = box.Min.Y+reach, box.Max.Y-reach
		}
		if inside := marked.within(box); inside.Area > 0 {
			defects[i] = inside
		}
	}
	return defects
}
