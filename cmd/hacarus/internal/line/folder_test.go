package line

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// picture is a small image, unlike others of another text.
func picture(text string) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4)))
	return append(b.Bytes(), text...)
}

// taking is a folder whose images are taken in.
type taking struct {
	dir, data string
	opts      folder.Options
	log       bytes.Buffer
}

func newTaking(t *testing.T) *taking {
	t.Helper()
	f := &taking{dir: filepath.Join(t.TempDir(), "in"), data: t.TempDir()}
	require.NoError(t, os.Mkdir(f.dir, 0o700))
	f.opts = folder.Options{Dir: f.dir, Every: time.Second, Settle: 2 * time.Second}
	return f
}

// inlet is that of a process that has just begun.
func (f *taking) inlet(t *testing.T) *inlet {
	t.Helper()
	l := &process{log: slog.New(slog.NewTextHandler(&f.log, nil))}
	l.metrics = newMetrics(l)
	var err error
	l.spool, err = intake.OpenSpool(intake.SpoolDir(f.data), intake.Limits{Image: 1000})
	require.NoError(t, err)
	return &inlet{process: l, station: "a", dir: f.dir, folder: folder.New(f.opts, nil)}
}

// run takes images in for a minute.
func (f *taking) run(t *testing.T) *inlet {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	i := f.inlet(t)
	i.folder.Watch(ctx, i)
	return i
}

func (f *taking) write(t *testing.T, name string, content []byte) {
	t.Helper()
	assert.NoError(t, os.WriteFile(filepath.Join(f.dir, name), content, 0o600))
}

// left are the files in the folder.
func (f *taking) left(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// jobs are those of the images that were accepted, in their order.
func (f *taking) jobs(t *testing.T) (jobs []queue.Job) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(intake.SpoolDir(f.data), "a", "*.json"))
	require.NoError(t, err)
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		var job queue.Job
		require.NoError(t, json.Unmarshal(raw, &job))
		jobs = append(jobs, job)
	}
	return jobs
}

// Half a file is not taken in, nor is what is no image; what was taken in leaves the
// folder.
func TestFolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newTaking(t)
		whole := picture("slow")
		f.write(t, "slow.png", whole[:20])
		time.AfterFunc(1500*time.Millisecond, func() { f.write(t, "slow.png", whole) })
		f.write(t, "text.png", []byte("no image"))
		f.write(t, "large.png", picture(strings.Repeat("x", 1000)))
		f.write(t, ".part.png", picture("part"))
		f.write(t, "notes.md", picture("notes"))
		time.AfterFunc(20*time.Second, func() { f.write(t, "slow.png", picture("the next")) })
		f.run(t)
		jobs := f.jobs(t)
		require.Len(t, jobs, 2)
		require.EqualValues(t, len(whole), jobs[0].Size)
		require.NotEqual(t, jobs[0].ID, jobs[1].ID)
		require.ElementsMatch(t, []string{"text.png", "large.png", ".part.png", "notes.md"}, f.left(t))
		require.Equal(t, 2, strings.Count(f.log.String(), "is not taken in"), f.log.String())
	})
}

// A folder that goes and comes back loses no image, and gives none twice.
func TestFolderGoesAndComesBack(t *testing.T) {
	t.Parallel()
	for _, mountPoint := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newTaking(t)
			f.write(t, "1.png", picture("1"))
			f.write(t, "text.png", []byte("no image"))
			time.AfterFunc(1500*time.Millisecond, func() { // between two looks
				assert.NoError(t, os.Rename(f.dir, f.dir+"-away"))
				if mountPoint {
					assert.NoError(t, os.Mkdir(f.dir, 0o700))
				}
			})
			time.AfterFunc(30500*time.Millisecond, func() {
				if mountPoint {
					assert.NoError(t, os.Remove(f.dir))
				}
				assert.NoError(t, os.Rename(f.dir+"-away", f.dir))
				f.write(t, "2.png", picture("2"))
			})
			f.run(t)
			require.Len(t, f.jobs(t), 2)
			require.Equal(t, []string{"text.png"}, f.left(t))
			require.Equal(t, !mountPoint, strings.Contains(f.log.String(), "cannot be read"))
			require.Equal(t, !mountPoint, strings.Contains(f.log.String(), "is there again"))
			require.Equal(t, 1, strings.Count(f.log.String(), "is not taken in"), f.log.String())
		})
	}
}

// A folder that is not there when the line starts is waited for.
func TestFolderComesLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newTaking(t)
		require.NoError(t, os.Remove(f.dir))
		require.True(t, isAway(f.dir))
		time.AfterFunc(10500*time.Millisecond, func() {
			assert.NoError(t, os.Mkdir(f.dir, 0o700))
			f.write(t, "1.png", picture("1"))
		})
		f.run(t)
		require.Len(t, f.jobs(t), 1)
		require.Empty(t, f.left(t))
		require.Equal(t, 1, strings.Count(f.log.String(), "cannot be read"))
		require.Equal(t, 1, strings.Count(f.log.String(), "is there again"))
	})
}

