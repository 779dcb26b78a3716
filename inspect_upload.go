package hacarus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// slowly is how long to look for an item whose upload may have been executed:
// the service may continue with a request after nobody waits for it any more.
const slowly = time.Minute

// uploadParams say how files are uploaded.
type uploadParams struct {
	operation  string // in errors about a file
	training   bool
	good       *bool
	batchSize  int
	batchBytes int64
	looks      bool // at items that may be other files', since nothing else will
}

// uploader makes items from files: in batches, which are halved if the service
// refuses them, under names that the service accepts, and never twice. It does
// not know what is done with the items.
type uploader struct {
	*calls
	uploadParams
	next func(*unit) // takes a file whose item is there

	limit atomic.Int64 // bytes of a batch

	mu    sync.Mutex
	namer *namer
	given map[string]bool // the ids that a strange service has chosen
}

func newUploader(c *calls, n *namer, params uploadParams) *uploader {
	u := &uploader{
		calls: c, uploadParams: params, namer: n, given: map[string]bool{},
	}
	u.limit.Store(params.batchBytes)
	return u
}

// stages are the uploader's stages: for files that are to be uploaded, and for
// those that may have been.
func (u *uploader) stages() map[journal.Step]*stage {
	turn := func(ctx context.Context) error { return u.limiter.enter(ctx, opAddItems) }
	return map[journal.Step]*stage{
		journal.New:       {in: make(chan *unit), most: u.batchSize, limit: u.limit.Load, turn: turn, work: u.upload},
		journal.Uploading: {in: make(chan *unit), most: u.batchSize, limit: u.limit.Load, work: u.resume},
	}
}

// maxJournalName bounds a file's name in a journal, in bytes.
const maxJournalName = 16 << 10

// check refuses what cannot be a file.
func (u *uploader) check(f *unit) error {
	switch {
	case f.file.Name == "":
		return argumentError(u.operation, "files[%d] has no name", f.index)
	case f.file.Open == nil:
		return argumentError(u.operation, "file %q has nothing to open", f.label)
	case u.notes.journal == nil:
		return nil
	case f.file.once:
		return argumentError(u.operation, "file %q: a journal needs files that can be read again", f.label)
	case len(f.file.Name) > maxJournalName:
		return argumentError(u.operation, "a file name of %d bytes, more than a journal takes", len(f.file.Name))
	}
	return nil
}

// reads reports whether a file must be read to determine its size or, with a
// journal, the hash of its content.
func (u *uploader) reads(f *unit) bool {
	return !f.file.once && (f.file.Size <= 0 || u.notes.journal != nil)
}

// measure determines a file's size and, with a journal, the hash of its
// content.
func (u *uploader) measure(f *unit) (m measure, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while reading: %v", p)
		}
		if err != nil {
			err = argumentError(u.operation, "file %q: %w", f.label, err)
		}
	}()
	content, err := f.file.Open()
	if err != nil {
		return m, err
	}
	defer content.Close()
	s := &source{File: f.file}
	if err := s.measure(content); err != nil {
		return m, err
	}
	m.size = s.Size
	if u.notes.journal == nil {
		return m, nil
	}
	sum := sha256.New()
	// One byte more than expected shows a file that grows or never ends.
	n, err := io.Copy(sum, io.LimitReader(patient{content}, s.Size+1))
	if err == nil && n != s.Size {
		err = errSourceChanged
	}
	m.sum = [sha256.Size]byte(sum.Sum(nil))
	return m, err
}

// settle takes over what the journal knows about a file, or names the file.
func (u *uploader) settle(f *unit, m measure) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f.size = m.size
	if m.size > 0 {
		f.file.Size = m.size
	}
	name := f.file.Name
	if u.notes.journal != nil {
		f.key = journal.Key{Name: name, Sum: m.sum, Nth: u.namer.ordinal(name, m.sum)}
		f.file = f.file.pinned(m.size, m.sum)
		if u.notes.recall(f) {
			return
		}
	}
	f.file.Name = u.namer.name(name, u.notes.isTaken)
	f.expected = wire.ItemID(f.file.Name)
	f.id = f.expected
}

