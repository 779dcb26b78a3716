package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The command of the README, from the root of the repository.
func TestDemo(t *testing.T) {
	t.Chdir("../..")
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), nil, &stdout, &stderr), stderr.String())
	require.Contains(t, stdout.String(), "4 OK, 7 NG in ")
	require.Contains(t, stdout.String(), "NG  NG-03-dent.jpg\n")
	folder := strings.TrimPrefix(strings.SplitN(stdout.String(), "\n", 2)[0], "Watching ")
	aside, err := os.ReadDir(filepath.Join(folder, "NG"))
	require.NoError(t, err)
	require.Len(t, aside, 7)
}

func TestBadInput(t *testing.T) { //nolint:paralleltest // it changes the environment
	for name := range map[string]bool{"HACARUS_BASE_URL": true, "HACARUS_CLIENT_ID": true, "HACARUS_CLIENT_SECRET": true} {
		t.Setenv(name, "")
	}
	for name, test := range map[string]struct {
		args    []string
		message string
	}{
		"unknown flag":   {[]string{"-colour"}, "-colour"},
		"an argument":    {[]string{"folder"}, "-dir"},
		"both":           {[]string{"-demo", "-dir", "x"}, "-demo"},
		"one folder":     {[]string{"-dir", "x", "-ng", "x/"}, "-ng"},
		"no interval":    {[]string{"-every", "0s"}, "-every"},
		"no plates":      {nil, "root of the repository"},
		"no environment": {[]string{"-dir", t.TempDir()}, "HACARUS_BASE_URL"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitError, run(t.Context(), test.args, &stdout, &stderr), name)
		require.Contains(t, stderr.String(), test.message, name)
		require.Empty(t, stdout.String(), name)
	}
	var stdout bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"-h"}, &stdout, &stdout))
	require.Contains(t, stdout.String(), "-settle")
}

func TestFolder(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte(content), 0o600))
	}
	f := newFolder(path, 2*time.Second)
	now := time.Now()
	var last []found
	finished := func(after time.Duration) (names []string) {
		now = now.Add(after)
		paths, err := f.finished(now)
		last = paths
		require.NoError(t, err)
		for _, found := range paths {
			require.Equal(t, path, filepath.Dir(found.path))
			names = append(names, filepath.Base(found.path))
		}
		slices.Sort(names)
		return names
	}
	write("old.jpg", "there before")
	write("text.txt", "no image")
	write(".hidden.jpg", "in the making")
	write("empty.png", "")
	require.NoError(t, os.Mkdir(filepath.Join(path, "folder.jpg"), 0o700))
	require.Empty(t, finished(0))
	write("slow.PNG", "a")
	require.Empty(t, finished(time.Second))
	write("slow.PNG", "ab")
	require.Equal(t, []string{"old.jpg"}, finished(time.Second))
	require.Empty(t, finished(time.Second), "slow has changed")
	require.Equal(t, []string{"slow.PNG"}, finished(time.Second))
	require.Empty(t, finished(time.Minute), "each once")

	// Renamed: when written under another name, it has settled there already;
	// and what was taken is not taken again.
	write("camera.tmp", "x")
	require.Empty(t, finished(time.Second))
	require.NoError(t, os.Rename(filepath.Join(path, "camera.tmp"), filepath.Join(path, "camera.jpg")))
	require.Equal(t, []string{"camera.jpg"}, finished(2*time.Second))
	require.NoError(t, os.Rename(filepath.Join(path, "camera.jpg"), filepath.Join(path, "renamed.jpg")))
	require.Empty(t, finished(time.Minute))

	write("old.jpg", "a new image under the old name")
	require.Empty(t, finished(0))
	require.Equal(t, []string{"old.jpg"}, finished(2*time.Second))
	old := last[0]
	require.True(t, f.giveBack(old, now))
	require.Empty(t, finished(time.Second))
	require.Equal(t, []string{"old.jpg"}, finished(time.Second))

	write("old.jpg", "the third image")
	require.Empty(t, finished(0))
	require.False(t, f.giveBack(old, now), "another one is there")

	gone := newFolder(filepath.Join(path, "no such"), 0)
	_, err := gone.finished(now)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// bright is an inspector to which a picture whose first pixel is bright is NG.
func bright(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
	r, _, _, _ := img.At(0, 0).RGBA()
	return hacarustest.Finding{NG: r > 0x8000}, nil
}

func picture(t *testing.T, shade byte) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 2, 2))
	img.SetGray(0, 0, color.Gray{Y: shade})
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// watching is a line on a clock of its own.
type watching struct {
	server *hacarustest.Server
	opts   options
	stdout bytes.Buffer
}

func newWatching(t *testing.T, serverOptions ...hacarustest.Option) *watching {
	t.Helper()
	w := &watching{server: hacarustest.NewServer(append(serverOptions, hacarustest.WithInspector(hacarustest.InspectorFunc(bright)))...)}
	t.Cleanup(w.server.Close)
	w.opts = options{
		dir: t.TempDir(), model: w.server.AddModel(hacarus.Model{}).ModelID,
		settle: 2 * time.Second, every: time.Second, grace: time.Minute,
	}
	w.opts.inFolder()
	return w
}

