// Package verdicts is for those who read what the inspectors and people say of
// images: the operator's page, the record's file, and consumers with names.
package verdicts

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// Line is a verdict or a judgement, with its position in the stream, which is never
// another's.
type Line struct {
	Seq uint64 `json:"seq"`
	// Missed is true if something before the line is not there any more that came after
	// the position from which it was read: the history is over, or was lost.
	Missed bool `json:"missed,omitempty"`
	record.Entry
}

// All yields the verdicts and judgements after a position: what is there, and then
// what comes, until the context ends.
func All(ctx context.Context, q *queue.Queue, after uint64) iter.Seq2[Line, error] {
	return lines(after, q.Follow(ctx, queue.AllVerdicts, after))
}

// There yields those that are there.
func There(ctx context.Context, q *queue.Queue, after uint64) iter.Seq2[Line, error] {
	return lines(after, func(yield func(queue.Message, error) bool) {
		for {
			messages, err := q.Read(ctx, queue.AllVerdicts, after+1)
			if err != nil {
				yield(queue.Message{}, err)
				return
			}
			for _, m := range messages {
				if after = m.Seq; !yield(m, nil) {
					return
				}
			}
			if len(messages) == 0 {
				return
			}
		}
	})
}

// lines yields what is in the messages after a position. The stream counts without
// gaps, so that one tells of messages that it has forgotten.
func lines(after uint64, messages iter.Seq2[queue.Message, error]) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		last, missed := after, false
		for m, err := range messages {
			line := Line{}
			if err == nil {
				line, err = lineOf(m)
				missed = missed || last != 0 && m.Seq != last+1
				last = m.Seq
			}
			if err == nil && line.Seq == 0 {
				continue
			}
			line.Missed, missed = missed, false
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// lineOf reads a message. One that only tells how far a station has come is the zero
// Line.
func lineOf(m queue.Message) (line Line, err error) {
	if len(m.Data) == 0 {
		return line, nil
	}
	line.Seq = m.Seq
	return line, json.Unmarshal(m.Data, &line.Entry)
}

// Before returns the position after which the verdicts are that are as young as a
// time.
func Before(ctx context.Context, q *queue.Queue, at time.Time) (uint64, error) {
	first, err := q.Since(ctx, queue.AllVerdicts, at)
	if err != nil {
		return 0, err
	}
	if first != nil {
		return first.Seq - 1, nil
	}
	return q.End(ctx, queue.AllVerdicts)
}
