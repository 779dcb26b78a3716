package hacarus

// A service behind a handler, its responses, and a log of what arrives.

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	testID     = "client-7"
	testSecret = "correct-horse-battery-staple"
	testToken  = "token-one-of-a-kind"
)

// fakeService is a service behind a handler. It responds to logins by itself, hands
// all other calls to next, and counts both.
type fakeService struct {
	next     http.HandlerFunc             // nil: responds with modelBody
	grant    string                       // the response to every login; "": testToken
	numbered bool                         // logins give numbered tokens, and calls with a revoked one are refused
	refuse   func(login int) (status int) // the status of the n-th login; 0 for none
	login    time.Duration                // what a login takes
	latency  func(call int) time.Duration // what the n-th call takes

	mu                     sync.Mutex
	logins, calls, revoked int
}

func (s *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == opLogin.path {
		s.serveLogin(w)
		return
	}
	call, valid := s.admit(r)
	if s.latency != nil {
		time.Sleep(s.latency(call))
	}
	switch {
	case !valid:
		status(http.StatusUnauthorized, `{"errors":{"title":"No permission to access this resource"}}`)(w, r)
	case s.next != nil:
		s.next(w, r)
	default:
		ok(modelBody)(w, r)
	}
}

func (s *fakeService) serveLogin(w http.ResponseWriter) {
	s.mu.Lock()
	s.logins++
	login := s.logins
	s.mu.Unlock()
	time.Sleep(s.login)
	if s.refuse != nil {
		if code := s.refuse(login); code != 0 {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"errors":{"title":"Client id and secret mismatch"}}`)
			return
		}
	}
	switch {
	case s.grant != "":
		_, _ = io.WriteString(w, s.grant)
	case s.numbered:
		_, _ = fmt.Fprintf(w, `{"access_token":"token-number-%d"}`, login)
	default:
		_, _ = io.WriteString(w, `{"access_token":"`+testToken+`"}`)
	}
}

// admit counts a call, and says whether its token is valid.
func (s *fakeService) admit(r *http.Request) (call int, valid bool) {
	var number int
	_, _ = fmt.Sscanf(r.Header.Get("Authorization"), "Bearer token-number-%d", &number)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	return s.calls, !s.numbered || number > s.revoked
}

// revoke makes every token that was given out so far useless.
func (s *fakeService) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = s.logins
}

func (s *fakeService) counts() (logins, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins, s.calls
}

// count is how many requests came that were no login.
func (s *fakeService) count() int {
	_, calls := s.counts()
	return calls
}

func (s *fakeService) requireCounts(t *testing.T, logins, calls int) {
	t.Helper()
	gotLogins, gotCalls := s.counts()
	require.Equal(t, logins, gotLogins, "logins")
	require.Equal(t, calls, gotCalls, "calls")
}

// inTurn responds with one step after the other, and with the last one from then on.
func inTurn(steps ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		step := steps[min(next, len(steps)-1)]
		next++
		mu.Unlock()
		step(w, r)
	}
}

// status is a response with a status, a body and pairs of header names and values.
func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// ok is a response of status 200.
func ok(body string) http.HandlerFunc { return status(http.StatusOK, body) }

const (
	modelBody = `{"data":{"model_id":"m1","name":"plates","status":"active"}}`
	idsBody   = `{"data":{"item_ids":["a"]}}`
)

// requestLog keeps the requests that arrived at a handler, with their bodies.
type requestLog struct {
	mu      sync.Mutex
	arrived []loggedRequest
}

type loggedRequest struct {
	*http.Request
	body []byte
}

func (l *requestLog) before(t *testing.T, next http.HandlerFunc) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		l.mu.Lock()
		l.arrived = append(l.arrived, loggedRequest{r, body})
		l.mu.Unlock()
		next(w, r)
	}
}

func (l *requestLog) all() []loggedRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived
}
