package hacarus

import (
	"net/http"
	"os"
	"testing"
)

// What the tests in package hacarus_test need of this package's tests.

// Full says whether long tests run at full length.
func Full() bool { return *full }

// Record notes a part of the fault suite; naive is -1 where the naive client
// takes no part.
func Record(t *testing.T, name, what string, cases, naive int, figure string) {
	t.Helper()
	record(t, suiteRow{name: name, what: what, cases: cases, naive: naive, figure: figure})
}

// RecordLoad notes a load level, with what was measured of the SDK and of the
// naive client, "" where that takes no part.
func RecordLoad(t *testing.T, name, load, measured, naive string) {
	t.Helper()
	record(t, suiteRow{name: name, what: load, naive: -1, figure: measured, baseline: naive})
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

// RaceEnabled says that the race detector is on.
const RaceEnabled = raceEnabled

// RefusalMemory is how long a refused login is answered from memory.
const RefusalMemory = refusalMemory

// EveryText is all that an error and the errors in it show when printed or logged.
func EveryText(err error) string { return everyText(err) }

// EveryPrint is all that a value shows when printed or logged.
func EveryPrint(v any) string { return everyPrint(v) }

// Together makes n calls at the same time and returns how each ended.
func Together(n int, call func(n int) error) []error { return together(n, call) }

// SaveFileTo is SaveFile with another way to make the temporary file.
func SaveFileTo(d *Download, path string, create func(dir, pattern string) (*os.File, error)) error {
	return d.saveFile(path, create)
}

// NewTransport is the transport that a client makes without one of the user's.
func NewTransport() *http.Transport { return newTransport(nil) }

// QueuedCallbacks is how many items a callback handler holds.
func QueuedCallbacks(h http.Handler) int {
	r := h.(*receiver)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.items
}
