package folder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// Image is a file in a folder as it was found.
type Image struct {
	Path        string
	Info        fs.FileInfo
	Since       time.Time // it was whole
	Lot, Serial string    // from its name, or from its sidecar, which knows better
	Sidecar     Sidecar
	in          fs.FileInfo // the folder; nil where that does not matter
}

// ErrReplaced is the error of an image in whose place there is another one, or none.
var ErrReplaced = language.Errorf("another image has taken its place, or it is gone")

// Name is the base name of the file.
func (i *Image) Name() string { return filepath.Base(i.Path) }

// ID tells an image from all others, those included that come under its name later,
// and those of other folders: cameras of one make give the same names and sizes, and
// some disks tell times to two seconds.
func (i *Image) ID() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", filepath.Dir(i.Path), i.Info.Name(), i.Info.Size(), i.Info.ModTime().UnixNano()))
	return hex.EncodeToString(sum[:12])
}

// Check returns an error if the image is not as it was found: [ErrReplaced], unless
// its folder is away, and with it what would tell.
func (i *Image) Check() error {
	info, err := os.Lstat(i.Path)
	switch {
	case i.IsGone(err), err == nil && !unchanged(i.Info, info):
		return ErrReplaced
	}
	return err
}

// IsGone says whether an error is that the image is not in its folder any more.
func (i *Image) IsGone(err error) bool { return errors.Is(err, fs.ErrNotExist) && i.folderIsThere() }

// folderIsThere says whether the folder is the one in which the image was found.
func (i *Image) folderIsThere() bool {
	info, err := os.Stat(filepath.Dir(i.Path))
	return err == nil && (i.in == nil || os.SameFile(i.in, info))
}

// Open opens the image that was found, or none.
func (i *Image) Open() (*os.File, error) {
	file, err := os.Open(i.Path)
	if i.IsGone(err) {
		return nil, ErrReplaced
	}
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !unchanged(i.Info, info) {
		return nil, errors.Join(ErrReplaced, err, file.Close())
	}
	return file, nil
}

// removingPrefix begins the names of files that are being removed, before their sums
// and their own names.
const removingPrefix = ".hacarus-removing-"

// maxName is the longest name that a disk takes, in bytes.
const maxName = 255

// removingName is the name of an image while it is being removed. Of a name that is
// too long, its end stays, with the extension.
func removingName(name, sum string) string {
	start := removingPrefix + sum[:16] + "-"
	return start + strings.ToValidUTF8(name[max(0, len(start)+len(name)-maxName):], "")
}

// Remove removes an image of which there is a copy, whose sum is given. It never
// removes an image that has taken its place, which is [ErrReplaced]: what it has
// renamed it looks at before it goes on, and gives back.
func (i *Image) Remove(sum string) error {
	aside := filepath.Join(filepath.Dir(i.Path), removingName(i.Name(), sum))
	if err := os.Rename(i.Path, aside); i.IsGone(err) {
		return nil // somebody else did it
	} else if err != nil {
		return err
	}
	if there, err := durable.Sum(aside); err != nil || there != sum {
		return errors.Join(ErrReplaced, err, i.GiveBack(aside))
	}
	return os.Remove(aside)
}

// GiveBack puts a file that is another image back into the folder, under a name that
// is free.
func (i *Image) GiveBack(path string) error {
	target := i.Path
	if durable.Exists(target) {
		target = i.Place(filepath.Dir(i.Path))
	}
	return os.Rename(path, target)
}

// Place returns a path in a folder for the image: under its name, or where there is
// another of it, under one that tells when it was written. There is nothing yet that
// has the path with one of the endings.
func (i *Image) Place(dir string, endings ...string) string {
	extension := filepath.Ext(i.Name())
	stem := strings.TrimSuffix(i.Name(), extension)
	path := filepath.Join(dir, i.Name())
	for n := 1; i.isTaken(path, endings); n++ {
		name := stem + "-" + i.Info.ModTime().UTC().Format("20060102T150405.000000000")
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		if len(name)+len(extension) > maxName-len(sidecarExtension) {
			name = i.Info.ModTime().UTC().Format("20060102T150405.000000000") + fmt.Sprintf("-%d", n)
		}
		path = filepath.Join(dir, name+extension)
	}
	return path
}

// isTaken says whether there is something where the image would go, or what goes
// along with it. A path that is too long counts as taken.
func (i *Image) isTaken(path string, endings []string) bool {
	for _, ending := range endings {
		if durable.Exists(path + ending) {
			return true
		}
	}
	return durable.Exists(path) || i.Sidecar.Name != "" && durable.Exists(i.SidecarAt(path))
}

// Tidy ends what a run that was killed had begun to remove. A file gets its name
// back if that is free: whoever has dealt with it knows it. Where another image has
// the name by now, the file is removed if it is the one that was to be.
func Tidy(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		rest, isOne := strings.CutPrefix(e.Name(), removingPrefix)
		sum, name, whole := strings.Cut(rest, "-")
		if !isOne || !whole || name == "" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := restore(filepath.Join(dir, e.Name()), sum, &Image{Path: filepath.Join(dir, name), Info: info}); err != nil {
			return err
		}
	}
	return nil
}

func restore(aside, sum string, image *Image) error {
	if durable.Exists(image.Path) {
		if there, err := durable.Sum(aside); err != nil || strings.HasPrefix(there, sum) {
			return errors.Join(err, os.Remove(aside))
		}
	}
	return image.GiveBack(aside)
}
