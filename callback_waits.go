package hacarus

import (
	"context"
	"slices"
	"sync"
)

// Callbacks wakes waits when callbacks arrive. Pass its method Received to
// [NewCallbackReceiver], and pass the Callbacks to waits with [WithCallbacks].
// A wait that is woken polls the service at once instead of at its next time.
// Because it keeps polling, a callback that never comes costs only time, and a
// callback that is forged or comes twice costs only one request.
//
// The zero value is ready for use. Any number of waits and receivers may use it
// concurrently. It has no goroutine of its own.
type Callbacks struct {
	mu      sync.Mutex
	waiters map[string][]chan<- string // by item
}

// NewCallbacks returns a Callbacks that no wait uses yet.
func NewCallbacks() *Callbacks { return &Callbacks{} }

// Received wakes the waits for these items. It looks only at their ids, never
// blocks, and always returns nil. It is meant for [NewCallbackReceiver].
func (c *Callbacks) Received(_ context.Context, items []Item) error {
	if c == nil {
		return nil // no wait can use it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range items {
		id := items[i].ItemID
		for _, woken := range c.waiters[id] {
			select {
			case woken <- id:
			default: // it has enough to do, and will poll this item later
			}
		}
	}
	return nil
}

// subscribe returns a channel of the items among the given ones that a
// callback has come for since. It is never closed; cancel ends the
// subscription, and may be called again.
func (c *Callbacks) subscribe(itemIDs []string) (woken <-chan string, cancel func()) {
	ids := make(chan string, min(len(itemIDs), maxCallbackItems))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiters == nil {
		c.waiters = map[string][]chan<- string{}
	}
	for _, id := range itemIDs {
		c.waiters[id] = append(c.waiters[id], ids)
	}
	return ids, sync.OnceFunc(func() { c.unsubscribe(itemIDs, ids) })
}

func (c *Callbacks) unsubscribe(itemIDs []string, ids chan<- string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range itemIDs {
		others := slices.DeleteFunc(c.waiters[id], func(other chan<- string) bool { return other == ids })
		if len(others) == 0 {
			delete(c.waiters, id)
		} else {
			c.waiters[id] = others
		}
	}
}
