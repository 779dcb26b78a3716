package hacarustest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Server is HACARUS CHECK in the process. Make one with [NewServer]; it is
// safe for concurrent use.
type Server struct {
	// URL is the base URL for [hacarus.New], without a trailing slash. In a
	// testing/synctest bubble nothing listens there; [Server.Transport] serves it.
	URL string
	// ClientID and ClientSecret are the credentials it accepts. The secret is
	// another one for each server.
	ClientID, ClientSecret string

	config
	clock  *clock
	ledger ledger
	faults faults

	requests atomic.Uint64

	mu    sync.Mutex // guards state
	state state

	lifetime
	slots chan struct{} // limits how many inspections compute at a time

	server    *http.Server
	memory    *memoryListener
	host      string
	callbacks http.Client // sends callbacks
}

// NewServer starts a server with the documented algorithms, one target, a
// licence, and no models or items. Close it. It panics when it finds no port
// to listen on.
func NewServer(opts ...Option) *Server {
	s := &Server{
		ClientID:     "hacarustest",
		ClientSecret: rand.Text(),
		config:       newConfig(opts),
		clock:        newClock(),
		memory:       newMemoryListener(),
		slots:        make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	s.begin()
	s.state = newState(s.clock.now(), s.license)
	s.server = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       s.keepAlive,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.prepareCallbacks()
	s.listen()
	return s
}

// prepareCallbacks makes what sends callbacks. It follows no redirect.
func (s *Server) prepareCallbacks() {
	s.callbacks.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.callbacks.Transport = s.callbackTransport
	if s.callbackTransport == nil {
		own := &http.Transport{}
		s.callbacks.Transport = own
		s.onClose(own.CloseIdleConnections)
	}
}

// listen serves in memory and, where the network may be waited for, on a port.
func (s *Server) listen() {
	s.serve(s.memory)
	s.host = "127.0.0.1:1" // where nothing listens
	if !inBubble() {
		l, err := new(net.ListenConfig).Listen(s.running, "tcp", "127.0.0.1:0")
		if err != nil {
			panic("hacarustest: " + err.Error())
		}
		s.host = l.Addr().String()
		s.serve(l)
	}
	s.URL = "http://" + s.host
}

func (s *Server) serve(l net.Listener) {
	s.background(func(context.Context) {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			panic("hacarustest: " + err.Error())
		}
	})
}

// Close stops the server, breaks off what it is doing, and waits for the end
// of it. It closes the clients of [Server.Client] too. Close may be called again.
func (s *Server) Close() {
	s.end(func() {
		_ = s.server.Close() // its error is that of a listener that was closed before
	})
}

// Client returns a client of the server, with its credentials. In a
// testing/synctest bubble it uses [Server.Transport]; elsewhere it connects to
// the port as it would to the real service. Options come after the server's
// own and win. It panics when [hacarus.New] fails.
func (s *Server) Client(opts ...hacarus.Option) *hacarus.Client {
	own := []hacarus.Option{hacarus.WithCredentials(s.ClientID, s.ClientSecret)}
	if inBubble() {
		own = append(own, hacarus.WithHTTPClient(&http.Client{Transport: s.Transport()}))
	}
	client, err := hacarus.New(s.URL, append(own, opts...)...)
	if err != nil {
		panic("hacarustest: " + err.Error())
	}
	s.onClose(func() { _ = client.Close() })
	return client
}

// Transport returns a transport that reaches the server, and nothing else,
// without a port.
func (s *Server) Transport() http.RoundTripper {
	t := s.memory.transport(s.host)
	s.onClose(t.CloseIdleConnections)
	return t
}

// Advance moves the server's clock on, by which tokens and licences expire and
// jobs take their time. What is due then happens, without waiting for it.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// RevokeTokens makes all tokens given out so far invalid.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.tokens)
}

// compute waits for a slot to compute in, and runs f in it.
func (s *Server) compute(ctx context.Context, f func()) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	f()
	return nil
}
