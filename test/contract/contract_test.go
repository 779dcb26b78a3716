package contract

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// scene is a service with something in it, and a client whose requests and
// answers are validated.
type scene struct {
	server    *hacarustest.Server
	client    *hacarus.Client
	validator *validator
	image     []byte
	model     hacarus.Model
	archive   []byte
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{server: hacarustest.NewServer()}
	t.Cleanup(s.server.Close)
	s.validator = newValidator(t, s.server.URL, s.server.Transport())
	s.client = s.clientWith(hacarus.WithLanguage("ja"))
	s.image = plate(t)
	s.server.AddItem(hacarus.Item{ItemID: "trained", IsTrainingData: true}, s.image)
	s.server.AddItem(hacarus.Item{ItemID: "waiting"}, s.image)
	s.model = s.server.AddModel(hacarus.Model{Name: "plates"})
	return s
}

func (s *scene) clientWith(opts ...hacarus.Option) *hacarus.Client {
	own := []hacarus.Option{
		hacarus.WithHTTPClient(&http.Client{Transport: s.validator}),
		hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}),
	}
	return s.server.Client(append(own, opts...)...)
}

func plate(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 32))))
	return b.Bytes()
}

func (s *scene) file(name string) hacarus.File { return hacarus.FileFromBytes(name, s.image) }

func drain(d *hacarus.Download, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return io.ReadAll(d)
}

func discard(_ any, err error) error { return err }

type call func(ctx context.Context, s *scene) error

