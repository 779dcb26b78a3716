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
	data              string // the folder of the state; "" for none
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
// "127.0.0.1:8080". Without a host, it listens on all addresses of the
// computer, and with port 0 on a free port: see [Server.URL]. The default is
// "127.0.0.1:0". In a bubble of testing/synctest, the URL has this address, but
// nothing listens there.
func WithAddr(addr string) Option {
	return func(c *config) { c.addr = addr }
}

// WithClient sets the credentials that the server accepts. If id is "", it is
// "hacarustest". If secret is "", it is random.
func WithClient(id, secret string) Option {
	return func(c *config) {
		c.clientID = cmp.Or(id, c.clientID)
		c.clientSecret = cmp.Or(secret, c.clientSecret)
	}
}

// WithInspector sets the trainer of all models, whatever their algorithm. For
// verdicts that need no training, pass an [InspectorFunc]. Without this option,
// or with nil, [PatternMatching], [Reconstructor], [LocalPattern] and
// [PatternSample] train the models of the algorithms of these names, and
// [PatternMatching] those of all others.
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
// clock. The default is 30 days, as in the official SDK's fixtures. If d is
// zero or negative, tokens are refused from the start.
func WithTokenLifetime(d time.Duration) Option {
	return func(c *config) { c.tokenLifetime = d }
}

// WithTrainingTime sets how long a model stays in status creating at least, by
// the server's clock. With 0, the default, it does so only as long as the
// training takes.
func WithTrainingTime(d time.Duration) Option {
	return func(c *config) { c.trainingTime = d }
}

// WithPredictionTime sets how long items stay in status pending at least, by
// the server's clock. With 0, the default, they do so only as long as the
// inspection takes.
func WithPredictionTime(d time.Duration) Option {
	return func(c *config) { c.predictionTime = d }
}

// WithUploadLimit makes the server respond with status 413 to requests whose
// body is longer than bytes, as a proxy in front of the service does. With 0,
// the default, there is no limit.
func WithUploadLimit(bytes int64) Option {
	return func(c *config) { c.uploadLimit = bytes }
}

// WithKeepAlive sets how long an idle connection is kept open; servers commonly
// use 2 to 75 seconds. The time is real time, or that of the bubble. With 0,
// the default, connections are kept as long as clients keep them.
func WithKeepAlive(d time.Duration) Option {
	return func(c *config) { c.keepAlive = d }
}

// WithCallbackTransport sets the transport that sends callbacks. With nil, the
// default, the server uses a transport of its own, which uses no proxy. In a
// bubble of testing/synctest, pass one that needs no network.
func WithCallbackTransport(rt http.RoundTripper) Option {
	return func(c *config) { c.callbackTransport = rt }
}
