package hacarus

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// maxTries is how often in a row an upload or a prediction may fail in ways
// that may pass.
const maxTries = 10

// slowly is how long an item is looked for whose upload somebody gave up
// waiting for: a gateway, or this side. The service may go on with it.
const slowly = time.Minute

// maxPredictions is how often in a run a prediction is asked for whose answers
// are lost, each time after the grace time.
const maxPredictions = 3

// unit is a file on its way through an inspection.
type unit struct {
	index    int
	label    string
	file     File // under the name that it is uploaded with
	key      fileKey
	size     int64
	id       string // of its item; until that is uploaded, the one that follows from the name
	expected string // what follows from the name
	step     step
	since    time.Time // of the step
	noted    bool      // the journal knows the file
	admitted bool
	answered bool // the prediction was answered, and not only asked for
	// predicted is true when the progress has the prediction.
	predicted bool
	waited    *WaitError
}

// batch is what is uploaded, or predicted, in one call.
type batch struct {
	units []*unit
	bytes int64
}

func (b *batch) add(u *unit) {
	b.units = append(b.units, u)
	b.bytes += u.size
}

// takes says whether a file may join. One that can be read once goes alone:
// the others can be sent again.
func (b *batch) takes(u *unit, size int, limit int64) bool {
	return len(b.units) < size && b.bytes+u.size <= limit && !u.file.once && !b.units[0].file.once
}

// prepare finds out about a file what has to be known before it is sent: its
// size and, with a journal, what it was in earlier runs.
func (r *inspection) prepare(u *unit) (err error) {
	f := u.file
	defer func() {
		if p := recover(); p != nil {
			err = argumentError(inspectName, "file %q: panic while opening: %v", u.label, p)
		}
	}()
	switch {
	case f.Name == "":
		return argumentError(inspectName, "files[%d] has no name", u.index)
	case f.Open == nil:
		return argumentError(inspectName, "file %q has nothing to open", u.label)
	case f.once && r.journal != nil:
		return argumentError(inspectName, "file %q: a journal needs files that can be read again", u.label)
	}
	if err := r.measure(u); err != nil {
		return argumentError(inspectName, "file %q: %w", u.label, err)
	}
	if !r.recall(u) {
		taken := func(string) bool { return false }
		if r.journal != nil {
			taken = r.journal.taken
		}
		u.file.Name = r.namer.name(f.Name, taken)
		u.expected = wire.ItemID(u.file.Name)
		u.id = u.expected
	}
	return nil
}

// measure takes a file's size and, with a journal, its content's sum.
func (r *inspection) measure(u *unit) error {
	u.size = u.file.Size
	if u.file.once || u.size > 0 && r.journal == nil {
		return nil
	}
	content, err := u.file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	s := &source{File: u.file}
	if err := s.measure(content); err != nil {
		return err
	}
	u.size = s.Size
	if r.journal == nil {
		return nil
	}
	sum := sha256.New()
	if u.size, err = io.Copy(sum, patient{content}); err != nil {
		return err
	}
	u.key = fileKey{name: strings.ToValidUTF8(u.file.Name, "\uFFFD"), sum: hex.EncodeToString(sum.Sum(nil))}
	if r.namer.isShared(u.file.Name) {
		nth := r.copies[u.key]
		r.copies[u.key]++
		u.key.nth = nth
	}
	u.file = u.file.pinned(u.size, u.key.sum)
	return nil
}

// recall takes up what the journal knows of a file. It is false where that is nothing.
func (r *inspection) recall(u *unit) bool {
	if r.journal == nil {
		return false
	}
	e, known := r.journal.find(u.key)
	if !known {
		return false
	}
	u.noted = true
	u.file.Name, u.expected, u.id = e.upload, e.item, e.item
	fill(&e.itemID, e.item)
	u.id, u.step, u.since = e.itemID, e.step, e.since
	return true
}

// pinned is the file, which fails in the reading if its content is another one.
func (f File) pinned(size int64, sum string) File {
	open := f.Open
	f.Size = size
	f.Open = func() (io.ReadCloser, error) {
		content, err := open()
		if err != nil {
			return nil, err
		}
		return &pinnedContent{ReadCloser: content, left: size, hash: sha256.New(), sum: sum}, nil
	}
	return f
}

// pinnedContent is content of which the sum is known.
type pinnedContent struct {
	io.ReadCloser
	left int64
	hash hash.Hash
	sum  string
}

