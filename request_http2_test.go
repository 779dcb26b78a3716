package hacarus

// Tests of request_silence.go on connections of HTTP/2: of requests that it says were not processed.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Frames of HTTP/2 (RFC 9113, 6), and codes of errors.
// A stream that HTTP/2 says was not processed is sent again, whatever it asks
// for. This test fails when a release of Go says it in other words.
func TestRefusedStreams(t *testing.T) {
	t.Parallel()
	first := func(refuse func(c *http2Conn, stream uint32)) func(*http2Conn, int, uint32) bool {
		return func(c *http2Conn, n int, stream uint32) bool {
			if n == 1 {
				refuse(c, stream)
			}
			return n == 1
		}
	}
	for name, refuses := range map[string]func(*http2Conn, int, uint32) bool{
		"REFUSED_STREAM":           first(func(c *http2Conn, stream uint32) { c.reset(stream, codeRefused) }),
		"GOAWAY below it":          first(func(c *http2Conn, stream uint32) { c.goAway(stream-1, codeNone) }),
		"GOAWAY below it, at once": first(func(c *http2Conn, stream uint32) { c.goAway(stream-1, codeProtocol) }),
	} {
		for _, op := range operationTable {
			if op.class == classLogin {
				continue
			}
			t.Run(name+"/"+op.id, func(t *testing.T) {
				t.Parallel()
				p := &fakeHTTP2{refuses: refuses, body: op.response()}
				require.NoError(t, op.invoke(t.Context(), p.start(t)))
				require.Equal(t, 2, p.requests)
			})
		}
		t.Run(name+"/a reader that can be read once", func(t *testing.T) {
			t.Parallel()
			p := &fakeHTTP2{refuses: refuses, body: idsBody}
			err := addFiles(t.Context(), p.start(t), FileFromReader("a.png", io.LimitReader(endless{}, 9), 9))
			var lost *RequestError
			require.ErrorAs(t, err, &lost)
			require.Equal(t, OutcomeNotExecuted, lost.Outcome)
			require.Equal(t, 1, p.requests)
		})
	}
}

func TestStreamsThatAreRefusedForEver(t *testing.T) {
	t.Parallel()
	for _, op := range []operation{opPredictItems, opDeleteItems, opSetPredictParameters, opAddItems} {
		p := &fakeHTTP2{refuses: func(c *http2Conn, _ int, stream uint32) bool { c.reset(stream, codeRefused); return true }}
		err := invoke(t.Context(), p.start(t), op)
		var lost *RequestError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, OutcomeNotExecuted, lost.Outcome, op.id)
		require.True(t, IsTemporary(err))
		require.Equal(t, 3, p.requests)
	}
}

// Other codes prove nothing. net/http repeats a request by itself after
// PROTOCOL_ERROR where it can, and must not be able to.
func TestResetStreamsProveNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []uint32{codeProtocol, 2, 8, 11} {
		for name, call := range map[string]func(context.Context, *Client) error{
			"with a body": func(ctx context.Context, c *Client) error { return invoke(ctx, c, opPredictItems) },
			"without": func(ctx context.Context, c *Client) error {
				return c.Call(ctx, Call{Method: http.MethodPost, Path: "/x"}, nil)
			},
		} {
			t.Run(fmt.Sprint(name, ", ", code), func(t *testing.T) {
				t.Parallel()
				p := &fakeHTTP2{refuses: func(c *http2Conn, _ int, stream uint32) bool { c.reset(stream, code); return true }}
				require.ErrorIs(t, call(t.Context(), p.start(t)), ErrOutcomeUnknown)
				require.Equal(t, 1, p.requests)
			})
		}
	}
}

func TestIsRefusedStream(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]bool{
		"stream error: stream ID 7; REFUSED_STREAM":                                                     true,
		"stream error: stream ID 7; REFUSED_STREAM; received from peer":                                 true,
		"http2: Transport received Server's graceful shutdown GOAWAY":                                   true,
		"http2: Transport received GOAWAY from server ErrCode:PROTOCOL_ERROR":                           true,
		"stream error: stream ID 7; PROTOCOL_ERROR; received from peer":                                 false,
		"stream error: stream ID 7; INTERNAL_ERROR; REFUSED_STREAM":                                     false,
		"http2: server sent GOAWAY and closed the connection; LastStreamID=1, debug=\"REFUSED_STREAM\"": false,
		"EOF": false,
	} {
		err := errors.New(text)
		require.Equal(t, refused, isRefusedStream(err), text)
		require.Equal(t, refused, isRefusedStream(fmt.Errorf("traced: %w", err)), text)
		wrapped := fmt.Errorf("http2: Transport: cannot retry err [%w] after Request.Body was written; define Request.GetBody to avoid this error", err)
		require.Equal(t, refused, isRefusedStream(errors.New(wrapped.Error())), text)
	}
}

// failingConn is a connection that takes so many bytes.
type failingConn struct {
	net.Conn
	left int
}

func (c *failingConn) Write(p []byte) (int, error) {
	if len(p) <= c.left {
		c.left -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.left])
	c.left = 0
	return n, &net.OpError{Op: "write", Net: "tcp", Err: errors.New("broken pipe")}
}
