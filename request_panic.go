package hacarus

import (
	"errors"
	"fmt"
)

// panicError is a panic of user code on a goroutine of the SDK or of the
// transport, where nobody could recover it, so that it would end the program.
// It is carried as an error to the goroutine of the call and continues there,
// so that a function that the SDK calls may panic like any other: an observer,
// the handler of a logger, a Progress. If a [File] or a token source panics,
// that is its error instead, because it is read from.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// errGoexit says that a function of the user's ended the goroutine that it was
// called on, as a failed assertion in a test does. It counts as a panic: whoever
// waits for the function's result would otherwise wait forever.
var errGoexit = errors.New("a function ended its goroutine")

// guard calls f, and returns its panic as an error.
func guard(f func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value}
		}
	}()
	f()
	return nil
}

// supervise calls f, and calls failed with what f panicked with, or with
// [errGoexit] if f ended the goroutine.
func supervise(f func(), failed func(v any)) {
	var cause any = errGoexit
	defer func() {
		if v := recover(); v != nil {
			cause = v
		}
		if cause != nil {
			failed(cause)
		}
	}()
	f()
	cause = nil
}

// rethrow continues a panic that err carries.
func rethrow(err error) {
	if p, ok := errors.AsType[*panicError](err); ok {
		panic(p.value)
	}
}
