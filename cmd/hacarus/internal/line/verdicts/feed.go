package verdicts

import (
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
	services := map[string]string{}
	for _, m := range owners {
		services[queue.NameIn(m.Subject, 3)] = f.serviceOf(m)
	}
	var stations []page.Station
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		last := seen[name][0].Time
		s := page.Station{
			Name: name, Waiting: waiting[name].Count, Oldest: waiting[name].Oldest,
			LastSeen: last, Lost: f.Lost > 0 && time.Since(last) > f.Lost,
		}
		if service, owned := services[name]; owned {
			s.Service = service
		} else if s.Waiting > 0 {
			s.Service = noInspector
		}
		stations = append(stations, s)
	}
	return stations, nil
}

// noInspector is why the service is away for a station that nobody has.
const noInspector = "no inspector"

// serviceOf returns why the service is away for a station.
func (f Feed) serviceOf(m queue.Message) string {
	var o inspector.Ownership
	switch {
	case json.Unmarshal(m.Data, &o) != nil || o.Owner == "":
		return noInspector
	case time.Since(m.Time) > 4*f.Lease: // clocks may be off a little
		return noInspector
	}
	return o.Service
}

// Image implements [page.Feed].
func (f Feed) Image(ctx context.Context, station, id string) (io.ReadCloser, error) {
	return f.Images(ctx, station, id)
}

// Judge implements [page.Feed]. Whoever else judges at the same time is first or
// second, and both stand.
func (f Feed) Judge(ctx context.Context, j page.Judgement) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := output.Marshal(j.Entry())
	if err != nil {
		return err
	}
	return f.Queue.Add(ctx, queue.JudgementsOf(j.Of.Station), raw)
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
