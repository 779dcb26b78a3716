package hacarus

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// WithCredentials sets the client id and secret to log in with. Values that are
// empty, not UTF-8, or surrounded by white space, which reading a file may
// leave, are refused; the error does not repeat them.
func WithCredentials(clientID, clientSecret string) Option {
	return func(cfg *config) error {
		if err := errors.Join(checkCredential("client id", clientID), checkCredential("client secret", clientSecret)); err != nil {
			return argumentError("WithCredentials", "%w", err)
		}
		// A closure keeps the secret out of reach of every printing verb.
		cfg.credentials = func() (string, string) { return clientID, clientSecret }
		return nil
	}
}

// checkCredential refuses a value that no service can have issued. Its errors
// do not repeat the value.
func checkCredential(name, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("empty %s", name)
	case !utf8.ValidString(value):
		return fmt.Errorf("the %s is not valid UTF-8", name)
	case strings.TrimSpace(value) != value:
		return fmt.Errorf("white space around the %s, as a file's last line has it: use strings.TrimSpace", name)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("the %s has a control character", name)
	}
	return nil
}

// WithTokenSource takes access tokens from ts instead of logging in. The client
// keeps a token until it expires or the service refuses it, so ts is asked
// rarely, and never by two goroutines at once. If ts returns an error or
// panics, the calls that wait for the token fail with that error.
func WithTokenSource(ts oauth2.TokenSource) Option {
	return func(cfg *config) error {
		if ts == nil {
			return argumentError("WithTokenSource", "nil token source")
		}
		cfg.tokenSource = ts
		return nil
	}
}

// WithHTTPClient sends requests with the transport of hc. The client is copied
// and never changed. Its redirect policy is not used, because redirects are not
// followed. A Timeout of hc bounds each attempt as a whole, including
// transfers. If hc has no transport, the SDK makes its own.
//
// A transport should close idle connections earlier than the service does; the
// SDK's own closes them after 1.5 seconds. A request that is sent on a
// connection that is just being closed is lost, and if it creates something,
// nobody can know whether it was executed.
func WithHTTPClient(hc *http.Client) Option {
	return func(cfg *config) error {
		if hc == nil {
			return argumentError("WithHTTPClient", "nil client")
		}
		if hc.Timeout < 0 {
			return argumentError("WithHTTPClient", "negative timeout")
		}
		copied := *hc
		cfg.httpClient = &copied
		return nil
	}
}

// WithTransport wraps the SDK's own transport, or the one of [WithHTTPClient],
// for example to trace or record requests or to add headers that a proxy needs.
// [New] calls wrap once. If the option is given several times, the last one is
// the outermost. [OperationFromContext] tells to which operation a request
// belongs.
//
// The returned transport must follow the rules of [http.RoundTripper], clone a
// request before changing it, and leave the response's body unread. It should
// return the errors of the wrapped transport, or wrap them: if the SDK does not
// recognize an error, a call that could have been sent again ends with an
// unknown outcome instead.
func WithTransport(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return func(cfg *config) error {
		if wrap == nil {
			return argumentError("WithTransport", "nil function")
		}
		cfg.wraps = append(cfg.wraps, wrap)
		return nil
	}
}

// WithStallTimeout ends an attempt when nothing has moved on the network for d:
// no byte of the request and no byte of the response. The default is 60 s, the
// minimum 1 s. Time spent waiting for a file, or for the reader of a download,
// does not count. The attempt is then treated as if the connection had broken.
//
// A service that works longer than d before it responds needs a larger value.
// To bound a call as a whole, use a context with a deadline.
func WithStallTimeout(d time.Duration) Option {
	return func(cfg *config) error {
		if d < time.Second {
			return argumentError("WithStallTimeout", "%v is less than 1 s", d)
		}
		cfg.stall = d
		return nil
	}
}

// WithImageOrigins names further origins from which [Client.GetImage] may fetch
// images with the access token, such as "http://10.0.0.5:8000": a service
// behind a proxy may use its internal address in the URLs of its images. The
// rules for the base URL of [New] apply to each of them; only scheme, host and
// port are used. Name only origins that may learn the token.
func WithImageOrigins(baseURLs ...string) Option {
	return func(cfg *config) error {
		if len(baseURLs) == 0 {
			return argumentError("WithImageOrigins", "no origin")
		}
		cfg.imageOrigins = slices.Clone(baseURLs)
		return nil
	}
}

// WithRetry replaces the default [RetryPolicy]. Negative values, waits of more
// than ten years, and a MinWait above MaxWait are refused.
func WithRetry(p RetryPolicy) Option {
	return func(cfg *config) error {
		cfg.policy = p
		return p.validate("WithRetry")
	}
}

// WithLogger logs every request to l: at level debug, and at level warn if it
// failed and another attempt follows. Bodies, headers and tokens are never
// logged. Without this option the SDK logs nothing. If l's handler panics, the
// panic continues on the goroutine of the call, as with [WithObserver].
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		if l == nil {
			return argumentError("WithLogger", "nil logger")
		}
		cfg.logger = l
		return nil
	}
}

// WithObserver calls f once for every request made, including logins. f runs on
// the goroutine of the call, or on a goroutine of its own for a login, so it
// should return quickly, and it may run on several goroutines at once. If f
// panics, the panic continues on the goroutine of the call; if f was called for
// a login, on those of all calls that wait for the login.
func WithObserver(f func(context.Context, Attempt)) Option {
	return func(cfg *config) error {
		if f == nil {
			return argumentError("WithObserver", "nil observer")
		}
		cfg.observer = f
		return nil
	}
}

// WithLanguage sets the language of the service's error messages; "en" and "ja"
// are documented. Errors are classified by their status, so errors.Is does not
// depend on the language, with one exception: [ErrLicense] is recognized only
// by its English title.
func WithLanguage(tag string) Option {
	return func(cfg *config) error {
		if tag == "" || strings.TrimSpace(tag) != tag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-,;=.* ") != "" {
			return argumentError("WithLanguage", "%q is not a language tag", tag)
		}
		cfg.language = tag
		return nil
	}
}

// WithUserAgent puts a product, such as "line7-camera/1.2", in front of the
// SDK's own User-Agent.
func WithUserAgent(product string) Option {
	return func(cfg *config) error {
		if strings.TrimSpace(product) == "" || !validHeaderValue(product) {
			return argumentError("WithUserAgent", "%q is not a header value", product)
		}
		cfg.product = strings.TrimSpace(product)
		return nil
	}
}

// WithInsecureHTTP allows a base URL with plain http for a host other than
// loopback. Credentials and images are then sent in clear text.
func WithInsecureHTTP() Option {
	return func(cfg *config) error {
		cfg.insecureHTTP = true
		return nil
	}
}

// WithRootCAs sets the trusted certificate authorities, in place of the
// system's, for a service on your own hardware with a certificate of its own.
// It cannot be combined with [WithHTTPClient]: set the pool in that transport
// instead.
func WithRootCAs(pool *x509.CertPool) Option {
	return func(cfg *config) error {
		if pool == nil {
			return argumentError("WithRootCAs", "nil pool")
		}
		cfg.rootCAs = pool
		return nil
	}
}
