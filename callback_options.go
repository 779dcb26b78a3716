package hacarus

import (
	"crypto/sha256"
	"log/slog"
	"strings"
	"time"
)

const (
	// minCallbackToken is the minimum length of a token that can be called a
	// secret.
	minCallbackToken     = 16
	callbackTokenLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

	defaultCallbackQueue = 20_000
	defaultCallbackDrain = 5 * time.Second
)

// defaultCallbackRetry outlasts a restart of what the user's function depends on.
var defaultCallbackRetry = RetryPolicy{MaxAttempts: 10, MinWait: time.Second, MaxWait: time.Minute}

// CallbackOption configures a [CallbackReceiver].
type CallbackOption func(*callbackConfig) error

// callbackConfig holds the options of a receiver.
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

// WithCallbackToken makes the receiver respond with status 404 to requests
// whose path does not end with "/" and the token. The token has at least 16
// letters, digits, "-", "." or "_". It should be random, such as a result of
// [crypto/rand.Text], and part of the URL that is passed to
// [Client.SetPredictCallback]. It is never logged or printed.
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

// WithCallbackClient fetches the items of a callback from the service, by
// operation getItemById and eight at a time, so that the function gets what the
// service says about them. An item that cannot be fetched, or whose assessment
// is not there yet, is tried again like one for which the function failed: see
// [WithCallbackRetry]. This includes an item that the service denies for a
// moment with 403 or 404. An item is dropped earlier only if the service has
// responded "not found" three times in a row over at least five seconds. A nil
// client is [ErrInvalidArgument].
func WithCallbackClient(c *Client) CallbackOption {
	return func(cfg *callbackConfig) error {
		if c == nil {
			return argumentError("WithCallbackClient", "nil client")
		}
		cfg.client = c
		return nil
	}
}

// WithTrustedPayload passes the items on as the callback describes them. Anyone
// who can reach the URL and knows its token can then make up verdicts.
func WithTrustedPayload() CallbackOption {
	return func(cfg *callbackConfig) error {
		cfg.trusted = true
		return nil
	}
}

// WithCallbackLogger logs to l: at level warn what is refused and what fails,
// at level error what is given up, and at level debug what is accepted. Items
// are named by their ids; URLs and payloads are never logged. Without this
// option nothing is logged.
func WithCallbackLogger(l *slog.Logger) CallbackOption {
	return func(cfg *callbackConfig) error {
		if l == nil {
			return argumentError("WithCallbackLogger", "nil logger")
		}
		cfg.log = callbackLog{l}
		return nil
	}
}

// WithCallbackQueue sets how many items may wait for the function, including
// those of the current call. The default is 20,000. A callback that does not
// fit at the moment gets status 503, and one with more items than that 413.
// Independently of this limit, what waits takes at most 64 MiB of memory.
func WithCallbackQueue(items int) CallbackOption {
	return func(cfg *callbackConfig) error {
		if items < 1 {
			return argumentError("WithCallbackQueue", "a queue of %d items", items)
		}
		cfg.capacity = items
		return nil
	}
}

// WithCallbackRetry sets how often, and after which waits, items are tried
// again for which the function failed or that could not be fetched. Fields that
// are zero take the defaults: 10 attempts and waits of up to 1 s that double up
// to 1 min, about two minutes in all. MaxRetryAfter has no effect here.
func WithCallbackRetry(p RetryPolicy) CallbackOption {
	return func(cfg *callbackConfig) error {
		cfg.retry = p.or(defaultCallbackRetry)
		return p.validate("WithCallbackRetry")
	}
}

// WithCallbackDrain sets how long [CallbackReceiver.Close] waits for the queue
// to be handled. The default is 5 s. With 0, Close does not wait.
func WithCallbackDrain(d time.Duration) CallbackOption {
	return func(cfg *callbackConfig) error {
		if d < 0 {
			return argumentError("WithCallbackDrain", "negative time %v", d)
		}
		cfg.drain = d
		return nil
	}
}
