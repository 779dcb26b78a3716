package hacarustest

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// Call is a request that arrived at a [Server], and what became of it.
type Call struct {
	// Operation is the operationId, such as "train". For an item's image it is
	// "getImage", which is not an operation of the documentation.
	Operation string
	// Method and Path are those of the request. Path is escaped as it arrived,
	// without the query.
	Method, Path string
	// Query is the query of the request.
	Query url.Values
	// Header is the header of the request, without Authorization.
	Header http.Header
	// Body is the body of a JSON request, and nil for other requests.
	Body []byte
	// Files are the names of the uploaded files that have arrived. It is nil for
	// requests that are not uploads.
	Files []string
	// StatusCode is the status of the response, or 0 if there is none yet.
	StatusCode int
	// Executed is true if the service did what the request asked for, whether or
	// not the response reached the client.
	Executed bool
}

// ledger keeps calls in the order of their arrival.
type ledger struct {
	mu    sync.Mutex
	calls []*Call
}

func (l *ledger) arrived(operation string, r *http.Request) *Call {
	header := r.Header.Clone()
	header.Del("Authorization")
	call := &Call{Operation: operation, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: header}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, call)
	return call
}

// update changes a call, which others may be reading.
func (l *ledger) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *ledger) of(operation string) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Call
	for _, call := range l.calls {
		if operation == "" || call.Operation == operation {
			found = append(found, call.clone())
		}
	}
	return found
}

func (c *Call) clone() Call {
	clone := *c
	clone.Header = c.Header.Clone()
	clone.Body = bytes.Clone(c.Body)
	clone.Files = slices.Clone(c.Files)
	return clone
}

// Calls returns the requests of an operation in the order of their arrival; ""
// means all operations. They include requests that were not executed: see
// [Call.Executed]. Calls are kept until [Server.ResetCalls].
func (s *Server) Calls(operation string) []Call { return s.ledger.of(operation) }

// Executions returns how many requests of an operation were executed; "" means
// all operations.
func (s *Server) Executions(operation string) int {
	n := 0
	for _, call := range s.ledger.of(operation) {
		if call.Executed {
			n++
		}
	}
	return n
}

// ResetCalls forgets all calls so far.
func (s *Server) ResetCalls() {
	s.ledger.update(func() { s.ledger.calls = nil })
}
