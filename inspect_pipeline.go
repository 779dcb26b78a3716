package hacarus

import (
	"context"
	"crypto/sha256"
	"errors"
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
	missed   bool      // its item was looked for, and was not there
	admitted bool      // it has a place in the room
	prediction
}

// prediction is what is known of one that was asked for.
type prediction struct {
	counted bool  // the progress has it
	certain bool  // there was a response, and not only a request
	latest  *Item // as last polled, of an item whose assessment did not come in time
	lost    error // what the last one failed with whose response was lost
	losses  int   // how often that happened
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

// takes reports whether a file may join. A file that can be read only once is
// sent alone, because the others can be sent again.
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
	broken chan struct{} // closed when something panicked
	// obstacle returns what keeps the run from going on, or nil.
	obstacle func() error

	mu       sync.Mutex
	fatal    error
	panicked any
}

func newRun(ctx context.Context, l *limiter) *run {
	r := &run{caller: ctx, broken: make(chan struct{}), obstacle: l.obstacle}
	r.ctx, r.cancel = context.WithCancelCause(withPacer(ctx, l))
	return r
}

// goes starts a goroutine that works for the run.
func (r *run) goes(f func()) {
	r.work.Go(func() { r.rescued(f) })
}

// rescued calls f, and ends the run when something of the user's panics in it, or
// ends the goroutine, where nobody could recover from that; the one that ranges does.
func (r *run) rescued(f func()) { supervise(f, r.breakOff) }

// breakOff ends the run with what something of the user's panicked with.
func (r *run) breakOff(v any) {
	r.mu.Lock()
	if r.panicked == nil {
		r.panicked = v
		close(r.broken)
	}
	r.mu.Unlock()
	r.cancel(nil)
}

// fail ends the run with an error that concerns all files. If the user's
// context has ended, the error says what that interrupted, or nothing new.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.fatal == nil && (r.caller.Err() == nil || errors.Is(err, r.caller.Err())) {
		r.fatal = err
	}
	r.mu.Unlock()
	r.cancel(err)
}

// reason returns what ended the run early, or nil if nothing did.
func (r *run) reason() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil && r.caller.Err() != nil {
		r.fatal = contextError(r.caller, r.obstacle())
	}
	return r.fatal
}

// blame returns the error of a file: its own, or if the run has ended, one that
// says so.
func (r *run) blame(err error) error {
	reason := r.reason()
	if err == nil || reason == nil {
		return err
	}
	return unfinished{r.explained(err, reason)}
}

// explained replaces a cancellation that nobody asked for by its reason, which is
// what ended the run.
func (r *run) explained(err, reason error) error {
	if r.caller.Err() != nil || !errors.Is(err, context.Canceled) {
		return err
	}
	if lost, ok := errors.AsType[*RequestError](err); ok && lost.Outcome != OutcomeNotSent && lost.Outcome != OutcomeNotExecuted {
		blamed := *lost
		blamed.Err = reason
		return &blamed
	}
	return reason
}

// roster counts the files that are under way.
type roster struct {
	mu     sync.Mutex
	n      int
	sealed bool
	empty  chan struct{} // closed when no file is under way, and none will be
}

// enter returns false if no more files are accepted.
func (r *roster) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sealed {
		return false
	}
	r.n++
	return true
}

func (r *roster) leave() { r.change(-1, false) }

// seal says that no more files will come.
func (r *roster) seal() { r.change(0, true) }

func (r *roster) change(n int, seal bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	over := r.sealed && r.n == 0
	r.n += n
	r.sealed = r.sealed || seal
	if !over && r.sealed && r.n == 0 {
		close(r.empty)
	}
}

// tally counts the outcomes of the files.
type tally struct {
	mu      sync.Mutex
	counts  counts
	model   *Model        // that is waited for; nil: none is
	changed chan struct{} // holds one signal
}

// counts are the figures of a progress.
type counts struct{ uploaded, predicted, succeeded, failed int }

func newTally() *tally { return &tally{changed: make(chan struct{}, 1)} }

// add adds to the counts and causes the progress to be reported.
func (t *tally) add(c counts) {
	t.count(c)
	t.signal()
}

