package vision

import "image"

// mask marks pixels, row by row from (0, 0).
type mask struct {
	w, h int
	set  []bool
}

func newMask(w, h int) *mask {
	return &mask{w: w, h: h, set: make([]bool, w*h)}
}

func (m *mask) bounds() image.Rectangle { return image.Rect(0, 0, m.w, m.h) }

// around marks the pixels that have at least n marked ones up to r away,
// themselves included.
func (m *mask) around(r, n int) *mask {
	sums, out := m.sums(), newMask(m.w, m.h)
	for y := range m.h {
		for x := range m.w {
			near := image.Rect(x-r, y-r, x+r+1, y+r+1).Intersect(m.bounds())
			out.set[y*m.w+x] = int(sums.of(near)) >= n
		}
	}
	return out
}

// keep unmarks the pixels that the other mask does not mark.
func (m *mask) keep(other *mask) {
	for i := range m.set {
		m.set[i] = m.set[i] && other.set[i]
	}
}

// mark marks a rectangle, as far as there are pixels.
func (m *mask) mark(r image.Rectangle) {
	r = r.Intersect(m.bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.set[y*m.w+x] = true
		}
	}
}

// within is what is marked in a box.
func (m *mask) within(box image.Rectangle) (d Defect) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if m.set[y*m.w+x] {
				d.Box = d.Box.Union(image.Rect(x, y, x+1, y+1))
				d.Area++
			}
		}
	}
	return d
}

// sums is an integral image: it sums the pixels of any rectangle at once.
type sums[T int32 | float64] struct {
	stride int
	n      []T
}

func newSums[T int32 | float64](w, h int) *sums[T] {
	return &sums[T]{stride: w + 1, n: make([]T, (w+1)*(h+1))}
}

// sums counts marked pixels.
func (m *mask) sums() *sums[int32] {
	s := newSums[int32](m.w, m.h)
	for y := range m.h {
		above, row := s.n[y*s.stride:], s.n[(y+1)*s.stride:]
		var n int32
		for x, set := range m.set[y*m.w:][:m.w] {
			if set {
				n++
			}
			row[x+1] = above[x+1] + n
		}
	}
	return s
}

// sums sums values.
func (p *plane) sums() *sums[float64] {
	s := newSums[float64](p.w, p.h)
	for y := range p.h {
		above, row := s.n[y*s.stride:], s.n[(y+1)*s.stride:]
		var sum float64
		for x, v := range p.row(y) {
			sum += float64(v)
			row[x+1] = above[x+1] + sum
		}
	}
	return s
}

func (s *sums[T]) of(r image.Rectangle) T {
	top, bottom := s.n[r.Min.Y*s.stride:], s.n[r.Max.Y*s.stride:]
	return bottom[r.Max.X] - bottom[r.Min.X] - top[r.Max.X] + top[r.Min.X]
}

// mean is the average of the pixels of a rectangle.
func (s *sums[T]) mean(r image.Rectangle) float64 { return float64(s.of(r)) / float64(area(r)) }

// cover collects rectangles: the running sum of its numbers is how many of them
// cover a pixel.
type cover struct {
	w, h int
	n    []int32
}

func newCover(w, h int) *cover {
	return &cover{w: w, h: h, n: make([]int32, (w+1)*(h+1))}
}

func (c *cover) add(r image.Rectangle) {
	c.n[r.Min.Y*(c.w+1)+r.Min.X]++
	c.n[r.Min.Y*(c.w+1)+r.Max.X]--
	c.n[r.Max.Y*(c.w+1)+r.Min.X]--
	c.n[r.Max.Y*(c.w+1)+r.Max.X]++
}

// mask marks the covered pixels.
func (c *cover) mask() *mask {
	m := newMask(c.w, c.h)
	above := make([]int32, c.w)
	for y := range c.h {
		var run int32
		for x := range above {
			run += c.n[y*(c.w+1)+x]
			above[x] += run
			m.set[y*c.w+x] = above[x] > 0
		}
	}
	return m
}
