package hacarustest_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// sheet is a gray image with a white square of that many pixels a side.
func sheet(side int) image.Image {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for n := range img.Pix {
		img.Pix[n] = 120
	}
	for y := range side {
		for x := range side {
			img.SetGray(20+x, 10+y, color.Gray{Y: 255})
		}
	}
	return img
}

// What a call says wins over what the training said, parameter by parameter.
func TestPatternMatchingParametersOfTheCallWin(t *testing.T) {
	t.Parallel()
	learned := hacarustest.Parameters{"threshold": "1", "min_detected_area": "9999"}
	inspector, err := hacarustest.PatternMatching{}.Train(t.Context(), []image.Image{sheet(0)}, learned)
	require.NoError(t, err)
	learned["threshold"] = "0"
	for _, test := range []struct {
		params hacarustest.Parameters
		ng     bool
	}{
		{nil, false},
		{hacarustest.Parameters{"threshold": "0.1"}, false},
		{hacarustest.Parameters{"threshold": "0.1", "min_detected_area": "0"}, true},
	} {
		finding, err := inspector.Inspect(t.Context(), sheet(12), test.params)
		require.NoError(t, err)
		require.Equal(t, test.ng, finding.NG, "%v", test.params)
	}
}

func TestPatternMatchingFinding(t *testing.T) {
	t.Parallel()
	inspector, err := hacarustest.PatternMatching{}.Train(t.Context(), []image.Image{sheet(0)}, nil)
	require.NoError(t, err)
	finding, err := inspector.Inspect(t.Context(), sheet(12), nil)
	require.NoError(t, err)
	require.True(t, finding.NG)
	require.Greater(t, finding.Score, 0.1)
	require.Len(t, finding.Defects, 1)
	require.True(t, image.Rect(22, 12, 30, 20).In(finding.Defects[0].Box), "%v", finding.Defects)
	require.Greater(t, finding.Defects[0].Area, 100.0)
	require.Equal(t, image.Rect(0, 0, 16, 12), finding.HeatMap.Bounds())
	require.Equal(t, color.Gray{Y: 255}, finding.HeatMap.At(6, 4), "in the middle of the square")
	require.Zero(t, finding.HeatMap.At(1, 1))

	finding, err = inspector.Inspect(t.Context(), sheet(0), nil)
	require.NoError(t, err)
	require.Equal(t, hacarustest.Finding{HeatMap: finding.HeatMap}, finding)
}

// An inspector is given the overrides of the training, and the parameters that
// were set for prediction over them.
func TestInspectorFuncGetsAllParameters(t *testing.T) {
	t.Parallel()
	seen := make(chan hacarustest.Parameters, 2)
	s := start(t, hacarustest.WithInspector(hacarustest.InspectorFunc(
		func(_ context.Context, _ image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
			seen <- p
			return hacarustest.Finding{}, nil
		})))
	c := s.Client()
	model, err := c.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{OverrideParams: []hacarus.OverrideParam{
		{AlgorithmParameterID: 201, Value: "8"},
		{AlgorithmParameterID: 202, Value: "0.5"},
	}})
	require.NoError(t, err)
	s.AddItem(hacarus.Item{ItemID: "a"}, plate(180))
	_, err = c.PredictItems(t.Context(), model.ModelID, "a")
	require.NoError(t, err)
	require.Equal(t, hacarustest.Parameters{"min_inspection_step": "8", "threshold": "0.5"}, <-seen)

	_, err = c.SetPredictParameters(t.Context(), model.ModelID, hacarus.PredictParameters{Threshold: new(0.25)})
	require.NoError(t, err)
	_, err = c.PredictItems(t.Context(), model.ModelID, "a")
	require.NoError(t, err)
	require.Equal(t, hacarustest.Parameters{"min_inspection_step": "8", "threshold": "0.25"}, <-seen)
}

// Each algorithm has the trainer of its name: Reconstructor and Pattern Sample
// Inspection do not mind images of another size.
func TestTrainersByAlgorithm(t *testing.T) {
	t.Parallel()
	for algorithm, verdict := range map[string]hacarus.Verdict{"RI": hacarus.VerdictOK, "PM": hacarus.VerdictUnknown, "LPI": hacarus.VerdictUnknown, "PSI": hacarus.VerdictOK} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			c := s.Client()
			s.AddItem(hacarus.Item{ItemID: "good", IsTrainingData: true}, plate(180))
			small := image.NewGray(image.Rect(0, 0, 32, 32))
			for i := range small.Pix {
				small.Pix[i] = 180
			}
			var b bytes.Buffer
			require.NoError(t, png.Encode(&b, small))
			s.AddItem(hacarus.Item{ItemID: "small"}, b.Bytes())
			model, err := c.TrainAndWait(t.Context(), algorithm, hacarus.TrainRequest{})
			require.NoError(t, err)
			_, err = c.PredictItems(t.Context(), model.ModelID, "small")
			require.NoError(t, err)
			require.Equal(t, verdict, itemDone(t.Context(), t, c, "small").Verdict(model.ModelID))
		})
	}
}

// endless learns, and inspects, until its context ends.
type endless struct{ begun chan string }

func (e endless) Train(ctx context.Context, good []image.Image, _ hacarustest.Parameters) (hacarustest.Inspector, error) {
	if len(good) == 0 {
		return e, nil
	}
	e.begun <- "training"
	<-ctx.Done()
	return nil, ctx.Err()
}

func (e endless) Inspect(ctx context.Context, _ image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
	e.begun <- "inspection"
	<-ctx.Done()
	return hacarustest.Finding{}, ctx.Err()
}

// Closing the server ends training and inspection.
func TestCloseEndsInspectors(t *testing.T) {
	t.Parallel()
	for work, begin := range map[string]func(ctx context.Context, c *hacarus.Client) error{
		"training": func(ctx context.Context, c *hacarus.Client) error {
			_, err := c.Train(ctx, "PM", hacarus.TrainRequest{})
			return err
		},
		"inspection": func(ctx context.Context, c *hacarus.Client) error {
			_, err := c.PredictItems(ctx, "seeded", "a")
			return err
		},
	} {
		t.Run(work, func(t *testing.T) {
			t.Parallel()
			begun := make(chan string, 1)
			s := start(t, hacarustest.WithInspector(endless{begun}))
			s.AddModel(hacarus.Model{ModelID: "seeded"})
			s.AddItem(hacarus.Item{ItemID: "t", IsTrainingData: true}, plate(180))
			s.AddItem(hacarus.Item{ItemID: "a"}, plate(180))
			require.NoError(t, begin(t.Context(), s.Client()))
			require.Equal(t, work, <-begun)
			s.Close()
		})
	}
}
