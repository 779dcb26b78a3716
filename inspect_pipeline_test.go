package hacarus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// noise is a file of random bytes, which are made when it is read.
func noise(n int, size int64) File {
	return File{
		Name: fmt.Sprintf("noise-%06d.png", n), Size: size, ContentType: "image/png",
		Open: func() (io.ReadCloser, error) {
			var seed [32]byte
			seed[0], seed[1], seed[2] = byte(n), byte(n>>8), byte(n>>16)
			return io.NopCloser(io.LimitReader(rand.NewChaCha8(seed), size)), nil
		},
	}
}

func noises(n int, size int64) (files []File) {
	for i := range n {
		files = append(files, noise(i, size))
	}
	return files
}

// The stages of an inspection overlap: all of it takes hardly longer than the
// slowest stage would alone. The time is that of a clock of its own, which
// counts what calls take and not what this machine takes.
func TestInspectOverlapsItsStages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		service *fakeLine
		files   int // so many that the first and the last ones don't matter
	}{
		"slow uploads":     {&fakeLine{upload: 400 * time.Millisecond, predict: 50 * time.Millisecond, look: time.Millisecond, prediction: 300 * time.Millisecond}, 2000},
		"slow predictions": {&fakeLine{upload: 50 * time.Millisecond, predict: 400 * time.Millisecond, look: time.Millisecond, prediction: 300 * time.Millisecond}, 2000},
		"slow responses":   {&fakeLine{upload: 100 * time.Millisecond, predict: 20 * time.Millisecond, look: 100 * time.Millisecond}, 1000},
	} {
		files, s := test.files, test.service
		if *testkit.Full {
			files = 10_000
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s.ready = map[string]time.Time{}
				c := overMemory(t, &fakeService{next: s.serve})
				begun, done := time.Now(), 0
				for result, err := range c.Inspect(t.Context(), InspectRequest{Files: noises(files, 100)}) {
					require.NoError(t, err)
					require.NoError(t, result.Err)
					done++
				}
				took := time.Since(begun)
				require.Equal(t, files, done)
				alone := func(calls int, takes time.Duration, atATime int) time.Duration {
					return takes * time.Duration(calls) / time.Duration(atATime)
				}
				batches := files / defaultBatchSize
				slowest := max(alone(batches, s.upload, defaultConcurrency), alone(batches, s.predict, defaultConcurrency),
					alone(files, s.look, waitConcurrency))
				t.Logf("%v, slowest stage alone %v, ratio %.3f", took, slowest, took.Seconds()/slowest.Seconds())
				require.LessOrEqual(t, took, slowest*115/100)
			})
		})
	}
}

// Memory does not grow with the files.
func TestInspectMemory(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	files, size := 1000, int64(100<<10)
	if *testkit.Full {
		files = 10_000
	}
	s := &fakeLine{ready: map[string]time.Time{}}
	c := overTCP(t, &fakeService{next: s.serve})
	runtime.GC()
	var peak uint64
	done := 0
	for result, err := range c.Inspect(t.Context(), InspectRequest{Files: noises(files, size)}) {
		require.NoError(t, err)
		require.NoError(t, result.Err)
		done++
		if done%20 == 0 { // once a batch, and others are on their way
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	require.Equal(t, files, done)
	t.Logf("%d files of %d bytes: peak heap %.1f MiB", files, size, float64(peak)/(1<<20))
	require.Less(t, peak, uint64(64<<20))
}

// Where the service chooses ids that do not follow from the names, answers
// tell which is which; and an upload whose answer was lost is not sent again.
func TestInspectStrangeIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var uploads atomic.Int32
		s := &fakeLine{
			ready: map[string]time.Time{}, id: func(name string) string { return "4711-" + wire.ItemID(name) },
			before: func(operation string, w http.ResponseWriter) bool {
				if operation == "POST items" && uploads.Add(1) == 2 {
					w.WriteHeader(http.StatusBadGateway)
					return true
				}
				return false
			},
		}
		c := overMemory(t, &fakeService{next: s.serve})
		unknown := map[int]int{} // by batch: they may be sent in any order
		for result, err := range c.Inspect(t.Context(), InspectRequest{Files: noises(60, 10), Concurrency: 1}) {
			require.NoError(t, err)
			if result.Err != nil {
				require.ErrorIs(t, result.Err, ErrOutcomeUnknown)
				unknown[result.Index/20]++
				continue
			}
			require.Equal(t, "4711-"+strings.TrimSuffix(result.File, ".png"), result.ItemID)
			require.Equal(t, VerdictOK, result.Verdict)
		}
		require.Len(t, unknown, 1)
		require.Contains(t, slices.Collect(maps.Values(unknown)), 20)
		require.Equal(t, int32(3), uploads.Load())
	})
}

