package verdicts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// File writes verdicts and judgements into a record's file, each once. How far it
// has come, the file itself says: a line has its position, so that neither can be
// there without the other.
type File struct {
	Path string
	// Place completes an entry by where its image is; nil for nothing.
	Place func(*record.Entry)
}

// Run writes what is missing, and then what comes, until the context ends.
func (f File) Run(ctx context.Context, q *queue.Queue) error {
	file, err := record.Open(f.Path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	after, err := lastSeq(f.Path)
	if err != nil {
		return err
	}
	written, err := f.written(ctx, q, after)
	if err != nil {
		return err
	}
	if written != nil {
		after = 0
	}
	for messages, err := range q.FollowAll(ctx, queue.AllVerdicts, after) {
		if err != nil {
			return err
		}
		var all []any
		for _, m := range messages {
			line, err := lineOf(m)
			if err != nil {
				return err
			}
			if line.Seq == 0 || written[keyOf(line.Entry)] {
				continue
			}
			if f.Place != nil {
				f.Place(&line.Entry)
			}
			all = append(all, line)
		}
		if len(all) == 0 {
			continue
		}
		if err := isAt(file, f.Path); err != nil {
			return err
		}
		if err := file.Append(all...); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// isAt refuses a file that was removed or moved: nobody would find what is written into
// it. The next run begins a new one, with all that the queue has.
func isAt(file *record.Record, path string) error {
	there, err := os.Stat(path)
	if err == nil && !file.Is(there) {
		err = &fs.PathError{Op: "write", Path: path, Err: errors.New("another file has taken its place")}
	}
	return err
}

// written returns which lines the file has, if its position is not one of this
// stream: that was restored from a backup, or lost and made again. Otherwise it is
// nil, and the position tells.
func (f File) written(ctx context.Context, q *queue.Queue, after uint64) (map[string]bool, error) {
	end, err := q.End(ctx, queue.AllVerdicts)
	if err != nil || after <= end {
		return nil, err
	}
	written := map[string]bool{}
	for e, err := range record.Entries(f.Path) {
		if err != nil {
			return nil, err
		}
		written[keyOf(e)] = true
	}
	return written, nil
}

// keyOf is the same for the lines that are one and the same: an image has one of a
// model, and of a person one at a time.
func keyOf(e record.Entry) string {
	if e.By == record.Model {
		return e.ID
	}
	return e.ID + "\x00" + e.By + "\x00" + e.Time.String()
}

// lastSeq returns the highest position in a file; 0 if there is none. It begins at
// the end, where it is.
func lastSeq(path string) (uint64, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	for back := int64(64 << 10); ; back *= 8 {
		from := max(info.Size()-back, 0)
		seq, err := highest(io.NewSectionReader(file, from, info.Size()-from))
		if err != nil || seq > 0 || from == 0 {
			return seq, err
		}
	}
}

// highest returns the highest position in some lines, of which the first one may
// not be whole.
func highest(lines io.Reader) (seq uint64, err error) {
	for r := bufio.NewReader(lines); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return seq, nil // what has no end is not written
		}
		if err != nil {
			return 0, err
		}
		var position struct {
			Seq uint64 `json:"seq"`
			ID  string `json:"id"`
		}
		if json.Unmarshal(bytes.TrimSpace(line), &position) == nil && position.ID != "" {
			seq = max(seq, position.Seq)
		}
	}
}
