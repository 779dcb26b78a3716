package boards_test

import (
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/boards"
	"github.com/hacarus/hacarus-check-go/internal/testkit/truth"
)

// A board is the same whenever it is drawn, and its scratches change it in their
// boxes alone, but for what nobody sees.
func TestScratchesAreInTheirBoxes(t *testing.T) {
	t.Parallel()
	good, none := boards.Board{Seed: 7, Size: image.Pt(440, 320)}.Photograph()
	bad, boxes := boards.Board{Seed: 7, Size: image.Pt(440, 320), Scratches: 3}.Photograph()
	require.Empty(t, none)
	require.Len(t, boxes, 3)
	changed := make([]int, len(boxes))
	for y := range 320 {
		for x := range 440 {
			a, b := good.RGBAAt(x, y).G, bad.RGBAAt(x, y).G
			if max(a, b)-min(a, b) < 12 {
				continue
			}
			inside := false
			for i, box := range boxes {
				if image.Pt(x, y).In(box) {
					changed[i]++
					inside = true
				}
			}
			require.True(t, inside, "(%d,%d) is in none of %v", x, y, boxes)
		}
	}
	for i, n := range changed {
		require.Greater(t, n, 40, "%v", boxes[i])
	}
}

// The pictures in the folder are those of the set, and not too large.
func TestPicturesAreAsDrawn(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(testkit.Root(), "testdata", "boards")
	known, err := truth.Read(folder)
	require.NoError(t, err)
	pictures := boards.Pictures()
	require.Len(t, known, len(pictures))
	var bytes int64
	for i, p := range pictures {
		require.Equal(t, p.File, known[i].File)
		require.Len(t, known[i].Defects, p.Board.Scratches)
		path := filepath.Join(folder, filepath.FromSlash(p.File))
		info, err := os.Stat(path)
		require.NoError(t, err)
		bytes += info.Size()
		if i%5 != 0 {
			continue // drawing takes a while
		}
		drawn, scratches := p.Board.Photograph()
		require.Equal(t, truth.NewImage(p.File, "scratch", scratches), known[i])
		requireAlike(t, drawn, path)
	}
	require.Less(t, bytes, int64(400_000))
}

// requireAlike leaves room for what JPEG takes away, and another processor's
// rounding.
func requireAlike(t *testing.T, want *image.RGBA, path string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	got, err := jpeg.Decode(f)
	require.NoError(t, err)
	require.Equal(t, want.Bounds(), got.Bounds(), path)
	var sum float64
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() {
			_, g, _, _ := got.At(x, y).RGBA()
			a, b := want.RGBAAt(x, y).G, byte(g>>8)
			sum += float64(max(a, b) - min(a, b))
		}
	}
	require.Less(t, sum/float64(want.Rect.Dx()*want.Rect.Dy()), 3.0, path)
}
