package proxies

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// proxy stands before the service and does to requests what a script says.
type proxy struct {
	address string
	service *hacarustest.Server
	script  script
	// number counts the requests that the script was asked about.
	number atomic.Int64
	// busy counts the requests that the proxy works on, and the connections that were
	// closed and from which a request may still have come.
	busy atomic.Int64
}

// track has a connection counted from its end until nothing of it is served any more,
// which the function that is returned tells.
func (p *proxy) track(raw net.Conn) (conn *trackedConn, served func()) {
	conn = &trackedConn{TCPConn: raw.(*net.TCPConn), busy: &p.busy}
	return conn, conn.served
}

type trackedConn struct {
	*net.TCPConn
	busy *atomic.Int64

	mu           sync.Mutex
	closed, over bool
}

func (c *trackedConn) Close() error {
	c.mu.Lock()
	if !c.closed && !c.over {
		c.busy.Add(1)
	}
	c.closed = true
	c.mu.Unlock()
	return c.TCPConn.Close()
}

func (c *trackedConn) served() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && !c.over {
		c.busy.Add(-1)
	}
	c.over = true
}

// settle waits until the proxy works on no request.
func (p *proxy) settle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return p.busy.Load() == 0 }, patience, time.Millisecond)
}

// work counts a request from now until it is served.
func (p *proxy) work(serve func()) func() {
	p.busy.Add(1)
	return func() {
		defer p.busy.Add(-1)
		serve()
	}
}

// script is what a proxy does to a request, which is the n-th that is not a
// login, from 1. A function that returns false leaves the request to what
// follows: to the other function, and then to the service.
type script struct {
	// head acts before the body is read, whole after it. Nil leaves the request alone.
	head, whole func(x exchange, n int) bool
	// silent never responds to Expect with 100 Continue.
	silent bool
}

// exchange is one request at the proxy, in either protocol.
type exchange interface {
	// inform writes an informational response, and says whether somebody may read it.
	inform(status int, header http.Header) bool
	// respond writes a final response.
	respond(status int, header http.Header, body string)
	// execute lets the service act, and keeps its response back.
	execute()
	// pass lets the service act, and passes its response on.
	pass()
	// cut closes the connection, reset breaks it, halfClose ends what is sent to
	// the client and goes on reading.
	cut()
	reset()
	halfClose()
	// refuse, goAway and stop are HTTP/2's: a stream that is reset with a code, a
	// GOAWAY that names the last stream which is worked on.
	refuse(code uint32)
	goAway(last uint32)
	stream() uint32
	// readBody reads so many bytes of the body.
	readBody(n int)
}

// isLogin keeps logins out of the scripts.
func isLogin(r *http.Request) bool { return r.URL.Path == "/api/auth/token" }

// forward lets the service act on a request whose body has arrived.
func (p *proxy) forward(r *http.Request, body []byte) (status int, header http.Header, text string) {
	out := httptest.NewRequestWithContext(context.Background(), r.Method, p.service.URL+r.URL.RequestURI(), bytes.NewReader(body))
	out.Header = r.Header.Clone()
	out.Header.Del("Expect")
	out.RequestURI = ""
	response, err := p.service.Transport().RoundTrip(out)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	return response.StatusCode, response.Header, string(raw)
}

// listen serves connections until the test ends.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return listener.Addr().String()
}

// endOutput closes one direction of a connection.
func endOutput(conn net.Conn) {
	if tcp, ok := conn.(*trackedConn); ok {
		_ = tcp.CloseWrite()
	}
}

// breakConnection closes a connection so that the other side sees a reset.
func breakConnection(conn net.Conn) {
	if tcp, ok := conn.(*trackedConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
