package hacarustest

import (
	"image"
	"image/color"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// sheet is a synthetic product: a bright part on a dark ground, moved and lit
// as told, with the camera's noise of that seed.
type sheet struct {
	dx, dy int
	light  float64
	seed   uint64
	marks  []image.Rectangle // black defects, in pixels of the image
}

const sheetWidth, sheetHeight = 120, 90

func (s sheet) draw() *image.Gray {
	r := rand.New(rand.NewPCG(s.seed, 1))
	img := image.NewGray(image.Rect(0, 0, sheetWidth, sheetHeight))
	for y := range sheetHeight {
		for x := range sheetWidth {
			v := s.light*sheetLevel(image.Pt(x-s.dx, y-s.dy)) + 1.5*r.NormFloat64()
			if slices.ContainsFunc(s.marks, image.Pt(x, y).In) {
				v = 10
			}
			img.SetGray(x, y, color.Gray{Y: uint8(min(max(v, 0), 255))})
		}
	}
	return img
}

func sheetLevel(at image.Point) float64 {
	switch {
	case at.In(image.Rect(30, 30, 45, 45)): // a hole
		return 30
	case at.In(image.Rect(15, 12, 105, 78)):
		return 150 + float64(at.X)/4
	}
	return 40
}

func goodSheets(n int) []image.Image {
	var all []image.Image
	for i := range n {
		all = append(all, sheet{light: 1, seed: uint64(i)}.draw())
	}
	return all
}

func trained(t *testing.T, good []image.Image, p Parameters) Judge {
	t.Helper()
	judge, err := PatternMatching{}.Train(good, p)
	require.NoError(t, err)
	return judge
}

func inspected(t *testing.T, judge Judge, img image.Image, p Parameters) Finding {
	t.Helper()
	finding, err := judge.Inspect(img, p)
	require.NoError(t, err)
	require.Equal(t, len(finding.Defects) > 0, finding.NG)
	for _, d := range finding.Defects {
		require.True(t, d.Box.In(image.Rectangle{Max: img.Bounds().Size()}), "%v", d.Box)
		require.GreaterOrEqual(t, d.Area, 1.0)
		require.LessOrEqual(t, d.Area, float64(d.Box.Dx()*d.Box.Dy()))
	}
	return finding
}

func TestParametersFloat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.1": 0.1, " 25 ": 25, "1e-3": 0.001, "-2": -2, "0": 0,
		"": 7, "many": 7, "NaN": 7, "Inf": 7, "[1, 2]": 7,
	} {
		require.Equal(t, want, Parameters{"threshold": text}.Float("threshold", 7), "%q", text)
	}
	require.Equal(t, 7.0, Parameters(nil).Float("threshold", 7))
	require.Equal(t, 7.0, Parameters{}.Float("threshold", 7))
}

func TestParametersPair(t *testing.T) {
	t.Parallel()
	tests := map[string][2]float64{ // x, y
		"[8, 4]": {4, 8}, "8,4": {4, 8}, "(8,4)": {4, 8}, " [ 8 , 4 ] ": {4, 8}, "[0, 0]": {0, 0},
		"16": {16, 16}, "[16]": {16, 16},
		"": {7, 7}, "[]": {7, 7}, "wide": {7, 7}, "8,": {7, 7}, "1,2,3": {7, 7}, "[NaN, 1]": {7, 7},
	}
	for text, want := range tests {
		x, y := Parameters{"ignore_outer": text}.Pair("ignore_outer", 7)
		require.Equal(t, want, [2]float64{x, y}, "%q", text)
	}
	x, y := Parameters(nil).Pair("ignore_outer", 7)
	require.Equal(t, [2]float64{7, 7}, [2]float64{x, y})
}

func TestPatternMatchingCannotLearn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		good []image.Image
		want string
	}{
		"no images": {nil, "at least one good image"},
		"no pixels": {[]image.Image{image.NewGray(image.Rect(0, 0, 0, 5))}, "without pixels"},
		"two sizes": {
			[]image.Image{image.NewGray(image.Rect(0, 0, 9, 5)), image.NewGray(image.Rect(0, 0, 5, 9))},
			"image 1 is (9,5), image 2 is (5,9)",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judge, err := PatternMatching{}.Train(tt.good, nil)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, judge)
		})
	}
}

func TestPatternMatchingRefusesAnotherSize(t *testing.T) {
	t.Parallel()
	judge := trained(t, goodSheets(1), nil)
	_, err := judge.Inspect(image.NewGray(image.Rect(0, 0, 90, 120)), nil)
	require.ErrorContains(t, err, "(120,90), this one is (90,120)")
}

