package watch

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// unmount takes the watched folder away for some time, as a share does whose server
// is started again: it is not there, or what was below it shows, which is empty.
func (w *watching) unmount(t *testing.T, at, d time.Duration, mountPoint bool) {
	t.Helper()
	away := w.opts.Dir + "-away"
	time.AfterFunc(at, func() {
		assert.NoError(t, os.Rename(w.opts.Dir, away))
		if mountPoint {
			assert.NoError(t, os.Mkdir(w.opts.Dir, 0o700))
		}
	})
	time.AfterFunc(at+d, func() {
		if mountPoint {
			assert.NoError(t, os.Remove(w.opts.Dir))
		}
		assert.NoError(t, os.Rename(away, w.opts.Dir))
	})
}

// uploaded is how many files the service was given.
func (w *watching) uploaded() (files int) {
	for _, call := range w.server.Calls("addItem") {
		if call.Executed {
			files += len(call.Files)
		}
	}
	return files
}

// A share that goes while images are inspected, and comes back, costs no image its
// verdict or its place, and has none inspected or recorded twice.
func TestFolderGoesWhileImagesAreInspected(t *testing.T) {
	t.Parallel()
	for _, mountPoint := range []bool{false, true} {
		for _, move := range []bool{false, true} {
			for _, at := range []time.Duration{2500 * time.Millisecond, 4500 * time.Millisecond} {
				synctest.Test(t, func(t *testing.T) {
					w := newWatching(t, hacarustest.WithPredictionTime(5*time.Second))
					w.opts.move = move
					for n, name := range []string{"1.png", "2.png", "3.png"} {
						w.write(t, name, picture(t, byte(0xff-n)))
					}
					w.write(t, "good.png", picture(t, 0))
					w.unmount(t, at, 20*time.Second, mountPoint)
					w.watch(t, 10*time.Minute)
					require.Equal(t, []string{"1.png", "2.png", "3.png"}, testkit.Names(t, w.opts.ng), "%v %v %v: %s", mountPoint, move, at, w.stderr.String())
					require.Empty(t, testkit.Names(t, w.opts.failed))
					require.Len(t, w.entries(t), 4)
					require.Equal(t, 4, w.uploaded())
				})
			}
		}
	}
}

// What was dealt with before a share was away is not dealt with again, however long
// ago that was.
func TestFolderComesBackWithOldImages(t *testing.T) {
	t.Parallel()
	for _, mountPoint := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t)
			w.opts.remember = time.Hour
			w.write(t, "bad.png", picture(t, 0xff))
			w.write(t, "good.png", picture(t, 0))
			w.unmount(t, 5*time.Hour, time.Minute, mountPoint)
			time.AfterFunc(6*time.Hour, func() { w.write(t, "next.png", picture(t, 0)) })
			w.watch(t, 7*time.Hour)
			require.Equal(t, 3, w.uploaded())
			require.Len(t, w.entries(t), 3)
			require.Equal(t, []string{"bad.png"}, testkit.Names(t, w.opts.ng))
		})
	}
}

// An image that was not there when its verdict came, and is there when the program
// starts again, is put where it belongs.
func TestImageIsThereAgainAfterARestart(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{2500 * time.Millisecond, 4500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t, hacarustest.WithPredictionTime(5*time.Second))
			w.write(t, "1.png", picture(t, 0xff))
			path := filepath.Join(w.opts.Dir, "1.png")
			time.AfterFunc(at, func() { assert.NoError(t, os.Rename(path, path+".away")) })
			w.watch(t, time.Minute)
			require.NoError(t, os.Rename(path+".away", path))
			w.watch(t, time.Minute)
			require.Equal(t, []string{"1.png"}, testkit.Names(t, w.opts.ng))
			require.Equal(t, 1, w.server.Executions("predictItems"))
		})
	}
}

// Two lines may share a record, and their cameras may give images the same names,
// sizes and times: each image is inspected, also after a restart.
func TestTwoLinesWithOneRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		other := newWatching(t)
		other.opts.record = w.opts.record
		at := time.Now()
		for _, line := range []*watching{w, other} {
			line.write(t, "000001.png", picture(t, 0))
			require.NoError(t, os.Chtimes(filepath.Join(line.opts.Dir, "000001.png"), at, at))
			line.watch(t, time.Minute)
		}
		require.Contains(t, other.stdout.String(), "OK       000001.png")
		entries := w.entries(t)
		require.Len(t, entries, 2)
		require.NotEqual(t, entries[0].ID, entries[1].ID)
	})
}

// Names of another encoding survive the record: what is decided and not done when the
// program dies is done under them.
func TestWatchResumesUnderNamesOfBytes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("names are letters here")
	}
	for _, move := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t)
			w.opts.move = move
			files := []string{"\x8c\x9f\x8d\xb8.png", "\x8c\x9f\x8d\xb9.png"} // Shift-JIS
			for n, name := range files {
				w.write(t, name, picture(t, byte(0xff-n)))
			}
			time.AfterFunc(time.Second, func() { assert.NoError(t, os.RemoveAll(w.opts.ng)) }) // nothing can be put there
			w.watch(t, 10*time.Second)
			require.NoDirExists(t, w.opts.ng)
			w.watch(t, 10*time.Second)
			require.Equal(t, files, testkit.Names(t, w.opts.ng))
		})
	}
}
