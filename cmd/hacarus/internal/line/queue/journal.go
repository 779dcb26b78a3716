package queue

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Journal keeps a journal of the SDK on a subject. A message holds the lines of some
// calls of Append, and tells where the journal begins: at the first message, or at
// that of the last compaction. Ownership is that of the subject's [Writer].
type Journal struct {
	q       *Queue
	subject string

	owner  sync.Mutex // held by the one call that writes
	writer *Writer    // nil before Lines
	start  uint64     // where the journal begins; 0 is at the first message
	chunks string     // the compaction that it begins with; "" for none

	holding bool  // something will write what waits
	failed  error // lines that were held could not be written

	mu     sync.Mutex
	queued []*addition
	closed bool
}

// addition is what an Append waits for.
type addition struct {
	lines []byte // each with its newline
	held  bool   // its Append has returned
	done  chan error
}

// Headers of a journal's messages.
const (
	startHeader  = "Hacarus-Start"  // where the journal begins, and with which compaction
	chunksHeader = "Hacarus-Chunks" // the compaction that a message is a part of
)

// maxLines bounds the lines of a message in bytes: a message of the queue has at
// most one MiB, and a line is shorter than a megabyte.
const maxLines = 256 << 10

var errClosed = errors.New("queue: the journal is closed")

// Journal returns the journal on a subject.
func (q *Queue) Journal(subject string) *Journal { return &Journal{q: q, subject: subject} }

var _ hacarus.JournalStore = (*Journal)(nil)

// Lines implements [hacarus.JournalStore]. It takes over with a message without
// lines: after it, those of the former owner are refused.
func (j *Journal) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		last, err := j.takeOver(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		for next := max(j.start, 1); next <= last; {
			messages, err := j.q.Read(ctx, j.subject, next)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(messages) == 0 && !pause(ctx, time.Millisecond) { // a replica that lags behind
				yield(nil, context.Cause(ctx))
				return
			}
			for _, m := range messages {
				if next = m.Seq + 1; m.Seq > last {
					break
				}
				if chunks := m.Header.Get(chunksHeader); chunks != "" && chunks != j.chunks {
					continue // of a compaction that came to nothing
				}
				for line := range bytes.Lines(m.Data) {
					if ctx.Err() != nil {
						yield(nil, context.Cause(ctx))
						return
					}
					if !yield(bytes.TrimSuffix(line, []byte("\n")), nil) {
						return
					}
				}
			}
		}
	}
}

// takeOver makes this the owner, and returns the sequence number up to which the
// journal is to be read.
func (j *Journal) takeOver(ctx context.Context) (uint64, error) {
	j.owner.Lock()
	defer j.owner.Unlock()
	if j.writer != nil {
		j.writeQueued(ctx)
	}
	j.writer, j.failed = nil, nil
	for {
		if err := j.usable(ctx); err != nil {
			return 0, err
		}
		writer, last, err := j.q.NewWriter(ctx, j.subject)
		if err != nil {
			return 0, err
		}
		j.start, j.chunks = 0, ""
		if last != nil {
			start, chunks, _ := bytes.Cut([]byte(last.Header.Get(startHeader)), []byte(" "))
			if j.start, err = strconv.ParseUint(string(start), 10, 64); err != nil {
				return 0, fmt.Errorf("queue: the journal %s: %w", j.subject, err)
			}
			j.chunks = string(chunks)
		}
		seq, err := writer.Write(ctx, j.header(""), nil)
		if errors.Is(err, ErrTakenOver) {
			continue // somebody else did, at the same time
		}
		if err != nil {
			return 0, err
		}
		j.writer = writer
		return seq, nil
	}
}

func (j *Journal) usable(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return errClosed
	}
	return ctx.Err()
}

func (j *Journal) header(chunks string) nats.Header {
	h := nats.Header{startHeader: {fmt.Sprintf("%d %s", j.start, j.chunks)}}
	if chunks != "" {
		h[chunksHeader] = []string{chunks}
	}
	return h
}

// heldTime is for how long lines that need not be durable are held, so that they go
// with others: each message costs a write to the disk.
const heldTime = 200 * time.Millisecond

// Append implements [hacarus.JournalStore]. What is appended while a message is on
// its way to the disk goes with the next one, together, and so do lines that need
// not be durable. Of these, a killed process loses the last moment, as if it had
// been killed before.
func (j *Journal) Append(ctx context.Context, durable bool, lines ...[]byte) error {
	if err := j.usable(ctx); err != nil {
		return err
	}
	mine := &addition{held: !durable, done: make(chan error, 1)}
	for _, line := range lines {
		mine.lines = append(append(mine.lines, line...), '\n')
	}
	if !durable {
		return j.hold(ctx, mine)
	}
	j.add(mine)
	j.flush(ctx)
	return <-mine.done
}

