package hacarus

// Clients of the fakes, and what the tests of several files need.

import (
	"context"
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
func overListener(t *testing.T, h http.Handler) *Client {
	t.Helper()
	listener := testkit.NewListener()
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { assert.ErrorIs(t, server.Serve(listener), http.ErrServerClosed) })
	t.Cleanup(func() {
		assert.NoError(t, server.Close())
		serving.Wait()
	})
	return dialing(t, listener)
}

// dialing returns a client whose connections are a listener's.
func dialing(t *testing.T, listener *testkit.Listener) *Client {
	t.Helper()
	transport := newTransport(nil)
	transport.DialContext = listener.Dial
	t.Cleanup(transport.CloseIdleConnections)
	return newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: transport}))
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
	api := &fakeService{next: ok(modelBody)}
	c := overMemory(t, api)
	for name, call := range calls {
		require.ErrorIs(t, call(t.Context(), c), ErrInvalidArgument, name)
	}
	logins, others := api.counts()
	require.Zero(t, logins+others, "nothing was sent")
}
