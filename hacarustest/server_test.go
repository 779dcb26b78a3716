package hacarustest_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// The job that the service is for: train from good images, find the bad one.
func TestTrainAndInspect(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := start(t).Client()

	training, err := c.AddItems(ctx, hacarus.AddItemsRequest{
		Files:    []hacarus.File{plateFile("T-1.png"), plateFile("T-2.png")},
		Training: true,
		Good:     new(true),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"T-1", "T-2"}, training)

	model, err := c.Train(ctx, "PM", hacarus.TrainRequest{Name: "plates", ItemIDs: training})
	require.NoError(t, err)
	require.Equal(t, hacarus.ModelStatusCreating, model.Status)
	model = modelWith(ctx, t, c, model.ModelID, hacarus.ModelStatusActive)
	require.Equal(t, "plates", model.Name)
	require.True(t, model.Active)
	require.Equal(t, 2, model.OKImgCount)

	spot := image.Rect(20, 16, 36, 32)
	ids, err := c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("good.png"), plateFile("bad.png", spot)}})
	require.NoError(t, err)
	predicted, err := c.PredictItems(ctx, model.ModelID, ids...)
	require.NoError(t, err)
	require.Equal(t, &hacarus.PredictItemsResponse{ModelVersion: model.Version, ItemIDs: ids}, predicted)

	require.Equal(t, hacarus.VerdictOK, itemDone(ctx, t, c, "good").Verdict(model.ModelID))
	bad := itemDone(ctx, t, c, "bad")
	require.Equal(t, hacarus.VerdictNG, bad.Verdict(model.ModelID))
	box, ok := bad.Assessments[0].Annotations[0].Rect()
	require.True(t, ok)
	require.True(t, box.Overlaps(spot), "%v", box)
}

func TestTraining(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		items      []string
		override   []hacarus.OverrideParam
		status     hacarus.ModelStatus
		statusText string
	}{
		"all items":         {nil, nil, hacarus.ModelStatusActive, ""},
		"parameters":        {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 202, Value: "0.5"}}, hacarus.ModelStatusActive, ""},
		"a tuple":           {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 200, Value: "[8, 8]"}}, hacarus.ModelStatusActive, ""},
		"a default":         {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 204, Value: "0"}}, hacarus.ModelStatusActive, ""},
		"out of range":      {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 202, Value: "-1"}}, hacarus.ModelStatusFailed, "Malformed parameters detected. Please check parameters before training!"},
		"no number":         {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 202, Value: "much"}}, hacarus.ModelStatusFailed, "Malformed parameters detected. Please check parameters before training!"},
		"unknown parameter": {[]string{"a"}, []hacarus.OverrideParam{{AlgorithmParameterID: 999, Value: "1"}}, hacarus.ModelStatusFailed, "Malformed parameters detected. Please check parameters before training!"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.AddItem(hacarus.Item{ItemID: "a", IsTrainingData: true}, plate(180))
			s.AddItem(hacarus.Item{ItemID: "b", IsTrainingData: true}, plate(181))
			c := s.Client()
			m, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{ItemIDs: test.items, OverrideParams: test.override})
			require.NoError(t, err)
			require.Equal(t, hacarus.ModelStatusCreating, m.Status)
			require.Equal(t, test.statusText, modelWith(t.Context(), t, c, m.ModelID, test.status).StatusText)
		})
	}
}

func TestTrainingWithNothingFails(t *testing.T) {
	t.Parallel()
	c := start(t).Client()
	m, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
	require.NoError(t, err)
	require.NotEmpty(t, modelWith(t.Context(), t, c, m.ModelID, hacarus.ModelStatusFailed).StatusText)
	_, err = c.PredictItems(t.Context(), m.ModelID, "x")
	require.ErrorIs(t, err, hacarus.ErrBadRequest)
}

