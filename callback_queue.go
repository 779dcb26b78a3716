package hacarus

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

const (
	defaultCallbackQueue = 20_000
	defaultCallbackDrain = 5 * time.Second
	// maxCallbackBytes bounds the data of the callbacks that wait.
	maxCallbackBytes = 64 << 20
	// callbackMemory and callbackMemoryTime bound what is known of callbacks
	// that came before, in assessments and in time.
	callbackMemory     = 1 << 16
	callbackMemoryTime = 10 * time.Minute
	// callbackFetches is how many items are fetched at a time.
	callbackFetches = 8
)

// callbackPolicy outlasts a restart of what f depends on.
var callbackPolicy = RetryPolicy{MaxAttempts: 10, MinWait: time.Second, MaxWait: time.Minute}

var (
	errQueueFull      = errors.New("the queue is full")
	errReceiverClosed = errors.New("the handler is closed")
	errNotAssessed    = errors.New("the service has no such assessment")
)

// receiver is the handler of callbacks: a queue, and a goroutine that works it
// off for as long as there is something in it.
type receiver struct {
	handle   func(context.Context, []Item) error
	client   *Client
	trusted  bool
	token    *[sha256.Size]byte // its sum; nil for none
	logger   *slog.Logger
	capacity int
	policy   RetryPolicy
	drain    time.Duration

	ctx    context.Context //nolint:containedctx // of what runs in the background
	cancel context.CancelFunc
	close  func() error
	empty  chan struct{} // closed when the receiver is, and nothing is left

	mu      sync.Mutex // guards what follows
	ready   []*delivery
	delayed map[*delivery]*time.Timer
	items   int // of ready, of delayed and of the one at work
	bytes   int
	working bool
	closed  bool
	seen    recent
}

// delivery is what is left to do of one callback.
type delivery struct {
	events   []event
	bytes    int
	attempts int
}

// event is an item of a callback, as far as it is passed on or looked up.
type event struct {
	item Item
	keys []eventKey // those that were new
	bare bool       // without an assessment, so that nothing tells it from the next one
}

// eventKey tells an assessment of an item from all others.
type eventKey [16]byte

func newReceiver(f func(context.Context, []Item) error) *receiver {
	r := &receiver{
		handle:   f,
		logger:   slog.New(slog.DiscardHandler),
		capacity: defaultCallbackQueue,
		policy:   callbackPolicy,
		drain:    defaultCallbackDrain,
		empty:    make(chan struct{}),
		delayed:  map[*delivery]*time.Timer{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.close = sync.OnceValue(r.shutdown)
	return r
}

// Format prints a name for every verb, and nothing of the inside.
func (r *receiver) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "hacarus.CallbackHandler")
}

// newEvent keeps of an item what will be needed.
func (r *receiver) newEvent(item Item) event {
	e := event{item: item, keys: eventKeys(item), bare: len(item.Assessments) == 0}
	switch {
	case r.trusted:
	case r.client != nil:
		e.item = Item{ItemID: item.ItemID, Assessments: claims(item)}
	default:
		e.item = Item{ItemID: item.ItemID}
	}
	return e
}

// claims names each model that is said to have assessed an item, once.
func claims(item Item) (models []Assessment) {
	for _, a := range item.Assessments {
		if !slices.ContainsFunc(models, func(m Assessment) bool { return m.ModelID == a.ModelID }) {
			models = append(models, Assessment{ModelID: a.ModelID})
		}
	}
	return models
}

// eventKeys are those of an item's assessments, or that of the item alone
// where it has none.
func eventKeys(item Item) []eventKey {
	if len(item.Assessments) == 0 {
		return []eventKey{newEventKey(item.ItemID, nil)}
	}
	keys := make([]eventKey, len(item.Assessments))
	for i := range item.Assessments {
		keys[i] = newEventKey(item.ItemID, &item.Assessments[i])
	}
	return keys
}

func newEventKey(itemID string, a *Assessment) eventKey {
	raw, err := json.Marshal([]any{itemID, a})
	if err != nil {
		panic("hacarus: " + err.Error()) // a decoded value that has no JSON form
	}
	sum := sha256.Sum256(raw)
	return eventKey(sum[:])
}

