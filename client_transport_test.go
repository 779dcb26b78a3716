package hacarus

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"regexp"
	"sync"
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
				api := &fakeAPI{next: countNotes(arrived)}
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
