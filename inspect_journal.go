package hacarus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// ErrJournalLocked is the error of a run whose journal is in use by another
// run, in this process or another one, or has been taken over by one.
var ErrJournalLocked = journal.ErrLocked

// JournalStore is a place where a journal is kept: lines, in the order in which
// they were written. [NewFileJournal] and [NewMemoryJournal] return two
// implementations; one of your own can keep a journal on another machine, and
// hacarustest.TestJournalStore checks whether it does what is promised here.
//
// A line is a JSON object in UTF-8, without a newline and shorter than a
// megabyte. The first one is the journal's header and begins with
// {"hacarus_journal":. Lines come back byte for byte, equal lines as often as
// they were added.
//
// A journal has one owner at a time: the store whose Lines was called last.
// Opening a store may also fail with [ErrJournalLocked] while another one has
// the journal open. A run calls Lines once, before anything else, then Append
// from several goroutines at the same time, and Compact while nothing else runs.
// A store may be used by one run after the other. If a store panics, the range
// over the run panics with the same value.
type JournalStore interface {
	// Lines yields all lines from the first one on and takes ownership, at the
	// latest before it yields the first line: what an earlier owner has written
	// until then is yielded, and its later writes are refused. If Lines ends
	// without an error, all lines were yielded; an error is the last thing that it
	// yields. An incomplete line is not yielded and does not become part of a
	// later one. A yielded slice is valid until the next one is requested; the
	// caller does not change it. A caller that leaves the range early must call
	// Lines again before it writes.
	Lines(ctx context.Context) iter.Seq2[[]byte, error]
	// Append adds lines in the given order, with no other lines between them. If
	// durable is true, these lines and all lines added before must survive a power
	// failure once Append has returned; it may be called without lines for this
	// purpose. The slices must not be changed, or kept after Append has returned.
	//
	// The error is [ErrJournalLocked], and nothing is added, once another owner has
	// taken over. After any other error, such as the context's, the first few of
	// the lines may have been added, each of them whole; the run ends.
	Append(ctx context.Context, durable bool, lines ...[]byte) error
	// Compact replaces the whole journal by other lines, which must survive a power
	// failure once it has returned. If it returns an error, nothing is replaced;
	// the same holds if its context or the process ends, or the sequence panics. A
	// slice is valid until the next one is requested.
	//
	// The error is [ErrJournalLocked] once another owner has taken over, also
	// during the call. After any other error, the run goes on with the journal as
	// it is and tries again later.
	Compact(ctx context.Context, lines iter.Seq[[]byte]) error
	// Close makes all lines durable and gives up the ownership if the store has
	// it. Append and Compact fail afterwards. Runs do not call Close; whoever
	// opened the store does.
	Close() error
}

// NewFileJournal opens the journal in the file at path and creates the file if
// it does not exist. The journal belongs to this process until it is closed;
// until then, other processes get [ErrJournalLocked]. There is no such
// protection on file systems without locks. Anything but a regular file is
// [ErrInvalidArgument].
//
// The journal can be used by several runs one after the other, but not by two
// at a time.
func NewFileJournal(path string) (JournalStore, error) {
	store, err := journal.OpenFile(path)
	if err != nil {
		return nil, journalError(path, err)
	}
	return store, nil
}

// NewMemoryJournal returns a journal that lasts as long as the process: for
// tests, and for inspections that should continue after an error but not after
// a crash.
func NewMemoryJournal() JournalStore { return new(journal.Memory) }

// JournalEntry is what a journal records about one file.
type JournalEntry struct {
	// File is the name of the file as you gave it, without its folder.
	File string
	// SHA256 is the hash of the file's content.
	SHA256 [32]byte
	// Upload is the name under which the file is uploaded.
	Upload string
	// ItemID is the id of the item made from the file, or the id that it would
	// have.
	ItemID string
	// Step is how far the file has come: "" if it was not sent or was refused by
	// the service, "uploading" if its item may exist, "uploaded" if its item
	// exists, "predicting" if its prediction was requested, and "done" if it is
	// finished.
	Step string
	// Verdict is the verdict on a file that is done, and VerdictUnknown if there is
	// none.
	Verdict Verdict
	// Time is the time of the last step, by this computer's clock.
	Time time.Time
}

