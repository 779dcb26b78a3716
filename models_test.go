package hacarus

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCallbackArgumentsAreNeverSent holds also that no error repeats the URL,
// which may hold a secret.
func TestCallbackArgumentsAreNeverSent(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-hook"
	calls := map[string]func(context.Context, *Client) error{}
	for name, cb := range map[string]PredictCallback{
		"method":    {"https://h/" + secret, "POST"},
		"no method": {"https://h/" + secret, ""},
		"no url":    {"", CallbackPost},
		"relative":  {"/" + secret, CallbackPost},
		"scheme":    {"ftp://h/" + secret, CallbackPost},
		"host":      {"https:///" + secret, CallbackPost},
		"fragment":  {"https://h/x#" + secret, CallbackPost},
		"space":     {"https://h/a " + secret, CallbackPost},
		"port":      {"https://h:0/" + secret, CallbackPost},
		"nonsense":  {"https://h/%zz" + secret, CallbackGet},
	} {
		calls[name] = func(ctx context.Context, c *Client) error {
			_, err := c.SetPredictCallback(ctx, "m", cb)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
			return err
		}
	}
	neverSent(t, calls)
}

// TestActiveModel: "active" goes to the service as it is.
func TestActiveModel(t *testing.T) {
	t.Parallel()
	var requests requestLog
	c := overMemory(t, &fakeService{next: requests.before(t, inTurn(ok(modelBody), ok(`{"data":{"item_ids":["a"]}}`), ok(modelBody)))})
	model, err := c.GetModel(t.Context(), ActiveModel)
	require.NoError(t, err)
	require.Equal(t, "m1", model.ModelID)
	_, err = c.PredictItems(t.Context(), ActiveModel, "a")
	require.NoError(t, err)
	model, err = c.GetModel(t.Context(), "m2")
	require.NoError(t, err)
	require.Equal(t, "m1", model.ModelID, "the id is the service's")
	var paths []string
	for _, r := range requests.all() {
		paths = append(paths, r.URL.Path)
	}
	require.Equal(t, []string{"/api/v1/models/active", "/api/v1/models/active/predict", "/api/v1/models/m2"}, paths)
}

