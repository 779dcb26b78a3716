package hacarus

import (
	"context"
	"errors"
	"sync"
	"time"
)

// limiter is shared by the calls of one inspection. When the service says that
// it is busy (425) or asked too often (429), all of them hold back, and fewer
// go out at a time; with each success one more may.
type limiter struct {
	policy RetryPolicy
	most   int // calls of a kind at a time

	mu      sync.Mutex
	width   int               // calls of a kind at a time now
	busy    map[operation]int // calls under way
	refused int               // in a row
	until   time.Time
	changed chan struct{} // closed when one of these has changed
}

func newLimiter(calls int, policy RetryPolicy) *limiter {
	return &limiter{policy: policy, most: calls, width: calls, busy: map[operation]int{}, changed: make(chan struct{})}
}

// enter waits for a call's turn among those of its kind.
func (l *limiter) enter(ctx context.Context, op operation) error {
	return l.wait(ctx, func() bool {
		if l.busy[op] >= l.width {
			return false
		}
		l.busy[op]++
		return true
	})
}

// pass waits until the service wants to be asked again.
func (l *limiter) pass(ctx context.Context) error {
	return l.wait(ctx, func() bool { return true })
}

// wait waits until no refusal holds, and until enters is true. It is called with the lock.
func (l *limiter) wait(ctx context.Context, enters func() bool) error {
	for {
		l.mu.Lock()
		left := time.Until(l.until)
		if left <= 0 && enters() {
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
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[op]--
	switch {
	case err == nil:
		l.refused = 0
		l.width = min(l.width+1, l.most)
	case isBusy(err):
		l.refuse(l.backoff(err))
	}
	l.notify()
}

// hold notes what an attempt failed with before the same call tries again, and
// returns how long it has to wait: wait, or longer if another call was told so.
func (l *limiter) hold(err error, wait time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isBusy(err) {
		l.refuse(wait)
		l.notify()
	}
	return max(wait, time.Until(l.until))
}

// refuse lets all calls wait, and half of them go out after that.
func (l *limiter) refuse(wait time.Duration) {
	l.refused++
	if until := time.Now().Add(wait); until.After(l.until) {
		l.until = until
	}
	l.width = max(1, l.width/2)
}

// backoff is the wait after a call that was refused at its last attempt.
func (l *limiter) backoff(err error) time.Duration {
	wait := min(l.policy.MinWait<<min(l.refused, 10), l.policy.MaxWait)
	if base := (*BaseError)(nil); errors.As(err, &base) {
		wait = max(wait, min(base.RetryAfter, l.policy.MaxRetryAfter))
	}
	return wait
}

func (l *limiter) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func isBusy(err error) bool { return errors.Is(err, ErrBusy) || errors.Is(err, ErrRateLimited) }
