package vision

import (
	"context"
	"image"
	"math"
)

// The service's defaults for Local Pattern Inspection.
var localPatternDefaults = windowDefaults{side: 32, step: 16, threshold: 0.001}

const (
	cellsOfWindow = 8   // a cell is that part of a window's shorter side
	cellReach     = 1   // cells to each side over which the spread is averaged
	wideCellReach = 6   // the same, against chance
	leastCell     = 1.0 // gray levels; cells of good images are never more equal than this
	usualCell     = 3   // times the spread is what cells are off without being anomalous
	misplaced     = 0.5 // pixels that the search for the place may be off
)

// LocalPattern compares what images look like in small cells, at the place and in
// the light of the first good one: how bright a cell is, which way its brightness
// rises, and how rough it is.
type LocalPattern struct{}

// localPattern is what Local Pattern Inspection has learned.
type localPattern struct {
	reference pyramid // the first good image, for the position
	cell      int     // pixels of a cell's side
	usual     [cellTraits]*plane
	tolerance [cellTraits]*plane // how far off a good cell may be
}

// Train learns what each cell looks like, and how much that differs between images.
func (LocalPattern) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	size, err := commonSize("local pattern inspection", good)
	if err != nil {
		return nil, err
	}
	window := newWindows(size, p, localPatternDefaults).size
	l := &localPattern{cell: max(min(window.X, window.Y)/cellsOfWindow, 1)}
	var seen [cellTraits]*statistics
	for _, img := range good {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pixels := grayPlane(img).blur(smoothing)
		if l.reference == nil {
			l.reference = newPyramid(pixels)
		}
		pixels, _ = aligned(pixels, l.reference)
		for i, trait := range traitsOf(pixels, l.cell) {
			if seen[i] == nil {
				seen[i] = newStatistics(trait)
			}
			seen[i].add(trait)
		}
	}
	for i, s := range seen {
		l.usual[i], l.tolerance[i] = s.mean, cellTolerance(s, l.cell)
	}
	return l, nil
}

// cellTolerance is how far off the cells of a good image may be: by their spread, by
// the usual difference between neighbors, of which a texture is made, and by what a
// small shift of the image does.
func cellTolerance(s *statistics, cell int) *plane {
	tolerance := s.spread(max(leastCell/255, grain(s.mean)), cellReach, wideCellReach)
	for y := range tolerance.h {
		for x := range tolerance.w {
			v := &tolerance.row(y)[x]
			*v = usualCell*(*v) + misplaced/float32(cell)*steepness(s.mean, x, y)
		}
	}
	return tolerance
}

// grain is the usual difference of a plane's pixels from their neighbors.
func grain(p *plane) float64 {
	if p.w < 2 {
		return 0
	}
	var values []float64
	for y := range p.h {
		row := p.row(y)
		for x, v := range row[1:] {
			values = append(values, math.Abs(float64(v-row[x])))
		}
	}
	return median(values)
}

// steepness is the largest difference of a pixel from its four neighbors.
func steepness(p *plane, x, y int) (most float32) {
	v := p.row(y)[x]
	for _, at := range [4]image.Point{{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}} {
		if at.In(image.Rect(0, 0, p.w, p.h)) {
			d := p.row(at.Y)[at.X] - v
			most = max(most, d, -d)
		}
	}
	return most
}

// Inspect finds the windows with cells that are off.
func (l *localPattern) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	size := img.Bounds().Size()
	if err := sameSize(image.Pt(l.reference[0].w, l.reference[0].h), size); err != nil {
		return Finding{}, err
	}
	pixels, at := aligned(grayPlane(img).blur(smoothing), l.reference)
	if err := ctx.Err(); err != nil {
		return Finding{}, err
	}
	excess := l.seenFrom(at, l.excess(traitsOf(pixels, l.cell)), size)
	windows := newWindows(size, p, localPatternDefaults)
	cells := windows.inCells(l.cell)
	cells.threshold *= outskirts
	h := newHeat(size)
	anomalous, score := cells.anomalous(image.Pt(excess.w, excess.h), h, excess.sums().mean)
	marked := newMask(size.X, size.Y)
	for i, set := range anomalous.set {
		if set && score > windows.threshold && float64(excess.pix[i]) > windows.threshold {
			cell := image.Pt(i%excess.w, i/excess.w)
			marked.mark(times(image.Rectangle{Min: cell, Max: cell.Add(image.Pt(1, 1))}, l.cell))
		}
	}
	return windows.finding(groups(marked, nearness, 0), score, h), nil
}

// excess is how far each cell is off beyond the tolerance, squared.
func (l *localPattern) excess(traits [cellTraits]*plane) *plane {
	out := newPlane(traits[0].w, traits[0].h)
	for i, trait := range traits {
		usual, tolerance := l.usual[i].pix, l.tolerance[i].pix
		for j, v := range trait.pix {
			d := v - usual[j]
			d = max(max(d, -d)-tolerance[j], 0)
			out.pix[j] += d * d
		}
	}
	return out
}

// seenFrom is a plane of cells of the reference as it lies in an image. Cells of the
// image outside of the reference are not judged.
func (l *localPattern) seenFrom(at pose, cells *plane, size image.Point) *plane {
	out := newPlane(cells.w, cells.h)
	locate := at.locate(size.X, size.Y)
	for y := range out.h {
		for x := range out.w {
			u, v := locate(x*l.cell+l.cell/2, y*l.cell+l.cell/2)
			i, j := int(math.Floor(u/float64(l.cell))), int(math.Floor(v/float64(l.cell)))
			if image.Pt(i, j).In(image.Rect(0, 0, cells.w, cells.h)) {
				out.row(y)[x] = cells.row(j)[i]
			}
		}
	}
	return out
}
