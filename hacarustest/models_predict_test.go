package hacarustest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// Assessments of all algorithms have a heat map, which the SDK fetches, and which is
// gone with its item.
func TestHeatMaps(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"PM", "RI", "LPI", "PSI"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			c := start(t).Client()
			_, err := c.AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("good.png")}, Training: true})
			require.NoError(t, err)
			model, err := c.TrainAndWait(t.Context(), algorithm, hacarus.TrainRequest{})
			require.NoError(t, err)
			_, err = c.AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("bad.png", image.Rect(20, 12, 36, 28))}})
			require.NoError(t, err)
			for item, err := range c.PredictAndWait(t.Context(), model.ModelID, []string{"bad"}) {
				require.NoError(t, err)
				require.Equal(t, hacarus.VerdictNG, item.Verdict(model.ModelID))
				images := item.Assessment(model.ModelID).Images
				require.Len(t, images, 1)
				require.Equal(t, "heat-bad.png", images[0].Name)
				heatMap := fetched(t, c, images[0])
				require.Equal(t, image.Rect(0, 0, images[0].Width, images[0].Height), heatMap.Bounds())
				require.Equal(t, image.Pt(16, 12), heatMap.Bounds().Size())
				require.Greater(t, heatMap.At(7, 5).(color.Gray).Y, uint8(100), "on the spot")

				require.NoError(t, c.DeleteItems(t.Context(), "bad"))
				_, err = c.GetImage(t.Context(), images[0])
				require.ErrorIs(t, err, hacarus.ErrNotFound)
			}
		})
	}
}

func fetched(t *testing.T, c *hacarus.Client, meta hacarus.ImageMeta) image.Image {
	t.Helper()
	download, err := c.GetImage(t.Context(), meta)
	require.NoError(t, err)
	defer download.Close()
	require.Equal(t, "image/png", download.ContentType)
	require.Equal(t, meta.FileSize, download.Size)
	img, err := png.Decode(download)
	require.NoError(t, err)
	return img
}

// A prediction that cannot be made ends a wait at once: the assessment says why.
func TestPredictionThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content []byte
		why     string
	}{
		"another size":    {encoded(t, image.NewGray(image.Rect(0, 0, 32, 32))), "[PM] Not inspected: the model learned from images of size (64,48), this one is (32,32)"},
		"too many pixels": {claimsToBe(t, 60_000, 60_000), "60000 by 60000 pixels are too many"},
		"broken":          {plate(180)[:80], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			c := s.Client()
			s.AddItem(hacarus.Item{ItemID: "good", IsTrainingData: true}, plate(180))
			s.AddItem(hacarus.Item{ItemID: "odd"}, test.content)
			model, err := c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{})
			require.NoError(t, err)
			for item, err := range c.PredictAndWait(t.Context(), model.ModelID, []string{"odd"}) {
				require.NoError(t, err)
				require.Equal(t, hacarus.VerdictUnknown, item.Verdict(model.ModelID))
				require.Contains(t, item.Assessment(model.ModelID).Result, test.why)
			}
		})
	}
}

// Inspect reports that an image has no verdict.
func TestInspectTellsOfAnotherSize(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.Client()
	s.AddItem(hacarus.Item{ItemID: "good", IsTrainingData: true}, plate(180))
	model, err := c.TrainAndWait(t.Context(), "LPI", hacarus.TrainRequest{})
	require.NoError(t, err)
	small := hacarus.FileFromBytes("small.png", encoded(t, image.NewGray(image.Rect(0, 0, 32, 32))))
	for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{ModelID: model.ModelID, Files: []hacarus.File{small}}) {
		require.NoError(t, err)
		require.ErrorIs(t, result.Err, hacarus.ErrNoVerdict)
	}
}

// An inspector can leave an item without an assessment.
func TestNoAssessment(t *testing.T) {
	t.Parallel()
	s := start(t, hacarustest.WithInspector(hacarustest.InspectorFunc(
		func(context.Context, image.Image, hacarustest.Parameters) (hacarustest.Finding, error) {
			return hacarustest.Finding{}, hacarus.ErrNoAssessment
		})))
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "a"}, plate(180))
	_, err := s.Client().PredictItems(t.Context(), "m", "a")
	require.NoError(t, err)
	require.Empty(t, itemDone(t.Context(), t, s.Client(), "a").Assessments)
}

// A training with an image that claims to be too large fails, and says so.
func TestTrainingRefusesTooManyPixels(t *testing.T) {
	t.Parallel()
	s := start(t, hacarustest.WithTrainingTime(0))
	s.AddItem(hacarus.Item{ItemID: "bomb", IsTrainingData: true}, claimsToBe(t, 50_000, 40_000))
	_, err := s.Client().TrainAndWait(t.Context(), "RI", hacarus.TrainRequest{})
	require.ErrorContains(t, err, "50000 by 40000 pixels are too many")
}

func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// claimsToBe is a small PNG file whose header claims a size.
func claimsToBe(t *testing.T, width, height uint32) []byte {
	t.Helper()
	const header = 8 + 4 // signature and length
	file := encoded(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	binary.BigEndian.PutUint32(file[header+4:], width)
	binary.BigEndian.PutUint32(file[header+8:], height)
	binary.BigEndian.PutUint32(file[header+17:], crc32.ChecksumIEEE(file[header:header+17]))
	return file
}
