package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"os"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// Line is a line of a record: one of its fields is not nil.
type Line struct {
	Entry   *Entry
	Sending *Sending
}

// Tail reads a record while programs add to it.
type Tail struct {
	path   string
	file   os.FileInfo // that was read; nil before
	offset int64       // of what was not read yet
}

// NewTail returns the tail of a record that is to be read from its beginning.
func NewTail(path string) *Tail { return &Tail{path: path} }

// Lines yields the lines that were not read yet, in the order in which they were
// written. Lines of other programs, and one that is just being written, are left
// out, and so is a model's OK on an image that is not known: to read all of what was
// well takes its time in a record of months. With nil for known, all images are.
func (t *Tail) Lines(known func(id string) bool) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		t.read(t.offset, math.MaxInt64, func(raw []byte, length int64) bool {
			t.offset += length
			return known == nil || !isOK(raw, known)
		}, yield)
	}
}

// Past yields all lines that were read.
func (t *Tail) Past() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		t.read(0, t.offset, func([]byte, int64) bool { return true }, yield)
	}
}

// read yields those lines of a part of the record that are wanted.
func (t *Tail) read(from, to int64, wanted func(raw []byte, length int64) bool, yield func(Line, error) bool) {
	file, err := t.open(from)
	if err != nil {
		yield(Line{}, err)
		return
	}
	defer file.Close()
	for raw, err := range each(io.LimitReader(file, to-from)) {
		if err != nil {
			yield(Line{}, err)
			return
		}
		if !wanted(raw.text, raw.length) {
			continue
		}
		if line, ok := parse(raw.text); ok && !yield(line, nil) {
			return
		}
	}
}

func (t *Tail) open(at int64) (*os.File, error) {
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (info.Size() < t.offset || t.file != nil && !os.SameFile(t.file, info)) {
		err = language.Errorf("%s is another record than before", t.path)
	}
	if err == nil {
		_, err = file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	t.file = info
	return file, nil
}

// isOK says of a line, without decoding it, whether it is a model's OK on an image
// that is not known. It may be wrong in one direction: a line that another program has
// written in its own way is not recognized.
func isOK(raw []byte, known func(id string) bool) bool {
	rest, ok := bytes.CutPrefix(raw, []byte(`{"id":"`))
	id, _, closed := bytes.Cut(rest, []byte{'"'})
	return ok && closed && bytes.IndexByte(id, '\\') < 0 &&
		bytes.Contains(raw, []byte(`"verdict":"OK"`)) && bytes.Contains(raw, []byte(`"by":"`+Model+`"`)) && !known(string(id))
}

func parse(raw []byte) (Line, bool) {
	var e Entry
	if json.Unmarshal(raw, &e) == nil && e.ID != "" {
		return Line{Entry: &e}, true
	}
	var s Sending
	if json.Unmarshal(raw, &s) == nil && s.Image != "" {
		return Line{Sending: &s}, true
	}
	return Line{}, false
}
