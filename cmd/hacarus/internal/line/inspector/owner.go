// Package inspector has the service inspect the images of the stations. Each station
// belongs to one inspector at a time.
package inspector

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Options are those of an inspector.
type Options struct {
	Name   string // among the inspectors; one with the same name takes its place at once
	Queue  *queue.Queue
	Client *hacarus.Client
	Model  string // of the images that do not name one
	// Images opens the image of a job.
	Images func(context.Context, queue.Job) (io.ReadCloser, error)
	// Lease is how long a station belongs to an inspector of which nothing is heard.
	Lease time.Duration
	// Hold is how long a verdict waits for those of earlier images of its station, so
	// that verdicts come in the order of the images.
	Hold time.Duration
	// History is how long verdicts are there to be read again; 0 is for ever.
	History time.Duration

	Concurrency     int
	Grace, Remember time.Duration
	Wait            []hacarus.WaitOption

	Log *slog.Logger
	// Settled is called for each verdict; nil for nothing.
	Settled func(queue.Job, *hacarus.Inspection)
}

// Ownership is what everybody may know of a station's inspector.
type Ownership struct {
	Owner   string  `json:"owner"`             // "" once it has given the station up
	Service string  `json:"service,omitempty"` // why the service is away; "" if it is there
	Trouble Trouble `json:"trouble,omitempty"` // what kind of reason that is
}

// Kinds of leases.
const (
	OwnerKind     = "owner"     // of a station: an Ownership
	inspectorKind = "inspector" // that there is one
)

// owner takes stations and gives them up again, so that each inspector has its
// share.
type owner struct {
	Options
	presence *queue.Writer
	present  bool             // the others have been told
	heard    map[string]heard // by subject
	held     map[string]*holding
}

// heard is when something was last heard of, by this computer's clock: that of
// another may be off.
type heard struct {
	seq uint64
	at  time.Time
}

// holding is a station that is this inspector's.
type holding struct {
	station *station
	lease   *queue.Writer
	cancel  context.CancelFunc // ends its work at once
	drain   context.CancelFunc // ends it when the images under way have their verdicts
	ended   chan struct{}
}

// Run inspects until the context ends. When draining ends before that, no image is
// begun any more, and Run returns when those under way have their verdicts.
func Run(ctx, draining context.Context, opts Options) error {
	o := &owner{Options: opts, heard: map[string]heard{}, held: map[string]*holding{}}
	defer o.releaseAll()
	fresh, stop, err := newStations(opts.Queue)
	if err != nil {
		return err
	}
	defer stop()
	for tick := time.NewTicker(o.Lease / 4); ; {
		if err := o.look(ctx, draining); err != nil && ctx.Err() == nil {
			o.Log.Warn("the queue does not tell who has which station", "error", err)
		}
		select {
		case <-tick.C:
		case <-fresh:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-draining.Done():
			tick.Stop()
			return nil
		}
	}
}

