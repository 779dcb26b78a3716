// Package record keeps what became of images: a file with a line of JSON for each
// verdict of a model and each judgement of a person. Lines are only ever added, by
// any number of programs at a time.
package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// Model is who decided where no person did.
const Model = "model"

// Entry is a line: what a model or a person says of an image. The last line of an
// image is what holds.
type Entry struct {
	ID      string    `json:"id"` // of the image, in each line about it
	Time    time.Time `json:"time"`
	Station string    `json:"station,omitempty"`
	File    string    `json:"file"` // its base name
	Dir     string    `json:"dir,omitempty"`
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Written time.Time `json:"written"` // the image, as the file system tells
	Lot     string    `json:"lot,omitempty"`
	Serial  string    `json:"serial,omitempty"`
	Model   string    `json:"model"` // that decided; the one that was asked for, if there is no telling
	Version string    `json:"model_version,omitempty"`
	ItemID  string    `json:"item_id"`
	Verdict string    `json:"verdict"`
	Score   *float64  `json:"score"`
	Boxes   [][4]int  `json:"boxes"`          // left, top, right and bottom in pixels of the upright picture
	Error   *string   `json:"error"`          // why there is no verdict
	By      string    `json:"by"`             // who decided: [Model] or a person
	Undo    bool      `json:"undo,omitempty"` // the person has taken the judgement before back, and this is what held before
	Note    string    `json:"note,omitempty"`
	Sidecar string    `json:"sidecar,omitempty"`        // base name of the file beside the image that tells of it
	Beside  string    `json:"sidecar_sha256,omitempty"` // of that file
	To      string    `json:"to,omitempty"`             // the path that the image goes to; "" if it stays
}

// Sending is a line of another kind: what became of boxes that a person drew and
// that the service is told of. It changes nothing of what holds.
type Sending struct {
	Image  string       `json:"sending"` // the id of the image
	Time   time.Time    `json:"time"`
	ItemID string       `json:"item_id"`
	Boxes  [][4]int     `json:"boxes"`
	State  SendingState `json:"state"`
	Error  string       `json:"error,omitempty"` // why they were not sent, or why that is not known
}

// SendingState says whether the service has boxes.
type SendingState string

// The states. Unknown is written before boxes are sent: if nothing is written after
// it, nobody knows how it ended.
const (
	SendingUnknown SendingState = "unknown"
	SendingDone    SendingState = "sent"
	SendingFailed  SendingState = "failed" // the service does not have them
)

// Record is a record that lines are added to. It may be used by several goroutines.
type Record struct {
	mu   sync.Mutex
	file *os.File
	torn bool // the file may end within a line
}

// Open opens a record, which is made if it is not there.
func Open(path string) (*Record, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: language.Errorf("not a regular file")}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644) //nolint:gosec // others read it
	if err != nil {
		return nil, err
	}
	torn, err := endsWithinLine(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Record{file: file, torn: torn}, nil
}

// endsWithinLine says whether the last line was not written to its end.
func endsWithinLine(file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Append adds entries, or what has one embedded in it, which are on the disk when it
// returns. A line that was not written to its end stays, as a line of its own, which
// is nobody's: to cut it off might take the line of another program.
func (r *Record) Append(entries ...any) error {
	var lines []byte
	for _, e := range entries {
		line, err := output.Marshal(e)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	r.torn = true
	if _, err := r.file.Write(lines); err != nil {
		return err
	}
	r.torn = false
	return r.file.Sync()
}

// Is says whether the record is that file.
func (r *Record) Is(file fs.FileInfo) bool {
	info, err := r.file.Stat()
	return err == nil && os.SameFile(info, file)
}

// Close closes the record.
func (r *Record) Close() error { return r.file.Close() }

// Entries yields the entries of a record in the order in which they were written.
// Lines of other programs, and one that is just being written, are left out.
func Entries(path string) iter.Seq2[Entry, error] {
	return Select(path, func(string, time.Time) bool { return true })
}

// Select yields the entries whose id and time are wanted. It is much faster than to
// decode all of a record of millions of lines.
func Select(path string, wanted func(id string, at time.Time) bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer file.Close()
		for line, err := range each(file) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if id, at, ok := peek(line.text); ok && !wanted(id, at) {
				continue
			}
			var e Entry
			if json.Unmarshal(line.text, &e) != nil || e.ID == "" || !wanted(e.ID, e.Time) {
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// peek reads the id and the time at the beginning of a line as Append writes it. It
// is false for any other line.
func peek(line []byte) (id string, at time.Time, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"id":"`))
	if !ok {
		return "", at, false
	}
	name, rest, ok := bytes.Cut(rest, []byte(`","time":"`))
	if !ok || bytes.ContainsAny(name, `"\`) {
		return "", at, false
	}
	text, _, ok := bytes.Cut(rest, []byte{'"'})
	if !ok || at.UnmarshalText(text) != nil {
		return "", at, false
	}
	return string(name), at, true
}
