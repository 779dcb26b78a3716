package vision

import (
	"image"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// stripedSheet has two defects that every algorithm finds, and a good sheet has not.
func stripedSheet() image.Image {
	var marks []image.Rectangle
	for y := range 3 {
		marks = append(marks, image.Rect(60, 30+6*y, 90, 33+6*y))
	}
	return sheet{light: 1, seed: 99, marks: append(marks, image.Rect(22, 58, 30, 66))}.draw()
}

// What each parameter that algorithms share does to the inspection, by the documents:
// a value that makes it more tolerant leaves no defect, one that does not leaves some.
func TestParametersOfInspection(t *testing.T) {
	t.Parallel()
	img := stripedSheet()
	for name, algorithm := range algorithms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inspector := learnedBy(t, algorithm.trainer, goodSheets(2), algorithm.quick)
			see := func(more Parameters) Finding {
				p := maps.Clone(algorithm.quick)
				if p == nil {
					p = Parameters{}
				}
				maps.Copy(p, more)
				return inspected(t, inspector, img, p)
			}
			plain := see(nil)
			require.True(t, plain.NG)

			t.Run("threshold", func(t *testing.T) {
				require.False(t, see(Parameters{"threshold": "1"}).NG)
				require.True(t, see(Parameters{"threshold": "0"}).NG)
				require.Equal(t, plain.Score, see(Parameters{"threshold": "1"}).Score, "of the image, whatever the threshold")
			})
			t.Run("ignore_outer", func(t *testing.T) {
				require.False(t, see(Parameters{"ignore_outer": "[45, 60]"}).NG, "half to each side is all")
				require.False(t, see(Parameters{"ignore_outer": "[56, 0]"}).NG, "more than half")
				for _, d := range see(Parameters{"ignore_outer": "[0, 50]"}).Defects {
					require.GreaterOrEqual(t, d.Box.Min.X, 50)
					require.LessOrEqual(t, d.Box.Max.X, sheetWidth-50)
				}
				require.Equal(t, plain.Defects, see(Parameters{"ignore_outer": "[0, 0]"}).Defects)
			})
			t.Run("min_detected_area", func(t *testing.T) {
				areas := make([]int, len(plain.Defects))
				for i, d := range plain.Defects {
					areas[i] = area(d.Box)
				}
				largest := slices.Max(areas)
				require.True(t, see(Parameters{"min_detected_area": strconv.Itoa(largest)}).NG, "a lower bound")
				require.False(t, see(Parameters{"min_detected_area": strconv.Itoa(largest + 1)}).NG)
			})
		})
	}
}

// Windows are as large, and as far apart, as the parameters say.
func TestParametersOfWindows(t *testing.T) {
	t.Parallel()
	for name, defaults := range map[string]windowDefaults{
		"PatternMatching": patternMatchingDefaults, "Reconstructor": reconstructorDefaults, "LocalPattern": localPatternDefaults,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counted := func(p Parameters) (n int, size image.Point) {
				windows := newWindows(image.Pt(320, 240), p, defaults)
				windows.anomalous(image.Pt(320, 240), newHeat(image.Pt(320, 240)), func(r image.Rectangle) float64 {
					n, size = n+1, r.Size()
					return 0
				})
				return n, size
			}
			usual, size := counted(nil)
			require.Equal(t, image.Pt(int(defaults.side), int(defaults.side)), size)
			fewer, _ := counted(Parameters{"min_inspection_step": strconv.Itoa(2 * int(defaults.step))})
			require.Less(t, fewer, usual/3, "a larger step is less to do")
			_, size = counted(Parameters{"min_inspection_size": "[64, 16]"})
			require.Equal(t, image.Pt(16, 64), size)
		})
	}
}

