package hacarus

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"
)

// callbackDelivery is what remains to be done for one callback.
type callbackDelivery struct {
	payload  *callbackPayload // of a callback that is trusted; nil for others
	events   []callbackEvent
	bytes    int // of memory, about
	attempts int
}

// callbackEvent is what a callback says about one item, as far as it is needed.
type callbackEvent struct {
	itemID string
	index  int           // of the item in the payload
	models []string      // that are said to have assessed the item
	keys   []callbackKey // those that were new
	bare   bool          // without an assessment, so that nothing tells it from the next one
	doubt  tolerance     // of the item's being there
}

// callbackKey distinguishes an assessment of an item from all others.
type callbackKey [16]byte

// newCallbackDelivery keeps what is needed of a callback. The data itself,
// which takes less memory than what is decoded from it, is kept only if it is
// trusted.
func newCallbackDelivery(p *callbackPayload, trusted bool) *callbackDelivery {
	d := &callbackDelivery{events: make([]callbackEvent, len(p.items))}
	if trusted {
		d.payload = &callbackPayload{raw: bytes.Clone(p.raw), form: p.form}
		d.bytes = len(p.raw)
	}
	for i := range p.items {
		item := &p.items[i]
		d.events[i] = callbackEvent{
			itemID: item.ItemID,
			index:  i,
			keys:   callbackKeys(item),
			bare:   len(item.Assessments) == 0,
			doubt:  tolerance{patience: briefly},
		}
		if !trusted {
			d.events[i].models = claimedModels(item)
		}
	}
	return d
}

// keepNew leaves out the events of which no key is new, and counts the memory of
// the others.
func (d *callbackDelivery) keepNew(newOf func([]callbackKey) []callbackKey) {
	var kept []callbackEvent
	for _, e := range d.events {
		if e.keys = newOf(e.keys); len(e.keys) > 0 {
			kept = append(kept, e)
			d.bytes += e.bytes()
		}
	}
	d.events = kept
}

// bytes estimates how much memory an event takes.
func (e *callbackEvent) bytes() int {
	const fields, stringHeader, key = 192, 16, 16
	n := fields + len(e.itemID) + key*len(e.keys)
	for _, model := range e.models {
		n += stringHeader + len(model)
	}
	return n
}

// claimedModels names each model that is said to have assessed an item, once.
func claimedModels(item *Item) []string {
	models := make([]string, len(item.Assessments))
	for i := range item.Assessments {
		models[i] = item.Assessments[i].ModelID
	}
	slices.Sort(models)
	return slices.Clip(slices.Compact(models))
}

// callbackKeys are those of an item's assessments, or that of the item alone
// where it has none.
func callbackKeys(item *Item) []callbackKey {
	if len(item.Assessments) == 0 {
		return []callbackKey{newCallbackKey(item.ItemID, nil)}
	}
	keys := make([]callbackKey, len(item.Assessments))
	for i := range item.Assessments {
		keys[i] = newCallbackKey(item.ItemID, &item.Assessments[i])
	}
	return keys
}

func newCallbackKey(itemID string, a *Assessment) callbackKey {
	raw, err := json.Marshal([]any{itemID, a})
	if err != nil {
		panic("hacarus: " + err.Error()) // a decoded value that has no JSON form
	}
	sum := sha256.Sum256(raw)
	return callbackKey(sum[:])
}
