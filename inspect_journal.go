package hacarus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// ErrJournalLocked is the error of an inspection whose journal another one, of
// this process or of another, has open.
var ErrJournalLocked = journal.ErrLocked

// notes is what a run writes down, in a journal if it has one.
type notes struct {
	ctx     context.Context //nolint:containedctx // the user's: what is known is still written when the run has ended
	path    string
	journal *journal.Journal // nil: none
	store   journal.Store
	strange atomic.Bool // the service was seen to choose ids that do not follow from names
}

// openNotes opens the journal of a model's work at a path; "" is none.
func openNotes(ctx context.Context, path, model string) (*notes, error) {
	n := &notes{ctx: context.WithoutCancel(ctx), path: path}
	if path == "" {
		return n, nil
	}
	store, err := journal.OpenFile(path)
	if err != nil {
		return nil, n.explain(err)
	}
	n.store = store
	if n.journal, err = journal.Open(n.ctx, store, model, 0); err != nil {
		_ = store.Close()
		return nil, n.explain(err)
	}
	n.strange.Store(n.journal.Strange())
	return n, nil
}

// explain says that it is the journal that failed.
func (n *notes) explain(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, journal.ErrInvalid) {
		err = fmt.Errorf("%w: %w", ErrInvalidArgument, err)
	}
	return fmt.Errorf("hacarus: journal %s: %w", n.path, err)
}

// recall takes up what an earlier run wrote of a file. It is false where that is nothing.
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

// isTaken says whether a file of the journal has an id.
func (n *notes) isTaken(id string) bool { return n.journal != nil && n.journal.Taken(id) }

// write notes that units have come to a step.
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

// finish notes a verdict.
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

// close ends the use of the journal.
func (n *notes) close() error {
	if n.store == nil {
		return nil
	}
	return n.explain(n.store.Close())
}