// newStations tells of stations that send for the first time: they need not wait for
// the next look.
func newStations(q *queue.Queue) (fresh <-chan struct{}, stop func(), err error) {
	heard := make(chan struct{}, 1)
	known := map[string]bool{} // the connection calls one at a time
	stop, err = q.Hear(queue.AllJobs, func(subject string) {
		if name := queue.NameIn(subject, 2); !known[name] {
			known[name] = true
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	return heard, stop, err
}

// look takes what is free, renews what it has, and gives up what is beyond its
// share.
func (o *owner) look(ctx, draining context.Context) error {
	look, cancel := context.WithTimeout(ctx, o.Lease/2)
	defer cancel()
	o.renew(look)
	if err := o.bePresent(look); err != nil {
		return err
	}
	inspectors, err := o.alive(look, queue.LeaseOf(inspectorKind, ""))
	if err != nil {
		return err
	}
	owned, err := o.owners(look)
	if err != nil {
		return err
	}
	names, err := Stations(look, o.Queue)
	if err != nil {
		return err
	}
	share := (len(names) + max(len(inspectors), 1) - 1) / max(len(inspectors), 1)
	for name := range names {
		if h := o.held[name]; h == nil && len(o.held) < share && (owned[name] == "" || owned[name] == o.Name) {
			if err := o.take(look, ctx, draining, name); err != nil {
				return err
			}
		}
	}
	for name, h := range o.held {
		if len(o.held) <= share {
			break
		}
		delete(o.held, name)
		go h.release(o.Log) // one at a time would do, but not wait for
	}
	return nil
}

// Stations returns the stations that have sent images, with the last job of each
// intake that has them, the latest one first.
func Stations(ctx context.Context, q *queue.Queue) (map[string][]queue.Message, error) {
	last, err := q.LastOfEach(ctx, queue.AllJobs)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(last, func(a, b queue.Message) int { return cmp.Compare(b.Seq, a.Seq) })
	stations := map[string][]queue.Message{}
	for _, m := range last {
		name := queue.NameIn(m.Subject, 2)
		stations[name] = append(stations[name], m)
	}
	return stations, nil
}

// bePresent tells that there is an inspector with this name. One that starts takes the
// place of another, who is dead. If that one is alive, it goes on under a name of its
// own: two with one name would take the stations from each other all the time.
func (o *owner) bePresent(ctx context.Context) error {
	for {
		if o.presence == nil {
			writer, _, err := o.Queue.NewWriter(ctx, queue.LeaseOf(inspectorKind, o.Name))
			if err != nil {
				return err
			}
			o.presence = writer
		}
		_, err := o.presence.Write(ctx, nil, []byte("{}"))
		if !errors.Is(err, queue.ErrTakenOver) {
			o.present = o.present || err == nil
			return err
		}
		o.presence = nil
		last, err := o.Queue.Last(ctx, queue.LeaseOf(inspectorKind, o.Name))
		if err != nil {
			return err
		}
		if o.present && last != nil { // or else the stream was lost, or two have begun at the same time
			o.rename()
		}
	}
}

// rename gives the inspector another name, and up what it has under the former one.
func (o *owner) rename() {
	former := o.Name
	o.Name = former + "-" + strings.ToLower(rand.Text()[:6])
	o.present = false
	o.Log.Error("another inspector has the same name: this one goes on with another", "name", former, "new", o.Name)
	for name, h := range o.held {
		h.cancel()
		delete(o.held, name)
	}
}

// alive returns the names of those of a kind of which something has been heard.
func (o *owner) alive(ctx context.Context, subject string) (map[string]queue.Message, error) {
	states, err := o.Queue.LastOfEach(ctx, subject)
	if err != nil {
		return nil, err
	}
	alive := map[string]queue.Message{}
	for _, m := range states {
		h := o.heard[m.Subject]
		if h.seq != m.Seq {
			h = heard{m.Seq, time.Now()}
			o.heard[m.Subject] = h
		}
		if time.Since(h.at) < o.Lease {
			alive[queue.NameIn(m.Subject, 3)] = m
		}
	}
	return alive, nil
}

// owners returns who has each station.
func (o *owner) owners(ctx context.Context) (map[string]string, error) {
	states, err := o.alive(ctx, queue.LeaseOf(OwnerKind, ""))
	if err != nil {
		return nil, err
	}
	owners := map[string]string{}
	for name, m := range states {
		var state Ownership
		if err := json.Unmarshal(m.Data, &state); err != nil {
			return nil, err
		}
		owners[name] = state.Owner
	}
	return owners, nil
}

// take takes a station, unless somebody else does at the same time.
func (o *owner) take(look, ctx, draining context.Context, name string) error {
	lease, _, err := o.Queue.NewWriter(look, queue.LeaseOf(OwnerKind, name))
	if err != nil {
		return err
	}
	working, cancel := context.WithCancel(ctx)
	until, drain := context.WithCancel(draining)
	h := &holding{lease: lease, cancel: cancel, drain: drain, ended: make(chan struct{})}
	h.station = &station{Options: o.Options, name: name, versions: record.Versions{Client: o.Client}}
	if err := h.renew(look); err != nil {
		cancel()
		drain()
		if errors.Is(err, queue.ErrTakenOver) {
			return nil
		}
		return err
	}
	o.held[name] = h
	go func() {
		defer close(h.ended)
		h.station.run(working, until)
	}()
	return nil
}

func (h *holding) renew(ctx context.Context) error {
	away := h.station.trouble()
	state := Ownership{Owner: h.station.Name, Trouble: TroubleOf(away)}
	if away != nil {
		state.Service = away.Error()
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = h.lease.Write(ctx, nil, raw)
	return err
}

// renew renews the leases. A station that somebody else has taken is given up; the
// streams refuse what is still written for it.
func (o *owner) renew(ctx context.Context) {
	var all sync.WaitGroup
	lost := make(chan string, len(o.held))
	for name, h := range o.held {
		all.Go(func() {
			if err := h.renew(ctx); errors.Is(err, queue.ErrTakenOver) {
				h.cancel()
				lost <- name
			}
		})
	}
	all.Wait()
	close(lost)
	for name := range lost {
		delete(o.held, name)
	}
}

// release gives a station up, when the images under way have their verdicts.
func (h *holding) release(log *slog.Logger) {
	h.drain()
	timer := time.AfterFunc(h.station.Lease, h.cancel) // what is not done by then, somebody else does
	defer timer.Stop()
	h.awaitEnd()
	h.cancel()
	h.giveUp(log)
}

func (h *holding) giveUp(log *slog.Logger) {
	raw, _ := json.Marshal(Ownership{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := h.lease.Write(ctx, nil, raw); err != nil {
		log.Debug("a station is not given up", "station", h.station.name, "error", err)
	}
}

// releaseAll waits for the work to end, which by then has been told to, and lets
// others go on at once.
func (o *owner) releaseAll() {
	var all sync.WaitGroup
	for _, h := range o.held {
		all.Go(func() {
			h.awaitEnd()
			h.cancel()
			h.drain()
			h.giveUp(o.Log)
		})
	}
	all.Wait()
}

// awaitEnd waits for the work to end, and holds on to the station until then.
func (h *holding) awaitEnd() {
	for tick := time.NewTicker(h.station.Lease / 4); ; {
		select {
		case <-h.ended:
			tick.Stop()
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), h.station.Lease/4)
			if errors.Is(h.renew(ctx), queue.ErrTakenOver) {
				h.cancel()
			}
			cancel()
		}
	}
}