// calls has at least one call of every operation.
var calls = map[string][]call{
	"login": {func(ctx context.Context, s *scene) error { return discard(s.client.Login(ctx)) }},
	"getInspectionTargets": {
		func(ctx context.Context, s *scene) error { return discard(s.client.ListInspectionTargets(ctx)) },
	},
	"getInspectionTargetById": {
		func(ctx context.Context, s *scene) error { return discard(s.client.GetInspectionTarget(ctx, 1)) },
	},
	"setInspectionTargetById": {
		func(ctx context.Context, s *scene) error { return discard(s.client.SetDefaultInspectionTarget(ctx, 1)) },
	},
	"getModelResults": {
		func(ctx context.Context, s *scene) error {
			return discard(drain(s.client.GetModelResults(ctx, s.model.ModelID, s.model.ModelID)))
		},
		func(ctx context.Context, s *scene) error { return discard(drain(s.client.GetModelResults(ctx))) },
	},
	"getAlgorithms": {func(ctx context.Context, s *scene) error { return discard(s.client.ListAlgorithms(ctx)) }},
	"getAlgorithmById": {
		func(ctx context.Context, s *scene) error { return discard(s.client.GetAlgorithm(ctx, "PM")) },
	},
	"train": {
		func(ctx context.Context, s *scene) error {
			return discard(s.client.Train(ctx, "PM", hacarus.TrainRequest{}))
		},
		func(ctx context.Context, s *scene) error {
			return discard(s.client.Train(ctx, "PM", hacarus.TrainRequest{
				Name:           "plates",
				ItemIDs:        []string{"trained"},
				OverrideParams: []hacarus.OverrideParam{{AlgorithmParameterID: 200, Value: "[8, 8]"}},
			}))
		},
	},
	"getModels": {
		func(ctx context.Context, s *scene) error { return discard(s.client.ListModels(ctx, nil)) },
		func(ctx context.Context, s *scene) error {
			return discard(s.client.ListModels(ctx, &hacarus.ListModelsOptions{AlgorithmID: "PM"}))
		},
	},
	"deleteModels": {
		func(ctx context.Context, s *scene) error {
			extra := s.server.AddModel(hacarus.Model{})
			return discard(s.client.DeleteModels(ctx, extra.ModelID))
		},
	},
	"getModelById": {
		func(ctx context.Context, s *scene) error { return discard(s.client.GetModel(ctx, s.model.ModelID)) },
	},
	"exportModelsWithId": {
		func(ctx context.Context, s *scene) (err error) {
			s.archive, err = drain(s.client.ExportModels(ctx, s.model.ModelID))
			return err
		},
	},
	"importModels": {
		func(ctx context.Context, s *scene) error {
			archive, err := drain(s.client.ExportModels(ctx, s.model.ModelID))
			if err != nil {
				return err
			}
			return discard(s.client.ImportModels(ctx, hacarus.FileFromBytes("models.zip", archive)))
		},
	},
	"setModelPredictParameters": {
		func(ctx context.Context, s *scene) error {
			p := hacarus.PredictParameters{Threshold: new(0.3), IgnoreOuter: "[8, 8]", MinDetectedArea: new(2.5)}
			return discard(s.client.SetPredictParameters(ctx, s.model.ModelID, p))
		},
		func(ctx context.Context, s *scene) error {
			return discard(s.client.SetPredictParameters(ctx, s.model.ModelID, hacarus.PredictParameters{Threshold: new(0.3)}))
		},
	},
	"setModelPredictCallback": {
		func(ctx context.Context, s *scene) error {
			cb := hacarus.PredictCallback{URL: "http://127.0.0.1:1/done", Method: hacarus.CallbackGet}
			return discard(s.client.SetPredictCallback(ctx, s.server.AddModel(hacarus.Model{}).ModelID, cb))
		},
	},
	"predictItems": {
		func(ctx context.Context, s *scene) error {
			return discard(s.client.PredictItems(ctx, s.model.ModelID, "waiting"))
		},
		func(ctx context.Context, s *scene) error {
			return discard(s.client.PredictItems(ctx, hacarus.ActiveModel, "waiting", "trained"))
		},
	},
	"getItemsByType": {
		func(ctx context.Context, s *scene) error {
			return discard(s.client.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypeTraining}))
		},
		func(ctx context.Context, s *scene) error {
			opts := hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction, Count: 5, Page: 2, ModelID: s.model.ModelID}
			return discard(s.client.ListItems(ctx, opts))
		},
	},
	"addItem": {
		func(ctx context.Context, s *scene) error {
			return discard(s.client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{s.file("a.png"), s.file("検査1.png")}}))
		},
		func(ctx context.Context, s *scene) error {
			return discard(s.client.AddItems(ctx, hacarus.AddItemsRequest{
				Files:    []hacarus.File{s.file("t.png")},
				Training: true,
				Good:     new(false),
				ModelID:  s.model.ModelID,
			}))
		},
	},
	"delItem": {
		func(ctx context.Context, s *scene) error {
			s.server.AddItem(hacarus.Item{ItemID: "gone"})
			return s.client.DeleteItems(ctx, "gone")
		},
	},
	"getItemById": {
		func(ctx context.Context, s *scene) error { return discard(s.client.GetItem(ctx, "waiting", nil)) },
		func(ctx context.Context, s *scene) error {
			opts := &hacarus.GetItemOptions{ShowAssessments: new(true), ShowAnnotations: new(false), ModelID: s.model.ModelID}
			return discard(s.client.GetItem(ctx, "trained", opts))
		},
	},
	"annotate": {
		func(ctx context.Context, s *scene) error {
			return s.client.AnnotateItem(ctx, "waiting",
				hacarus.RequestAnnotation{XMin: new(1), XMax: new(2), YMin: new(3), YMax: new(4), Label: new(5), Notes: "chip"},
				hacarus.RequestAnnotation{Notes: "no box"},
			)
		},
	},
	"setLicense": {
		func(ctx context.Context, s *scene) error {
			return discard(s.client.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte("-----BEGIN LICENSE-----"))))
		},
	},
	"getLogs":   {func(ctx context.Context, s *scene) error { return discard(drain(s.client.GetLogs(ctx))) }},
	"getHashId": {func(ctx context.Context, s *scene) error { return discard(s.client.GetHashID(ctx)) }},
}

// Every operation of the description is called, and every request and response
// is as it describes them.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	var described []string
	for _, path := range load(t).Paths.Map() {
		for _, op := range path.Operations() {
			described = append(described, op.OperationID)
		}
	}
	require.NotEmpty(t, described)
	require.ElementsMatch(t, described, slices.Collect(maps.Keys(calls)), "A: testdata/openapi.yaml, B: calls")
	for operation, all := range calls {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, all, "never called")
			s := newScene(t)
			for _, call := range all {
				require.NoError(t, call(t.Context(), s))
			}
			require.GreaterOrEqual(t, len(s.validator.statuses(operation)), len(all), "the validator saw them")
		})
	}
}

// What a test seeds in its barest form is served as described.
func TestSeeded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	target := s.server.AddTarget(hacarus.InspectionTarget{})
	algorithm := s.server.AddAlgorithm(hacarus.Algorithm{Parameters: []hacarus.AlgorithmParameter{{}}})
	model := s.server.AddModel(hacarus.Model{})
	item := s.server.AddItem(hacarus.Item{
		UserAssessment: &hacarus.UserAssessment{Annotations: []hacarus.Annotation{{}}},
		Assessments:    []hacarus.Assessment{{}, {Annotations: []hacarus.Annotation{{}}}},
		Images:         []hacarus.ImageMeta{{}},
	})
	ctx := t.Context()
	require.NoError(t, discard(s.client.GetInspectionTarget(ctx, target.TargetID)))
	require.NoError(t, discard(s.client.GetAlgorithm(ctx, algorithm.AlgorithmID)))
	require.NoError(t, discard(s.client.GetModel(ctx, model.ModelID)))
	require.NoError(t, discard(s.client.GetItem(ctx, item.ItemID, nil)))
	require.NoError(t, discard(s.client.ListItems(ctx, hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction})))
}

