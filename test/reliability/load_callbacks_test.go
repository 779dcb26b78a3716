package reliability

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// callbackLoad sends callbacks of one event each to a handler, whose consumer
// is slower than they come.
type callbackLoad struct {
	handler *hacarus.CallbackReceiver

	mu       sync.Mutex
	accepted map[string]bool
	handled  map[string]int
	refused  int
	waiting  int // the most events that were accepted and not yet handled
}

// consume takes six milliseconds for each twenty events.
func (l *callbackLoad) consume(_ context.Context, items []hacarus.Item) error {
	l.mu.Lock()
	l.waiting = max(l.waiting, len(l.accepted)-len(l.handled))
	pause := len(l.handled)%20 == 0
	l.mu.Unlock()
	if pause {
		time.Sleep(6 * time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, item := range items {
		l.handled[item.ItemID]++
	}
	return nil
}

// send sends an event until it is accepted, as a service does that is told to
// come again. No response waits for the consumer.
func (l *callbackLoad) send(t *testing.T, event string) {
	t.Helper()
	body := fmt.Sprintf(`{"items":[{"item_id":%q,"assessments":[{"model_id":"m1","label":"OK"}]}]}`, event)
	for {
		begun := time.Now()
		w := httptest.NewRecorder()
		l.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, callbackPath, strings.NewReader(body)))
		assert.Zero(t, time.Since(begun), "it waited")
		if l.note(event, w.Code == http.StatusOK) {
			return
		}
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		time.Sleep(200 * time.Millisecond)
	}
}

// note notes whether an event was accepted, and returns it.
func (l *callbackLoad) note(event string, accepted bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if accepted {
		l.accepted[event] = true
	} else {
		l.refused++
	}
	return accepted
}

// L8: callbacks, a fifth of them repeated, meet a consumer that is slower: the
// queue fills, the rest is told to come again, nothing is handled twice or
// lost, and the handler responds at once whatever the consumer does.
func TestLoadCallbacks(t *testing.T) {
	t.Parallel()
	const rate, senders = 5000, 32
	requests, bound := sized(rate/2, rate*10), sized(100, 4000)
	load := &callbackLoad{accepted: map[string]bool{}, handled: map[string]int{}}
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		load.handler = newReceiver(t, load.consume,
			hacarus.WithCallbackToken(callbackToken), hacarus.WithCallbackQueue(bound), hacarus.WithCallbackDrain(time.Minute))
		events := make(chan string, requests)
		var work sync.WaitGroup
		for range senders {
			work.Go(func() {
				for event := range events {
					load.send(t, event)
				}
			})
		}
		begun := time.Now()
		for n := range requests {
			time.Sleep(time.Until(begun.Add(time.Duration(n) * time.Second / rate)))
			event := n
			if n%5 == 4 { // it repeats one that came a little before
				event = max(0, n-7)
				event -= event % 5
			}
			events <- fmt.Sprint("plate-", event)
		}
		close(events)
		work.Wait()
		require.NoError(t, load.handler.Close())
		took = time.Since(begun)
	})
	require.Len(t, load.handled, requests*4/5, "none is lost")
	for event, times := range load.handled {
		require.Equal(t, 1, times, event)
	}
	require.LessOrEqual(t, load.waiting, bound)
	require.Positive(t, load.refused, "the queue was never full")
	recordLoad(t, "L8", fmt.Sprintf("%d callbacks at %d/s, one in five repeated, a consumer that is slower", requests, rate),
		fmt.Sprintf("%.1f s, each event once; at most %d of %d wait, %d times 503; no response waits for the consumer",
			took.Seconds(), load.waiting, bound, load.refused), "")
}
