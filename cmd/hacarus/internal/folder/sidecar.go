package folder

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/durable"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

const (
	sidecarExtension = ".json"
	maxSidecar       = 1 << 20 // bytes
)

// Sidecar is what became of the file beside an image that tells of it.
type Sidecar struct {
	Name    string // its base name; "" if there is none
	Sum     string // its SHA-256
	Trouble string // why it tells nothing
}

// sidecarNames are those that the sidecar of an image may have.
func sidecarNames(image string) [2]string {
	return [2]string{image + sidecarExtension, strings.TrimSuffix(image, filepath.Ext(image)) + sidecarExtension}
}

// SidecarAt is the path of the image's sidecar if the image goes to a path: it is
// named after the image as it was before.
func (i *Image) SidecarAt(path string) string {
	names := sidecarNames(i.Name())
	if i.Sidecar.Name == names[0] {
		return path + sidecarExtension
	}
	return sidecarNames(path)[1]
}

// Recall finds the sidecar of an image that an earlier run has found, by the name that
// the run has noted, as JSON can hold it.
func (i *Image) Recall(noted, sum string) {
	for _, name := range sidecarNames(i.Name()) {
		if noted != "" && output.JSONString(name) == noted {
			i.Sidecar.Name, i.Sidecar.Sum = name, sum
		}
	}
}

// Beside is the sidecar's file, to be put where its image goes. It is nil if there is
// none, or none any more; one that tells of the next image by now has another sum.
func (i *Image) Beside() (*Image, error) {
	if i.Sidecar.Name == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	path := filepath.Join(filepath.Dir(i.Path), i.Sidecar.Name)
	info, err := os.Lstat(path)
	if i.IsGone(err) {
		return nil, nil //nolint:nilnil // likewise
	}
	if err != nil {
		return nil, err
	}
	return &Image{Path: path, Info: info, in: i.in}, nil
}

// beside returns what was seen of the sidecar of an image; nil for nothing.
func (f *Folder) beside(name string, image *sighting) *sighting {
	if f.opts.SidecarWait == 0 {
		return nil
	}
	for _, name := range sidecarNames(name) {
		if s := f.files[name]; s != nil && f.isHere(s) && s.info.Size() > 0 && isOf(s, image) {
			return s
		}
	}
	return nil
}

// isOf says whether a sidecar may be that of an image. One that has told of an image
// that had the name before tells nothing of the next, until it is written anew.
func isOf(beside, image *sighting) bool {
	former, known := beside.told[image.info.Name()]
	return !known || former == shapeOf(image.info)
}

// tells notes that a sidecar has told of an image.
func (s *sighting) tells(image *Image) {
	if s.told == nil {
		s.told = map[string]shape{}
	}
	s.told[image.Name()] = shapeOf(image.Info)
}

// takeSidecar marks the sidecar of an image that an earlier run has dealt with, if it
// is still the one that the run has read.
func (f *Folder) takeSidecar(image *Image) {
	if beside, _ := image.Beside(); beside != nil { // or else it can tell nothing
		if sum, err := durable.Sum(beside.Path); err == nil && sum == image.Sidecar.Sum {
			s := &sighting{info: beside.Info}
			s.tells(image)
			f.files[beside.Name()] = s
		}
	}
}

// describe notes what the name of an image that is to be taken and its sidecar tell.
func (f *Folder) describe(image *Image, s *sighting, now time.Time) {
	if f.opts.Names != nil {
		image.Lot, image.Serial = f.fromName(image.Name())
	}
	if f.opts.SidecarWait == 0 {
		return
	}
	beside := f.beside(image.Name(), s)
	if beside == nil || now.Sub(beside.since) < f.opts.Settle {
		image.Sidecar.Trouble = fmt.Sprintf("no sidecar came within %v", f.opts.SidecarWait)
		return
	}
	content, err := readSidecar(filepath.Join(f.opts.Dir, beside.info.Name()))
	if err != nil {
		image.Sidecar.Trouble = fmt.Sprintf("the sidecar cannot be read: %v", err)
		return
	}
	beside.tells(image)
	sum := sha256.Sum256(content)
	image.Sidecar.Name, image.Sidecar.Sum = beside.info.Name(), hex.EncodeToString(sum[:])
	lot, serial, err := parseSidecar(content)
	if err != nil {
		image.Sidecar.Trouble = fmt.Sprintf("the sidecar %s is no JSON object with lot and serial: %v", output.JSONString(image.Sidecar.Name), err)
	}
	image.Lot, image.Serial = cmp.Or(lot, image.Lot), cmp.Or(serial, image.Serial)
}

// fromName returns what the groups of the pattern find in a name.
func (f *Folder) fromName(name string) (lot, serial string) {
	groups := f.opts.Names.FindStringSubmatch(name)
	for n, group := range f.opts.Names.SubexpNames() {
		switch {
		case n >= len(groups): // it is another name
		case group == "lot":
			lot = groups[n]
		case group == "serial":
			serial = groups[n]
		}
	}
	return lot, serial
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

// parseSidecar takes what it needs from a sidecar.
func parseSidecar(content []byte) (lot, serial string, err error) {
	var told struct{ Lot, Serial word }
	err = json.Unmarshal(bytes.TrimPrefix(content, []byte(output.ByteOrderMark)), &told)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // it speaks of Go
		err = fmt.Errorf("there is a JSON %s at byte %d", wrong.Value, wrong.Offset)
	}
	if err != nil {
		return "", "", err
	}
	return string(told.Lot), string(told.Serial), nil
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
