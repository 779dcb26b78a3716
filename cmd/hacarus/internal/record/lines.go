package record

import (
	"bufio"
	"errors"
	"io"
	"iter"
)

// maxLine is more than any line has, in bytes. A disk that lost power may leave a
// gigabyte of zeros, which is not to be taken into memory.
const maxLine = 1 << 24

// lines reads the lines of a record.
type lines struct {
	r    *bufio.Reader
	line []byte // the last one
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReader(r)} }

// each yields the lines of a part of a record, each until the next one, and their
// lengths.
func each(r io.Reader) iter.Seq2[rawLine, error] {
	return func(yield func(rawLine, error) bool) {
		for lines := newLines(r); ; {
			raw, length, err := lines.next()
			if errors.Is(err, io.EOF) || !yield(rawLine{raw, length}, err) || err != nil {
				return
			}
		}
	}
}

// rawLine is a line as it stands in a record.
type rawLine struct {
	text   []byte
	length int64 // also of one that is too long
}

// next returns a line with its end, until the next one is read, and its length. One
// that is too long is nobody's, and empty. The error of a line without an end is
// [io.EOF].
func (l *lines) next() (line []byte, length int64, err error) {
	l.line = l.line[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if length += int64(len(part)); length <= maxLine {
			l.line = append(l.line, part...)
		} else {
			l.line = l.line[:0]
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.line, length, err
		}
	}
}
