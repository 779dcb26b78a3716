package vision

import (
	"cmp"
	"image"
	"math"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

const (
	nearness = 4    // pixels around a changed one that belong to its defect
	crumb    = 0.25 // of an anomalous window's changed pixels are no defect yet
)

// windows are the places at which an image is judged, and by what measure.
type windows struct {
	inner     image.Rectangle // the image without the ignored margin
	size      image.Point
	step      int
	threshold float64
	leastArea float64
	hottest   float64 // the score that is white in a heat map; 0 for that of the image
	cell      int     // how many pixels wide and high are the pixels of all this
}

// windowDefaults are an algorithm's values where a parameter is not set.
type windowDefaults struct{ side, step, threshold float64 }

func newWindows(img image.Point, p Parameters, defaults windowDefaults) windows {
	left, top := p.Pair(hacarus.ParamIgnoreOuter, 0)
	width, height := p.Pair(hacarus.ParamMinInspectionSize, defaults.side)
	margin := image.Pt(within(left, 0, img.X), within(top, 0, img.Y))
	inner := image.Rectangle{Min: margin, Max: img.Sub(margin)}
	if inner.Empty() {
		inner = image.Rectangle{}
	}
	return windows{
		inner:     inner,
		size:      image.Pt(within(width, 1, inner.Dx()), within(height, 1, inner.Dy())),
		step:      within(p.Float(hacarus.ParamMinInspectionStep, defaults.step), 1, max(img.X, img.Y)),
		threshold: p.Float(hacarus.ParamThreshold, defaults.threshold),
		leastArea: p.Float(hacarus.ParamMinDetectedArea, 0),
		hottest:   min(p.Float(hacarus.ParamAnomalyRange, 0), 1),
		cell:      1,
	}
}

// inCells is where the windows are in an image of cells, each so many pixels wide and
// high. Cells that reach into the margin, or beyond the image, are left out.
func (w windows) inCells(side int) windows {
	w.inner.Min = w.inner.Min.Add(image.Pt(side-1, side-1)).Div(side)
	w.inner.Max = w.inner.Max.Div(side)
	if w.inner.Empty() {
		w.inner = image.Rectangle{}
	}
	w.size.X, w.size.Y = min(max(w.size.X/side, 1), w.inner.Dx()), min(max(w.size.Y/side, 1), w.inner.Dy())
	w.step = max(w.step/side, 1)
	w.cell = side
	return w
}

// within is the whole number nearest to v in a range.
func within(v float64, least, most int) int {
	return int(math.Round(min(max(v, float64(least)), float64(most))))
}

// anomalous marks the windows, in an image of that size, of which the measure is
// above the threshold. The score is that of the worst window. The measures heat the
// middles of the windows.
func (w windows) anomalous(img image.Point, h heat, measure func(window image.Rectangle) float64) (marked *mask, score float64) {
	cover := newCover(img.X, img.Y)
	if w.inner.Empty() {
		return cover.mask(), 0
	}
	step := image.Pt(min(w.step, w.size.X), min(w.step, w.size.Y))
	for _, y := range positions(w.inner.Min.Y, w.inner.Max.Y, w.size.Y, w.step) {
		for _, x := range positions(w.inner.Min.X, w.inner.Max.X, w.size.X, w.step) {
			window := image.Rectangle{Min: image.Pt(x, y), Max: image.Pt(x, y).Add(w.size)}
			value := measure(window)
			score = max(score, value)
			h.raise(times(middle(window, step), w.cell), value)
			if value > w.threshold {
				cover.add(window)
			}
		}
	}
	return cover.mask(), score
}

// finding is the judgment on an image with these defects, of which those in small
// boxes do not count.
func (w windows) finding(defects []Defect, score float64, h heat) Finding {
	defects = slices.DeleteFunc(defects, func(d Defect) bool { return float64(area(d.Box)) < w.leastArea })
	hottest := cmp.Or(w.hottest, max(score, w.threshold))
	return Finding{NG: len(defects) > 0, Score: score, Defects: defects, Heat: h.picture(hottest)}
}

// positions are where windows begin between low and high. The last one ends at high.
func positions(low, high, size, step int) []int {
	var all []int
	for at := low; at+size < high; at += step {
		all = append(all, at)
	}
	return append(all, high-size)
}

// defects are the groups of near changed pixels, less those that hardly
// contribute to an anomalous window.
func (w windows) defects(changed *mask) []Defect {
	return groups(changed, nearness, crumb*w.threshold*float64(w.size.X*w.size.Y))
}

// groups are the groups of marked pixels, each with another one at most twice that
// near, that have more than the least number of them.
func groups(marked *mask, nearness int, least float64) []Defect {
	near := marked.around(nearness, 1)
	var found []Defect
	for i := range near.set {
		if !near.set[i] {
			continue
		}
		d := near.take(i, marked)
		if d.Area > least {
			found = append(found, d)
		}
	}
	return found
}

// take unmarks the connected pixels around pixel i and is the defect that the
// changed pixels among them make.
func (m *mask) take(i int, changed *mask) Defect {
	var d Defect
	m.set[i] = false
	for ahead := []int{i}; len(ahead) > 0; {
		i, ahead = ahead[len(ahead)-1], ahead[:len(ahead)-1]
		x, y := i%m.w, i/m.w
		if changed.set[i] {
			d.Box = d.Box.Union(image.Rect(x, y, x+1, y+1))
			d.Area++
		}
		for _, j := range [4]int{i - 1, i + 1, i - m.w, i + m.w} {
			if j >= 0 && j < len(m.set) && m.set[j] && (j/m.w == y || j%m.w == x) {
				m.set[j] = false
				ahead = append(ahead, j)
			}
		}
	}
	return d
}
