package watch

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// entry is a line of the record: what became of an image. Lines are never changed;
// a correction is a line of its own.
type entry struct {
	Time    time.Time `json:"time"`
	File    string    `json:"file"` // its base name
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Written time.Time `json:"written"` // the image, as the file system tells
	Lot     string    `json:"lot,omitempty"`
	Serial  string    `json:"serial,omitempty"`
	Model   string    `json:"model"`
	ItemID  string    `json:"item_id"`
	Verdict string    `json:"verdict"`
	Score   *float64  `json:"score"`
	Boxes   [][4]int  `json:"boxes"`
	Error   *string   `json:"error"`
	By      string    `json:"by"`           // who decided
	To      string    `json:"to,omitempty"` // where the image goes; "" if it stays
}

// record is the file of entries.
type record struct{ file *os.File }

// openRecord opens a record, and takes off a line that was not written to its end.
func openRecord(path string) (*record, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: language.Errorf("not a regular file")}
	}
	if err := cutLine(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return &record{file}, nil
}

// cutLine takes off a line that was not written to its end. The file is made if it
// is not there.
func cutLine(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // others read it
	if err != nil {
		return err
	}
	end, err := endOfLines(file)
	if err == nil {
		err = file.Truncate(end)
	}
	return errors.Join(err, file.Close())
}

// endOfLines is where the last whole line ends. It reads from the end: a record
// grows for years.
func endOfLines(file *os.File) (int64, error) {
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	const step = 4096
	for at > 0 {
		begin := max(0, at-step)
		block := make([]byte, at-begin)
		if _, err := file.ReadAt(block, begin); err != nil {
			return 0, err
		}
		for i := len(block) - 1; i >= 0; i-- {
			if block[i] == '\n' {
				return begin + int64(i) + 1, nil
			}
		}
		at = begin
	}
	return 0, nil
}

// append adds an entry, which is on the disk when it returns.
func (r *record) append(e entry) error {
	line, err := output.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return r.file.Sync()
}

// of returns the last entries of images that are in a folder, by name. It keeps
// nothing of the others, so that its memory does not grow with the record.
func (r *record) of(images map[string]fs.FileInfo) (map[string]entry, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	entries := map[string]entry{}
	lines := bufio.NewReader(r.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		var e entry
		if json.Unmarshal(line, &e) != nil {
			continue // of another program
		}
		if info := images[e.File]; info != nil && info.Size() == e.Size && info.ModTime().Equal(e.Written) {
			entries[e.File] = e
		}
	}
}

func (r *record) close() { _ = r.file.Close() }

// imagesOf returns the images in a folder, by the name that a record has for them.
func imagesOf(dir string) (map[string]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	images := map[string]fs.FileInfo{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && isImage(info) {
			images[output.JSONString(filepath.Base(e.Name()))] = info
		}
	}
	return images, nil
}
