package hacarus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// maxCallbackMemory bounds the memory, in bytes, of what waits in a queue.
const maxCallbackMemory = 64 << 20

var (
	errCallbackQueueFull = errors.New("the queue is full")
	errCallbackClosed    = errors.New("the receiver is closed")
)

// callbackQueue passes callbacks to the user's function one after the other.
// Its worker is a goroutine that exists as long as there is something to do.
type callbackQueue struct {
	callbackConfig
	handle func(context.Context, []Item) error
	ctx    context.Context //nolint:containedctx // of the worker, until the queue is closed
	cancel context.CancelFunc
	close  func() error

	mu      sync.Mutex // guards what follows
	ready   []*callbackDelivery
	delayed map[*callbackDelivery]*time.Timer
	items   int // of ready, of delayed, and of the one at work
	bytes   int // of memory, of the same
	working bool
	closing bool          // nothing more is accepted
	closed  bool          // and the user's function is not called any more
	drained chan struct{} // closed when nothing more is accepted, and nothing is left
	seen    callbackSeen
}

func newCallbackQueue(handle func(context.Context, []Item) error, cfg callbackConfig) *callbackQueue {
	q := &callbackQueue{
		callbackConfig: cfg,
		handle:         handle,
		delayed:        map[*callbackDelivery]*time.Timer{},
		drained:        make(chan struct{}),
	}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.close = sync.OnceValue(q.shutDown)
	return q
}

// accept queues what is new in a callback: all of it or nothing.
func (q *callbackQueue) accept(p *callbackPayload) error {
	if len(p.items) > q.capacity {
		return fmt.Errorf("%w: %d items, more than the queue holds", ErrTooLarge, len(p.items))
	}
	d := newCallbackDelivery(p, q.trusted)
	queued, err := q.add(d)
	if err == nil {
		q.log.debug("callback taken", "items", len(p.items), "queued", queued)
	}
	return err
}

func (q *callbackQueue) add(d *callbackDelivery) (queued int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return 0, errCallbackClosed
	}
	q.seen.age(time.Now())
	d.keepNew(q.seen.add)
	if len(d.events) == 0 {
		return 0, nil
	}
	if q.items+len(d.events) > q.capacity || q.bytes+d.bytes > maxCallbackMemory {
		q.forget(d.events)
		return 0, errCallbackQueueFull
	}
	q.items += len(d.events)
	q.bytes += d.bytes
	q.enqueue(d)
	return len(d.events), nil
}

// enqueue passes a delivery to the worker. The caller holds the lock.
func (q *callbackQueue) enqueue(d *callbackDelivery) {
	q.ready = append(q.ready, d)
	if !q.working {
		q.working = true
		go q.work()
	}
}

func (q *callbackQueue) work() {
	for d := q.next(); d != nil; d = q.next() {
		d.attempts++
		q.settle(d, q.deliver(d))
	}
}

// next takes the delivery that is due. If there is none, the worker ends.
func (q *callbackQueue) next() *callbackDelivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 {
		q.ready, q.working = nil, false
		return nil
	}
	d := q.ready[0]
	q.ready[0] = nil
	q.ready = q.ready[1:]
	return d
}

// deliver calls the user's function with what is confirmed of a delivery.
func (q *callbackQueue) deliver(d *callbackDelivery) callbackResult {
	result := q.confirm(d)
	if len(result.items) == 0 {
		return result
	}
	err := q.guard("the callback function", func() error {
		if q.isClosed() {
			return errCallbackClosed
		}
		return q.handle(q.ctx, result.items)
	})
	if err != nil {
		result.left, result.confirmed = append(result.left, result.confirmed...), nil
		result.err = errors.Join(result.err, err)
	}
	return result
}

func (q *callbackQueue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// guard calls a function that runs user code. A panic becomes an error, and so
// does the end of the goroutine, which is what a failed assertion in a test
// causes.
func (q *callbackQueue) guard(name string, f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New(name + " ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
				q.log.error(name+" panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			result <- err
		}()
		err = f()
	}()
	return <-result
}

// settle makes the remaining events wait for their next attempt, or gives them
// up, and removes the others from the queue.
func (q *callbackQueue) settle(d *callbackDelivery, result callbackResult) {
	wait, again := q.retry.backoff(d.attempts), d.attempts < q.retry.MaxAttempts && q.ctx.Err() == nil
	switch {
	case len(result.left) == 0:
	case again:
		q.log.warn("callback failed", "items", len(result.left), "first", result.left[0].itemID, "attempt", d.attempts, "again_in", wait, "error", result.err)
	default:
		q.log.error("callback given up", "items", len(result.left), "first", result.left[0].itemID, "attempts", d.attempts, "error", result.err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items -= len(result.refused) + len(result.confirmed)
	q.forget(result.refused)
	q.forget(slices.DeleteFunc(result.confirmed, func(e callbackEvent) bool { return !e.bare }))
	d.events = result.left
	if len(result.left) == 0 || !again || q.closed { // Close may not have waited for the log
		q.release(d)
		return
	}
	q.delayed[d] = time.AfterFunc(wait, func() { q.resume(d) })
}

// forget permits the events to come again.
func (q *callbackQueue) forget(events []callbackEvent) {
	for _, e := range events {
		q.seen.remove(e.keys)
	}
}

// resume puts a delivery that has waited back into the queue.
func (q *callbackQueue) resume(d *callbackDelivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, waiting := q.delayed[d]; waiting {
		delete(q.delayed, d)
		q.enqueue(d)
	}
}

// release removes a delivery from the queue. What is left of it may come again.
// The caller holds the lock.
func (q *callbackQueue) release(d *callbackDelivery) {
	q.forget(d.events)
	q.items -= len(d.events)
	q.bytes -= d.bytes
	q.signalDrained()
}

// signalDrained tells shutDown that nothing is left. The caller holds the lock.
func (q *callbackQueue) signalDrained() {
	if q.closing && q.items == 0 {
		close(q.drained)
	}
}

// shutDown refuses new callbacks, waits for what is queued, and drops the rest.
func (q *callbackQueue) shutDown() error {
	q.mu.Lock()
	q.closing = true
	q.signalDrained()
	q.mu.Unlock()
	timeout := time.NewTimer(q.drain)
	defer timeout.Stop()
	select {
	case <-q.drained:
	case <-timeout.C:
	}
	return q.abandon()
}

// abandon drops what is queued and ends the context of the function, which may
// be working on part of it.
func (q *callbackQueue) abandon() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	lost := q.items // before the function can learn of it, and fail
	q.cancel()
	for _, d := range q.ready {
		q.release(d)
	}
	q.ready = nil
	for d, timer := range q.delayed {
		timer.Stop()
		q.release(d)
	}
	clear(q.delayed)
	if lost == 0 {
		return nil
	}
	q.log.error("callbacks given up by Close", "items", lost)
	return fmt.Errorf("hacarus: callback receiver: %d items not handled after %v: %w", lost, q.drain, context.DeadlineExceeded)
}
