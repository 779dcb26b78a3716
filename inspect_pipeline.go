package hacarus

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/journal"
)

// unit is a file on its way.
type unit struct {
	index    int
	label    string
	file     File // under the name that it is uploaded with
	key      journal.Key
	size     int64
	id       string // of its item; until that is uploaded, the one that follows from the name
	expected string // what follows from the name
	step     journal.Step
	since    time.Time // of the step
	noted    bool      // the journal knows the file
	admitted bool      // it has a place in the room
	answered bool      // the prediction was answered, and not only asked for
	// predicted is true when the progress has the prediction.
	predicted bool
	status    ItemStatus // as last polled, of an item whose assessment did not come in time
}

// finished is a file with what became of it: an item, or an error.
type finished struct {
	*unit
	item *Item
	err  error
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

func totalSize(units []*unit) (size int64) {
	for _, u := range units {
		size += u.size
	}
	return size
}

// run is the life of one inspection, or of one upload: what it does, and what ended it.
type run struct {
	caller context.Context //nolint:containedctx // the one that the user gave
	ctx    context.Context //nolint:containedctx // the run's own, which ends with it
	cancel context.CancelCauseFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	fatal error
}

func newRun(ctx context.Context, p pacer) *run {
	r := &run{caller: ctx}
	r.ctx, r.cancel = context.WithCancelCause(withPacer(ctx, p))
	return r
}

// fail ends the run with an error that concerns all files.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.fatal == nil && r.caller.Err() == nil {
		r.fatal = err
	}
	r.mu.Unlock()
	r.cancel(err)
}

// reason is what ended the run early; nil if nothing did.
func (r *run) reason() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil && r.caller.Err() != nil {
		return contextError(r.caller, nil)
	}
	return r.fatal
}

// tally counts what became of the files.
type tally struct {
	mu      sync.Mutex
	counts  counts
	changed chan struct{} // holds one signal
}

// counts are the figures of a progress.
type counts struct{ uploaded, predicted, succeeded, failed int }

func newTally() *tally { return &tally{changed: make(chan struct{}, 1)} }

func (t *tally) add(c counts) {
	t.mu.Lock()
	t.counts.uploaded += c.uploaded
	t.counts.predicted += c.predicted
	t.counts.succeeded += c.succeeded
	t.counts.failed += c.failed
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default: // a signal is there already
	}
}

func (t *tally) figures() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// pipeline takes files from where they come to what becomes of them. Files are
// prepared one after the other; those that have come to the same step are
// gathered into batches; each batch has a goroutine.
type pipeline struct {
	*run
	*tally
	prepare func(*unit) error // finds out what has to be known of a file before it is sent
	stages  map[journal.Step]*stage
	room    chan struct{}  // a place for each file under way
	under   sync.WaitGroup // the files under way
	coming  atomic.Int64   // files that are about to come to a stage
	over    chan struct{}  // closed when no file is under way, and none will be
	left    chan struct{}  // closed when the range was left
	results chan finished
}

func newPipeline(r *run, places int) *pipeline {
	return &pipeline{
		run: r, tally: newTally(), stages: map[journal.Step]*stage{}, room: make(chan struct{}, places),
		over: make(chan struct{}), left: make(chan struct{}), results: make(chan finished),
	}
}

// start begins to work on the files, once before has succeeded.
func (p *pipeline) start(files iter.Seq[File], before func()) {
	for _, s := range p.stages {
		p.work.Go(func() { s.gather(p) })
	}
	p.work.Go(func() {
		before()
		p.feed(files)
		p.under.Wait()
		close(p.over)
	})
	go func() { p.work.Wait(); close(p.results) }()
}

// each hands over what became of the files, and tells of the progress, on the
// goroutine that calls it. When it returns, nothing goes on.
func (p *pipeline) each(progress func(counts), yield func(finished) bool) {
	defer p.stop()
	for {
		select {
		case d, more := <-p.results:
			if !more {
				return
			}
			p.add(d.counts())
			progress(p.figures())
			if !yield(d) {
				return
			}
			if d.admitted {
				<-p.room // not before: a slow range keeps the number of files in memory
			}
		case <-p.changed:
			progress(p.figures())
		}
	}
}

func (d finished) counts() counts {
	if d.err != nil {
		return counts{failed: 1}
	}
	return counts{succeeded: 1}
}

// stop ends the work, and waits for its end.
func (p *pipeline) stop() {
	close(p.left)
	p.cancel(nil)
	for range p.results { // until it is closed
	}
}