func (j *Journal) add(a *addition) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queued = append(j.queued, a)
}

// flush writes what waits.
func (j *Journal) flush(ctx context.Context) {
	j.owner.Lock()
	defer j.owner.Unlock()
	j.writeQueued(ctx)
}

// hold lets lines wait for others, if this is still the owner.
func (j *Journal) hold(ctx context.Context, a *addition) error {
	j.owner.Lock()
	defer j.owner.Unlock()
	if j.writer == nil {
		return hacarus.ErrJournalLocked
	}
	if j.failed != nil {
		return j.failed
	}
	passed, err := j.q.hasNext(ctx, j.subject, j.writer.position()+1)
	if err != nil {
		return err
	}
	if passed {
		return hacarus.ErrJournalLocked
	}
	j.add(a)
	if !j.holding {
		j.holding = true
		time.AfterFunc(heldTime, func() { j.flush(ctx) })
	}
	return nil
}

// writeQueued writes what waits: that of its caller, if nobody has, and of others.
func (j *Journal) writeQueued(ctx context.Context) {
	j.holding = false
	j.mu.Lock()
	queued := j.queued
	j.queued = nil
	j.mu.Unlock()
	for len(queued) > 0 {
		n, size := 0, 0
		for n < len(queued) && (n == 0 || size+len(queued[n].lines) <= maxLines) {
			size += len(queued[n].lines)
			n++
		}
		var err error
		if lines := joined(queued[:n]); len(lines) > 0 {
			err = j.write(ctx, "", lines)
		}
		for _, a := range queued[:n] {
			a.done <- err
			if err != nil && a.held {
				j.failed = err // nobody waits for it
			}
		}
		queued = queued[n:]
	}
}

func joined(additions []*addition) (lines []byte) {
	if len(additions) == 1 {
		return additions[0].lines
	}
	for _, a := range additions {
		lines = append(lines, a.lines...)
	}
	return lines
}

// write writes lines, in as many messages as they take.
func (j *Journal) write(ctx context.Context, chunks string, lines []byte) error {
	if j.writer == nil {
		return hacarus.ErrJournalLocked // whose owner nobody is without having read it
	}
	if j.failed != nil {
		return j.failed // what comes after a gap is not written
	}
	for first := true; first || len(lines) > 0; first = false {
		part := lines
		if len(part) > maxLines {
			end := bytes.LastIndexByte(part[:maxLines], '\n') + 1
			if end == 0 {
				end = bytes.IndexByte(part, '\n') + 1 // one long line
			}
			part = part[:end]
		}
		lines = lines[len(part):]
		if _, err := j.writer.Write(ctx, j.header(chunks), part); err != nil {
			return locked(err)
		}
	}
	return nil
}

func locked(err error) error {
	if errors.Is(err, ErrTakenOver) {
		return fmt.Errorf("%w: %w", hacarus.ErrJournalLocked, err)
	}
	return err
}

// Compact implements [hacarus.JournalStore]. The new lines are written behind the
// others, and are nothing until one message says that the journal begins with them.
func (j *Journal) Compact(ctx context.Context, lines iter.Seq[[]byte]) error {
	if err := j.usable(ctx); err != nil {
		return err
	}
	j.owner.Lock()
	defer j.owner.Unlock()
	if j.writer == nil {
		return hacarus.ErrJournalLocked
	}
	j.writeQueued(ctx)
	chunks := rand.Text()
	var part []byte
	begin := j.writer.position() + 1
	flush := func() error {
		err := j.write(ctx, chunks, part)
		part = part[:0]
		return err
	}
	for line := range lines {
		if len(part)+len(line) >= maxLines && len(part) > 0 {
			if err := flush(); err != nil {
				return err
			}
		}
		part = append(append(part, line...), '\n')
	}
	if err := errors.Join(ctx.Err(), flush()); err != nil {
		return err
	}
	start, former := j.start, j.chunks
	j.start, j.chunks = begin, chunks
	if _, err := j.writer.Write(ctx, j.header(""), nil); err != nil {
		j.start, j.chunks = start, former
		return locked(err)
	}
	_ = j.q.Forget(ctx, j.subject, begin) // or else the next time
	return nil
}

// Close implements [hacarus.JournalStore].
func (j *Journal) Close() error {
	j.mu.Lock()
	closed := j.closed
	j.closed = true
	j.mu.Unlock()
	if !closed {
		ctx, cancel := context.WithTimeout(context.Background(), 5*timeout)
		defer cancel()
		j.flush(ctx)
	}
	return nil
}
