package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// imageTypes are the extensions of the images that the service takes.
var imageTypes = []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"}

// folder finds the files in a folder that are written to their end. It tells
// that from two looks at them, and needs no notice of changes, which network
// shares do not give.
type folder struct {
	path   string
	settle time.Duration
	files  map[string]*sighting // by name
}

// found is a file as it was found.
type found struct {
	path string
	info fs.FileInfo
}

// isThere says whether the file is as it was found.
func (f found) isThere() bool {
	info, err := os.Stat(f.path)
	return err == nil && unchanged(f.info, info)
}

// sighting is what was seen of a file.
type sighting struct {
	info  fs.FileInfo
	since time.Time // it is as it is
	taken bool
}

func newFolder(path string, settle time.Duration) *folder {
	return &folder{path: path, settle: settle, files: map[string]*sighting{}}
}

// finished returns the files that have not changed for the settling time, each
// once. One that changes later is a new one; one that is only renamed is not.
func (f *folder) finished(now time.Time) (finished []found, err error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, err
	}
	seen := map[string]*sighting{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // it has just gone, or is no file
		}
		s := f.recognise(info)
		if s == nil {
			s = &sighting{info: info, since: now}
		}
		seen[e.Name()] = s
		if !s.taken && isImage(info) && now.Sub(s.since) >= f.settle {
			s.taken = true
			finished = append(finished, found{filepath.Join(f.path, e.Name()), info})
		}
	}
	f.files = seen
	return finished, nil
}

// recognise returns what was seen of a file before, under its name or another
// one; nil if it is new, or has changed.
func (f *folder) recognise(info fs.FileInfo) *sighting {
	if s := f.files[info.Name()]; s != nil && unchanged(s.info, info) {
		return s
	}
	for _, s := range f.files {
		if unchanged(s.info, info) && os.SameFile(s.info, info) {
			return s
		}
	}
	return nil
}

// unchanged goes by size and time, which is all that every file system tells.
func unchanged(before, now fs.FileInfo) bool {
	return before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// giveBack lets a file be found again, when it has settled once more. It is
// false for one that is not there any more.
func (f *folder) giveBack(file found, now time.Time) bool {
	s := f.files[filepath.Base(file.path)]
	if s == nil || !unchanged(s.info, file.info) {
		return false
	}
	s.taken, s.since = false, now
	return true
}

// isImage goes by the name. Names that begin with a dot are those of files in
// the making, and a file without content has not been written yet.
func isImage(info fs.FileInfo) bool {
	name := info.Name()
	return info.Size() > 0 && !strings.HasPrefix(name, ".") && slices.Contains(imageTypes, strings.ToLower(filepath.Ext(name)))
}
