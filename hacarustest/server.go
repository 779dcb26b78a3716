package hacarustest

import (
	"context"
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

// Server is the HACARUS CHECK service inside this process. Make one with
// [NewServer]. It is safe for concurrent use.
type Server struct {
	// URL is the base URL for [hacarus.New], without a trailing slash. In a bubble
	// of testing/synctest, nothing listens there, but [Server.Transport] reaches
	// it.
	URL string
	// ClientID and ClientSecret are the credentials that the server accepts: those
	// of [WithClient], or "hacarustest" and a random secret.
	ClientID, ClientSecret string

	config
	clock  *clock
	ledger ledger
	faults faults

	requests atomic.Uint64

	mu    sync.Mutex // guards state
	state state

	saving data

	lifetime
	slots chan struct{} // limits how many inspections compute at a time

	server    *http.Server
	memory    *memoryListener
	host      string
	callbacks http.Client // sends callbacks
}

// NewServer starts a server with the documented algorithms, one target, a
// license, and no models or items. The caller must call Close. NewServer panics
// if it cannot listen.
func NewServer(opts ...Option) *Server {
	config := newConfig(opts)
	s := &Server{
		ClientID:     config.clientID,
		ClientSecret: config.clientSecret,
		config:       config,
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
	s.keep()
	s.listen()
	return s
}

// prepareCallbacks makes the client that sends callbacks. It does not follow
// redirects.
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
	s.host = reachable(s.addr)
	if !inBubble() {
		l, err := new(net.ListenConfig).Listen(s.running, "tcp", s.addr)
		if err != nil {
			panic("hacarustest: " + err.Error())
		}
		s.host = reachable(l.Addr().String())
		s.serve(l)
	}
	s.URL = "http://" + s.host
	s.serve(s.memory)
}

// reachable returns the address at which clients on this computer reach addr,
// which may stand for all of the computer's addresses. Port 0 remains only if
// nothing listens; a URL does not contain it.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "0" {
		port = "1"
	}
	return net.JoinHostPort(host, port)
}

func (s *Server) serve(l net.Listener) {
	s.background(func(context.Context) {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			panic("hacarustest: " + err.Error())
		}
	})
}

// Close stops the server and everything that it is doing, and waits for the end
// of that. It also closes the clients of [Server.Client]. It may be called more
// than once.
func (s *Server) Close() {
	s.end(func() {
		_ = s.server.Close() // its error is that of a listener that was closed before
	})
	s.saving.last.Do(func() {
		s.saving.changed.Store(true) // by what has no request, such as AddItem
		s.save()
	})
}

// Client returns a client with the server's URL and credentials, which is
// closed by Close. It connects to the server's port like to that of the real
// service; in a bubble of testing/synctest it uses [Server.Transport]. The
// options are applied after the server's own. Client panics if [hacarus.New]
// returns an error.
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

// Transport returns a transport that reaches the server's URL without a port,
// and no other host. It works even if the process has no network.
func (s *Server) Transport() http.RoundTripper {
	t := s.memory.transport(s.host)
	s.onClose(t.CloseIdleConnections)
	return t
}

// Handler returns the handler that serves the API, for a server or for
// middleware of your own. It expects the API's paths at the root. The URLs of
// images have the host of the request, or that of X-Forwarded-Host and
// X-Forwarded-Proto.
func (s *Server) Handler() http.Handler { return s.server.Handler }

// Advance moves the server's clock forward. Tokens and licenses expire by this
// clock, and trainings, predictions and delays take their time by it. What
// becomes due begins at once, but Advance does not wait for it.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// RevokeTokens makes all tokens issued so far invalid, as if they had expired.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.tokens)
}

// compute waits for a free slot and runs f in it.
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
