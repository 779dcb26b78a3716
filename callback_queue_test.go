package hacarus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// A function that ends its goroutine, as a failed assertion of a test does,
// ends nothing else.
func TestCallbackFunctionThatExits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		handler := newReceiver(t, func(context.Context, []Item) error {
			if calls++; calls == 1 {
				runtime.Goexit()
			}
			return nil
		})
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		time.Sleep(time.Minute)
		require.NoError(t, handler.Close())
		require.Equal(t, 2, calls)
	})
}

// The waits between tries double from one second to one minute, with jitter.
func TestCallbackRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		handler := newReceiver(t, func(context.Context, []Item) error {
			tries = append(tries, time.Now())
			return errors.New("never")
		})
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, tries, 10)
		bound := time.Second
		for i := 1; i < len(tries); i++ {
			require.LessOrEqual(t, tries[i].Sub(tries[i-1]), bound)
			bound = min(2*bound, time.Minute)
		}
		require.NoError(t, handler.Close(), "nothing is left")
	})
}

// Nothing tells a repeated callback without assessments from the next one, so
// it is left out only while the first waits. That of an item which had another
// assessment as well is told by the new one.
func TestCallbackRepetitions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		handler := newReceiver(t, func(context.Context, []Item) error {
			calls++
			time.Sleep(time.Second)
			return nil
		})
		accept := func(assessments []Assessment) error {
			return handler.queue.accept(&callbackPayload{items: []Item{{ItemID: "a", Assessments: assessments}}})
		}
		for _, c := range []struct {
			assessments []Assessment
			calls       int
		}{
			{nil, 1},
			{nil, 2},
			{[]Assessment{{ModelID: "m1"}}, 3},
			{[]Assessment{{ModelID: "m1"}}, 3},
			{[]Assessment{{ModelID: "m1"}, {ModelID: "m2"}}, 4},
			{[]Assessment{{ModelID: "m2"}}, 4},
		} {
			require.NoError(t, accept(c.assessments))
			require.NoError(t, accept(c.assessments), "while the first waits")
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, c.calls, calls)
		}
	})
}

// The memory of what waits is bounded, however little its JSON looks.
func TestCallbackQueueMemory(t *testing.T) { //nolint:paralleltest // it measures memory
	handling, release := make(chan struct{}, 8), make(chan struct{})
	receiver := newReceiver(t, func(context.Context, []Item) error { handling <- struct{}{}; <-release; return nil }, WithTrustedPayload(),
		WithCallbackDrain(time.Hour)) // however slowly the machine reads them
	defer func() { require.NoError(t, receiver.Close()) }()
	defer close(release)
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools let go of what they hold at the second one
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := held()
	boxes := strings.Repeat("{},", 25_000) // of 100 bytes each, once they are read
	for n := range 8 {
		require.Equal(t, http.StatusOK, receiver.post(t, fmt.Sprintf(`{"items":[{"item_id":"%d","assessments":[{"model_id":"m","annotations":[%s{}]}]}]}`, n, boxes)))
	}
	<-handling // so that it is read by now
	require.Less(t, held()-before, int64(10<<20), "one is being handled, the others wait as they came")
}

// What waits is bounded in bytes, and what has left makes room.
func TestCallbackQueueBytes(t *testing.T) {
	testkit.NotWithRace(t, "the detector looks at each of 96 MiB, which one goroutine reads")
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		receiver := newReceiver(t, func(context.Context, []Item) error { <-release; return nil }, WithTrustedPayload())
		large := func(id string) *callbackPayload {
			raw := bytes.Repeat([]byte(" "), maxCallbackMemory/2-1000)
			copy(raw, `{"items":[{"item_id":"`+id+`"}]}`)
			return &callbackPayload{raw: raw, form: wrappedItems, items: []Item{{ItemID: id}}}
		}
		queue := receiver.queue
		require.NoError(t, queue.accept(large("a")))
		require.NoError(t, queue.accept(large("b")))
		require.ErrorIs(t, queue.accept(large("c")), errCallbackQueueFull)
		close(release)
		synctest.Wait()
		require.NoError(t, queue.accept(large("c")))
		require.NoError(t, receiver.Close())
		require.Zero(t, queue.bytes)
		require.Zero(t, queue.items)
	})
}

// What a callback claims is kept in little memory, and named once for each model.
func TestCallbackDeliveryBytes(t *testing.T) {
	t.Parallel()
	claims := make([]Assessment, 100_000)
	for i := range claims {
		claims[i].ModelID = fmt.Sprint(i / 2)
	}
	d := newCallbackDelivery(&callbackPayload{raw: make([]byte, 1000), items: []Item{{ItemID: "a", Assessments: claims}}}, false)
	require.Len(t, d.events[0].models, len(claims)/2)
	var seen callbackSeen
	seen.age(time.Unix(1e9, 0))
	d.keepNew(seen.add)
	require.Greater(t, d.bytes, len(claims)/2*(16+16))
	d.keepNew(seen.add)
	require.Empty(t, d.events, "nothing is new")
}
