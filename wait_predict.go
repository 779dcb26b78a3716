package hacarus

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// PredictAndWait starts the prediction of items by a model, like
// [Client.PredictItems], and yields each item once its new assessment is there,
// like [Client.WaitForItems]. Unlike calling those two, it does not take an
// assessment that existed before for the new one, which matters for example
// after a change of parameters.
//
// Before it requests the prediction it waits until it has seen each item. An
// assessment is new if it was not there before, or if the item has been pending
// in between; for an item that could not be seen, only the latter counts. One
// case cannot be recognized: the service replaces the assessment with an
// identical one so quickly that the item is never seen pending. The wait then
// lasts until the context ends, so use a context with a deadline.
//
// Every id has exactly one outcome, an id that is listed several times
// included: an item, or a [*WaitError] with its ItemID. If the prediction
// cannot be requested, the only thing yielded is that error, one of those of
// [Client.PredictItems].
//
// Operations predictItems: POST /api/v1/models/{model_id}/predict, and
// getItemById: GET /api/v1/items/{item_id}.
func (c *Client) PredictAndWait(ctx context.Context, modelID string, itemIDs []string, opts ...WaitOption) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		w, err := c.newItemsWait(ctx, opPredictItems, modelID, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		before := w.snapshot(withoutCapture(ctx), itemIDs)
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

// snapshot is how models had assessed items before a prediction.
type snapshot struct {
	modelID string
	before  map[string]string // by id: the assessments; "" for an item that is not there
	pending map[string]bool   // by id: it was pending since
}

// snapshot waits until each item could be looked at. Of one that cannot be seen
// nothing is known from before, and PredictItems says what is wrong with it.
func (w itemsWait) snapshot(ctx context.Context, itemIDs []string) *snapshot {
	s := &snapshot{modelID: modelOrAny(w.modelID), before: map[string]string{}, pending: map[string]bool{}}
	w.isReady, w.progress, w.subscribe = func(*Item) bool { return true }, nil, nil
	w.run(ctx, itemIDs, func(id string, item *Item, err error) bool {
		if err == nil || isMissing(err) {
			s.before[strings.ToLower(id)] = s.assessments(item)
		}
		return true
	})
	return s
}

// note records that an item is pending: what it has after that is new.
func (s *snapshot) note(item *Item) {
	if item.Status == ItemStatusPending {
		s.pending[strings.ToLower(item.ItemID)] = true
	}
}

// isNew says whether an item certainly has an assessment that was not there.
func (s *snapshot) isNew(item *Item) bool {
	id := strings.ToLower(item.ItemID)
	again := s.pending[id] && item.Status != ItemStatusPending
	before, known := s.before[id]
	return assessed(item, s.modelID) && (again || known && s.assessments(item) != before)
}

// assessments returns a string that distinguishes a model's assessments of an
// item from later ones.
func (s *snapshot) assessments(item *Item) string {
	if item == nil {
		return ""
	}
	own := slices.DeleteFunc(slices.Clone(item.Assessments), func(a Assessment) bool {
		return s.modelID != "" && a.ModelID != s.modelID
	})
	text, err := json.Marshal(own)
	if err != nil || len(own) == 0 {
		return ""
	}
	return string(text)
}
