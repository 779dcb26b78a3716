package hacarus

import (
	"crypto/sha256"
	"log/slog"
	"strings"
	"time"
)

const (
	// minCallbackToken is how short a secret may be that is worth the name.
	minCallbackToken     = 16
	callbackTokenLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

	defaultCallbackQueue = 20_000
	defaultCallbackDrain = 5 * time.Second
)

// defaultCallbackRetry outlasts a restart of what the user's function depends on.
var defaultCallbackRetry = RetryPolicy{MaxAttempts: 10, MinWait: time.Second, MaxWait: time.Minute}

// CallbackOption configures a [CallbackReceiver].
type CallbackOption func(*callbackConfig) error

// callbackConfig is what the options of a receiver say.
type callbackConfig struct {
	client   *Client
	trusted  bool
	token    *[sha256.Size]byte
	log      callbackLog
	capacity int // items that the queue holds
	retry    RetryPolicy
	drain    time.Duration
}

func newCallbackConfig(opts []CallbackOption) (callbackConfig, error) {
	cfg := callbackConfig{capacity: defaultCallbackQueue, retry: defaultCallbackRetry, drain: defaultCallbackDrain}
	for _, opt := range opts {
		if opt == nil {
			return cfg, argumentError("NewCallbackReceiver", "nil option")
		}
		if err := opt(&cfg); err != nil {
			return cfg, err
		}
	}
	if cfg.trusted && cfg.client != nil {
		return cfg, argumentError("NewCallbackReceiver", "both WithCallbackClient and WithTrustedPayload given")
	}
	return cfg, nil
}

// WithCallbackToken answers requests whose path does not end in "/" and the
// token with 404. The token has at least 16 letters, digits, "-", "." or "_". It
// should be random, such as that of [crypto/rand.Text], and part of the URL that
// [Client.SetPredictCallback] gets. It is never logged or printed.
func WithCallbackToken(token string) CallbackOption {
	return func(cfg *callbackConfig) error {
		if len(token) < minCallbackToken || strings.Trim(token, callbackTokenLetters) != "" {
			return argumentError("WithCallbackToken", "a token is at least %d letters, digits, '-', '.' or '_'", minCallbackToken)
		}
		sum := sha256.Sum256([]byte(token))
		cfg.token = &sum
		return nil
	}
}

// WithCallbackClient fetches the items of a callback again by operation
// getItemById, eight at a time, so that the function gets what the service says of
// them. An item that cannot be fetched, or whose assessment is not there yet, is
// tried again like one that the function failed on: see [WithCallbackRetry].
// That includes an item that the service denies for a moment, with 403 or 404. It
// is dropped early only if the service has answered "not found" three times in a
// row, and for five seconds.
func WithCallbackClient(c *Client) CallbackOption {
	return func(cfg *callbackConfig) error {
		if c == nil {
			return argumentError("WithCallbackClient", "nil client")
		}
		cfg.client = c
		return nil
	}
}

// WithTrustedPayload passes on what a callback says of its items. Anyone who can
// reach the URL, and knows its token, can then make up verdicts.
func WithTrustedPayload() CallbackOption {
	return func(cfg *callbackConfig) error {
		cfg.trusted = true
		return nil
	}
}

// WithCallbackLogger logs what is refused and what fails, at level warn, what is
// given up, at level error, and what is taken, at level debug. Items are named by
// their ids; URLs and payloads are never logged. Without this option nothing is
// logged.
func WithCallbackLogger(l *slog.Logger) CallbackOption {
	return func(cfg *callbackConfig) error {
		if l == nil {
			return argumentError("WithCallbackLogger", "nil logger")
		}
		cfg.log = callbackLog{l}
		return nil
	}
}

// WithCallbackQueue bounds the items that wait for the function, including those
// that it is called with. The default is 20,000. A callback that does not fit in
// now is answered with 503, and one with more items with 413. Whatever this bound
// is, what waits takes no more than 64 MiB of memory.
func WithCallbackQueue(items int) CallbackOption {
	return func(cfg *callbackConfig) error {
		if items < 1 {
			return argumentError("WithCallbackQueue", "a queue of %d items", items)
		}
		cfg.capacity = items
		return nil
	}
}

// WithCallbackRetry sets how often, and with which waits, items are tried again
// that the function failed on or that could not be fetched. Zero fields take the
// defaults: 10 attempts, with waits of up to 1 s that double up to 1 min, about
// two minutes in all. MaxRetryAfter has no effect here.
func WithCallbackRetry(p RetryPolicy) CallbackOption {
	return func(cfg *callbackConfig) error {
		cfg.retry = p.or(defaultCallbackRetry)
		return p.validate("WithCallbackRetry")
	}
}

// WithCallbackDrain sets how long [CallbackReceiver.Close] waits for what is
// queued. The default is 5 s; with zero, Close waits for nothing.
func WithCallbackDrain(d time.Duration) CallbackOption {
	return func(cfg *callbackConfig) error {
		if d < 0 {
			return argumentError("WithCallbackDrain", "negative time %v", d)
		}
		cfg.drain = d
		return nil
	}
}
