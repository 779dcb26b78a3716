package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

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
	server         *hacarustest.Server
	opts           options
	stdout, stderr bytes.Buffer
	metrics        *metrics
	clientOptions  []hacarus.Option
}

func newWatching(t *testing.T, serverOptions ...hacarustest.Option) *watching {
	t.Helper()
	root := t.TempDir()
	w := &watching{server: hacarustest.NewServer(append(serverOptions, hacarustest.WithInspector(hacarustest.InspectorFunc(bright)))...)}
	t.Cleanup(w.server.Close)
	w.opts = options{
		Options: folder.Options{Dir: filepath.Join(root, "in"), Settle: 2 * time.Second, Every: time.Second},
		ng:      filepath.Join(root, "ng"), failed: filepath.Join(root, "failed"),
		journal: filepath.Join(root, "journal"), record: filepath.Join(root, "record.jsonl"),
		model: w.server.AddModel(hacarus.Model{}).ModelID, grace: time.Minute, remember: 72 * time.Hour,
	}
	require.NoError(t, os.MkdirAll(w.opts.Dir, 0o700))
	return w
}

// run watches for some time.
func (w *watching) run(t *testing.T, d time.Duration) error {
	t.Helper()
	p := program.NewFor(&w.stdout, &w.stderr, output.Table)
	require.NoError(t, w.opts.check(p))
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	journal, err := hacarus.NewFileJournal(w.opts.journal)
	require.NoError(t, err)
	defer func() { _ = journal.Close() }()
	w.metrics = newMetrics(time.Now)
	l, err := newLine(p, w.server.Client(append(w.clientOptions, hacarus.WithObserver(w.metrics.observe))...), w.opts, journal, w.metrics, nil)
	require.NoError(t, err)
	defer l.close()
	return l.run(ctx)
}

// watch watches for some time in which nothing may end it.
func (w *watching) watch(t *testing.T, d time.Duration) {
	t.Helper()
	require.ErrorIs(t, w.run(t, d), context.DeadlineExceeded, w.stderr.String())
}

func (w *watching) write(t *testing.T, name string, content []byte) {
	t.Helper()
	assert.NoError(t, os.WriteFile(filepath.Join(w.opts.Dir, name), content, 0o600))
}

func (w *watching) entries(t *testing.T) (entries []record.Entry) {
	t.Helper()
	raw, err := os.ReadFile(w.opts.record)
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		var e record.Entry
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		entries = append(entries, e)
	}
	return entries
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	return raw
}

// Half a file is not inspected, and none twice, whatever ends the program.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		good, bad := picture(t, 0), picture(t, 0xff)
		w.write(t, "検査 1.png", bad)
		w.write(t, "._x.png", bad)
		w.write(t, ".hidden.png", bad)
		w.write(t, "slow.png", good[:20])
		time.AfterFunc(1500*time.Millisecond, func() { w.write(t, "slow.png", good) })
		w.watch(t, 10*time.Second)
		require.Contains(t, w.stdout.String(), "NG       検査 1.png\n")
		require.Contains(t, w.stdout.String(), "OK       slow.png\n")
		require.Equal(t, []string{"検査 1.png"}, testkit.Names(t, w.opts.ng))

		for range 2 { // again with the same journal
			w.write(t, "more.png", picture(t, 0xfe))
			w.watch(t, 10*time.Second)
		}
		require.Equal(t, 3, w.server.Executions("predictItems"))
		require.Contains(t, testkit.Names(t, w.opts.ng), "more.png")

		// Another image of an old name is another item, and is kept beside the other.
		w.opts.move = true
		w.write(t, "more.png", picture(t, 0xfd))
		w.watch(t, 10*time.Second)
		require.Equal(t, 4, w.server.Executions("predictItems"))
		require.Equal(t, []string{"._x.png", ".hidden.png", "slow.png"}, testkit.Names(t, w.opts.Dir), "what was left there moves now")
		require.GreaterOrEqual(t, len(testkit.Names(t, w.opts.ng)), 3)
		require.Contains(t, w.metrics.String(), `hacarus_watch_images_total{verdict="NG"} 1`)
		require.Contains(t, w.metrics.String(), "hacarus_watch_waiting 0")
	})
}

