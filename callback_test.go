package hacarus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const hookToken = "hook-token-one-of-a-kind"

func noCallback(context.Context, []Item) error { return nil }

func newReceiver(t *testing.T, f func(context.Context, []Item) error, opts ...CallbackOption) *CallbackReceiver {
	t.Helper()
	receiver, err := NewCallbackReceiver(f, opts...)
	require.NoError(t, err)
	return receiver
}

// post sends a callback, and is the status of its response.
func (r *CallbackReceiver) post(t *testing.T, body string) int {
	t.Helper()
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
	return w.Code
}

func TestNewCallbackReceiverRefuses(t *testing.T) {
	t.Parallel()
	client := overMemory(t, ok(modelBody))
	for name, opts := range map[string][]CallbackOption{
		"nil option":       {nil},
		"empty token":      {WithCallbackToken("")},
		"short token":      {WithCallbackToken("fifteen-letters")},
		"token with slash": {WithCallbackToken("line7/" + hookToken)},
		"nil client":       {WithCallbackClient(nil)},
		"client and trust": {WithCallbackClient(client), WithTrustedPayload()},
		"nil logger":       {WithCallbackLogger(nil)},
		"no queue":         {WithCallbackQueue(0)},
		"negative retry":   {WithCallbackRetry(RetryPolicy{MaxAttempts: -1})},
		"reversed retry":   {WithCallbackRetry(RetryPolicy{MinWait: 2, MaxWait: 1})},
		"negative drain":   {WithCallbackDrain(-1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver, err := NewCallbackReceiver(noCallback, opts...)
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.NotContains(t, err.Error(), hookToken)
			require.Nil(t, receiver)
		})
	}
	_, err := NewCallbackReceiver(nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
}

// An option that is used twice configures each receiver for itself.
func TestCallbackOptionsAreReusable(t *testing.T) {
	t.Parallel()
	opts := []CallbackOption{WithCallbackQueue(1)}
	first, second := newReceiver(t, noCallback, opts...), newReceiver(t, noCallback, opts...)
	require.NoError(t, first.Close())
	require.Equal(t, http.StatusServiceUnavailable, first.post(t, oneItem))
	require.Equal(t, http.StatusOK, second.post(t, oneItem))
	require.NoError(t, second.Close())
}

// The zero value refuses callbacks, and nothing of it panics.
func TestCallbackReceiverZeroValue(t *testing.T) {
	t.Parallel()
	for _, receiver := range []*CallbackReceiver{{}, nil} {
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.NoError(t, receiver.Close())
		require.Equal(t, "hacarus.CallbackReceiver", fmt.Sprint(receiver))
	}
}

// Neither the token nor the payload is printed or logged, whatever happens.
func TestCallbackReceiverKeepsSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		handler := newReceiver(t, func(context.Context, []Item) error { panic("a bug") },
			WithCallbackToken(hookToken), WithTrustedPayload(), WithCallbackRetry(RetryPolicy{MaxAttempts: 2}),
			WithCallbackLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		for _, body := range []string{`{"items":[{"item_id":"a","name":"canary"}]}`, `{"canary":1`} {
			for _, target := range []string{"/x/" + hookToken, "/x/" + hookToken + "?canary=1", "/" + hookToken + "/canary"} {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body)))
			}
		}
		time.Sleep(time.Hour)
		require.NoError(t, handler.Close())
		printed := fmt.Sprintf("%v %+v %#v %s %q %x", handler, handler, handler, handler, handler, handler)
		require.Equal(t, strings.Repeat("hacarus.CallbackReceiver ", 6), printed+" ")
		for _, what := range []string{"callback taken", "callback refused", "panicked", "callback failed", "given up"} {
			require.Contains(t, logged.String(), what)
		}
		require.NotContains(t, logged.String(), hookToken)
		require.NotContains(t, logged.String(), "canary")
	})
}
