package vision

import (
	"context"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// board is a picture of wood: planks with grain, and a knot, of their own for each
// seed, on a dark ground. Marks are scratches, from one place to another.
type board struct {
	w, h   int
	dx, dy int
	light  float64
	seed   uint64
	marks  [][2]image.Point
}

func (b board) draw() *image.Gray {
	r := rand.New(rand.NewPCG(b.seed, 7))
	phase, slope := r.Float64()*10, r.Float64()*0.1-0.05
	rows := make([]float64, 2*b.h)
	for i := range rows {
		rows[i] = 5 * r.NormFloat64()
	}
	knot := image.Pt(b.w/4+r.IntN(b.w/2), b.h/4+r.IntN(b.h/2))
	img := image.NewGray(image.Rect(0, 0, b.w, b.h))
	plank := image.Rect(b.w/10, b.h/10, b.w-b.w/10, b.h-b.h/10).Add(image.Pt(b.dx, b.dy))
	for y := range b.h {
		for x := range b.w {
			v := 30.0
			if image.Pt(x, y).In(plank) {
				at := float64(y) + slope*float64(x) + 3*math.Sin(float64(x)/40+phase)
				low := int(at + float64(b.h)/2)
				v = 150 + 40*float64(x)/float64(b.w) + rows[low] + (at+float64(b.h)/2-float64(low))*(rows[low+1]-rows[low])
				d := math.Hypot(float64(x-knot.X), float64(y-knot.Y)*1.5)
				v -= 12 * math.Exp(-d*d/50)
			}
			for _, m := range b.marks {
				if toLine(x, y, m) < 1.5 {
					v += 60
				}
			}
			img.SetGray(x, y, color.Gray{Y: uint8(min(max(b.light*v+1.5*r.NormFloat64(), 0), 255))})
		}
	}
	return img
}

// toLine is how far a pixel is from a line.
func toLine(x, y int, line [2]image.Point) float64 {
	a, d := line[0], line[1].Sub(line[0])
	along := min(max(float64((x-a.X)*d.X+(y-a.Y)*d.Y)/float64(d.X*d.X+d.Y*d.Y), 0), 1)
	return math.Hypot(float64(x-a.X)-along*float64(d.X), float64(y-a.Y)-along*float64(d.Y))
}

func boards(n int) (all []image.Image) {
	for seed := range uint64(n) {
		all = append(all, board{w: 320, h: 240, light: 1, seed: seed, dx: 3 * int(seed), dy: -5 * int(seed)}.draw())
	}
	return all
}

func rebuilding(t *testing.T, good []image.Image, p Parameters) Inspector {
	t.Helper()
	inspector, err := Reconstructor{}.Train(t.Context(), good, p)
	require.NoError(t, err)
	return inspector
}

// twoBoards is what most tests learn from. It takes a while, and is never changed.
var twoBoards = sync.OnceValue(func() Inspector {
	inspector, err := Reconstructor{}.Train(context.Background(), boards(2), nil)
	if err != nil {
		panic(err)
	}
	return inspector
})

// Boards with a grain that nobody has seen are good, wherever they lie, and
// scratches on them are found.
func TestReconstructorUnseenBoards(t *testing.T) {
	t.Parallel()
	judges(t)
	for name, b := range map[string]board{
		"as they are":   {w: 320, h: 240, light: 1},
		"shifted":       {w: 320, h: 240, light: 1, dx: 9, dy: -7},
		"darker":        {w: 320, h: 240, light: 0.9},
		"brighter":      {w: 320, h: 240, light: 1.1},
		"larger images": {w: 400, h: 300, light: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			astray := 0
			for seed := range uint64(10) {
				b.seed, b.marks = 100+seed, nil
				finding := inspected(t, twoBoards(), b.draw(), nil)
				require.False(t, finding.NG, "seed %d: %v", b.seed, finding.Defects)

				scratch := [2]image.Point{{120, 80}, {200, 160}}
				b.marks = [][2]image.Point{scratch}
				finding = inspected(t, twoBoards(), b.draw(), nil)
				around := image.Rectangle{Min: scratch[0], Max: scratch[1]}.Inset(-16)
				touches := func(d Defect) bool { return d.Box.Overlaps(around) }
				require.True(t, slices.ContainsFunc(finding.Defects, touches), "seed %d", b.seed)
				astray += len(slices.DeleteFunc(finding.Defects, touches))
			}
			require.LessOrEqual(t, astray, 2, "boxes where nothing is")
		})
	}
}

