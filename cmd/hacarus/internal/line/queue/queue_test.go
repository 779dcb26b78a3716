package queue

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue/natstest"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// places are where a queue may be. Each makes one, and returns a function that
// connects to it.
var places = map[string]func(t *testing.T) (connect func() *Queue){
	"inside": func(t *testing.T) func() *Queue {
		t.Helper()
		s, err := StartServer(t.TempDir(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return func() *Queue { return open(t, Options{Server: s}) }
	},
	"cluster": func(t *testing.T) func() *Queue {
		t.Helper()
		url, configurations := natstest.Configure(t, t.TempDir())
		for _, path := range configurations {
			opts, err := server.ProcessConfigFile(path)
			require.NoError(t, err)
			opts.NoSigs, opts.NoLog, opts.SyncAlways = true, true, true
			node, err := server.NewServer(opts)
			require.NoError(t, err)
			node.Start()
			t.Cleanup(func() { node.Shutdown(); node.WaitForShutdown() })
		}
		return func() *Queue { return open(t, Options{URL: url, Replicas: 3}) }
	},
	"installed cluster": func(t *testing.T) func() *Queue {
		t.Helper()
		path := natstest.Installed(t)
		url, configurations := natstest.Configure(t, t.TempDir())
		for _, configuration := range configurations {
			node := exec.CommandContext(t.Context(), path, "-c", configuration)
			require.NoError(t, node.Start())
			t.Cleanup(func() { _ = node.Process.Kill(); _ = node.Wait() })
		}
		return func() *Queue { return open(t, Options{URL: url, Replicas: 3}) }
	},
}

func open(t *testing.T, opts Options) *Queue {
	t.Helper()
	opts.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	q, err := Open(ctx, opts)
	require.NoError(t, err)
	t.Cleanup(q.Close)
	return q
}

// The journal of a station in the queue is as good as one in a file.
func TestJournal(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			q := connect()
			err := hacarustest.TestJournalStore(func() (hacarus.JournalStore, error) { return q.Journal(JournalOf("a", "b")), nil })
			require.NoError(t, err)
		})
	}
}

// Lines of a former owner are refused at once, those that are held for others included,
// though replicas may not know of the new owner yet.
func TestJournalTakenOver(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := start(t)()
			var former *Journal
			for range 100 {
				owner := q.Journal(JournalOf("a", "b"))
				for _, err := range owner.Lines(t.Context()) {
					require.NoError(t, err)
				}
				if former != nil {
					require.ErrorIs(t, former.Append(t.Context(), false, []byte("{}")), hacarus.ErrJournalLocked)
				}
				former = owner
			}
		})
	}
}

// What one writer does not know of, it does not write behind.
func TestWriterTakenOver(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			q := connect()
			subject := StateOf("test", "駅 1")
			a, last, err := q.NewWriter(t.Context(), subject)
			require.NoError(t, err)
			require.Nil(t, last)
			first, err := a.Write(t.Context(), nil, []byte("1"))
			require.NoError(t, err)
			b, last := settled(t, q, subject, first)
			require.Equal(t, first, last.Seq)
			second, err := b.Write(t.Context(), nil, []byte("2"))
			require.NoError(t, err)
			require.Greater(t, second, first)
			for range 2 {
				_, err = a.Write(t.Context(), nil, []byte("3"))
				require.ErrorIs(t, err, ErrTakenOver)
			}
			_, last = settled(t, q, subject, second)
			require.Equal(t, "2", string(last.Data))
			require.Equal(t, "駅 1", NameIn(last.Subject, 3))
		})
	}
}

// settled returns a writer, once the node that responds has come as far as a message.
func settled(t *testing.T, q *Queue, subject string, seq uint64) (w *Writer, last *Message) {
	t.Helper()
	require.Eventually(t, func() (ok bool) {
		var err error
		w, last, err = q.NewWriter(t.Context(), subject)
		return err == nil && last != nil && last.Seq >= seq
	}, time.Minute, time.Millisecond)
	return w, last
}

// Of writers that expect the same and write at the same time, one can, whether or
// not the server looks at what they expect when it should.
func TestWritersRace(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			const writers, rounds = 4, 30
			queues := make([]*Queue, writers)
			for n := range queues {
				queues[n] = connect()
			}
			subject := VerdictsOf("a")
			last := uint64(0)
			require.NoError(t, queues[0].Add(t.Context(), subject, []byte("x")))
			for range rounds {
				var all sync.WaitGroup
				won := make(chan uint64, writers)
				racers := make([]*Writer, writers)
				for n, q := range queues {
					racers[n], _ = settled(t, q, subject, last)
				}
				for _, w := range racers {
					all.Go(func() {
						seq, err := w.Write(t.Context(), nil, []byte("x"))
						if err == nil {
							won <- seq
						} else {
							assert.ErrorIs(t, err, ErrTakenOver)
						}
					})
				}
				all.Wait()
				require.Len(t, won, 1)
				last = <-won
			}
			there := readAll(t, queues[0], subject, last)
			require.Len(t, there, 1+rounds)
		})
	}
}