func (t *tally) count(c counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.uploaded += c.uploaded
	t.counts.predicted += c.predicted
	t.counts.succeeded += c.succeeded
	t.counts.failed += c.failed
}

// signal causes the progress to be reported.
func (t *tally) signal() {
	select {
	case t.changed <- struct{}{}:
	default: // a signal is there already
	}
}

// await records the model that is being waited for, or nil if none is any more.
func (t *tally) await(m *Model) {
	t.mu.Lock()
	t.model = m
	t.mu.Unlock()
	t.signal()
}

func (t *tally) figures() (counts, *Model) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts, t.model
}

// pipeline takes files from their source to their outcome. Several files are
// prepared at a time. Files that have reached the same step are gathered into
// batches, and each batch has a goroutine.
type pipeline struct {
	*run
	*tally
	prepare preparer
	stages  map[journal.Step]*stage
	room    chan struct{} // a place for each file under way
	reading chan struct{} // a place for each file that is being read to prepare it
	roster  roster
	coming  atomic.Int64  // files that are about to come to a stage
	left    chan struct{} // closed when the range was left
	results chan finished
	ended   chan struct{} // closed when nothing goes on any more
}

// preparer determines what must be known about a file before it is sent.
type preparer interface {
	// check refuses what cannot be a file.
	check(u *unit) error
	// reads reports whether the file must be read for that.
	reads(u *unit) bool
	// measure reads the file. It changes nothing, because nobody may be waiting for
	// its end.
	measure(u *unit) (measure, error)
	// settle takes over what was measured and decides with which step to begin.
	settle(u *unit, m measure)
	// release forgets what is known only while the file is under way.
	release(u *unit)
}

// measure is the result of reading a file: its size and the hash of its
// content.
type measure struct {
	size int64
	sum  [sha256.Size]byte
}

// maxReading bounds how many files are read at a time to prepare them, so that
// a slow one does not hold up the others.
const maxReading = 8

func newPipeline(r *run, places int) *pipeline {
	return &pipeline{
		run: r, tally: newTally(), stages: map[journal.Step]*stage{}, room: make(chan struct{}, places),
		reading: make(chan struct{}, maxReading), roster: roster{empty: make(chan struct{})},
		left: make(chan struct{}), results: make(chan finished), ended: make(chan struct{}),
	}
}

// start begins to work on the files, after before has succeeded. The end of the
// context also ends an endless feed, which may never return.
func (p *pipeline) start(files iter.Seq[File], endless bool, before func()) {
	for _, s := range p.stages {
		p.goes(func() { s.gather(p) })
	}
	go func() {
		defer p.roster.seal()
		p.rescued(func() {
			before()
			p.feed(files, endless)
		})
	}()
	if endless {
		p.goes(func() {
			select {
			case <-p.ctx.Done():
				p.roster.seal()
			case <-p.roster.empty:
			}
		})
	}
	go func() { p.work.Wait(); close(p.ended) }()
}

// each yields the outcomes of the files and reports the progress, on the
// goroutine that calls it. When it returns, no work is going on.
func (p *pipeline) each(progress func(), yield func(finished) bool) {
	defer p.stop()
	for {
		select {
		case f := <-p.results:
			p.count(f.counts())
			progress()
			if !yield(f) {
				return
			}
			if f.admitted {
				<-p.room // not before: a slow range keeps the number of files in memory
			}
		case <-p.changed:
			progress()
		case <-p.broken:
			return
		case <-p.ended:
			return
		}
	}
}

func (f finished) counts() counts {
	if f.err != nil {
		return counts{failed: 1}
	}
	return counts{succeeded: 1}
}

// stop ends the work and waits for its end. A panic in the work continues here.
func (p *pipeline) stop() {
	close(p.left)
	p.cancel(nil)
	<-p.ended
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	if p.panicked != nil {
		panic(p.panicked)
	}
}

