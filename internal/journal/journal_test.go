package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

func keyOf(n int) Key {
	name := fmt.Sprintf("IMG-%07d.JPG", n)
	return Key{Name: name, Sum: sha256.Sum256([]byte(name))}
}

// begin is the first line of a file, and step is a later one.
func begin(n int) Line {
	k := keyOf(n)
	return Line{Time: time.Now(), Step: Uploading, Item: wire.ItemID(k.Name), Key: k, Upload: k.Name}
}

func step(n int, s Step) Line {
	l := Line{Time: time.Now(), Step: s, Item: wire.ItemID(keyOf(n).Name)}
	if s == Done {
		l.Verdict = "OK"
	}
	return l
}

// finish takes a file through all steps.
func finish(ctx context.Context, j *Journal, n int) error {
	err := errors.Join(
		j.Add(ctx, false, begin(n)), j.Add(ctx, false, step(n, Predicting)), j.Add(ctx, false, step(n, Done)),
	)
	j.Release(keyOf(n))
	return err
}

// What is known is known again, and the journal does not grow with its steps.
func TestJournalCompacts(t *testing.T) {
	t.Parallel()
	store := new(Memory)
	j, err := Open(t.Context(), store, "m", 0)
	require.NoError(t, err)
	const files = 200
	for n := range files {
		require.NoError(t, finish(t.Context(), j, n))
	}
	named := begin(files)
	named.Upload, named.Item, named.Key.Name = "safe-_ff_.png", "safe-_ff_", "\xff.png"
	require.NoError(t, j.Add(t.Context(), true, named))
	chosen := Line{Time: time.Now(), Step: Uploaded, Item: "safe-_ff_", ItemID: "4711"}
	require.NoError(t, j.Add(t.Context(), true, chosen))
	most := 0
	for n := range 3 * slack {
		require.NoError(t, j.Add(t.Context(), false, step(n%files, Done)))
		most = max(most, len(store.lines))
	}
	require.LessOrEqual(t, most, 2*files+slack+10)

	j, err = Open(t.Context(), store, "m", 0)
	require.NoError(t, err)
	require.True(t, j.Strange())
	for n := range files {
		e, ok := j.Find(keyOf(n))
		require.True(t, ok)
		require.Equal(t, keyOf(n), e.Key)
		require.Equal(t, Done, e.Step)
		require.Equal(t, "OK", e.Verdict)
		require.True(t, j.Taken(e.Item))
		require.Equal(t, e.Item, e.ItemID)
	}
	e, ok := j.Find(named.Key)
	require.True(t, ok)
	require.Equal(t, Entry{
		Key: named.Key, Step: Uploaded, Since: e.Since, Upload: named.Upload, Item: named.Item, ItemID: "4711",
	}, e)
	require.True(t, chosen.Time.Equal(e.Since))
	require.True(t, j.Taken("4711"))
	require.True(t, j.Taken("img-0000001"))
	require.False(t, j.Taken("4712"))
	_, ok = j.Find(keyOf(files))
	require.False(t, ok)
}

// A journal that tells of no file is any model's; one that does is not.
func TestJournalOfAnotherModel(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func() Store{
		"memory": func() Store { return new(Memory) },
		"file": func() Store {
			file, err := OpenFile(filepath.Join(t.TempDir(), "journal"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = file.Close() })
			return file
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := store()
			_, err := Open(t.Context(), store, "mistyped", 0)
			require.NoError(t, err)
			j, err := Open(t.Context(), store, "m", 0)
			require.NoError(t, err)
			require.NoError(t, finish(t.Context(), j, 1))
			for model, want := range map[string]error{"m": nil, "mistyped": ErrInvalid} {
				_, err := Open(t.Context(), store, model, 0)
				require.ErrorIs(t, err, want)
			}
		})
	}
	full := errors.New("disk full")
	store := &stubborn{err: full}
	_, err := Open(t.Context(), store, "mistyped", 0)
	require.NoError(t, err)
	_, err = Open(t.Context(), store, "m", 0)
	require.ErrorIs(t, err, full, "the header would be another model's")
}

// Files whose ids differ in case alone are two files.
func TestJournalOfOneIDInTwoCases(t *testing.T) {
	t.Parallel()
	store := new(Memory)
	j, err := Open(t.Context(), store, "m", 0)
	require.NoError(t, err)
	names := []string{"A.png", "a.png", "A.PNG.png"}
	for _, name := range names {
		l := Line{Time: time.Now(), Step: Uploading, Item: wire.ItemID(name), Key: Key{Name: name}, Upload: name}
		require.NoError(t, j.Add(t.Context(), true, l))
	}
	for n, name := range names[:2] {
		require.NoError(t, j.Add(t.Context(), true, Line{Time: time.Now(), Step: Step(n + 2), Item: wire.ItemID(name)}))
	}
	require.ErrorIs(t, j.Add(t.Context(), true, Line{Time: time.Now(), Step: Done, Item: "b"}), ErrInvalid)
	j, err = Open(t.Context(), store, "m", 0)
	require.NoError(t, err)
	for n, want := range []Step{Uploaded, Predicting, Uploading} {
		e, known := j.Find(Key{Name: names[n]})
		require.True(t, known)
		require.Equal(t, want, e.Step, names[n])
	}
}

