package line

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/intake"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// watchFolders takes the images of folders in: a camera may write files instead of
// posting them. They leave their folder once they are accepted.
func (l *process) watchFolders(ctx context.Context) error {
	for _, pair := range l.cmd.StringSlice("folder") {
		station, dir, ok := strings.Cut(pair, "=")
		if !ok {
			return errors.New(l.p.Text("--folder takes STATION=FOLDER, not %q", pair))
		}
		if err := queue.CheckName("Station", station, true); err != nil {
			return err
		}
		if _, err := os.Stat(dir); err != nil {
			return err
		}
		f := &folder{l, station, dir, map[string]sighting{}}
		if err := f.giveBack(); err != nil {
			return err
		}
		l.running.Go(func() { f.watch(ctx) })
	}
	return nil
}

// folder is one that images come into.
type folder struct {
	*process
	station, dir string
	seen         map[string]sighting // by name
}

// sighting is what was seen of a file, and since when.
type sighting struct {
	size    int64
	written time.Time
	since   time.Time
	refused bool // it is no image
}

// Files are looked for every lookEvery, and are whole when they have not changed
// for settleTime: network shares do not tell of changes.
const (
	lookEvery  = 500 * time.Millisecond
	settleTime = 2 * time.Second
)

func (f *folder) watch(ctx context.Context) {
	for tick := time.NewTicker(lookEvery); ; {
		if err := f.look(); err != nil && ctx.Err() == nil {
			f.log.Warn("a folder cannot be taken in", "folder", f.dir, "error", err)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// look takes in what is whole, the oldest first.
func (f *folder) look() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	now, seen := time.Now(), map[string]sighting{}
	var whole []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") || info.Size() == 0 {
			continue
		}
		s := f.seen[e.Name()]
		if s.size != info.Size() || !s.written.Equal(info.ModTime()) {
			s = sighting{size: info.Size(), written: info.ModTime(), since: now}
		}
		if seen[e.Name()] = s; !s.refused && now.Sub(s.since) >= settleTime {
			whole = append(whole, e.Name())
		}
	}
	f.seen = seen
	slices.SortFunc(whole, func(a, b string) int { return seen[a].written.Compare(seen[b].written) })
	for _, name := range whole {
		if err := f.take(name, seen[name]); err != nil {
			return err
		}
	}
	return nil
}

// take takes a file in. One that is no image stays where it is.
func (f *folder) take(name string, s sighting) error {
	path := filepath.Join(f.dir, name)
	if err := f.spool.Room(s.size); err != nil && !errors.Is(err, intake.ErrTooLarge) {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	receive, err := f.spool.Begin(intake.Incoming{Station: f.station, Key: name + " " + s.written.UTC().String()})
	if err != nil {
		return err
	}
	defer receive.Abandon()
	var job queue.Job
	var isNew bool
	if _, err = io.Copy(receive, file); err == nil {
		job, isNew, err = receive.Accept()
	}
	if errors.Is(err, intake.ErrNoImage) || errors.Is(err, intake.ErrTooLarge) {
		f.log.Warn("a file is not taken in", "file", path, "error", err)
		s.refused = true
		f.seen[name] = s
		return nil
	}
	if err != nil {
		return err
	}
	f.metrics.accepted(job, isNew)
	_ = file.Close()
	return f.remove(name, s)
}

// asidePrefix begins the names of files that are there for a moment only.
const asidePrefix = ".hacarus-taken-"

// remove removes a file that was taken in, and not one that has taken its place.
func (f *folder) remove(name string, s sighting) error {
	path, aside := filepath.Join(f.dir, name), filepath.Join(f.dir, asidePrefix+name)
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	info, err := os.Stat(aside)
	if err == nil && info.Size() == s.size && info.ModTime().Equal(s.written) {
		return os.Remove(aside)
	}
	return errors.Join(err, os.Rename(aside, path))
}

// giveBack gives files their names back that a process has left without: those that
// were taken in are known.
func (f *folder) giveBack() error {
	left, err := filepath.Glob(filepath.Join(f.dir, asidePrefix+"*"))
	for _, aside := range left {
		err = errors.Join(err, os.Rename(aside, filepath.Join(f.dir, strings.TrimPrefix(filepath.Base(aside), asidePrefix))))
	}
	return err
}
