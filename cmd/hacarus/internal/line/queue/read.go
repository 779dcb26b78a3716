package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is a message of a stream.
type Message struct {
	Seq     uint64
	Subject string
	Time    time.Time
	Header  nats.Header
	Data    []byte
}

// Nth is how many messages its subject has had up to this one, be they forgotten.
func (m *Message) Nth() int {
	n, _ := strconv.Atoi(m.Header.Get(nthHeader))
	return n
}

// getRequest asks a stream for messages.
type getRequest struct {
	Seq        uint64   `json:"seq,omitempty"`
	Next       string   `json:"next_by_subj,omitempty"`
	LastOf     string   `json:"last_by_subj,omitempty"`
	LastOfEach []string `json:"multi_last,omitempty"`
	Batch      int      `json:"batch,omitempty"`
	MaxBytes   int      `json:"max_bytes,omitempty"`
}

// Last returns the last message of a subject; nil if there is none.
func (q *Queue) Last(ctx context.Context, subject string) (*Message, error) {
	return q.one(ctx, directOf(subject)+"."+subject, nil)
}

// Next returns the first message of a subject, which may have wildcards, from a
// sequence number on; nil if there is none yet.
func (q *Queue) Next(ctx context.Context, subject string, from uint64) (*Message, error) {
	return q.next(ctx, subject, getRequest{Seq: max(from, 1), Next: subject})
}

// hasNext says whether a subject has a message from a sequence number on. The node that
// leads is asked: it knows of each message that was acknowledged, and others lag behind.
func (q *Queue) hasNext(ctx context.Context, subject string, from uint64) (bool, error) {
	raw, _ := json.Marshal(getRequest{Seq: from, Next: subject})
	return retry(ctx, func(ctx context.Context) (bool, error) {
		response, err := q.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamOf(subject), raw)
		if err != nil {
			return false, err
		}
		var got struct {
			Error *jetstream.APIError `json:"error"`
		}
		switch err := json.Unmarshal(response.Data, &got); {
		case err != nil:
			return false, fmt.Errorf("queue: %w", err)
		case got.Error == nil:
			return true, nil
		case got.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
			return false, nil
		}
		return false, got.Error
	})
}

// Since returns the first message of a subject, which may have wildcards, that is as
// young as a time; nil if there is none yet.
func (q *Queue) Since(ctx context.Context, subject string, at time.Time) (*Message, error) {
	for {
		first, err := q.Next(ctx, subject, 0)
		if first == nil || err != nil || !first.Time.Before(at) {
			return first, err
		}
		last, err := q.next(ctx, subject, getRequest{LastOf: subject})
		if last == nil || err != nil || last.Time.Before(at) {
			return nil, err
		}
		found, err := q.bisect(ctx, subject, first, last, func(m *Message) bool { return m.Time.Before(at) })
		if found != nil || err != nil {
			return found, err
		}
	}
}

// Back returns the message of a subject that is some messages before its last one, which
// is given; the first one if there are fewer.
func (q *Queue) Back(ctx context.Context, last Message, by int) (*Message, error) {
	wanted := last.Nth() - by
	for {
		first, err := q.Next(ctx, last.Subject, 0)
		if err != nil || first != nil && first.Nth() >= wanted {
			return first, err
		}
		if first == nil { // the history was trimmed
			return &last, nil
		}
		found, err := q.bisect(ctx, last.Subject, first, &last, func(m *Message) bool { return m.Nth() < wanted })
		if found != nil || err != nil {
			return found, err
		}
	}
}

// bisect returns the first message of a subject that does not belong to an earlier part
// of it, to which old belongs and young does not. It is nil if messages have gone
// meanwhile: a replica lags behind, or the stream was lost.
func (q *Queue) bisect(ctx context.Context, subject string, old, young *Message, isEarlier func(*Message) bool) (*Message, error) {
	found := young
	for from, to := old.Seq, young.Seq; from+1 < to; { // none between the one at to and the one that is found
		middle := from + (to-from)/2
		m, err := q.Next(ctx, subject, middle)
		switch {
		case err != nil:
			return nil, err
		case m == nil:
			if !pause(ctx, 10*time.Millisecond) {
				return nil, context.Cause(ctx)
			}
			return nil, nil //nolint:nilnil // see above
		case isEarlier(m):
			from = m.Seq
		default:
			to, found = middle, m
		}
	}
	return found, nil
}

