package hacarus

import (
	"errors"
	"fmt"
)

// panicError is a panic of the user's code on a goroutine of the SDK's or of the
// transport's, where nobody could recover it and it would end the program. It is
// carried as an error to the goroutine of the call, and goes on there, so that a
// function that the SDK calls may panic as any other may: an observer, the
// handler of a logger, a Progress. What is read from, a [File] or a token source,
// has failed instead, and its panic is its error.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

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

// rethrow lets a panic that err carries go on.
func rethrow(err error) {
	if p, ok := errors.AsType[*panicError](err); ok {
		panic(p.value)
	}
}
