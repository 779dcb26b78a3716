package vision

import (
	"context"
	"image"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// algorithms are all there are. Quick parameters make a training on small images short.
var algorithms = map[string]struct {
	trainer Trainer
	quick   Parameters
	aligned bool // images of another size cannot be judged
	fit     int  // of the eight planted defects of the plates have a box that fits
}{
	"PatternMatching": {PatternMatching{}, nil, true, 8},
	"Reconstructor":   {Reconstructor{}, Parameters{"train_size": "500", "max_iter": "2"}, false, 8},
	"LocalPattern":    {LocalPattern{}, nil, true, 7},
	"PatternSample":   {PatternSample{}, Parameters{"num_features": "10"}, false, 6},
}

// judges is said by a test that is about verdicts: others run the same code, and at the
// same time.
func judges(t *testing.T) {
	t.Helper()
	testkit.NotWithRace(t, "many images are judged, one after the other")
}

// knowsPlates are what algorithms learn from all good plates. It takes a while, and is
// never changed.
var knowsPlates sync.Map // of inspectors by the names of algorithms

func platesInspector(t *testing.T, name string) Inspector {
	t.Helper()
	learn := sync.OnceValue(func() Inspector { return learnedBy(t, algorithms[name].trainer, plateTraining(t), nil) })
	once, _ := knowsPlates.LoadOrStore(name, learn)
	return once.(func() Inspector)()
}

// learnedBy is the inspector that an algorithm makes of images.
func learnedBy(t *testing.T, trainer Trainer, good []image.Image, p Parameters) Inspector {
	t.Helper()
	inspector, err := trainer.Train(t.Context(), good, p)
	require.NoError(t, err)
	return inspector
}

// With the default parameters, all bad plates are found, and no good one; boxes are
// where the defects are.
func TestAlgorithmsPlates(t *testing.T) {
	t.Parallel()
	judges(t)
	truths := plateTruths(t, platesDir)
	for name, algorithm := range algorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspector := platesInspector(t, name)
			fit := 0
			for _, truth := range truths {
				finding := inspected(t, inspector, plateImage(t, filepath.Join(platesDir, truth.File)), nil)
				require.Equal(t, truth.Verdict == "NG", finding.NG, "%s: %v", truth.File, finding.Defects)
				for _, d := range truth.Defects {
					best := bestOverlap(image.Rect(d.XMin, d.YMin, d.XMax, d.YMax), finding.Defects)
					require.Positive(t, best, "%s: %s, found %v", truth.File, d.Kind, finding.Defects)
					if best >= 0.3 {
						fit++
					}
				}
			}
			require.GreaterOrEqual(t, fit, algorithm.fit)
		})
	}
}

func bestOverlap(box image.Rectangle, found []Defect) (best float64) {
	for _, d := range found {
		best = max(best, overlap(box, d.Box))
	}
	return best
}

func TestAlgorithmsCannotLearn(t *testing.T) {
	t.Parallel()
	for name, algorithm := range algorithms {
		for want, good := range map[string][]image.Image{
			"at least one good image": nil,
			"without pixels":          {image.NewGray(image.Rect(0, 0, 0, 5))},
		} {
			inspector, err := algorithm.trainer.Train(t.Context(), good, nil)
			require.ErrorContains(t, err, want, name)
			require.Nil(t, inspector, name)
		}
		two := []image.Image{image.NewGray(image.Rect(0, 0, 24, 16)), image.NewGray(image.Rect(0, 0, 16, 24))}
		inspector, err := algorithm.trainer.Train(t.Context(), two, algorithm.quick)
		if algorithm.aligned {
			require.ErrorContains(t, err, "image 1 is (24,16), image 2 is (16,24)", name)
			continue
		}
		require.NoError(t, err, name)
		require.NotNil(t, inspector, name)
	}
}

func TestAlgorithmsRefuseAnotherSize(t *testing.T) {
	t.Parallel()
	for name, algorithm := range algorithms {
		inspector := learnedBy(t, algorithm.trainer, goodSheets(1), algorithm.quick)
		_, err := inspector.Inspect(t.Context(), image.NewGray(image.Rect(0, 0, 90, 120)), nil)
		if algorithm.aligned {
			require.ErrorContains(t, err, "(120,90), this one is (90,120)", name)
			continue
		}
		require.NoError(t, err, name)
	}
}

// A context that has ended ends training and inspection.
func TestAlgorithmsStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, algorithm := range algorithms {
		inspector := learnedBy(t, algorithm.trainer, goodSheets(1), algorithm.quick)
		_, err := algorithm.trainer.Train(ctx, goodSheets(1), algorithm.quick)
		require.ErrorIs(t, err, context.Canceled, name)
		_, err = inspector.Inspect(ctx, goodSheets(1)[0], nil)
		require.ErrorIs(t, err, context.Canceled, name)
	}
}

// What is learned from the same images is the same, and whoever asks is told the same.
func TestAlgorithmsAreDeterministic(t *testing.T) {
	t.Parallel()
	stripes := []image.Rectangle{image.Rect(60, 30, 90, 33), image.Rect(60, 36, 90, 39), image.Rect(60, 42, 90, 45)}
	img := sheet{light: 1, seed: 99, marks: stripes}.draw()
	for name, algorithm := range algorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspector := learnedBy(t, algorithm.trainer, goodSheets(2), algorithm.quick)
			want := inspected(t, learnedBy(t, algorithm.trainer, goodSheets(2), algorithm.quick), img, nil)
			require.True(t, want.NG)
			findings := make([]Finding, 4)
			var group sync.WaitGroup
			for i := range findings {
				group.Go(func() { findings[i], _ = inspector.Inspect(t.Context(), img, nil) })
			}
			group.Wait()
			for _, got := range findings {
				require.Equal(t, want, got)
			}
		})
	}
}

func TestAlgorithmsTinyAndFlatImages(t *testing.T) {
	t.Parallel()
	for name, algorithm := range algorithms {
		for _, size := range []image.Point{{1, 1}, {1, 40}, {3, 2}, {10, 10}, {15, 17}, {200, 3}, {64, 48}} {
			img := image.NewGray(image.Rectangle{Max: size})
			inspector := learnedBy(t, algorithm.trainer, []image.Image{img}, algorithm.quick)
			require.False(t, inspected(t, inspector, img, algorithm.quick).NG, "%s: %v", name, size)
			for i := range min(len(img.Pix), 16) {
				img.Pix[i] = 250
			}
			inspected(t, inspector, img, algorithm.quick)
		}
	}
}
