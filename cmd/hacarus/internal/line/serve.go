package line

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// listen serves until shut is called.
func (l *process) listen(ctx context.Context) (url string, shut func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.cmd.String("addr"))
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{
		Handler: l.mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(l.log.Handler(), slog.LevelWarn),
	}
	serve, scheme := func() error { return server.Serve(listener) }, "http"
	if l.cmd.String("tls-cert") != "" || l.cmd.String("tls-key") != "" {
		if server.TLSConfig, err = l.certified(); err != nil {
			return "", nil, errors.Join(err, listener.Close())
		}
		serve, scheme = func() error { return server.ServeTLS(listener, "", "") }, "https"
	}
	url = scheme + "://" + reachable(listener.Addr().String())
	if l.ownsFolder() {
		raw, _ := json.Marshal(address{url, l.token, l.cmd.String("tls-cert")})
		if err := writeSecret(addressFile(l.data), raw); err != nil {
			return "", nil, errors.Join(err, listener.Close())
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	}()
	if err := l.announce(url); err != nil {
		return "", nil, errors.Join(err, server.Close())
	}
	return url, sync.OnceFunc(func() {
		if l.ownsFolder() {
			_ = os.Remove(addressFile(l.data))
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
		defer cancel()
		if server.Shutdown(closing) != nil { // a page's stream never ends by itself
			_ = server.Close()
		}
		<-done
	}), nil
}

// certified serves with the certificate of the flags, also after it was renewed.
func (l *process) certified() (*tls.Config, error) {
	cert, key := l.cmd.String("tls-cert"), l.cmd.String("tls-key")
	certificate, err := newReloaded(l.log, func() (tls.Certificate, error) { return tls.LoadX509KeyPair(cert, key) }, cert, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		held := certificate.get()
		return &held, nil
	}}, nil
}

// reachable is an address at which this computer reaches itself.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip, parsed := netip.ParseAddr(host); err == nil && parsed == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// announce tells where the process is: a line with nothing but the page's URL, or
// JSON.
func (l *process) announce(url string) error {
	shown := url
	if l.roles.page {
		shown = strings.TrimSuffix(url, "/") + "/?token=" + l.token
	}
	if l.p.Out.Format() == output.Table {
		return l.p.Out.Text(shown)
	}
	return l.p.Out.Value(map[string]string{"url": shown, "base_url": url},
		[]output.Column{{Name: "url"}, {Name: "base_url"}}, output.Text(shown), output.Text(url))
}