// Items, models and pages as they are after the whole job.
func TestWholeJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		ctx := t.Context()
		training, err := s.client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{s.file("T-1.png")}, Training: true, Good: new(true)})
		require.NoError(t, err)
		m, err := s.client.Train(ctx, "PM", hacarus.TrainRequest{ItemIDs: training})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		m, err = s.client.GetModel(ctx, m.ModelID)
		require.NoError(t, err)
		require.Equal(t, hacarus.ModelStatusActive, m.Status)
		_, err = s.client.PredictItems(ctx, m.ModelID, "waiting")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		i, err := s.client.GetItem(ctx, "waiting", nil)
		require.NoError(t, err)
		require.NotEqual(t, hacarus.VerdictUnknown, i.Verdict(m.ModelID))
		require.NoError(t, s.client.AnnotateItem(ctx, "waiting", hacarus.RequestAnnotation{XMin: new(1), XMax: new(2), YMin: new(3), YMax: new(4)}))
		for _, kind := range []hacarus.ItemType{hacarus.ItemTypePrediction, hacarus.ItemTypeTraining} {
			for _, err := range s.client.AllItems(ctx, hacarus.ListItemsOptions{Type: kind, Count: 1}) {
				require.NoError(t, err)
			}
		}
		_, err = drain(s.client.GetModelResults(ctx, m.ModelID))
		require.NoError(t, err)
		_, err = s.client.ListModels(ctx, nil)
		require.NoError(t, err)
	})
}

// Errors have the documented form, also where the documentation has none.
func TestErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		operation string
		call      call
		status    int
	}{
		"wrong credentials": {"login", func(ctx context.Context, s *scene) error {
			return discard(s.clientWith(hacarus.WithCredentials("x", "wrong-secret")).Login(ctx))
		}, 401},
		"no model": {"getModelById", func(ctx context.Context, s *scene) error { return discard(s.client.GetModel(ctx, "x")) }, 404},
		"no model to delete": {"deleteModels", func(ctx context.Context, s *scene) error {
			return discard(s.client.DeleteModels(ctx, "x"))
		}, 404},
		"no model to export": {"exportModelsWithId", func(ctx context.Context, s *scene) error {
			return discard(s.client.ExportModels(ctx, "x"))
		}, 404},
		"no model with results": {"getModelResults", func(ctx context.Context, s *scene) error {
			return discard(s.client.GetModelResults(ctx, "x"))
		}, 404},
		"no archive": {"importModels", func(ctx context.Context, s *scene) error {
			return discard(s.client.ImportModels(ctx, s.file("models.zip")))
		}, 422},
		"no algorithm": {"getAlgorithmById", func(ctx context.Context, s *scene) error { return discard(s.client.GetAlgorithm(ctx, "x")) }, 404},
		"no target": {"getInspectionTargetById", func(ctx context.Context, s *scene) error {
			return discard(s.client.GetInspectionTarget(ctx, 9))
		}, 404},
		"no training item": {"train", func(ctx context.Context, s *scene) error {
			return discard(s.client.Train(ctx, "PM", hacarus.TrainRequest{ItemIDs: []string{"x"}}))
		}, 403},
		"no model to predict with": {"predictItems", func(ctx context.Context, s *scene) error {
			return discard(s.client.PredictItems(ctx, "x", "waiting"))
		}, 400},
		"no item to predict": {"predictItems", func(ctx context.Context, s *scene) error {
			return discard(s.client.PredictItems(ctx, s.model.ModelID, "x"))
		}, 404},
		"no item":           {"getItemById", func(ctx context.Context, s *scene) error { return discard(s.client.GetItem(ctx, "x", nil)) }, 404},
		"no item to delete": {"delItem", func(ctx context.Context, s *scene) error { return s.client.DeleteItems(ctx, "x") }, 404},
		"no item to annotate": {"annotate", func(ctx context.Context, s *scene) error {
			return s.client.AnnotateItem(ctx, "x", hacarus.RequestAnnotation{Notes: "x"})
		}, 404},
		"a bad name": {"addItem", func(ctx context.Context, s *scene) error {
			return discard(s.client.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{s.file("a b.png")}}))
		}, 400},
		"bad parameters": {"setModelPredictParameters", func(ctx context.Context, s *scene) error {
			return discard(s.client.SetPredictParameters(ctx, s.model.ModelID, hacarus.PredictParameters{IgnoreOuter: "wide"}))
		}, 400},
		"no type of items": {"getItemsByType", func(ctx context.Context, s *scene) error {
			return discard(s.client.ListItems(ctx, hacarus.ListItemsOptions{Type: "archived"}))
		}, 422},
		"no license file": {"setLicense", func(ctx context.Context, s *scene) error {
			return discard(s.client.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte(" "))))
		}, 403},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			var answered *hacarus.BaseError
			require.ErrorAs(t, test.call(t.Context(), s), &answered)
			require.Equal(t, []int{test.status}, s.validator.statuses(test.operation))
		})
	}
}