// feed prepares the files one after the other.
func (p *pipeline) feed(files iter.Seq[File]) {
	index := 0
	for file := range files {
		u := &unit{index: index, label: file.label(), file: file}
		index++
		p.under.Add(1)
		if !p.admit(u) {
			p.deliver(u, nil, p.abandoned())
			continue
		}
		p.coming.Add(1)
		if err := p.prepare(u); err != nil {
			p.deliver(u, nil, err)
		} else {
			p.count(u)
			p.place(u)
		}
		p.coming.Add(-1)
	}
}

// admit waits until there is room for a file. It is false when the run has ended.
func (p *pipeline) admit(u *unit) bool {
	if p.ctx.Err() != nil {
		return false
	}
	select {
	case p.room <- struct{}{}:
		u.admitted = true
	case <-p.ctx.Done():
	}
	return u.admitted
}

// abandoned is the outcome of a file that nothing was done with.
func (p *pipeline) abandoned() error {
	if err := p.reason(); err != nil {
		return err
	}
	return contextError(p.ctx, nil) // the range was left
}

// count notes what was done with a file in an earlier run.
func (p *pipeline) count(u *unit) {
	switch u.step {
	case journal.Uploaded:
		p.add(counts{uploaded: 1})
	case journal.Predicting, journal.Done:
		u.predicted = true
		p.add(counts{uploaded: 1, predicted: 1})
	}
}

// place hands a unit to the stage of its step.
func (p *pipeline) place(u *unit) { p.stages[u.step].in <- u }

// deliver hands over the outcome of a file. It is the end of it.
func (p *pipeline) deliver(u *unit, item *Item, err error) {
	select {
	case p.results <- finished{u, item, err}:
	case <-p.left:
	}
	p.under.Done()
}

const (
	// gatherQuiet is how long nothing comes to a stage until its batch goes.
	gatherQuiet = 5 * time.Millisecond
	// gatherLongest is how long the first of a batch waits for files that are being prepared.
	gatherLongest = 250 * time.Millisecond
)

// stage gathers the units that have come to a step, and works on them in
// batches. A batch goes when it is full or when nothing more comes right now,
// and not before it has its turn: until then more may join it.
type stage struct {
	in    chan *unit
	most  int                         // units of a batch
	limit func() int64                // bytes of a batch; nil: any number
	turn  func(context.Context) error // nil: there is no need to wait
	work  func([]*unit)               // has the turn
}

// gather makes batches until there is nothing left to come.
func (s *stage) gather(p *pipeline) {
	var first *unit
	for {
		if first == nil {
			select {
			case first = <-s.in:
			case <-p.over:
				return
			}
		}
		var b batch
		b.add(first)
		first = s.fill(p, &b)
		p.work.Go(func() { p.process(s, b.units) })
	}
}

// process works on a batch, unless the run has ended.
func (p *pipeline) process(s *stage, units []*unit) {
	if p.ctx.Err() == nil {
		s.work(units)
		return
	}
	for _, u := range units {
		p.deliver(u, nil, p.abandoned())
	}
}

// fill adds to a batch until it goes, and returns a unit that found no place in it.
func (s *stage) fill(p *pipeline, b *batch) (next *unit) {
	begun, tick := time.Now(), time.NewTicker(gatherQuiet)
	defer tick.Stop()
	var turn chan struct{} // closed when the batch has its turn; nil: not asked for
	full := false
	for {
		full = full || len(b.units) == s.most
		in := s.in
		if full {
			in = nil
			if turn == nil {
				turn = s.ask(p)
			}
		}
		select {
		case u := <-in:
			if full = !b.takes(u, s.most, s.bytes()); full {
				next = u
				continue
			}
			b.add(u)
			tick.Reset(gatherQuiet)
		case <-tick.C:
			if turn == nil && (p.coming.Load() == 0 || time.Since(begun) >= gatherLongest) {
				turn = s.ask(p)
			}
		case <-turn:
			return next
		}
	}
}

func (s *stage) bytes() int64 {
	if s.limit == nil {
		return 1 << 62
	}
	return s.limit()
}

// ask waits for a turn, and tells of it by closing the channel.
func (s *stage) ask(p *pipeline) chan struct{} {
	turn := make(chan struct{})
	if s.turn == nil {
		close(turn)
		return turn
	}
	p.work.Go(func() {
		_ = s.turn(p.ctx) // an end of the run is noticed by the work
		close(turn)
	})
	return turn
}
