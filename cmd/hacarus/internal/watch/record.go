package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// idOf tells an image from all others, those included that come under its name later,
// and those of another folder that is watched with the same record: cameras of one
// make give the same names and sizes, and some disks tell times to two seconds.
func idOf(dir string, info fs.FileInfo) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", dir, info.Name(), info.Size(), info.ModTime().UnixNano()))
	return hex.EncodeToString(sum[:12])
}

// settled returns the last entries of a model on images that are in a folder and are
// dealt with, by the image's id. One that is NG or has no verdict, and that was not
// there any more to be put aside, is not: it is there again. It keeps nothing of the others, so that its memory does not grow
// with the record.
func settled(path string, images map[string]fs.FileInfo) (map[string]record.Entry, error) {
	entries := map[string]record.Entry{}
	for e, err := range record.Select(path, func(id string, _ time.Time) bool { return images[id] != nil }) {
		if err != nil {
			return nil, err
		}
		if e.By == record.Model {
			entries[e.ID] = e
		}
	}
	maps.DeleteFunc(entries, func(_ string, e record.Entry) bool { return e.To == "" && e.Verdict != string(hacarus.VerdictOK) })
	return entries, nil
}

// imagesOf returns the images in a folder, by their ids. It is an error if the folder
// goes meanwhile: images that it leaves out count as new.
func imagesOf(dir string) (map[string]fs.FileInfo, error) {
	in, entries, err := list(dir)
	if err != nil {
		return nil, err
	}
	images := map[string]fs.FileInfo{}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // the file has just gone, or the folder has
			return imagesOf(dir)
		}
		if err == nil && info.Mode().IsRegular() && isImage(info) {
			images[idOf(dir, info)] = info
		}
	}
	if after, err := os.Stat(dir); err != nil || !os.SameFile(in, after) {
		return nil, errors.Join(language.Errorf("%s is another folder now", dir), err)
	}
	return images, nil
}
