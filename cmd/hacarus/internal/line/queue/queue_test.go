package queue

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func newQueue(t *testing.T) *Queue {
	t.Helper()
	s, err := StartServer(t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return open(t, s)
}

func open(t *testing.T, s *Server) *Queue {
	t.Helper()
	q, err := Open(t.Context(), Options{Server: s, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(q.Close)
	return q
}

// The journal of a station in the queue is as good as one in a file.
func TestJournal(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	err := hacarustest.TestJournalStore(func() (hacarus.JournalStore, error) { return q.Journal(JournalOf("a", "b")), nil })
	require.NoError(t, err)
}

// What one writer does not know of, it does not write behind.
func TestWriterTakenOver(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	subject := StateOf("test", "駅 1")
	a, last, err := q.NewWriter(t.Context(), subject)
	require.NoError(t, err)
	require.Nil(t, last)
	first, err := a.Write(t.Context(), nil, []byte("1"))
	require.NoError(t, err)
	b, last, err := q.NewWriter(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, first, last.Seq)
	second, err := b.Write(t.Context(), nil, []byte("2"))
	require.NoError(t, err)
	require.Greater(t, second, first)
	for range 2 {
		_, err = a.Write(t.Context(), nil, []byte("3"))
		require.ErrorIs(t, err, ErrTakenOver)
	}
	last, err = q.Last(t.Context(), subject)
	require.NoError(t, err)
	require.Equal(t, "2", string(last.Data))
	require.Equal(t, "駅 1", NameIn(last.Subject, 3))
}

// A write whose acknowledgment was lost is not repeated.
func TestWriterLostAcknowledgment(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	w, _, err := q.NewWriter(t.Context(), JobsOf("a", "b"))
	require.NoError(t, err)
	_, err = w.Write(t.Context(), nil, []byte("1"))
	require.NoError(t, err)
	w.last, w.count = 0, w.count-1 // as if it knew nothing of it
	_, err = w.Write(t.Context(), nil, []byte("1"))
	require.NoError(t, err)
	w.last = 0 // and had given it up
	_, err = w.Write(t.Context(), nil, []byte("2"))
	require.NoError(t, err)
	messages, err := q.Read(t.Context(), AllJobs, 0)
	require.NoError(t, err)
	require.Len(t, messages, 2)
}

// A reader sees what is there and what comes, in order, from any position.
func TestFollow(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	w, _, err := q.NewWriter(t.Context(), VerdictsOf("a"))
	require.NoError(t, err)
	const n = 1000
	for i := range n / 2 {
		_, err := w.Write(t.Context(), nil, fmt.Appendf(nil, "%d", i))
		require.NoError(t, err)
	}
	go func() {
		for i := n / 2; i < n; i++ {
			_, _ = w.Write(context.Background(), nil, fmt.Appendf(nil, "%d", i))
		}
	}()
	count, at := 0, uint64(0)
	for m, err := range q.Follow(t.Context(), AllVerdicts, 0) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(count), string(m.Data))
		require.WithinDuration(t, time.Now(), m.Time, time.Minute)
		if count++; count == n-10 {
			at = m.Seq
		}
		if count == n {
			break
		}
	}
	next, left, err := q.Count(t.Context(), AllVerdicts, at+1)
	require.NoError(t, err)
	require.Equal(t, 10, left)
	require.Equal(t, at+1, next.Seq)
	require.NoError(t, q.Forget(t.Context(), VerdictsOf("a"), at))
	first, err := q.Next(t.Context(), AllVerdicts, 0)
	require.NoError(t, err)
	require.Equal(t, at, first.Seq)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range q.Follow(ctx, AllJobs, 0) {
		require.Error(t, err)
	}
}

// An engine that is started again has all that it acknowledged.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 3 {
		s, err := StartServer(dir, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		q, err := Open(t.Context(), Options{Server: s, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		w, last, err := q.NewWriter(t.Context(), JobsOf("a", "b"))
		require.NoError(t, err)
		if i > 0 {
			require.Equal(t, fmt.Sprint(i-1), string(last.Data))
		}
		_, err = w.Write(t.Context(), nil, fmt.Appendf(nil, "%d", i))
		require.NoError(t, err)
		q.Close()
		s.Close()
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{"2.9.10": false, "2.10.27": false, "2.11.0": true, "2.15.3": true, "3.0.0-beta": true, "1.4.1": false, "": false} {
		require.Equal(t, ok, checkVersion(version) == nil, version)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for name, word := range map[string]string{"cam-7": "cam-7", "a b": "a=20b", "a.b": "a=2eb", "*": "=2a", "駅": "=e9=a7=85", "=20": "=3d20"} {
		require.Equal(t, word, Escape(name))
		require.Equal(t, name, Unescape(word))
	}
}

var queued = flag.Int("queued", 5000, "how many jobs are queued")

// However many jobs wait, one more costs what the first one did, and so do the next
// one to inspect and what is told of a station.
func TestQueuedJobs(t *testing.T) {
	t.Parallel()
	q := newQueue(t)
	const stations = 10
	writers := make([]*Writer, stations)
	for n := range writers {
		w, _, err := q.NewWriter(t.Context(), JobsOf(fmt.Sprint(n), "x"))
		require.NoError(t, err)
		writers[n] = w
	}
	job := bytes.Repeat([]byte("x"), 400)
	var first, last time.Duration
	at := uint64(0)
	for tenth := range 10 {
		begun := time.Now()
		for n := range *queued / 10 {
			_, err := writers[n%stations].Write(t.Context(), nil, job)
			require.NoError(t, err)
		}
		written := time.Since(begun)
		begun = time.Now()
		const reads = 40
		for range reads {
			m, err := q.Next(t.Context(), JobsOf("3", ""), at)
			require.NoError(t, err)
			at = m.Seq + 1
		}
		read := time.Since(begun)
		begun = time.Now()
		_, count, err := q.Count(t.Context(), JobsOf("3", ""), at)
		require.NoError(t, err)
		last = written + read
		if tenth == 0 {
			first = last
		}
		t.Logf("%d queued: %v for each write, %v for each read, %v to count %d", (tenth+1)*(*queued)/10,
			written/time.Duration(*queued/10), read/reads, time.Since(begun), count)
	}
	require.Less(t, last, 10*first+time.Second, "a machine that is busy may need some times as long")
}
