package hacarus

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests prove what is known about the real service, from its documentation and
// from the fixtures of the official C# SDK. Numbers at the beginning of a case's
// name are those of docs/wire-facts.md; A6 marks an answer of these fixtures with its name
// there, M and D their two earlier API generations. Facts 25 (callbacks) and 27
// (workers), and the naming of sample sets in 36, ask nothing of the operations.

// factAnswer returns a client of a service that gives one answer to every call.
func factAnswer(t *testing.T, code int, body string) *Client {
	t.Helper()
	return overMemory(t, &fakeAPI{next: status(code, body)})
}

// factRequests keeps what arrived, with its body.
type factRequests struct {
	mu      sync.Mutex
	arrived []fixtureRequest
}

func (f *factRequests) before(t *testing.T, next http.HandlerFunc) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		f.mu.Lock()
		f.arrived = append(f.arrived, fixtureRequest{r, body})
		f.mu.Unlock()
		next(w, r)
	}
}

func (f *factRequests) all() []fixtureRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrived
}

func factTime(t *testing.T, rfc3339 string) Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, rfc3339)
	require.NoError(t, err)
	return Time{parsed}
}

// TestFactByteOrderMark runs every fixture again with a byte order mark before its answer.
func TestFactByteOrderMark(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		f := readFixture(t, op.id)
		if f.Response.Body == nil {
			continue
		}
		t.Run("13 "+op.id, func(t *testing.T) {
			t.Parallel()
			f.Response.Body = append([]byte("\xef\xbb\xbf"), f.Response.Body...)
			f.run(t, op)
		})
	}
}
