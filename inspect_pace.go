package hacarus

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// leastFailures is how many calls in a row must fail to make an outage. A
// single lost connection does not.
const leastFailures = 3

// limiter is shared by the calls of one run. When the service says that it is
// busy (425) or asked too often (429), all calls wait, and fewer are sent at a
// time; each success permits one more. When calls of all kinds fail, the
// service is away; then one call at a time checks whether it is back.
type limiter struct {
	policy RetryPolicy
	most   int // calls of a kind at a time
	logger *slog.Logger

	mu      sync.Mutex
	width   int // calls of a kind at a time now
	kinds   map[operation]*callsOfKind
	refused int        // in a row
	until   time.Time  // no call before that, since the service said so
	alone   *operation // no call of another kind takes its turn before one of these has another end; nil: any does
	outage  outage
	last    error         // what the last call failed with; nil: nothing
	signal  func()        // is called when last may have changed
	changed chan struct{} // closed when one of these has changed
}

// outage is what is known of the service's absences.
type outage struct {
	failed int           // calls in a row
	since  time.Time     // since when the service is away; zero: it is not
	probe  time.Time     // no call before that
	former time.Duration // for which it was away before
}

func (o *outage) isOn() bool { return !o.since.IsZero() }

// total is how long in all the service was away.
func (o *outage) total() time.Duration {
	if !o.isOn() {
		return o.former
	}
	return o.former + time.Since(o.since)
}

// over ends it, and forgets the failures.
func (o *outage) over() { *o = outage{former: o.total()} }

// callsOfKind is what is known about the calls of one operation.
type callsOfKind struct {
	busy      int       // under way
	succeeded int       // so far
	interim   time.Time // since when something speaks in the service's place; zero: it does not
	inactive  time.Time // since when no model is active; zero: one is
}

// doubt takes up an end that may be right only for a while, or that is none of
// these: then what was in doubt is over.
func (k *callsOfKind) doubt(err error) {
	inactive := errors.Is(err, errNoModel)
	mark(&k.inactive, inactive)
	if !inactive {
		mark(&k.interim, isInterim(err))
	}
}

// mark keeps since when something holds; zero: it does not.
func mark(since *time.Time, holds bool) {
	switch {
	case !holds:
		*since = time.Time{}
	case since.IsZero():
		*since = time.Now()
	}
}

func newLimiter(calls int, policy RetryPolicy, logger *slog.Logger) *limiter {
	return &limiter{
		policy: policy, most: calls, width: calls, logger: logger,
		kinds: map[operation]*callsOfKind{}, signal: func() {}, changed: make(chan struct{}),
	}
}

func (l *limiter) kind(op operation) *callsOfKind {
	k := l.kinds[op]
	if k == nil {
		k = new(callsOfKind)
		l.kinds[op] = k
	}
	return k
}

// enter waits until a call may take its turn among those of its kind.
func (l *limiter) enter(ctx context.Context, op operation) error {
	return l.wait(ctx, func() bool {
		if l.kind(op).busy >= l.width || l.alone != nil && *l.alone != op {
			return false
		}
		l.kind(op).busy++
		return true
	})
}

// pass waits until the service may be called again.
func (l *limiter) pass(ctx context.Context) error {
	return l.wait(ctx, func() bool { return true })
}

// wait waits until nothing holds calls back and enters returns true. The caller
// holds the lock.
func (l *limiter) wait(ctx context.Context, enters func() bool) error {
	for {
		l.mu.Lock()
		left := max(time.Until(l.until), time.Until(l.outage.probe))
		if left <= 0 && enters() {
			if l.outage.isOn() {
				l.outage.probe = time.Now().Add(l.pause()) // one at a time
			}
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		var over <-chan time.Time
		if left > 0 {
			over = time.After(left)
		}
		select {
		case <-over:
		case <-changed:
		case <-ctx.Done():
			return contextError(ctx, nil)
		}
	}
}

// leave ends a call's turn.
func (l *limiter) leave(op operation, err error) {
	l.change(func() {
		l.kind(op).busy--
		l.learn(op, err)
	})
}

// forgo ends a turn in which no call was made, so that nothing is learned from
// it.
func (l *limiter) forgo(op operation) {
	l.change(func() { l.kind(op).busy-- })
}

// note learns from the end of a call that had no turn of its own.
func (l *limiter) note(op operation, err error) {
	l.change(func() { l.learn(op, err) })
}

// change lets all who wait look again.
func (l *limiter) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.notify()
}

