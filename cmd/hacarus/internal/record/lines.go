package record

import (
	"bufio"
	"errors"
	"io"
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
