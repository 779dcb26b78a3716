package vision

import (
	"image"
	"image/color"
	"math/rand/v2"
	"slices"
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

func trained(t *testing.T, good []image.Image) Inspector {
	t.Helper()
	inspector, err := PatternMatching{}.Train(t.Context(), good, nil)
	require.NoError(t, err)
	return inspector
}

func inspected(t *testing.T, inspector Inspector, img image.Image, p Parameters) Finding {
	t.Helper()
	finding, err := inspector.Inspect(t.Context(), img, p)
	require.NoError(t, err)
	require.Equal(t, len(finding.Defects) > 0, finding.NG)
	require.NotNil(t, finding.Heat)
	for _, d := range finding.Defects {
		require.True(t, d.Box.In(image.Rectangle{Max: img.Bounds().Size()}), "%v", d.Box)
		require.GreaterOrEqual(t, d.Area, 1.0)
		require.LessOrEqual(t, d.Area, float64(d.Box.Dx()*d.Box.Dy()))
	}
	return finding
}

func TestPatternMatchingForgivesPlaceAndLight(t *testing.T) {
	t.Parallel()
	judges(t)
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
		inspector := trained(t, goodSheets(n))
		for name, s := range tests {
			s.seed = 99
			finding := inspected(t, inspector, s.draw(), nil)
			require.False(t, finding.NG, "%s, %d good: %v", name, n, finding.Defects)
			mark := image.Rect(60, 50, 72, 58)
			s.marks = []image.Rectangle{mark}
			finding = inspected(t, inspector, s.draw(), nil)
			require.Len(t, finding.Defects, 1, "%s, %d good", name, n)
			require.Greater(t, overlap(mark, finding.Defects[0].Box), 0.5, "%s, %d good", name, n)
		}
	}
}

// Missing and overexposed products are no matter of the light.
func TestPatternMatchingDoesNotForgiveEverything(t *testing.T) {
	t.Parallel()
	inspector := trained(t, goodSheets(3))
	for name, img := range map[string]image.Image{
		"black":     image.NewGray(image.Rect(0, 0, sheetWidth, sheetHeight)),
		"very dark": sheet{light: 0.3, seed: 99}.draw(),
		"glaring":   sheet{light: 3, seed: 99}.draw(),
	} {
		require.True(t, inspected(t, inspector, img, nil).NG, name)
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
	inspector := trained(t, goodSheets(3))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireBoxes(t, tt.want, inspected(t, inspector, img, tt.params))
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

// The worse the defect, the higher the score, whatever the verdict.
func TestPatternMatchingScore(t *testing.T) {
	t.Parallel()
	inspector := trained(t, goodSheets(3))
	last := -1.0
	for _, size := range []int{0, 5, 8, 12, 20} {
		mark := image.Rect(60, 40, 60+size, 40+size)
		finding := inspected(t, inspector, sheet{light: 1, seed: 99, marks: []image.Rectangle{mark}}.draw(), nil)
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
		inspector := trained(t, []image.Image{good})
		finding := inspected(t, inspector, good, nil)
		require.False(t, finding.NG, "%v", size)
		require.Zero(t, finding.Score, "%v", size)
		for y := range min(size.Y, 4) {
			for x := range min(size.X, 4) {
				bad.SetGray(x, y, color.Gray{Y: 250})
			}
		}
		inspected(t, inspector, bad, nil)
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
	inspector := trained(t, goodSheets(3))
	want := inspected(t, inspector, gray, nil)
	require.True(t, want.NG)
	for _, img := range []image.Image{wider.SubImage(offset), rgba, nrgba, ycbcr.SubImage(offset), struct{ image.Image }{rgba}} {
		require.Equal(t, want, inspected(t, inspector, img, nil), "%T", img)
	}
}
