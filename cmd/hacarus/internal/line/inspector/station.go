package inspector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/inspect"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// station has the images of a station inspected.
type station struct {
	Options
	name     string
	versions record.Versions // for the goroutine that publishes

	mu   sync.Mutex
	away error // why the service is; nil if it is there
}

func (s *station) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

func (s *station) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

// maxPause is the longest that a station waits after its inspection has ended, such
// as for a license that is not valid.
const maxPause = 30 * time.Second

// run inspects until the context ends, or until draining ends and nothing is under
// way. What ends an inspection is told, and it begins again where the verdicts end.
func (s *station) run(ctx, draining context.Context) {
	for pause := time.Second; ; pause = min(2*pause, maxPause) {
		begun := time.Now()
		err := s.inspect(ctx, draining)
		if ctx.Err() != nil || err == nil {
			return
		}
		if errors.Is(err, queue.ErrTakenOver) || errors.Is(err, hacarus.ErrJournalLocked) {
			s.Log.Debug("another inspector writes for the station", "station", s.name) // or the stream was lost
		} else {
			s.setTrouble(err)
			s.Log.Warn("the inspection has ended and begins again", "station", s.name, "error", err)
		}
		if time.Since(begun) > time.Minute {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
			return
		case <-draining.Done():
			return
		case <-time.After(pause):
		}
	}
}

// work is an image under way.
type work struct {
	seq   uint64 // of its job
	job   queue.Job
	tries int
	done  *hacarus.Inspection // nil while there is no outcome
	since time.Time           // there is one

	from string // the intake that it came from before, so that it is done or under way; "" for most
}

// inspection is one run of a station's inspection. One goroutine begins with images,
// a lane for each model has them inspected, and one publishes what comes of them.
type inspection struct {
	*station
	ctx      context.Context //nolint:containedctx // of the run
	cancel   context.CancelCauseFunc
	under    chan *work // what is begun
	outcomes chan *hacarus.Inspection
	running  sync.WaitGroup

	remembers time.Duration // how long the journal does

	mu    sync.Mutex // guards lanes
	lanes map[string]chan hacarus.File

	verdicts *queue.Writer // these belong to the one that publishes
	progress progress
	order    []*work   // under way, in the order of their jobs
	forgets  time.Time // when the queue may be told again to forget jobs
}

func (s *station) inspect(ctx, draining context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	verdicts, last, err := s.Queue.NewWriter(ctx, queue.VerdictsOf(s.name))
	if err != nil {
		return err
	}
	progress, err := progressOf(last)
	if err != nil {
		return err
	}
	known, err := s.recent(ctx)
	if err != nil {
		return err
	}
	remember, err := s.remember(ctx, progress)
	if err != nil {
		return err
	}
	i := &inspection{
		station: s, ctx: ctx, cancel: cancel, remembers: remember, verdicts: verdicts, progress: progress,
		lanes: map[string]chan hacarus.File{}, under: make(chan *work), outcomes: make(chan *hacarus.Inspection),
	}
	listening, stop := context.WithCancel(ctx)
	defer context.AfterFunc(draining, stop)()
	begun := make(chan struct{})
	go func() {
		defer close(begun)
		if err := i.begin(listening, slices.Clone(progress.missing), progress.through+1, known); err != nil {
			cancel(err)
		}
	}()
	err = i.settle(begun)
	cancel(err)
	<-begun
	i.running.Wait()
	return err
}

// remember is how long the journal has to remember an image. Where one has waited
// since before a failure, it is since then: its verdict may be known to the journal,
// and not have been published.
func (s *station) remember(ctx context.Context, p progress) (time.Duration, error) {
	first, err := s.Queue.Next(ctx, queue.JobsOf(s.name, ""), p.first())
	if first == nil || err != nil {
		return s.Remember, err
	}
	return s.Remember + max(time.Since(first.Time), 0), nil
}

// begin begins with the images that have no verdict, one after the other, until the
// context ends.
func (i *inspection) begin(ctx context.Context, missing []uint64, next uint64, known *ids) error {
	subject := queue.JobsOf(i.name, "")
	news, stop, err := i.Queue.News(subject)
	if err != nil {
		return err
	}
	defer stop()
	for _, seq := range missing {
		m, err := i.Queue.Next(ctx, subject, seq)
		if err == nil && m != nil && m.Seq == seq { // or else it was lost with its stream, and the spool tells of it again
			err = i.start(m, known)
		}
		if err != nil {
			return ended(ctx, err)
		}
	}
	for wait := queue.Idle; ctx.Err() == nil; {
		m, err := i.Queue.Next(ctx, subject, next)
		if m == nil && err == nil {
			wait = queue.Await(ctx, news, wait)
			continue
		}
		if err == nil {
			wait, next = queue.Idle, m.Seq+1
			err = i.start(m, known)
		}
		if err != nil {
			return ended(ctx, err)
		}
	}
	return nil
}

// ended is no error where the context has ended, as it should.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	return err
}

// start begins with an image.
func (i *inspection) start(m *queue.Message, known *ids) error {
	w := &work{seq: m.Seq}
	if err := json.Unmarshal(m.Data, &w.job); err != nil {
		return err
	}
	if first, repeated := known.meet(w.job.ID, w.job.Intake, w.job.SHA256); repeated {
		w.repeat(first)
	}
	ready := w.ready()
	select {
	case i.under <- w:
	case <-i.ctx.Done():
		return context.Cause(i.ctx)
	}
	if ready {
		return nil
	}
	return i.hand(w)
}

