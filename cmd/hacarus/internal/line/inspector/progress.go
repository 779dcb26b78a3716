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

// floor is the sequence number below which no job is needed.
func (p progress) floor() uint64 {
	if len(p.missing) > 0 {
		return slices.Min(p.missing)
	}
	return p.through
}

// Waiting returns how many images of a station have no verdict, and since when the
// first of them has waited.
func Waiting(ctx context.Context, q *queue.Queue, station string) (count int, oldest time.Time, err error) {
	last, err := q.Last(ctx, queue.VerdictsOf(station))
	if err != nil {
		return 0, oldest, err
	}
	p, err := progressOf(last)
	if err != nil {
		return 0, oldest, err
	}
	behind, err := q.Count(ctx, queue.JobsOf(station, ""), p.through+1)
	if err != nil || behind+len(p.missing) == 0 {
		return 0, oldest, err
	}
	from := p.through + 1
	if len(p.missing) > 0 {
		from = slices.Min(p.missing)
	}
	first, err := q.Next(ctx, queue.JobsOf(station, ""), from)
	if first != nil {
		oldest = first.Time
	}
	return behind + len(p.missing), oldest, err
}
