package hacarus

// A service on connections of HTTP/2, frame by frame.

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

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

// fakeHTTP2 is a service that speaks just enough HTTP/2 to refuse requests frame by frame.
type fakeHTTP2 struct {
	refuses func(c *http2Conn, n int, stream uint32) bool // the n-th request, of all connections; nil: none
	body    string

	mu       sync.Mutex
	requests int
}

type http2Conn struct{ net.Conn }

func (c *http2Conn) frame(kind, flags byte, stream uint32, payload ...byte) {
	head := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8)
	head[3], head[4] = kind, flags
	binary.BigEndian.PutUint32(head[5:], stream)
	_, _ = c.Write(append(head, payload...))
}

func (c *http2Conn) reset(stream, code uint32) {
	c.frame(frameReset, 0, stream, binary.BigEndian.AppendUint32(nil, code)...)
}

func (c *http2Conn) goAway(last, code uint32) {
	c.frame(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, last), code)...)
}

func (s *fakeHTTP2) serve(c *http2Conn) {
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
			s.respond(c, stream)
		}
	}
}

func (s *fakeHTTP2) respond(c *http2Conn, stream uint32) {
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.mu.Unlock()
	if s.refuses != nil && s.refuses(c, n, stream) {
		return
	}
	c.frame(frameHeaders, 4, stream, 0x88) // END_HEADERS; ":status: 200" of the static table
	c.frame(frameData, 1, stream, []byte(s.body)...)
}

// start returns a client of the service.
func (s *fakeHTTP2) start(t *testing.T) *Client {
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
			go s.serve(&http2Conn{conn})
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