// readAll reads a subject up to a message.
func readAll(t *testing.T, q *Queue, subject string, last uint64) (all []Message) {
	t.Helper()
	require.Eventually(t, func() bool {
		from := uint64(0)
		if len(all) > 0 {
			from = all[len(all)-1].Seq + 1
		}
		messages, err := q.Read(t.Context(), subject, from)
		require.NoError(t, err)
		all = append(all, messages...)
		return len(all) > 0 && all[len(all)-1].Seq >= last
	}, time.Minute, time.Microsecond)
	return all
}

// An image is there as soon as it was put, for whoever is told of it.
func TestImages(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			here, there := connect(), connect()
			if !here.CarriesImages() {
				t.Skip("too old for images, as Debian 12 has it")
			}
			_, err := here.OpenImage(t.Context(), "none")
			require.ErrorIs(t, err, fs.ErrNotExist)
			for n := range 20 {
				id, image := fmt.Sprint("image ", n), bytes.Repeat([]byte{byte(n)}, 200_000)
				require.NoError(t, here.PutImage(t.Context(), id, bytes.NewReader(image)))
				opened, err := there.OpenImage(t.Context(), id)
				require.NoError(t, err)
				got, err := io.ReadAll(opened)
				require.NoError(t, err)
				require.Equal(t, image, got)
				require.NoError(t, opened.Close())
			}
		})
	}
}

// An image that does not come to its end may come another time.
func TestImageBreaks(t *testing.T) {
	t.Parallel()
	broken := iotest.ErrReader(io.ErrUnexpectedEOF)
	image := &openedImage{ReadCloser: io.NopCloser(io.MultiReader(strings.NewReader("begin"), broken)), id: "1", cancel: func() {}}
	_, err := io.ReadAll(image)
	_, isOfDisk := errors.AsType[*fs.PathError](err)
	require.True(t, isOfDisk, "%v", err)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, image.Close())
}

// A write whose acknowledgment was lost is not repeated.
func TestWriterLostAcknowledgment(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			q := connect()
			w, _, err := q.NewWriter(t.Context(), JobsOf("a", "b"))
			require.NoError(t, err)
			_, err = w.Write(t.Context(), nil, []byte("1"))
			require.NoError(t, err)
			w.last, w.nth, w.count = 0, 0, w.count-1 // as if it knew nothing of it
			_, err = w.Write(t.Context(), nil, []byte("1"))
			require.NoError(t, err)
			w.last, w.nth = 0, 0 // and had given it up
			last, err := w.Write(t.Context(), nil, []byte("2"))
			require.NoError(t, err)
			messages := readAll(t, q, AllJobs, last)
			require.Len(t, messages, 2)
			require.Equal(t, 2, messages[1].Nth())
		})
	}
}

// A reader sees what is there and what comes, in order, from any position.
func TestFollow(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			follow(t, start(t)())
		})
	}
}

func follow(t *testing.T, q *Queue) {
	t.Helper()
	w, _, err := q.NewWriter(t.Context(), VerdictsOf("a"))
	require.NoError(t, err)
	const n = 700
	for i := range n / 2 {
		_, err := w.Write(t.Context(), nil, fmt.Appendf(nil, "%d", i))
		require.NoError(t, err)
	}
	go func() {
		for i := n / 2; i < n; i++ {
			_, _ = w.Write(context.Background(), nil, fmt.Appendf(nil, "%d", i))
		}
	}()
	var all []Message
	for m, err := range q.Follow(t.Context(), AllVerdicts, 0) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(len(all)), string(m.Data))
		require.WithinDuration(t, time.Now(), m.Time, time.Minute)
		if all = append(all, m); len(all) == n {
			break
		}
	}
	last, at := all[n-1], all[n-11].Seq
	next, left, err := q.Count(t.Context(), last, at+1)
	require.NoError(t, err)
	require.Equal(t, 10, left)
	require.Equal(t, at+1, next.Seq)
	none, left, err := q.Count(t.Context(), last, last.Seq+1)
	require.NoError(t, err)
	require.Zero(t, left)
	require.Nil(t, none)
	require.NoError(t, q.Forget(t.Context(), VerdictsOf("a"), at))
	require.Eventually(t, func() bool {
		first, err := q.Next(t.Context(), AllVerdicts, 0)
		return err == nil && first.Seq == at
	}, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range q.Follow(ctx, AllJobs, 0) {
		require.Error(t, err)
	}
}

