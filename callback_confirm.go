package hacarus

import (
	"errors"
	"sync"
)

// callbackFetches is how many items of a callback are fetched at a time.
const callbackFetches = 8

var errNotAssessed = errors.New("the service has no such assessment")

// callbackResult is the result of one attempt to handle a delivery's events.
type callbackResult struct {
	items     []Item // for the user's function
	confirmed []callbackEvent
	refused   []callbackEvent // the service does not have them
	left      []callbackEvent // to be tried again
	err       error           // why
}

// confirm determines which items the user's function may have.
func (q *callbackQueue) confirm(d *callbackDelivery) callbackResult {
	switch {
	case q.client != nil:
		return q.fetchAll(d.events)
	case d.payload != nil:
		return d.trust()
	}
	result := callbackResult{confirmed: d.events, items: make([]Item, len(d.events))}
	for i, e := range d.events {
		result.items[i].ItemID = e.itemID
	}
	return result
}

// trust takes the items as they came.
func (d *callbackDelivery) trust() callbackResult {
	all, err := d.payload.decode()
	if err != nil {
		return callbackResult{left: d.events, err: err}
	}
	result := callbackResult{confirmed: d.events}
	for _, e := range d.events {
		result.items = append(result.items, all[e.index])
	}
	return result
}

// fetchAll fetches the items from the service. An item that cannot be fetched
// now is tried again, whatever the reason: a replica may be behind, a proxy in
// the way, or the license about to be renewed. Only "not found" is believed
// after a while, as in a wait.
func (q *callbackQueue) fetchAll(events []callbackEvent) (result callbackResult) {
	items, errs := make([]Item, len(events)), make([]error, len(events))
	var fetches sync.WaitGroup
	slots := make(chan struct{}, callbackFetches)
	for i := range events {
		slots <- struct{}{}
		fetches.Go(func() {
			defer func() { <-slots }()
			errs[i] = q.guard("fetching an item", func() (err error) {
				items[i], err = q.fetch(&events[i])
				return err
			})
		})
	}
	fetches.Wait()
	for i, e := range events {
		gone := e.doubt.judge(errs[i]) != nil && isMissing(errs[i])
		switch {
		case errs[i] == nil:
			result.items = append(result.items, items[i])
			result.confirmed = append(result.confirmed, e)
		case gone:
			q.log.warn("callback for an item that the service does not have", "item", e.itemID, "error", errs[i])
			result.refused = append(result.refused, e)
		default:
			result.left, result.err = append(result.left, e), errs[i]
		}
	}
	return result
}

// fetch returns the item as the service has it, if it is assessed as claimed.
func (q *callbackQueue) fetch(e *callbackEvent) (Item, error) {
	item, err := q.client.getThisItem(q.ctx, e.itemID, &GetItemOptions{ShowAssessments: new(true), ShowAnnotations: new(true)})
	if err != nil {
		return Item{}, err
	}
	assessed := item.Assessment("") != nil
	for _, model := range e.models {
		assessed = assessed && item.Assessment(model) != nil
	}
	if !assessed {
		return Item{}, errNotAssessed
	}
	return *item, nil
}
