// Package interrupt lets the program end in order when it is told to.
package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// exitCode is that of a program that Ctrl-C ended.
const exitCode = 130

// Error is why the context of an interrupted program has ended.
type Error struct{ Signal os.Signal }

func (e *Error) Error() string { return "interrupted" }

// Context returns a context that the first Ctrl-C or SIGTERM ends, or SIGHUP, which
// is that the terminal is closed; said is called with it then. The second one ends the
// program at once, but not SIGHUP, which a shell and the system send one each.
//
// A pipe that nobody reads any more ends nothing: writing to it is an error like
// others.
func Context(said func(os.Signal)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		first, ok := <-signals
		if !ok {
			return
		}
		cancel(&Error{first})
		said(first)
		for next := range signals {
			if next != syscall.SIGHUP {
				os.Exit(exitCode)
			}
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	})
}

// Interrupted says whether a signal has ended the context.
func Interrupted(ctx context.Context) bool {
	_, ok := errors.AsType[*Error](context.Cause(ctx))
	return ok
}

// Terminated says whether it was SIGTERM, with which a service manager ends what
// it has started.
func Terminated(ctx context.Context) bool {
	e, ok := errors.AsType[*Error](context.Cause(ctx))
	return ok && e.Signal == syscall.SIGTERM
}
