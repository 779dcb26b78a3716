package hacarustest

import (
	"context"
	"sync"
	"time"
)

// clock is the real time, which a test can move forward. The server uses it for
// all waiting and all expiry.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	moved  chan struct{} // closed by each move
}

func newClock() *clock { return &clock{moved: make(chan struct{})} }

func (c *clock) now() time.Time {
	now, _ := c.read()
	return now
}

func (c *clock) read() (now time.Time, moved <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset), c.moved
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	close(c.moved)
	c.moved = make(chan struct{})
}

// sleepUntil waits until a time on this clock.
func (c *clock) sleepUntil(ctx context.Context, end time.Time) error {
	for {
		now, moved := c.read()
		left := end.Sub(now)
		if left <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-moved:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
