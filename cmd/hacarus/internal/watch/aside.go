package watch

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// reasonEnding ends the name of the file beside a failed image in which the reason
// stands.
const reasonEnding = ".txt"

// mover puts images aside.
type mover struct {
	disk durable.Disk
	move bool // or else they are copied
}

// act puts an image where it belongs, and what goes along with it before: an image
// that is still in the folder tells that something is left to do.
func (m mover) act(d deed) error {
	if d.entry.Error != nil {
		if err := m.disk.Write(d.to+reasonEnding, strings.NewReader(*d.entry.Error+"\n")); err != nil {
			return err
		}
	}
	beside, err := d.image.Beside()
	if beside != nil && err == nil {
		err = m.put(beside, d.image.Sidecar.Sum, d.image.SidecarAt(d.to))
	}
	if err != nil && !errors.Is(err, folder.ErrReplaced) { // it tells of the next image by now
		return err
	}
	return m.put(d.image, d.entry.SHA256, d.to)
}

func (m mover) put(image *folder.Image, sum, path string) error {
	if m.move {
		return m.moveTo(image, sum, path)
	}
	return m.copyTo(image, sum, path)
}

// copyTo copies an image to a path, whole and durably, unless it is there already.
func (m mover) copyTo(image *folder.Image, sum, path string) error {
	if there, err := durable.Sum(path); err == nil && there == sum {
		return nil // an earlier run did it
	} else if !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(language.Errorf("%s is another file", path), err)
	}
	source, err := image.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	return m.disk.WriteBy(path, func(w io.Writer) error {
		copied, err := durable.SumOf(io.TeeReader(source, w))
		if err == nil && copied != sum {
			err = folder.ErrReplaced
		}
		return err
	})
}

// moveTo moves an image to a path. It never removes an image that has taken its
// place: what it has renamed it looks at before it goes on, and gives back.
func (m mover) moveTo(image *folder.Image, sum, path string) error {
	if durable.Exists(path) { // an earlier run has copied it
		return m.copyAndRemove(image, sum, path)
	}
	if err := image.Check(); err != nil {
		return err
	}
	if err := m.disk.Move(image.Path, path); err != nil { // most often because it is on another disk
		return m.copyAndRemove(image, sum, path)
	}
	if there, err := durable.Sum(path); err != nil || there != sum {
		return errors.Join(folder.ErrReplaced, err, image.GiveBack(path))
	}
	return nil
}

func (m mover) copyAndRemove(image *folder.Image, sum, path string) error {
	if err := m.copyTo(image, sum, path); err != nil {
		return err
	}
	if err := image.Remove(sum); !errors.Is(err, folder.ErrReplaced) {
		return err
	}
	return nil // the next image has its place already
}