// ReadJournal reads the journal in the file at path and yields what became of
// each file, in the order in which the files came. The journal may be in use;
// ReadJournal shows what was written before the call. A file that is not a
// journal is [ErrInvalidArgument]. An error is the last thing that is yielded.
func ReadJournal(path string) iter.Seq2[JournalEntry, error] {
	return func(yield func(JournalEntry, error) bool) {
		for e, err := range journal.Read(path) {
			if err != nil {
				yield(JournalEntry{}, journalError(path, err))
				return
			}
			entry := JournalEntry{
				File: e.Key.Name, SHA256: e.Key.Sum, Upload: e.Upload, ItemID: e.ItemID, Step: e.Step.String(),
				Verdict: VerdictUnknown, Time: e.Since,
			}
			if e.Verdict != "" {
				entry.Verdict = Verdict(e.Verdict)
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// journalError says that the journal failed.
func journalError(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, journal.ErrInvalid) {
		err = fmt.Errorf("%w: %w", ErrInvalidArgument, err)
	}
	if path == "" {
		return fmt.Errorf("hacarus: journal: %w", err)
	}
	return fmt.Errorf("hacarus: journal %s: %w", path, err)
}

// journalTime is how long recording what is known may take after the user's
// context has ended. A store may be far away.
const journalTime = 10 * time.Second

// journalPlace is where a run keeps its journal.
type journalPlace struct {
	path  string       // "": none
	store JournalStore // nil: none
	keep  time.Duration
}

func (p journalPlace) check(operation string) error {
	switch {
	case p.path != "" && p.store != nil:
		return argumentError(operation, "both a journal's path and a store")
	case p.keep < 0:
		return argumentError(operation, "negative time to remember files")
	}
	return nil
}

// notes records the steps of a run, in a journal if it has one.
type notes struct {
	journalPlace
	ctx     context.Context //nolint:containedctx // outlasts the user's a little
	release func()
	journal *journal.Journal // nil: none
	close   func() error     // ends the use of the store
	strange atomic.Bool      // the service was seen to choose ids that do not follow from names
}

// openNotes opens the journal of a model's work. The model "" means work
// without a model.
func openNotes(ctx context.Context, place journalPlace, model string, logger *slog.Logger) (*notes, error) {
	n := &notes{journalPlace: place, close: func() error { return nil }, release: func() {}}
	var store journal.Store = place.store
	if place.path != "" {
		file, err := journal.OpenFile(place.path)
		if err != nil {
			return nil, journalError(place.path, err)
		}
		if !file.Locked() && logger != nil {
			logger.Warn("hacarus: the file system of the journal has no locks: nothing keeps another process from it", "journal", place.path)
		}
		store, n.close = file, file.Close
	}
	if store == nil {
		return n, nil
	}
	n.ctx, n.release = outlasting(ctx, journalTime)
	var err error
	if n.journal, err = journal.Open(ctx, store, model, place.keep); err != nil {
		n.release()
		return nil, errors.Join(n.explain(err), n.close())
	}
	if place.path == "" {
		n.close = func() error { return store.Append(n.ctx, true) }
	}
	n.strange.Store(n.journal.Strange())
	return n, nil
}

// outlasting returns a context that ends some time after another one.
func outlasting(ctx context.Context, grace time.Duration) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return later, func() { stop(); cancel() }
}

func (n *notes) explain(err error) error { return journalError(n.path, err) }

// recall restores what an earlier run recorded about a file. It returns false
// if that is nothing.
func (n *notes) recall(u *unit) bool {
	if n.journal == nil {
		return false
	}
	e, known := n.journal.Find(u.key)
	if !known {
		return false
	}
	u.noted = true
	u.file.Name, u.expected, u.id = e.Upload, e.Item, e.ItemID
	u.step, u.since = e.Step, e.Since
	return true
}

// isTaken reports whether a file in the journal has the id.
func (n *notes) isTaken(id string) bool { return n.journal != nil && n.journal.Taken(id) }

// write records that units have reached a step.
func (n *notes) write(durable bool, to journal.Step, units []*unit) error {
	now := time.Now()
	lines := make([]journal.Line, len(units))
	for i, u := range units {
		u.step, u.since = to, now
		lines[i] = journal.Line{Time: now, Step: to, Item: u.expected, Strange: n.strange.Load()}
		if u.id != u.expected {
			lines[i].ItemID = u.id
		}
		if !u.noted {
			u.noted = true
			lines[i].Key, lines[i].Upload = u.key, u.file.Name
		}
	}
	return n.add(durable, lines...)
}

// finish records a verdict.
func (n *notes) finish(u *unit, verdict Verdict) error {
	u.step = journal.Done
	return n.add(false, journal.Line{Time: time.Now(), Step: journal.Done, Item: u.expected, Verdict: string(verdict)})
}

func (n *notes) add(durable bool, lines ...journal.Line) error {
	if n.journal == nil {
		return nil
	}
	return n.explain(n.journal.Add(n.ctx, durable, lines...))
}

// end syncs everything that was written.
func (n *notes) end() error {
	defer n.release()
	closing := n.close
	n.close = func() error { return nil } // once
	return n.explain(closing())
}
