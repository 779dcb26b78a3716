package vision

import (
	"image"
	"slices"
)

const (
	placeShare = 8   // a place is a square of that part of the shorter side
	placeSteps = 4   // places are that part of themselves apart
	outskirts  = 0.5 // of the threshold is enough in a place that overlaps one above it
	partsApart = 12  // pixels around each part of a defect, of which levels see only parts
	loose      = 2   // times as large as a finer level's box is too large
)

// evidence looks for places, squares of many windows, in which a larger share of
// the windows is odd than the threshold. It marks what the odd windows there stand
// for in an image of that size, and returns the largest share. Each pixel of the
// grid's plane stands for scale by scale pixels. The shares heat the middles of places.
func (w windows) evidence(g *grid, odd *mask, img image.Point, scale int, h heat) (marked *mask, score float64) {
	marked = newMask(img.X, img.Y)
	w.leaveOuter(g, odd, scale)
	side := min(img.X, img.Y) / placeShare / (scale * g.step)
	size := image.Pt(min(max(side, g.place), odd.w), min(max(side, g.place), odd.h))
	least := max(w.size.X/w.step, 1) * max(w.size.Y/w.step, 1) // windows show one pixel at the finest level
	least = min(least, size.X*size.Y)
	sums := odd.sums()
	var anomalous, nearly []image.Rectangle
	step := image.Pt(max(size.X/placeSteps, 1), max(size.Y/placeSteps, 1))
	for _, y := range positions(0, odd.h, size.Y, step.Y) {
		for _, x := range positions(0, odd.w, size.X, step.X) {
			place := image.Rectangle{Min: image.Pt(x, y), Max: image.Pt(x, y).Add(size)}
			n := int(sums.of(place))
			if n < least {
				continue
			}
			share := float64(n) / float64(size.X*size.Y)
			score = max(score, share)
			h.raise(times(middle(place, step), g.step*scale), share)
			switch {
			case share > w.threshold:
				anomalous = append(anomalous, place)
			case share > outskirts*w.threshold:
				nearly = append(nearly, place)
			}
		}
	}
	if len(anomalous) > 0 {
		odd.keep(coverOf(anomalous, nearly, odd))
		odd.keep(odd.around(2, speckle))
		markMiddles(g, odd, scale, marked)
	}
	return marked, score
}

// coverOf marks places, and those of others that overlap one of them.
func coverOf(places, others []image.Rectangle, like *mask) *mask {
	cover := newCover(like.w, like.h)
	for _, place := range places {
		cover.add(place)
	}
	for _, other := range others {
		if slices.ContainsFunc(places, other.Overlaps) {
			cover.add(other)
		}
	}
	return cover.mask()
}

// leaveOuter unmarks the windows that reach into the margin.
func (w windows) leaveOuter(g *grid, odd *mask, scale int) {
	for i := range odd.set {
		window := image.Rectangle{Min: g.at(i).Mul(scale), Max: g.at(i).Add(g.size).Mul(scale)}
		odd.set[i] = odd.set[i] && window.In(w.inner)
	}
}

// markMiddles marks the middle of each odd window, which reaches to the next one's.
func markMiddles(g *grid, odd *mask, scale int, marked *mask) {
	step := image.Pt(min(g.step, g.size.X), min(g.step, g.size.Y))
	for i, set := range odd.set {
		if !set {
			continue
		}
		window := image.Rectangle{Min: g.at(i), Max: g.at(i).Add(g.size)}
		marked.mark(times(middle(window, step), scale))
	}
}

// united are the defects that the levels mark, of which the finest comes first.
// Coarse levels find what fine ones miss, and fine ones tell better where it is.
func united(marks []*mask) []Defect {
	all := newMask(marks[0].w, marks[0].h)
	for _, m := range marks {
		for i, set := range m.set {
			all.set[i] = all.set[i] || set
		}
	}
	var found []Defect
	for _, d := range groups(all, partsApart, 0) {
		for _, m := range marks {
			if fine := m.within(d.Box); loose*area(fine.Box) >= area(d.Box) {
				d = fine
				break
			}
		}
		found = append(found, d)
	}
	return found
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }
