package hacarus

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Calls that the service refused halve their number, and successes bring it back.
func TestLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		policy := RetryPolicy{MinWait: time.Second, MaxWait: 8 * time.Second}.withDefaults()
		l := newLimiter(4, policy, nil)
		busy := &BaseError{StatusCode: http.StatusTooEarly}
		begun := time.Now()
		var waits []time.Duration
		for range 6 { // one refusal after the other
			require.NoError(t, l.enter(t.Context(), opAddItems))
			waits = append(waits, time.Since(begun))
			begun = time.Now()
			l.leave(opAddItems, busy)
		}
		second := time.Second
		require.Equal(t, []time.Duration{0, second, 2 * second, 4 * second, 8 * second, 8 * second}, waits)
		require.Equal(t, 1, l.width)

		time.Sleep(time.Minute)
		var entered atomic.Int32
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { assert.NoError(t, l.enter(t.Context(), opAddItems)); entered.Add(1) })
		}
		for _, want := range []int32{1, 3} { // one alone; and after its success two
			synctest.Wait()
			require.Equal(t, want, entered.Load())
			l.leave(opAddItems, nil)
		}
		all.Wait()
		require.Equal(t, 3, l.width)

		// The longest pause holds for the attempts of all calls.
		require.Equal(t, 10*second, l.hold(&BaseError{StatusCode: http.StatusTooManyRequests}, 10*second))
		require.Equal(t, 10*second, l.hold(io.ErrUnexpectedEOF, second))
		require.Equal(t, 30*second, l.hold(io.ErrUnexpectedEOF, 30*second))
		require.NoError(t, l.pass(t.Context()))
		require.Zero(t, l.hold(nil, 0))
	})
}

// A turn in which nothing was sent says nothing of the service, and is free again.
func TestLimiterForgoes(t *testing.T) {
	t.Parallel()
	l := newLimiter(1, RetryPolicy{}.withDefaults(), nil)
	for range 2 * leastFailures {
		require.NoError(t, l.enter(t.Context(), opAddItems))
		l.forgo(opAddItems)
	}
	require.False(t, l.isAway())
	require.NoError(t, l.obstacle())
	require.Zero(t, l.successes(opAddItems, true))
}
