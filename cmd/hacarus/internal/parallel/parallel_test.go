package parallel

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEach(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100} {
		times := make([]atomic.Int64, n)
		require.NoError(t, Each(t.Context(), n, func(i int) { times[i].Add(1) }))
		for i := range times {
			require.EqualValues(t, 1, times[i].Load())
		}
	}
}

func TestEachEnds(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var times atomic.Int64
	err := Each(ctx, 1_000_000, func(int) {
		times.Add(1)
		cancel(enough)
	})
	require.ErrorIs(t, err, enough)
	require.Less(t, times.Load(), int64(1000))
}