func (p *pinnedContent) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 && int64(n) <= p.left {
		p.hash.Write(b[:n])
		if p.left -= int64(n); p.left == 0 && hex.EncodeToString(p.hash.Sum(nil)) != p.sum {
			return n, errSourceChanged
		}
	}
	return n, err
}

// process takes a batch from the step that it has come to, to the end.
func (r *inspection) process(from step, units []*unit) {
	switch from {
	case stepNew:
		units = r.upload(units)
	case stepUploading:
		there, missing := r.lookFor(units, briefly)
		units = slices.Concat(there, r.upload(missing))
	case stepPredicting:
		units = r.await(units, latest(units).Add(r.Grace))
	case stepDone:
		r.giveUp(r.await(units, time.Now().Add(r.Grace)))
		return
	}
	for tries := 1; len(units) > 0; tries++ {
		units = r.predict(units)
		units = r.await(units, time.Now().Add(r.Grace))
		if tries == maxPredictions {
			r.giveUp(units)
			return
		}
		// Only those of which nobody knows whether they were asked for.
		r.giveUp(slices.DeleteFunc(slices.Clone(units), func(u *unit) bool { return !u.answered }))
		units = slices.DeleteFunc(units, func(u *unit) bool { return u.answered })
	}
}

// latest is when the last of the units came to its step.
func latest(units []*unit) (t time.Time) {
	for _, u := range units {
		if u.since.After(t) {
			t = u.since
		}
	}
	if now := time.Now(); t.After(now) {
		return now // the clock was set back
	}
	return t
}

// giveUp ends files whose assessment did not come.
func (r *inspection) giveUp(units []*unit) {
	for _, u := range units {
		u.waited.Err = fmt.Errorf("%w within %v", ErrNoAssessment, r.Grace)
		r.deliver(u, nil, u.waited)
	}
}

// upload makes items of files, and returns those that are there. The others
// are delivered with what went wrong.
func (r *inspection) upload(units []*unit) (there []*unit) {
	if len(units) == 0 || !r.note(true, stepUploading, units) {
		return nil
	}
	for tries := 0; ; {
		ids, err := r.addItems(units)
		switch r.react(err) {
		case proceed:
			return append(there, r.assign(units, ids)...)
		case lookFirst:
			var found []*unit
			found, units = r.reconcile(units, err)
			there = append(there, found...)
		case halve:
			return append(there, r.halves(units, err, r.upload)...)
		case giveUp:
			r.refuse(units, stepNew, err)
			return there
		}
		if len(units) == 0 {
			return there
		}
		if !r.mayRepeat(&tries, err) {
			r.refuse(units, stepNew, err)
			return there
		}
	}
}

// errOverLimit says that a batch is larger than what the service takes.
var errOverLimit = errors.New("the batch is too large by now")

func (r *inspection) addItems(units []*unit) ([]string, error) {
	if err := r.limiter.enter(r.ctx, opAddItems); err != nil {
		return nil, err
	}
	if len(units) > 1 && totalSize(units) > r.limit.Load() { // it has become lower while they waited
		r.limiter.leave(opAddItems, errOverLimit)
		return nil, errOverLimit
	}
	files := make([]File, len(units))
	for n, u := range units {
		files[n] = u.file
	}
	ids, err := r.client.AddItems(r.ctx, AddItemsRequest{Files: files})
	r.limiter.leave(opAddItems, err)
	return ids, err
}

// assign notes which file became which item, and returns the files of which it
// is certain. Names decide where they can. No order of the answer is
// documented, so it decides only where the service has named all items in
// another way. What the service chose is on the disk before it is used: it
// could not be found again.
func (r *inspection) assign(units []*unit, ids []string) (certain []*unit) {
	rest := slices.Clone(ids)
	oneEach := len(ids) == len(units) && len(slices.Compact(slices.Sorted(slices.Values(ids)))) == len(ids)
	var others []*unit
	for _, u := range units {
		if n := slices.Index(rest, u.expected); n >= 0 && oneEach && r.isNew(u.expected) {
			rest = slices.Delete(rest, n, n+1)
			certain = append(certain, u)
		} else {
			others = append(others, u)
		}
	}
	if len(others) == 0 {
		r.advance(stepUploaded, certain)
		return certain
	}
	r.strange.Store(true)
	ordered := oneEach && (len(certain) == 0 || len(others) == 1)
	var named, lost []*unit
	for n, u := range others {
		if ordered && r.isNew(rest[n]) {
			u.id = rest[n]
			named = append(named, u)
		} else {
			lost = append(lost, u)
		}
	}
	if len(lost) > 0 {
		r.refuse(lost, stepUploading, &RequestError{
			Operation: opAddItems.id, Attempts: 1, Outcome: OutcomeExecuted,
			Err: fmt.Errorf("%w: which of %d item ids is that of which of %d files", ErrDecode, len(ids), len(units)),
		})
	}
	if len(named) > 0 && !r.note(true, stepUploaded, named) {
		named = nil
	}
	certain = append(certain, named...)
	r.advance(stepUploaded, certain)
	return certain
}

