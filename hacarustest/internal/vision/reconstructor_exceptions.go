package vision

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	exceptionRatio = 1.3    // times the usual error make a good window an exception
	fewCandidates  = 20_000 // windows of a level that are looked at,
	moreCandidates = 4_000  // and so many more for each image
	mostExceptions = 16_000 // windows of a level that are remembered
	novelty        = 0.2    // of a window's length must be left for it to be remembered
	checkEvery     = 1000   // candidates whether the context has ended

	likeContrast   = 1.4 // factor between windows that are compared
	likeBrightness = 40  // gray levels between windows that are compared
	contrastRange  = 24  // classes of contrast, from 1 gray level up

	singleMatch   = 0.6  // of a window's length may be left, with one image to learn from,
	loosestMatch  = 0.35 // and with more of them
	matchQuantile = 0.98 // of the good windows are matched so well by other images'
	crossSamples  = 300  // exceptions of each image that are matched with other images'

	mixed     = 4  // windows, of which another one is mixed
	mixRounds = 20 // until the mixture is good enough
	noImage   = -1
)

// exceptions are windows of good images that the dictionary rebuilds badly:
// contours, holes, marks.
type exceptions struct {
	size      image.Point
	waves     []float32 // by which windows are compared first
	classes   [contrastRange][]exception
	n         int
	tolerance float32
}

// exception is a window as a vector of length 1.
type exception struct {
	mean, contrast float32
	image          int
	head           [headLen]float32 // its share of the waves
	rest, restOf4  float32          // the length of what is beside the head, and beside its first four
	vector         []float32
}

// learnExceptions remembers the exceptions in the grids of the planes. Where planes are
// given that lie between their pixels, every other exception is looked at there:
// contours look different the next time.
func learnExceptions(ctx context.Context, planes, between []*plane, grids []*grid, usual brightnessCurve, random *rand.Rand) (*exceptions, error) {
	e := &exceptions{size: grids[0].size, waves: cosines(grids[0].size), tolerance: singleMatch}
	vector := make([]float32, e.size.X*e.size.Y)
	for n, c := range e.candidates(planes, grids, usual, random) {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := planes[c.image]
		if n%2 == 1 && between != nil && c.at.X+e.size.X <= between[c.image].w && c.at.Y+e.size.Y <= between[c.image].h {
			p = between[c.image]
		}
		w := e.look(p, c.at, vector)
		if w.image = c.image; !e.explain(&w, max(novelty, exceptionRatio*usual.at(w.mean)/w.contrast)) {
			w.vector = slices.Clone(vector)
			e.add(w)
		}
		if e.n == mostExceptions {
			break
		}
	}
	if len(planes) > 1 {
		e.tolerance = e.crossValidate(len(planes))
	}
	return e, nil
}

// candidate is a window of an image.
type candidate struct {
	image int
	at    image.Point
}

// candidates are windows around those of the grids that are exceptions, in any order:
// a contour lies in another place of the window the next time. Of too many, each has
// the same chance to be one (reservoir sampling).
func (e *exceptions) candidates(planes []*plane, grids []*grid, usual brightnessCurve, random *rand.Rand) []candidate {
	most, n := fewCandidates+moreCandidates*len(planes), 0
	var found []candidate
	for img, g := range grids {
		near := e.near(planes[img], g, usual)
		for i, set := range near.set {
			if !set {
				continue
			}
			c := candidate{img, image.Pt(i%near.w, i/near.w)}
			if n++; n <= most {
				found = append(found, c)
			} else if k := random.IntN(n); k < most {
				found[k] = c
			}
		}
	}
	random.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return found
}

// near marks where windows begin that are less than a step from an exception.
func (e *exceptions) near(p *plane, g *grid, usual brightnessCurve) *mask {
	near := newMask(p.w-e.size.X+1, p.h-e.size.Y+1)
	for i, w := range g.seen {
		if w.err > exceptionRatio*usual.at(w.mean) {
			near.mark(image.Rectangle{Min: g.at(i), Max: g.at(i).Add(image.Pt(1, 1))}.Inset(1 - g.step))
		}
	}
	return near
}

// look takes the window at a place.
func (e *exceptions) look(p *plane, at image.Point, vector []float32) exception {
	w := exception{vector: vector, image: noImage}
	w.mean, w.contrast = p.window(at.X, at.Y, e.size, vector)
	normalize(vector)
	for k := range len(e.waves) / len(vector) {
		w.head[k] = dot(vector, e.waves[k*len(vector):][:len(vector)])
	}
	w.rest, w.restOf4 = restOf(w.head[:]), restOf(w.head[:4])
	return w
}