// The titles and statuses of the real service's errors, in both languages.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "i"})
	en, ja := s.Client(once()), s.Client(once(), hacarus.WithLanguage("ja"))
	ctx := t.Context()
	upload := func(name string, content []byte) func(*hacarus.Client) error {
		return func(c *hacarus.Client) error {
			_, err := c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes(name, content)}})
			return err
		}
	}
	tests := map[string]struct {
		call   func(c *hacarus.Client) error
		kind   error
		en, ja string // title, or the detail if that is empty
	}{
		"no such model": {
			func(c *hacarus.Client) error { _, err := c.GetModel(ctx, "x"); return err },
			hacarus.ErrNotFound, "No model found", "モデルが見つかりません。",
		},
		"nothing to delete": {
			func(c *hacarus.Client) error { _, err := c.DeleteModels(ctx, "m", "x"); return err },
			hacarus.ErrNotFound, "No model found", "モデルが見つかりません。",
		},
		"no such algorithm": {
			func(c *hacarus.Client) error { _, err := c.GetAlgorithm(ctx, "x"); return err },
			hacarus.ErrNotFound, "No algorithms found", "アルゴリズムが見つかりません。",
		},
		"no such target": {
			func(c *hacarus.Client) error { _, err := c.GetInspectionTarget(ctx, 7); return err },
			hacarus.ErrNotFound, "Cannot find context", "コンテキストが見つかりません。",
		},
		"no such item": {
			func(c *hacarus.Client) error { _, err := c.GetItem(ctx, "x", nil); return err },
			hacarus.ErrNotFound, "No match for item_id!", "item_idに一致するアイテムがありません。",
		},
		"nothing to predict": {
			func(c *hacarus.Client) error { _, err := c.PredictItems(ctx, "m", "x"); return err },
			hacarus.ErrNotFound, "Cannot find items", "アイテムが見つかりません。",
		},
		"nothing to predict with": {
			func(c *hacarus.Client) error { _, err := c.PredictItems(ctx, "x", "i"); return err },
			hacarus.ErrBadRequest, "There is no available model", "利用できるモデルがありません。",
		},
		"nothing to learn from": {
			func(c *hacarus.Client) error {
				_, err := c.Train(ctx, "PM", hacarus.TrainRequest{ItemIDs: []string{"x"}})
				return err
			},
			hacarus.ErrForbidden, "You do not have access to one or more item ids provided", "指定されたアイテムIDの一部にアクセスできません。",
		},
		"a name with a space": {upload("NewItem invalid.png", plate(9)), hacarus.ErrBadRequest, "Invalid Request", "無効なリクエストです。"},
		"a name with dots":    {upload("a.b.png", plate(9)), hacarus.ErrBadRequest, "Invalid Request", "無効なリクエストです。"},
		"no image":            {upload("a.png", []byte("text")), hacarus.ErrBadRequest, "Invalid Request", "無効なリクエストです。"},
		"an empty license": {
			func(c *hacarus.Client) error {
				_, err := c.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte(" ")))
				return err
			},
			hacarus.ErrForbidden, "Invalid license!", "ライセンスが無効です。",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for want, c := range map[string]*hacarus.Client{test.en: en, test.ja: ja} {
				err := test.call(c)
				require.ErrorIs(t, err, test.kind)
				var answered *hacarus.BaseError
				require.ErrorAs(t, err, &answered)
				require.Contains(t, []string{answered.Errors.Title, answered.Errors.Detail}, want)
				require.Equal(t, answered.StatusCode, answered.Errors.Status)
				require.NotEmpty(t, answered.Errors.Source.Pointer)
				require.NotEmpty(t, answered.RequestID)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := map[string]struct{ id, secret, title string }{
		"wrong id":     {"x", s.ClientSecret, "Cannot find client information"},
		"wrong secret": {s.ClientID, "wrong-secret", "Client id and secret mismatch"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := s.Client(hacarus.WithCredentials(test.id, test.secret))
			_, err := c.Login(t.Context())
			require.ErrorIs(t, err, hacarus.ErrUnauthorized)
			var answered *hacarus.BaseError
			require.ErrorAs(t, err, &answered)
			require.Equal(t, test.title, answered.Errors.Title)
			require.Equal(t, "/api/auth/token", answered.Errors.Source.Pointer)
		})
	}
	token, err := s.Client().Login(t.Context())
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), token.Expiry, time.Minute)
}

