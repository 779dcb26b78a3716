package hacarus

import (
	"context"
	"fmt"
	"io"
)

// within waits for f, but only until the context ends: f may read something
// that never comes, and nothing can end that. What it opens later is closed.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done, abandoned := make(chan result), make(chan struct{})
	go func() {
		r := result{err: errGoexit}
		defer func() {
			select {
			case done <- r:
			case <-abandoned:
				if opened, ok := any(r.value).(io.Closer); ok && r.err == nil {
					_, _ = rescued(func() (struct{}, error) { return struct{}{}, opened.Close() })
				}
			}
		}()
		r.value, r.err = rescued(f)
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		close(abandoned)
		var none T
		return none, contextError(ctx, nil)
	}
}

// rescued returns what f returns; if f panics, the panic is the error.
func rescued[T any](f func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while reading: %v", p)
		}
	}()
	return f()
}