// A store that cannot compact is used as it is, and one that somebody else has
// taken over is not.
func TestJournalThatCannotCompact(t *testing.T) {
	t.Parallel()
	for _, want := range []error{errors.New("disk full"), ErrLocked} {
		store := &stubborn{err: want}
		j, err := Open(t.Context(), store, "m", 0)
		require.NoError(t, err)
		require.NoError(t, j.Add(t.Context(), false, begin(0)))
		var ended error
		for n := 0; n < 3*slack && ended == nil; n++ {
			ended = j.Add(t.Context(), false, step(0, Done))
		}
		if errors.Is(want, ErrLocked) {
			require.ErrorIs(t, ended, ErrLocked)
			continue
		}
		require.NoError(t, ended)
		require.LessOrEqual(t, store.tries, 3)
	}
}

type stubborn struct {
	Memory
	err   error
	tries int
}

func (s *stubborn) Compact(context.Context, iter.Seq[[]byte]) error {
	s.tries++
	return s.err
}

// Old files are forgotten, in memory and in the store, but not while something
// is done with them, and not because a clock has jumped.
func TestJournalForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := new(Memory)
		const day = 24 * time.Hour
		j, err := Open(t.Context(), store, "m", day)
		require.NoError(t, err)
		require.NoError(t, j.Add(t.Context(), true, begin(0))) // is under way all the time
		for n := 1; n <= 100; n++ {
			require.NoError(t, finish(t.Context(), j, n))
			time.Sleep(time.Hour)
		}
		require.Less(t, len(j.order), 30)
		require.Less(t, len(store.lines), 100)
		for n, want := range map[int]bool{0: true, 1: false, 70: false, 80: true, 100: true} {
			_, known := j.Find(keyOf(n))
			require.Equal(t, want, known, n)
		}
		require.False(t, j.Taken("IMG-0000001"))

		// Nobody used it for a year, or the clock was wrong.
		time.Sleep(365 * day)
		j, err = Open(t.Context(), store, "m", day)
		require.NoError(t, err)
		_, known := j.Find(keyOf(90))
		require.True(t, known)
		_, known = j.Find(keyOf(0))
		require.False(t, known)
	})
}

// What a file takes in memory is documented, and so is what a start takes, and
// one more file: of a million at full length.
func TestJournalOfManyFiles(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	files := 100_000
	switch {
	case *testkit.Full:
		files = 1_000_000
	case testkit.Race: // which a single goroutine has nothing to show
		files = 10_000
	}
	path := filepath.Join(t.TempDir(), "journal")
	func() {
		f, err := OpenFile(path)
		require.NoError(t, err)
		j, err := Open(t.Context(), f, "m", 0)
		require.NoError(t, err)
		for n := range files {
			require.NoError(t, finish(t.Context(), j, n))
		}
		require.NoError(t, f.Close())
	}()
	before := heap()
	f, err := OpenFile(path)
	require.NoError(t, err)
	used, begun := processorTime(), time.Now()
	j, err := Open(t.Context(), f, "m", 0)
	opened, waited := processorTime()-used, time.Since(begun)
	require.NoError(t, err)
	each := float64(heap()-before) / float64(files)
	begun = time.Now()
	require.NoError(t, finish(t.Context(), j, files))
	require.NoError(t, f.Append(t.Context(), true))
	added := time.Since(begun)
	require.NoError(t, f.Close())
	runtime.KeepAlive(j)
	t.Logf("%d files: %.0f bytes each, opened in %v of a processor and %v by the clock, one more in %v", files, each, opened, waited, added)
	require.Less(t, each, 300.0)
	if !testkit.Race {
		require.Less(t, min(opened, waited), 3*time.Second)
	}
	if *testkit.Full { // what the disk takes is that of a machine with nothing else to do
		require.Less(t, added, 50*time.Millisecond)
	}

	n := 0
	for e, err := range Read(path) {
		require.NoError(t, err)
		require.Equal(t, keyOf(n).Name, e.Key.Name, "in the order in which they came")
		require.Equal(t, Done, e.Step)
		n++
	}
	require.Equal(t, files+1, n)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