// A token that expired or was revoked is refused; the client gets another one.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*hacarustest.Server){
		"expired": func(s *hacarustest.Server) { s.Advance(time.Hour) },
		"revoked": (*hacarustest.Server).RevokeTokens,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, hacarustest.WithTokenLifetime(time.Hour))
			c := s.Client()
			_, err := c.GetHashID(t.Context())
			require.NoError(t, err)
			end(s)
			_, err = c.GetHashID(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, s.Executions("login"))
			require.Equal(t, 2, s.Executions("getHashId"))
			calls := s.Calls("getHashId")
			require.Len(t, calls, 3)
			require.Equal(t, http.StatusUnauthorized, calls[1].StatusCode)
			require.False(t, calls[1].Executed)
		})
	}
}

func TestLicense(t *testing.T) {
	t.Parallel()
	s := start(t, hacarustest.WithoutLicense())
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "i"}, plate(180))
	c := s.Client()
	ctx := t.Context()
	needing := map[string]func() error{
		"train":   func() error { _, err := c.Train(ctx, "PM", hacarus.TrainRequest{}); return err },
		"predict": func() error { _, err := c.PredictItems(ctx, "m", "i"); return err },
		"upload": func() error {
			_, err := c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("u.png")}})
			return err
		},
	}
	each := func(check func(err error)) {
		for _, call := range needing {
			check(call())
		}
	}
	each(func(err error) { require.ErrorIs(t, err, hacarus.ErrLicense) })

	file := hacarus.FileFromBytes("license0", []byte("-----BEGIN LICENSE-----"))
	license, err := c.SetLicense(ctx, file)
	require.NoError(t, err)
	require.Equal(t, time.Now().UTC().AddDate(0, 0, 365).Format(time.DateOnly), license.LicenseExpiry)
	each(func(err error) { require.NoError(t, err) })

	_, err = c.SetLicense(ctx, file)
	require.ErrorIs(t, err, hacarus.ErrForbidden)
	s.Advance(366 * 24 * time.Hour)
	each(func(err error) { require.ErrorIs(t, err, hacarus.ErrLicense) })
}