// After a restart, what was dealt with is left alone.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.write(t, "bad.png", picture(t, 0xff))
		w.write(t, "good.png", picture(t, 0))
		w.watch(t, 10*time.Second)
		require.NoError(t, os.Remove(filepath.Join(w.opts.ng, "bad.png")))
		calls := len(w.server.Calls("getItemById"))
		w.watch(t, 10*time.Second)
		require.Len(t, w.entries(t), 2, "a line for each image")
		require.Empty(t, testkit.Names(t, w.opts.ng), "a person has taken it away")
		require.Len(t, w.server.Calls("getItemById"), calls, "nothing is asked again")
		e := w.entries(t)[0]
		require.Equal(t, "model", e.By)
		require.Len(t, e.SHA256, 64)
	})
}

// What is decided and not done when the program dies is done when it is there again.
func TestWatchResumes(t *testing.T) {
	t.Parallel()
	for _, move := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t)
			w.opts.move = move
			w.write(t, "bad.png", picture(t, 0xff))
			time.AfterFunc(time.Second, func() { assert.NoError(t, os.RemoveAll(w.opts.ng)) }) // nothing can be put there
			w.watch(t, 10*time.Second)
			require.Contains(t, w.stderr.String(), "not put aside yet")
			require.NoDirExists(t, w.opts.ng)
			w.watch(t, 10*time.Second)
			require.Equal(t, []string{"bad.png"}, testkit.Names(t, w.opts.ng))
			require.Len(t, w.entries(t), 1)
			require.Equal(t, move, len(testkit.Names(t, w.opts.Dir)) == 0)
		})
	}
}

// An image that the service does not take, and one whose prediction fails, have
// their own folder, with the reason, and the line goes on.
func TestWatchFailedImages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move = true
		w.write(t, "text.png", []byte("no image"))
		w.write(t, "broken.png", picture(t, 0)[:40])
		time.AfterFunc(5*time.Second, func() { w.write(t, "good.png", picture(t, 0)) })
		w.watch(t, 30*time.Minute)
		require.Equal(t, []string{"broken.png", "broken.png.txt", "text.png", "text.png.txt"}, testkit.Names(t, w.opts.failed))
		require.Contains(t, string(read(t, filepath.Join(w.opts.failed, "text.png.txt"))), "PNG, JPEG and TIFF")
		require.Equal(t, []string{"good.png"}, testkit.Names(t, w.opts.Dir))
		require.Len(t, w.entries(t), 3)
		require.Equal(t, 3, w.server.Executions("addItem")+1, "the text was refused")
	})
}

// An image that has taken the place of an inspected one is never touched.
func TestWatchReplacedImages(t *testing.T) {
	t.Parallel()
	for _, move := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatching(t, hacarustest.WithPredictionTime(5*time.Second))
			w.opts.move = move
			w.write(t, "latest.png", picture(t, 0xff))
			next := append(picture(t, 0), "a little longer"...)
			time.AfterFunc(4*time.Second, func() { w.write(t, "latest.png", next) })
			w.watch(t, time.Minute)
			require.Empty(t, testkit.Names(t, w.opts.ng))
			require.Equal(t, next, read(t, filepath.Join(w.opts.Dir, "latest.png")))
			entries := w.entries(t)
			require.Len(t, entries, 2)
			require.Equal(t, []string{"NG", "OK"}, []string{entries[0].Verdict, entries[1].Verdict})
			require.Empty(t, entries[0].To)
		})
	}
}

// An outage of the service and of the folder is waited out, and told of.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.server.Inject("addItem", hacarustest.Repeat(5, hacarustest.Status(503, nil, "{}"))...)
		w.write(t, "good.png", picture(t, 0))
		require.NoError(t, os.Rename(w.opts.Dir, w.opts.Dir+"-away"))
		require.NoError(t, os.Mkdir(w.opts.Dir, 0o700))
		time.AfterFunc(3*time.Second, func() { assert.NoError(t, os.Remove(w.opts.Dir)) })
		time.AfterFunc(6*time.Second, func() { assert.NoError(t, os.Rename(w.opts.Dir+"-away", w.opts.Dir)) })
		w.watch(t, 10*time.Minute)
		require.Contains(t, w.stderr.String(), "cannot be read")
		require.Contains(t, w.stderr.String(), "is there again")
		require.Equal(t, 1, strings.Count(w.stderr.String(), "503"), "each reason once: %s", w.stderr.String())
		require.Contains(t, w.stderr.String(), "It goes on.")
		require.Contains(t, w.stdout.String(), "OK       good.png", w.stderr.String())
	})
}

