package hacarus

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m, nil) }

const (
	testID     = "client-7"
	testSecret = "correct-horse-battery-staple"
	testToken  = "token-one-of-a-kind"
)

// fakeAPI answers logins itself and hands all else to next; it counts both.
type fakeAPI struct {
	next http.HandlerFunc

	mu     sync.Mutex
	logins int
	calls  []string // method and path
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	login := r.URL.Path == "/api/auth/token"
	if login {
		f.logins++
	} else {
		f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	}
	f.mu.Unlock()
	if login {
		_, _ = io.WriteString(w, `{"access_token":"`+testToken+`"}`)
		return
	}
	f.next(w, r)
}

func (f *fakeAPI) counts() (logins, calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins, len(f.calls)
}

// count is how many requests came that were no login.
func (f *fakeAPI) count() int {
	_, calls := f.counts()
	return calls
}

// answers replies with one step after the other, and with the last one from then on.
func answers(steps ...http.HandlerFunc) http.HandlerFunc {
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

// status is an answer with a status, a body and pairs of header names and values.
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

// ok is an answer of status 200.
func ok(body string) http.HandlerFunc { return status(http.StatusOK, body) }

const (
	modelBody = `{"data":{"model_id":"m1","name":"plates","status":"active"}}`
	idsBody   = `{"data":{"item_ids":["a"]}}`
)

// overMemory returns a client of an in-memory service, with short waits.
func overMemory(t *testing.T, h http.Handler, opts ...Option) *Client {
	t.Helper()
	return newTestClient(t, "http://127.0.0.1", append([]Option{WithHTTPClient(&http.Client{Transport: testkit.InMemory(h)})}, opts...)...)
}

// overTCP returns a client of a service on a loopback port.
func overTCP(t *testing.T, h http.Handler, opts ...Option) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newTestClient(t, server.URL, opts...)
}

// overListener returns a client of a service on connections in memory, which do in
// a synctest bubble what those of TCP do outside.
func overListener(t *testing.T, h http.Handler, opts ...Option) *Client {
	t.Helper()
	listener := testkit.NewListener()
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { assert.ErrorIs(t, server.Serve(listener), http.ErrServerClosed) })
	transport := newTransport(nil)
	transport.DialContext = listener.Dial
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
		serving.Wait()
	})
	return newTestClient(t, "http://127.0.0.1", append([]Option{WithHTTPClient(&http.Client{Transport: transport})}, opts...)...)
}

func newTestClient(t *testing.T, baseURL string, opts ...Option) *Client {
	t.Helper()
	base := []Option{
		WithCredentials(testID, testSecret),
		WithRetry(RetryPolicy{MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond}),
	}
	c, err := New(baseURL, append(base, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// endless reads as many bytes as are wanted, whatever they are.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// observed collects attempts.
type observed struct {
	mu       sync.Mutex
	attempts []Attempt
}

func (o *observed) add(a Attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attempts = append(o.attempts, a)
}

func (o *observed) of(operation string) []Attempt {
	o.mu.Lock()
	defer o.mu.Unlock()
	var found []Attempt
	for _, a := range o.attempts {
		if a.Operation == operation {
			found = append(found, a)
		}
	}
	return found
}

// neverSent makes calls that must be refused before anything is sent.
func neverSent(t *testing.T, calls map[string]func(context.Context, *Client) error) {
	t.Helper()
	api := &fakeAPI{next: ok(modelBody)}
	c := overMemory(t, api)
	for name, call := range calls {
		require.ErrorIs(t, call(t.Context(), c), ErrInvalidArgument, name)
	}
	logins, others := api.counts()
	require.Zero(t, logins+others, "nothing was sent")
}
