// Package hacarus is a client of HACARUS CHECK, the visual-inspection service:
// upload images of products, train a model from good ones, and get OK or NG
// with the defects' boxes for new ones.
//
//	client, err := hacarus.NewFromEnv()
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	for result, err := range client.Inspect(ctx, hacarus.InspectRequest{
//		Files: []hacarus.File{hacarus.FileFromPath("plate-0001.png")},
//	}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(result.File, result.Verdict, result.Err)
//	}
//
// [Client.Inspect] takes any number of files to their verdicts, and
// [Client.TrainAndWait] training images to a model.
//
// Beneath them, each of the service's operations is one method of [Client],
// in the file named after its tag in the API documentation. Methods log in by
// themselves, retry what may be retried, and return typed values and typed errors: a
// *[BaseError] when the service responded with an error, a *[RequestError] when
// there was no usable response, and an error that is [ErrInvalidArgument] when
// nothing was sent.
//
// # Errors
//
// The comment of a method names the kinds of errors that are documented for its
// operation, or were seen of it. All methods may fail with others too:
//
//   - [ErrInvalidArgument]: a nil context, a closed client, or an id that is
//     empty, longer than 256 bytes, or cannot stand in a path;
//   - [ErrUnauthorized]: the login was refused, or the service refused the call
//     with a renewed token as well;
//   - [ErrForbidden], and after the retries that the operation allows
//     [ErrRateLimited] and [ErrServer];
//   - a *[RequestError]: the network's or the context's error, [ErrRedirect],
//     [ErrDecode] or [ErrResponseTooLarge].
//
// # What is never done twice
//
// Train, PredictItems, AnnotateItem, AddItems, ImportModels and SetLicense
// create something with every execution. They are sent again only when the
// service provably did not act. Where it may have acted, the error is
// [ErrOutcomeUnknown]: look before you repeat the call.
//
// # Testing
//
// Package hacarustest runs the service in the process, without an account.
//
// # Sources
//
// Nobody who wrote this package could call the real service. "The
// documentation" in comments is the published one, transcribed in
// testdata/openapi.yaml of the repository. What is known beyond it, such as from
// the fixtures of the service's other SDKs, is listed in docs/wire-facts.md there.
package hacarus

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/oauth2"
)

// Version is the SDK's version, part of its User-Agent.
const Version = "0.1.0"

// Client calls one HACARUS CHECK service. It is safe for concurrent use, and
// should be shared: it owns the connections and the access token. Create it
// with [New], and release it with [Client.Close].
type Client struct {
	*service
	policy   RetryPolicy
	logger   *slog.Logger
	observer func(context.Context, Attempt)
	header   http.Header // sent with every request of the API
}

// service is what belongs to one service however its calls are configured: the
// way there, the permission to use it, and what was learned of it.
type service struct {
	origin    *url.URL // scheme, host and path prefix
	http      *http.Client
	transport *http.Transport // nil when the user brought one
	auth      *authenticator
	budget    budget
	responses responseBuffers

	ignoresExpect atomic.Bool // the service was seen to ignore Expect: 100-continue
	closed        atomic.Bool
}

// Option configures a [Client]. An option that cannot be used makes [New] fail.
type Option func(*config) error

type config struct {
	credentials  func() (id, secret string)
	tokenSource  oauth2.TokenSource
	httpClient   *http.Client
	policy       RetryPolicy
	logger       *slog.Logger
	observer     func(context.Context, Attempt)
	language     string
	product      string
	insecureHTTP bool
	rootCAs      *x509.CertPool
}

// New returns a client of the service at baseURL, such as
// "https://sdd-api.hacarus.com". The URL may end in a slash or in "/api", and
// may have a path prefix. It needs [WithCredentials] or [WithTokenSource].
//
// New does no I/O: the first call logs in. The error is [ErrInvalidArgument].
func New(baseURL string, opts ...Option) (*Client, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return cfg.client(baseURL)
}

// NewFromEnv is [New] with the base URL and the credentials of the environment
// variables HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET, and
// the language of HACARUS_LANGUAGE if that is set. Options win over variables:
// with [WithCredentials] or [WithTokenSource] those of the credentials are not
// read. The error names all that are missing, and is [ErrInvalidArgument].
func NewFromEnv(opts ...Option) (*Client, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	var missing []string
	env := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	baseURL := env("HACARUS_BASE_URL")
	var fromEnv []Option
	if cfg.credentials == nil && cfg.tokenSource == nil {
		fromEnv = append(fromEnv, WithCredentials(env("HACARUS_CLIENT_ID"), env("HACARUS_CLIENT_SECRET")))
	}
	if language := os.Getenv("HACARUS_LANGUAGE"); language != "" && cfg.language == "" {
		fromEnv = append(fromEnv, WithLanguage(language))
	}
	if len(missing) > 0 {
		return nil, argumentError("NewFromEnv", "not set: %s", strings.Join(missing, ", "))
	}
	if err := cfg.apply(fromEnv); err != nil {
		return nil, err
	}
	return cfg.client(baseURL)
}

func configure(opts []Option) (*config, error) {
	cfg := &config{}
	return cfg, cfg.apply(opts)
}

func (cfg *config) apply(opts []Option) error {
	for _, opt := range opts {
		if opt == nil {
			return argumentError("New", "nil option")
		}
		if err := opt(cfg); err != nil {
			return err
		}
	}
	return nil
}

func (cfg *config) client(baseURL string) (*Client, error) {
	origin, err := parseBaseURL(baseURL, cfg.insecureHTTP)
	if err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		service:  &service{origin: origin},
		policy:   cfg.policy.withDefaults(),
		logger:   cfg.logger,
		observer: cfg.observer,
		header:   cfg.header(),
	}
	c.http, c.transport = cfg.newHTTPClient()
	c.auth = newAuthenticator(c.tokenExchange(cfg))
	if cfg.credentials != nil {
		_, secret := cfg.credentials()
		c.auth.secrets.Add(secret)
	}
	c.auth.secrets.Add(proxySecrets(c.http.Transport, origin)...)
	return c, nil
}

