package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrTakenOver is the error of a writer in whose place somebody else writes.
var ErrTakenOver = errors.New("queue: another one has taken over")

// Writer is the only one who writes to a subject, or learns that it is not any
// more: each message says which one it expects before it, and the stream refuses it
// after any other. That is all the locking there is. A Writer may be used by several
// goroutines.
type Writer struct {
	q       *Queue
	subject string
	id      string // of this writer, in each of its messages

	mu    sync.Mutex
	last  uint64 // the sequence number of the last message of the subject
	nth   int    // of that message; see [Message.nth]
	count int    // of the writes
	lost  bool
}

// Headers of each message.
const (
	writeHeader = "Hacarus-Write" // which write it comes from
	nthHeader   = "Hacarus-Nth"   // how many its subject has had with it
)

// NewWriter returns a writer, and the last message of its subject, behind which it
// writes; nil if there is none.
func (q *Queue) NewWriter(ctx context.Context, subject string) (*Writer, *Message, error) {
	last, err := q.Last(ctx, subject)
	if err != nil {
		return nil, nil, err
	}
	w := &Writer{q: q, subject: subject, id: rand.Text()}
	if last != nil {
		w.last, w.nth = last.Seq, last.Nth()
	}
	return w, last, nil
}

// Write adds a message, which is on the disk when Write returns, and returns its
// sequence number. While the queue is away, it waits. It is never added twice,
// however often the queue has to be asked.
func (w *Writer) Write(ctx context.Context, header nats.Header, data []byte) (seq uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return 0, ErrTakenOver
	}
	w.count++
	for try := 1; ; try++ {
		if seq, err = w.publish(ctx, header, data); err == nil {
			w.last = seq
			w.nth++
			return seq, nil
		}
		if errors.Is(err, ErrTakenOver) {
			w.lost = true
			return 0, err
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return 0, err // it will not become smaller
		}
		if !pause(ctx, min(time.Duration(try)*20*time.Millisecond, time.Second)) {
			return 0, errors.Join(context.Cause(ctx), err)
		}
		if try%5 == 0 { // a store that was damaged may have lost its streams
			once, cancel := context.WithTimeout(ctx, timeout)
			_ = w.q.make(once)
			cancel()
		}
	}
}

func (w *Writer) publish(ctx context.Context, header nats.Header, data []byte) (uint64, error) {
	m := nats.NewMsg(w.subject)
	for name, values := range header {
		m.Header[name] = values
	}
	m.Header.Set(writeHeader, w.id+" "+strconv.Itoa(w.count))
	m.Header.Set(nthHeader, strconv.Itoa(w.nth+1))
	if !w.q.isAtomic() { // of two messages with the same id, it keeps one
		m.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("%s after %d", w.subject, w.last))
	}
	m.Data = data
	once, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ack, err := w.q.js.PublishMsg(once, m, jetstream.WithExpectLastSequencePerSubject(w.last), jetstream.WithRetryAttempts(0))
	if err == nil && !ack.Duplicate {
		return ack.Sequence, nil
	}
	if err == nil {
		return w.resolve(once, errThere)
	}
	if !hasCode(err, jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return 0, err
	}
	return w.resolve(once, err)
}

// errThere is why a message is refused that has the id of another one.
var errThere = errors.New("queue: there is a message already")

func hasCode(err error, codes ...jetstream.ErrorCode) bool {
	response, ok := errors.AsType[*jetstream.APIError](err)
	return ok && slices.Contains(codes, response.ErrorCode)
}

// resolve finds out what is there in place of the message that was expected: this
// very write, whose acknowledgment was lost, or somebody else's. An error that is
// not ErrTakenOver means that it cannot be told yet.
func (w *Writer) resolve(ctx context.Context, refused error) (uint64, error) {
	last, err := w.q.Last(ctx, w.subject)
	if err != nil {
		return 0, err
	}
	if last == nil {
		if w.last != 0 {
			return 0, ErrTakenOver // the stream was lost: whoever begins again knows from where
		}
		return 0, refused
	}
	if last.Seq == w.last {
		return 0, refused // a replica that lags behind
	}
	id, count, _ := strings.Cut(last.Header.Get(writeHeader), " ")
	switch {
	case id == w.id && count == strconv.Itoa(w.count):
		return last.Seq, nil
	case id == w.id || last.Seq < w.last:
		if last.Seq > w.last { // a write that its caller did not wait for
			w.last, w.nth = last.Seq, last.Nth()
		}
		return 0, refused
	}
	return 0, ErrTakenOver
}

// position is the sequence number of the last message of the subject.
func (w *Writer) position() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
