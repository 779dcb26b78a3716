package hacarustest_test

import (
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// What the server has is there again in another one on the same folder.
func TestWithData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	good, err := os.ReadFile(filepath.Join("..", "testdata", "plates", "train", "T-001.jpg"))
	require.NoError(t, err)
	bad, err := os.ReadFile(filepath.Join("..", "testdata", "plates", "inspect", "NG-05-stain.jpg"))
	require.NoError(t, err)

	first := hacarustest.NewServer(hacarustest.WithData(dir), hacarustest.WithoutLicense())
	client := first.Client()
	_, err = client.SetLicense(t.Context(), hacarus.FileFromBytes("license", []byte("a license")))
	require.NoError(t, err)
	ids, err := client.AddItems(t.Context(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromBytes("good.jpg", good)}, Training: true, Good: new(true),
	})
	require.NoError(t, err)
	model, err := client.TrainAndWait(t.Context(), "PM", hacarus.TrainRequest{Name: "kept", ItemIDs: ids})
	require.NoError(t, err)
	inspect := func(client *hacarus.Client, name string) *hacarus.Item {
		for inspection, err := range client.Inspect(t.Context(), hacarus.InspectRequest{
			ModelID: model.ModelID, Files: []hacarus.File{hacarus.FileFromBytes(name, bad)},
		}) {
			require.NoError(t, err)
			require.NoError(t, inspection.Err)
			return inspection.Item
		}
		return nil
	}
	item := inspect(client, "bad.jpg")
	require.NoError(t, client.AnnotateItem(t.Context(), "bad", hacarus.RequestAnnotation{Notes: "a stain"}))
	models, err := client.ListModels(t.Context(), nil)
	require.NoError(t, err)
	first.Close()

	second := hacarustest.NewServer(hacarustest.WithData(dir), hacarustest.WithoutLicense())
	t.Cleanup(second.Close)
	client = second.Client()
	again, err := client.ListModels(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, models, again)
	active, err := client.GetModel(t.Context(), hacarus.ActiveModel)
	require.NoError(t, err)
	require.Equal(t, model.ModelID, active.ModelID)
	kept, err := client.GetItem(t.Context(), "bad", nil)
	require.NoError(t, err)
	heat := kept.Assessments[0].Images[0]
	item.Assessments[0].Images[0].URL = heat.URL // which is another server's
	require.Equal(t, item.Assessments, kept.Assessments)
	heatMap, err := client.GetImage(t.Context(), heat)
	require.NoError(t, err)
	_, err = png.Decode(heatMap)
	require.NoError(t, err)
	require.NoError(t, heatMap.Close())
	require.Equal(t, "a stain", kept.UserAssessment.Annotations[0].Notes)
	image, err := client.GetImage(t.Context(), kept.Images[0])
	require.NoError(t, err)
	content, err := io.ReadAll(image)
	require.NoError(t, err)
	require.Equal(t, bad, content)
	require.Equal(t, item.Assessments[0].AnomalyScore, inspect(client, "other.jpg").Assessments[0].AnomalyScore, "the model is the same")
	_, err = client.SetLicense(t.Context(), hacarus.FileFromBytes("license", []byte("a license")))
	require.ErrorIs(t, err, hacarus.ErrLicense, "installed already")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600))
	require.Panics(t, func() { hacarustest.NewServer(hacarustest.WithData(dir)) })
}

// A change is written soon, and not only by Close; what was under way when the
// process died is as if it had failed.
func TestWithDataKilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := hacarustest.NewServer(hacarustest.WithData(dir), hacarustest.WithPredictionTime(time.Hour), hacarustest.WithTrainingTime(time.Hour))
		defer first.Close()
		client := first.Client()
		first.AddModel(hacarus.Model{ModelID: "m"})
		plate, err := os.ReadFile(filepath.Join("..", "testdata", "plates", "train", "T-001.jpg"))
		require.NoError(t, err)
		for _, training := range []bool{true, false} {
			_, err = client.AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes("plate.jpg", plate)}, Training: training})
			require.NoError(t, err)
			if training {
				_, err = client.Train(t.Context(), "PM", hacarus.TrainRequest{Name: "unfinished"})
				require.NoError(t, err)
			}
		}
		_, err = client.PredictItems(t.Context(), "m", "plate")
		require.NoError(t, err)
		time.Sleep(time.Second)

		second := hacarustest.NewServer(hacarustest.WithData(dir))
		defer second.Close()
		item, err := second.Client().GetItem(t.Context(), "plate", nil)
		require.NoError(t, err)
		require.Equal(t, hacarus.ItemStatusDone, item.Status)
		require.Empty(t, item.Assessments)
		models, err := second.Client().ListModels(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, models, 2)
		trained, err := second.Client().WaitForModel(t.Context(), models[1].ModelID)
		require.NoError(t, err)
		require.Equal(t, "unfinished", trained.Name)
	})
}
