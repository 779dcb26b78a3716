package hacarus

import (
	"context"
	"time"
)

// attemptValues is the caller's context, with the attempt's operation added. It
// is not a new context, because making one would cost each request an
// allocation.
type attemptValues struct {
	context.Context //nolint:containedctx // it is one

	op *operation
}

type operationKey struct{}

// Value returns the operation, or what the caller's context holds.
func (v *attemptValues) Value(key any) any {
	if key == (operationKey{}) {
		return v.op
	}
	return v.Context.Value(key)
}

// OperationFromContext returns the operation to which a request belongs, and
// its route, from the request's context. It is meant for transports, such as
// those of [WithTransport], and for tracers. operationID is the operationId of
// the documentation, "login", "getImage", or the Operation of a [Call]. route
// is the path with its parameters in braces, as in [Attempt]. For other
// contexts ok is false and both strings are "".
func OperationFromContext(ctx context.Context) (operationID, route string, ok bool) {
	if ctx == nil {
		return "", "", false
	}
	op, ok := ctx.Value(operationKey{}).(*operation)
	if !ok {
		return "", "", false
	}
	return op.id, op.path, true
}

type ownTimeoutKey struct{}

// withOwnTimeout bounds work that others wait for by a time of the SDK's own. Its
// end is told as late, since no context of theirs has ended.
func withOwnTimeout(ctx context.Context, timeout time.Duration, late error) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, ownTimeoutKey{}, late), timeout)
}

// deadlineError is what the end of a deadline is told as: err, unless the deadline is
// the SDK's own.
func deadlineError(ctx context.Context, err error) error {
	if late, ok := ctx.Value(ownTimeoutKey{}).(error); ok {
		return late
	}
	return err
}