// isNew says whether an id is given to no other file. Ids that follow from
// names are different ones, so those of a service that is not strange are not
// remembered.
func (r *inspection) isNew(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.given[id] {
		return false
	}
	if r.strange.Load() {
		r.given[id] = true
	}
	return true
}

// reconcile looks for items of an upload that may have been executed, and
// returns those that are there, and the files that may be sent again. The
// others are delivered with the error.
func (r *inspection) reconcile(units []*unit, err error) (there, missing []*unit) {
	if r.strange.Load() {
		r.refuse(units, stepUploading, err)
		return nil, nil
	}
	patience := briefly
	if timedOut(err) { // a service that is still at it
		patience = slowly
	}
	there, missing = r.lookFor(units, patience)
	lost := func(u *unit) bool { return u.file.once || !errors.Is(err, ErrOutcomeUnknown) }
	for _, u := range missing {
		if lost(u) { // it cannot be read again, or the service says that it has it
			r.refuse([]*unit{u}, stepUploading, err)
		}
	}
	return there, slices.DeleteFunc(missing, lost)
}

// lookFor asks for the items of files that may have been uploaded.
func (r *inspection) lookFor(units []*unit, patience time.Duration) (there, missing []*unit) {
	byID, ids := index(units)
	w := r.newWait(func(*Item) bool { return true })
	w.modelID = "" // any model's assessment tells an older item
	w.patience = min(patience, r.Grace)
	w.until = time.Now().Add(r.Grace)
	unknown := func(u *unit, err error) {
		r.refuse([]*unit{u}, stepUploading, &RequestError{
			Operation: opAddItems.id, Outcome: OutcomeUnknown, ItemIDs: []string{u.id}, Err: err,
		})
	}
	w.run(r.ctx, ids, func(item *Item, err error) bool {
		u := byID[subject(item, err)]
		switch {
		case err == nil && !r.strange.Load() && isFresh(u, item):
			there = append(there, u)
		case err == nil:
			unknown(u, fmt.Errorf("item %s is there, but may be an older one", u.id))
		case r.ctx.Err() != nil || r.endIfFatal(err):
			r.refuse([]*unit{u}, stepUploading, err)
		case isMissing(err) && !r.strange.Load():
			missing = append(missing, u)
		default: // a proxy's "not found", or the service's where it chooses other ids
			unknown(u, err)
		}
		return true
	})
	r.advance(stepUploaded, there)
	return there, missing
}

// timedOut says whether an answer was not waited for any longer.
func timedOut(err error) bool {
	var base *BaseError
	var timeout net.Error
	switch {
	case errors.As(err, &base):
		return base.StatusCode == http.StatusGatewayTimeout || base.StatusCode == http.StatusRequestTimeout
	case errors.As(err, &timeout):
		return timeout.Timeout()
	}
	return false
}

// isMissing says whether it is the service, and not a proxy in front of it,
// that has no such item.
func isMissing(err error) bool {
	var base *BaseError
	return errors.As(err, &base) && errors.Is(base, ErrNotFound) && (base.Errors.Title != "" || base.Errors.Detail != "")
}

// isFresh says whether an item can be the one that a file was just uploaded as:
// it has the file's size, as far as the service tells it, and nobody had it
// predicted or trained with.
func isFresh(u *unit, item *Item) bool {
	if len(item.Images) > 0 && item.Images[0].FileSize > 0 && u.size > 0 && item.Images[0].FileSize != u.size {
		return false
	}
	return len(item.Assessments) == 0 && item.UserAssessment == nil && !item.IsTrainingData
}

