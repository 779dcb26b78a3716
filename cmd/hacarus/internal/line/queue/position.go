package queue

import (
	"context"
	"encoding/json"
	"errors"
)

// positionKind is that of the states that tell how far readers have come.
const positionKind = "position"

type positionState struct {
	Seq uint64 `json:"seq"`
}

// Position returns how far a reader with a name has come: the sequence number of
// the last message that it has dealt with, 0 for none.
func (q *Queue) Position(ctx context.Context, name string) (uint64, error) {
	last, err := q.Last(ctx, StateOf(positionKind, name))
	if last == nil || err != nil {
		return 0, err
	}
	var state positionState
	return state.Seq, json.Unmarshal(last.Data, &state)
}

// SetPosition notes how far a reader has come.
func (q *Queue) SetPosition(ctx context.Context, name string, seq uint64) error {
	raw, err := json.Marshal(positionState{seq})
	if err != nil {
		return err
	}
	return q.Add(ctx, StateOf(positionKind, name), raw)
}

// MovePosition notes how far a reader has come that was at from. The error is
// [ErrTakenOver] if another reader with the same name has come there first.
func (q *Queue) MovePosition(ctx context.Context, name string, from, to uint64) error {
	writer, last, err := q.NewWriter(ctx, StateOf(positionKind, name))
	if err != nil {
		return err
	}
	var state positionState
	if last != nil {
		if err := json.Unmarshal(last.Data, &state); err != nil {
			return err
		}
	}
	if state.Seq != from {
		return ErrTakenOver
	}
	raw, err := json.Marshal(positionState{to})
	if err != nil {
		return err
	}
	_, err = writer.Write(ctx, nil, raw)
	return err
}

// Add adds a message to a subject that others write to as well.
func (q *Queue) Add(ctx context.Context, subject string, data []byte) error {
	for {
		writer, _, err := q.NewWriter(ctx, subject)
		if err != nil {
			return err
		}
		if _, err = writer.Write(ctx, nil, data); !errors.Is(err, ErrTakenOver) {
			return err
		}
	}
}
