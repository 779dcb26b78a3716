package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// Names of files that are there for a moment only. They begin with a dot, so that
// nobody takes them for images.
const (
	partPrefix     = ".hacarus-part-"
	removingPrefix = ".hacarus-removing-"
)

// place returns a path in a folder for an image: under its name, or where there is
// another of it, under one that tells when it was written.
func place(dir string, image *found) string {
	extension := filepath.Ext(image.name())
	stem := strings.TrimSuffix(image.name(), extension)
	path := filepath.Join(dir, image.name())
	for n := 1; slices.ContainsFunc(image.placesAt(path), exists); n++ { // so is one that is too long
		name := stem + "-" + image.info.ModTime().UTC().Format("20060102T150405.000000000")
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		if len(name)+len(extension) > 250 { // a name that a disk still takes
			name = image.info.ModTime().UTC().Format("20060102T150405.000000000") + fmt.Sprintf("-%d", n)
		}
		path = filepath.Join(dir, name+extension)
	}
	return path
}

// placesAt are the paths that an image takes, with what goes along with it, if it
// goes to a path.
func (f *found) placesAt(path string) []string {
	places := []string{path, reasonOf(path)}
	if f.sidecar.name != "" {
		places = append(places, sidecarBeside(path, f.name(), f.sidecar.name))
	}
	return places
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// reasonOf is where the reason for a failed image stands.
func reasonOf(path string) string { return path + ".txt" }

// copyTo copies an image to a path, whole and durably, unless it is there already.
func copyTo(image *found, sum, path string) error {
	if there, err := sumOf(path); err == nil && there == sum {
		return nil // an earlier run did it
	} else if !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(language.Errorf("%s is another file", path), err)
	}
	source, err := image.open()
	if err != nil {
		return err
	}
	defer source.Close()
	return writeWhole(path, sum, source)
}

// writeWhole writes a file under a temporary name, and gives it its own when all
// of it is on the disk, and is what it should be; with "" for the sum, it is.
func writeWhole(path, sum string, content io.Reader) error {
	part, err := os.CreateTemp(filepath.Dir(path), partPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) //nolint:errcheck // it has its own name by then
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(part, hash), content)
	if err = errors.Join(err, part.Chmod(0o644), part.Sync(), part.Close()); err != nil {
		return err
	}
	if sum != "" && sum != hex.EncodeToString(hash.Sum(nil)) {
		return errReplaced
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	syncDir(filepath.Dir(path))
	return nil
}

// moveTo moves an image to a path. It never removes an image that has taken its
// place: what it has renamed it looks at before it goes on, and gives back.
func moveTo(image *found, sum, path string) error {
	if exists(path) { // an earlier run has copied it
		if err := copyTo(image, sum, path); err != nil {
			return err
		}
		return remove(image, sum)
	}
	if err := image.check(); err != nil {
		return err
	}
	if err := os.Rename(image.path, path); err != nil { // most often because it is on another disk
		if err := copyTo(image, sum, path); err != nil {
			return err
		}
		return remove(image, sum)
	}
	if there, err := sumOf(path); err != nil || there != sum {
		return errors.Join(errReplaced, err, giveBack(path, image))
	}
	syncDir(filepath.Dir(path))
	syncDir(filepath.Dir(image.path))
	return nil
}

// remove removes an image of which there is a copy.
func remove(image *found, sum string) error {
	aside := filepath.Join(filepath.Dir(image.path), removingPrefix+image.name())
	if len(filepath.Base(aside)) > 255 {
		aside = filepath.Join(filepath.Dir(image.path), removingPrefix+sum[:16])
	}
	if err := os.Rename(image.path, aside); image.isGone(err) {
		return nil // somebody else did it
	} else if err != nil {
		return err
	}
	if there, err := sumOf(aside); err != nil || there != sum {
		return errors.Join(err, giveBack(aside, image))
	}
	return os.Remove(aside)
}

// giveBack puts a file that is another image back into the watched folder, under a
// name that is free.
func giveBack(path string, image *found) error {
	target := image.path
	if exists(target) {
		target = place(filepath.Dir(image.path), image)
	}
	return os.Rename(path, target)
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return sumOfFile(file)
}

func sumOfFile(file io.Reader) (string, error) {
	hash := sha256.New()
	_, err := io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), err
}

// syncDir makes names durable, where the file system can.
func syncDir(path string) {
	if dir, err := os.Open(path); err == nil {
		_ = dir.Sync() // some network shares cannot
		_ = dir.Close()
	}
}

// tidy puts back what a run that was killed had renamed, and removes what it had
// not finished.
func tidy(dir string, others ...string) error {
	for _, other := range others {
		if err := removeParts(other); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), removingPrefix)
		if !ok {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := giveBack(filepath.Join(dir, e.Name()), &found{path: filepath.Join(dir, name), info: info}); err != nil {
			return err
		}
	}
	return nil
}

func removeParts(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partPrefix) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