func TestItems(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := start(t, hacarustest.WithInspector(hacarustest.InspectorFunc(byBrightness)))
	c := s.Client()
	s.AddModel(hacarus.Model{ModelID: "m1"})
	s.AddModel(hacarus.Model{ModelID: "m2"})
	content := plate(0)
	_, err := c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes("dark.png", content)}})
	require.NoError(t, err)
	before, err := c.GetItem(ctx, "dark", nil)
	require.NoError(t, err)
	require.Equal(t, hacarus.ItemStatusPending, before.Status)
	require.Equal(t, hacarus.VerdictUnknown, before.Verdict(""))
	require.Equal(t, 64, before.Images[0].Width)
	require.Equal(t, 48, before.Images[0].Height)

	picture, err := c.GetImage(ctx, before.Images[0])
	require.NoError(t, err)
	served, err := io.ReadAll(picture)
	require.NoError(t, err)
	require.Equal(t, content, served)
	require.Equal(t, "image/png", picture.ContentType)
	require.NoError(t, picture.Close())

	for _, model := range []string{"m1", hacarus.ActiveModel} {
		_, err = c.PredictItems(ctx, model, "dark")
		require.NoError(t, err)
		itemDone(ctx, t, c, "dark")
	}
	require.NoError(t, c.AnnotateItem(ctx, "dark", hacarus.RequestAnnotation{XMin: new(1), XMax: new(5), YMin: new(2), YMax: new(6), Label: new(3), Notes: "chip"}))

	t.Run("whole", func(t *testing.T) {
		i, err := c.GetItem(ctx, "dark", nil)
		require.NoError(t, err)
		require.Len(t, i.Assessments, 2)
		a := i.Assessments[1]
		require.Equal(t, "m2", a.ModelID)
		require.Equal(t, hacarus.LabelNG, a.Label)
		score, ok := a.Score()
		require.True(t, ok)
		require.InDelta(t, 1, score, 1e-9)
		require.Equal(t, 1, *a.DetectedObjects)
		require.InDelta(t, 42, *a.Annotations[0].DefectSize, 1e-9)
		require.Len(t, i.UserAssessment.Annotations, 1)
		require.Equal(t, "chip", i.UserAssessment.Annotations[0].Notes)
		box, ok := i.UserAssessment.Annotations[0].Rect()
		require.True(t, ok)
		require.Equal(t, image.Rect(1, 2, 5, 6), box)
	})
	t.Run("of one model", func(t *testing.T) {
		i, err := c.GetItem(ctx, "dark", &hacarus.GetItemOptions{ModelID: "m1", ShowAnnotations: new(false)})
		require.NoError(t, err)
		require.Len(t, i.Assessments, 1)
		require.Empty(t, i.Assessments[0].Annotations)
		require.Empty(t, i.UserAssessment.Annotations)
	})
	t.Run("without assessments", func(t *testing.T) {
		i, err := c.GetItem(ctx, "dark", &hacarus.GetItemOptions{ShowAssessments: new(false)})
		require.NoError(t, err)
		require.Empty(t, i.Assessments)
	})
	t.Run("results", func(t *testing.T) {
		d, err := c.GetModelResults(ctx, "m2")
		require.NoError(t, err)
		defer d.Close()
		rows, err := csv.NewReader(d).ReadAll()
		require.NoError(t, err)
		require.Equal(t, [][]string{
			{"item_id", "name", "model_id", "label", "result", "anomaly_score", "detected_objects"},
			{"dark", "dark", "m2", "NG", "[PM] Defected product", "1.000000", "1"},
		}, rows)
		all, err := c.GetModelResults(ctx)
		require.NoError(t, err)
		defer all.Close()
		rows, err = csv.NewReader(all).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 3, "those of both models")
	})
	t.Run("deleted", func(t *testing.T) {
		require.NoError(t, c.DeleteItems(ctx, "dark"))
		_, err := c.GetItem(ctx, "dark", nil)
		require.ErrorIs(t, err, hacarus.ErrNotFound)
		_, err = c.GetImage(ctx, before.Images[0])
		require.ErrorIs(t, err, hacarus.ErrNotFound)
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	for range 45 {
		s.AddItem(hacarus.Item{})
	}
	s.AddItem(hacarus.Item{ItemID: "training", IsTrainingData: true})
	c := s.Client()
	tests := map[string]struct {
		opts       hacarus.ListItemsOptions
		items, end int
	}{
		"first":       {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction}, 20, 3},
		"last":        {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Page: 3}, 5, 3},
		"beyond":      {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Page: 4}, 0, 3},
		"large":       {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: 100}, 45, 1},
		"exact":       {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: 9, Page: 5}, 9, 5},
		"training":    {hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining}, 1, 1},
		"of no model": {hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, ModelID: "x"}, 0, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := c.ListItems(t.Context(), test.opts)
			require.NoError(t, err)
			require.Len(t, page.Items, test.items)
			require.Equal(t, test.end, page.EndPage)
			require.Equal(t, max(test.opts.Page, 1), page.CurrentPage)
		})
	}
	n := 0
	for item, err := range c.AllItems(t.Context(), hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: 7}) {
		require.NoError(t, err)
		require.NotEmpty(t, item.ItemID)
		n++
	}
	require.Equal(t, 45, n)
}