// feed prepares the files as they come.
func (p *pipeline) feed(files iter.Seq[File], endless bool) {
	index := 0
	for file := range files {
		u := &unit{index: index, label: file.label(), file: file}
		index++
		if !p.roster.enter() {
			return
		}
		if p.admit(p.room) {
			u.admitted = true
			p.coming.Add(1)
			p.take(u)
			continue
		}
		p.deliver(u, nil, p.abandoned())
		if endless {
			return
		}
	}
}

// admit waits for a free place. It returns false if the run has ended.
func (p *pipeline) admit(room chan struct{}) bool {
	if p.ctx.Err() != nil {
		return false
	}
	select {
	case room <- struct{}{}:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// take prepares a file and passes it to the stage with which it begins.
func (p *pipeline) take(u *unit) {
	err := p.prepare.check(u)
	if err != nil || !p.prepare.reads(u) {
		p.begin(u, measure{size: u.file.Size}, err)
		return
	}
	if !p.admit(p.reading) {
		p.begin(u, measure{}, p.abandoned())
		return
	}
	p.goes(func() {
		m, err := within(p.ctx, func() (measure, error) { return p.prepare.measure(u) })
		<-p.reading
		if err != nil && p.ctx.Err() != nil {
			err = p.abandoned()
		}
		p.begin(u, m, err)
	})
}

// begin sends a file that was prepared on its way.
func (p *pipeline) begin(u *unit, m measure, err error) {
	defer p.coming.Add(-1)
	if err != nil {
		p.deliver(u, nil, err)
		return
	}
	p.prepare.settle(u, m)
	p.resume(u)
	p.place(u)
}

// abandoned is the outcome of a file with which nothing was done.
func (p *pipeline) abandoned() error {
	if err := p.reason(); err != nil {
		return err
	}
	return contextError(p.ctx, nil) // the range was left
}

// resume counts what an earlier run did with a file.
func (p *pipeline) resume(u *unit) {
	switch u.step {
	case journal.Uploaded:
		p.add(counts{uploaded: 1})
	case journal.Predicting, journal.Done:
		u.counted = true
		p.add(counts{uploaded: 1, predicted: 1})
	}
}

// place passes a unit to the stage of its step.
func (p *pipeline) place(u *unit) {
	select {
	case p.stages[u.step].in <- u:
	case <-p.broken:
	}
}

// deliver yields the outcome of a file, which ends its way. A file with an item
// has its outcome, whatever ends the run.
func (p *pipeline) deliver(u *unit, item *Item, err error) {
	p.prepare.release(u)
	if item == nil {
		err = p.blame(err)
	}
	select {
	case p.results <- finished{u, item, err}:
	case <-p.left:
	case <-p.broken:
	}
	p.roster.leave()
}

const (
	// gatherQuiet is how long nothing must arrive at a stage before its batch is
	// sent.
	gatherQuiet = 5 * time.Millisecond
	// gatherLongest is how long the first file of a batch waits for files that are
	// being prepared.
	gatherLongest = 250 * time.Millisecond
)

// stage gathers the units that have reached a step and works on them in
// batches. A batch is sent when it is full or when nothing more arrives right
// now, but not before it has its turn; until then, more units may join it.
type stage struct {
	in    chan *unit
	most  int                         // units of a batch
	limit func() int64                // bytes of a batch; nil: any number
	turn  func(context.Context) error // nil: there is no need to wait
	work  func([]*unit)               // has the turn
}

// gather makes batches until no more units can arrive.
func (s *stage) gather(p *pipeline) {
	var first *unit
	for {
		if first == nil {
			select {
			case first = <-s.in:
			case <-p.roster.empty:
				return
			case <-p.broken:
				return
			}
		}
		var b batch
		b.add(first)
		first = s.fill(p, &b)
		p.goes(func() { p.process(s, b.units) })
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

// fill adds units to a batch until it is ready, and returns a unit that did not
// fit.
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
		case <-p.broken:
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

// ask waits for a turn and closes the channel when it has it.
func (s *stage) ask(p *pipeline) chan struct{} {
	turn := make(chan struct{})
	if s.turn == nil {
		close(turn)
		return turn
	}
	p.goes(func() {
		_ = s.turn(p.ctx) // an end of the run is noticed by the work
		close(turn)
	})
	return turn
}
