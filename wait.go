package hacarus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultMinPoll = 100 * time.Millisecond
	defaultMaxPoll = 5 * time.Second
	// briefly is how long a response is tolerated that is probably temporary, such
	// as "not found" just after a creation.
	briefly = 5 * time.Second
	// leastLate is how many polls in a row must fail once the time is over.
	leastLate = 10
	// leastDoubtful is how many such responses in a row end a wait at the earliest,
	// however long the pauses are.
	leastDoubtful = 3
	// waitConcurrency bounds how many items of one wait are polled at a time.
	waitConcurrency = 8
)

// WaitOption configures a wait, such as [Client.WaitForModel].
type WaitOption func(*waitConfig) error

type waitConfig struct {
	min, max  time.Duration
	progress  func(WaitProgress)
	subscribe func(itemIDs []string) (woken <-chan string, cancel func()) // nil: polling alone
}

func newWaitConfig(op operation, opts []WaitOption) (waitConfig, error) {
	cfg := waitConfig{min: defaultMinPoll, max: defaultMaxPoll}
	for _, opt := range opts {
		if opt == nil {
			return cfg, argumentError(op.id, "nil wait option")
		}
		if err := opt(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// WithPollInterval sets the bounds of the pause between two polls. The first
// pauses are about the minimum; later ones grow up to the maximum. All of them
// are randomized. Zero means the default: 100 ms for the minimum and 5 s for
// the maximum.
func WithPollInterval(minimum, maximum time.Duration) WaitOption {
	return func(cfg *waitConfig) error {
		if minimum < 0 || maximum < 0 {
			return argumentError("WithPollInterval", "negative interval: %v, %v", minimum, maximum)
		}
		if maximum == 0 {
			maximum = max(defaultMaxPoll, minimum)
		}
		if minimum == 0 {
			minimum = min(defaultMinPoll, maximum)
		}
		if minimum > maximum {
			return argumentError("WithPollInterval", "minimum %v is above maximum %v", minimum, maximum)
		}
		cfg.min, cfg.max = minimum, maximum
		return nil
	}
}

// WithCallbacks polls an item as soon as a callback for it arrives at cb.
// Polling goes on beside that, so a callback that never comes only costs time,
// and what callbacks say is never trusted. The pauses may then be long; see
// [WithPollInterval]. It has no effect on waits for a model.
func WithCallbacks(cb *Callbacks) WaitOption {
	return func(cfg *waitConfig) error {
		if cb == nil {
			return argumentError("WithCallbacks", "nil callbacks")
		}
		cfg.subscribe = cb.subscribe
		return nil
	}
}

// WithProgress calls f after each poll, on the goroutine that waits. It should
// return quickly.
func WithProgress(f func(WaitProgress)) WaitOption {
	return func(cfg *waitConfig) error {
		if f == nil {
			return argumentError("WithProgress", "nil function")
		}
		cfg.progress = f
		return nil
	}
}

// WaitProgress says how far a wait has come.
type WaitProgress struct {
	// Model is the model in its last known state. If it was never seen, only its
	// ModelID is set. In a wait for items it is nil.
	Model *Model
	// Ready is the number of items that are ready, out of Total. Both are 0 in a
	// wait for a model.
	Ready, Total int
	// Elapsed is the time since the wait began.
	Elapsed time.Duration
	// Err is the error of the last poll, or nil if it succeeded. The wait
	// continues.
	Err error
}

// report calls the user's function with the progress.
func (cfg *waitConfig) report(p WaitProgress) {
	if cfg.progress != nil {
		cfg.progress(p)
	}
}

// WaitError is the error of a wait that ended too early, with the last known
// state of what it waited for. errors.Is and errors.As find the reason: the
// context's error, together with the failure before it if there was one, or the
// service's response.
type WaitError struct {
	// ModelID and ItemID say what was waited for. ItemID is "" in a wait for a
	// model.
	ModelID, ItemID string
	// Model is the model in its last known state. It is nil if it was never seen,
	// and in a wait for items.
	Model *Model
	// ItemStatus is the item's last known status, or "" if it was never seen.
	ItemStatus ItemStatus
	// Err says why the wait ended.
	Err error
}

// Error says what was waited for, its last known status, and why the wait
// ended.
func (e *WaitError) Error() string {
	if e == nil {
		return nilError
	}
	what, status := "model "+e.ModelID, ""
	if e.Model != nil {
		status = string(e.Model.Status)
	}
	if e.ItemID != "" {
		what, status = "item "+e.ItemID, string(e.ItemStatus)
	}
	if status == "" {
		status = "never seen"
	}
	return fmt.Sprintf("hacarus: waiting for %s (%s): %v", what, status, e.Err)
}

// Unwrap returns why the wait ended.
func (e *WaitError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// TrainingError is the error of a wait for a model that will not become usable,
// because its training failed or because it was deleted. errors.Is reports it
// as [ErrTrainingFailed].
type TrainingError struct {
	// Model is the model as the service has it. Its StatusText says what went
	// wrong.
	Model Model
}

// Error gives the model, its status, and the service's reason.
func (e *TrainingError) Error() string {
	if e == nil {
		return nilError
	}
	text := fmt.Sprintf("hacarus: %v: model %s is %s", ErrTrainingFailed, e.Model.ModelID, e.Model.Status)
	if e.Model.StatusText != "" {
		text += ": " + e.Model.StatusText
	}
	return text
}

// Is reports whether target is [ErrTrainingFailed].
func (e *TrainingError) Is(target error) bool { return target == ErrTrainingFailed }

// WaitForModel waits until a model is trained and returns it. If it is trained
// already, it returns at once. Statuses that are not documented count as "not
// yet". If training failed or the model was deleted, the error is a
// [*TrainingError].
//
// Network failures and the statuses 408, 425, 429 and 5xx do not end the wait.
// Responses that are probably temporary end it only after three of them in a
// row over at least 5 s: "not found", which may occur just after the creation,
// and responses that cannot be read. Redirects and other pages of a proxy end it
// after a minute. Any other error ends the wait as a [*WaitError], and so does
// the end of the context. Training may take hours, so choose the context's
// deadline accordingly.
//
// Operation getModelById: GET /api/v1/models/{model_id}, repeatedly; see
// [WithPollInterval].
func (c *Client) WaitForModel(ctx context.Context, modelID string, opts ...WaitOption) (*Model, error) {
	return c.waitForModel(ctx, modelID, nil, opts)
}

// TrainAndWait calls [Client.Train] and then [Client.WaitForModel]. Once the
// training has started, every error other than a [*TrainingError] is a
// [*WaitError]; its ModelID is the model that you can continue to wait for.
//
// Operations train: POST /api/v1/algorithms/{algorithm_id}/train, and
// getModelById: GET /api/v1/models/{model_id}.
func (c *Client) TrainAndWait(ctx context.Context, algorithmID string, req TrainRequest, opts ...WaitOption) (*Model, error) {
	if _, err := newWaitConfig(opTrain, opts); err != nil {
		return nil, err // before a model is made
	}
	model, err := c.Train(ctx, algorithmID, req)
	if err != nil {
		return nil, err
	}
	return c.waitForModel(ctx, model.ModelID, model, opts)
}

// waitForModel waits for a model whose last known state is last, or nil if none
// is known.
func (c *Client) waitForModel(ctx context.Context, modelID string, last *Model, opts []WaitOption) (*Model, error) {
	cfg, err := newWaitConfig(opGetModel, opts)
	if err != nil {
		return nil, err
	}
	if err := c.usable(ctx, opGetModel); err != nil {
		return nil, err
	}
	begun, pace, doubt := time.Now(), newPace(cfg, c.policy), tolerance{patience: briefly}
	for last == nil || !last.Status.IsTerminal() {
		if _, err := pace.pause(ctx, nil); err != nil {
			return nil, &WaitError{ModelID: modelID, Model: last, Err: err}
		}
		model, err := c.getThisModel(ctx, modelID)
		if err == nil {
			last = model
		}
		cfg.report(WaitProgress{Model: cmp.Or(last, &Model{ModelID: modelID}), Elapsed: time.Since(begun), Err: err})
		if err := doubt.judge(err); err != nil {
			return nil, &WaitError{ModelID: modelID, Model: last, Err: err}
		}
		pace.note(err)
	}
	if last.Status != ModelStatusActive {
		return nil, &TrainingError{Model: *last}
	}
	return last, nil
}

// WaitForItems waits until a model has assessed items and yields each item
// once, as soon as its assessment is there; items that are assessed already are
// yielded at once. It waits for an assessment because an item's status does not
// prove that this model has seen the item. An assessment with an undocumented
// label counts only when the item's status says that no prediction is pending.
// With the model [ActiveModel] or "", an assessment by any model counts,
// because the service does not tell which model was the active one.
//
// Every id has exactly one outcome, an id that is listed several times
// included: an item, or a [*WaitError] with its ItemID and last known status.
// An error for one item does not end the wait for the others. The rules for
// which errors end a wait are those of [Client.WaitForModel]. When the context
// ends, an error is yielded for every item that is not ready.
//
// An assessment that existed before a prediction was requested ends the wait
// for its item at once; use [Client.PredictAndWait] to wait for a new one. The
// service does not report failed predictions, and a failed prediction leaves no
// assessment: use a context with a deadline.
//
// Breaking out of the loop cancels the polls under way. Every range starts a
// new wait.
//
// Operation getItemById: GET /api/v1/items/{item_id}, for eight items at a
// time, repeatedly; see [WithPollInterval].
func (c *Client) WaitForItems(ctx context.Context, modelID string, itemIDs []string, opts ...WaitOption) iter.Seq2[*Item, error] {
	return func(yield func(*Item, error) bool) {
		w, err := c.newItemsWait(ctx, opGetItem, modelID, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		w.each(ctx, itemIDs, yield)
	}
}

// newItemsWait returns a wait for any assessment by a model.
func (c *Client) newItemsWait(ctx context.Context, op operation, modelID string, opts []WaitOption) (*itemsWait, error) {
	cfg, err := newWaitConfig(op, opts)
	if err == nil {
		err = c.usable(ctx, op)
	}
	return &itemsWait{
		client: c, waitConfig: cfg, modelID: modelID, slots: make(chan struct{}, waitConcurrency), patience: briefly,
		isReady: func(item *Item) bool { return assessed(item, modelID) },
	}, err
}

// each runs the wait, and yields an item or an error for each id.
func (w *itemsWait) each(ctx context.Context, itemIDs []string, yield func(*Item, error) bool) {
	w.run(withoutCapture(ctx), itemIDs, func(_ string, item *Item, err error) bool {
		if err != nil {
			item = nil
		}
		return yield(item, err)
	})
}

// pollPacer is shared by polls that hold back together.
type pollPacer interface {
	pass(ctx context.Context) error // waits until a poll may go
	note(op operation, err error)   // learns what it ended with
	awayFor() time.Duration         // how long in all the service was away
}

// itemsWait is one wait for items.
type itemsWait struct {
	client *Client
	waitConfig
	modelID  string
	isReady  func(*Item) bool
	slots    chan struct{} // bounds the polls under way; several waits may share it
	pacer    pollPacer     // nil: none
	patience time.Duration // as in tolerance
	pages    time.Duration // as in tolerance
	// until is the time after which an item that exists and is not ready is given
	// up; the zero time means never.
	until time.Time

	begun        time.Time
	awayBefore   time.Duration // for which the service was away before
	pace         *pace
	ready, total int
}

// awaited is an item that is waited for.
type awaited struct {
	id    string
	last  *Item // as last seen
	doubt tolerance
	late  int // polls that failed in a row when the time was over
	done  bool
}

// sighting is the result of one poll.
type sighting struct {
	asked time.Time
	item  *Item
	err   error
}

// errNotInTime says that an item existed and was not ready when it was given
// up.
var errNotInTime = errors.New("no assessment in time")

// run yields each id with its item once that is ready, or with the [*WaitError]
// that ended the wait for it and the item in its last known state, which is nil
// if it was never seen.
func (w *itemsWait) run(ctx context.Context, itemIDs []string, yield func(id string, item *Item, err error) bool) {
	waiting := distinct(itemIDs)
	w.begun, w.pace, w.total = time.Now(), newPace(w.waitConfig, w.client.policy), len(waiting)
	w.pace.until = w.until
	w.awayBefore = w.awayFor()
	for _, a := range waiting {
		a.doubt.patience, a.doubt.pages = w.patience, w.pages
	}
	var woken <-chan string
	if w.subscribe != nil && len(waiting) > 0 {
		var cancel func()
		woken, cancel = w.subscribe(itemIDs)
		defer cancel()
	}
	for len(waiting) > 0 {
		ids, err := w.pace.pause(ctx, woken)
		if err != nil {
			w.abandon(waiting, err, yield)
			return
		}
		if !w.pass(ctx, only(waiting, ids), yield) {
			return
		}
		waiting = slices.DeleteFunc(waiting, func(a *awaited) bool { return a.done })
	}
}

// pass polls each of the items once and yields those that have an outcome. It
// returns false if the range was left.
func (w *itemsWait) pass(ctx context.Context, waiting []*awaited, yield func(string, *Item, error) bool) bool {
	begun, ready := time.Now(), w.ready
	for a, seen := range inParallel(ctx, waitConcurrency, waiting, w.look) {
		err := w.judge(a, seen)
		w.report(WaitProgress{Ready: w.ready, Total: w.total, Elapsed: time.Since(w.begun), Err: seen.err})
		switch {
		case err != nil:
			if !yield(a.id, a.last, err) {
				return false
			}
		case a.done:
			if !yield(a.id, seen.item, nil) {
				return false
			}
		}
	}
	// Polling a long list takes long; there must be pauses all the same.
	w.pace.passed(time.Since(begun), w.ready > ready)
	return true
}

// look polls one item.
func (w *itemsWait) look(ctx context.Context, a *awaited) sighting {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return sighting{err: contextError(ctx, nil)}
	}
	defer func() { <-w.slots }()
	if w.pacer != nil {
		if err := w.pacer.pass(ctx); err != nil {
			return sighting{err: err}
		}
	}
	asked := time.Now()
	item, err := w.client.getThisItem(ctx, a.id, &GetItemOptions{
		ShowAssessments: new(true), ShowAnnotations: new(true), ModelID: modelOrAny(w.modelID),
	})
	if w.pacer != nil {
		w.pacer.note(opGetItem, err)
	}
	return sighting{asked, item, err}
}

// judge records what was seen of an item. Its error ends the wait for it.
func (w *itemsWait) judge(a *awaited, seen sighting) error {
	w.pace.note(seen.err)
	err := a.doubt.judge(seen.err)
	if seen.item != nil {
		a.last = seen.item
		switch {
		case w.isReady(seen.item):
			a.done = true
			w.ready++
		case w.isOver(seen):
			err = errNotInTime
		}
	} else if err == nil && w.isOver(seen) {
		if a.late++; a.late >= leastLate { // the time is over, and the poll keeps failing
			err = seen.err
		}
	}
	if err != nil {
		a.done = true
		return w.failure(a, err)
	}
	return nil
}

// isOver reports whether a poll was made after the time for it was over. Time
// during which the service was away does not count, because the service could
// do nothing then.
func (w *itemsWait) isOver(seen sighting) bool {
	return !w.until.IsZero() && !seen.asked.Before(w.until.Add(w.awayFor()))
}

// awayFor returns how long the service was away since the wait began.
func (w *itemsWait) awayFor() time.Duration {
	if w.pacer == nil {
		return 0
	}
	return w.pacer.awayFor() - w.awayBefore
}

func (w *itemsWait) failure(a *awaited, err error) *WaitError {
	failed := &WaitError{ModelID: w.modelID, ItemID: a.id, Err: err}
	if a.last != nil {
		failed.ItemStatus = a.last.Status
	}
	return failed
}

// abandon yields the error that ended the wait, for each item whose wait it
// ended.
func (w *itemsWait) abandon(waiting []*awaited, err error, yield func(string, *Item, error) bool) {
	for _, a := range waiting {
		if !yield(a.id, a.last, w.failure(a, err)) {
			return
		}
	}
}

// assessed reports whether the model has assessed the item.
func assessed(item *Item, modelID string) bool {
	a := item.Assessment(modelID)
	return a != nil && (a.Label.verdict() != VerdictUnknown || item.Status.IsTerminal())
}

// modelOrAny returns "", which means any model, if the service chose the model.
func modelOrAny(modelID string) string {
	if modelID == ActiveModel {
		return ""
	}
	return modelID
}

// distinct returns the items to wait for, each of them once.
func distinct(itemIDs []string) []*awaited {
	seen := make(map[string]bool, len(itemIDs))
	var list []*awaited
	for _, id := range itemIDs {
		if !seen[id] {
			seen[id] = true
			list = append(list, &awaited{id: id})
		}
	}
	return list
}

// only returns the items with these ids; nil means all of them.
func only(waiting []*awaited, itemIDs []string) []*awaited {
	if itemIDs == nil {
		return waiting
	}
	wanted := make(map[string]bool, len(itemIDs))
	for _, id := range itemIDs {
		wanted[id] = true
	}
	var list []*awaited
	for _, a := range waiting {
		if wanted[a.id] {
			list = append(list, a)
		}
	}
	return list
}

// pace is the rhythm of the polls of one wait.
type pace struct {
	min, max      time.Duration
	maxRetryAfter time.Duration
	bound         time.Duration // of the next pause; grows
	least         time.Duration // of the next pause, by what came before
	due           time.Time     // of the next poll; the zero time if it is not decided
	until         time.Time     // not before which, but soon after, is to be asked; zero: whenever
	asked         bool
	last          error // the error of the last poll
}

func newPace(cfg waitConfig, policy RetryPolicy) *pace {
	return &pace{min: cfg.min, max: cfg.max, bound: cfg.min, maxRetryAfter: policy.MaxRetryAfter}
}

// pause waits until it is time for the next poll, or until a callback names
// items to poll earlier. The first poll does not wait.
func (p *pace) pause(ctx context.Context, woken <-chan string) (itemIDs []string, err error) {
	if ctx.Err() != nil {
		return nil, p.ended(ctx)
	}
	if !p.asked {
		p.asked = true
		return nil, nil
	}
	if p.due.IsZero() {
		p.due = p.after(time.Now())
	}
	timer := time.NewTimer(time.Until(p.due))
	defer timer.Stop()
	select {
	case <-timer.C:
		p.due = time.Time{}
		return nil, nil
	case id := <-woken:
		return gather(id, woken), nil
	case <-ctx.Done():
		return nil, p.ended(ctx)
	}
}

// gather takes all ids that have arrived, so that they are polled together.
func gather(id string, woken <-chan string) []string {
	ids := []string{id}
	for {
		select {
		case id = <-woken:
			ids = append(ids, id)
		default:
			return ids
		}
	}
}

// after returns when to poll next: at a time that matters, if one is near.
func (p *pace) after(now time.Time) time.Time {
	due := now.Add(p.next())
	if p.until.After(now) && p.until.Before(due) {
		return p.until
	}
	return due
}

// next returns the next pause: a random time in the upper third below a bound
// that grows by half each time.
func (p *pace) next() time.Duration {
	p.bound += min(p.bound/2+1, p.max-p.bound)
	low := max(p.min, p.bound-p.bound/3)
	wait := low + time.Duration(rand.Int64N(int64(p.bound-low)+1)) //nolint:gosec // jitter needs no secrecy
	wait, p.least = max(wait, p.least), 0
	return wait
}

// note remembers the error of a poll and how long the service wants to be left
// alone, as far as [RetryPolicy] permits.
func (p *pace) note(err error) {
	p.last = err
	if base := (*BaseError)(nil); errors.As(err, &base) {
		p.least = max(p.least, min(base.RetryAfter, p.maxRetryAfter))
	}
}

// passed sets the next pause after a pass over many items: short again if
// something was ready, but not shorter than the pass took.
func (p *pace) passed(took time.Duration, ready bool) {
	if ready {
		p.bound = p.min
	}
	p.least = max(p.least, min(took, p.max))
}

// ended returns the context's error together with the failure before it.
func (p *pace) ended(ctx context.Context) error {
	if p.last != nil && errors.Is(p.last, ctx.Err()) {
		return p.last
	}
	return contextError(ctx, p.last)
}

// tolerance decides which failures of polls end a wait.
type tolerance struct {
	patience time.Duration // with what is right only for a moment, such as "not found" for what was made just now
	pages    time.Duration // with what a proxy shows while what is behind it is exchanged; zero: a minute

	interim   streak // of what speaks in the service's place
	momentary streak // of what the service itself says
}

// judge returns the error if it ends the wait. What a proxy said before says
// nothing for the service's word, which has to come as often as without.
func (t *tolerance) judge(err error) error {
	switch {
	case err == nil || isTransient(err):
		t.interim, t.momentary = streak{}, streak{}
		return nil
	case isInterim(err):
		t.momentary = streak{}
		return t.interim.judge(err, max(t.patience, cmp.Or(t.pages, slowly)))
	case isMomentary(err):
		return t.momentary.judge(err, t.patience)
	}
	return err
}

// streak is a doubtful response that comes again and again.
type streak struct {
	n     int
	since time.Time
}

// judge counts an error, and returns it once it has come often and for long.
func (s *streak) judge(err error, patience time.Duration) error {
	if s.n++; s.n == 1 {
		s.since = time.Now()
	}
	if s.n >= leastDoubtful && time.Since(s.since) >= patience {
		return err
	}
	return nil
}

// isMomentary says whether a response may be wrong for a moment: what was just made
// is not found yet, or cannot be read.
func isMomentary(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrDecode) }

// inParallel runs f for every input, on a few goroutines at a time, and yields
// the results as they become available. Leaving the range early cancels the
// rest and waits for its end. If f panics, the range panics with the same
// value.
func inParallel[T, R any](ctx context.Context, limit int, inputs []T, f func(context.Context, T) R) iter.Seq2[T, R] {
	type output struct {
		input  T
		result R
	}
	return func(yield func(T, R) bool) {
		ctx, cancel := context.WithCancel(ctx)
		outputs, panics := make(chan output), make(chan any, limit)
		var next atomic.Int64
		var workers sync.WaitGroup
		for range min(limit, len(inputs)) {
			workers.Go(func() {
				supervise(func() {
					for n := int(next.Add(1)) - 1; n < len(inputs) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
						outputs <- output{inputs[n], f(ctx, inputs[n])}
					}
				}, func(v any) {
					panics <- v
					cancel()
				})
			})
		}
		go func() { workers.Wait(); close(outputs) }()
		defer func() {
			cancel()
			for range outputs { // until all have ended
			}
			select {
			case p := <-panics:
				panic(p)
			default:
			}
		}()
		for o := range outputs {
			if !yield(o.input, o.result) {
				return
			}
		}
	}
}