func TestPatternMatchingForgivesPlaceAndLight(t *testing.T) {
	t.Parallel()
	tests := map[string]sheet{
		"as learned":         {light: 1},
		"shifted by one":     {dx: 1, dy: -1, light: 1},
		"shifted by two":     {dx: -2, dy: 2, light: 1},
		"shifted by eight":   {dx: 8, dy: 6, light: 1},
		"darker":             {light: 0.85},
		"brighter":           {light: 1.15},
		"shifted and darker": {dx: 2, dy: 1, light: 0.9},
	}
	for _, n := range []int{1, 2, 5} {
		judge := trained(t, goodSheets(n), nil)
		for name, s := range tests {
			s.seed = 99
			finding := inspected(t, judge, s.draw(), nil)
			require.False(t, finding.NG, "%s, %d good: %v", name, n, finding.Defects)
			mark := image.Rect(60, 50, 72, 58)
			s.marks = []image.Rectangle{mark}
			finding = inspected(t, judge, s.draw(), nil)
			require.Len(t, finding.Defects, 1, "%s, %d good", name, n)
			require.Greater(t, overlap(mark, finding.Defects[0].Box), 0.5, "%s, %d good", name, n)
		}
	}
}

// Missing and overexposed products are no matter of the light.
func TestPatternMatchingDoesNotForgiveEverything(t *testing.T) {
	t.Parallel()
	judge := trained(t, goodSheets(3), nil)
	for name, img := range map[string]image.Image{
		"black":     image.NewGray(image.Rect(0, 0, sheetWidth, sheetHeight)),
		"very dark": sheet{light: 0.3, seed: 99}.draw(),
		"glaring":   sheet{light: 3, seed: 99}.draw(),
	} {
		require.True(t, inspected(t, judge, img, nil).NG, name)
	}
}

func TestPatternMatchingParameters(t *testing.T) {
	t.Parallel()
	left, right := image.Rect(22, 52, 30, 60), image.Rect(70, 30, 86, 40)
	tests := map[string]struct {
		params Parameters
		want   []image.Rectangle
	}{
		"defaults":                  {nil, []image.Rectangle{right, left}},
		"documented forms":          {Parameters{"threshold": "0.1", "ignore_outer": "[0, 0]"}, []image.Rectangle{right, left}},
		"threshold of one":          {Parameters{"threshold": "1"}, nil},
		"threshold of two":          {Parameters{"threshold": "2"}, nil},
		"threshold between":         {Parameters{"threshold": "0.5"}, []image.Rectangle{right}},
		"left margin":               {Parameters{"ignore_outer": "[0, 34]"}, []image.Rectangle{right}},
		"upper margin":              {Parameters{"ignore_outer": "[24, 0]"}, []image.Rectangle{right, left}},
		"all is margin":             {Parameters{"ignore_outer": "[90, 120]"}, nil},
		"more than all is margin":   {Parameters{"ignore_outer": "1000,1000"}, nil},
		"negative margin":           {Parameters{"ignore_outer": "-5,-5"}, []image.Rectangle{right, left}},
		"least area":                {Parameters{"min_detected_area": "110"}, []image.Rectangle{right}},
		"least area above all":      {Parameters{"min_detected_area": "9999"}, nil},
		"small windows":             {Parameters{"min_inspection_size": "8,8", "min_inspection_step": "1"}, []image.Rectangle{right, left}},
		"window of the whole image": {Parameters{"min_inspection_size": "999,999", "threshold": "0.005"}, []image.Rectangle{right, left}},
		"nonsense":                  {Parameters{"min_inspection_step": "-1", "min_inspection_size": "x", "threshold": "?"}, []image.Rectangle{right, left}},
	}
	img := sheet{light: 1, seed: 99, marks: []image.Rectangle{left, right}}.draw()
	judge := trained(t, goodSheets(3), nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireBoxes(t, tt.want, inspected(t, judge, img, tt.params))
			requireBoxes(t, tt.want, inspected(t, trained(t, goodSheets(3), tt.params), img, nil))
		})
	}
}

func requireBoxes(t *testing.T, want []image.Rectangle, got Finding) {
	t.Helper()
	require.Len(t, got.Defects, len(want))
	for i, box := range want {
		require.Greater(t, overlap(box, got.Defects[i].Box), 0.5, "%v: %v", box, got.Defects[i].Box)
	}
}

// What a call says wins over what the training said, parameter by parameter.
func TestPatternMatchingParametersOfTheCallWin(t *testing.T) {
	t.Parallel()
	learned := Parameters{"threshold": "1", "min_detected_area": "9999"}
	judge := trained(t, goodSheets(2), learned)
	learned["threshold"] = "0"
	img := sheet{light: 1, seed: 99, marks: []image.Rectangle{image.Rect(70, 30, 86, 40)}}.draw()
	require.False(t, inspected(t, judge, img, nil).NG)
	require.False(t, inspected(t, judge, img, Parameters{"threshold": "0.1"}).NG)
	require.True(t, inspected(t, judge, img, Parameters{"threshold": "0.1", "min_detected_area": "0"}).NG)
}

