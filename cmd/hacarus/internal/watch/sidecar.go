package watch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

const (
	sidecarExtension = ".json"
	maxSidecar       = 1 << 20 // bytes
)

// sidecar is what a file beside an image tells of it.
type sidecar struct {
	name        string // its base name; "" if there is none
	sum         string
	lot, serial string
	trouble     string // why it tells nothing
}

// sidecarNames are those that the sidecar of an image may have.
func sidecarNames(image string) [2]string {
	return [2]string{image + sidecarExtension, strings.TrimSuffix(image, filepath.Ext(image)) + sidecarExtension}
}

// sidecarBeside is the path of the sidecar of an image that goes to a path: it is
// named after the image as it was before.
func sidecarBeside(path, image, name string) string {
	names := sidecarNames(image)
	if name == names[0] {
		return path + sidecarExtension
	}
	return sidecarNames(path)[1]
}

// beside returns what was seen of the sidecar of an image; nil for nothing.
func (f *folder) beside(image string) *sighting {
	if f.wait == 0 {
		return nil
	}
	for _, name := range sidecarNames(image) {
		if s := f.files[name]; s != nil && f.isHere(s) && s.info.Size() > 0 {
			return s
		}
	}
	return nil
}

// sidecarOf reads the sidecar of an image that is to be taken.
func (f *folder) sidecarOf(image string, now time.Time) (c sidecar) {
	if f.wait == 0 {
		return c
	}
	beside := f.beside(image)
	if beside == nil || now.Sub(beside.since) < f.settle {
		c.trouble = fmt.Sprintf("no sidecar came within %v", f.wait)
		return c
	}
	content, err := readSidecar(filepath.Join(f.path, beside.info.Name()))
	if err != nil {
		c.trouble = fmt.Sprintf("the sidecar cannot be read: %v", err)
		return c
	}
	sum := sha256.Sum256(content)
	c.name, c.sum = beside.info.Name(), hex.EncodeToString(sum[:])
	if err := c.parse(content); err != nil {
		c.trouble = fmt.Sprintf("the sidecar %s is no JSON object with lot and serial: %v", output.JSONString(c.name), err)
	}
	return c
}

func readSidecar(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSidecar+1))
	if err == nil && len(content) > maxSidecar {
		err = fmt.Errorf("%s has more than %d bytes", path, maxSidecar)
	}
	return content, err
}

// parse takes what it needs from a sidecar.
func (c *sidecar) parse(content []byte) error {
	var told struct{ Lot, Serial word }
	err := json.Unmarshal(bytes.TrimPrefix(content, []byte(output.ByteOrderMark)), &told)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // it speaks of Go
		return fmt.Errorf("there is a JSON %s at byte %d", wrong.Value, wrong.Offset)
	}
	if err != nil {
		return err
	}
	c.lot, c.serial = string(told.Lot), string(told.Serial)
	return nil
}

// word is a string of JSON, or a number as it is written.
type word string

func (w *word) UnmarshalJSON(raw []byte) error {
	var number json.Number
	if raw[0] != '"' {
		err := json.Unmarshal(raw, &number)
		*w = word(number)
		return err
	}
	var text string
	err := json.Unmarshal(raw, &text)
	*w = word(text)
	return err
}

// putSidecar puts the sidecar of an image that goes to a path where it belongs. One
// that is gone, or that tells of the next image by now, is left alone.
func putSidecar(put func(*found, string, string) error, d deed) error {
	for _, name := range sidecarNames(d.image.name()) {
		if output.JSONString(name) != d.entry.Sidecar {
			continue
		}
		path := filepath.Join(filepath.Dir(d.image.path), name)
		info, err := os.Lstat(path)
		if err == nil {
			err = put(&found{path: path, info: info}, d.entry.Beside, sidecarBeside(d.to, d.image.name(), name))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errReplaced) {
			return err
		}
		return nil
	}
	return nil
}
