package reliability

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// Callbacks, a fifth of them repeated, meet a consumer that is slower: the
// queue fills, the rest is told to come again, nothing is handled twice or
// lost, and the handler answers at once whatever the consumer does.
func TestLoadCallbacks(t *testing.T) { //nolint:paralleltest // it measures time
	const rate, bound, slots = 5000, 4000, 32
	requests := sized(rate/2, rate*10)
	handled, most := map[string]int{}, 0
	accepted := acceptedEvents{}
	handler := hacarus.CallbackHandler(func(_ context.Context, items []hacarus.Item) error {
		most = max(most, accepted.count()-len(handled))
		if len(handled)%20 == 0 {
			time.Sleep(6 * time.Millisecond) // slower than the callbacks come
		}
		for _, item := range items {
			handled[item.ItemID]++
		}
		return nil
	}, hacarus.WithCallbackToken(callbackToken), hacarus.WithCallbackQueue(bound), hacarus.WithCallbackDrain(time.Minute))
	var mu sync.Mutex
	var answers, roundTrips []time.Duration // as the handler and the sender see it
	full := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		handler.ServeHTTP(w, r)
		took := time.Since(begun)
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, took)
	}))
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: slots}}
	defer client.CloseIdleConnections()
	send := func(event int) {
		body := fmt.Sprintf(`{"items":[{"item_id":"e%d","assessments":[{"model_id":"m1","label":"OK"}]}]}`, event)
		for status := 0; status != http.StatusOK; {
			begun := time.Now()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+callbackPath, strings.NewReader(body))
			if !assert.NoError(t, err) {
				return
			}
			answer, err := client.Do(r)
			if !assert.NoError(t, err) {
				return
			}
			_ = answer.Body.Close()
			took := time.Since(begun)
			status = answer.StatusCode
			mu.Lock()
			roundTrips = append(roundTrips, took)
			if status != http.StatusOK {
				full++
			}
			mu.Unlock()
			if status == http.StatusOK {
				accepted.add(event)
			} else {
				assert.Equal(t, http.StatusServiceUnavailable, status)
				time.Sleep(200 * time.Millisecond)
			}
		}
	}
	// Each fifth request repeats the one that came a little before it.
	events := make(chan int, requests)
	var senders sync.WaitGroup
	for range slots {
		senders.Go(func() {
			for event := range events {
				send(event)
			}
		})
	}
	begun := time.Now()
	distinct := map[int]bool{}
	for n := range requests {
		event := n
		if n%5 == 4 {
			event = max(0, n-7)
			event -= event % 5 // an original
		}
		distinct[event] = true
		events <- event
		if ahead := time.Duration(n)*time.Second/rate - time.Since(begun); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
	}
	close(events)
	senders.Wait()
	require.NoError(t, handler.(io.Closer).Close())

	require.Len(t, handled, len(distinct), "none is lost")
	for event, times := range handled {
		require.Equal(t, 1, times, event)
	}
	require.LessOrEqual(t, most, bound)
	percent := 50 // others' tests run beside a short load, and hold some answers up
	if *testkit.Full {
		require.Positive(t, full, "the queue was full")
		percent = 99
	}
	require.Less(t, percentile(answers, percent), 50*time.Millisecond)
	recordLoad(t, "L8", fmt.Sprintf("%d callbacks at %d/s, one in five repeated, a consumer that is slower", requests, rate),
		fmt.Sprintf("%.1f s, each event once; at most %d of %d accepted ones wait, %d answers 503; p99 of an answer %v, of the round trip %v",
			time.Since(begun).Seconds(), most, bound, full, percentile(answers, 99).Round(10*time.Microsecond), percentile(roundTrips, 99).Round(10*time.Microsecond)), "")
}

// acceptedEvents are those that were answered with success.
type acceptedEvents struct {
	mu     sync.Mutex
	events map[int]bool
}

func (a *acceptedEvents) add(event int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.events == nil {
		a.events = map[int]bool{}
	}
	a.events[event] = true
}

func (a *acceptedEvents) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.events)
}
