// Package hacarus is a client for HACARUS CHECK, the visual inspection service.
// With it you upload images of products, train a model with images of good
// ones, and get a verdict for each new image, OK or NG, with boxes around the
// defects.
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
// [Client.Inspect] takes any number of files, uploads them and returns a
// verdict for each. [Client.TrainAndWait] trains a model and waits until it can
// be used; [Client.Upload] uploads its training images.
//
// Below these, each operation of the service has one method of [Client], in the
// file that is named after the operation's tag in the API documentation.
// Methods log in by themselves, retry what may be retried, and return typed
// values and errors: a *[BaseError] if the service responded with an error, a
// *[RequestError] if there was no usable response, and an error that is
// [ErrInvalidArgument] if nothing was sent.
//
// # Errors
//
// Where a comment says that an error is [ErrNotFound], errors.Is(err,
// ErrNotFound) reports true. The comment of a method names the errors that are
// documented for its operation or are known to occur. Every method may also
// return these:
//
//   - [ErrInvalidArgument]: the context is nil, the client is closed, or an id
//     is empty, longer than 256 bytes, or cannot be part of a path;
//   - [ErrUnauthorized]: the login was refused, or the service refused the call
//     again with a renewed token;
//   - [ErrForbidden]; and, after the retries that the operation allows,
//     [ErrRateLimited] and [ErrServer];
//   - a *[RequestError] that wraps the error of the network or of the context,
//     or is [ErrRedirect], [ErrDecode] or [ErrResponseTooLarge].
//
// # What is never done twice
//
// Every execution of Train, PredictItems, AnnotateItem, AddItems, ImportModels
// and SetLicense creates something. These calls are sent again only if the
// service provably did not act. If it may have acted, the error is
// [ErrOutcomeUnknown]: find out what happened before you repeat the call.
//
// # Testing
//
// Package hacarustest runs the service in your own process, without an account.
//
// # Sources
//
// The authors of this package had no access to the real service. In comments,
// "the documentation" is the published API documentation, transcribed in
// testdata/openapi.yaml of the repository. What is known from elsewhere, such
// as from the fixtures of the service's other SDKs, is listed in
// docs/wire-facts.md there.
package hacarus

import (
	"cmp"
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
	"time"

	"golang.org/x/oauth2"
)

// Version is the version of the SDK, which is part of its User-Agent.
const Version = "0.1.0"

// Client calls one HACARUS CHECK service. It is safe for concurrent use.
// Because it owns the connections and the access token, a program should make
// one and share it. Create it with [New] and release it with [Client.Close].
type Client struct {
	*service
	settings
	header http.Header // sent with every request to the API
}

// service is what all clients of one service share, however their calls are
// configured: the connections, the login, and what was learned about the
// service.
type service struct {
	origin    *url.URL   // scheme, host and path prefix
	images    []*url.URL // further origins of images to which the token may be sent
	http      *http.Client
	transport *http.Transport // nil if the user supplied one
	auth      *authenticator
	budget    budget
	responses responseBuffers

	ignoresExpect atomic.Bool // the service is known to ignore Expect: 100-continue
	closed        atomic.Bool
}

// Option configures a [Client]. If an option cannot be used, [New] returns an
// error.
type Option func(*config) error

type config struct {
	settings
	connection
}

// settings say how a client makes its calls. [Client.With] may change them.
type settings struct {
	policy   RetryPolicy
	stall    time.Duration
	logger   *slog.Logger
	observer func(context.Context, Attempt)
	language string
	product  string
}

// connection says where a client's calls go and with which credentials.
type connection struct {
	credentials  func() (id, secret string)
	tokenSource  oauth2.TokenSource
	httpClient   *http.Client
	wraps        []func(http.RoundTripper) http.RoundTripper
	imageOrigins []string
	insecureHTTP bool
	rootCAs      *x509.CertPool
}

// New returns a client for the service at baseURL, such as
// "https://sdd-api.hacarus.com". The URL may end with a slash or with "/api",
// and may have a path prefix. [WithCredentials] or [WithTokenSource] is
// required.
//
// New does no I/O: the first call logs in. If baseURL or an option cannot be
// used, the error is [ErrInvalidArgument].
func New(baseURL string, opts ...Option) (*Client, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	return cfg.client(baseURL)
}