// What does not pass by itself ends it.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.write(t, "good.png", picture(t, 0))
		w.opts.model = "nobody"
		require.ErrorIs(t, w.run(t, time.Hour), hacarus.ErrNotFound)
		require.Empty(t, w.server.Calls("addItem"))
	})
}

// What ends it is no fault of the images that were under way: they stay where they
// are, and are inspected when the cause is mended.
func TestWatchEndsWithImagesUnderWay(t *testing.T) {
	t.Parallel()
	refusals := map[string]func(w *watching){
		"model":   func(w *watching) { w.opts.model = "nobody" },
		"license": func(w *watching) { w.server.Inject("addItem", refusal(http.StatusForbidden)) },
		"predict": func(w *watching) { w.server.Inject("predictItems", refusal(http.StatusForbidden)) },
		"secret":  func(w *watching) { w.server.Inject("login", refusal(http.StatusUnauthorized)) },
		"login":   func(w *watching) { w.server.Inject("login", refusal(http.StatusUnprocessableEntity)) },
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWatching(t)
				w.opts.move = true
				w.opts.model = hacarus.ActiveModel
				for _, name := range []string{"a.png", "b.png", "c.png"} {
					w.write(t, name, picture(t, 255))
				}
				refuse(w)
				require.NotErrorIs(t, w.run(t, time.Hour), context.DeadlineExceeded)
				require.Len(t, testkit.Names(t, w.opts.Dir), 3)
				require.Empty(t, w.stdout.String())

				if w.opts.model != hacarus.ActiveModel { // a journal is of one model
					w.opts.model, w.opts.journal = hacarus.ActiveModel, w.opts.journal+"-2"
				}
				w.watch(t, 10*time.Minute)
				require.Len(t, testkit.Names(t, w.opts.ng), 3, w.stderr.String())
				require.Len(t, w.entries(t), 3)
			})
		})
	}
}

// So does one whose upload was cut off, so that nobody knows what became of it.
func TestWatchEndsWithAnUploadUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move = true
		w.server.Inject("addItem", hacarustest.Stall(), refusal(http.StatusForbidden))
		w.write(t, "a.png", picture(t, 255))
		time.AfterFunc(10*time.Second, func() { w.write(t, "b.png", picture(t, 254)) })
		require.ErrorIs(t, w.run(t, time.Hour), hacarus.ErrForbidden)
		require.Len(t, testkit.Names(t, w.opts.Dir), 2)
		require.Empty(t, w.stdout.String())
		w.watch(t, 10*time.Minute)
		require.Len(t, testkit.Names(t, w.opts.ng), 2, w.stderr.String())
		require.Len(t, w.entries(t), 2)
		require.Equal(t, 2, w.server.Executions("addItem"), "none is uploaded again")
	})
}

// refusal is the service's, and not that of something in front of it.
func refusal(status int) hacarustest.Fault {
	return hacarustest.Status(status, nil, fmt.Sprintf(`{"errors": {"status": %d, "title": "Invalid license!", "source": {"pointer": "x"}, "detail": "x"}}`, status))
}

// The same folder under two names is refused before anything is touched.
func TestSameFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := filepath.Join(t.TempDir(), "link")
	p := program.NewFor(&bytes.Buffer{}, &bytes.Buffer{}, output.Table)
	opts := options{Options: folder.Options{Dir: dir}, ng: filepath.Join(dir, "x", ".."), failed: t.TempDir()}
	require.ErrorContains(t, opts.check(p), "same folder")
	if os.Symlink(dir, other) == nil {
		opts.ng = other
		require.ErrorContains(t, opts.check(p), "same folder")
	}
	opts.ng, opts.done = opts.failed, ""
	require.ErrorContains(t, opts.check(p), "same folder")
	opts.ng = filepath.Join(dir, "ng")
	require.NoError(t, opts.check(p), "a folder in it is another one")
}

