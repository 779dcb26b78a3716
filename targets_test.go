package hacarus

import (
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTargets: 0 is a target like any other, and a target is returned as the
// service sent it, whatever its id.
func TestTargets(t *testing.T) {
	t.Parallel()
	for name, get := range map[string]func(*Client, int) (*InspectionTarget, error){
		"get": func(c *Client, id int) (*InspectionTarget, error) { return c.GetInspectionTarget(t.Context(), id) },
		"set default": func(c *Client, id int) (*InspectionTarget, error) {
			return c.SetDefaultInspectionTarget(t.Context(), id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, err := get(factClient(t, http.StatusOK, `{"data":{"target_id":0,"name":"plates"}}`), 0)
			require.NoError(t, err)
			require.Equal(t, &InspectionTarget{Name: "plates"}, target)
			target, err = get(factClient(t, http.StatusOK, `{"data":{"target_id":12}}`), 1)
			require.NoError(t, err)
			require.Equal(t, &InspectionTarget{TargetID: 12}, target)
			_, err = get(factClient(t, http.StatusNotFound, ""), 1)
			require.ErrorIs(t, err, ErrNotFound)
		})
	}
}

// TestDefaultTargetIsSetAgain: the same target twice is the same state.
func TestDefaultTargetIsSetAgain(t *testing.T) {
	t.Parallel()
	api := &fakeService{next: inTurn(status(http.StatusBadGateway, ""), ok(`{"data":{"target_id":1}}`))}
	_, err := overMemory(t, api).SetDefaultInspectionTarget(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 2, api.count())
}

func TestModelResults(t *testing.T) {
	t.Parallel()
	var requests requestLog
	c := overMemory(t, &fakeService{next: requests.before(t, inTurn(status(http.StatusServiceUnavailable, ""), ok("a,b\n"), status(http.StatusUnprocessableEntity, "")))})
	d, err := c.GetModelResults(t.Context(), "m1", "m,2")
	require.NoError(t, err)
	content, err := io.ReadAll(d)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, "a,b\n", string(content))
	require.Len(t, requests.all(), 2, "it only reads, so it is asked again")
	for _, r := range requests.all() {
		require.Equal(t, url.Values{"model_ids": {"m1", "m,2"}}, r.URL.Query())
		require.Empty(t, r.body)
	}
	_, err = c.GetModelResults(t.Context(), "m3")
	require.ErrorIs(t, err, ErrUnprocessable)
}

// TestAllModelResults: no ids are all models, as the documentation has them optional.
func TestAllModelResults(t *testing.T) {
	t.Parallel()
	var requests requestLog
	d, err := overMemory(t, &fakeService{next: requests.before(t, ok("a,b\n"))}).GetModelResults(t.Context())
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Len(t, requests.all(), 1)
	require.Empty(t, requests.all()[0].URL.RawQuery)
}
