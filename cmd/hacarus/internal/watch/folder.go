package watch

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// imageTypes are the extensions of the images that the service takes.
var imageTypes = []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"}

// folder finds the files in a folder that are written to their end. It tells that
// from two looks at them, and needs no notice of changes, which network shares do
// not give.
type folder struct {
	path   string
	settle time.Duration
	wait   time.Duration        // for the sidecar of an image; 0: images have none
	files  map[string]*sighting // by name
	in     fs.FileInfo          // the folder at the last look
}

// found is an image as it was found.
type found struct {
	path    string
	info    fs.FileInfo
	in      fs.FileInfo // the folder; nil where that does not matter
	since   time.Time   // it was whole
	sidecar sidecar     // what the file beside it tells
}

func (f *found) name() string { return filepath.Base(f.path) }

// check returns an error if the image is not as it was found: errReplaced, unless its
// folder is away, and with it what would tell.
func (f *found) check() error {
	info, err := os.Lstat(f.path)
	switch {
	case f.isGone(err), err == nil && !unchanged(f.info, info):
		return errReplaced
	}
	return err
}

// isGone says whether an error is that the image is not in its folder any more.
func (f *found) isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) && f.folderIsThere() }

// errReplaced is the error of an image in whose place there is another one, or none.
var errReplaced = language.Errorf("another image has taken its place, or it is gone")

// file is the image to upload: the one that was found, or none.
func (f *found) file() hacarus.File {
	return hacarus.File{Name: f.name(), Size: f.info.Size(), Tag: f, Open: func() (io.ReadCloser, error) { return f.open() }}
}

func (f *found) open() (*os.File, error) {
	file, err := os.Open(f.path)
	if f.isGone(err) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !unchanged(f.info, info) {
		return nil, errors.Join(errReplaced, err, file.Close())
	}
	return file, nil
}

// folderIsThere says whether the folder is the one in which the image was found.
func (f *found) folderIsThere() bool {
	info, err := os.Stat(filepath.Dir(f.path))
	return err == nil && (f.in == nil || os.SameFile(f.in, info))
}

// sighting is what was seen of a file.
type sighting struct {
	info  fs.FileInfo
	in    fs.FileInfo // the folder: a share that is away may show another one in its place
	since time.Time   // it is as it is
	taken bool
}

func newFolder(path string, settle, wait time.Duration) *folder {
	return &folder{path: path, settle: settle, wait: wait, files: map[string]*sighting{}}
}

// finished returns the images that have not changed for the settling time, each
// once, the oldest first, and when the next one may be; the zero time is never. One
// that changes later is a new one; one that is only renamed is not.
func (f *folder) finished(now time.Time) (finished []*found, next time.Time, err error) {
	if err := f.sight(now); err != nil {
		return nil, next, err
	}
	for name, s := range f.files {
		if s.taken || !f.isHere(s) || !isImage(s.info) {
			continue
		}
		if at := f.readyAt(name, s); at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			continue
		}
		s.taken = true
		finished = append(finished, &found{path: filepath.Join(f.path, name), info: s.info, in: s.in, since: now, sidecar: f.sidecarOf(name, now)})
	}
	slices.SortFunc(finished, func(a, b *found) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), strings.Compare(a.path, b.path))
	})
	return finished, next, nil
}

// readyAt is when an image is to be taken, as far as can be told now.
func (f *folder) readyAt(name string, image *sighting) time.Time {
	whole := image.since.Add(f.settle)
	last := whole.Add(f.wait)
	beside := f.beside(name)
	if beside == nil {
		return last
	}
	if at := beside.since.Add(f.settle); at.Before(last) {
		last = at
	}
	if last.Before(whole) {
		return whole
	}
	return last
}

// sight looks at all files in the folder. It forgets those that are gone from the
// folder in which they were, and no others: they are there again when the folder is.
func (f *folder) sight(now time.Time) error {
	in, entries, err := list(f.path)
	if err != nil {
		return err
	}
	seen, renamed := map[string]*sighting{}, f.gone(entries)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil { // it has just gone, or the folder has
			if s := f.files[e.Name()]; s != nil {
				seen[e.Name()] = s
			}
			continue
		}
		if !info.Mode().IsRegular() {
			continue
		}
		s := f.recognise(info, renamed)
		if s == nil {
			s = &sighting{info: info, in: f.in, since: now}
		}
		if !f.isHere(s) {
			s.since = now // it was away: who knows what is being done to it
		}
		s.info, s.in = info, in // under its name of now
		seen[e.Name()] = s
	}
	for name, s := range f.files {
		if seen[name] == nil && !os.SameFile(s.in, in) {
			seen[name] = s
		}
	}
	f.files, f.in = seen, in
	return nil
}

// list returns a folder and what is in it. Both are of the same folder, even if
// another one takes its place meanwhile.
func list(path string) (fs.FileInfo, []os.DirEntry, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	in, err := dir.Stat()
	if err != nil {
		return nil, nil, err
	}
	entries, err := dir.ReadDir(-1)
	return in, entries, err
}

// isHere says whether a file was there at the last look.
func (f *folder) isHere(s *sighting) bool { return s.in == f.in }

// shape is what unchanged goes by, for files that are to be found by it.
type shape struct{ size, written int64 }

func shapeOf(info fs.FileInfo) shape { return shape{info.Size(), info.ModTime().UnixNano()} }

// gone returns what was seen under names that are not there any more.
func (f *folder) gone(entries []os.DirEntry) map[shape][]*sighting {
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = true
	}
	gone := map[shape][]*sighting{}
	for name, s := range f.files {
		if !names[name] {
			gone[shapeOf(s.info)] = append(gone[shapeOf(s.info)], s)
		}
	}
	return gone
}

// recognise returns what was seen of a file before, under its name or another
// one; nil if it is new, or has changed.
func (f *folder) recognise(info fs.FileInfo, renamed map[shape][]*sighting) *sighting {
	if s := f.files[info.Name()]; s != nil {
		if unchanged(s.info, info) {
			return s
		}
		return nil
	}
	for _, s := range renamed[shapeOf(info)] {
		if os.SameFile(s.info, info) {
			return s
		}
	}
	return nil
}

// unchanged goes by size and time, which is all that every file system tells.
func unchanged(before, now fs.FileInfo) bool { return shapeOf(before) == shapeOf(now) }

// giveBack lets an image be found again, when it has settled once more.
func (f *folder) giveBack(image *found, now time.Time) {
	if s := f.files[image.name()]; s != nil && unchanged(s.info, image.info) {
		s.taken, s.since = false, now
	}
}

// take marks an image as found: an earlier run has dealt with it.
func (f *folder) take(info fs.FileInfo) {
	f.files[info.Name()] = &sighting{info: info, taken: true}
}

func isHidden(info fs.FileInfo) bool { return strings.HasPrefix(info.Name(), ".") }

// isImage goes by the name. Names that begin with a dot are those of files in
// the making, and a file without content has not been written yet.
func isImage(info fs.FileInfo) bool {
	return info.Size() > 0 && !isHidden(info) && slices.Contains(imageTypes, strings.ToLower(filepath.Ext(info.Name())))
}