// Lot and serial number come with a sidecar, also a later one, which leaves the folder
// with its image. An image does not wait for it for ever.
func TestFolderWithSidecars(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newTaking(t)
		f.opts.SidecarWait = 10 * time.Second
		f.write(t, "1.png", picture("1"))
		time.AfterFunc(5*time.Second, func() { f.write(t, "1.json", []byte(`{"lot": "L7", "serial": 12}`)) })
		time.AfterFunc(20*time.Second, func() { f.write(t, "1.png", picture("2")) })
		time.AfterFunc(40*time.Second, func() {
			f.write(t, "3.png", picture("3"))
			f.write(t, "3.png.json", []byte(`{"lot": "`+strings.Repeat("x", 61)+`", "serial": "3"}`))
		})
		f.run(t)
		jobs := f.jobs(t)
		require.Len(t, jobs, 3)
		require.Equal(t, []string{"L7", "12", ""}, []string{jobs[0].Lot, jobs[0].Serial, jobs[0].Note})
		require.Equal(t, []string{"", "", "no sidecar came within 10s"}, []string{jobs[1].Lot, jobs[1].Serial, jobs[1].Note})
		require.Equal(t, []string{"", "3", "Lot is longer than 60 bytes, or is not UTF-8"}, []string{jobs[2].Lot, jobs[2].Serial, jobs[2].Note})
		require.Empty(t, f.left(t))
	})
}

// An image that was accepted when the process was killed, and is still in the folder,
// is known, however far its removal had come.
func TestFolderAfterKill(t *testing.T) {
	t.Parallel()
	for name, removed := range map[string]func(*folder.Image){
		"nothing": func(*folder.Image) {},
		"sidecar": func(i *folder.Image) {
			beside, err := i.Beside()
			require.NoError(t, err)
			require.NoError(t, os.Remove(beside.Path))
		},
		"renamed": func(i *folder.Image) {
			f := filepath.Dir(i.Path)
			require.NoError(t, os.Rename(i.Path, filepath.Join(f, ".hacarus-removing-0123456789abcdef-"+i.Name())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newTaking(t)
				f.opts.SidecarWait = 10 * time.Second
				f.write(t, "1.png", picture("1"))
				f.write(t, "1.json", []byte(`{"serial": 1}`))
				killed := f.inlet(t)
				_, _, err := killed.folder.Finished(time.Now())
				require.NoError(t, err)
				images, _, err := killed.folder.Finished(time.Now().Add(2 * time.Second))
				require.NoError(t, err)
				require.Len(t, images, 1)
				_, isNew, err := killed.accept(images[0])
				require.NoError(t, err)
				require.True(t, isNew)
				removed(images[0])

				i := f.run(t)
				jobs := f.jobs(t)
				require.Len(t, jobs, 1)
				require.Equal(t, "1", jobs[0].Serial)
				require.Empty(t, f.left(t))
				require.Empty(t, i.left)
			})
		})
	}
}

// What cannot be removed for a while is removed later, and is not taken in again.
func TestFolderThatKeepsImages(t *testing.T) {
	t.Parallel()
	f := newTaking(t)
	f.opts.Settle = 0
	f.write(t, "1.png", picture("1"))
	i := f.inlet(t)
	images, _, err := i.folder.Finished(time.Now())
	require.NoError(t, err)
	job, _, err := i.accept(images[0])
	require.NoError(t, err)
	require.NoError(t, os.Rename(f.dir, f.dir+"-away"))
	require.Error(t, i.remove(removal{images[0], job.SHA256}))
	i.Found(t.Context(), nil)
	require.Len(t, i.left, 1)
	require.NoError(t, os.Rename(f.dir+"-away", f.dir))
	i.Found(t.Context(), nil)
	require.Empty(t, i.left)
	require.Empty(t, f.left(t))
	require.Len(t, f.jobs(t), 1)
}

// An image that takes the place of one that was accepted, at its time and with its
// size, is taken in too.
func TestFolderWithImagesOfOneTime(t *testing.T) {
	t.Parallel()
	f := newTaking(t)
	f.opts.Settle = 0
	at := time.Now().Truncate(2 * time.Second)
	place := func(text string) {
		f.write(t, "1.png", picture(text))
		require.NoError(t, os.Chtimes(filepath.Join(f.dir, "1.png"), at, at))
	}
	place("a")
	i := f.inlet(t)
	images, _, err := i.folder.Finished(at)
	require.NoError(t, err)
	job, _, err := i.accept(images[0])
	require.NoError(t, err)
	place("b")
	require.NoError(t, i.remove(removal{images[0], job.SHA256}))
	images, _, err = i.folder.Finished(at)
	require.NoError(t, err)
	i.Found(t.Context(), images)
	require.Len(t, f.jobs(t), 2)
	require.Empty(t, f.left(t))
}

// Images that are refused for a while are taken in afterwards, each once, in their
// order, and that is told once.
func TestFolderWhileImagesAreRefused(t *testing.T) {
	t.Parallel()
	f := newTaking(t)
	f.opts.Settle = 0
	for n, name := range []string{"1.png", "2.png", "3.png"} {
		f.write(t, name, picture(strings.Repeat("x", n)))
		at := time.Unix(int64(n), 0)
		require.NoError(t, os.Chtimes(filepath.Join(f.dir, name), at, at))
	}
	i := f.inlet(t)
	room := i.spool
	full, err := intake.OpenSpool(intake.SpoolDir(t.TempDir()), intake.Limits{Bytes: 1})
	require.NoError(t, err)
	for look := range 4 {
		i.spool = full
		if look == 3 {
			i.spool = room
		}
		images, _, err := i.folder.Finished(time.Now())
		require.NoError(t, err)
		require.Len(t, images, 3)
		i.Found(t.Context(), images)
	}
	require.Empty(t, f.left(t))
	require.Len(t, f.jobs(t), 3)
	for n, job := range f.jobs(t) {
		require.EqualValues(t, len(picture(""))+n, job.Size)
	}
	require.Equal(t, 1, strings.Count(f.log.String(), "not taken in for now"), f.log.String())
}
