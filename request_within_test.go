package hacarus

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// closable counts those that are open.
type closable struct {
	io.Reader
	open *atomic.Int64
}

func (c closable) Close() error { c.open.Add(-1); return nil }

// Whenever the context ends, what was opened is the caller's to close, or closed.
func TestWithinClosesWhatComesTooLate(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	for range 2000 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			content, err := within(ctx, func() (io.ReadCloser, error) {
				open.Add(1)
				return closable{open: &open}, nil
			})
			if err == nil {
				require.NoError(t, content.Close())
			}
		})
	}
	require.Zero(t, open.Load())
}
