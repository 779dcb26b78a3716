package vision

import (
	"context"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// The service's defaults for Reconstructor Inspection.
var reconstructorDefaults = windowDefaults{side: 8, step: 4, threshold: 0.1}

const (
	defaultTrainSize         = 10000
	defaultComponents        = 10
	defaultRounds            = 10
	defaultReconstructThresh = 2

	mostTrainSize  = 100_000 // larger values cost time and memory, and change nothing
	mostComponents = 256
	mostRounds     = 1000

	widestSpan = 32  // pixels of the image that a window of the last level spans at most
	closer     = 2   // times as close are the windows of the levels after the first
	leastLight = 4   // gray levels of contrast below which a window is mostly noise
	fewImages  = 0.5 // of the usual error is added where there is one image to learn from
)

const (
	ownUsual   = 2      // times its own usual error is the most that an image is forgiven
	mostRough  = 1.5    // times the usual error is the most that rough surroundings forgive
	oneRough   = 4      // times the usual error is the most that one window adds to them
	mostDoubts = 10_000 // windows of a level that are compared with what is known
	roughReach = 8      // windows to each side that are the surroundings
)

// Reconstructor learns a dictionary of which the windows of good images are made,
// and finds windows that it cannot rebuild, at several sizes. Where the product
// lies, and how large the image is, does not matter.
//
// Few atoms rebuild textures well and contours badly, so a bad window alone means
// little. What decides is whether good images have one like it.
type Reconstructor struct{}

// reconstruction is what Reconstructor has learned.
type reconstruction struct {
	levels []*level // of the image, of its half, and so on
}

// level is what was learned of windows of one size.
type level struct {
	size  image.Point
	words *dictionary
	usual brightnessCurve
	known *exceptions
}

// reconstructorSettings are the parameters of a training.
type reconstructorSettings struct {
	size                          image.Point
	step                          int
	trainSize, components, rounds int
}

// Train learns a dictionary at each size.
func (Reconstructor) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	sizes, err := imageSizes("reconstructor inspection", good)
	if err != nil {
		return nil, err
	}
	planes, smallest := make([]*plane, len(good)), sizes[0]
	for i, img := range good {
		smallest = image.Pt(min(smallest.X, sizes[i].X), min(smallest.Y, sizes[i].Y))
		planes[i] = grayPlane(img)
	}
	windows := newWindows(smallest, p, reconstructorDefaults)
	s := reconstructorSettings{
		size:       windows.size,
		step:       windows.step,
		trainSize:  within(p.Float(hacarus.ParamTrainSize, defaultTrainSize), 1, mostTrainSize),
		components: within(p.Float(hacarus.ParamNComponents, defaultComponents), 1, mostComponents),
		rounds:     within(p.Float(hacarus.ParamMaxIter, defaultRounds), 1, mostRounds),
	}
	return learnLevels(ctx, planes, s)
}

// learnLevels learns from the planes, from their halves, and so on.
func learnLevels(ctx context.Context, planes []*plane, s reconstructorSettings) (*reconstruction, error) {
	r := &reconstruction{}
	var usual brightnessCurve // never less than at the level before: larger windows have as much grain
	var between []*plane      // the planes as they would be half a pixel further
	for scale := 1; ; scale *= 2 {
		l, err := learnLevel(ctx, planes, between, s, &usual)
		if err != nil {
			return nil, err
		}
		r.levels = append(r.levels, l)
		if max(s.size.X, s.size.Y)*scale*2 > widestSpan {
			return r, nil
		}
		between = make([]*plane, len(planes))
		for i, p := range planes {
			between[i], planes[i] = p.halfBetween(), p.half()
		}
		if slices.ContainsFunc(planes, func(p *plane) bool { return p.w < s.size.X || p.h < s.size.Y }) {
			return r, nil
		}
		if scale == 1 {
			s.step = max(s.step/closer, 1)
		}
	}
}

// learnLevel learns from windows of one size, and raises the usual error to theirs.
func learnLevel(ctx context.Context, planes, between []*plane, s reconstructorSettings, usual *brightnessCurve) (*level, error) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // what is learned from the same images is the same
	l := &level{size: s.size}
	var err error
	if l.words, err = learnDictionary(ctx, sampleWindows(planes, s, random), s, random); err != nil {
		return nil, err
	}
	grids := make([]*grid, len(planes))
	for i, p := range planes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		grids[i] = l.look(p, s.step)
		usual.raise(grids[i].usual())
	}
	l.usual = usual.times(1 + fewImages/float32(len(planes)*len(planes)))
	l.known, err = learnExceptions(ctx, planes, between, grids, *usual, random)
	return l, err
}

