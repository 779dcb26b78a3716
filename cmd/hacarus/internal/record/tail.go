package record

import (
	"bufio"
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
	offset int64 // of what was not read yet
}

// NewTail returns the tail of a record that is to be read from its beginning.
func NewTail(path string) *Tail { return &Tail{path: path} }

// Lines yields the lines that were not read yet, in the order in which they were
// written. Lines of other programs, and one that is just being written, are left
// out.
func (t *Tail) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		t.read(t.offset, math.MaxInt64, func(raw []byte) { t.offset += int64(len(raw)) }, yield)
	}
}

// Past yields the lines that were read.
func (t *Tail) Past() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		t.read(0, t.offset, func([]byte) {}, yield)
	}
}

// read yields the lines of a part of the record, and calls took with each before
// that, also with those that are left out.
func (t *Tail) read(from, to int64, took func([]byte), yield func(Line, error) bool) {
	file, err := t.open(from)
	if err != nil {
		yield(Line{}, err)
		return
	}
	defer file.Close()
	for lines := bufio.NewReader(io.LimitReader(file, to-from)); ; {
		raw, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			yield(Line{}, err)
			return
		}
		took(raw)
		if line, ok := parse(raw); ok && !yield(line, nil) {
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
	if err == nil && info.Size() < t.offset {
		err = language.Errorf("%s has become shorter: it is another record", t.path)
	}
	if err == nil {
		_, err = file.Seek(at, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
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
