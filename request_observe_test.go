package hacarus

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObserverAndLoggerSeeEveryAttempt(t *testing.T) {
	t.Parallel()
	var seen observed
	var log bytes.Buffer
	c := overMemory(t, &fakeService{next: inTurn(status(http.StatusServiceUnavailable, "busy"), ok(modelBody))},
		WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }),
		WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)

	require.Len(t, seen.of("login"), 1)
	attempts := seen.of("getModelById")
	require.Len(t, attempts, 2)
	require.Equal(t, []int{1, 2}, []int{attempts[0].Number, attempts[1].Number})
	require.Equal(t, []int{503, 200}, []int{attempts[0].StatusCode, attempts[1].StatusCode})
	require.ErrorIs(t, attempts[0].Err, ErrServer)
	require.NoError(t, attempts[1].Err)
	require.Equal(t, "/api/v1/models/{model_id}", attempts[1].Route)
	require.EqualValues(t, len(modelBody), attempts[1].BytesReceived)
	require.Zero(t, attempts[1].Wait)
	require.Equal(t, []bool{false, true}, []bool{attempts[0].Final, attempts[1].Final})
	require.True(t, seen.of("login")[0].Final)
	require.Contains(t, log.String(), "operation=getModelById")
	require.NotContains(t, log.String(), testToken)
}

// A token that is refused is followed by another request at once, which is told
// of as a wait is.
func TestResentRequestsAreTold(t *testing.T) {
	t.Parallel()
	var seen observed
	var log bytes.Buffer
	c := overMemory(t, &fakeService{next: inTurn(status(http.StatusUnauthorized, "", "X-Request-Id", "r-41"), status(http.StatusOK, modelBody, "X-Request-Id", "r-"+testToken))},
		WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
	attempts := seen.of("getModelById")
	require.Len(t, attempts, 2)
	require.False(t, attempts[0].Final)
	require.Zero(t, attempts[0].Wait)
	require.Equal(t, "r-41", attempts[0].RequestID)
	require.True(t, attempts[1].Final)
	require.Equal(t, "r-[masked]", attempts[1].RequestID)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=WARN")))
	require.Contains(t, log.String(), "request_id=r-41")
}

// Calls that have several requests under way leave info as it was.
func TestCaptureResponseOfManyCalls(t *testing.T) {
	t.Parallel()
	item := func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		ok(`{"data":{"item_id":"`+id+`","assessments":[{"model_id":"m1","label":"OK"}]}}`)(w, r)
	}
	list := ok(`{"data":{"items":[{"item_id":"a"}],"end_page":9}}`)
	c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/items/") {
			list(w, r)
			return
		}
		item(w, r)
	}})
	info := ResponseInfo{RequestID: "mine"}
	ctx := CaptureResponse(t.Context(), &info)
	for _, err := range c.WaitForItems(ctx, "m1", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}) {
		require.NoError(t, err)
		require.Equal(t, "mine", info.RequestID)
	}
	for _, err := range c.AllItems(ctx, ListItemsOptions{Type: ItemTypeTraining}) {
		require.NoError(t, err)
		require.Equal(t, "mine", info.RequestID)
	}
	for _, err := range c.Inspect(ctx, InspectRequest{Files: []File{FileFromBytes("a.png", []byte("a"))}, Grace: 1}) {
		_ = err // the call is made, whatever comes of it
		require.Equal(t, "mine", info.RequestID)
		break
	}
	require.Equal(t, ResponseInfo{RequestID: "mine"}, info)
}

// TestCaptureResponseIsTheLastAnswers: nothing of an attempt before is left in it.
func TestCaptureResponseIsTheLastAnswers(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeService{next: inTurn(status(http.StatusServiceUnavailable, "busy"), ok("PK, or so"),
		status(http.StatusServiceUnavailable, "busy"), status(http.StatusFound, "elsewhere", "Location", "/"))})
	var info ResponseInfo
	d, err := c.GetLogs(CaptureResponse(t.Context(), &info))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, http.StatusOK, info.StatusCode)
	require.Equal(t, 2, info.Attempts)
	require.Empty(t, info.Body, "that of a download is the caller's to read")
	_, err = c.GetModel(CaptureResponse(t.Context(), &info), "m1")
	require.ErrorIs(t, err, ErrRedirect)
	require.Equal(t, "elsewhere", string(info.Body))
}

func TestCaptureResponse(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeService{next: inTurn(
		status(http.StatusServiceUnavailable, ""),
		status(http.StatusOK, modelBody, "X-Request-Id", "r-42"),
		status(http.StatusNotFound, `{"errors":{}}`),
	)})
	var info ResponseInfo
	ctx := CaptureResponse(t.Context(), &info)
	_, err := c.GetModel(ctx, "m1")
	require.NoError(t, err)
	require.Equal(t, 200, info.StatusCode)
	require.Equal(t, "r-42", info.RequestID)
	require.Equal(t, 2, info.Attempts)
	require.Equal(t, []byte(modelBody), info.Body)
	require.NotNil(t, info.Header)

	_, err = c.GetModel(ctx, "m1")
	require.ErrorIs(t, err, ErrNotFound)
	require.Equal(t, 404, info.StatusCode)
	require.Equal(t, 1, info.Attempts)
}
