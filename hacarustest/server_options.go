package hacarustest

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"time"
)

// Option configures a [Server].
type Option func(*config)

type config struct {
	addr              string
	clientID          string
	clientSecret      string
	trainer           Trainer // of all algorithms; nil: each has its own
	license           bool
	tokenLifetime     time.Duration
	trainingTime      time.Duration
	predictionTime    time.Duration
	uploadLimit       int64
	keepAlive         time.Duration
	callbackTransport http.RoundTripper
}

func newConfig(opts []Option) config {
	c := config{
		addr:          "127.0.0.1:0",
		clientID:      "hacarustest",
		clientSecret:  rand.Text(),
		license:       true,
		tokenLifetime: 30 * 24 * time.Hour,
	}
	for _, option := range opts {
		option(&c)
	}
	return c
}

// WithAddr sets the address that the server listens on, such as
// "127.0.0.1:8080". Without a host it listens on all of the computer's addresses,
// and with port 0 on a free port: see [Server.URL]. The default is
// "127.0.0.1:0". In a bubble of testing/synctest, the address is that of the URL,
// but nothing listens there.
func WithAddr(addr string) Option {
	return func(c *config) { c.addr = addr }
}

// WithClient sets the credentials that the server accepts. The default of an
// empty id is "hacarustest", and that of an empty secret is random.
func WithClient(id, secret string) Option {
	return func(c *config) {
		c.clientID = cmp.Or(id, c.clientID)
		c.clientSecret = cmp.Or(secret, c.clientSecret)
	}
}

// WithInspector sets what trains the inspectors of all models, whatever their
// algorithm. For verdicts that need no training, give it an [InspectorFunc].
// Without this option, and with nil, [Reconstructor] trains the models of the
// algorithm of that name, and [PatternMatching] all others.
func WithInspector(t Trainer) Option {
	return func(c *config) { c.trainer = t }
}

// WithoutLicense starts the server without a license: uploads, training and
// predictions are refused with status 403 until one is set with
// [hacarus.Client.SetLicense].
func WithoutLicense() Option {
	return func(c *config) { c.license = false }
}

// WithTokenLifetime sets how long an access token is valid, by the server's
// clock. The default is 30 days, as seen at the real service. With zero or less,
// tokens are refused from the start.
func WithTokenLifetime(d time.Duration) Option {
	return func(c *config) { c.tokenLifetime = d }
}

// WithTrainingTime sets how long a model stays in status creating at least, by
// the server's clock. The default is zero: only as long as the training takes.
func WithTrainingTime(d time.Duration) Option {
	return func(c *config) { c.trainingTime = d }
}

// WithPredictionTime sets how long items stay in status pending at least, by
// the server's clock. The default is zero: only as long as the inspection takes.
func WithPredictionTime(d time.Duration) Option {
	return func(c *config) { c.predictionTime = d }
}

// WithUploadLimit sets how many bytes a request's body may announce, as a proxy
// in front of the service does: a longer one is refused with status 413. Zero,
// the default, means no limit.
func WithUploadLimit(bytes int64) Option {
	return func(c *config) { c.uploadLimit = bytes }
}

// WithKeepAlive sets after how long without a request an idle connection is
// closed; servers commonly take 2 to 75 seconds. The time is real time, or that
// of the bubble. Zero, the default, keeps connections for as long as clients do.
func WithKeepAlive(d time.Duration) Option {
	return func(c *config) { c.keepAlive = d }
}

// WithCallbackTransport sets the transport that sends the callbacks of
// predictions. Nil, the default, is a transport of the server's own, which uses
// no proxy. In a bubble of testing/synctest, give it one that needs no network.
func WithCallbackTransport(rt http.RoundTripper) Option {
	return func(c *config) { c.callbackTransport = rt }
}
