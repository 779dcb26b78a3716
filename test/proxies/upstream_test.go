package proxies

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// upstream is the service behind a proxy. It restarts as a process would: its
// connections break, its state stays.
type upstream struct {
	*hacarustest.Server
	address string

	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{Server: hacarustest.NewServer()}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.address = listener.Addr().String()
	u.serve(listener)
	t.Cleanup(func() {
		u.stop()
		u.Close()
	})
	return u
}

func (u *upstream) serve(listener net.Listener) {
	target, _ := url.Parse(u.URL)
	handler := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: u.Transport()}
	u.mu.Lock()
	defer u.mu.Unlock()
	server, done := &http.Server{Handler: handler}, make(chan struct{})
	u.server, u.done = server, done
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
}

func (u *upstream) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	_ = u.server.Close()
	<-u.done
}

// restart breaks all connections, also those on which a request is being worked on.
func (u *upstream) restart(t *testing.T) {
	t.Helper()
	u.stop()
	require.Eventually(t, func() bool { // a connection of somebody's may have the port for a moment
		listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", u.address)
		if err == nil {
			u.serve(listener)
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
}
