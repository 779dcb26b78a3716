// Package outdir writes files into a folder in which others may lie.
package outdir

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// record is the file that lists what the program has written into the folder,
// with the sum of each file: what is not listed, or was changed since, is
// somebody else's.
const record = ".hacarus-written"

// Folder is a folder that is written into. It replaces nothing but what an
// earlier run has written.
//
// Its methods may be called concurrently, for different files.
type Folder struct {
	dir    string
	record *os.File

	mu    sync.Mutex
	known map[entry]bool // what was written
}

// entry is a line of the record.
type entry struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// Open makes the folder, or opens it. A folder that images come from is refused.
func Open(dir string, images []string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := apart(dir, images); err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, known: map[entry]bool{}}
	path := filepath.Join(dir, record)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, language.Errorf("%s is not a regular file", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // others look at it
	if err != nil {
		return nil, err
	}
	f.record = file
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) == nil { // a line that was not written to its end says nothing
			f.known[e] = true
		}
	}
	return f, nil
}

// apart refuses a folder in which an image lies, whatever its name is.
func apart(dir string, images []string) error {
	own, err := os.Stat(dir)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, image := range images {
		parent := filepath.Dir(image)
		if seen[parent] {
			continue
		}
		seen[parent] = true
		if info, err := os.Stat(parent); err == nil && os.SameFile(own, info) {
			return language.Errorf("%s is where the images are; choose another folder for the results", dir)
		}
	}
	return nil
}

// Sub makes a folder in the folder, for names that begin with it and a slash. One
// that leads elsewhere is refused.
func (f *Folder) Sub(name string) error {
	err := os.Mkdir(f.Path(name), 0o755)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if info, err := os.Lstat(f.Path(name)); err != nil || !info.IsDir() {
		return errors.Join(language.Errorf("%s is not a folder", f.Path(name)), err)
	}
	return nil
}

// Close ends the use of the folder.
func (f *Folder) Close() { _ = f.record.Close() }

// Path is where a file of the folder is.
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// Write writes a file, whole or not at all.
func (f *Folder) Write(name string, write func(io.Writer) error) error {
	if err := f.free(name); err != nil {
		return err
	}
	hash := sha256.New()
	part, err := durable.Create(f.dir, func(w io.Writer) error { return write(io.MultiWriter(w, hash)) })
	if err != nil {
		return language.Errorf("%s: %v", f.Path(name), err)
	}
	defer part.Discard()
	// The record comes first: a file that it lists and that is not there does no
	// harm, and one that it does not list could never be replaced.
	written := entry{name, hex.EncodeToString(hash.Sum(nil))}
	line, err := json.Marshal(written)
	if err != nil {
		return err
	}
	if err := f.note(written, line); err != nil {
		return err
	}
	return part.Rename(f.Path(name))
}

// Prune removes the files in folders of it that an earlier run has written, that
// nobody has changed since, and that are not kept, and makes the rest durable. Names
// have slashes.
func (f *Folder) Prune(kept map[string]bool, folders ...string) error {
	for _, e := range f.written() {
		if kept[e.File] || !slices.Contains(folders, path.Dir(e.File)) {
			continue
		}
		if sum, err := durable.Sum(f.Path(e.File)); err != nil || sum != e.SHA256 {
			continue // it is gone, or somebody else's by now
		}
		if err := os.Remove(f.Path(e.File)); err != nil {
			return err
		}
	}
	for _, folder := range append(folders, ".") {
		_ = durable.Disk{}.Sync(f.Path(folder)) // some file systems cannot
	}
	return f.record.Sync()
}

func (f *Folder) written() []entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.known))
}

func (f *Folder) note(written entry, line []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[written] = true
	_, err := f.record.Write(append(line, '\n'))
	return err
}

func (f *Folder) knows(e entry) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[e]
}

// free refuses a name under which there is something that the program did not write.
func (f *Folder) free(name string) error {
	path := f.Path(name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		if sum, err := durable.Sum(path); err == nil && f.knows(entry{name, sum}) {
			return nil
		}
	}
	return language.Errorf("%s was not written by this program, and is not overwritten", path)
}
