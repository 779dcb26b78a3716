package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"
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
		file, err := t.open()
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer file.Close()
		for lines := bufio.NewReader(file); ; {
			raw, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Line{}, err)
				return
			}
			t.offset += int64(len(raw))
			if line, ok := parse(raw); ok && !yield(line, nil) {
				return
			}
		}
	}
}

func (t *Tail) open() (*os.File, error) {
	file, err := os.Open(t.path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() < t.offset {
		err = language.Errorf("%s has become shorter: it is another record", t.path)
	}
	if err == nil {
		_, err = file.Seek(t.offset, io.SeekStart)
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