// What the service chose is remembered, and so is that it chooses: a later run
// takes no item that it does not find for one that is not there.
func TestInspectStrangeIDsAreRemembered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id       func(string) string
		lost     int32 // the upload whose answer never comes; 0: none
		verdicts int
	}{
		"other ids, and a lost answer": {func(name string) string { return "4711-" + wire.ItemID(name) }, 2, 2},
		"one id for two":               {func(string) string { return "x" }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var uploads atomic.Int32
				s := &fakeLine{ready: map[string]time.Time{}, id: test.id}
				c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
					last := r.Method == http.MethodPost && path.Base(r.URL.Path) == "items" && uploads.Add(1) == test.lost
					if last {
						s.serve(httptest.NewRecorder(), r)
						cancel()
						w.WriteHeader(http.StatusBadGateway)
						return
					}
					s.serve(w, r)
				}})
				request := InspectRequest{
					Files: noises(6, 10), BatchSize: 2, Concurrency: 1, Grace: time.Minute, Journal: filepath.Join(t.TempDir(), "shift"),
				}
				for _, err := range c.Inspect(ctx, request) {
					_ = err // it ends, whatever comes of it
				}
				for range 2 {
					verdicts := map[string]bool{}
					for result, err := range c.Inspect(t.Context(), request) {
						require.NoError(t, err)
						if result.Err == nil {
							require.False(t, verdicts[result.ItemID], "one item for two files")
							verdicts[result.ItemID] = true
							continue
						}
						require.True(t, errors.Is(result.Err, ErrOutcomeUnknown) || errors.Is(result.Err, ErrDecode), result.Err)
					}
					require.GreaterOrEqual(t, len(verdicts), test.verdicts)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				require.Equal(t, 6, s.uploaded, "each file once, in three runs")
			})
		})
	}
}

// Where the service has renamed one of the files, the names tell the others.
func TestInspectOneStrangeID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeLine{ready: map[string]time.Time{}, id: func(name string) string {
			if id := wire.ItemID(name); id != "noise-000001" {
				return id
			}
			return "noise-000001_1"
		}}
		c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			backwards := httptest.NewRecorder()
			s.serve(backwards, r)
			w.Header().Set("Content-Type", "application/json")
			text := backwards.Body.String()
			if path.Base(r.URL.Path) == "items" {
				text = `{"data":{"item_ids":["noise-000002","noise-000001_1","noise-000000"]}}`
			}
			_, _ = io.WriteString(w, text)
		}})
		for result, err := range c.Inspect(t.Context(), InspectRequest{Files: noises(3, 10)}) {
			require.NoError(t, err)
			require.NoError(t, result.Err)
			require.True(t, strings.HasPrefix(result.ItemID, wire.ItemID(result.File)), "%s is %s", result.File, result.ItemID)
		}
	})
}

// An answer with other than one id for each file is not guessed at.
func TestInspectIDsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]func(string) string{
		"one for all": func(string) string { return "x" },
		"twice":       func(name string) string { return strings.TrimRight(wire.ItemID(name), "0123456789") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeLine{ready: map[string]time.Time{}, id: id}
				c := overMemory(t, &fakeService{next: s.serve})
				for result, err := range c.Inspect(t.Context(), InspectRequest{Files: noises(5, 10)}) {
					require.NoError(t, err)
					require.ErrorIs(t, result.Err, ErrDecode)
				}
				require.Equal(t, 5, s.uploaded, "not sent again")
			})
		})
	}
}