// Count returns the first message from a sequence number on of the subject of a
// message that is its last one, and how many there are. It is nil for none.
func (q *Queue) Count(ctx context.Context, last Message, from uint64) (*Message, int, error) {
	first, err := q.Next(ctx, last.Subject, from)
	if first == nil || err != nil {
		return nil, 0, err
	}
	return first, max(last.Nth()-first.Nth(), 0) + 1, nil
}

// retry asks again for what got no response, until the context ends: a node may be
// taking over from another one.
func retry[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	for {
		once, cancel := context.WithTimeout(ctx, timeout)
		response, err := ask(once)
		cancel()
		if err == nil || errors.Is(err, errOlder) || !pause(ctx, 50*time.Millisecond) {
			return response, err
		}
	}
}

// one asks for one message; nil if there is none.
func (q *Queue) one(ctx context.Context, subject string, data []byte) (*Message, error) {
	return retry(ctx, func(ctx context.Context) (*Message, error) {
		response, err := q.conn.RequestWithContext(ctx, subject, data)
		if err != nil {
			return nil, err
		}
		m, err := messageOf(response)
		if errors.Is(err, errNone) {
			return nil, nil //nolint:nilnil // none is no error
		}
		return m, err
	})
}

func (q *Queue) next(ctx context.Context, subject string, request getRequest) (*Message, error) {
	raw, _ := json.Marshal(request)
	return q.one(ctx, directOf(subject), raw)
}

// directOf is where messages of a subject's stream are asked for.
func directOf(subject string) string { return "$JS.API.DIRECT.GET." + streamOf(subject) }

// errNone says that there is no such message.
var errNone = errors.New("no message")

func messageOf(response *nats.Msg) (*Message, error) {
	if status := response.Header.Get("Status"); len(response.Data) == 0 && status != "" {
		if status == "404" {
			return nil, errNone
		}
		return nil, fmt.Errorf("queue: %s %s", status, response.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(response.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, response.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return &Message{seq, response.Header.Get(jetstream.SubjectHeader), at, response.Header, response.Data}, nil
}

// Follow yields the messages of a subject after a sequence number: what is there,
// and then what comes, until the context ends.
func (q *Queue) Follow(ctx context.Context, subject string, after uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for messages, err := range q.FollowAll(ctx, subject, after) {
			if err != nil {
				yield(Message{}, err)
				return
			}
			for _, m := range messages {
				if !yield(m, nil) {
					return
				}
			}
		}
	}
}

// FollowAll yields them together, as many as there are.
func (q *Queue) FollowAll(ctx context.Context, subject string, after uint64) iter.Seq2[[]Message, error] {
	return func(yield func([]Message, error) bool) {
		news, stop, err := q.News(subject)
		if err != nil {
			yield(nil, err)
			return
		}
		defer stop()
		for wait := idle; ; {
			messages, err := q.Read(ctx, subject, after+1)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(messages) > 0 {
				wait, after = idle, messages[len(messages)-1].Seq
				if !yield(messages, nil) {
					return
				}
				continue
			}
			if wait = Await(ctx, news, wait); ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
		}
	}
}

// idle is how often a reader looks who has heard of nothing new.
const idle = time.Second

// Idle is what a reader begins with; see [Await].
const Idle = idle

// News tells when something is published on a subject, which may not be in its
// stream yet.
func (q *Queue) News(subject string) (news <-chan struct{}, stop func(), err error) {
	heard := make(chan struct{}, 1)
	stop, err = q.Hear(subject, func(string) {
		select {
		case heard <- struct{}{}:
		default:
		}
	})
	return heard, stop, err
}

// Hear calls a function with the subject of each message that is published on a
// subject, as far as the connection holds.
func (q *Queue) Hear(subject string, heard func(subject string)) (stop func(), err error) {
	sub, err := q.conn.Subscribe(subject, func(m *nats.Msg) { heard(m.Subject) })
	if err != nil {
		return nil, err
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// Await waits until a reader should look again, and returns how long it may wait
// next time: after news only a moment, because a replica may lag behind.
func Await(ctx context.Context, news <-chan struct{}, wait time.Duration) time.Duration {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-news:
		return time.Millisecond
	case <-timer.C:
		return min(2*wait, idle)
	case <-ctx.Done():
		return wait
	}
}

// End returns the sequence number of the last message of a subject's stream.
func (q *Queue) End(ctx context.Context, subject string) (uint64, error) {
	return retry(ctx, func(ctx context.Context) (uint64, error) {
		stream, err := q.js.Stream(ctx, streamOf(subject))
		if err != nil {
			return 0, err
		}
		return stream.CachedInfo().State.LastSeq, nil
	})
}