// learn learns from the end of a call.
func (l *limiter) learn(op operation, err error) {
	k := l.kind(op)
	k.doubt(err)
	switch {
	case errors.Is(err, errNoModel):
		l.alone = &op
	case l.alone != nil && *l.alone == op:
		l.alone = nil
	}
	switch {
	case err == nil:
		k.succeeded++
		l.refused = 0
		l.width = min(l.width+1, l.most)
		l.recover()
		return
	case isBusy(err):
		l.refuse(l.backoff(err))
	case isOutage(err):
		l.fail(err)
	case isTransient(err):
	case failureOf(err).response != nil: // the service responds, whatever it says
		k.succeeded++
		l.recover()
		return
	default:
		return
	}
	l.last = err
}

// isOutage reports whether every call may fail with this error now. A status of
// 500 is the service's response to what it was sent.
func isOutage(err error) bool {
	return failureOf(err).status() != http.StatusInternalServerError && (isTransient(err) || isInterim(err))
}

// hold records the error of an attempt before the same call tries again, and
// returns how long it has to wait: wait, or longer if another call was told to
// wait longer.
func (l *limiter) hold(err error, wait time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case isBusy(err):
		l.refuse(wait)
	case err != nil && isOutage(err):
		l.fail(err)
	default:
		return max(wait, time.Until(l.until))
	}
	l.last = err
	l.notify()
	return max(wait, time.Until(l.until), min(time.Until(l.outage.probe), l.policy.MaxWait))
}

// refuse makes all calls wait, and permits half as many of them afterwards.
func (l *limiter) refuse(wait time.Duration) {
	l.refused++
	if until := time.Now().Add(wait); until.After(l.until) {
		l.until = until
	}
	l.width = max(1, l.width/2)
}

// fail counts a failure and logs an outage once.
func (l *limiter) fail(err error) {
	if l.outage.failed++; l.outage.failed < leastFailures {
		return
	}
	if !l.outage.isOn() {
		l.outage.since = time.Now()
		l.log("hacarus: the service is away; its calls are made again until it is back", slog.Any("error", err))
	}
	l.outage.probe = time.Now().Add(l.pause())
}

// recover ends an outage, if there is one.
func (l *limiter) recover() {
	l.last = nil
	if l.outage.isOn() {
		l.log("hacarus: the service is back", slog.Duration("after", time.Since(l.outage.since)))
	}
	l.outage.over()
}

func (l *limiter) log(message string, attr slog.Attr) {
	if l.logger != nil {
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, message, attr)
	}
}

// pause returns how long the service is left alone while it is away.
func (l *limiter) pause() time.Duration {
	return l.policy.MinWait/2 + l.policy.backoff(max(1, l.outage.failed-leastFailures+1))
}

// backoff returns the wait after a call whose last attempt was refused.
func (l *limiter) backoff(err error) time.Duration {
	wait := min(l.policy.MinWait<<min(l.refused, 10), l.policy.MaxWait)
	if base := failureOf(err).response; base != nil {
		wait = max(wait, min(base.RetryAfter, l.policy.MaxRetryAfter))
	}
	return wait
}

// obstacle returns what keeps the run from going on: the error of the last
// call.
func (l *limiter) obstacle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// isAway reports whether the service is away, so that waiting for a turn means
// waiting for its return.
func (l *limiter) isAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outage.isOn()
}

// awayFor returns how long the service was away in total.
func (l *limiter) awayFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outage.total()
}

// doubtful is since when all calls of a kind have ended in the doubt that err is;
// zero: the last one did not.
func (l *limiter) doubtful(op operation, err error) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, errNoModel) {
		return l.kind(op).inactive
	}
	return l.kind(op).interim
}

// successes returns the number of successful calls of a kind, or of any kind.
func (l *limiter) successes(op operation, ofAny bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ofAny {
		return l.kind(op).succeeded
	}
	for _, k := range l.kinds {
		n += k.succeeded
	}
	return n
}

func (l *limiter) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
	l.signal()
}

func isBusy(err error) bool {
	return errors.Is(err, ErrBusy) || errors.Is(err, ErrRateLimited) || errors.Is(err, errNoModel)
}
