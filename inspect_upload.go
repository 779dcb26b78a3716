package hacarus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// slowly is how long an item is looked for whose upload somebody gave up
// waiting for: a gateway, or this side. The service may go on with it.
const slowly = time.Minute

// uploadParams say how files are uploaded.
type uploadParams struct {
	operation  string // in errors about a file
	training   bool
	good       *bool
	batchSize  int
	batchBytes int64
	grace      time.Duration // how long is looked for an upload that may be lost
}

// uploader makes items of files: in batches, halved where the service refuses
// them, under names that it takes, and never twice. It knows nothing of what is
// done with the items.
type uploader struct {
	*calls
	uploadParams
	cfg   waitConfig
	slots chan struct{} // bounds the polls
	next  func(*unit)   // takes a file whose item is there

	copies map[journal.Key]int // of files that share a name, those met so far
	namer  *namer
	limit  atomic.Int64 // bytes of a batch

	mu    sync.Mutex
	given map[string]bool // the ids that a strange service has chosen
}

func newUploader(c *calls, cfg waitConfig, slots chan struct{}, n *namer, params uploadParams) *uploader {
	u := &uploader{
		calls: c, uploadParams: params, cfg: cfg, slots: slots, namer: n, copies: map[journal.Key]int{}, given: map[string]bool{},
	}
	u.limit.Store(params.batchBytes)
	return u
}

// stages are the uploader's: of files that are to be uploaded, and of those that may be.
func (u *uploader) stages() map[journal.Step]*stage {
	turn := func(ctx context.Context) error { return u.limiter.enter(ctx, opAddItems) }
	return map[journal.Step]*stage{
		journal.New:       {in: make(chan *unit), most: u.batchSize, limit: u.limit.Load, turn: turn, work: u.upload},
		journal.Uploading: {in: make(chan *unit), most: u.batchSize, limit: u.limit.Load, work: u.resume},
	}
}

// prepareFile finds out about a file what has to be known before it is sent: its
// size and, with a journal, what it was in earlier runs.
func (u *uploader) prepareFile(f *unit) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = argumentError(u.operation, "file %q: panic while opening: %v", f.label, p)
		}
	}()
	switch {
	case f.file.Name == "":
		return argumentError(u.operation, "files[%d] has no name", f.index)
	case f.file.Open == nil:
		return argumentError(u.operation, "file %q has nothing to open", f.label)
	case f.file.once && u.notes.journal != nil:
		return argumentError(u.operation, "file %q: a journal needs files that can be read again", f.label)
	}
	if err := u.measure(f); err != nil {
		return argumentError(u.operation, "file %q: %w", f.label, err)
	}
	if !u.notes.recall(f) {
		f.file.Name = u.namer.name(f.file.Name, u.notes.isTaken)
		f.expected = wire.ItemID(f.file.Name)
		f.id = f.expected
	}
	return nil
}

// measure takes a file's size and, with a journal, its content's sum.
func (u *uploader) measure(f *unit) error {
	f.size = f.file.Size
	if f.file.once || f.size > 0 && u.notes.journal == nil {
		return nil
	}
	content, err := f.file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	s := &source{File: f.file}
	if err := s.measure(content); err != nil {
		return err
	}
	f.size = s.Size
	if u.notes.journal == nil {
		return nil
	}
	sum := sha256.New()
	if f.size, err = io.Copy(sum, patient{content}); err != nil {
		return err
	}
	f.key = journal.Key{Name: f.file.Name, Sum: [32]byte(sum.Sum(nil))}
	if u.namer.isShared(f.file.Name) {
		nth := u.copies[f.key]
		u.copies[f.key]++
		f.key.Nth = nth
	}
	f.file = f.file.pinned(f.size, f.key.Sum)
	return nil
}

// pinned is the file, which fails in the reading if its content is another one.
func (f File) pinned(size int64, sum [32]byte) File {
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
	sum  [32]byte
}