// A validator that finds nothing would pass all tests: it has to find these.
func TestValidatorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	answered := func(status int, contentType, body string) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: status,
				Header:     http.Header{"Content-Type": {contentType}},
				Body:       io.NopCloser(bytes.NewReader([]byte(body))),
				Request:    r,
			}, nil
		})
	}
	const base = "http://127.0.0.1:1"
	tests := map[string]struct {
		method, path string
		next         http.RoundTripper
	}{
		"an unknown path":    {http.MethodGet, "/api/v1/models", answered(200, "application/json", `{"data":[]}`)},
		"an unknown method":  {http.MethodPut, "/api/v1/models/", answered(200, "application/json", `{"data":[]}`)},
		"no required query":  {http.MethodGet, "/api/v1/items/", answered(200, "application/json", `{"data":{}}`)},
		"a wrong type":       {http.MethodGet, "/api/v1/models/", answered(200, "application/json", `{"data":{}}`)},
		"a missing field":    {http.MethodGet, "/api/v1/models/", answered(200, "application/json", `{"data":[{"model_id":"m"}]}`)},
		"a null":             {http.MethodGet, "/api/v1/items/i", answered(200, "application/json", `{"data":{"assessments":null}}`)},
		"an unknown status":  {http.MethodGet, "/api/v1/items/i", answered(409, "application/json", `{}`)},
		"a wrong media type": {http.MethodGet, "/api/v1/models/", answered(200, "text/html", `<html>`)},
		"a list of details":  {http.MethodGet, "/api/v1/items/i", answered(404, "application/json", `{"errors":{"detail":["x"]}}`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := &testing.T{}
			v := newValidator(t, base, test.next)
			v.t = inner
			r, err := http.NewRequestWithContext(t.Context(), test.method, base+test.path, http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer x")
			_, err = v.RoundTrip(r) //nolint:bodyclose // in memory
			require.True(t, err != nil || inner.Failed())
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestFilesAreBinary holds that the description is valid and calls every file
// binary, so that clients which are generated from it take files for files: in
// requests those parts that the SDK sends as files, in responses all that is
// not JSON.
func TestFilesAreBinary(t *testing.T) {
	t.Parallel()
	document := load(t)
	for schema, part := range map[string]string{"AddItemRequest": "files", "ImportModels": "models", "License": "license_data"} {
		file := document.Components.Schemas[schema].Value.Properties[part].Value
		if file.Items != nil {
			file = file.Items.Value
		}
		require.True(t, file.Type.Is("string"), schema)
		require.Equal(t, "binary", file.Format, "%s.%s", schema, part)
	}
	var binary []string
	for _, path := range document.Paths.Map() {
		for _, op := range path.Operations() {
			if op.RequestBody != nil {
				for contentType := range op.RequestBody.Value.Content {
					require.Contains(t, []string{"application/json", "multipart/form-data"}, contentType, op.OperationID)
				}
			}
			for status, response := range op.Responses.Map() {
				for contentType, media := range response.Value.Content {
					if contentType == "application/json" {
						continue
					}
					require.Equal(t, "binary", media.Schema.Value.Format, "%s %s", op.OperationID, status)
					binary = append(binary, op.OperationID)
				}
			}
		}
	}
	slices.Sort(binary)
	require.Equal(t, []string{"exportModelsWithId", "getLogs", "getModelResults"}, binary)
}

// TestDescriptionNamesItsSource holds that a reader of the description alone
// learns where it comes from.
func TestDescriptionNamesItsSource(t *testing.T) {
	t.Parallel()
	document := load(t)
	require.NotNil(t, document.ExternalDocs)
	require.NotEmpty(t, document.ExternalDocs.URL)
	require.Contains(t, document.Info.Description, "binary")
}
