package hacarus

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// PredictAndWait has a model predict items, as [Client.PredictItems] does, and
// yields each once its new assessment is there, as [Client.WaitForItems] does.
// An assessment that was there before does not end the wait: that is what sets
// it apart from calling the two, after a change of parameters for example.
//
// Before it predicts, it looks at the items by operation getItemById. A new
// assessment is then one that was not there, or an old one where the item has
// been pending in between. Where the service puts a new assessment that is equal
// in all parts in the place of the old one, and is so quick that the item was
// never seen pending, no one can tell, and the wait lasts until the context
// ends: give it a deadline.
//
// Every id has exactly one outcome, duplicates being one: an item, or a
// [*WaitError] with its ItemID. If the prediction fails, its error, one of those
// of PredictItems, is the only thing that the range yields.
//
// Operation predictItems: POST /api/v1/models/{model_id}/predict.
func (c *Client) PredictAndWait(ctx context.Context, modelID string, itemIDs []string, opts ...WaitOption) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		w, err := c.newItemsWait(ctx, opPredictItems, modelID, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		before := w.snapshot(ctx, itemIDs)
		if _, err := c.PredictItems(ctx, modelID, itemIDs...); err != nil {
			yield(nil, err)
			return
		}
		w.isReady = func(item *Item) bool {
			before.note(item)
			return before.isNew(item)
		}
		w.each(ctx, itemIDs, yield)
	}
}

// snapshot is what models had said of items before a prediction.
type snapshot struct {
	modelID string
	before  map[string]string // by id: the assessments; "" for an item that could not be seen
	pending map[string]bool   // by id: it was pending since
}

// snapshot looks at each item once. One that cannot be seen now is taken for one
// without assessments: PredictItems says what is wrong with it.
func (w *itemsWait) snapshot(ctx context.Context, itemIDs []string) *snapshot {
	s := &snapshot{modelID: modelOrAny(w.modelID), before: map[string]string{}, pending: map[string]bool{}}
	for a, seen := range inParallel(ctx, waitConcurrency, distinct(itemIDs), w.look) {
		if seen.item != nil {
			s.before[strings.ToLower(a.id)] = s.assessments(seen.item)
		}
	}
	return s
}

// note takes up that an item is pending: what it has after that is new.
func (s *snapshot) note(item *Item) {
	if item.Status == ItemStatusPending {
		s.pending[strings.ToLower(item.ItemID)] = true
	}
}

// isNew says whether an item has an assessment that was not there.
func (s *snapshot) isNew(item *Item) bool {
	id := strings.ToLower(item.ItemID)
	again := s.pending[id] && item.Status != ItemStatusPending
	return assessed(item, s.modelID) && (again || s.assessments(item) != s.before[id])
}

// assessments tells a model's assessments of an item apart from later ones.
func (s *snapshot) assessments(item *Item) string {
	own := slices.DeleteFunc(slices.Clone(item.Assessments), func(a Assessment) bool {
		return s.modelID != "" && a.ModelID != s.modelID
	})
	text, err := json.Marshal(own)
	if err != nil || len(own) == 0 {
		return ""
	}
	return string(text)
}
