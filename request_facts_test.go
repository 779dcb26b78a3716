package hacarus

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFactPaths(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		op   operation
		want string
	}{
		{"05 login", opLogin, "POST /api/auth/token"},
		{"05 targets", opListTargets, "GET /api/v1/targets/"},
		{"05 target", opGetTarget, "GET /api/v1/targets/1"},
		{"05 default target", opSetDefaultTarget, "POST /api/v1/targets/1"},
		{"05 results", opGetModelResults, "POST /api/v1/targets/model/results"},
		{"05 algorithms", opListAlgorithms, "GET /api/v1/algorithms/"},
		{"05 algorithm", opGetAlgorithm, "GET /api/v1/algorithms/AE"},
		{"05 train", opTrain, "POST /api/v1/algorithms/AE/train"},
		{"05 models", opListModels, "GET /api/v1/models/"},
		{"05 delete models", opDeleteModels, "DELETE /api/v1/models/"},
		{"05 model", opGetModel, "GET /api/v1/models/m1"},
		{"05 export", opExportModels, "POST /api/v1/models/export"},
		{"05 import", opImportModels, "POST /api/v1/models/import"},
		{"05 parameters", opSetPredictParameters, "POST /api/v1/models/m1/update_predict_parameters"},
		{"05 callback", opSetPredictCallback, "POST /api/v1/models/m1/update_predict_callback"},
		{"05 predict", opPredictItems, "POST /api/v1/models/m1/predict"},
		{"05 items", opListItems, "GET /api/v1/items/"},
		{"05 add items", opAddItems, "POST /api/v1/items/"},
		{"05 delete items", opDeleteItems, "DELETE /api/v1/items/"},
		{"05 item", opGetItem, "GET /api/v1/items/a"},
		{"05 annotate", opAnnotateItem, "PATCH /api/v1/items/a"},
		{"05 license", opSetLicense, "POST /api/v1/utils/"},
		{"05 logs", opGetLogs, "POST /api/v1/utils/debug"},
		{"05 hash", opGetHashID, "POST /api/v1/utils/node_hash"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, requests.before(t, (&fakeAPI{next: ok(bodyOf(test.op))}).ServeHTTP))
			require.NoError(t, invoke(t.Context(), c, test.op))
			last := requests.all()[len(requests.all())-1]
			require.Equal(t, test.want, last.Method+" "+last.URL.Path)
		})
	}
}

func TestFactRequestBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer, want string
		call               func(context.Context, *Client) error
	}{
		{"23 train without anything optional", modelBody, `{}`, func(ctx context.Context, c *Client) error {
			_, err := c.Train(ctx, "AE", TrainRequest{})
			return err
		}},
		{
			"32 override_params", modelBody,
			`{"override_params":[{"algorithm_parameter_id":221,"value":"50"},{"algorithm_parameter_id":919,"value":"[88,88]"}]}`,
			func(ctx context.Context, c *Client) error {
				_, err := c.Train(ctx, "AE", TrainRequest{OverrideParams: []OverrideParam{{221, "50"}, {919, "[88,88]"}}})
				return err
			},
		},
		{"32 ignore_outer", `{"data":{"ignore_outer":"[8, 8]"}}`, `{"ignore_outer":"[8, 8]"}`, func(ctx context.Context, c *Client) error {
			_, err := c.SetPredictParameters(ctx, "m1", PredictParameters{IgnoreOuter: "[8, 8]"})
			return err
		}},
		{"35 delete items", ``, `{"item_ids":["1001"]}`, func(ctx context.Context, c *Client) error { return c.DeleteItems(ctx, "1001") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, &fakeAPI{next: requests.before(t, ok(test.answer))})
			require.NoError(t, test.call(t.Context(), c))
			require.Len(t, requests.all(), 1)
			require.JSONEq(t, test.want, string(requests.all()[0].body))
			require.Equal(t, "application/json", requests.all()[0].Header.Get("Content-Type"))
		})
	}
	t.Run("35 show_annotations", func(t *testing.T) {
		t.Parallel()
		var requests factRequests
		c := overMemory(t, &fakeAPI{next: requests.before(t, ok(`{"data":{"item_id":"1001"}}`))})
		_, err := c.GetItem(t.Context(), "1001", &GetItemOptions{ShowAnnotations: new(true)})
		require.NoError(t, err)
		require.Equal(t, "show_annotations=true", requests.all()[0].URL.RawQuery)
	})
}

// TestOperationNames: an operation's row names the method that makes its call.
func TestOperationNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range append(operations(), opGetImage) {
		_, exists := reflect.TypeFor[*Client]().MethodByName(op.name)
		require.True(t, exists, "%s: no method %s", op.id, op.name)
		require.False(t, seen[op.name], "%s stands twice", op.name)
		seen[op.name] = true
	}
}