// The worse the defect, the higher the score, whatever the verdict.
func TestPatternMatchingScore(t *testing.T) {
	t.Parallel()
	judge := trained(t, goodSheets(3), nil)
	last := -1.0
	for _, size := range []int{0, 5, 8, 12, 20} {
		mark := image.Rect(60, 40, 60+size, 40+size)
		finding := inspected(t, judge, sheet{light: 1, seed: 99, marks: []image.Rectangle{mark}}.draw(), nil)
		require.Greater(t, finding.Score, last)
		require.LessOrEqual(t, finding.Score, 1.0)
		last = finding.Score
	}
	require.Equal(t, 1.0, last)
}

func TestPatternMatchingTinyImages(t *testing.T) {
	t.Parallel()
	for _, size := range []image.Point{{1, 1}, {1, 40}, {3, 2}, {10, 10}, {15, 17}, {200, 3}} {
		good := image.NewGray(image.Rectangle{Max: size})
		bad := image.NewGray(good.Rect)
		for i := range good.Pix {
			good.Pix[i], bad.Pix[i] = 120, 120
		}
		judge := trained(t, []image.Image{good}, nil)
		require.Equal(t, Finding{}, inspected(t, judge, good, nil), "%v", size)
		for y := range min(size.Y, 4) {
			for x := range min(size.X, 4) {
				bad.SetGray(x, y, color.Gray{Y: 250})
			}
		}
		inspected(t, judge, bad, nil)
	}
}

// The kind of image and where its bounds begin make no difference.
func TestPatternMatchingKindsOfImages(t *testing.T) {
	t.Parallel()
	gray := sheet{light: 1, seed: 99, marks: []image.Rectangle{image.Rect(70, 30, 86, 40)}}.draw()
	offset := image.Rect(-7, 5, sheetWidth-7, sheetHeight+5)
	wider := image.NewGray(offset.Inset(-3))
	rgba, nrgba := image.NewRGBA(offset), image.NewNRGBA(offset)
	ycbcr := image.NewYCbCr(offset.Inset(-4), image.YCbCrSubsampleRatio420)
	for y := offset.Min.Y; y < offset.Max.Y; y++ {
		for x := offset.Min.X; x < offset.Max.X; x++ {
			c := gray.GrayAt(x-offset.Min.X, y-offset.Min.Y)
			wider.SetGray(x, y, c)
			rgba.Set(x, y, c)
			nrgba.Set(x, y, c)
			ycbcr.Y[ycbcr.YOffset(x, y)] = c.Y
		}
	}
	judge := trained(t, goodSheets(3), nil)
	want := inspected(t, judge, gray, nil)
	require.True(t, want.NG)
	for _, img := range []image.Image{wider.SubImage(offset), rgba, nrgba, ycbcr.SubImage(offset), struct{ image.Image }{rgba}} {
		require.Equal(t, want, inspected(t, judge, img, nil), "%T", img)
	}
}

func TestPatternMatchingConcurrently(t *testing.T) {
	t.Parallel()
	judge := trained(t, goodSheets(2), Parameters{"threshold": "0.2"})
	img := sheet{light: 1, seed: 99, marks: []image.Rectangle{image.Rect(70, 30, 86, 40)}}.draw()
	want := inspected(t, judge, img, nil)
	findings := make([]Finding, 8)
	var group sync.WaitGroup
	for i := range findings {
		group.Go(func() { findings[i], _ = judge.Inspect(img, Parameters{"threshold": "0.2"}) })
	}
	group.Wait()
	for _, got := range findings {
		require.Equal(t, want, got)
	}
}

func TestPoseInverse(t *testing.T) {
	t.Parallel()
	p := pose{dx: 7, dy: -3, angle: 0.05}
	there, back := p.locate(100, 100), p.inverse().locate(100, 100)
	x, y := there(20, 70)
	u, v := back(0, 0)
	u1, v1 := back(1, 0)
	// The way back is linear: from the corner, x steps to the right and y down.
	require.InDelta(t, 20, u+x*(u1-u)-y*(v1-v), 1e-9)
	require.InDelta(t, 70, v+x*(v1-v)+y*(u1-u), 1e-9)
}

func BenchmarkPatternMatchingInspect(b *testing.B) {
	img := image.NewGray(image.Rect(0, 0, 1280, 1024))
	for i := range img.Pix {
		img.Pix[i] = uint8(i % 1280 / 8)
	}
	judge, err := PatternMatching{}.Train([]image.Image{img}, nil)
	require.NoError(b, err)
	for b.Loop() {
		_, _ = judge.Inspect(img, nil)
	}
}
