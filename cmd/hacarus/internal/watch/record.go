package watch

import (
	"maps"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// settled returns the last entries of a model on images that are in a folder and are
// dealt with, by the image's id. One that is NG or has no verdict, and that was not
// there any more to be put aside, is not: it is there again. It keeps nothing of the
// others, so that its memory does not grow with the record.
func settled(path string, images map[string]*folder.Image) (map[string]record.Entry, error) {
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