// Each parameter that is documented to do so makes the inspection more tolerant.
func TestReconstructorParameters(t *testing.T) {
	t.Parallel()
	judges(t)
	scratched := board{w: 320, h: 240, light: 1, seed: 100, marks: [][2]image.Point{{{120, 80}, {200, 160}}}}.draw()
	require.True(t, inspected(t, twoBoards(), scratched, nil).NG)
	for name, p := range map[string]Parameters{
		"threshold":           {"threshold": "1"},
		"reconstruct_thresh":  {"reconstruct_thresh": "100"},
		"ignore_outer":        {"ignore_outer": "[120, 160]"},
		"part of the margin":  {"ignore_outer": "[0, 159]"},
		"min_detected_area":   {"min_detected_area": "100000"},
		"threshold above all": {"threshold": "7"},
	} {
		require.False(t, inspected(t, twoBoards(), scratched, p).NG, name)
	}
	for name, p := range map[string]Parameters{
		"documented forms":  {"threshold": "0.1", "ignore_outer": "[0, 0]", "reconstruct_thresh": "2", "min_inspection_step": "4"},
		"closer steps":      {"min_inspection_step": "2"},
		"wider steps":       {"min_inspection_step": "8"},
		"a small area":      {"min_detected_area": "1"},
		"a margin":          {"ignore_outer": "[24, 32]"},
		"nonsense":          {"threshold": "?", "min_inspection_step": "-3", "reconstruct_thresh": "x"},
		"a lower threshold": {"threshold": "0.05"},
	} {
		require.True(t, inspected(t, twoBoards(), scratched, p).NG, name)
	}
}

// The parameters of the training reach the dictionary.
func TestReconstructorTrainingParameters(t *testing.T) {
	t.Parallel()
	judges(t)
	good := boards(1)
	plain := rebuilding(t, good, Parameters{"train_size": "500", "max_iter": "2"}).(*reconstruction)
	require.Equal(t, defaultComponents, plain.levels[0].words.len())
	require.Len(t, plain.levels, 3, "windows of 8, 16 and 32 pixels")

	usual := func(p Parameters) float32 {
		p["train_size"] = "500"
		return rebuilding(t, good, p).(*reconstruction).levels[0].usual.at(160)
	}
	require.Less(t, usual(Parameters{"n_components": "30", "max_iter": "2"}), usual(Parameters{"n_components": "3", "max_iter": "2"}), "more atoms rebuild more")
	require.Less(t, usual(Parameters{"max_iter": "8"}), 1.05*usual(Parameters{"max_iter": "1"}))

	large := rebuilding(t, good, Parameters{"train_size": "200", "max_iter": "1", "min_inspection_size": "[16, 32]"}).(*reconstruction)
	require.Equal(t, image.Pt(32, 16), large.levels[0].size)
	require.Len(t, large.levels, 1)
	for _, p := range []Parameters{
		{"train_size": "0", "n_components": "-1", "max_iter": "0"},
		{"train_size": "1", "n_components": "1", "max_iter": "1", "min_inspection_size": "[1, 1]"},
	} {
		inspected(t, rebuilding(t, good[:1], p), good[0], p)
	}
}

func TestReconstructorRefusesLessThanAWindow(t *testing.T) {
	t.Parallel()
	judges(t)
	_, err := twoBoards().Inspect(t.Context(), image.NewGray(image.Rect(0, 0, 7, 100)), nil)
	require.ErrorContains(t, err, "smaller than a window")
}

// A vector that is made of atoms is rebuilt from them.
func TestDictionaryEncode(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	d := &dictionary{dims: 16, atoms: make([]float32, 6*16)}
	for k := range 6 {
		for i := range d.atom(k) {
			d.atom(k)[i] = float32(r.NormFloat64())
		}
		normalize(d.atom(k))
	}
	d.prepare()
	v := make([]float32, 16)
	addScaled(v, d.atom(4), 3)
	c, rebuilt := d.encode(v, make([]float32, 6))
	require.Equal(t, 4, c.atoms[0])
	require.InDelta(t, 3, c.weights[0], 1e-4)
	require.InDelta(t, 9, rebuilt, 1e-3)

	addScaled(v, d.atom(1), -2)
	_, rebuilt = d.encode(v, make([]float32, 6))
	require.InDelta(t, dot(v, v), rebuilt, 0.05*float64(dot(v, v)))
	_, rebuilt = d.encode(make([]float32, 16), make([]float32, 6))
	require.Zero(t, rebuilt)
}

func TestCosinesAreOrthonormal(t *testing.T) {
	t.Parallel()
	for _, size := range []image.Point{{8, 8}, {16, 4}, {3, 2}, {1, 1}, {1, 9}} {
		waves, dims := cosines(size), size.X*size.Y
		n := len(waves) / dims
		require.Equal(t, min(headLen, dims-1), n, "%v", size)
		for i := range n {
			for j := range n {
				want := 0.0
				if i == j {
					want = 1
				}
				require.InDelta(t, want, dot(waves[i*dims:][:dims], waves[j*dims:][:dims]), 1e-4, "%v: %d, %d", size, i, j)
			}
		}
	}
}

func TestBrightnessCurve(t *testing.T) {
	t.Parallel()
	g := &grid{}
	for range 100 {
		g.seen = append(g.seen, windowSeen{mean: 20, err: 2}, windowSeen{mean: 150, err: 5})
	}
	c := g.usual()
	require.InDelta(t, 2*usualMargin, c.at(0), 1e-5)
	require.InDelta(t, 5*usualMargin, c.at(150), 1e-5)
	require.InDelta(t, 5*usualMargin, c.at(255), 1e-5, "as the nearest that is known")
	require.InDelta(t, leastUsual, (&grid{seen: []windowSeen{{}}}).usual().at(100), 1e-5)
	require.Equal(t, c, c.capped(c, 2))
	require.InDelta(t, c.at(150)/2, c.capped(c, 0.5).at(150), 1e-5)
}
