package hacarus

// Tests of wait.go from inside of the package: of the pauses between polls, and of signs of them.

import (
	"context"
	"io"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Pauses stay within their bounds, begin short, grow long, and differ.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, bounds := range [][2]time.Duration{{100 * time.Millisecond, 5 * time.Second}, {time.Second, time.Second}, {time.Microsecond, time.Hour}} {
		cfg := waitConfig{min: bounds[0], max: bounds[1]}
		p, seen := newPace(cfg, RetryPolicy{}), map[time.Duration]bool{}
		for n := range 200 {
			wait := p.next()
			require.GreaterOrEqual(t, wait, cfg.min)
			require.LessOrEqual(t, wait, cfg.max)
			if n == 0 {
				require.LessOrEqual(t, wait, cfg.min+cfg.min/2+1)
			}
			if n > 100 {
				require.GreaterOrEqual(t, wait, cfg.max*2/3)
			}
			seen[wait] = true
		}
		require.True(t, len(seen) > 50 || cfg.min == cfg.max, "jitter")

		p.passed(0, true)
		require.LessOrEqual(t, p.next(), cfg.min+cfg.min/2+1, "short again when something was ready")
		p.passed(time.Hour, false)
		require.Equal(t, cfg.max, p.next(), "a long list is not asked for all the time")
	}
}

// A callback that names an item cuts the pause short, for that item alone, and
// one that never comes costs only time.
func TestWokenWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var assessed atomic.Bool
		api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			label := ""
			if assessed.Load() {
				label = "OK"
			}
			id := r.URL.Path[len("/api/v1/items/"):]
			_, _ = io.WriteString(w, `{"data":{"item_id":"`+id+`","status":"pending","assessments":[{"model_id":"m","label":"`+label+`"}]}}`)
		}}
		c := overMemory(t, api)
		wake, cancelled := make(chan string), false
		subscribe := func(cfg *waitConfig) error {
			cfg.subscribe = func(ids []string) (<-chan string, func()) {
				require.Equal(t, []string{"a", "b"}, ids)
				return wake, func() { cancelled = true }
			}
			return nil
		}
		go func() {
			time.Sleep(time.Minute)
			wake <- "stranger"
			wake <- "b" // nothing is there yet
			time.Sleep(time.Minute)
			assessed.Store(true)
			wake <- "b"
		}()
		begun := time.Now()
		var at []time.Duration
		for item, err := range c.WaitForItems(context.Background(), "m", []string{"a", "b"}, WithPollInterval(time.Hour, time.Hour), subscribe) {
			require.NoError(t, err)
			at = append(at, time.Since(begun))
			require.Equal(t, map[int]string{1: "b", 2: "a"}[len(at)], item.ItemID)
		}
		require.Equal(t, []time.Duration{2 * time.Minute, time.Hour}, at)
		require.True(t, cancelled)
		require.Equal(t, 5, api.count())
	})
}

// TestWaitsWantTheirOwn: what is waited for is what was asked for. GetModel and
// GetItem return whatever comes; a wait acts on it, and another model or item says
// nothing of this one.
func TestWaitsWantTheirOwn(t *testing.T) {
	t.Parallel()
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			model, err := factClient(t, 200, `{"data":{"model_id":"m2","status":"active"}}`).WaitForModel(t.Context(), "m1")
			require.ErrorIs(t, err, ErrDecode)
			require.Nil(t, model)
		})
	})
	t.Run("item", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const other = `{"data":{"item_id":"b","status":"done","assessments":[{"model_id":"m1","label":"OK"}]}}`
			for item, err := range factClient(t, 200, other).WaitForItems(t.Context(), "m1", []string{"a"}) {
				require.ErrorIs(t, err, ErrDecode)
				require.Nil(t, item)
			}
		})
	})
}

// What a proxy says in the service's place does not make the service's own "not
// found" last any longer than it does: one of those ends no wait.
func TestWaitAfterAProxysPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun, denied := time.Now(), false
		c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			switch {
			case time.Since(begun) < 20*time.Second:
				status(http.StatusNotFound, proxysPage)(w, r)
			case !denied:
				denied = true
				status(http.StatusNotFound, servicesWord)(w, r)
			default:
				ok(assessedItem)(w, r)
			}
		}})
		for _, err := range c.WaitForItems(t.Context(), "m", []string{"a"}) {
			require.NoError(t, err)
		}
	})
}

// An interval may be as long as a duration can be, for those who rely on callbacks.
func TestWaitThatNeverPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeService{next: ok(`{"data":{"item_id":"a","status":"pending"}}`)}
		c := overMemory(t, api)
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		for _, err := range c.WaitForItems(ctx, "m", []string{"a"}, WithPollInterval(math.MaxInt64, math.MaxInt64)) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, 1, api.count())
	})
}