// An exported model says the same of the same image after its import.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, to := start(t), start(t)
	from.AddItem(hacarus.Item{ItemID: "a", IsTrainingData: true}, plate(180))
	source, target := from.Client(), to.Client()
	m, err := source.Train(ctx, "PM", hacarus.TrainRequest{Name: "plates"})
	require.NoError(t, err)
	modelWith(ctx, t, source, m.ModelID, hacarus.ModelStatusActive)
	d, err := source.ExportModels(ctx, m.ModelID)
	require.NoError(t, err)
	defer d.Close()
	archive, err := io.ReadAll(d)
	require.NoError(t, err)

	models, err := target.ImportModels(ctx, hacarus.FileFromBytes("models.zip", archive))
	require.NoError(t, err)
	require.Len(t, models, 1)
	require.Equal(t, "plates", models[0].Name)
	modelWith(ctx, t, target, models[0].ModelID, hacarus.ModelStatusActive)

	spot := image.Rect(8, 8, 30, 30)
	var scores []string
	for c, id := range map[*hacarus.Client]string{source: m.ModelID, target: models[0].ModelID} {
		_, err = c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("bad.png", spot)}})
		require.NoError(t, err)
		_, err = c.PredictItems(ctx, id, "bad")
		require.NoError(t, err)
		i := itemDone(ctx, t, c, "bad")
		require.Equal(t, hacarus.VerdictNG, i.Verdict(id))
		scores = append(scores, i.Assessments[0].AnomalyScore)
	}
	require.Equal(t, scores[0], scores[1])

	_, err = target.ImportModels(ctx, hacarus.FileFromBytes("models.zip", []byte("PK no archive")))
	require.ErrorIs(t, err, hacarus.ErrUnprocessable)
}

func TestModels(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := start(t, hacarustest.WithInspector(hacarustest.InspectorFunc(byBrightness)))
	c := s.Client()
	s.AddModel(hacarus.Model{ModelID: "old"})
	s.AddModel(hacarus.Model{ModelID: "new", AlgorithmID: "RI"})
	s.AddItem(hacarus.Item{ItemID: "gray"}, plate(100))

	models, err := c.ListModels(ctx, &hacarus.ListModelsOptions{AlgorithmID: "RI"})
	require.NoError(t, err)
	require.Len(t, models, 1)
	require.Equal(t, "new", models[0].ModelID)

	verdict := func(threshold float64) hacarus.Verdict {
		p, err := c.SetPredictParameters(ctx, "old", hacarus.PredictParameters{Threshold: &threshold})
		require.NoError(t, err)
		require.InDelta(t, threshold, *p.Threshold, 1e-9)
		_, err = c.PredictItems(ctx, "old", "gray")
		require.NoError(t, err)
		return itemDone(ctx, t, c, "gray").Verdict("old")
	}
	require.Equal(t, hacarus.VerdictNG, verdict(0.1))
	require.Equal(t, hacarus.VerdictOK, verdict(0.9))

	_, err = c.SetPredictParameters(ctx, "old", hacarus.PredictParameters{IgnoreOuter: "wide"})
	require.ErrorIs(t, err, hacarus.ErrBadRequest)

	deleted, err := c.DeleteModels(ctx, "new")
	require.NoError(t, err)
	require.Equal(t, []string{"new"}, deleted)
	predicted, err := c.PredictItems(ctx, hacarus.ActiveModel, "gray")
	require.NoError(t, err)
	old, err := c.GetModel(ctx, "old")
	require.NoError(t, err)
	require.Equal(t, old.Version, predicted.ModelVersion)
}

