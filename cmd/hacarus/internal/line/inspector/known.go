package inspector

import (
	"context"
	"encoding/json"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// recently is for how long at least ids are remembered: an image may be sent to
// another intake, too, or be told of again by a spool whose queue has lost something.
const recently = time.Hour

// ids are those of the images that a station has met recently.
type ids struct {
	now, before map[string]met
	turned      time.Time
}

// met is how an image was met first.
type met struct {
	intake string
	sum    beginning // of its content
}

// beginning is that of a checksum, which tells enough: there may be a million of them.
type beginning [8]byte

func beginningOf(sum string) (b beginning) {
	copy(b[:], sum)
	return b
}

// meet remembers an image. known is false if it is new.
func (k *ids) meet(id, intake, sum string) (first met, known bool) {
	if time.Since(k.turned) > recently {
		k.now, k.before, k.turned = map[string]met{}, k.now, time.Now()
	}
	if first, known = k.now[id]; known {
		return first, true
	}
	if first, known = k.before[id]; known {
		return first, true
	}
	first = met{intake, beginningOf(sum)}
	k.now[id] = first
	return first, false
}

// recent returns the ids of the recent verdicts.
func (s *station) recent(ctx context.Context) (*ids, error) {
	known := &ids{now: map[string]met{}, turned: time.Now()}
	first, err := s.Queue.Since(ctx, queue.VerdictsOf(s.name), time.Now().Add(-recently))
	if first == nil {
		return known, err
	}
	for next := first.Seq; ; {
		messages, err := s.Queue.Read(ctx, queue.VerdictsOf(s.name), next)
		if err != nil || len(messages) == 0 {
			return known, err
		}
		for _, m := range messages {
			next = m.Seq + 1
			var e record.Entry
			if json.Unmarshal(m.Data, &e) == nil { // or it only tells the progress
				known.meet(e.ID, m.Header.Get(intake.IntakeHeader), e.SHA256)
			}
		}
	}
}

// repeat notes that an image has come before. Another image with the same key, which
// another intake may have accepted, has a verdict of its own: that it cannot be
// inspected under the other's name.
func (w *work) repeat(first met) {
	if first.sum == beginningOf(w.job.SHA256) {
		w.from = first.intake
		return
	}
	w.done = &hacarus.Inspection{Tag: w, Verdict: hacarus.VerdictUnknown, Err: intake.ErrKeyReused}
	w.since = time.Now()
}