// Images that come faster than they can be uploaded all get their verdict, in
// about the time that the uplink takes for them, and none is overtaken for ever.
func TestWatchBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move = true
		const images = 300 // 200 a minute
		// Four uploads of 20 at a time: 107 a minute.
		w.server.Inject("addItem", hacarustest.Repeat(images, hacarustest.Delay(45*time.Second))...)
		content := make([][]byte, 2)
		content[0], content[1] = picture(t, 0), picture(t, 0xff)
		go func() {
			for i := range images {
				w.write(t, fmt.Sprintf("%04d.png", i), append(content[i%2], byte(i), byte(i>>8)))
				time.Sleep(300 * time.Millisecond)
			}
		}()
		oldest := make(chan float64, 1)
		go func() {
			worst := 0.0
			for range 59 {
				time.Sleep(time.Minute)
				_, oldest := w.metrics.backlog()
				worst = max(worst, oldest.Seconds())
			}
			oldest <- worst
		}()
		w.watch(t, time.Hour)
		require.Len(t, w.entries(t), images)
		require.Len(t, testkit.Names(t, w.opts.ng), images/2)
		require.Len(t, testkit.Names(t, w.opts.Dir), images/2)
		require.Less(t, <-oldest, (images/107.0+2)*60, "seconds that the oldest waited")
		_, left := w.metrics.backlog()
		require.Zero(t, left)
	})
}

// Across disks, an image is copied whole before it is removed, and one that has
// taken its place is not removed at all.
func TestMoveAcrossDisks(t *testing.T) {
	t.Parallel()
	elsewhere, err := os.MkdirTemp("/dev/shm", "hacarus-test-") //nolint:usetesting // another disk than that of t.TempDir
	if err != nil {
		t.Skip("there is no second disk")
	}
	t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
	dir := t.TempDir()
	path := filepath.Join(dir, "a.png")
	require.NoError(t, os.WriteFile(path, []byte("an image"), 0o600))
	if os.Rename(path, filepath.Join(elsewhere, "probe")) == nil {
		t.Skip("it is the same disk")
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	image := &folder.Image{Path: path, Info: info}
	sum, err := durable.Sum(path)
	require.NoError(t, err)

	require.NoError(t, mover{}.moveTo(image, sum, filepath.Join(elsewhere, "a.png")))
	require.Equal(t, "an image", string(read(t, filepath.Join(elsewhere, "a.png"))))
	require.Empty(t, testkit.Names(t, dir))
	require.NoError(t, mover{}.moveTo(image, sum, filepath.Join(elsewhere, "a.png")), "it is done")

	require.NoError(t, os.WriteFile(path, []byte("another image"), 0o600))
	require.NoError(t, mover{}.copyAndRemove(image, sum, filepath.Join(elsewhere, "a.png")), "it is not the one that was copied")
	require.Equal(t, "another image", string(read(t, path)))
	require.ErrorIs(t, mover{}.moveTo(image, sum, filepath.Join(elsewhere, "b.png")), folder.ErrReplaced)
	require.NoFileExists(t, filepath.Join(elsewhere, "b.png"))
}

// The record names the model that has decided, and its version.
func TestWatchRecordsTheModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.model = hacarus.ActiveModel
		w.write(t, "a.png", picture(t, 0))
		w.write(t, "b.png", picture(t, 1))
		w.write(t, "c.png", []byte("no image"))
		w.watch(t, time.Minute)
		entries := w.entriesByFile(t)
		models, err := w.server.Client().ListModels(t.Context(), nil)
		require.NoError(t, err)
		require.NotEmpty(t, models[0].Version)
		for _, name := range []string{"a.png", "b.png"} {
			require.Equal(t, models[0].ModelID, entries[name].Model)
			require.Equal(t, models[0].Version, entries[name].Version)
		}
		require.Equal(t, hacarus.ActiveModel, entries["c.png"].Model, "nobody has decided")
		require.Len(t, w.server.Calls("getModelById"), 1)

		next := w.server.AddModel(hacarus.Model{Version: "9.9"})
		w.server.Inject("getModelById", refusal(http.StatusForbidden))
		w.write(t, "d.png", picture(t, 2))
		w.write(t, "e.png", picture(t, 3))
		time.AfterFunc(2*time.Minute, func() { w.write(t, "f.png", picture(t, 4)) })
		w.watch(t, 5*time.Minute)
		entries = w.entriesByFile(t)
		require.Equal(t, next.ModelID, entries["d.png"].Model)
		require.Empty(t, entries["e.png"].Version, "it could not be known")
		require.Equal(t, "9.9", entries["f.png"].Version)
		require.Len(t, w.server.Calls("getModelById"), 3)
	})
}