func TestTargetsAndUtilities(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := start(t)
	added := s.AddTarget(hacarus.InspectionTarget{Name: "Blocks"})
	c := s.Client()
	targets, err := c.ListInspectionTargets(ctx)
	require.NoError(t, err)
	require.Len(t, targets, 2)
	target, err := c.SetDefaultInspectionTarget(ctx, added.TargetID)
	require.NoError(t, err)
	require.Equal(t, &added, target)
	m := s.AddModel(hacarus.Model{})
	require.Equal(t, added.TargetID, m.ContextID)

	algorithms, err := c.ListAlgorithms(ctx)
	require.NoError(t, err)
	names := []string{}
	for _, a := range algorithms {
		names = append(names, a.Name)
	}
	require.Equal(t, []string{"Pattern Matching", "Reconstructor Inspection", "Local Pattern Inspection", "Pattern Sample Inspection (Beta)"}, names)
	own := s.AddAlgorithm(hacarus.Algorithm{AlgorithmID: "own"})
	a, err := c.GetAlgorithm(ctx, "own")
	require.NoError(t, err)
	require.Equal(t, own.Name, a.Name)

	id, err := c.GetHashID(ctx)
	require.NoError(t, err)
	require.Len(t, id, 64)

	d, err := c.GetLogs(ctx)
	require.NoError(t, err)
	defer d.Close()
	raw, err := io.ReadAll(d)
	require.NoError(t, err)
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	require.Len(t, archive.File, 1)
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	for _, method := range []string{hacarus.CallbackPost, hacarus.CallbackGet} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			type called struct {
				method string
				items  []hacarus.Item
			}
			calls := make(chan called, 4)
			line := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				var body struct{ Items []hacarus.Item }
				assert.NoError(t, json.NewDecoder(r.Body).Decode(&body))
				calls <- called{r.Method, body.Items}
			}))
			t.Cleanup(line.Close)
			s := start(t, hacarustest.WithInspector(hacarustest.InspectorFunc(byBrightness)))
			s.AddModel(hacarus.Model{ModelID: "m"})
			s.AddItem(hacarus.Item{ItemID: "a"}, plate(0))
			s.AddItem(hacarus.Item{ItemID: "broken"}, []byte("no image"))
			c := s.Client()
			_, err := c.SetPredictCallback(t.Context(), "m", hacarus.PredictCallback{URL: line.URL + "/done", Method: method})
			require.NoError(t, err)
			_, err = c.PredictItems(t.Context(), "m", "broken")
			require.NoError(t, err)
			itemDone(t.Context(), t, c, "broken")
			_, err = c.PredictItems(t.Context(), "m", "a", "broken")
			require.NoError(t, err)
			got := <-calls
			require.Equal(t, method, map[string]string{http.MethodPost: "post", http.MethodGet: "get"}[got.method])
			require.Len(t, got.items, 1, "a failed prediction does not call back")
			require.Equal(t, "a", got.items[0].ItemID)
			require.Equal(t, hacarus.VerdictNG, got.items[0].Verdict("m"))
		})
	}
}

func TestUploadLimit(t *testing.T) {
	t.Parallel()
	s := start(t, hacarustest.WithUploadLimit(100))
	_, err := s.Client().AddItems(t.Context(), hacarus.AddItemsRequest{Files: []hacarus.File{plateFile("a.png")}})
	require.ErrorIs(t, err, hacarus.ErrTooLarge)
	require.Zero(t, s.Executions("addItem"))
}

// Files whose names differ in the extension only would be one item.
func TestUploadsOfOneID(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.Client()
	files := []hacarus.File{plateFile("OK-01.jpg"), plateFile("OK-02.png"), plateFile("OK-01.png")}
	_, err := c.AddItems(t.Context(), hacarus.AddItemsRequest{Files: files})
	require.ErrorIs(t, err, hacarus.ErrBadRequest)
	var answered *hacarus.BaseError
	require.ErrorAs(t, err, &answered)
	require.Equal(t, []hacarus.KeyValueError{{Key: "files", Errors: []string{"OK-01.png"}}}, answered.Errors.Message)
	require.Zero(t, s.Executions("addItem"))
	_, err = c.GetItem(t.Context(), "OK-02", nil)
	require.ErrorIs(t, err, hacarus.ErrNotFound, "all of them or none")

	_, err = c.AddItems(t.Context(), hacarus.AddItemsRequest{Files: files[:2]})
	require.NoError(t, err)
	_, err = c.AddItems(t.Context(), hacarus.AddItemsRequest{Files: files[2:]})
	require.NoError(t, err, "another request makes the item anew")
}

