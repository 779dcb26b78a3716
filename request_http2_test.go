package hacarus

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// Frames of HTTP/2 (RFC 9113, 6), and codes of errors.
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	framePing     = 6
	frameGoAway   = 7

	codeNone     = 0
	codeProtocol = 1
	codeRefused  = 7
)

// peer is a service that speaks just enough HTTP/2 to refuse requests frame by frame.
type peer struct {
	refuses func(c *peerConn, n int, stream uint32) bool // the n-th request, of all connections; nil: none
	body    string

	mu       sync.Mutex
	requests int
}

type peerConn struct{ net.Conn }

func (c *peerConn) frame(kind, flags byte, stream uint32, payload ...byte) {
	head := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8)
	head[3], head[4] = kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, _ = c.Write(append(head, payload...))
}

func (c *peerConn) reset(stream, code uint32) {
	c.frame(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code)...)
}

func (c *peerConn) goAway(last, code uint32) {
	c.frame(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code)...)
}

func (p *peer) serve(c *peerConn) {
	defer func() { _ = c.Close() }()
	_, _ = io.CopyN(io.Discard, c, 24) // the preface
	c.frame(frameSettings, 0, 0)
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		ends := flags&1 != 0 // END_STREAM, or ACK
		switch {
		case kind == frameSettings && !ends:
			c.frame(frameSettings, 1, 0)
		case kind == framePing && !ends:
			c.frame(framePing, 1, 0, payload...)
		case (kind == frameHeaders || kind == frameData) && ends:
			p.respond(c, stream)
		}
	}
}

func (p *peer) respond(c *peerConn, stream uint32) {
	p.mu.Lock()
	p.requests++
	n := p.requests
	p.mu.Unlock()
	if p.refuses != nil && p.refuses(c, n, stream) {
		return
	}
	c.frame(frameHeaders, 4, stream, 0x88) // END_HEADERS; ":status: 200" of the static table
	c.frame(frameData, 1, stream, []byte(p.body)...)
}

// start returns a client of the peer.
func (p *peer) start(t *testing.T) *Client {
	t.Helper()
	certificate := httptest.NewUnstartedServer(nil)
	certificate.EnableHTTP2 = true
	certificate.StartTLS()
	certificate.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificate.TLS.Certificates, NextProtos: []string{"h2"}})
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(&peerConn{conn})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		serving.Wait()
	})
	roots := certificate.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:forcetypeassert // it is one
	c, err := New("https://"+listener.Addr().String(),
		WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})), WithRootCAs(roots),
		WithRetry(RetryPolicy{MaxAttempts: 3, MinWait: 1, MaxWait: 1}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// A stream that HTTP/2 says was not processed is sent again, whatever it asks
// for. This test fails when a release of Go says it in other words.
func TestRefusedStreams(t *testing.T) {
	t.Parallel()
	first := func(refuse func(c *peerConn, stream uint32)) func(*peerConn, int, uint32) bool {
		return func(c *peerConn, n int, stream uint32) bool {
			if n == 1 {
				refuse(c, stream)
			}
			return n == 1
		}
	}
	for name, refuses := range map[string]func(*peerConn, int, uint32) bool{
		"REFUSED_STREAM":           first(func(c *peerConn, stream uint32) { c.reset(stream, codeRefused) }),
		"GOAWAY below it":          first(func(c *peerConn, stream uint32) { c.goAway(stream-1, codeNone) }),
		"GOAWAY below it, at once": first(func(c *peerConn, stream uint32) { c.goAway(stream-1, codeProtocol) }),
	} {
		for _, op := range operationTable {
			if op.class == classLogin {
				continue
			}
			t.Run(name+"/"+op.id, func(t *testing.T) {
				t.Parallel()
				p := &peer{refuses: refuses, body: op.response()}
				require.NoError(t, op.invoke(t.Context(), p.start(t)))
				require.Equal(t, 2, p.requests)
			})
		}
		t.Run(name+"/a reader that can be read once", func(t *testing.T) {
			t.Parallel()
			p := &peer{refuses: refuses, body: idsBody}
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
		p := &peer{refuses: func(c *peerConn, _ int, stream uint32) bool { c.reset(stream, codeRefused); return true }}
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
				p := &peer{refuses: func(c *peerConn, _ int, stream uint32) bool { c.reset(stream, code); return true }}
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
