package hacarus

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The client's own transport closes a connection before a common server does,
// so that no request meets a connection that is being closed. Others do meet it.
func TestOwnTransportClosesConnectionsFirst(t *testing.T) {
	t.Parallel()
	const (
		latency   = 3 * time.Millisecond
		keepAlive = 2 * time.Second // of the server; no common one has less
	)
	rounds := 100
	if *testkit.Full {
		rounds = 500
	}
	for name, idle := range map[string]time.Duration{"own": newTransport(nil).IdleConnTimeout, "another": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				listener := testkit.NewListener()
				arrived := map[string]int{}
				api := &fakeService{next: countNotes(arrived)}
				server := &http.Server{Handler: api, IdleTimeout: keepAlive, ErrorLog: log.New(io.Discard, "", 0)}
				serving := sync.WaitGroup{}
				serving.Go(func() { assert.ErrorIs(t, server.Serve(listener), http.ErrServerClosed) })
				network := testkit.Network{Latency: latency, Dial: listener.Dial}
				transport := newTransport(nil)
				transport.DialContext, transport.IdleConnTimeout = network.DialContext, idle
				defer func() {
					transport.CloseIdleConnections()
					require.NoError(t, server.Close())
					network.Wait()
					serving.Wait()
				}()
				c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: transport}))
				// In the first pause, the request and the server's close cross on their
				// way. In the others it comes in time, or too late, or when the client
				// itself closes the connection.
				own := newTransport(nil).IdleConnTimeout
				pauses := []time.Duration{keepAlive - latency, own, keepAlive - 3*latency, own - latency, keepAlive + latency}
				failed := callWithPauses(t.Context(), c, rounds, pauses)
				if name != "own" {
					require.Positive(t, failed, "there is no race to win")
					return
				}
				require.Zero(t, failed)
				require.Len(t, arrived, callsAtOnce*rounds)
				for note, times := range arrived {
					require.Equal(t, 1, times, note)
				}
			})
		})
	}
}

const callsAtOnce = 3

// callWithPauses makes some calls of class N at the same time in each round, with
// a pause in between, and returns how many of them failed.
func callWithPauses(ctx context.Context, c *Client, rounds int, pauses []time.Duration) (failed int) {
	for round := range rounds {
		for _, err := range testkit.Together(callsAtOnce, func(n int) error {
			return c.AnnotateItem(ctx, "a", RequestAnnotation{Notes: fmt.Sprintf("note %d-%d", round, n)})
		}) {
			if err != nil {
				failed++
			}
		}
		time.Sleep(pauses[round%len(pauses)])
	}
	return failed
}

// countNotes counts the notes of annotations.
func countNotes(arrived map[string]int) http.HandlerFunc {
	var mu sync.Mutex
	return func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		arrived[regexp.MustCompile(`note \d+-\d+`).FindString(string(body))]++
	}
}

// What the SDK's own transport bounds.
func TestOwnTransport(t *testing.T) {
	t.Parallel()
	transport := newTransport(nil)
	require.EqualValues(t, tls.VersionTLS12, transport.TLSClientConfig.MinVersion)
	require.False(t, transport.TLSClientConfig.InsecureSkipVerify)
	require.EqualValues(t, 1<<20, transport.MaxResponseHeaderBytes)
	require.NotNil(t, transport.Proxy)
	require.True(t, transport.ForceAttemptHTTP2)
	for name, bound := range map[string]time.Duration{
		"handshake": transport.TLSHandshakeTimeout, "expect": transport.ExpectContinueTimeout,
		"idle": transport.IdleConnTimeout, "ping": transport.HTTP2.SendPingTimeout, "pong": transport.HTTP2.PingTimeout,
	} {
		require.Positive(t, bound, name)
		require.LessOrEqual(t, bound, time.Minute, name)
	}
	require.Zero(t, transport.ResponseHeaderTimeout, "the stall timeout bounds it, which may be longer")
	require.GreaterOrEqual(t, transport.MaxIdleConnsPerHost, 64)
}

// A service whose TLS is too old is not asked five times.
func TestOldTLSIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		connections.Add(1)
		return nil, nil //nolint:nilnil // as documented: the one it has
	}
	server.StartTLS()
	defer server.Close()
	c := newTestClient(t, server.URL)
	_, err := c.Login(t.Context())
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeNotSent, lost.Outcome)
	require.EqualValues(t, 1, connections.Load())
}
