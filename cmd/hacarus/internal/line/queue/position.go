package queue

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Position is how far a reader with a name has come. One reader at a time has it.
type Position struct {
	writer *Writer
	seq    uint64
	noted  time.Time
}

type positionState struct {
	Seq uint64 `json:"seq"`
}

// Position takes over the position of a reader from whoever had it.
func (q *Queue) Position(ctx context.Context, kind, name string) (*Position, error) {
	for {
		writer, last, err := q.NewWriter(ctx, StateOf(kind, name))
		if err != nil {
			return nil, err
		}
		p := &Position{writer: writer}
		if last != nil {
			var state positionState
			if err := json.Unmarshal(last.Data, &state); err != nil {
				return nil, err
			}
			p.seq = state.Seq
		}
		if err := p.Note(ctx, p.seq, 0); !errors.Is(err, ErrTakenOver) {
			return p, err
		}
	}
}

// Seq is the sequence number of the last message that was dealt with.
func (p *Position) Seq() uint64 { return p.seq }

// Note notes that the reader has come to a sequence number, at most once in every
// so often. The error is [ErrTakenOver] once somebody else reads under that name.
func (p *Position) Note(ctx context.Context, seq uint64, every time.Duration) error {
	p.seq = seq
	if now := time.Now(); now.Sub(p.noted) >= every {
		p.noted = now
		raw, err := json.Marshal(positionState{seq})
		if err != nil {
			return err
		}
		_, err = p.writer.Write(ctx, nil, raw)
		return err
	}
	return nil
}
