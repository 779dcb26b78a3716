package hacarus

import (
	"net/http"
	"testing"
)

// What the tests in package hacarus_test need of this package's tests.

// Full says whether long tests run at full length.
func Full() bool { return *full }

// Record notes a part of the fault suite; naive is -1 where the naive client
// takes no part.
func Record(t *testing.T, name, what string, cases, naive int, figure string) {
	t.Helper()
	record(t, suiteRow{name, what, cases, naive, figure})
}

// ClassOf is the class of an operation by its row: one of the letters R, O, D, N, A.
func ClassOf(operationID string) byte {
	for _, op := range operations() {
		if op.id == operationID {
			return map[class]byte{read: 'R', overwrite: 'O', remove: 'D', nonIdempotent: 'N', authenticate: 'A'}[op.class]
		}
	}
	return 0
}

// QueuedCallbacks is how many items a callback handler holds.
func QueuedCallbacks(h http.Handler) int {
	r := h.(*receiver)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items
}