// Of a subject's history, what is old is forgotten, and the last message never is. That
// of other subjects stays.
func TestTrim(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := start(t)()
			writers := map[string]*Writer{}
			for _, station := range []string{"a", "b"} {
				w, _, err := q.NewWriter(t.Context(), VerdictsOf(station))
				require.NoError(t, err)
				writers[station] = w
			}
			written := map[string][]uint64{}
			for range 10 {
				for station, w := range writers {
					seq, err := w.Write(t.Context(), nil, nil)
					require.NoError(t, err)
					written[station] = append(written[station], seq)
				}
			}
			begins := func(station string, at uint64) {
				t.Helper()
				require.Eventually(t, func() bool { // a replica may lag behind
					first, err := q.Next(t.Context(), VerdictsOf(station), 0)
					return err == nil && first != nil && first.Seq == at
				}, time.Minute, time.Millisecond)
			}
			a := written["a"]
			begins("a", a[0])
			require.NoError(t, q.Trim(t.Context(), VerdictsOf("a"), a[0]), "there is nothing old")
			require.NoError(t, q.Trim(t.Context(), VerdictsOf("a"), a[7]))
			begins("a", a[7])
			require.NoError(t, q.Trim(t.Context(), VerdictsOf("a"), a[9]+1))
			begins("a", a[9])
			require.NoError(t, q.Trim(t.Context(), VerdictsOf("none"), 1))
			begins("b", written["b"][0])
		})
	}
}

// A message that is larger than the queue takes is refused, and not tried for ever.
func TestWriteTooLarge(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, err := start(t)().NewWriter(t.Context(), JobsOf("a", "x"))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = w.Write(ctx, nil, make([]byte, 2<<20))
			require.ErrorIs(t, err, nats.ErrMaxPayload)
			require.NoError(t, ctx.Err())
			_, err = w.Write(ctx, nil, []byte("x"))
			require.NoError(t, err)
		})
	}
}

// Messages of many subjects are read from each, whether they lie close together or
// far apart.
func TestReadMany(t *testing.T) {
	t.Parallel()
	for name, start := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := start(t)
			q := connect()
			const stations = 20
			var last uint64
			jobs := map[int]*Writer{}
			for n := range 10 * stations {
				station := n % stations
				if n >= 8*stations {
					station = 3
				}
				if jobs[station] == nil {
					w, _, err := q.NewWriter(t.Context(), JobsOf(fmt.Sprint(station), "x"))
					require.NoError(t, err)
					jobs[station] = w
				}
				var err error
				last, err = jobs[station].Write(t.Context(), nil, fmt.Append(nil, n))
				require.NoError(t, err)
			}
			all := readAll(t, q, AllJobs, last)
			require.Len(t, all, 10*stations)
			mine := readAll(t, q, JobsOf("3", ""), last)
			require.Len(t, mine, 8+2*stations)
			for n, m := range mine {
				require.Equal(t, n+1, m.Nth())
			}
			for by, want := range map[int]int{0: len(mine) - 1, 1: len(mine) - 2, 30: len(mine) - 31, len(mine) - 1: 0, len(mine): 0, 1000: 0} {
				m, err := q.Back(t.Context(), mine[len(mine)-1], by)
				require.NoError(t, err)
				require.Equal(t, mine[want].Seq, m.Seq, by)
			}
			each, err := q.LastOfEach(t.Context(), AllJobs)
			require.NoError(t, err)
			require.Len(t, each, stations)
			none, err := q.LastOfEach(t.Context(), AllVerdicts)
			require.NoError(t, err)
			require.Empty(t, none)
			for _, n := range []int{0, 1, 100, len(all) - 1} {
				m, err := q.Since(t.Context(), AllJobs, all[n].Time)
				require.NoError(t, err)
				require.Equal(t, all[n].Seq, m.Seq)
			}
			m, err := q.Since(t.Context(), JobsOf("3", ""), all[101].Time)
			require.NoError(t, err)
			require.Equal(t, all[103].Seq, m.Seq)
			m, err = q.Since(t.Context(), AllJobs, time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.Nil(t, m)
		})
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
	var told bytes.Buffer
	opts := Options{Log: slog.New(slog.NewTextHandler(&told, nil))}
	for _, c := range []struct {
		version   string
		ok, warns bool
	}{
		{"2.8.4", false, false}, {"1.4.1", false, false}, {"", false, false}, {"2", false, false},
		{"2.9.10", true, true}, {"2.9", true, true}, {"2.10.0", true, false}, {"2.15.3", true, false}, {"3.0.0-beta", true, false},
	} {
		told.Reset()
		require.Equal(t, c.ok, checkVersion(c.version, opts) == nil, c.version)
		require.Equal(t, c.warns, told.Len() > 0, c.version)
	}
	require.True(t, versionOf("2.9.17").isBefore(purges))
	require.False(t, versionOf("2.9.18-RC.1").isBefore(purges))
	require.False(t, versionOf("2.10").isBefore(purges))
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
	s, err := StartServer(t.TempDir(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	q := open(t, Options{Server: s})
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
		newest, err := q.LastOfEach(t.Context(), JobsOf("3", ""))
		require.NoError(t, err)
		_, count, err := q.Count(t.Context(), newest[0], at)
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