// TestDeletedModels: an answer of success that names no ids stands for those
// that were asked for, in a list of the caller's own.
func TestDeletedModels(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":           status(http.StatusNoContent, ""),
		"spaces":            ok(" \n"),
		"status":            ok(`{"data":{"status":"ok"}}`),
		"no list":           ok(`{"data":{"model_ids":null}}`),
		"34 word":           ok(`{"data":"ok"}`),
		"a bare word":       ok(`"ok"`),
		"no data":           ok(`{}`),
		"null":              ok(`null`),
		"ids by themselves": ok(`{"data":["m1"]}`),
		"an empty id":       ok(`{"data":{"model_ids":[""]}}`),
		"a text":            ok(`{"data":{"model_ids":"m1"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := []string{"m1", "m2"}
			deleted, err := overMemory(t, &fakeService{next: answer}).DeleteModels(t.Context(), asked...)
			require.NoError(t, err)
			require.Equal(t, asked, deleted)
			deleted[0] = "changed"
			require.Equal(t, "m1", asked[0])
		})
	}
	t.Run("34 none", func(t *testing.T) {
		t.Parallel()
		deleted, err := factClient(t, http.StatusOK, `{"data":{"model_ids":[]}}`).DeleteModels(t.Context(), "m1")
		require.NoError(t, err)
		require.Empty(t, deleted, "the service says so")
	})
	for name, body := range map[string]string{
		"a page": "<html></html>", "a cut response": `{"data":{"model_ids":["m1"`, "a proxy's words": "no upstream",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := factClient(t, http.StatusOK, body).DeleteModels(t.Context(), "m1")
			require.ErrorIs(t, err, ErrDecode)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
		})
	}
}

func TestModelQueries(t *testing.T) {
	t.Parallel()
	var got url.Values
	c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		got = r.URL.Query()
		_, _ = io.WriteString(w, `{"data":{"model_ids":["x"]}}`)
	}})
	_, err := c.DeleteModels(t.Context(), "x", "y,z")
	require.NoError(t, err)
	require.Equal(t, url.Values{"model_ids": {"x", "y,z"}}, got)
}

func TestDeleteAfterLostReply(t *testing.T) {
	t.Parallel()
	lost := func(_ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }
	for _, code := range []int{404, 422} {
		c := overTCP(t, &fakeService{next: inTurn(lost, status(code, `{"errors":{"detail":"No model found"}}`))})
		_, err := c.DeleteModels(t.Context(), "m1")
		require.ErrorIs(t, err, ErrOutcomeUnknown)
		var base *BaseError
		require.ErrorAs(t, err, &base)
		require.Equal(t, code, base.StatusCode)
	}
	c := overTCP(t, &fakeService{next: status(404, "")})
	_, err := c.DeleteModels(t.Context(), "m1")
	require.ErrorIs(t, err, ErrNotFound)
	require.NotErrorIs(t, err, ErrOutcomeUnknown, "nothing was lost")
}

func TestFactModels(t *testing.T) {
	t.Parallel()
	const failedText = "Malformed parameters detected. Please check parameters before training!"
	for _, test := range []struct {
		name, body string
		want       Model
	}{
		{
			"14 15 A6 GetModels M",
			`{"model_id":269,"name":"boxes","algorithm_id":"OC","active":true,"status":"active","version":"model-2019061008:28:16","created_at":"2019-06-11T05:47:00Z"}`,
			Model{
				ModelID: "269", Name: "boxes", AlgorithmID: "OC", Active: true, Status: ModelStatusActive,
				Version: "model-2019061008:28:16", CreatedAt: factTime(t, "2019-06-11T05:47:00Z"),
			},
		},
		{
			"14 20 22 A6 GetModels D, failed",
			`{"active":false,"algorithm_id":"AE","context_default":false,"context_id":1033,"model_id":"b2b99239-bdf4-5616-a531-f50546e8e32a","status":"failed",` +
				`"status_text":"` + failedText + `","stats":{"accuracy":null,"precision":{"computed":null,"projected":null},"recall":{"computed":null,"projected":null}}}`,
			Model{
				AlgorithmID: "AE", ContextID: 1033, ModelID: "b2b99239-bdf4-5616-a531-f50546e8e32a",
				Status: ModelStatusFailed, StatusText: failedText,
			},
		},
		{
			"17 20 22 A6 GetModels D, active",
			`{"active":true,"algorithm_id":"IF","context_default":false,"model_id":1000,"ng_img_count":4,"ok_img_count":9,"status":"active","status_text":null,` +
				`"stats":{"accuracy":0,"precision":{"computed":0.0,"projected":0.3077000000},"recall":{"computed":null,"projected":1.0000000000}},` +
				`"updated_at":"2019-08-29T01:04:10+00:00"}`,
			Model{
				Active: true, AlgorithmID: "IF", ModelID: "1000", NGImgCount: 4, OKImgCount: 9, Status: ModelStatusActive,
				Stats: ModelStats{
					Accuracy:  new(0.0),
					Precision: ModelPrecision{Computed: new(0.0), Projected: new(0.3077)},
					Recall:    ModelPrecision{Projected: new(1.0)},
				},
				UpdatedAt: factTime(t, "2019-08-29T01:04:10+00:00"),
			},
		},
		{
			"17 figures of the model as objects",
			`{"model_id":"m1","precision":{"computed":0.0,"projected":0.3077000000},"recall":{"computed":null,"projected":1.0000000000},"stats":null}`,
			Model{ModelID: "m1", Stats: ModelStats{
				Precision: ModelPrecision{Computed: new(0.0), Projected: new(0.3077)}, Recall: ModelPrecision{Projected: new(1.0)},
			}},
		},
		{
			"17 figures of the model as objects, without stats", `{"model_id":"m1","precision":{"computed":0.5}}`,
			Model{ModelID: "m1", Stats: ModelStats{Precision: ModelPrecision{Computed: new(0.5)}}},
		},
		{
			"17 stats go before objects",
			`{"model_id":"m1","stats":{"precision":{"computed":0.25},"recall":{"computed":null,"projected":null}},"precision":{"computed":0.5},"recall":{"computed":0.75}}`,
			Model{ModelID: "m1", Stats: ModelStats{Precision: ModelPrecision{Computed: new(0.25)}, Recall: ModelPrecision{Computed: new(0.75)}}},
		},
		{
			"17 accuracy of the documentation", `{"model_id":"m1","stats":{"accuracy":5.025}}`,
			Model{ModelID: "m1", Stats: ModelStats{Accuracy: new(5.025)}},
		},
		{
			"14 20 A6 TrainSuccess M", `{"context_id":1000,"model_id":270,"status":"creating","version":"model-2019061101:26:07"}`,
			Model{ContextID: 1000, ModelID: "270", Status: ModelStatusCreating, Version: "model-2019061101:26:07"},
		},
		{
			"14 15 A6 TrainSuccess D",
			`{"context_default":true,"context_id":1033,"model_id":"c5e77995-1036-5a54-9e8a-edd450362802","precision":null,"status":"creating","version":"0.3.3-1568023532.1785076"}`,
			Model{
				ContextID: 1033, ModelID: "c5e77995-1036-5a54-9e8a-edd450362802", Status: ModelStatusCreating,
				Version: "0.3.3-1568023532.1785076",
			},
		},
		{"20 deleted", `{"model_id":"m1","status":"deleted"}`, Model{ModelID: "m1", Status: ModelStatusDeleted}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			models, err := factClient(t, 200, "\ufeff"+`{"data":[`+test.body+`]}`).ListModels(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, []Model{test.want}, models)

			model, err := factClient(t, 200, `{"data":`+test.body+`}`).GetModel(t.Context(), test.want.ModelID)
			require.NoError(t, err)
			require.Equal(t, &test.want, model)

			model, err = factClient(t, 200, `{"data":`+test.body+`}`).Train(t.Context(), "AE", TrainRequest{})
			require.NoError(t, err)
			require.Equal(t, &test.want, model)
		})
	}
	t.Run("22 active stands for another id", func(t *testing.T) {
		t.Parallel()
		model, err := factClient(t, 200, `{"data":{"model_id":269,"status":"active"}}`).GetModel(t.Context(), ActiveModel)
		require.NoError(t, err)
		require.Equal(t, "269", model.ModelID)
	})
}

func TestFactModelResponses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		call   func(context.Context, *Client) (any, error)
		want   any
	}{
		{
			"34 A6 DeleteModelSuccess D", 200, `{"data":{"status":"ok"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "m1", "m2") }, []string{"m1", "m2"},
		},
		{
			"34 delete models", 200, `{"data":{"model_ids":["m1"]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "m1", "m2") }, []string{"m1"},
		},
		{
			"14 delete models with numbers", 200, `{"data":{"model_ids":[269,270]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "269", "270") }, []string{"269", "270"},
		},
		{
			"15 A6 PredictSuccess", 200, `{"data":{"item_ids":["NewItem"],"model_version":"model-2019061101:26:07"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.PredictItems(ctx, ActiveModel, "NewItem") },
			&PredictItemsResponse{ItemIDs: []string{"NewItem"}, ModelVersion: "model-2019061101:26:07"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), factClient(t, test.status, test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}
