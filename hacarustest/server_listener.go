package hacarustest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
)

// memoryListener accepts connections that are made in memory.
type memoryListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr{} }

func (l *memoryListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		err = errors.New("hacarustest: the server is closed")
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = client.Close()
	_ = server.Close()
	return nil, &net.OpError{Op: "dial", Net: "memory", Addr: memoryAddr{}, Err: err}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "memory" }

// transport returns a transport whose connections to host are made in memory.
// It reaches no other host.
func (l *memoryListener) transport(host string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if address != host {
				return nil, &net.OpError{Op: "dial", Net: "memory", Err: &net.DNSError{Err: "no such host in memory", Name: address, IsNotFound: true}}
			}
			return l.dial(ctx)
		},
		MaxIdleConnsPerHost:   64,
		ExpectContinueTimeout: http.DefaultTransport.(*http.Transport).ExpectContinueTimeout,
	}
}

// inBubble reports whether the caller runs in a bubble of testing/synctest,
// where a goroutine that waits for the network would stop the bubble's clock.
// The runtime reveals this only in a goroutine's stack trace.
func inBubble() bool {
	trace := make([]byte, 128)
	trace = trace[:runtime.Stack(trace, false)]
	header, _, _ := strings.Cut(string(trace), "\n")
	return strings.Contains(header, "synctest bubble")
}