// The figures tell what was inspected, what was not, and what is wrong.
func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.write(t, "a.png", picture(t, 0))
		w.write(t, "b.png", picture(t, 0xff))
		w.write(t, "c.png", []byte("no image"))
		w.watch(t, time.Minute)
		figures := w.metrics.String()
		for _, line := range []string{
			`hacarus_watch_images_total{verdict="OK"} 1`, `hacarus_watch_images_total{verdict="NG"} 1`,
			`hacarus_watch_images_total{verdict="none"} 0`, `hacarus_watch_images_total{verdict="failed"} 1`,
			"hacarus_watch_waiting 0", "hacarus_watch_oldest_waiting_seconds 0", "hacarus_watch_undone 0",
			"hacarus_watch_upload_seconds_sum ",
		} {
			require.Contains(t, figures, line)
		}
		require.Regexp(t, `hacarus_watch_upload_seconds_count [12]\n`, figures, "in one upload or in two")
		require.Empty(t, w.metrics.trouble())
	})
	m := newMetrics(time.Now)
	for range unhealthy {
		require.Empty(t, m.trouble())
		m.observe(t.Context(), hacarus.Attempt{Err: errors.New("reset")})
	}
	require.Contains(t, m.trouble(), "service")
	m.folder(true)
	require.Contains(t, m.trouble(), "folder")
	m.folder(false)
	m.observe(t.Context(), hacarus.Attempt{})
	require.Empty(t, m.trouble())
	for err, want := range map[error]string{hacarus.ErrNoVerdict: "none", hacarus.ErrNoAssessment: "none", hacarus.ErrBadRequest: "failed"} {
		require.Equal(t, want, resultOf(&hacarus.Inspection{Err: err}))
	}
}

// An image that fails for a reason that passes is found again, but not for ever.
func TestTryAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.png"), []byte("x"), 0o600))
	l := &line{folder: folder.New(folder.Options{Dir: dir}, nil), tries: map[string]int{}}
	now := time.Now()
	for try := 1; try <= maxTries; try++ {
		found, _, err := l.folder.Finished(now)
		require.NoError(t, err)
		require.Len(t, found, 1, "try %d", try)
		require.Equal(t, try < maxTries, l.tryAgain(found[0], true))
		now = now.Add(time.Minute)
	}
	found, _, err := l.folder.Finished(now)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Empty(t, l.tries, "nothing is kept of an image that is done with")
}

// Boxes of an image that the camera has noted to lie on its side are recorded where
// people see the defect, whether or not the service minds how the image lies.
func TestWatchTurnedImages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dent := hacarustest.InspectorFunc(func(context.Context, image.Image, hacarustest.Parameters) (hacarustest.Finding, error) {
			return hacarustest.Finding{NG: true, Defects: []hacarustest.Defect{{Box: image.Rect(10, 20, 30, 50)}}}, nil
		})
		w := newWatching(t)
		w.server = hacarustest.NewServer(hacarustest.WithInspector(dent))
		t.Cleanup(w.server.Close)
		w.opts.model = w.server.AddModel(hacarus.Model{}).ModelID
		plate := read(t, filepath.Join("..", "..", "..", "..", "testdata", "plates", "inspect", "OK-01.jpg"))
		w.write(t, "lying.jpg", testkit.OnItsSide(plate)) // 256 by 192 pixels as they are stored
		w.write(t, "upright.jpg", plate)
		w.watch(t, 10*time.Second)
		boxes := map[string][][4]int{}
		for _, e := range w.entries(t) {
			boxes[e.File] = e.Boxes
		}
		require.Equal(t, map[string][][4]int{"lying.jpg": {{142, 10, 172, 30}}, "upright.jpg": {{10, 20, 30, 50}}}, boxes)
	})
}
