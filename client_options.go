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

// WithCredentials logs in with a client id and its secret. White space around
// either, as reading a file leaves it, is refused, and so is what is empty or not
// UTF-8; the error does not repeat them.
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

// checkCredential refuses what no service can have given out. Its errors do not
// repeat it.
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

// WithTokenSource takes access tokens from ts in place of logging in. The
// client keeps a token until it expires or the service refuses it, so ts is
// asked rarely, and never by two goroutines at once. An error of ts, or its panic,
// is that of the calls that wait for the token.
func WithTokenSource(ts oauth2.TokenSource) Option {
	return func(cfg *config) error {
		if ts == nil {
			return argumentError("WithTokenSource", "nil token source")
		}
		cfg.tokenSource = ts
		return nil
	}
}

// WithHTTPClient sends through the transport of hc. The client is copied and
// never changed, and its redirect policy is replaced: redirects are not
// followed. A Timeout of hc bounds each attempt whole, transfers included.
// Without a transport in hc, the SDK makes its own.
//
// A transport should close idle connections before the service does, as the
// SDK's own does after 1.5 seconds: a request that meets a connection which is
// being closed is lost, and where it creates something, nobody can know that.
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

// WithTransport sends through what wrap makes of the SDK's own transport, or of
// the one of [WithHTTPClient]: for tracing, recording, or headers that a proxy
// wants. wrap is called once, by [New]; where the option is given several times,
// the last one is the outermost. [OperationFromContext] tells which operation a
// request belongs to.
//
// What wrap returns keeps to the rules of [http.RoundTripper], clones a request
// before it changes it, and leaves the body unread. It hides the wrapped
// transport's errors only at a price: a call whose error the SDK cannot read ends
// with the outcome unknown where it might have been sent again.
func WithTransport(wrap func(http.RoundTripper) http.RoundTripper) Option {
	return func(cfg *config) error {
		if wrap == nil {
			return argumentError("WithTransport", "nil function")
		}
		cfg.wraps = append(cfg.wraps, wrap)
		return nil
	}
}

// WithStallTimeout ends an attempt once nothing has moved on the network for d:
// no byte of the request, and none of the response. The default is 60 s, and the
// least 1 s. The time in which a file, or the reader of a download, is waited for
// does not count. What was lost is then judged as if the connection had broken.
//
// A service that works longer than that before it responds needs more; a context's
// deadline bounds a call whole.
func WithStallTimeout(d time.Duration) Option {
	return func(cfg *config) error {
		if d < time.Second {
			return argumentError("WithStallTimeout", "%v is less than 1 s", d)
		}
		cfg.stall = d
		return nil
	}
}

// WithImageOrigins names further origins whose images [Client.GetImage] may fetch
// with the access token, such as "http://10.0.0.5:8000": a service behind a proxy
// may name itself by its inner address in the URLs of its images. What is said of
// the base URL of [New] holds for each; only scheme, host and port are looked at.
// Name an origin only if the token may be known there.
func WithImageOrigins(baseURLs ...string) Option {
	return func(cfg *config) error {
		if len(baseURLs) == 0 {
			return argumentError("WithImageOrigins", "no origin")
		}
		cfg.imageOrigins = slices.Clone(baseURLs)
		return nil
	}
}

// WithRetry replaces the default [RetryPolicy].
func WithRetry(p RetryPolicy) Option {
	return func(cfg *config) error {
		cfg.policy = p
		return p.validate("WithRetry")
	}
}

// WithLogger logs each request to l: at debug level, and at warn level where
// one failed and another one follows. Bodies, headers and tokens are never logged.
// Without this option the SDK logs nothing. A panic of l's handler reaches the
// goroutine of the call, as one of [WithObserver] does.
func WithLogger(l *slog.Logger) Option {
	return func(cfg *config) error {
		if l == nil {
			return argumentError("WithLogger", "nil logger")
		}
		cfg.logger = l
		return nil
	}
}

// WithObserver calls f once for every request made, logins included. It runs
// on the goroutine of the call, and for logins on one of their own, so it should
// be quick, and may run on several at once. A panic of f reaches the goroutine of
// the call; of a login, those of all calls that wait for it.
func WithObserver(f func(context.Context, Attempt)) Option {
	return func(cfg *config) error {
		if f == nil {
			return argumentError("WithObserver", "nil observer")
		}
		cfg.observer = f
		return nil
	}
}

// WithLanguage asks for the descriptions of errors in a language: "en" and "ja"
// are known to work. Errors are classified by status, so errors.Is does not
// depend on it, except for [ErrLicense], which knows the English title only.
func WithLanguage(tag string) Option {
	return func(cfg *config) error {
		if tag == "" || strings.TrimSpace(tag) != tag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-,;=.* ") != "" {
			return argumentError("WithLanguage", "%q is not a language tag", tag)
		}
		cfg.language = tag
		return nil
	}
}

// WithUserAgent puts a product such as "line7-camera/1.2" before the SDK's own User-Agent.
func WithUserAgent(product string) Option {
	return func(cfg *config) error {
		if strings.TrimSpace(product) == "" || !validHeaderValue(product) {
			return argumentError("WithUserAgent", "%q is not a header value", product)
		}
		cfg.product = strings.TrimSpace(product)
		return nil
	}
}

// WithInsecureHTTP allows a base URL with plain http to a host that is not
// loopback. Credentials and images then travel in clear text.
func WithInsecureHTTP() Option {
	return func(cfg *config) error {
		cfg.insecureHTTP = true
		return nil
	}
}

// WithRootCAs trusts the certificate authorities of pool in place of the
// system's, as a service on own hardware with its own certificate needs. It
// cannot be combined with [WithHTTPClient]: set the pool in that transport.
func WithRootCAs(pool *x509.CertPool) Option {
	return func(cfg *config) error {
		if pool == nil {
			return argumentError("WithRootCAs", "nil pool")
		}
		cfg.rootCAs = pool
		return nil
	}
}
