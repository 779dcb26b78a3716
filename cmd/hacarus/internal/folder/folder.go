// Package folder finds the images that cameras write into a folder: those that are
// written to their end, each once, also where the folder is on a network share that
// goes away and comes back.
package folder

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// imageTypes are the extensions of the images that the service takes.
var imageTypes = []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"}

// Options say where images come in, and how.
type Options struct {
	Dir         string
	Every       time.Duration  // between two looks
	Settle      time.Duration  // without a change after which a file is whole
	SidecarWait time.Duration  // for the sidecar of an image; 0: images have none
	Names       *regexp.Regexp // whose groups lot and serial tell of an image; nil for none
}

// Folder finds the files in a folder that are written to their end. It tells that
// from two looks at them, and needs no notice of changes, which network shares do
// not give. Its methods may be called concurrently.
type Folder struct {
	opts    Options
	notices *Notices // nil for none
	tidy    bool     // for Watch

	mu    sync.Mutex
	files map[string]*sighting // by name
	in    fs.FileInfo          // the folder at the last look
}

// New returns a folder that nobody has looked into yet. Notices may be nil.
func New(opts Options, notices *Notices) *Folder {
	return &Folder{opts: opts, notices: notices, files: map[string]*sighting{}}
}

// sighting is what was seen of a file.
type sighting struct {
	info  fs.FileInfo
	in    fs.FileInfo // the folder: a share that is away may show another one in its place
	since time.Time   // it is as it is
	taken bool
	// told is which images a sidecar has told of, by their names: another one under a
	// name waits for another sidecar.
	told map[string]shape
}

// Finished returns the images that have not changed for the settling time, each
// once, the oldest first, and when the next one may be; the zero time is never. One
// that changes later is a new one; one that is only renamed is not.
func (f *Folder) Finished(now time.Time) (finished []*Image, next time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
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
		image := &Image{Path: filepath.Join(f.opts.Dir, name), Info: s.info, Since: now, in: s.in}
		f.describe(image, s, now)
		finished = append(finished, image)
	}
	slices.SortFunc(finished, func(a, b *Image) int {
		return cmp.Or(a.Info.ModTime().Compare(b.Info.ModTime()), strings.Compare(a.Path, b.Path))
	})
	return finished, next, nil
}

// readyAt is when an image is to be taken, as far as can be told now.
func (f *Folder) readyAt(name string, image *sighting) time.Time {
	whole := image.since.Add(f.opts.Settle)
	last := whole.Add(f.opts.SidecarWait)
	beside := f.beside(name, image)
	if beside == nil {
		return last
	}
	if at := beside.since.Add(f.opts.Settle); at.Before(last) {
		last = at
	}
	if last.Before(whole) {
		return whole
	}
	return last
}

// sight looks at all files in the folder. It forgets those that are gone from the
// folder in which they were, and no others: they are there again when the folder is.
func (f *Folder) sight(now time.Time) error {
	in, entries, err := list(f.opts.Dir)
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
func (f *Folder) isHere(s *sighting) bool { return s.in == f.in }

// shape is what unchanged goes by, for files that are to be found by it.
type shape struct{ size, written int64 }

func shapeOf(info fs.FileInfo) shape { return shape{info.Size(), info.ModTime().UnixNano()} }

// gone returns what was seen under names that are not there any more.
func (f *Folder) gone(entries []os.DirEntry) map[shape][]*sighting {
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
func (f *Folder) recognise(info fs.FileInfo, renamed map[shape][]*sighting) *sighting {
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

// GiveBack lets an image be found again at the next look.
func (f *Folder) GiveBack(image *Image) { f.giveBack(image, func(*sighting) {}) }

// Resettle lets an image be found again when it has settled once more.
func (f *Folder) Resettle(image *Image, now time.Time) {
	f.giveBack(image, func(s *sighting) { s.since = now })
}

func (f *Folder) giveBack(image *Image, change func(*sighting)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.files[image.Name()]; s != nil && unchanged(s.info, image.Info) {
		s.taken = false
		change(s)
	}
}

// Take marks an image as found: an earlier run has dealt with it.
func (f *Folder) Take(image *Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.takeSidecar(image)
	f.files[image.Name()] = &sighting{info: image.Info, taken: true}
}

// Images returns the images in a folder, by their ids. It is an error if the folder
// goes meanwhile: images that it leaves out count as new.
func Images(dir string) (map[string]*Image, error) {
	in, entries, err := list(dir)
	if err != nil {
		return nil, err
	}
	images := map[string]*Image{}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // the file has just gone, or the folder has
			return Images(dir)
		}
		if err == nil && info.Mode().IsRegular() && isImage(info) {
			image := &Image{Path: filepath.Join(dir, info.Name()), Info: info, in: in}
			images[image.ID()] = image
		}
	}
	if after, err := os.Stat(dir); err != nil || !os.SameFile(in, after) {
		return nil, errors.Join(language.Errorf("%s is another folder now", dir), err)
	}
	return images, nil
}

func isHidden(info fs.FileInfo) bool { return strings.HasPrefix(info.Name(), ".") }

// isImage goes by the name. Names that begin with a dot are those of files in
// the making, and a file without content has not been written yet.
func isImage(info fs.FileInfo) bool {
	return info.Size() > 0 && !isHidden(info) && slices.Contains(imageTypes, strings.ToLower(filepath.Ext(info.Name())))
}
