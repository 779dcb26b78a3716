package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// Every name that a disk allows is an image's, and none forges a line. Files that are
// being written, and what is no file, are left alone.
func TestWatchNames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move = true
		odd := []string{"x\nOK       forged.png", "\x93\x8a.png", "train (1).png", "a,b [7].png", "=1+2.png", strings.Repeat("n", 240) + ".png"}
		for n, name := range odd {
			w.write(t, name, append(picture(t, 0xff), byte(n)))
		}
		w.write(t, strings.Repeat("m", 251)+".png", picture(t, 0)) // an image of a name without room stays under it
		w.write(t, "._x.png", picture(t, 0xff))
		w.write(t, ".part.png", picture(t, 0xff))
		w.write(t, "empty.png", nil)
		require.NoError(t, os.Mkdir(filepath.Join(w.opts.Dir, "folder.png"), 0o700))
		left := 5
		if exec.CommandContext(t.Context(), "mkfifo", filepath.Join(w.opts.Dir, "pipe.png")).Run() == nil {
			left++
		}
		w.watch(t, time.Minute)
		require.ElementsMatch(t, odd, testkit.Names(t, w.opts.ng))
		require.Len(t, testkit.Names(t, w.opts.Dir), left)
		require.Len(t, w.entries(t), len(odd)+1)
		require.Len(t, strings.Split(strings.TrimSpace(w.stdout.String()), "\n"), len(odd)+1, w.stdout.String())
		require.NotContains(t, w.stdout.String(), "\nOK       forged")
	})
}

// One image whose prediction always fails is asked for a few times in all, on a line
// that is busy, and after a restart, too.
func TestWatchOneBrokenImage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := hacarustest.InspectorFunc(func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
			if r, _, _, _ := img.At(0, 0).RGBA(); r == 0xffff {
				return hacarustest.Finding{}, errors.New("it cannot be inspected")
			}
			return hacarustest.Finding{}, nil
		})
		w := newWatching(t)
		w.server = hacarustest.NewServer(hacarustest.WithInspector(broken))
		t.Cleanup(w.server.Close)
		w.opts.model = w.server.AddModel(hacarus.Model{}).ModelID
		w.opts.grace = 30 * time.Second
		w.write(t, "broken.png", picture(t, 0xff))
		good := picture(t, 0)
		go func() {
			for n := range 200 { // one every 7 s
				w.write(t, fmt.Sprintf("%03d.png", n), append(good[:len(good):len(good)], byte(n)))
				time.Sleep(7 * time.Second)
			}
		}()
		for range 3 {
			w.watch(t, 10*time.Minute)
		}
		asked := 0
		for _, call := range w.server.Calls("predictItems") {
			asked += bytes.Count(call.Body, []byte(`"broken"`))
		}
		require.NotZero(t, asked)
		require.LessOrEqual(t, asked, 3)
		require.Equal(t, []string{"broken.png", "broken.png.txt"}, testkit.Names(t, w.opts.failed))
		require.Equal(t, 1, strings.Count(w.stdout.String(), "broken.png"))
		require.Len(t, w.entries(t), 201)
	})
}

// An image whose outcome stays unknown is put aside with the reason, and is not
// uploaded for ever.
func TestWatchUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move = true
		w.write(t, "a.png", picture(t, 0xff))
		w.watch(t, time.Minute)
		require.Len(t, testkit.Names(t, w.opts.ng), 1)
		w.opts.journal += "-lost" // so that nobody knows of the earlier item
		w.server.Inject("addItem", hacarustest.CloseConnection().Before())
		w.write(t, "a.png", append(picture(t, 0), "another"...))
		time.AfterFunc(time.Minute, func() { w.write(t, "good.png", picture(t, 0)) })
		w.watch(t, time.Hour)
		require.Equal(t, []string{"a.png", "a.png.txt"}, testkit.Names(t, w.opts.failed), w.stderr.String())
		require.LessOrEqual(t, len(w.server.Calls("addItem")), 2+maxTries)
		require.Equal(t, []string{"good.png"}, testkit.Names(t, w.opts.Dir), "the line goes on")
		require.Len(t, w.entries(t), 3)
	})
}

// A disk that cannot read an image for a while costs it nothing.
func TestWatchUnreadableImage(t *testing.T) {
	t.Parallel()
	require.True(t, mayPass(fmt.Errorf("file: %w", &fs.PathError{Op: "read", Err: errors.New("input/output error")})))
	require.False(t, mayPass(hacarus.ErrBadRequest))
	require.False(t, mayPass(nil))
}

// An image that takes the place of another one at the last moment, with its size and
// its time, is given back.
func TestMoveGivesBack(t *testing.T) {
	t.Parallel()
	dir, ng := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "latest.png")
	require.NoError(t, os.WriteFile(path, []byte("inspected"), 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	sum, err := durable.Sum(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("the next "), 0o600))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	require.ErrorIs(t, mover{}.moveTo(&folder.Image{Path: path, Info: info}, sum, filepath.Join(ng, "latest.png")), folder.ErrReplaced)
	require.Equal(t, "the next ", string(read(t, path)))
	require.Empty(t, testkit.Names(t, ng))
	require.ErrorIs(t, mover{}.copyTo(&folder.Image{Path: path, Info: info}, sum, filepath.Join(ng, "latest.png")), folder.ErrReplaced)
	require.Empty(t, testkit.Names(t, ng))
}

// A share on which folders cannot be made durable does not stop the line, which says
// so once.
func TestUnsynced(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	decide := unsynced(program.NewFor(&bytes.Buffer{}, &stderr, output.Table))
	for range 3 {
		require.NoError(t, decide(errors.New("not supported")))
	}
	require.Equal(t, 1, strings.Count(stderr.String(), "not supported"), stderr.String())
}