// accept queues what is new in a callback, all of it or nothing.
func (r *receiver) accept(items []Item, size int) error {
	if len(items) > r.capacity {
		return fmt.Errorf("%w: %d items, more than the queue holds", ErrTooLarge, len(items))
	}
	events := make([]event, len(items))
	for i := range items {
		events[i] = r.newEvent(items[i])
	}
	queued, err := r.queue(events, size)
	if err == nil {
		r.logger.Debug("hacarus: callback taken", "items", len(items), "queued", queued)
	}
	return err
}

func (r *receiver) queue(events []event, size int) (queued int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errReceiverClosed
	}
	r.seen.age(time.Now())
	d := &delivery{bytes: size}
	for _, e := range events {
		if e.keys = r.seen.add(e.keys); len(e.keys) > 0 {
			d.events = append(d.events, e)
		}
	}
	if len(d.events) == 0 {
		return 0, nil
	}
	if r.items+len(d.events) > r.capacity || r.bytes+size > maxCallbackBytes {
		r.forget(d.events)
		return 0, errQueueFull
	}
	r.items += len(d.events)
	r.bytes += size
	r.enqueue(d)
	return len(d.events), nil
}

// enqueue hands a delivery to the worker. The caller holds the lock.
func (r *receiver) enqueue(d *delivery) {
	r.ready = append(r.ready, d)
	if !r.working {
		r.working = true
		go r.work()
	}
}

// work works the queue off.
func (r *receiver) work() {
	for d := r.next(); d != nil; d = r.next() {
		d.attempts++
		r.settle(d, r.deliver(d.events))
	}
}

func (r *receiver) next() *delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ready) == 0 {
		r.ready, r.working = nil, false
		return nil
	}
	d := r.ready[0]
	r.ready[0] = nil
	r.ready = r.ready[1:]
	return d
}

// outcome is what one try made of a delivery's events.
type outcome struct {
	items     []Item // for f,
	confirmed []event
	refused   []event // are none of the service's
	left      []event // to try again
	err       error   // why
}

// deliver calls f with what is confirmed of the events.
func (r *receiver) deliver(events []event) outcome {
	o := r.confirm(events)
	if len(o.items) == 0 {
		return o
	}
	if err := r.call(o.items); err != nil {
		o.left, o.confirmed = append(o.left, o.confirmed...), nil
		o.err = errors.Join(o.err, err)
	}
	return o
}

// call calls f, whose panic is an error like others. It has a goroutine of its
// own, which it may end: a failed assertion of a test does that.
func (r *receiver) call(items []Item) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
				r.logger.Error("hacarus: the callback function panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			result <- err
		}()
		err = r.handle(r.ctx, items)
	}()
	return <-result
}

// confirm asks the service about the items, if there is a client to ask with.
func (r *receiver) confirm(events []event) (o outcome) {
	fetched, errs := r.fetchAll(events)
	for i, e := range events {
		switch {
		case errs[i] == nil:
			o.items = append(o.items, fetched[i])
			o.confirmed = append(o.confirmed, e)
		case errors.Is(errs[i], ErrNotFound), errors.Is(errs[i], ErrForbidden):
			r.logger.Warn("hacarus: callback for an item that the service does not have", "item", e.item.ItemID, "error", errs[i])
			o.refused = append(o.refused, e)
		default:
			o.left, o.err = append(o.left, e), errs[i]
		}
	}
	return o
}

func (r *receiver) fetchAll(events []event) ([]Item, []error) {
	items, errs := make([]Item, len(events)), make([]error, len(events))
	var fetches sync.WaitGroup
	slots := make(chan struct{}, callbackFetches)
	for i, e := range events {
		if r.client == nil {
			items[i] = e.item
			continue
		}
		slots <- struct{}{}
		fetches.Go(func() {
			defer func() { <-slots }()
			items[i], errs[i] = r.fetch(e.item)
		})
	}
	fetches.Wait()
	return items, errs
}

// fetch returns the item as the service has it, if it is assessed as claimed.
func (r *receiver) fetch(claimed Item) (Item, error) {
	item, err := r.client.GetItem(r.ctx, claimed.ItemID, &GetItemOptions{ShowAssessments: new(true), ShowAnnotations: new(true)})
	if err != nil {
		return Item{}, err
	}
	assessed := item.Assessment("") != nil
	for _, a := range claimed.Assessments {
		assessed = assessed && item.Assessment(a.ModelID) != nil
	}
	if !assessed {
		return Item{}, errNotAssessed
	}
	return *item, nil
}

