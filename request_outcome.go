package hacarus

import (
	"context"
	"errors"

	"github.com/hacarus/hacarus-check-go/internal/redact"
)

// afterwards returns the combined outcome of a call's attempts after one more
// that ended with last: a later refusal does not undo what a lost attempt may
// have done.
func afterwards(c class, before, last Outcome) Outcome {
	mayBeDone := before == OutcomeUnknown || before == OutcomeExecuted
	switch {
	case mayBeDone && !c.stateless() && last != OutcomeExecuted:
		return OutcomeUnknown
	case before != OutcomeNotSent && last == OutcomeNotSent: // an earlier one was
		return OutcomeNotExecuted
	}
	return last
}

// errorOf returns the error of an attempt that failed with cause, or nil for a
// success. If a context has ended, the error of the attempt before may still
// matter.
func (x *exchange) errorOf(ctx context.Context, seen observation, cause error) error {
	if cause == nil {
		return nil
	}
	if seen.failure == failedLogin {
		return x.loginFailure(ctx, cause)
	}
	base, refused := cause.(*BaseError) //nolint:errorlint // one within a file's error is not this call's
	if refused {
		base.Outcome = x.outcome
	}
	switch {
	case ctx.Err() != nil && seen.failure != failedNothing && seen.failure != failedContent:
		return x.requestError(contextError(ctx, x.lastCause(ctx, seen, cause)))
	case refused:
		return base
	}
	return x.requestError(cause)
}

// lastCause returns what failed before the context ended. If the last attempt
// says no more than that the context ended, it is the failure of the attempt
// before.
func (x *exchange) lastCause(ctx context.Context, seen observation, cause error) error {
	silent := seen.failure == failedConnection || seen.failure == failedForGood
	if silent && (errors.Is(cause, ctx.Err()) || errors.Is(cause, context.Canceled) || errors.Is(cause, context.Cause(ctx))) {
		return x.err
	}
	return cause
}

// loginFailure is a failed login's own error, or the end of this call's context.
func (x *exchange) loginFailure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return x.requestError(contextError(ctx, x.err))
	case x.outcome == OutcomeUnknown: // of an attempt before
		return x.requestError(err)
	}
	return err
}

// requestError is a failure of the call. Where its last attempt had no response,
// the last one before stays reachable.
func (x *exchange) requestError(err error) *RequestError {
	if x.refusal != nil && x.current.report.status == 0 && !errors.As(err, new(*BaseError)) {
		last := *x.refusal
		last.Outcome = x.outcome // whoever finds the response must not take its outcome for the call's
		err = &sequel{err, &last}
	}
	return &RequestError{Operation: x.op.id, Attempts: x.attempts, Outcome: x.outcome, Err: redact.Error(err, x.mask)}
}

// mask replaces the secrets of the client and of the request in a string.
func (x *exchange) mask(shown string) string {
	shown = x.client.auth.secrets.Mask(shown)
	if x.body != nil {
		shown = x.body.secrets.Mask(shown)
	}
	return shown
}

// contextError is why a context ended, with the error before that.
func contextError(ctx context.Context, last error) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && errors.Is(cause, err):
		err = deadlineError(ctx, cause)
	case cause != nil && !errors.Is(cause, err):
		err = errors.Join(err, cause)
	case cause != nil:
		err = cause
	}
	if last == nil {
		return err
	}
	return &sequel{err: err, before: last}
}

// sequel joins what ended a call with the last failure before it, on one line.
type sequel struct{ err, before error }

func (e *sequel) Unwrap() []error { return []error{e.err, e.before} }

func (e *sequel) Error() string {
	before := e.before.Error()
	if base, ok := e.before.(*BaseError); ok { //nolint:errorlint // what the outcome is says the error around this one
		before = base.response()
	}
	return e.err.Error() + "; before that: " + before
}
