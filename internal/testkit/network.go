package testkit

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"sync"
	"time"
)

// RoundTrip is a transport made of a function.
type RoundTrip func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f RoundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Proxy is a transport made of a function that passes requests on to another one,
// or responds itself. The function runs for one request at a time, so that what
// it remembers needs no lock. While next has a request, others have their turn.
// Next is the function's own only until it returns.
func Proxy(through http.RoundTripper, f func(r *http.Request, next http.RoundTripper) (*http.Response, error)) RoundTrip {
	turn := make(chan struct{}, 1) // the clock of a synctest bubble stands still for who waits for a mutex
	next := RoundTrip(func(r *http.Request) (*http.Response, error) {
		<-turn
		defer func() { turn <- struct{}{} }()
		return through.RoundTrip(r)
	})
	return func(r *http.Request) (*http.Response, error) {
		turn <- struct{}{}
		defer func() { <-turn }()
		return f(r, next)
	}
}

// InMemory serves requests by a handler without a connection, so that it works
// in a synctest bubble, and tells the request's trace what a transport would.
func InMemory(h http.Handler) RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(r.Context())
		if trace != nil && trace.GetConn != nil {
			trace.GetConn(r.URL.Host)
			trace.WroteHeaders()
		}
		in := r.Clone(r.Context())
		in.Body = http.NoBody
		if r.Body != nil {
			raw, err := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if err != nil {
				return nil, err
			}
			in.Body = io.NopCloser(bytes.NewReader(raw))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, in)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return w.Result(), nil
	}
}

// Network connects to a service that is some way off.
type Network struct {
	Latency time.Duration // of a byte, in each direction
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)

	traffic sync.WaitGroup
}

// DialContext connects over the network.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	server, err := n.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	client, far := net.Pipe()
	n.traffic.Go(func() { n.carry(far, server) })
	n.traffic.Go(func() { n.carry(server, far) })
	return client, nil
}

// Wait waits until all connections have ended.
func (n *Network) Wait() { n.traffic.Wait() }

// carry brings what comes from one connection to another, and its end too. As
// on a network, whoever writes learns late that nobody receives it.
func (n *Network) carry(from, to net.Conn) {
	type packet struct {
		due   time.Time
		bytes []byte
	}
	packets := make(chan packet, 1024)
	go func() {
		defer close(packets)
		for {
			buffer := make([]byte, 4<<10)
			size, err := from.Read(buffer)
			packets <- packet{time.Now().Add(n.Latency), buffer[:size]}
			if err != nil {
				return
			}
		}
	}()
	for p := range packets {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			_ = from.Close()
		}
	}
	_ = to.Close()
}

// Listener is a listener in memory, for servers in a synctest bubble.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
}

// NewListener makes a listener.
func NewListener() *Listener {
	return &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to the listener, whatever the address.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener. It must be called once.
func (l *Listener) Close() error {
	close(l.closed)
	return nil
}

// Addr is the same for all listeners.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

// given are the ports of [FreeAddress].
var given sync.Map

// FreeAddress is one of this computer at which nobody listens. Its port is not of those
// that the system gives to connections, which might take it before the test does.
func FreeAddress() string {
	for {
		port := 10_000 + rand.IntN(20_000) //nolint:gosec // a port is no secret
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil { //nolint:noctx // it does not block
			_ = l.Close()
			if _, before := given.LoadOrStore(port, nil); !before {
				return address
			}
		}
	}
}