// In a bubble, hours of training pass at once, and no port is open.
func TestInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := hacarustest.NewServer(hacarustest.WithTrainingTime(3*time.Hour), hacarustest.WithPredictionTime(time.Minute))
		defer s.Close()
		c := s.Client()
		s.AddItem(hacarus.Item{ItemID: "t", IsTrainingData: true}, plate(180))
		s.AddItem(hacarus.Item{ItemID: "i"}, plate(180))
		m, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
		require.NoError(t, err)
		time.Sleep(3*time.Hour - time.Second)
		m, err = c.GetModel(t.Context(), m.ModelID)
		require.NoError(t, err)
		require.Equal(t, hacarus.ModelStatusCreating, m.Status)
		time.Sleep(2 * time.Second)
		m, err = c.GetModel(t.Context(), m.ModelID)
		require.NoError(t, err)
		require.Equal(t, hacarus.ModelStatusActive, m.Status)
		_, err = c.PredictItems(t.Context(), m.ModelID, "i")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		i, err := c.GetItem(t.Context(), "i", nil)
		require.NoError(t, err)
		require.Equal(t, hacarus.VerdictOK, i.Verdict(m.ModelID))
	})
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hacarustest.WithKeepAlive(2*time.Second))
		c := s.Client()
		made := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if !info.Reused {
				made++
			}
		}})
		for _, pause := range []time.Duration{0, 1999 * time.Millisecond, 2001 * time.Millisecond, time.Second} {
			time.Sleep(pause)
			_, err := c.GetHashID(ctx)
			require.NoError(t, err)
		}
		require.Equal(t, 2, made, "one connection for the first two calls, one for the others")
	})
}

// A test that sees a call wait can let it go on.
func TestAdvancePastADelay(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.Client()
	for range 20 {
		s.ResetCalls()
		s.Inject("getHashId", hacarustest.Delay(time.Hour))
		done := make(chan error, 1)
		go func() {
			_, err := c.GetHashID(t.Context())
			done <- err
		}()
		for len(s.Calls("getHashId")) == 0 {
			runtime.Gosched()
		}
		s.Advance(time.Hour)
		require.NoError(t, <-done)
	}
}

// What a call began is over as soon as the clock is moved past it, however soon
// after the call that is.
func TestAdvance(t *testing.T) {
	t.Parallel()
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			var called atomic.Int64
			line := handlerTransport{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) })}
			s := start(t, hacarustest.WithTrainingTime(time.Hour), hacarustest.WithPredictionTime(time.Hour), hacarustest.WithCallbackTransport(line))
			s.AddModel(hacarus.Model{ModelID: "m"})
			s.AddItem(hacarus.Item{ItemID: "a"}, plate(180))
			s.AddItem(hacarus.Item{ItemID: "t", IsTrainingData: true}, plate(180))
			s.Inject(hacarustest.Callback, hacarustest.Delay(time.Hour))
			c := s.Client()
			_, err := c.SetPredictCallback(t.Context(), "m", hacarus.PredictCallback{URL: "http://line/done", Method: hacarus.CallbackPost})
			require.NoError(t, err)
			trained, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
			require.NoError(t, err)
			_, err = c.PredictItems(t.Context(), "m", "a")
			require.NoError(t, err)

			s.Advance(time.Hour)
			synctest.Wait()
			m, err := c.GetModel(t.Context(), trained.ModelID)
			require.NoError(t, err)
			require.Equal(t, hacarus.ModelStatusActive, m.Status)
			item, err := c.GetItem(t.Context(), "a", nil)
			require.NoError(t, err)
			require.Equal(t, hacarus.ItemStatusDone, item.Status)
			require.Zero(t, called.Load())

			s.Advance(time.Hour)
			synctest.Wait()
			require.EqualValues(t, 1, called.Load())
			require.Zero(t, time.Since(begun))
		})
	}
}

func TestTransportReachesOneHost(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := &http.Client{Transport: s.Transport()}
	c, err := hacarus.New(s.URL, hacarus.WithCredentials(s.ClientID, s.ClientSecret), hacarus.WithHTTPClient(client))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	_, err = c.GetHashID(t.Context())
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", http.NoBody)
	require.NoError(t, err)
	_, err = client.Do(r) //nolint:bodyclose // there is none
	require.Error(t, err)
}

// Close breaks off jobs, ends clients, and may be called again.
func TestClose(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer(hacarustest.WithTrainingTime(time.Hour))
	c := s.Client()
	_, err := c.Train(t.Context(), "PM", hacarus.TrainRequest{})
	require.NoError(t, err)
	s.Close()
	s.Close()
	_, err = c.GetHashID(t.Context())
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
}

func TestRequestsWithoutAToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{"/api/v1/items/?item_type=training", "/raw/0123", "/api/v1/models/"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusUnauthorized, answer.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}