// release forgets what is known only while the file is under way.
func (u *uploader) release(f *unit) {
	if u.notes.journal == nil || f.key.Name == "" {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.namer.release(f.key, f.expected)
	u.notes.journal.Release(f.key)
}

// pinned returns the file with content that fails while being read if it is not
// the expected one.
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

// pinnedContent is content whose hash is known.
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

// resume looks for files that an earlier run may have uploaded. The service may
// still be working on them: the time at which they were sent is by a clock that
// may have jumped since.
func (u *uploader) resume(units []*unit) {
	missing := u.lookFor(units, slowly)
	for _, f := range missing {
		f.step = journal.New
		u.place(f)
	}
}

// upload makes items from files and passes on those that are there. The others
// are delivered with their errors.
func (u *uploader) upload(units []*unit) {
	if !u.write(true, journal.Uploading, units) {
		u.limiter.forgo(opAddItems)
		return
	}
	u.send(units, true)
}

// send uploads a batch until it is there or has failed. The first attempt may
// have its turn already.
func (u *uploader) send(units []*unit, hasTurn bool) {
	var held doubt
	for tries := 1; len(units) > 0; tries++ {
		ids, err := u.addItems(units, hasTurn)
		hasTurn = false
		reaction := u.reactTo(opAddItems, err)
		suspect, guilty := false, false
		switch reaction {
		case proceed:
			u.assign(units, ids)
			return
		case lookFirst:
			suspect, guilty = held.hold(u.calls, opAddItems, err)
			if units = u.reconcile(units, err); len(units) == 0 || !u.write(true, journal.Uploading, units) {
				return
			}
		case again:
			suspect, guilty = held.hold(u.calls, opAddItems, err)
		case halve:
			u.halves(units, err)
			return
		case endRun:
			u.fail(err)
		}
		switch {
		case suspect && len(units) > 1:
			u.halves(units, err)
			return
		case guilty || reaction >= giveUp || !u.rest(tries, err):
			u.refuse(units, journal.New, err)
			return
		}
	}
}

// errOverLimit says that a batch is larger than what the service accepts.
var errOverLimit = errors.New("the batch is too large by now")

func (u *uploader) addItems(units []*unit, hasTurn bool) ([]string, error) {
	if !hasTurn {
		if err := u.limiter.enter(u.ctx, opAddItems); err != nil {
			return nil, err
		}
	}
	if len(units) > 1 && totalSize(units) > u.limit.Load() { // it has become lower while they waited
		u.limiter.forgo(opAddItems)
		return nil, errOverLimit
	}
	if u.notes.strange.Load() && slices.ContainsFunc(units, func(f *unit) bool { return f.missed }) {
		u.limiter.forgo(opAddItems)
		return nil, notThisFile(units[0], errStrangeIDs)
	}
	files := make([]File, len(units))
	for n, f := range units {
		files[n] = f.file.attended(u.ctx)
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

// assign records which file became which item and passes on the files for which
// that is certain. Names decide if they can. The order of a response is not
// documented, so it decides only if the service has named all items in another
// way. What the service chose is on the disk before it is used, because it
// could not be found again.
func (u *uploader) assign(units []*unit, ids []string) {
	oneEach := len(ids) == len(units) && len(slices.Compact(slices.Sorted(slices.Values(ids)))) == len(ids)
	var certain, others []*unit
	rest := ids
	if oneEach {
		certain, others, rest = byName(units, ids)
	} else {
		others = units
	}
	if len(others) > 0 {
		u.notes.strange.Store(true)
	}
	if lost := u.unclaimed(&certain); len(lost) > 0 {
		u.refuseUnnamed(lost, len(ids), len(units))
	}
	if len(others) > 0 {
		ordered := oneEach && (len(certain) == 0 || len(others) == 1)
		certain = append(certain, u.assignInOrder(others, rest, ordered)...)
	}
	inOrder := slices.EqualFunc(units, ids, func(f *unit, id string) bool { return f.expected == id })
	if u.looks && !inOrder {
		certain = u.confirmed(certain)
	}
	u.arrive(certain)
}

// confirmed returns the files whose items do not contradict them. An assignment
// by order, or by numbers that are also names of files, is only likely.
func (u *uploader) confirmed(units []*unit) []*unit {
	there, missing := u.seek(units, briefly, contradiction)
	for _, f := range missing {
		u.refuse([]*unit{f}, journal.Uploading, notThisFile(f, errors.New("the item is not there")))
	}
	return there
}

// byName gives files the ids that follow from their names, and returns the
// other files with the remaining ids. A service that numbers its items may by
// chance use the id that another file would have, so names mean nothing if the
// remaining ids bear no resemblance to them.
func byName(units []*unit, ids []string) (named, others []*unit, rest []string) {
	rest = slices.Clone(ids)
	for _, f := range units {
		if n := slices.Index(rest, f.expected); n >= 0 {
			rest = slices.Delete(rest, n, n+1)
			named = append(named, f)
		} else {
			others = append(others, f)
		}
	}
	for n := range others {
		if len(named) > 0 && !slices.ContainsFunc(rest, func(id string) bool { return resembles(id, others[n].expected) }) {
			return nil, units, ids
		}
	}
	return named, others, rest
}

// resembles reports whether an id is another one with something in front of it
// or behind it that is separated by a character other than a letter or a digit.
func resembles(id, expected string) bool {
	before, after, found := strings.Cut(strings.ToLower(id), strings.ToLower(expected))
	joins := strings.ContainsFunc(before[max(0, len(before)-1):], letterOrDigit) || strings.ContainsFunc(after[:min(1, len(after))], letterOrDigit)
	return found && !joins
}

// unclaimed removes the files whose ids belong to other files already.
func (u *uploader) unclaimed(units *[]*unit) (lost []*unit) {
	*units = slices.DeleteFunc(*units, func(f *unit) bool {
		if u.claim(f, f.expected) {
			return false
		}
		lost = append(lost, f)
		return true
	})
	return lost
}

// assignInOrder gives files the ids at their positions, and returns those that
// have one.
func (u *uploader) assignInOrder(units []*unit, ids []string, ordered bool) (named []*unit) {
	var lost []*unit
	for n, f := range units {
		if ordered && u.claim(f, ids[n]) {
			f.id = ids[n]
			named = append(named, f)
		} else {
			lost = append(lost, f)
		}
	}
	u.refuseUnnamed(lost, len(ids), len(units))
	if len(named) > 0 && !u.write(true, journal.Uploaded, named) {
		return nil
	}
	return named
}

// refuseUnnamed delivers files that became items whose ids nobody knows.
func (u *uploader) refuseUnnamed(units []*unit, ids, files int) {
	u.refuse(units, journal.Uploading, &RequestError{
		Operation: opAddItems.id, Attempts: 1, Outcome: OutcomeUnknown,
		Err: fmt.Errorf("%w: which of %d item ids is that of which of %d files", ErrDecode, ids, files),
	})
}

// arrive passes on files whose items are there.
func (u *uploader) arrive(units []*unit) {
	u.advance(journal.Uploaded, units)
	for _, f := range units {
		u.next(f)
	}
}

// claim gives an id to a file. It returns false if another file has it, in this
// run or in the journal. Ids that follow from names are distinct, so those of a
// service that uses them need not be remembered.
func (u *uploader) claim(f *unit, id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.given[id] || !strings.EqualFold(id, f.expected) && u.notes.isTaken(id) {
		return false
	}
	if u.notes.strange.Load() {
		u.given[id] = true
	}
	return true
}

// reconcile looks for the items of an upload that may have been executed,
// passes on those that are there, and returns the files that may be sent again.
// The others are delivered with the error.
func (u *uploader) reconcile(units []*unit, err error) (missing []*unit) {
	if u.notes.strange.Load() {
		u.refuse(units, journal.Uploading, err)
		return nil
	}
	for _, f := range u.lookFor(units, slowly) {
		// It cannot be read again, or the service says that it received it.
		if f.file.once || !errors.Is(err, ErrOutcomeUnknown) {
			u.refuse([]*unit{f}, journal.Uploading, err)
		} else {
			missing = append(missing, f)
		}
	}
	return missing
}

// errStrangeIDs says that the service chooses ids by itself, so that the
// presence or absence of the id that follows from a file's name proves nothing.
var errStrangeIDs = errors.New("the service chooses ids that do not follow from names")

// lookFor polls the items of files that may have been uploaded, passes on those
// that are there, and returns the files that have none. The absence of an item
// proves nothing until patience is over. Neither presence nor absence proves
// anything once the service is known to choose other ids.
func (u *uploader) lookFor(units []*unit, patience time.Duration) (missing []*unit) {
	there, missing := u.seek(units, patience, u.older)
	if u.notes.strange.Load() {
		for _, f := range append(there, missing...) {
			u.refuse([]*unit{f}, journal.Uploading, notThisFile(f, errStrangeIDs))
		}
		return nil
	}
	for _, f := range missing {
		f.missed = true
	}
	u.arrive(there)
	return missing
}

// seek polls the items of files. It returns the files whose item is there and
// is theirs, unless against objects, and the files that have none. The others
// are delivered.
func (u *uploader) seek(units []*unit, patience time.Duration, against func(*unit, *Item) error) (there, missing []*unit) {
	byID, ids := u.byItem(units)
	w := u.look(func(*Item) bool { return true })
	w.modelID = "" // any model's assessment tells an older item
	w.patience = min(patience, u.grace)
	w.until = time.Now().Add(u.grace)
	w.run(u.ctx, ids, func(id string, item *Item, err error) bool {
		f := byID[id]
		if err == nil {
			if err = against(f, item); err == nil {
				there = append(there, f)
			} else {
				u.refuse([]*unit{f}, journal.Uploading, notThisFile(f, err))
			}
			return true
		}
		switch {
		case isMissing(err):
			missing = append(missing, f)
			return true
		case u.ctx.Err() != nil:
		case u.isFatal(err):
			u.fail(err)
		default: // such as a proxy's "not found"
			err = notThisFile(f, err)
		}
		u.refuse([]*unit{f}, journal.Uploading, err)
		return true
	})
	return there, missing
}

// older returns what shows that an item is not the one just uploaded: something
// contradicts that, or somebody has used the item. It returns nil if nothing
// does.
func (u *uploader) older(f *unit, item *Item) error {
	labelled := item.UserAssessment != nil && u.good == nil
	if contradiction(f, item) == nil && len(item.Assessments) == 0 && !labelled && item.IsTrainingData == u.training {
		return nil
	}
	return fmt.Errorf("item %s is there, but may be an older one", f.id)
}
