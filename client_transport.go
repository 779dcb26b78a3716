package hacarus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// wrap returns a client that sends with base's transport, wrapped by those of
// the options.
func (cfg *config) wrap(base *http.Client) (*http.Client, error) {
	wrapped := *base
	for _, wrap := range cfg.wraps {
		if wrapped.Transport = wrap(wrapped.Transport); wrapped.Transport == nil {
			return nil, argumentError("WithTransport", "the function returned no transport")
		}
	}
	return &wrapped, nil
}

// newHTTPClient returns the client that sends single attempts, and its
// transport if that is the SDK's own.
func (cfg *config) newHTTPClient() (*http.Client, *http.Transport) {
	hc := &http.Client{}
	if cfg.httpClient != nil {
		hc = cfg.httpClient
	}
	var own *http.Transport
	if hc.Transport == nil {
		own = newTransport(cfg.rootCAs)
		hc.Transport = own
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return hc, own
}

// newTransport returns a transport that is tuned for one host that many
// goroutines call day and night.
func newTransport(rootCAs *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		OnProxyConnectResponse: refusedByProxy,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: rootCAs},
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    256,
		MaxResponseHeaderBytes: 1 << 20,
		// This is shorter than the keep-alive of common servers (2 s for gunicorn),
		// so that a request rarely meets a connection that the server is closing.
		IdleConnTimeout:   1500 * time.Millisecond,
		ForceAttemptHTTP2: true,
		// Pings find dead HTTP/2 connections, which would swallow request after
		// request.
		HTTP2:           &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		ReadBufferSize:  16 << 10,
		WriteBufferSize: 16 << 10,
	}
}

// proxyError says that a proxy does not let the client through to the service.
type proxyError struct{ status int }

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused the connection: %d %s", e.status, http.StatusText(e.status))
}

// refusedByProxy keeps the status of a proxy's refusal but not the text of the
// status line, in which the proxy may repeat what it was sent.
func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError{response.StatusCode}
}

// proxySecrets returns the credentials of the proxy that the transport uses for
// an origin, in the forms in which the proxy may repeat them.
func proxySecrets(transport http.RoundTripper, origin *url.URL) []string {
	t, ok := transport.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: origin, Host: origin.Host, Header: http.Header{}})
	if err != nil || proxy == nil || proxy.User == nil {
		return nil
	}
	password, _ := proxy.User.Password()
	return []string{password, base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))}
}