// NewFromEnv is [New] with a base URL and credentials from the environment
// variables HACARUS_BASE_URL, HACARUS_CLIENT_ID and HACARUS_CLIENT_SECRET, and
// with the language from HACARUS_LANGUAGE if that is set. Options take
// precedence over variables: with [WithCredentials] or [WithTokenSource], the
// variables for credentials are not read. If variables are missing, the error
// names all of them and is [ErrInvalidArgument].
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
	origin, err := parseBaseURL("New", baseURL, cfg.insecureHTTP)
	if err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := cfg.settings.client(&service{origin: origin})
	for _, baseURL := range cfg.imageOrigins {
		origin, err := parseBaseURL("WithImageOrigins", baseURL, cfg.insecureHTTP)
		if err != nil {
			return nil, err
		}
		c.images = append(c.images, origin)
	}
	base, own := cfg.newHTTPClient()
	if c.http, err = cfg.wrap(base); err != nil {
		return nil, err
	}
	c.transport = own
	c.auth = newAuthenticator(c.tokenExchange(cfg))
	if cfg.credentials != nil {
		_, secret := cfg.credentials()
		c.auth.secrets.Add(secret)
	}
	c.auth.secrets.Add(proxySecrets(base.Transport, origin)...)
	return c, nil
}

// client returns a client of the service with these settings.
func (s settings) client(of *service) *Client {
	header := s.header()
	s.policy = s.policy.withDefaults()
	s.stall = cmp.Or(s.stall, defaultStallTimeout)
	return &Client{service: of, settings: s, header: header}
}

// With returns a client for the same service that makes its calls differently,
// for example with fewer retries, another logger or another language. Settings
// for which no option is given are those of c. Both clients share the login,
// the connections and the retry budget, so closing either one closes both.
// Logins keep the retries, logger and observer of the client that [New] made.
//
// Options for credentials and connections are refused: [WithCredentials],
// [WithTokenSource], [WithHTTPClient], [WithTransport], [WithImageOrigins],
// [WithRootCAs] and [WithInsecureHTTP]. If an option is refused or cannot be
// used, the error is [ErrInvalidArgument].
func (c *Client) With(opts ...Option) (*Client, error) {
	if c == nil || c.service == nil {
		return nil, argumentError("With", "the client was not made by New")
	}
	if c.closed.Load() {
		return nil, argumentError("With", "the client is closed")
	}
	cfg := &config{settings: c.settings}
	if err := cfg.apply(opts); err != nil {
		return nil, err
	}
	if cfg.isSet() {
		return nil, argumentError("With", "credentials and connections belong to New: both clients share them")
	}
	return cfg.settings.client(c.service), nil
}

// isSet reports whether any option of a connection was given.
func (n connection) isSet() bool {
	return n.credentials != nil || n.tokenSource != nil || n.httpClient != nil || n.wraps != nil || n.imageOrigins != nil ||
		n.insecureHTTP || n.rootCAs != nil
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

func (s settings) header() http.Header {
	agent := "hacarus-check-go/" + Version + " (" + runtime.Version() + "; " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	if s.product != "" {
		agent = s.product + " " + agent
	}
	header := http.Header{"User-Agent": {agent}}
	if s.language != "" {
		header.Set("Accept-Language", s.language)
	}
	return header
}

// validHeaderValue reports whether a header may hold the value unchanged.
func validHeaderValue(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}

// usable refuses calls that no client can make, or that this one cannot make.
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

// Close ends background work and closes idle connections. Later calls fail with
// [ErrInvalidArgument]. The transport of [WithHTTPClient] is not closed. Close
// always returns nil and may be called more than once.
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

// Format prints the service's origin, whatever the verb, and no secret.
func (c *Client) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.String())
}

// String returns the service's origin.
func (c *Client) String() string {
	if c == nil || c.service == nil {
		return "hacarus.Client{}"
	}
	return "hacarus.Client{" + c.origin.String() + "}"
}