// settle publishes the verdicts, those of earlier images first, until the run ends,
// or until no image is begun any more and none is under way.
func (i *inspection) settle(begun <-chan struct{}) error {
	tick := time.NewTicker(max(i.Hold/4, 10*time.Millisecond))
	defer tick.Stop()
	for begun != nil || len(i.order) > 0 {
		select {
		case w := <-i.under:
			i.order = append(i.order, w)
		case outcome := <-i.outcomes:
			i.take(outcome)
		case <-tick.C:
		case <-begun:
			begun = nil
		case <-i.ctx.Done():
			return context.Cause(i.ctx)
		}
		if err := i.publishReady(time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// maxTries is how often an image is inspected that fails for a reason that may pass.
const maxTries = 3

// take takes an outcome, or has the image inspected once more.
func (i *inspection) take(outcome *hacarus.Inspection) {
	w := outcome.Tag.(*work)
	if w.tries++; mayPass(outcome.Err) && w.tries < maxTries {
		i.running.Go(func() { _ = i.hand(w) }) // fails if the run has ended
		return
	}
	w.done, w.since = outcome, time.Now()
}

// mayPass says whether an image may get its verdict at another try: the trouble is
// the service's, or the disk's.
func mayPass(err error) bool {
	_, ofDisk := errors.AsType[*fs.PathError](err)
	return ofDisk || hacarus.IsTemporary(err)
}

// ready says whether there is something to publish, or nothing to do.
func (w *work) ready() bool { return w.done != nil || w.from != "" }

// publishReady publishes what may be: in the order of the images, but for those
// that would keep others waiting for too long.
func (i *inspection) publishReady(now time.Time) error {
	for n := 0; n < len(i.order); {
		w := i.order[n]
		if !w.ready() || n > 0 && now.Sub(w.since) < i.Hold {
			n++
			continue
		}
		i.order = slices.Delete(i.order, n, n+1)
		if err := i.publish(w); err != nil {
			return err
		}
	}
	return nil
}

// publish publishes a verdict, which is the image's record, once and for all: the
// stream takes it only behind the one that was published before it. With it goes
// how far the station has come, so that the next run knows. Of an image that has its
// verdict, that is all there is to tell.
func (i *inspection) publish(w *work) (err error) {
	i.advance(w)
	var raw []byte
	if w.from == "" {
		if raw, err = output.Marshal(i.entry(w)); err != nil {
			return err
		}
	}
	header := i.progress.header()
	if w.from != w.job.Intake { // which otherwise is told of it by its verdict
		maps.Copy(header, intake.VerdictHeader(w.job))
	}
	if _, err := i.verdicts.Write(i.ctx, header, raw); err != nil {
		return err
	}
	if i.Settled != nil && w.done != nil {
		i.Settled(w.job, w.done)
	}
	return i.forget()
}

// advance notes that an image is done.
func (i *inspection) advance(w *work) {
	i.progress.through = max(i.progress.through, w.seq)
	i.progress.missing = nil
	for _, other := range i.order {
		if other.seq < i.progress.through {
			i.progress.missing = append(i.progress.missing, other.seq)
		}
	}
}

func (i *inspection) entry(w *work) record.Entry {
	r := inspect.ResultOf(w.done)
	model := record.ModelOf(w.done, i.modelOf(w.job))
	return record.Entry{
		ID: w.job.ID, Time: time.Now().UTC(), Station: w.job.Station, File: output.JSONString(w.job.File), SHA256: w.job.SHA256,
		Size: w.job.Size, Written: w.job.Accepted, Lot: w.job.Lot, Serial: w.job.Serial, ItemID: w.done.ItemID,
		Model: model, Version: i.versions.Of(i.ctx, model),
		Verdict: string(w.done.Verdict), Score: r.Score, Error: r.Error, By: record.Model, Note: w.job.Note,
		Boxes: record.OnPicture(r.Boxes[:min(len(r.Boxes), maxBoxes)], w.done.Item, i.file(w).Open),
	}
}

// maxBoxes bounds a verdict's boxes, so that it always fits into a message of the
// queue. Nobody looks at more.
const maxBoxes = 5000

// forgetEvery is after how many verdicts the queue is told to forget their jobs.
const forgetEvery = 500

// forgetPause is how many times as long as the queue takes to forget jobs it is left in
// peace: it looks through all that wait behind them.
const forgetPause = 100

// forget has the queue forget the jobs that are done, now and then. The last one
// stays: it tells when the station was heard of.
func (i *inspection) forget() error {
	if i.progress.count++; i.progress.count%forgetEvery != 1 || time.Now().Before(i.forgets) {
		return nil
	}
	begun := time.Now()
	if err := i.Queue.Forget(i.ctx, queue.JobsOf(i.name, ""), i.progress.floor()); err != nil {
		i.Log.Debug("jobs that are done are not forgotten", "error", err)
	}
	i.forgets = time.Now().Add(forgetPause * time.Since(begun))
	return i.trim()
}

// trim forgets verdicts and judgements that are older than the history, but for the last
// ones.
func (i *inspection) trim() error {
	if i.History <= 0 {
		return nil
	}
	first, err := i.Queue.Since(i.ctx, queue.VerdictsOf(i.name), time.Now().Add(-i.History))
	if err != nil || first == nil {
		return err
	}
	for _, subject := range []string{queue.VerdictsOf(i.name), queue.JudgementsOf(i.name)} {
		if err := i.Queue.Trim(i.ctx, subject, first.Seq); err != nil {
			return fmt.Errorf("the history is not trimmed: %w", err)
		}
	}
	return nil
}
