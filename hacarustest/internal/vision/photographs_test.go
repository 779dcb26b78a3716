package vision

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

const boardsDir = "../../../testdata/boards"

// photograph is how another photograph of the same product would look.
type photograph struct {
	dx, dy, degrees float64
	gain            float64 // 0 for 1
	noise           float64 // gray levels
	quality         int     // of the JPEG file; 0 for none
	seed            uint64
}

func anyPhotograph(seed uint64) photograph {
	r := rand.New(rand.NewPCG(seed, 5))
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	return photograph{
		dx: between(-4, 4), dy: between(-4, 4), degrees: between(-1.5, 1.5),
		gain: between(0.9, 1.1), noise: between(0, 1.5), quality: 75 + r.IntN(20), seed: seed,
	}
}

// of takes the photograph of what an image shows. Around it is what is inside, mirrored.
func (f photograph) of(t *testing.T, img image.Image) image.Image {
	t.Helper()
	p, r := grayPlane(img), rand.New(rand.NewPCG(f.seed, 6))
	taken := image.NewGray(image.Rect(0, 0, p.w, p.h))
	locate := pose{f.dx, f.dy, f.degrees * math.Pi / 180}.locate(p.w, p.h)
	for i := range taken.Pix {
		x, y := locate(i%p.w, i/p.w)
		v := cmp.Or(f.gain, 1)*float64(p.at(mirrored(x, p.w), mirrored(y, p.h))) + f.noise*r.NormFloat64()
		taken.Pix[i] = uint8(min(max(v, 0), 255))
	}
	if f.quality == 0 {
		return taken
	}
	var file bytes.Buffer
	require.NoError(t, jpeg.Encode(&file, taken, &jpeg.Options{Quality: f.quality}))
	again, err := jpeg.Decode(&file)
	require.NoError(t, err)
	return again
}

// Other photographs of the plates are judged alike: ten good ones and ten bad ones. Only
// Reconstructor, for which a contour between two pixels is new, errs once.
func TestPlatesPhotographedAgain(t *testing.T) {
	t.Parallel()
	judges(t)
	for name := range algorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspector, truths := platesInspector(t, name), plateTruths(t, platesDir)
			var wrong []string
			for seed := range uint64(10) {
				for _, truth := range []plateTruth{truths[seed%4], truths[4+seed%7]} {
					img := anyPhotograph(seed).of(t, plateImage(t, filepath.Join(platesDir, truth.File)))
					finding := inspected(t, inspector, img, nil)
					if finding.NG != (truth.Verdict == "NG") {
						wrong = append(wrong, fmt.Sprintf("%s, %+v: %v", truth.File, anyPhotograph(seed), finding.Score))
					}
				}
			}
			require.LessOrEqual(t, len(wrong), map[string]int{"Reconstructor": 1}[name], "%v", wrong)
		})
	}
}

// Boards with grain and knots of their own: good ones are told from scratched ones, and
// each scratch has a box. Pattern Sample Inspection, having learned from these four, needs
// a higher threshold than on products that look alike.
func TestBoards(t *testing.T) {
	t.Parallel()
	judges(t)
	good := goodImages(t, filepath.Join(boardsDir, "train", "*.jpg"))
	for name, p := range map[string]Parameters{"Reconstructor": nil, "PatternSample": {"threshold": "0.2"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspector := learnedBy(t, algorithms[name].trainer, good, nil)
			for _, truth := range plateTruths(t, boardsDir) {
				finding := inspected(t, inspector, plateImage(t, filepath.Join(boardsDir, truth.File)), p)
				require.Equal(t, truth.Verdict == "NG", finding.NG, "%s: %v", truth.File, finding.Defects)
				for _, d := range truth.Defects {
					require.Positive(t, bestOverlap(image.Rect(d.XMin, d.YMin, d.XMax, d.YMax), finding.Defects), "%s: %s", truth.File, d.Kind)
				}
			}
		})
	}
}

// Photographs of wooden boards of 1280 by 1024 pixels, good and scratched ones, which are
// no part of this repository.
func TestPhotographedBoards(t *testing.T) {
	t.Parallel()
	judges(t)
	dir := cmp.Or(os.Getenv("HACARUS_CHECK_IMAGES"), filepath.Join(testkit.Root(), "..", "shared", "images"))
	files, err := filepath.Glob(filepath.Join(dir, "T-*.jpg"))
	require.NoError(t, err)
	if len(files) < 2 || testing.Short() {
		t.Skipf("NOT TESTED: no photographs T-*.jpg and NG-*.jpg in %s; HACARUS_CHECK_IMAGES names another folder", dir)
	}
	good, bad := goodImages(t, filepath.Join(dir, "T-*.jpg"))[:2], goodImages(t, filepath.Join(dir, "NG-*.jpg"))
	upright := []photograph{{}, {dx: 10, dy: -10}, {degrees: 2}, {degrees: -2}, {gain: 0.9}, {gain: 1.1}}
	for name, photographs := range map[string][]photograph{
		"Reconstructor": upright,
		"PatternSample": append(upright, photograph{degrees: 30}, photograph{degrees: 90}, photograph{degrees: 180}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both := learnedBy(t, algorithms[name].trainer, good, nil)
			for _, f := range photographs {
				for i, img := range bad {
					require.True(t, inspected(t, both, f.of(t, img), nil).NG, "bad board %d, %+v", i, f)
				}
			}
			one := learnedBy(t, algorithms[name].trainer, good[:1], nil)
			for _, f := range photographs {
				finding := inspected(t, one, f.of(t, good[1]), nil)
				require.False(t, finding.NG, "unseen good board, %+v: %v", f, finding.Score)
			}
		})
	}
}
