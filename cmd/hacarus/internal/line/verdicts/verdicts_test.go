package verdicts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

func newQueue(t *testing.T) *queue.Queue {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	s, err := queue.StartServer(t.TempDir(), log)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	q, err := queue.Open(t.Context(), queue.Options{Server: s, Log: log})
	require.NoError(t, err)
	t.Cleanup(q.Close)
	return q
}

// publish publishes verdicts of a station's images.
func publish(t *testing.T, q *queue.Queue, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		raw, err := json.Marshal(record.Entry{ID: fmt.Sprint(n), Station: "a", Verdict: "OK", By: record.Model})
		require.NoError(t, err)
		require.NoError(t, q.Add(t.Context(), queue.VerdictsOf("a"), raw))
	}
}

// A record that is removed or moved while it is written is written anew: no line goes
// where nobody finds it.
func TestFileRemoved(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	path := filepath.Join(t.TempDir(), "record.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = File{Path: path}.Run(ctx, q)
		}
	}()
	has := func(n int) func() bool { return func() bool { return len(idsIn(t, path)) == n } }
	publish(t, q, 0, 2)
	require.Eventually(t, has(2), time.Minute, time.Millisecond)
	require.NoError(t, os.Remove(path))
	publish(t, q, 2, 3)
	require.Eventually(t, has(3), time.Minute, time.Millisecond)
	require.NoError(t, os.Rename(path, path+".1"))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	publish(t, q, 3, 4)
	require.Eventually(t, has(4), time.Minute, time.Millisecond)
	cancel()
	<-ended
}

// A reader that was behind the history learns that it has missed something, and one
// that has read all of it does not.
func TestMissed(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	publish(t, q, 0, 5)
	all := there(t, q, 0)
	require.Len(t, all, 5)
	require.NoError(t, q.Forget(t.Context(), queue.VerdictsOf("a"), all[3].Seq))
	missed := func(after uint64) (missed []bool) {
		for _, line := range there(t, q, after) {
			missed = append(missed, line.Missed)
		}
		return missed
	}
	require.Equal(t, []bool{false, false}, missed(0), "it has not begun yet")
	require.Equal(t, []bool{true, false}, missed(all[1].Seq))
	require.Equal(t, []bool{false, false}, missed(all[2].Seq))
}

func there(t *testing.T, q *queue.Queue, after uint64) (all []Line) {
	t.Helper()
	for line, err := range There(t.Context(), q, after) {
		require.NoError(t, err)
		all = append(all, line)
	}
	return all
}

// Two readers with one name do not move its position back and forth.
func TestMovePosition(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	require.NoError(t, q.MovePosition(t.Context(), "mes", 0, 7))
	require.ErrorIs(t, q.MovePosition(t.Context(), "mes", 0, 3), queue.ErrTakenOver)
	require.NoError(t, q.MovePosition(t.Context(), "mes", 7, 9))
	at, err := q.Position(t.Context(), "mes")
	require.NoError(t, err)
	require.Equal(t, uint64(9), at)
}

// keep writes a record until it has so many lines.
func keep(t *testing.T, q *queue.Queue, path string, lines int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- File{Path: path}.Run(ctx, q) }()
	require.Eventually(t, func() bool { return len(idsIn(t, path)) >= lines }, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Len(t, idsIn(t, path), lines)
}

func idsIn(t *testing.T, path string) (ids []string) {
	t.Helper()
	for e, err := range record.Entries(path) {
		if err == nil {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// The record's file has each line once, whenever its writer was stopped, and whatever
// others have written into it.
func TestFile(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	path := filepath.Join(t.TempDir(), "record.jsonl")
	publish(t, q, 0, 3)
	keep(t, q, path, 3)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	other, err := json.Marshal(record.Entry{ID: "0", By: "Sato", Note: strings.Repeat("x", 70_000)})
	require.NoError(t, err)
	_, err = fmt.Fprintf(file, "%s\n{\"seq\":99999999999999999,\"id\":\"torn", other)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	publish(t, q, 3, 6)
	keep(t, q, path, 7)
	require.Equal(t, []string{"0", "1", "2", "0", "3", "4", "5"}, idsIn(t, path))
}

// A stream that was restored from a backup has messages again that the file has
// already.
func TestFileIsAhead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "record.jsonl")
	ahead, err := json.Marshal(Line{Seq: 1 << 50, Entry: record.Entry{ID: "1", By: record.Model}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(ahead, '\n'), 0o600))
	q := newQueue(t)
	publish(t, q, 0, 3)
	keep(t, q, path, 3)
	require.Equal(t, []string{"1", "0", "2"}, idsIn(t, path))
}

// What a person says is a line of its own, behind the others.
func TestJudge(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	publish(t, q, 0, 1)
	feed := Feed{Queue: q, Lease: time.Second}
	at := time.Now().UTC().Truncate(time.Second)
	for event, err := range feed.Events(t.Context(), 0) {
		require.NoError(t, err)
		if event.By == "Sato" {
			require.Equal(t, []string{"0", "a", "NG", "a scratch"}, []string{event.ID, event.Station, event.Verdict, event.Note})
			require.Equal(t, at, event.Time)
			break
		}
		said := event.Entry
		said.Time, said.Verdict, said.By, said.Note = at, "NG", "Sato", "a scratch"
		require.NoError(t, feed.Judge(t.Context(), said))
	}
	var there []Line
	for line, err := range There(t.Context(), q, 0) {
		require.NoError(t, err)
		there = append(there, line)
	}
	require.Len(t, there, 2)
	before, err := Before(t.Context(), q, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, there[1].Seq, before, "nothing is that young")
	before, err = Before(t.Context(), q, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, there[0].Seq-1, before)
}

// A station that nobody inspects says so, and one that is silent counts as lost.
func TestStations(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	require.NoError(t, q.Add(t.Context(), queue.JobsOf("b", "x"), []byte("{}")))
	require.NoError(t, q.Add(t.Context(), queue.JobsOf("a", "x"), []byte("{}")))
	stations, err := Feed{Queue: q, Lease: time.Second, Lost: time.Nanosecond}.Stations(t.Context())
	require.NoError(t, err)
	require.Len(t, stations, 2)
	require.Equal(t, []string{"a", "b"}, []string{stations[0].Name, stations[1].Name})
	require.Equal(t, 1, stations[0].Waiting)
	require.Equal(t, stations[0].LastSeen, stations[0].Oldest)
	require.Equal(t, inspector.TroubleInspector, stations[0].Trouble)
	require.NotEmpty(t, stations[0].Service)
	require.True(t, stations[0].Lost)
}

func TestAnywhere(t *testing.T) {
	t.Parallel()
	none := func(context.Context, string, string) (io.ReadCloser, error) { return nil, fs.ErrNotExist }
	one := func(_ context.Context, station, id string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(station + id)), nil
	}
	image, err := Anywhere(none, one)(t.Context(), "a", "1")
	require.NoError(t, err)
	content, err := io.ReadAll(image)
	require.NoError(t, err)
	require.Equal(t, "a1", string(content))
	_, err = Anywhere(none)(t.Context(), "a", "1")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