// predict asks for the predictions of items, and returns those of which it may
// have been asked for.
func (r *inspection) predict(units []*unit) (asked []*unit) {
	if len(units) == 0 || !r.note(true, stepPredicting, units) {
		return nil
	}
	_, ids := index(units)
	for tries := 0; ; {
		err := r.limiter.enter(r.ctx, opPredictItems)
		if err == nil {
			_, err = r.client.PredictItems(r.ctx, r.ModelID, ids...)
			r.limiter.leave(opPredictItems, err)
		}
		reaction := r.react(err)
		switch reaction {
		case proceed, lookFirst:
			r.asked(units, reaction == proceed || !errors.Is(err, ErrOutcomeUnknown))
			return units
		case halve:
			if r.checkModel(); r.ctx.Err() == nil {
				return r.halves(units, err, r.predict)
			}
		}
		if reaction != again || !r.mayRepeat(&tries, err) {
			r.refuse(units, stepUploaded, err)
			return nil
		}
	}
}

// asked notes that predictions were asked for.
func (r *inspection) asked(units []*unit, answered bool) {
	first := 0
	for _, u := range units {
		u.answered = answered
		if !u.predicted {
			u.predicted = true
			first++
		}
	}
	r.report(func(p *InspectProgress) { p.Predicted += first })
}

// await delivers the files whose assessment comes, and returns those whose
// assessment has not come by then.
func (r *inspection) await(units []*unit, until time.Time) (waiting []*unit) {
	byID, ids := index(units)
	w := r.newWait(func(item *Item) bool { return assessed(item, r.ModelID) })
	w.until = until
	w.run(r.ctx, ids, func(item *Item, err error) bool {
		u := byID[subject(item, err)]
		switch {
		case err == nil:
			u.step = stepDone
			_ = r.writeJournal(false, journalLine{Time: time.Now(), Step: stepDone, Item: u.expected, Verdict: item.Verdict(modelOrAny(r.ModelID))})
			r.deliver(u, item, nil)
		case errors.Is(err, errNotInTime):
			errors.As(err, &u.waited)
			waiting = append(waiting, u)
		default:
			r.endIfFatal(err)
			r.deliver(u, nil, err)
		}
		return true
	})
	return waiting
}

func (r *inspection) newWait(isReady func(*Item) bool) *itemsWait {
	return &itemsWait{
		client: r.client, waitConfig: r.wait, modelID: r.ModelID, slots: r.slots, turn: r.limiter.pass, patience: briefly, isReady: isReady,
	}
}

// index is the units by their items' ids.
func index(units []*unit) (byID map[string]*unit, ids []string) {
	byID = make(map[string]*unit, len(units))
	for _, u := range units {
		byID[u.id] = u
		ids = append(ids, u.id)
	}
	return byID, ids
}

// subject is the id of the item that an outcome of a wait is about.
func subject(item *Item, err error) string {
	if waited := (*WaitError)(nil); errors.As(err, &waited) {
		return waited.ItemID
	}
	return item.ItemID
}

// advance notes that files have come to a step, in memory; the journal learns
// it with the next step.
func (r *inspection) advance(to step, units []*unit) {
	for _, u := range units {
		u.step = to
	}
	if to == stepUploaded && len(units) > 0 {
		r.report(func(p *InspectProgress) { p.Uploaded += len(units) })
	}
}

// note writes down that files have come to a step. It is false, and the run has
// ended, when that cannot be written.
func (r *inspection) note(durable bool, to step, units []*unit) bool {
	now := time.Now()
	lines := make([]journalLine, len(units))
	for n, u := range units {
		u.step, u.since = to, now
		lines[n] = journalLine{Time: now, Step: to, Item: u.expected}
		lines[n].Strange = r.strange.Load()
		if u.id != u.expected {
			lines[n].ItemID = u.id
		}
		if !u.noted {
			u.noted = true
			lines[n].Name, lines[n].Sum, lines[n].Nth, lines[n].Upload = u.key.name, u.key.sum, u.key.nth, u.file.Name
		}
	}
	err := r.writeJournal(durable, lines...)
	if err != nil {
		for _, u := range units {
			r.deliver(u, nil, err)
		}
	}
	return err == nil
}