func (p *pinnedContent) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 && int64(n) <= p.left {
		p.hash.Write(b[:n])
		if p.left -= int64(n); p.left == 0 && [32]byte(p.hash.Sum(nil)) != p.sum {
			return n, errSourceChanged
		}
	}
	return n, err
}

// resume looks for files that an earlier run may have uploaded.
func (u *uploader) resume(units []*unit) {
	missing := u.lookFor(units, briefly)
	for _, f := range missing {
		f.step = journal.New
		u.place(f)
	}
}

// upload makes items of files, and hands on those that are there. The others
// are delivered with what went wrong.
func (u *uploader) upload(units []*unit) {
	if !u.write(true, journal.Uploading, units) {
		u.limiter.leave(opAddItems, nil)
		return
	}
	u.send(units, true)
}

// send uploads a batch until it is there or will not be. The first try may have
// its turn already.
func (u *uploader) send(units []*unit, hasTurn bool) {
	for tries := 1; len(units) > 0; tries++ {
		ids, err := u.addItems(units, hasTurn)
		hasTurn = false
		switch u.reactTo(err) {
		case proceed:
			u.assign(units, ids)
			return
		case lookFirst:
			units = u.reconcile(units, err)
		case halve:
			u.halves(units, err)
			return
		case endRun:
			u.fail(err)
			fallthrough
		case giveUp:
			u.refuse(units, journal.New, err)
			return
		}
		if len(units) > 0 && (!mayRepeat(tries, err) || !u.rest(tries, err)) {
			u.refuse(units, journal.New, err)
			return
		}
	}
}

// errOverLimit says that a batch is larger than what the service takes.
var errOverLimit = errors.New("the batch is too large by now")

func (u *uploader) addItems(units []*unit, hasTurn bool) ([]string, error) {
	if !hasTurn {
		if err := u.limiter.enter(u.ctx, opAddItems); err != nil {
			return nil, err
		}
	}
	if len(units) > 1 && totalSize(units) > u.limit.Load() { // it has become lower while they waited
		u.limiter.leave(opAddItems, errOverLimit)
		return nil, errOverLimit
	}
	files := make([]File, len(units))
	for n, f := range units {
		files[n] = f.file
	}
	ids, err := u.client.AddItems(u.ctx, AddItemsRequest{Files: files, Training: u.training, Good: u.good})
	u.limiter.leave(opAddItems, err)
	return ids, err
}

// halves uploads each half of a batch in which something was refused.
func (u *uploader) halves(units []*unit, err error) {
	if len(units) == 1 {
		u.refuse(units, journal.New, err)
		return
	}
	if errors.Is(err, ErrTooLarge) {
		u.lower(units)
	}
	middle := len(units) / 2
	u.send(units[:middle], false)
	u.send(units[middle:], false)
}

// lower keeps later batches to half the size of one that was too large.
func (u *uploader) lower(units []*unit) {
	size := totalSize(units)
	for limit := u.limit.Load(); size/2 < limit && !u.limit.CompareAndSwap(limit, max(size/2, 1)); limit = u.limit.Load() {
	}
}

// assign notes which file became which item, and hands on the files of which
// that is certain. Names decide where they can. No order of the response is
// documented, so it decides only where the service has named all items in
// another way. What the service chose is on the disk before it is used: it
// could not be found again.
func (u *uploader) assign(units []*unit, ids []string) {
	rest := slices.Clone(ids)
	oneEach := len(ids) == len(units) && len(slices.Compact(slices.Sorted(slices.Values(ids)))) == len(ids)
	var certain, others []*unit
	for _, f := range units {
		if n := slices.Index(rest, f.expected); n >= 0 && oneEach && u.claim(f.expected) {
			rest = slices.Delete(rest, n, n+1)
			certain = append(certain, f)
		} else {
			others = append(others, f)
		}
	}
	if len(others) > 0 {
		u.notes.strange.Store(true)
		ordered := oneEach && (len(certain) == 0 || len(others) == 1)
		certain = append(certain, u.assignInOrder(others, rest, ordered)...)
	}
	u.arrive(certain)
}