// settle lets the events that are left wait for their next try, or gives them
// up, and takes the others off the queue.
func (r *receiver) settle(d *delivery, o outcome) {
	wait, again := r.policy.backoff(d.attempts), d.attempts < r.policy.MaxAttempts && r.ctx.Err() == nil
	switch {
	case len(o.left) == 0:
	case again:
		r.logger.Warn("hacarus: callback failed", "items", len(o.left), "first", o.left[0].item.ItemID, "attempt", d.attempts, "again_in", wait, "error", o.err)
	default:
		r.logger.Error("hacarus: callback given up", "items", len(o.left), "first", o.left[0].item.ItemID, "attempts", d.attempts, "error", o.err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items -= len(o.refused) + len(o.confirmed)
	r.forget(o.refused)
	r.forget(slices.DeleteFunc(o.confirmed, func(e event) bool { return !e.bare }))
	d.events = o.left
	if len(o.left) == 0 || !again {
		r.release(d)
		return
	}
	r.delayed[d] = time.AfterFunc(wait, func() { r.resume(d) })
}

// forget lets the events come again.
func (r *receiver) forget(events []event) {
	for _, e := range events {
		r.seen.remove(e.keys)
	}
}

// resume puts a delivery that has waited back into the queue.
func (r *receiver) resume(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, waiting := r.delayed[d]; waiting {
		delete(r.delayed, d)
		r.enqueue(d)
	}
}

// release takes a delivery off the queue. What was left of it may come again.
// The caller holds the lock.
func (r *receiver) release(d *delivery) {
	r.forget(d.events)
	r.items -= len(d.events)
	r.bytes -= d.bytes
	r.signalEmpty()
}

// signalEmpty tells shutdown that nothing is left. The caller holds the lock.
func (r *receiver) signalEmpty() {
	if r.closed && r.items == 0 {
		close(r.empty)
	}
}

// Close refuses new callbacks, and waits for what is queued.
func (r *receiver) Close() error { return r.close() }

func (r *receiver) shutdown() error {
	r.mu.Lock()
	r.closed = true
	r.signalEmpty()
	r.mu.Unlock()
	timeout := time.NewTimer(r.drain)
	defer timeout.Stop()
	select {
	case <-r.empty:
	case <-timeout.C:
	}
	r.cancel()
	return r.abandon()
}

// abandon drops what is queued. What f is at work on ends by its context.
func (r *receiver) abandon() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := r.items
	for _, d := range r.ready {
		r.release(d)
	}
	r.ready = nil
	for d, timer := range r.delayed {
		timer.Stop()
		r.release(d)
	}
	clear(r.delayed)
	if lost > 0 {
		r.logger.Error("hacarus: callbacks given up by Close", "items", lost)
		return fmt.Errorf("hacarus: callback handler: %d items not handled after %v: %w", lost, r.drain, context.DeadlineExceeded)
	}
	return nil
}

// recent remembers events for a time, in two generations: when the young one
// is full or has had its time it becomes the old one, and the old one is
// forgotten.
type recent struct {
	young, old map[eventKey]struct{}
	since      time.Time // of the young one
}

func (m *recent) age(now time.Time) {
	age := now.Sub(m.since)
	if age < callbackMemoryTime && len(m.young) < callbackMemory {
		return
	}
	m.old = m.young
	if age >= 2*callbackMemoryTime {
		m.old = nil
	}
	m.young, m.since = map[eventKey]struct{}{}, now
}

func (m *recent) knows(k eventKey) bool {
	_, young := m.young[k]
	_, old := m.old[k]
	return young || old
}

// add remembers keys, and returns those that were new.
func (m *recent) add(keys []eventKey) (added []eventKey) {
	for _, k := range keys {
		if !m.knows(k) {
			m.young[k] = struct{}{}
			added = append(added, k)
		}
	}
	return added
}

func (m *recent) remove(keys []eventKey) {
	for _, k := range keys {
		delete(m.young, k)
		delete(m.old, k)
	}
}