// sampleWindows takes random windows of the planes, each divided by its contrast,
// lest contours take all atoms.
func sampleWindows(planes []*plane, s reconstructorSettings, random *rand.Rand) []float32 {
	dims := s.size.X * s.size.Y
	samples := make([]float32, s.trainSize*dims)
	for i := range s.trainSize {
		p, v := planes[random.IntN(len(planes))], samples[i*dims:][:dims]
		_, contrast := p.window(random.IntN(p.w-s.size.X+1), random.IntN(p.h-s.size.Y+1), s.size, v)
		for j := range v {
			v[j] /= contrast + leastLight
		}
	}
	return samples
}

// grid is what is seen in the windows of a plane.
type grid struct {
	size   image.Point // of the windows
	step   int
	place  int // windows in a row that a place has at least
	xs, ys []int
	seen   []windowSeen // row by row
}

// windowSeen is what is seen in one window, in gray levels.
type windowSeen struct {
	mean, contrast float32
	err            float32 // what the dictionary leaves
}

// at is where a window is.
func (g *grid) at(i int) image.Point { return image.Pt(g.xs[i%len(g.xs)], g.ys[i/len(g.xs)]) }

// look rebuilds all windows of a plane.
func (l *level) look(p *plane, step int) *grid {
	g := &grid{
		size: l.size, step: step, place: max(2*l.size.X/step, 2*l.size.Y/step, 1),
		xs: positions(0, p.w, l.size.X, step), ys: positions(0, p.h, l.size.Y, step),
	}
	g.seen = make([]windowSeen, len(g.xs)*len(g.ys))
	inParts(len(g.seen), func(low, high int) {
		v, products := make([]float32, l.size.X*l.size.Y), make([]float32, l.words.len())
		for i := low; i < high; i++ {
			at := g.at(i)
			mean, contrast := p.window(at.X, at.Y, l.size, v)
			_, rebuilt := l.words.encode(v, products)
			left := contrast*contrast - rebuilt/float32(len(v))
			g.seen[i] = windowSeen{mean, contrast, float32(math.Sqrt(float64(max(left, 0))))}
		}
	})
	return g
}

// Inspect finds the windows that are neither rebuilt nor known.
func (r *reconstruction) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	plane := grayPlane(img)
	size := image.Pt(plane.w, plane.h)
	if smallest := r.levels[0].size; size.X < smallest.X || size.Y < smallest.Y {
		return Finding{}, errors.New("the image is smaller than a window of min_inspection_size")
	}
	windows, h := newWindows(size, p, reconstructorDefaults), newHeat(size)
	thresh := float32(max(p.Float(hacarus.ParamReconstructThresh, defaultReconstructThresh), 0))
	step, score := windows.step, 0.0
	var marks []*mask
	for i, l := range r.levels {
		if err := ctx.Err(); err != nil {
			return Finding{}, err
		}
		if i > 0 {
			plane, step = plane.half(), max(windows.step/closer, 1)
		}
		if plane.w < l.size.X || plane.h < l.size.Y {
			break
		}
		g := l.look(plane, step)
		marked, share := windows.evidence(g, l.odd(plane, g, thresh), size, 1<<i, h)
		marks, score = append(marks, marked), max(score, share)
	}
	return windows.finding(united(marks), score, h), nil
}

// odd marks the windows that are rebuilt much worse than usual, and are not mixed
// of what is known either. Where there are very many of the first, as in an overexposed
// image, one stands for its neighbors.
func (l *level) odd(p *plane, g *grid, thresh float32) *mask {
	usual := l.usual.capped(g.usual(), ownUsual)
	errs, rough := newPlane(len(g.xs), len(g.ys)), newPlane(len(g.xs), len(g.ys))
	for i, w := range g.seen {
		errs.pix[i] = w.err / usual.at(w.mean)
		rough.pix[i] = min(errs.pix[i], oneRough)
	}
	rough = rough.blur(roughReach)
	var doubtful []int
	for i, err := range errs.pix {
		rough.pix[i] = thresh * min(max(rough.pix[i], 1), mostRough)
		if err > rough.pix[i] {
			doubtful = append(doubtful, i)
		}
	}
	odd := newMask(errs.w, errs.h)
	every := 1 + len(doubtful)/mostDoubts
	inParts((len(doubtful)+every-1)/every, func(low, high int) {
		v := make([]float32, l.size.X*l.size.Y)
		for k := low; k < high; k++ {
			group := doubtful[k*every : min((k+1)*every, len(doubtful))]
			i := group[0]
			w := l.known.look(p, g.at(i), v)
			limit := rough.pix[i] * usual.at(w.mean) / w.contrast
			known := l.known.explain(&w, max(l.known.tolerance, limit))
			for _, i := range group {
				odd.set[i] = !known
			}
		}
	})
	return odd
}
