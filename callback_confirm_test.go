package hacarus

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	assessedItem = `{"data":{"item_id":"a","status":"done","assessments":[{"model_id":"m","label":"OK"}]}}`
	callbackWait = time.Hour // longer than all attempts
)

// confirmations lets a callback for item a be confirmed by a service, and returns
// how often the function was called and the service asked, when all is over.
func confirmations(t *testing.T, service http.HandlerFunc) (calls, asked int) {
	t.Helper()
	api := &fakeService{next: service}
	receiver := newReceiver(t, func(_ context.Context, items []Item) error {
		calls++
		require.Equal(t, "a", items[0].ItemID)
		return nil
	}, WithCallbackClient(overMemory(t, api)))
	require.Equal(t, http.StatusOK, receiver.post(t, oneItem))
	time.Sleep(callbackWait)
	require.NoError(t, receiver.Close())
	return calls, api.count()
}

// What the service denies for a moment is asked for again, as in a wait: a
// replica may be behind, a proxy in the way, or the license about to be renewed.
func TestCallbackItemDeniedForAMoment(t *testing.T) {
	t.Parallel()
	later := ok(assessedItem)
	refused := func(code int) http.HandlerFunc { return status(code, `{"errors":{"title":"no"}}`) }
	page := status(http.StatusNotFound, "<html>")
	for name, service := range map[string]http.HandlerFunc{
		"not found":               inTurn(refused(404), later),
		"not found, twice":        inTurn(refused(404), refused(404), later),
		"forbidden":               inTurn(refused(403), later),
		"forbidden, for a minute": inTurn(refused(403), refused(403), refused(403), refused(403), refused(403), refused(403), later),
		"unauthorized":            inTurn(refused(401), refused(401), later),
		"a proxy's page":          inTurn(page, later),
		"another item":            inTurn(ok(`{"data":{"item_id":"b","status":"done","assessments":[{"model_id":"m","label":"NG"}]}}`), later),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls, _ := confirmations(t, service)
				require.Equal(t, 1, calls)
			})
		})
	}
}

// "Not found" is believed after a while, not after a number of attempts alone.
func TestCallbackItemNotFoundYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		calls, asked := confirmations(t, func(w http.ResponseWriter, r *http.Request) {
			if time.Since(begun) < briefly {
				status(http.StatusNotFound, `{"errors":{"title":"no"}}`)(w, r)
				return
			}
			ok(assessedItem)(w, r)
		})
		require.Equal(t, 1, calls)
		require.Greater(t, asked, 3)
	})
}

// What the service denies to the end never reaches the function. "Not found" is
// believed before the attempts are used up.
func TestCallbackItemDenied(t *testing.T) {
	t.Parallel()
	for code, most := range map[int]int{http.StatusForbidden: 10, http.StatusNotFound: 9, http.StatusTeapot: 10} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls, asked := confirmations(t, status(code, `{"errors":{"title":"no"}}`))
				require.Zero(t, calls)
				require.GreaterOrEqual(t, asked, 3)
				require.LessOrEqual(t, asked, most)
			})
		})
	}
}

// An observer that panics, or ends its goroutine, costs an attempt, and nothing else.
func TestCallbackObserverThatPanics(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"panics":             func() { panic("a bug") },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, calls := 0, 0
				client := overMemory(t, &fakeService{next: ok(assessedItem)}, WithObserver(func(_ context.Context, a Attempt) {
					if attempts++; attempts < 4 && a.Operation != "login" {
						fail()
					}
				}))
				receiver := newReceiver(t, func(_ context.Context, items []Item) error {
					calls++
					require.Equal(t, "a", items[0].ItemID)
					return nil
				}, WithCallbackClient(client))
				require.Equal(t, http.StatusOK, receiver.post(t, oneItem))
				time.Sleep(callbackWait)
				require.NoError(t, receiver.Close())
				require.Equal(t, 1, calls)
			})
		})
	}
}

// slowLog is a logger that takes a minute for each item that is gone.
type slowLog struct{ slog.Handler }

func (slowLog) Enabled(context.Context, slog.Level) bool { return true }

func (slowLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "does not have") {
		time.Sleep(time.Minute)
	}
	return nil
}

// Once Close has returned, the function is not called any more, even with what
// was confirmed before.
func TestCallbackFunctionIsNotCalledAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			answer := status(http.StatusNotFound, `{"errors":{"title":"no"}}`)
			if strings.HasSuffix(r.URL.Path, "a") && time.Since(begun) >= briefly {
				answer = ok(assessedItem) // at the attempt at which b is gone
			}
			answer(w, r)
		}}
		receiver := newReceiver(t, func(context.Context, []Item) error {
			t.Error("called after Close")
			return nil
		}, WithCallbackClient(overMemory(t, api)), WithCallbackLogger(slog.New(slowLog{slog.DiscardHandler})))
		require.Equal(t, http.StatusOK, receiver.post(t, `{"items":[{"item_id":"a"},{"item_id":"b"}]}`))
		time.Sleep(10 * time.Second) // the receiver is at b, with a at hand
		require.ErrorIs(t, receiver.Close(), context.DeadlineExceeded)
		time.Sleep(callbackWait)
	})
}

// A proxy's page, however long it is shown, is no word of the service, and drops nothing.
func TestCallbackItemBehindAProxysPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, calls := time.Now(), 0
		api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			answer := ok(assessedItem)
			if time.Since(begun) < 3*time.Minute {
				answer = status(http.StatusNotFound, proxysPage)
			}
			answer(w, r)
		}}
		receiver := newReceiver(t, func(context.Context, []Item) error { calls++; return nil },
			WithCallbackRetry(RetryPolicy{MaxAttempts: 1000, MaxWait: 2 * time.Second}), WithCallbackClient(overMemory(t, api)))
		require.Equal(t, http.StatusOK, receiver.post(t, oneItem))
		time.Sleep(callbackWait)
		require.NoError(t, receiver.Close())
		require.Equal(t, 1, calls)
	})
}

// slowWarnings is a logger that takes a minute for each failure.
type slowWarnings struct{ slog.Handler }

func (slowWarnings) Enabled(context.Context, slog.Level) bool { return true }

func (slowWarnings) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "callback failed") {
		time.Sleep(time.Minute)
	}
	return nil
}

// Nothing is kept for another attempt once Close has returned.
func TestCallbackThatFailsDuringClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		receiver := newReceiver(t, func(context.Context, []Item) error { return errNotAssessed },
			WithCallbackLogger(slog.New(slowWarnings{slog.DiscardHandler})), WithCallbackRetry(RetryPolicy{MinWait: 24 * time.Hour, MaxWait: 24 * time.Hour}))
		require.Equal(t, http.StatusOK, receiver.post(t, oneItem))
		time.Sleep(time.Second)
		require.ErrorIs(t, receiver.Close(), context.DeadlineExceeded)
		time.Sleep(2 * time.Minute)
		receiver.queue.mu.Lock()
		defer receiver.queue.mu.Unlock()
		require.Zero(t, receiver.queue.items)
		require.Empty(t, receiver.queue.delayed)
	})
}
