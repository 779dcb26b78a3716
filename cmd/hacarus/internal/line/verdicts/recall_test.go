package verdicts

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/page"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

var history = flag.Int("history", 60, "how many verdicts of each station a page finds that opens")

// press writes what a station's model and people say.
type press struct {
	t             *testing.T
	station       string
	model, person *queue.Writer
	images        int
}

func newPress(t *testing.T, q *queue.Queue, station string) *press {
	t.Helper()
	p := &press{t: t, station: station}
	var err error
	p.model, _, err = q.NewWriter(t.Context(), queue.VerdictsOf(station))
	require.NoError(t, err)
	p.person, _, err = q.NewWriter(t.Context(), queue.JudgementsOf(station))
	require.NoError(t, err)
	return p
}

// progress is how far a station has come.
var progress = nats.Header{"Hacarus-Through": {"1"}}

func (p *press) write(w *queue.Writer, e record.Entry) {
	p.t.Helper()
	raw, err := json.Marshal(e)
	require.NoError(p.t, err)
	_, err = w.Write(p.t.Context(), progress, raw)
	require.NoError(p.t, err)
}

// inspect adds verdicts of that time, of which some only tell how far the station is.
func (p *press) inspect(images int, at time.Time) {
	p.t.Helper()
	for range images {
		p.images++
		p.write(p.model, record.Entry{
			ID: p.id(p.images), Time: at.Add(time.Duration(p.images) * time.Microsecond), Station: p.station, Verdict: []string{"OK", "NG", "unknown"}[p.images%3], By: record.Model,
		})
		if p.images%7 == 0 {
			_, err := p.model.Write(p.t.Context(), progress, nil)
			require.NoError(p.t, err)
		}
	}
}

// judge has a person judge the nth image.
func (p *press) judge(n int, verdict string, at time.Time, undo bool) {
	p.t.Helper()
	p.write(p.person, record.Entry{ID: p.id(n), Time: at, Station: p.station, Verdict: verdict, By: "Sato", Note: "dust", Undo: undo})
}

func (p *press) id(n int) string { return fmt.Sprint(p.station, "-", n) }

// late is a feed as a page sees it whose shift has begun at a time by the queue's
// clock, too.
type late struct {
	Feed
	since  time.Time
	events *atomic.Int64 // which the page has read
}

func (l late) Recall(ctx context.Context, images int, _ time.Time) (page.Past, error) {
	past, err := l.Feed.Recall(ctx, images, l.since)
	l.events.Add(int64(len(past.Older)))
	return past, err
}

func (l late) Events(ctx context.Context, after uint64) iter.Seq2[page.Event, error] {
	return func(yield func(page.Event, error) bool) {
		for e, err := range l.Feed.Events(ctx, after) {
			if err == nil {
				l.events.Add(1)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// whole is a feed that has all that there ever was replayed.
type whole struct{ late }

func (w whole) Recall(ctx context.Context, images int, _ time.Time) (page.Past, error) {
	past, err := w.Feed.Recall(ctx, images, time.Now())
	return page.Past{Until: past.Until}, err
}

// snapshot opens a page, and returns what a browser sees first, and after what time.
func snapshot(t *testing.T, feed page.Feed, opts page.Options) (data string, took time.Duration) {
	t.Helper()
	begun := time.Now()
	p := page.New(feed, opts)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	server := httptest.NewServer(p)
	defer server.Close()
	defer running.Wait()
	defer cancel()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/events", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if lines.Text() != "event: snapshot" {
			continue
		}
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data, time.Since(begun)
			}
		}
	}
	require.Fail(t, "the stream has ended", "%v", lines.Err())
	return "", 0
}

// A page that opens on a long history reads only what it shows and counts, and then
// shows and counts the same as after all of it.
func TestRecall(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	busy, slow, silent, rare, fresh := newPress(t, q, "busy"), newPress(t, q, "slow"), newPress(t, q, "silent"), newPress(t, q, "rare"), newPress(t, q, "fresh")
	long := time.Now().Add(-80 * 24 * time.Hour)
	rare.inspect(7, long)
	rare.judge(2, "NG", long.Add(time.Hour), false)
	silent.inspect(*history, long)
	silent.judge(3, "OK", long.Add(time.Hour), false) // which is not shown any more
	silent.judge(silent.images-1, "OK", long.Add(time.Hour), false)
	silent.judge(silent.images-1, "NG", long.Add(2*time.Hour), false)
	for range 3 {
		slow.inspect(*history/3, long)
		busy.inspect(*history/3, long)
	}
	slow.judge(slow.images-10, "NG", long, false)
	slow.judge(slow.images, "NG", long, false)
	time.Sleep(2 * time.Millisecond) // the queue tells times in nanoseconds, and computers perhaps not
	shift := time.Now().UTC()
	silent.judge(silent.images-1, "OK", shift, true) // an image of long ago, now
	silent.judge(1, "OK", shift, false)
	busy.judge(busy.images, "OK", shift, false)
	slow.inspect(5, shift)
	slow.judge(slow.images-7, "OK", shift, false)
	slow.judge(slow.images, "NG", shift, false)
	busy.inspect(40, shift)
	busy.judge(busy.images-39, "OK", shift, false)
	busy.judge(busy.images-5, "OK", shift, false)
	busy.judge(busy.images-5, "NG", shift, true)
	fresh.inspect(3, shift)
	const inShift, shown = 5 + 40 + 3 + 8, 30 + 3 + 25 + 2 + 7 + 1 // with the judgements

	feed := Feed{Queue: q, Lease: time.Second}
	opts := page.Options{Shifts: []time.Duration{shift.Sub(shift.Truncate(24 * time.Hour))}, Location: time.UTC}
	all, some := new(atomic.Int64), new(atomic.Int64)
	want, slowly := snapshot(t, whole{late{feed, time.Time{}, all}}, opts)
	got, quickly := snapshot(t, late{feed, shift, some}, opts)
	require.JSONEq(t, want, got)
	require.Contains(t, got, `"away":false`)
	require.Contains(t, got, `"counts":{"ok":1,"ng":3,"none":1}`, "of the slow one: what was judged counts")
	require.Equal(t, int64(inShift+shown), some.Load(), "no more is read")
	require.Greater(t, all.Load(), some.Load())
	t.Logf("%d lines: %v after a whole replay, %v with %d", all.Load(), slowly, quickly, some.Load())
}

// A line on which nothing was ever inspected has nothing to recall.
func TestRecallNothing(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	past, err := Feed{Queue: q}.Recall(t.Context(), 30, time.Now())
	require.NoError(t, err)
	require.Empty(t, past.Older)
	require.Zero(t, past.Until)
	end, err := q.End(t.Context(), queue.AllVerdicts)
	require.NoError(t, err)
	require.Equal(t, end, past.After)
}
