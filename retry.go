package hacarus

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// class says how an operation may be repeated. The zero class is the strictest,
// so an operation that nobody has classified is never repeated blindly.
type class int

const (
	// classNonIdempotent operations are sent again only when the service
	// provably did not act.
	classNonIdempotent class = iota
	// classRead operations change nothing.
	classRead
	// classOverwrite operations leave the same state when repeated.
	classOverwrite
	// classDelete operations are repeatable too, but the second response may be
	// "not found".
	classDelete
	// classLogin is the login.
	classLogin
)

// repeatable reports whether a second execution does no harm.
func (c class) repeatable() bool { return c != classNonIdempotent }

// stateless reports whether an execution leaves nothing behind, so that it does
// not matter whether a lost request was executed.
func (c class) stateless() bool { return c == classRead || c == classLogin }

// The defaults of a [RetryPolicy].
const (
	defaultMaxAttempts   = 5
	defaultMinWait       = 250 * time.Millisecond
	defaultMaxWait       = 20 * time.Second
	defaultMaxRetryAfter = 60 * time.Second
)

// RetryPolicy sets the limits for the retries of a call. Fields that are zero
// take the defaults.
//
// Whether a call may be sent again at all depends on its operation: the calls
// that create something (train, predictItems, annotate, addItem, importModels,
// setLicense) are sent again only if the service provably did not act.
type RetryPolicy struct {
	// MaxAttempts is the maximum number of requests in one call; 1 means no
	// retries. The default is 5. The one request that follows the renewal of a
	// refused token is not counted.
	MaxAttempts int
	// MinWait and MaxWait bound the exponential backoff. The limit starts at
	// MinWait and doubles up to MaxWait; each wait is a random time between 0 and
	// the limit (full jitter). The defaults are 250 ms and 20 s.
	MinWait, MaxWait time.Duration
	// MaxRetryAfter is the longest Retry-After that is waited for. If the service
	// asks for a longer wait, the call ends with its response. The default is 60 s.
	MaxRetryAfter time.Duration
}

// validate checks the policy that an option sets.
func (p RetryPolicy) validate(option string) error {
	if p.MaxAttempts < 0 || p.MinWait < 0 || p.MaxWait < 0 || p.MaxRetryAfter < 0 {
		return argumentError(option, "negative field in %+v", p)
	}
	if max(p.MinWait, p.MaxWait) > maxRetryAfter {
		return argumentError(option, "a wait of more than ten years in %+v", p)
	}
	if p.MaxWait > 0 && p.MinWait > p.MaxWait {
		return argumentError(option, "MinWait %v is above MaxWait %v", p.MinWait, p.MaxWait)
	}
	return nil
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	return p.or(RetryPolicy{defaultMaxAttempts, defaultMinWait, defaultMaxWait, defaultMaxRetryAfter})
}

// or fills fields that are zero with those of defaults, and keeps MinWait
// within MaxWait.
func (p RetryPolicy) or(defaults RetryPolicy) RetryPolicy {
	return RetryPolicy{
		MaxAttempts:   cmp.Or(p.MaxAttempts, defaults.MaxAttempts),
		MinWait:       cmp.Or(p.MinWait, min(defaults.MinWait, cmp.Or(p.MaxWait, defaults.MaxWait))),
		MaxWait:       cmp.Or(p.MaxWait, max(defaults.MaxWait, p.MinWait)),
		MaxRetryAfter: cmp.Or(p.MaxRetryAfter, defaults.MaxRetryAfter),
	}
}

// backoff returns the wait after the given number of attempts: full jitter
// under a bound that doubles from MinWait to MaxWait.
func (p RetryPolicy) backoff(attempts int) time.Duration {
	bound := p.MinWait
	for range attempts - 1 {
		if bound >= p.MaxWait/2 {
			bound = p.MaxWait
			break
		}
		bound *= 2
	}
	return time.Duration(rand.Int64N(int64(bound) + 1)) //nolint:gosec // jitter needs no secrecy
}

// The costs of the retry budget. An outage empties it after 50 retries; after
// that, calls fail at once instead of multiplying the load. While most requests
// succeed, it fills up again: at 16 % failures, a request costs 1.6 on average
// and earns 4.2. It is exhausted only if more than 50 calls fail before any
// other call succeeds, which takes hundreds of calls at the same time.
const (
	budgetCapacity = 500
	budgetCost     = 10
	budgetEarning  = 5
)

// budget is a token bucket that all calls of a client share.
type budget struct {
	mu    sync.Mutex
	spent int
}

// take pays for a retry and reports whether there was enough.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent+budgetCost > budgetCapacity {
		return false
	}
	b.spent += budgetCost
	return true
}

// earn credits a success.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(0, b.spent-budgetEarning)
}

// retryAfterStatus reports whether a Retry-After with that status is a wait
// before the same request.
func retryAfterStatus(status int) bool {
	return status == http.StatusTooEarly || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// maxRetryAfter is the limit for overlong waits, so that adding one to a time
// cannot overflow.
const maxRetryAfter = 10 * 365 * 24 * time.Hour

// parseRetryAfter reads a response's Retry-After, which is in seconds or a
// date. It returns false if the value is neither, or if the date has passed. A
// negative number of seconds is returned unchanged. A date is by the clock of
// the computer that wrote the response, from which this computer's clock may
// differ, so the wait is the difference to the response's own Date if there is
// one.
func parseRetryAfter(header http.Header) (time.Duration, bool) {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if digits := strings.TrimLeft(value, "+-"); digits != "" && strings.Trim(digits, "0123456789") == "" && len(value)-len(digits) <= 1 {
		return secondsOf(value), true
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	if until.Before(now) {
		return 0, false
	}
	return min(until.Sub(now), maxRetryAfter), true
}

// secondsOf turns digits with an optional sign into a duration, cut where it would overflow.
func secondsOf(digits string) time.Duration {
	seconds, err := strconv.ParseInt(digits, 10, 64)
	limit := int64(maxRetryAfter / time.Second)
	switch {
	case strings.HasPrefix(digits, "-") && (err != nil || seconds < 0):
		return -time.Second
	case err != nil || seconds > limit:
		return maxRetryAfter
	}
	return time.Duration(seconds) * time.Second
}

// statusClientClosed is the status with which nginx, and networks built with
// it, respond in place of the service once they believe that the client is
// gone. As with 504, the service may have acted.
const statusClientClosed = 499

// transientStatus reports whether a response with this status may be different
// next time.
func transientStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, statusClientClosed:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// declinedStatus reports whether a response with this status proves that the
// service did not act on the request.
func declinedStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, statusClientClosed, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return false // all may follow an execution
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return true
	}
	return status >= 300 && status < 500
}