// restOf is the length of what a vector of length 1 has beside its head.
func restOf(head []float32) float32 {
	return float32(math.Sqrt(float64(max(1-dot(head, head), 0))))
}

func (e *exceptions) add(w exception) {
	c := contrastClass(w.contrast)
	e.classes[c] = append(e.classes[c], w)
	e.n++
}

func contrastClass(contrast float32) int {
	return min(int(math.Log(float64(max(contrast, 1)))/math.Log(likeContrast)), contrastRange-1)
}

// explain tells whether no more of a window is left than some share, from 0 to 1,
// when it is mixed of what is known.
func (e *exceptions) explain(w *exception, most float32) bool {
	return most >= 1 || e.left(w, most, noImage) <= most
}

// left is how much of a window is left, from 0 to 1, when it is mixed of those that
// are most like it. What is below enough is not looked for. Those of one image may
// be left out.
func (e *exceptions) left(w *exception, enough float32, but int) float32 {
	var best mixture
	alike := float32(math.Sqrt(float64(1 - enough*enough)))
	class := contrastClass(w.contrast)
	for c := max(class-1, 0); c <= min(class+1, contrastRange-1); c++ {
		for i := range e.classes[c] {
			o := &e.classes[c][i]
			if !o.comparable(w) || o.image == but && but != noImage || o.mostLike(w, best.least()) <= best.least() {
				continue
			}
			if best.add(o, dot(w.vector, o.vector)); best.like[0] >= alike {
				return enough
			}
		}
	}
	return best.left()
}

// comparable tells whether two windows have about one brightness and contrast.
func (w *exception) comparable(o *exception) bool {
	d := w.mean - o.mean
	return d <= likeBrightness && d >= -likeBrightness &&
		w.contrast <= o.contrast*likeContrast && o.contrast <= w.contrast*likeContrast
}

// mostLike is how alike two windows are at most, by their heads alone: by the first
// few waves if these rule out that it is more than least.
func (w *exception) mostLike(o *exception, least float32) float32 {
	a, b := &w.head, &o.head
	most := a[0]*b[0] + a[1]*b[1] + a[2]*b[2] + a[3]*b[3] + w.restOf4*o.restOf4
	if most <= least {
		return most
	}
	return dot(a[:], b[:]) + w.rest*o.rest
}

// crossValidate is how well the exceptions of each image are matched by those of
// the others.
func (e *exceptions) crossValidate(images int) float32 {
	var left []float32
	every := 1 + e.n/(crossSamples*images)
	for _, class := range e.classes {
		for i := 0; i < len(class); i += every {
			left = append(left, e.left(&class[i], 0, class[i].image))
		}
	}
	if len(left) < fewInBin {
		return loosestMatch
	}
	return min(quantile(left, matchQuantile), loosestMatch)
}

// mixture is what a window is mixed of: those that are most like it, the best first.
type mixture struct {
	n    int
	of   [mixed]*exception
	like [mixed]float32
}

// least is how alike a window must be for more than that to be among the best.
func (m *mixture) least() float32 {
	if m.n < mixed {
		return 0
	}
	return m.like[mixed-1]
}

func (m *mixture) add(o *exception, like float32) {
	if like <= m.least() {
		return
	}
	i := min(m.n, mixed-1)
	for ; i > 0 && m.like[i-1] < like; i-- {
		m.of[i], m.like[i] = m.of[i-1], m.like[i-1]
	}
	m.of[i], m.like[i] = o, like
	m.n = min(m.n+1, mixed)
}

// left is how much the best mixture leaves. None has a negative weight: a contour
// between two pixels is a mixture of those on either side, and a scratch is not.
func (m *mixture) left() float32 {
	var gram [mixed][mixed]float32
	for i := range m.n {
		for j := range m.n {
			gram[i][j] = dot(m.of[i].vector, m.of[j].vector)
		}
	}
	var weights [mixed]float32
	for range mixRounds {
		for i := range m.n {
			weight := m.like[i]
			for j := range m.n {
				if j != i {
					weight -= gram[i][j] * weights[j]
				}
			}
			weights[i] = max(weight, 0)
		}
	}
	rest := float32(1)
	for i := range m.n {
		rest -= 2 * weights[i] * m.like[i]
		for j := range m.n {
			rest += weights[i] * weights[j] * gram[i][j]
		}
	}
	return float32(math.Sqrt(float64(max(rest, 0))))
}
