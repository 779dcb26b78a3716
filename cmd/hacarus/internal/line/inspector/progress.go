package inspector

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// progress is how far a station has come: all jobs up to one have verdicts, but for
// some.
type progress struct {
	through uint64   // the sequence number of a job
	missing []uint64 // those below it without a verdict
	count   int      // verdicts of this run
}

// Headers of a verdict that tell the progress.
const (
	throughHeader = "Hacarus-Through"
	missingHeader = "Hacarus-Missing"
)

// progressOf reads the progress from a station's last verdict; nil is none.
func progressOf(last *queue.Message) (p progress, err error) {
	if last == nil {
		return p, nil
	}
	if p.through, err = strconv.ParseUint(last.Header.Get(throughHeader), 10, 64); err != nil {
		return p, fmt.Errorf("the last verdict: %w", err)
	}
	for word := range strings.FieldsSeq(last.Header.Get(missingHeader)) {
		seq, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return p, fmt.Errorf("the last verdict: %w", err)
		}
		p.missing = append(p.missing, seq)
	}
	return p, nil
}

func (p progress) header() nats.Header {
	words := make([]string, len(p.missing))
	for n, seq := range p.missing {
		words[n] = strconv.FormatUint(seq, 10)
	}
	return nats.Header{throughHeader: {strconv.FormatUint(p.through, 10)}, missingHeader: {strings.Join(words, " ")}}
}

// first is the sequence number of the first job without a verdict, if there is one.
func (p progress) first() uint64 {
	if len(p.missing) > 0 {
		return slices.Min(p.missing)
	}
	return p.through + 1
}

// floor is the sequence number below which no job is needed.
func (p progress) floor() uint64 { return min(p.first(), p.through) }

// Backlog is what waits for a station's verdicts.
type Backlog struct {
	Count  int
	Oldest time.Time // zero if nothing waits
}

// Waiting returns the backlogs of stations, of which the last jobs are given.
func Waiting(ctx context.Context, q *queue.Queue, last map[string][]queue.Message) (map[string]Backlog, error) {
	verdicts, err := q.LastOfEach(ctx, queue.VerdictsOf(""))
	if err != nil {
		return nil, err
	}
	done := map[string]progress{}
	for _, m := range verdicts {
		if done[queue.NameIn(m.Subject, 2)], err = progressOf(&m); err != nil {
			return nil, err
		}
	}
	backlogs := map[string]Backlog{}
	for name, jobs := range last {
		if backlogs[name], err = done[name].backlog(ctx, q, name, jobs); err != nil {
			return nil, err
		}
	}
	return backlogs, nil
}

func (p progress) backlog(ctx context.Context, q *queue.Queue, station string, last []queue.Message) (b Backlog, err error) {
	b.Count = len(p.missing)
	var oldest *queue.Message
	if b.Count > 0 {
		if oldest, err = q.Next(ctx, queue.JobsOf(station, ""), slices.Min(p.missing)); err != nil {
			return b, err
		}
	}
	for _, m := range last {
		if m.Seq <= p.through {
			continue
		}
		first, count, err := q.Count(ctx, m, p.through+1)
		if err != nil {
			return b, err
		}
		b.Count += count
		if oldest == nil || first != nil && first.Seq < oldest.Seq {
			oldest = first
		}
	}
	if oldest != nil {
		b.Oldest = oldest.Time
	}
	return b, nil
}
