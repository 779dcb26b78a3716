package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// fakeFeed is a line in memory.
type fakeFeed struct {
	mu       sync.Mutex
	changed  chan struct{}
	events   []Event
	stations []Station
	images   map[string][]byte
	away     error         // of all that is asked
	older    []Event       // which are recalled
	pace     time.Duration // of events
	judged   []record.Entry
	takes    time.Duration // of a judgement
}

func newFeed() *fakeFeed {
	return &fakeFeed{changed: make(chan struct{}), images: map[string][]byte{}}
}

func (f *fakeFeed) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

// add adds a line, and returns its number. Numbers have gaps, as those of a stream
// with other messages in it.
func (f *fakeFeed) add(e record.Entry) (seq uint64) {
	f.set(func() { seq = f.addLocked(e) })
	return seq
}

func (f *fakeFeed) addLocked(e record.Entry) uint64 {
	var seq uint64 = 1
	if n := len(f.events); n > 0 {
		seq = f.events[n-1].Seq + 1 + uint64(n%3)
	}
	f.events = append(f.events, Event{seq, e})
	return seq
}

// inspected adds the verdict of a model.
func (f *fakeFeed) inspected(station, id, verdict string, at time.Time) uint64 {
	return f.add(record.Entry{ID: id, Time: at, Written: at.Add(-time.Second), Station: station, File: id + ".png", Verdict: verdict, By: record.Model})
}

// numbered adds the verdict of the next image of a station.
func (f *fakeFeed) numbered(station string, n int) uint64 {
	return f.inspected(station, fmt.Sprintf("%s-%d", station, n), []string{"OK", "OK", "NG", "unknown"}[n%4], time.Now())
}

func (f *fakeFeed) Recall(context.Context, int, time.Time) (past Past, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	past.Older = f.older
	if n := len(f.older); n > 0 {
		past.After = f.older[n-1].Seq
	}
	if n := len(f.events); n > 0 {
		past.Until = f.events[n-1].Seq
	}
	return past, f.away
}

func (f *fakeFeed) Events(ctx context.Context, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		next := 0
		for {
			f.mu.Lock()
			events, changed, away := f.events, f.changed, f.away
			f.mu.Unlock()
			if away != nil {
				yield(Event{}, away)
				return
			}
			for ; next < len(events); next++ {
				pause(ctx, f.pace)
				if events[next].Seq > after && !yield(events[next], nil) {
					return
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

func (f *fakeFeed) Stations(context.Context) ([]Station, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Station{}, f.stations...), f.away
}

func (f *fakeFeed) Image(_ context.Context, _, id string) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, ok := f.images[id]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: id, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

var errAway = errors.New("nats: no servers available")

func (f *fakeFeed) Judge(ctx context.Context, e record.Entry) (err error) {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(f.takes):
	}
	f.set(func() {
		if err = f.away; err == nil {
			f.judged = append(f.judged, e)
			f.addLocked(e)
		}
	})
	return err
}
