package hacarus

import "context"

// attemptValues is the caller's context, in which an attempt's operation is
// found, too. It is no context of its own: making one would cost each request
// an allocation.
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

// OperationFromContext tells the operation that a request belongs to, and its
// route, by the request's context: for a transport, such as one of
// [WithTransport], or a tracer that names what it sees. The operation is the
// operationId, "login", "getImage", or [Call.Operation]; the route is the path
// with its parameters in braces, as in [Attempt]. Other contexts have none: ok
// is false, and both are "".
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
