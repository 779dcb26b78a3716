package hacarustest

import (
	"context"
	"sync"
)

// lifetime knows what has to end before its owner is closed.
type lifetime struct {
	running context.Context
	stop    context.CancelFunc

	mu     sync.Mutex
	closed bool
	given  []func() // close what the owner gave out

	work sync.WaitGroup
}

func (l *lifetime) begin() { l.running, l.stop = context.WithCancel(context.Background()) }

// end cancels all work and waits for its end.
func (l *lifetime) end(closeListeners func()) {
	l.mu.Lock()
	l.closed = true
	given := l.given
	l.given = nil
	l.mu.Unlock()
	l.stop()
	closeListeners()
	for _, closeGiven := range given {
		closeGiven()
	}
	l.work.Wait()
}

// onClose closes something with the owner.
func (l *lifetime) onClose(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given = append(l.given, f)
}

// count counts work until its Done. It is false after the end.
func (l *lifetime) count() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.work.Add(1)
	}
	return !l.closed
}

// during does work now, unless it is after the end.
func (l *lifetime) during(work func(ctx context.Context)) bool {
	if !l.count() {
		return false
	}
	defer l.work.Done()
	work(l.running)
	return true
}

// background does work in a goroutine, unless it is after the end.
func (l *lifetime) background(work func(ctx context.Context)) {
	if !l.count() {
		return
	}
	go func() {
		defer l.work.Done()
		work(l.running)
	}()
}