// WithCredentials logs in with a client id and its secret.
func WithCredentials(clientID, clientSecret string) Option {
	return func(cfg *config) error {
		if clientID == "" || clientSecret == "" {
			return argumentError("WithCredentials", "empty client id or secret")
		}
		if !utf8.ValidString(clientID) || !utf8.ValidString(clientSecret) {
			return argumentError("WithCredentials", "client id or secret is not valid UTF-8")
		}
		// A closure keeps the secret out of reach of every printing verb.
		cfg.credentials = func() (string, string) { return clientID, clientSecret }
		return nil
	}
}

// WithTokenSource takes access tokens from ts in place of logging in. The
// client keeps a token until it expires or the service refuses it, so ts is
// asked rarely, and never by two goroutines at once.
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

// WithRetry replaces the default [RetryPolicy].
func WithRetry(p RetryPolicy) Option {
	return func(cfg *config) error {
		cfg.policy = p
		return p.validate("WithRetry")
	}
}

// WithLogger logs each request to l: at debug level, and at warn level where
// one failed and is tried again. Bodies, headers and tokens are never logged.
// Without this option the SDK logs nothing.
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
// on the goroutine of the call, so it should be quick, and may run on several
// at once.
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
		if tag == "" || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-,;=.* ") != "" {
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

func (cfg *config) validate() error {
	switch {
	case cfg.credentials == nil && cfg.tokenSource == nil:
		return argumentError("New", "neither WithCredentials nor WithTokenSource given")
	case cfg.credentials != nil && cfg.tokenSource != nil:
		return argumentError("New", "both WithCredentials and WithTokenSource given")
	case cfg.rootCAs != nil && cfg.httpClient != nil:
		return argumentError("New", "WithRootCAs has no effect on the transport of WithHTTPClient")
	}
	return nil
}

func (cfg *config) header() http.Header {
	agent := "hacarus-check-go/" + Version + " (" + runtime.Version() + "; " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	if cfg.product != "" {
		agent = cfg.product + " " + agent
	}
	header := http.Header{"User-Agent": {agent}}
	if cfg.language != "" {
		header.Set("Accept-Language", cfg.language)
	}
	return header
}

// validHeaderValue says whether a header may hold the value as it is.
func validHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// usable refuses calls that no client, or not this one, can make.
func (c *Client) usable(ctx context.Context, op operation) error {
	switch {
	case c == nil || c.service == nil:
		return argumentError(op.id, "the client was not made by New")
	case c.closed.Load():
		return argumentError(op.id, "the client is closed")
	case ctx == nil:
		return argumentError(op.id, "nil context")
	}
	return nil
}

// Close ends background work and closes idle connections. Calls made later
// fail with [ErrInvalidArgument]. The transport of [WithHTTPClient] is left alone.
func (c *Client) Close() error {
	if c == nil || c.service == nil {
		return nil // not made by New, so there is nothing to close
	}
	c.closed.Store(true)
	c.auth.close()
	c.responses.drop()
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
	return nil
}

// Format prints the service's origin for every verb, and no secret.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String())
}

// String names the service's origin.
func (c *Client) String() string {
	if c == nil || c.service == nil {
		return "hacarus.Client{}"
	}
	return "hacarus.Client{" + c.origin.String() + "}"
}
