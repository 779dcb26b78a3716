package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// run runs a spool while something happens.
func run(t *testing.T, s *Spool, q *queue.Queue, meanwhile func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, q, Keeping{OK: time.Hour}, slog.New(slog.DiscardHandler))
	}()
	meanwhile()
	cancel()
	<-ended
}

func jobs(t *testing.T, q *queue.Queue) (all []queue.Job) {
	t.Helper()
	messages, err := q.Read(t.Context(), queue.AllJobs, 0)
	require.NoError(t, err)
	for _, m := range messages {
		var job queue.Job
		require.NoError(t, json.Unmarshal(m.Data, &job))
		all = append(all, job)
	}
	return all
}

// Images leave the spool when they have their verdicts: to those that are OK or NG,
// or that failed, with the reason beside them. One that is sent again is known.
func TestClear(t *testing.T) {
	t.Parallel()
	s, q := newSpool(t, Limits{}), newQueue(t)
	h := handlerOf(s, nil)
	reason := "the service says no"
	outcomes := []record.Entry{{Verdict: "OK"}, {Verdict: "NG"}, {Verdict: "unknown", Error: &reason}}
	for n := range outcomes {
		outcomes[n].ID = ask(t, h, bytes.NewReader(picture(n)), "Station", "駅").ID
	}
	data := filepath.Dir(s.dir)
	path := func(n int, dir string) string {
		return filepath.Join(data, dir, queue.Escape("駅"), outcomes[n].ID+".png")
	}
	run(t, s, q, func() {
		require.Eventually(t, func() bool { return len(jobs(t, q)) == 3 }, time.Minute, time.Millisecond)
		w, _, err := q.NewWriter(t.Context(), queue.VerdictsOf("駅"))
		require.NoError(t, err)
		for n, job := range jobs(t, q) {
			raw, err := json.Marshal(outcomes[n])
			require.NoError(t, err)
			_, err = w.Write(t.Context(), VerdictHeader(job), raw)
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { size, _ := s.Waiting(); return size == 0 }, time.Minute, time.Millisecond)
	})
	require.FileExists(t, path(0, okDir))
	require.FileExists(t, path(1, ngDir))
	require.FileExists(t, path(2, failedDir))
	text, err := os.ReadFile(path(2, failedDir) + ".txt")
	require.NoError(t, err)
	require.Equal(t, reason+"\n", string(text))
	require.Equal(t, []string{"3.json"}, files(t, s), "which keeps the count")
	for n := range outcomes {
		require.False(t, ask(t, h, bytes.NewReader(picture(n)), "Station", "駅").New)
	}
	require.Equal(t, path(1, ngDir), PathOf(data, record.Entry{Station: "駅", ID: outcomes[1].ID, Verdict: "NG", File: "x.png"}))
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	require.NoError(t, s.removeOld(t.Context(), q, filepath.Join(data, okDir), time.Hour, false))
	require.NoFileExists(t, path(0, okDir))
	again, err := OpenSpool(s.dir, Limits{})
	require.NoError(t, err)
	ask(t, handlerOf(again, nil), bytes.NewReader(picture(9)), "Station", "駅")
	require.Contains(t, files(t, again), "4.json", "the numbers go on")
}

// A spool that is not the one which the queue knows by its name, such as an older copy,
// or one with a folder that somebody has removed, tells of its images under another
// name: by their numbers alone, the queue would seem to have them.
func TestFeedOfCopy(t *testing.T) {
	t.Parallel()
	for name, copied := range map[string]int{"emptied": 0, "an older copy": 1, "another with as many": 3, "another with more": 5} {
		s, q := newSpool(t, Limits{}), newQueue(t)
		for n := range 3 {
			ask(t, handlerOf(s, nil), bytes.NewReader(picture(n)), "Station", "a")
		}
		run(t, s, q, func() {
			require.Eventually(t, func() bool { return len(jobs(t, q)) == 3 }, time.Minute, time.Millisecond, name)
		})
		require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "a")))
		again, err := OpenSpool(s.dir, Limits{})
		require.NoError(t, err)
		want := map[string]bool{}
		for n := range copied {
			want[ask(t, handlerOf(again, nil), bytes.NewReader(picture(10+n)), "Station", "a").ID] = true
		}
		run(t, again, q, func() {
			want[ask(t, handlerOf(again, nil), bytes.NewReader(picture(20)), "Station", "a").ID] = true
			require.Eventually(t, func() bool { return len(jobs(t, q)) == 3+len(want) }, time.Minute, time.Millisecond, name)
		})
		require.NotEqual(t, s.ID(), again.ID(), name)
		for _, job := range jobs(t, q)[3:] {
			require.True(t, want[job.ID], name)
			require.Equal(t, again.ID(), job.Intake, name)
		}
		opened, err := OpenSpool(s.dir, Limits{})
		require.NoError(t, err)
		require.Equal(t, again.ID(), opened.ID(), name)
		require.True(t, opened.isNamed(s.ID()), "verdicts may be about it")
	}
}

// A verdict about another image with the number of one that waits does not clear it
// away.
func TestClearOfCopy(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	a := ask(t, handlerOf(s, nil), bytes.NewReader(picture(1)), "Station", "a")
	other := queue.Message{Subject: queue.VerdictsOf("a"), Header: VerdictHeader(queue.Job{ID: "other", Number: 1}), Data: []byte(`{"id":"other","verdict":"OK"}`)}
	require.NoError(t, s.clearOne(other))
	require.ElementsMatch(t, []string{"1.json", a.ID + imageSuffix}, files(t, s))
	_, oldest := s.Waiting()
	require.NotZero(t, oldest)
}