// run watches for some time.
func (w *watching) run(t *testing.T, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return newLine(w.server.Client(), w.opts, &w.stdout).run(ctx)
}

func (w *watching) write(t *testing.T, name string, content []byte) {
	t.Helper()
	assert.NoError(t, os.WriteFile(filepath.Join(w.opts.dir, name), content, 0o600))
}

func names(t *testing.T, folder string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// Half a file is not inspected, and none twice, whatever ends the program.
func TestLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		good, bad := picture(t, 0), picture(t, 0xff)
		w.write(t, "検査 1.png", bad)
		w.write(t, "slow.png", good[:20])
		time.AfterFunc(1500*time.Millisecond, func() { w.write(t, "slow.png", good) })
		require.ErrorIs(t, w.run(t, 10*time.Second), context.DeadlineExceeded)
		require.Contains(t, w.stdout.String(), "NG  検査 1.png\n")
		require.Contains(t, w.stdout.String(), "OK  slow.png\n")
		require.Equal(t, []string{"検査 1.png"}, names(t, w.opts.ng))

		for range 2 { // again with the same journal
			w.write(t, "more.png", picture(t, 0xfe))
			require.ErrorIs(t, w.run(t, 10*time.Second), context.DeadlineExceeded)
			require.Equal(t, []string{"more.png", "検査 1.png"}, names(t, w.opts.ng))
		}
		require.Equal(t, 3, w.server.Executions("predictItems"))

		// Another image of an old name is another item, and is kept beside the other.
		w.opts.move = true
		w.write(t, "more.png", picture(t, 0xfd))
		require.ErrorIs(t, w.run(t, 10*time.Second), context.DeadlineExceeded)
		require.Equal(t, []string{"more-2.png", "more.png", "検査 1.png"}, names(t, w.opts.ng))
		require.Equal(t, []string{".hacarus-journal", "NG", "slow.png"}, names(t, w.opts.dir))
		require.Equal(t, 4, w.server.Executions("predictItems"))
	})
}

// What passes does not end it: an image at fault, a service that is away, a
// folder that is.
func TestLineGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.server.Inject("predictItems", hacarustest.Repeat(2, hacarustest.Status(422, nil, "{}"))...)
		w.write(t, "text.png", []byte("no image"))
		w.write(t, "good.png", picture(t, 0))
		require.NoError(t, os.Rename(w.opts.dir, w.opts.dir+"-away"))
		time.AfterFunc(5*time.Second, func() { assert.NoError(t, os.Rename(w.opts.dir+"-away", w.opts.dir)) })
		require.ErrorIs(t, w.run(t, time.Minute), context.DeadlineExceeded)
		text := w.stdout.String()
		require.Contains(t, text, "cannot be read")
		require.Equal(t, 1, strings.Count(text, "--  text.png"), "it is not tried again")
		require.Contains(t, text, "--  good.png", "at first")
		require.Contains(t, text, "OK  good.png", "and then")
	})
}

// The image that is put aside is the one that was inspected.
func TestLineWithReplacedImages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t, hacarustest.WithPredictionTime(5*time.Second))
		w.opts.move = true
		w.write(t, "latest.png", picture(t, 0xff))
		time.AfterFunc(4*time.Second, func() { w.write(t, "latest.png", append(picture(t, 0), "a little longer"...)) })
		require.ErrorIs(t, w.run(t, time.Minute), context.DeadlineExceeded)
		require.Contains(t, w.stdout.String(), "NG  latest.png: another image has taken its place")
		require.Contains(t, w.stdout.String(), "OK  latest.png\n")
		require.Equal(t, []string{".hacarus-journal", "latest.png"}, names(t, w.opts.dir), "nothing was moved")
		require.Equal(t, 2, w.server.Executions("addItem"))
	})
}

// An image without a verdict does not hold up those that come after it.
func TestLineGoesPastAnImageWithoutVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		begun := time.Now()
		w.write(t, "broken.png", picture(t, 0)[:40]) // a PNG that ends too early: its prediction fails
		time.AfterFunc(10*time.Second, func() { w.write(t, "good.png", picture(t, 0)) })
		require.ErrorIs(t, w.run(t, 30*time.Second), context.DeadlineExceeded)
		require.Contains(t, w.stdout.String(), "OK  good.png\n", "after %v", time.Since(begun))
		require.ErrorIs(t, w.run(t, 5*time.Minute), context.DeadlineExceeded)
		require.Equal(t, 1, strings.Count(w.stdout.String(), "--  broken.png"), "it is not tried again and again")
		require.Equal(t, 2, w.server.Executions("addItem"))
		require.Equal(t, 3, w.server.Executions("predictItems"), "the broken one once more, when the grace time was over")
	})
}

// What does not pass ends it.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.write(t, "good.png", picture(t, 0))
		w.opts.model = "nobody"
		require.ErrorIs(t, w.run(t, time.Hour), hacarus.ErrNotFound)
		require.Empty(t, w.server.Calls("addItem"))
	})
}
