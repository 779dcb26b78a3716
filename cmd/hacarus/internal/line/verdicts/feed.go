package verdicts

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Feed is where the operator's page has its line from.
type Feed struct {
	Queue *queue.Queue
	// Images opens an image by its station and id.
	Images Opener
	// Lost is after what time a station that sends nothing counts as lost; 0 is never.
	Lost time.Duration
	// Lease is how long an inspector of which nothing is heard still counts.
	Lease time.Duration
}

var _ page.Feed = Feed{}

// Events implements [page.Feed].
func (f Feed) Events(ctx context.Context, after uint64) iter.Seq2[page.Event, error] {
	return func(yield func(page.Event, error) bool) {
		for line, err := range All(ctx, f.Queue, after) {
			if !yield(page.Event{Seq: line.Seq, Entry: line.Entry}, err) {
				return
			}
		}
	}
}

// Recall implements [page.Feed].
func (f Feed) Recall(ctx context.Context, images int, since time.Time) (past page.Past, err error) {
	if past.After, err = Before(ctx, f.Queue, since); err != nil {
		return past, err
	}
	last, err := f.Queue.LastOfEach(ctx, queue.VerdictsOf(""))
	if err != nil {
		return past, err
	}
	for _, m := range last {
		station := queue.NameIn(m.Subject, 2)
		said, err := f.Queue.LastOfEach(ctx, queue.SaidOf(station))
		if err != nil {
			return past, err
		}
		for _, m := range said {
			seq, err := f.nthLast(ctx, m, 1)
			if err != nil {
				return past, err
			}
			past.Until = max(past.Until, seq)
		}
		from, err := f.nthLast(ctx, m, images)
		if err != nil {
			return past, err
		}
		lines, err := f.between(ctx, queue.SaidOf(station), from, past.After)
		if err != nil {
			return past, err
		}
		past.Older = append(past.Older, lines...)
	}
	slices.SortFunc(past.Older, func(a, b page.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return past, nil
}

// nthLast returns the sequence number of the nth last line of a subject, of which the
// last message is given; that of the first if there are fewer, and 0 if there is none.
// Messages that only tell how far a station has come are no lines.
func (f Feed) nthLast(ctx context.Context, last queue.Message, n int) (uint64, error) {
	for back := n - 1; ; back = 2*back + 1 {
		first, err := f.Queue.Back(ctx, last, back)
		if err != nil {
			return 0, err
		}
		lines, err := f.between(ctx, last.Subject, first.Seq, last.Seq)
		if err != nil {
			return 0, err
		}
		if len(lines) >= n {
			return lines[len(lines)-n].Seq, nil
		}
		if first.Nth() > last.Nth()-back { // there are no earlier ones
			if len(lines) == 0 {
				return 0, nil
			}
			return lines[0].Seq, nil
		}
	}
}

// between returns the lines of a subject from one sequence number to another.
func (f Feed) between(ctx context.Context, subject string, from, to uint64) (events []page.Event, err error) {
	for from > 0 && from <= to {
		messages, err := f.Queue.Read(ctx, subject, from)
		if err != nil || len(messages) == 0 {
			return events, err
		}
		for _, m := range messages {
			line, err := lineOf(m)
			if err != nil {
				return nil, err
			}
			if line.Seq > 0 && m.Seq <= to {
				events = append(events, page.Event{Seq: line.Seq, Entry: line.Entry})
			}
			from = m.Seq + 1
		}
	}
	return events, nil
}

// patience is how long the queue may take to respond to a page.
const patience = 3 * time.Second

// Stations implements [page.Feed].
func (f Feed) Stations(ctx context.Context) ([]page.Station, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen, err := inspector.Stations(ctx, f.Queue)
	if err != nil {
		return nil, err
	}
	waiting, err := inspector.Waiting(ctx, f.Queue, seen)
	if err != nil {
		return nil, err
	}
	owners, err := f.Queue.LastOfEach(ctx, queue.LeaseOf(inspector.OwnerKind, ""))
	if err != nil {
		return nil, err
	}
	services := map[string]inspector.Ownership{}
	for _, m := range owners {
		services[queue.NameIn(m.Subject, 3)] = f.ownershipOf(m)
	}
	var stations []page.Station
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		last := seen[name][0].Time
		s := page.Station{
			Name: name, Waiting: waiting[name].Count, Oldest: waiting[name].Oldest,
			LastSeen: last, Lost: f.Lost > 0 && time.Since(last) > f.Lost,
		}
		if o, owned := services[name]; owned {
			s.Service, s.Trouble = o.Service, o.Trouble
		} else if s.Waiting > 0 {
			s.Service, s.Trouble = nobody.Service, nobody.Trouble
		}
		stations = append(stations, s)
	}
	return stations, nil
}

// nobody is for a station that no inspector has.
var nobody = inspector.Ownership{Service: "no inspector", Trouble: inspector.TroubleInspector}

// ownershipOf reads who has a station.
func (f Feed) ownershipOf(m queue.Message) inspector.Ownership {
	var o inspector.Ownership
	silent := time.Since(m.Time) > 4*f.Lease // clocks may be off a little
	if json.Unmarshal(m.Data, &o) != nil || o.Owner == "" || silent {
		return nobody
	}
	return o
}

// Image implements [page.Feed].
func (f Feed) Image(ctx context.Context, station, id string) (io.ReadCloser, error) {
	return f.Images(ctx, station, id)
}

// Judge implements [page.Feed]. Whoever else judges at the same time is first or
// second, and both stand.
func (f Feed) Judge(ctx context.Context, e record.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := output.Marshal(e)
	if err != nil {
		return err
	}
	return f.Queue.Add(ctx, queue.JudgementsOf(e.Station), raw)
}

// Opener opens an image by its station and id; fs.ErrNotExist if it is not there.
type Opener func(ctx context.Context, station, id string) (io.ReadCloser, error)

// Anywhere opens an image at the first of some places that has it.
func Anywhere(places ...Opener) Opener {
	return func(ctx context.Context, station, id string) (io.ReadCloser, error) {
		for _, open := range places {
			image, err := open(ctx, station, id)
			if !errors.Is(err, fs.ErrNotExist) {
				return image, err
			}
		}
		return nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
}