// writeJournal adds lines to the journal, if there is one. What cannot be
// written ends the run.
func (r *inspection) writeJournal(durable bool, lines ...journalLine) error {
	if r.journal == nil {
		return nil
	}
	err := r.journal.add(durable, lines...)
	if err != nil {
		err = fmt.Errorf("hacarus: journal %s: %w", r.Journal, err)
		r.fail(err)
	}
	return err
}

// refuse ends files with an error, and notes the step that they have come to:
// the one before the call that failed, unless that may have been executed.
func (r *inspection) refuse(units []*unit, at step, err error) {
	if mayBeExecuted(err) {
		at = units[0].step
	}
	if !r.note(false, at, units) {
		return
	}
	for _, u := range units {
		r.deliver(u, nil, err)
	}
}

// halves goes on with each half of a batch in which something was refused.
func (r *inspection) halves(units []*unit, err error, next func([]*unit) []*unit) []*unit {
	if len(units) == 1 {
		at := stepNew
		if units[0].step == stepPredicting {
			at = stepUploaded
		}
		r.refuse(units, at, err)
		return nil
	}
	if errors.Is(err, ErrTooLarge) {
		r.lower(units)
	}
	middle := len(units) / 2
	return append(next(units[:middle]), next(units[middle:])...)
}

// lower keeps later batches to half the size of one that was too large.
func (r *inspection) lower(units []*unit) {
	size := totalSize(units)
	for limit := r.limit.Load(); size/2 < limit && !r.limit.CompareAndSwap(limit, max(size/2, 1)); limit = r.limit.Load() {
	}
}

func mayBeExecuted(err error) bool {
	var lost *RequestError
	return errors.Is(err, ErrOutcomeUnknown) || errors.As(err, &lost) && lost.Outcome == OutcomeExecuted && !isLogin(lost)
}

// isLogin says whether it was the login that failed, before the call was made.
func isLogin(err error) bool {
	var base *BaseError
	var lost *RequestError
	return errors.As(err, &base) && base.Operation == opLogin.id || errors.As(err, &lost) && lost.Operation == opLogin.id
}

func totalSize(units []*unit) (size int64) {
	for _, u := range units {
		size += u.size
	}
	return size
}

// reaction is what follows from the end of a call.
type reaction int

const (
	proceed   reaction = iota // it is done
	lookFirst                 // it may be done
	again                     // it is not done, and may be next time
	halve                     // something in it was refused
	giveUp                    // it will not be done
)

// react decides what follows from the end of an upload or a prediction.
func (r *inspection) react(err error) reaction {
	switch {
	case err == nil:
		return proceed
	case r.ctx.Err() != nil:
		return giveUp
	case mayBeExecuted(err):
		return lookFirst
	case r.endIfFatal(err):
		return giveUp
	case errors.As(err, &sourceError{}), errors.Is(err, errOverLimit):
		return halve
	case transient(err), errors.Is(err, ErrRedirect), isLogin(err):
		return again
	}
	return halve
}

// titleNoModel is the title of the error that no model is active (wire-facts.md 12).
const titleNoModel = "There is no available model"

// endIfFatal ends the run for an error that every other file would meet too.
func (r *inspection) endIfFatal(err error) bool {
	var base *BaseError
	var lost *RequestError
	fatal := r.client.closed.Load()
	switch {
	case errors.As(err, &base):
		ofOneItem := base.Operation == opGetItem.id // it may be someone else's (wire-facts.md 6)
		refused := errors.Is(base, ErrUnauthorized) || errors.Is(base, ErrForbidden) ||
			base.Errors.Title == titleNoModel && r.ModelID == ActiveModel
		noLogin := base.Operation == opLogin.id && !transientStatus(base.StatusCode)
		fatal = fatal || !ofOneItem && refused || noLogin
	case errors.As(err, &lost) && !errors.As(err, &sourceError{}) && !errors.Is(err, ErrResponseTooLarge):
		fatal = fatal || permanent(lost.Err)
	}
	if fatal && r.ctx.Err() == nil {
		r.fail(err)
	}
	return fatal
}

// mayRepeat waits before the next try, and says whether there is one. A service
// that is busy is waited for without end.
func (r *inspection) mayRepeat(tries *int, err error) bool {
	if isBusy(err) {
		return r.ctx.Err() == nil // the limiter waits
	}
	if *tries++; *tries >= maxTries {
		return false
	}
	timer := time.NewTimer(r.client.policy.backoff(*tries))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}