// assignInOrder gives files the ids that stand at their places, and returns
// those that have one.
func (u *uploader) assignInOrder(units []*unit, ids []string, ordered bool) (named []*unit) {
	var lost []*unit
	for n, f := range units {
		if ordered && u.claim(ids[n]) {
			f.id = ids[n]
			named = append(named, f)
		} else {
			lost = append(lost, f)
		}
	}
	u.refuse(lost, journal.Uploading, &RequestError{
		Operation: opAddItems.id, Attempts: 1, Outcome: OutcomeExecuted,
		Err: fmt.Errorf("%w: which of %d item ids is that of which of %d files", ErrDecode, len(ids), len(units)),
	})
	if len(named) > 0 && !u.write(true, journal.Uploaded, named) {
		return nil
	}
	return named
}

// arrive hands on files whose items are there.
func (u *uploader) arrive(units []*unit) {
	u.advance(journal.Uploaded, units)
	for _, f := range units {
		u.next(f)
	}
}

// claim gives an id to a file. It is false where another file has it. Ids that
// follow from names are different ones, so those of a service that is not
// strange need not be remembered.
func (u *uploader) claim(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.given[id] {
		return false
	}
	if u.notes.strange.Load() {
		u.given[id] = true
	}
	return true
}

// reconcile looks for items of an upload that may have been executed, hands on
// those that are there, and returns the files that may be sent again. The
// others are delivered with the error.
func (u *uploader) reconcile(units []*unit, err error) (missing []*unit) {
	if u.notes.strange.Load() {
		u.refuse(units, journal.Uploading, err)
		return nil
	}
	patience := briefly
	if timedOut(err) { // a service that is still at it
		patience = slowly
	}
	for _, f := range u.lookFor(units, patience) {
		// It cannot be read again, or the service says that it has it.
		if f.file.once || !errors.Is(err, ErrOutcomeUnknown) {
			u.refuse([]*unit{f}, journal.Uploading, err)
		} else {
			missing = append(missing, f)
		}
	}
	return missing
}

// lookFor polls the items of files that may have been uploaded, hands on those
// that are there, and returns the files that have none.
func (u *uploader) lookFor(units []*unit, patience time.Duration) (missing []*unit) {
	byID, ids := byItem(units)
	w := u.look(u.cfg, u.slots, func(*Item) bool { return true })
	w.modelID = "" // any model's assessment tells an older item
	w.patience = min(patience, u.grace)
	w.until = time.Now().Add(u.grace)
	unknown := func(f *unit, err error) {
		u.refuse([]*unit{f}, journal.Uploading, &RequestError{
			Operation: opAddItems.id, Outcome: OutcomeUnknown, ItemIDs: []string{f.id}, Err: err,
		})
	}
	var there []*unit
	w.run(u.ctx, ids, func(id string, item *Item, err error) bool {
		f := byID[id]
		switch {
		case err == nil && !u.notes.strange.Load() && isFresh(f, item):
			there = append(there, f)
		case err == nil:
			unknown(f, fmt.Errorf("item %s is there, but may be an older one", f.id))
		case u.ctx.Err() != nil:
			u.refuse([]*unit{f}, journal.Uploading, err)
		case u.isFatal(err):
			u.fail(err)
			u.refuse([]*unit{f}, journal.Uploading, err)
		case isMissing(err) && !u.notes.strange.Load():
			missing = append(missing, f)
		default: // a proxy's "not found", or the service's where it chooses other ids
			unknown(f, err)
		}
		return true
	})
	u.arrive(there)
	return missing
}

// isFresh says whether an item can be the one that a file was just uploaded as:
// it has the file's size, as far as the service tells it, and nobody had it
// predicted or trained with.
func isFresh(f *unit, item *Item) bool {
	if len(item.Images) > 0 && item.Images[0].FileSize > 0 && f.size > 0 && item.Images[0].FileSize != f.size {
		return false
	}
	return len(item.Assessments) == 0 && item.UserAssessment == nil && !item.IsTrainingData
}
