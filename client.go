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

// Version is the SDK's version, part of its User-Agent.
const Version = "0.1.0"

// Client calls one HACARUS CHECK service. It is safe for concurrent use, and
// should be shared: it owns the connections and the access token. Create it
// with [New], and release it with [Client.Close].
type Client struct {
	*service
	settings
	header http.Header // sent with every request of the API
}

// service is what belongs to one service however its calls are configured: the
// way there, the permission to use it, and what was learned of it.
type service struct {
	origin    *url.URL   // scheme, host and path prefix
	images    []*url.URL // further origins of images that may have the token
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
	settings
	connection
}

// settings are how a client makes its calls; [Client.With] may change them.
type settings struct {
	policy   RetryPolicy
	stall    time.Duration
	logger   *slog.Logger
	observer func(context.Context, Attempt)
	language string
	product  string
}

// connection is where a client's calls go, and with whose permission.
type connection struct {
	credentials  func() (id, secret string)
	tokenSource  oauth2.TokenSource
	httpClient   *http.Client
	wraps        []func(http.RoundTripper) http.RoundTripper
	imageOrigins []string
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

// client is one of the service, with these settings.
func (s settings) client(of *service) *Client {
	header := s.header()
	s.policy = s.policy.withDefaults()
	s.stall = cmp.Or(s.stall, defaultStallTimeout)
	return &Client{service: of, settings: s, header: header}
}

// With returns a client of the same service that makes its calls in another way,
// such as with fewer retries, another logger or another language. Options that
// are not given stay as they are for c. Both clients share the login, the
// connections and the retry budget, so closing either closes both; logins are
// made, and told of, as the client of [New] has it.
//
// The options of credentials and connections are refused: [WithCredentials],
// [WithTokenSource], [WithHTTPClient], [WithTransport], [WithImageOrigins],
// [WithRootCAs] and [WithInsecureHTTP]. The error is [ErrInvalidArgument].
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

// isSet says whether any option of a connection was given.
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
