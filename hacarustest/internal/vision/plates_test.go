package vision

import (
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const platesDir = "../../../testdata/plates"

// leastOverlap is how well a found box must fit a planted one: intersection
// over union.
const leastOverlap = 0.5

type plateTruth struct {
	File    string `json:"file"`
	Verdict string `json:"verdict"`
	Defects []struct {
		Kind string `json:"kind"`
		XMin int    `json:"x_min"`
		YMin int    `json:"y_min"`
		XMax int    `json:"x_max"`
		YMax int    `json:"y_max"`
	} `json:"defects"`
}

func plateTruths(t *testing.T, dir string) []plateTruth {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	require.NoError(t, err)
	var truth struct {
		Images []plateTruth `json:"images"`
	}
	require.NoError(t, json.Unmarshal(text, &truth))
	require.NotEmpty(t, truth.Images)
	return truth.Images
}

func plateImage(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	img, err := jpeg.Decode(f)
	require.NoError(t, err)
	return img
}

// goodImages are the pictures that match a pattern.
func goodImages(t *testing.T, pattern string) []image.Image {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var images []image.Image
	for _, file := range files {
		images = append(images, plateImage(t, file))
	}
	return images
}

func plateTraining(t *testing.T) []image.Image {
	t.Helper()
	return goodImages(t, filepath.Join(platesDir, "train", "*.jpg"))
}

func overlap(a, b image.Rectangle) float64 {
	both := a.Intersect(b)
	shared := both.Dx() * both.Dy()
	return float64(shared) / float64(a.Dx()*a.Dy()+b.Dx()*b.Dy()-shared)
}

// With the default parameters and however few good plates, every planted defect
// is found once, and nothing else.
func TestPlatesDefectsAreFound(t *testing.T) {
	t.Parallel()
	judges(t)
	good, truths := plateTraining(t), plateTruths(t, platesDir)
	for _, n := range []int{len(good), 2, 1} {
		t.Run(fmt.Sprintf("%d good", n), func(t *testing.T) {
			t.Parallel()
			inspector, err := PatternMatching{}.Train(t.Context(), good[:n], nil)
			require.NoError(t, err)
			for _, truth := range truths {
				finding, err := inspector.Inspect(t.Context(), plateImage(t, filepath.Join(platesDir, truth.File)), nil)
				require.NoError(t, err, truth.File)
				requirePlate(t, truth, finding)
			}
		})
	}
}

func requirePlate(t *testing.T, want plateTruth, got Finding) {
	t.Helper()
	require.Equal(t, want.Verdict == "NG", got.NG, want.File)
	require.Len(t, got.Defects, len(want.Defects), want.File)
	for _, planted := range want.Defects {
		box := image.Rect(planted.XMin, planted.YMin, planted.XMax, planted.YMax)
		var fit []float64
		for _, found := range got.Defects {
			if iou := overlap(box, found.Box); iou >= leastOverlap {
				fit = append(fit, iou)
			}
		}
		require.Len(t, fit, 1, "%s: %s at %v, found %v", want.File, planted.Kind, box, got.Defects)
	}
}

// A good plate that the model has not seen is good.
func TestPlatesUnseenGoodOnesAreGood(t *testing.T) {
	t.Parallel()
	judges(t)
	good := plateTraining(t)
	inspector, err := PatternMatching{}.Train(t.Context(), good[:2], nil)
	require.NoError(t, err)
	for i, img := range good[2:] {
		finding, err := inspector.Inspect(t.Context(), img, nil)
		require.NoError(t, err)
		require.False(t, finding.NG, "training image %d: %v", i+3, finding.Defects)
		require.Less(t, finding.Score, patternMatchingDefaults.threshold)
	}
}

// The pictures in the folder are those that the command beside them draws.
func TestPlatesAreAsGenerated(t *testing.T) {
	t.Parallel()
	judges(t)
	command, err := exec.LookPath("go")
	if err != nil || testing.Short() {
		t.Skip("needs the go command and a few seconds")
	}
	dir := t.TempDir()
	output, err := exec.CommandContext(t.Context(), command, "run", platesDir, "-out", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, plateTruths(t, platesDir), plateTruths(t, dir))
	for _, folder := range []string{"train", "inspect"} {
		want, err := filepath.Glob(filepath.Join(platesDir, folder, "*.jpg"))
		require.NoError(t, err)
		got, err := filepath.Glob(filepath.Join(dir, folder, "*.jpg"))
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range want {
			requireSamePicture(t, want[i], got[i])
		}
	}
}

// requireSamePicture leaves room for another encoder's or processor's rounding.
func requireSamePicture(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, filepath.Base(want), filepath.Base(got))
	a, b := grayPlane(plateImage(t, want)), grayPlane(plateImage(t, got))
	var sum float64
	for i := range a.pix {
		sum += float64(max(a.pix[i]-b.pix[i], b.pix[i]-a.pix[i]))
	}
	require.Less(t, sum/float64(len(a.pix)), 0.5, filepath.Base(want))
}
