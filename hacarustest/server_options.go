package hacarustest

import (
	"net/http"
	"time"
)

// Option configures a [Server].
type Option func(*config)

type config struct {
	trainer           Trainer
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
		trainer:       PatternMatching{},
		license:       true,
		tokenLifetime: 30 * 24 * time.Hour, // wire-facts.md 2
	}
	for _, option := range opts {
		option(&c)
	}
	return c
}

// WithInspector makes the inspectors of all models, whatever their algorithm,
// those that t trains. An [InspectorFunc] needs no training. Without this option,
// and with nil, they are those of [PatternMatching].
func WithInspector(t Trainer) Option {
	return func(c *config) {
		if t != nil {
			c.trainer = t
		}
	}
}

// WithoutLicense starts the server without a licence: uploads, training and
// predictions are refused with status 403 until one is set with
// [hacarus.Client.SetLicense].
func WithoutLicense() Option {
	return func(c *config) { c.license = false }
}

// WithTokenLifetime sets how long an access token is good, by the server's
// clock. The default is 30 days, as seen of the real service; tokens of zero or
// less are refused from the start.
func WithTokenLifetime(d time.Duration) Option {
	return func(c *config) { c.tokenLifetime = d }
}

// WithTrainingTime sets how long a model stays in status creating at least, by
// the server's clock. The default is zero: as long as the inspector takes.
func WithTrainingTime(d time.Duration) Option {
	return func(c *config) { c.trainingTime = d }
}

// WithPredictionTime sets how long items stay in status pending at least, by
// the server's clock. The default is zero: as long as the inspector takes.
func WithPredictionTime(d time.Duration) Option {
	return func(c *config) { c.predictionTime = d }
}

// WithUploadLimit refuses request bodies whose announced length is more bytes
// with status 413, as a proxy in front of the service would. Zero, the default,
// is no limit.
func WithUploadLimit(bytes int64) Option {
	return func(c *config) { c.uploadLimit = bytes }
}

// WithKeepAlive closes connections on which no further request has come for d, as
// servers do, 2 to 75 seconds usually. The time is the real one, or the
// bubble's. Zero, the default, keeps them for as long as clients do.
func WithKeepAlive(d time.Duration) Option {
	return func(c *config) { c.keepAlive = d }
}

// WithCallbackTransport sets what sends the callbacks of predictions. Nil, the
// default, is a transport of the server's own, without a proxy. In a
// testing/synctest bubble give one that needs no network.
func WithCallbackTransport(rt http.RoundTripper) Option {
	return func(c *config) { c.callbackTransport = rt }
}