// Larger windows find less of a small defect. Reconstructor looks at several sizes, of
// which the parameter is the smallest: see TestReconstructorTrainingParameters.
func TestParameterMinInspectionSize(t *testing.T) {
	t.Parallel()
	judges(t)
	small := sheet{light: 1, seed: 99, marks: []image.Rectangle{image.Rect(60, 50, 66, 56)}}.draw()
	for name, p := range map[string]Parameters{
		"PatternMatching": {"min_inspection_size": "[64, 64]"},
		"LocalPattern":    {"min_inspection_size": "[64, 64]"},
	} {
		algorithm := algorithms[name]
		usual := inspected(t, learnedBy(t, algorithm.trainer, goodSheets(2), algorithm.quick), small, algorithm.quick)
		larger := inspected(t, learnedBy(t, algorithm.trainer, goodSheets(2), p), small, p)
		require.Less(t, larger.Score, usual.Score, name)
	}
}

// The hottest color of a heat map is the score of anomaly_range, so that maps of several
// images can be compared; without one it is the image's own.
func TestParameterAnomalyRange(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"PatternMatching", "PatternSample"} {
		algorithm := algorithms[name]
		inspector := learnedBy(t, algorithm.trainer, goodSheets(2), algorithm.quick)
		hottest := func(img image.Image, p Parameters) uint8 { return slices.Max(inspected(t, inspector, img, p).Heat.Pix) }
		bad, good := stripedSheet(), sheet{light: 1, seed: 99}.draw()
		score := inspected(t, inspector, bad, nil).Score
		require.Equal(t, uint8(255), hottest(bad, nil), name)
		require.Equal(t, uint8(255), hottest(bad, Parameters{"anomaly_range": "0"}), name)
		require.Equal(t, uint8(255), hottest(bad, Parameters{"anomaly_range": "0.01"}), name)
		require.InDelta(t, 255*score, hottest(bad, Parameters{"anomaly_range": "1"}), 1, name)
		require.Less(t, hottest(good, nil), uint8(255), name+": below the threshold")
		require.Less(t, hottest(good, Parameters{"anomaly_range": "1"}), uint8(26), name)
	}
}

// More features are more samples, and the larger model looks at smaller places.
func TestPatternSampleTrainingParameters(t *testing.T) {
	t.Parallel()
	judges(t)
	good := boards(2)
	learn := func(p Parameters) *sampled { return learnedBy(t, PatternSample{}, good, p).(*sampled) }
	few, more := learn(Parameters{"num_features": "5"}), learn(Parameters{"num_features": "20"})
	require.Len(t, few.bank.samples, 5*featureSamples)
	require.Len(t, more.bank.samples, 20*featureSamples)
	grain := samplesOf(grayPlane(board{w: 320, h: 240, light: 1, seed: 100}.draw()), sampleCell, noImage)
	require.Less(t, distanceTo(more, grain), distanceTo(few, grain), "more samples are nearer to any place")

	small, large := learn(Parameters{"num_features": "5", "model_type": "0"}), learn(Parameters{"num_features": "5", "model_type": "1"})
	require.Equal(t, few.cell, small.cell)
	require.Equal(t, small.cell, 2*large.cell, "so there are four times as many")

	for _, p := range []Parameters{{"num_features": "0"}, {"num_features": "-3", "model_type": "9"}, {"num_features": "?", "model_type": "?"}} {
		inspected(t, learnedBy(t, PatternSample{}, goodSheets(1), p), goodSheets(1)[0], p)
	}
}

// distanceTo is how far the places of a picture are from the samples, all in all.
func distanceTo(s *sampled, seen *samples) (sum float32) {
	for i := range seen.all {
		place := seen.all[i]
		for k := range place {
			place[k] /= s.scale[k]
		}
		sum += s.bank.nearest(&place, noImage)
	}
	return sum
}

// A dictionary that saw more windows rebuilds more of them.
func TestParameterTrainSize(t *testing.T) {
	t.Parallel()
	judges(t)
	good := boards(1)
	usual := func(trainSize string) float32 {
		p := Parameters{"train_size": trainSize, "max_iter": "3"}
		return learnedBy(t, Reconstructor{}, good, p).(*reconstruction).levels[0].usual.at(160)
	}
	require.Less(t, usual("2000"), usual("4"))
}
