package hacarus

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// A service that never had the end of a request cannot have acted on it: the
// request is sent again, whatever it asks for. This test fails when a release of
// Go tells in other words that the last write failed.
func TestUnwrittenRequestsAreSentAgain(t *testing.T) {
	t.Parallel()
	const size = 100 << 10
	wholeRequest := func(r *http.Request) bool {
		n, err := io.Copy(io.Discard, r.Body)
		return err == nil && n == r.ContentLength
	}
	var length atomic.Int64 // of the request on the wire
	for _, test := range []struct {
		name string
		left func() int
	}{
		{"nothing", func() int { return 0 }},
		{"within the head", func() int { return 60 }},
		{"within the body", func() int { return 40 << 10 }},
		{"but the last one", func() int { return int(length.Load()) - 1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var executed, dials atomic.Int32
			server := httptest.NewServer(&fakeService{next: func(w http.ResponseWriter, r *http.Request) {
				if wholeRequest(r) {
					executed.Add(1)
					_, _ = io.WriteString(w, idsBody)
				}
			}})
			defer server.Close()
			transport := newTransport(nil)
			transport.DisableKeepAlives = true // each request has a connection of its own
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				switch dials.Add(1) {
				case 1: // the login's
					return conn, nil
				case 2:
					return &failingConn{conn, test.left()}, nil
				}
				return &countingConn{Conn: conn, written: &length}, nil
			}
			c := newTestClient(t, server.URL, WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", make([]byte, size))))
			require.EqualValues(t, 1, executed.Load())
			require.EqualValues(t, 3, dials.Load())
		})
	}
}

// countingConn tells how much was written to the last connection.
type countingConn struct {
	net.Conn
	sum     int64
	written *atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.sum += int64(len(p))
	c.written.Store(c.sum)
	return c.Conn.Write(p)
}

// A proxy that wants credentials is asked once, and what it says back stays unsaid.
func TestProxyThatWantsCredentials(t *testing.T) {
	t.Parallel()
	const password = "hunter2-hunter2"
	said := base64.StdEncoding.EncodeToString([]byte("someone:" + password))
	for name, own := range map[string]bool{"own transport": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer func() { _ = listener.Close() }()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					asked.Add(1)
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required, not Basic "+said+"\r\nContent-Length: 0\r\n\r\n")
					_ = conn.Close()
				}
			}()
			transport := newTransport(nil)
			if !own {
				transport.OnProxyConnectResponse = nil
			}
			transport.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: listener.Addr().String()})
			c := newTestClient(t, "https://check.example", WithHTTPClient(&http.Client{Transport: transport}))
			_, err = c.PredictItems(t.Context(), ActiveModel, "a")
			var lost *RequestError
			require.ErrorAs(t, err, &lost)
			require.Equal(t, OutcomeNotSent, lost.Outcome)
			require.EqualValues(t, 1, asked.Load(), "asking again would not help")
			require.Contains(t, err.Error(), "Proxy Authentication Required")
			require.NotContains(t, testkit.EveryText(err), said)
			require.False(t, IsTemporary(err))
		})
	}
}

// The last response of the service stays reachable behind what came after it.
func TestLastResponseStaysReachable(t *testing.T) {
	t.Parallel()
	for _, op := range []operation{opGetModel, opSetPredictParameters, opDeleteItems, opPredictItems} {
		attempts := 0
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			if attempts++; attempts == 1 {
				status := http.StatusServiceUnavailable
				if !op.class.repeatable() {
					status = http.StatusTooManyRequests
				}
				return respond(r, status, strings.NewReader(`{"errors":{"title":"restarting"}}`)), nil
			}
			return nil, io.ErrUnexpectedEOF
		}))
		err := invoke(t.Context(), c, op)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		var last *BaseError
		require.ErrorAs(t, err, &last, op.id)
		require.Equal(t, "restarting", last.Errors.Title)
		var lost *RequestError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, attempts, lost.Attempts)
	}
}

// A token that was refused, and replaced, is no reason for what came after it.
func TestRenewedTokensAreNoReason(t *testing.T) {
	t.Parallel()
	attempts := 0
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		if attempts++; attempts == 1 {
			return respond(r, http.StatusUnauthorized, strings.NewReader(`{}`)), nil
		}
		return nil, io.ErrUnexpectedEOF
	}))
	err := invoke(t.Context(), c, opPredictItems)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.NotErrorIs(t, err, ErrUnauthorized)
}
