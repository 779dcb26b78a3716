// Package exit tells the program's exit codes.
package exit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/interrupt"
)

// The exit codes, which scripts may rely on.
const (
	Done        = 0   // all that was asked for
	NG          = 1   // some images are NG, or a requirement is not met, and that was asked for
	Failed      = 2   // wrong usage, or an error
	Unknown     = 3   // the service may or may not have acted
	Denied      = 4   // the login or the license is not valid
	Incomplete  = 5   // some images are without a verdict
	Interrupted = 130 // by Ctrl-C or a signal
	Unread      = 141 // nobody reads the results any more: what shells tell of SIGPIPE
)

// status is an error that says itself what the program ends with.
type status struct {
	code int
	err  error
}

// With gives an error the code that the program ends with. A nil error ends it
// without a message.
func With(code int, err error) error { return status{code, err} }

func (s status) Error() string {
	if s.err == nil {
		return ""
	}
	return s.err.Error()
}

func (s status) Unwrap() error { return s.err }

// Code returns what the program ends with after an error.
func Code(ctx context.Context, err error) int {
	var s status
	switch {
	case err == nil:
		return Done
	case errors.As(err, &s):
		return s.code
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		return Unknown // even when interrupted: there may be something to look for
	case interrupt.Interrupted(ctx):
		return Interrupted
	case denied(err):
		return Denied
	case unread(err):
		return Unread
	}
	return Failed
}

// unread says whether nothing is wrong but that stdout is a pipe which nobody reads any
// more.
func unread(err error) bool {
	switch e := err.(type) { //nolint:errorlint // all of what is wrapped is looked at
	case *fs.PathError:
		return e.Path == os.Stdout.Name() && errors.Is(e, syscall.EPIPE)
	case interface{ Unwrap() error }:
		return unread(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !unread(err) })
	}
	return false
}

// denied says whether credentials or a license are at fault. A license that is
// not valid is known by its kind in English only, but always by its status. A
// proxy's page says nothing of either.
func denied(err error) bool {
	known := errors.Is(err, hacarus.ErrUnauthorized) || errors.Is(err, hacarus.ErrForbidden) || errors.Is(err, hacarus.ErrLicense)
	return known && !hacarus.IsTemporary(err)
}
