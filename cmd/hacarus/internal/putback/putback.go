// Package putback remembers which parameter of a model is changed for a while, so
// that it can be put back after any end of the program: the service tells nobody
// what a parameter was.
package putback

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// Parameter is a predict parameter with the value that it is to have again.
type Parameter struct {
	Name  string // [hacarus.ParamThreshold] or [hacarus.ParamMinDetectedArea]
	Value float64
}

// Predict is the parameter for a request.
func (p Parameter) Predict() hacarus.PredictParameters {
	if p.Name == hacarus.ParamMinDetectedArea {
		return hacarus.PredictParameters{MinDetectedArea: &p.Value}
	}
	return hacarus.PredictParameters{Threshold: &p.Value}
}

// Of is the parameter's value in a response, nil where it is not told.
func (p Parameter) Of(set *hacarus.PredictParameters) *float64 {
	if p.Name == hacarus.ParamMinDetectedArea {
		return set.MinDetectedArea
	}
	return set.Threshold
}

// Note is what is remembered of one model. It belongs to one program at a time.
// Close it.
type Note struct {
	path  string
	store hacarus.JournalStore
}

// line is what stands in the note while a parameter is changed. It says for
// people what it is about; its beginning is that of every journal.
type line struct {
	Kind      string   `json:"hacarus_journal"`
	Service   string   `json:"service"`
	ModelID   string   `json:"model_id"`
	Parameter string   `json:"parameter"`
	Value     *float64 `json:"value"`
}

// Folder is where the notes are. The zero value is none, in which nothing is noted.
type Folder struct{ dir string }

// Own is the user's own folder, on this computer.
func Own() (Folder, error) {
	profiles, err := settings.ProfilesPath()
	if err != nil {
		return Folder{}, err
	}
	return Folder{filepath.Join(filepath.Dir(profiles), "put-back")}, nil
}

// Any says whether anything is noted, of whatever model.
func (f Folder) Any() bool {
	files, err := os.ReadDir(f.dir)
	return err == nil && slices.ContainsFunc(files, func(file os.DirEntry) bool {
		info, err := file.Info()
		return err == nil && info.Size() > 0
	})
}

// path is where a model's note is.
func (f Folder) path(client *hacarus.Client, modelID string) string {
	sum := sha256.Sum256([]byte(client.String() + "\n" + modelID)) // the client's text is the service's origin
	return filepath.Join(f.dir, hex.EncodeToString(sum[:8])+".jsonl")
}

// Open opens the note of a model, and makes it if there is none. It is an error
// while another program has it.
func (f Folder) Open(client *hacarus.Client, modelID string) (*Note, error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	store, err := hacarus.NewFileJournal(f.path(client, modelID))
	if errors.Is(err, hacarus.ErrJournalLocked) {
		return nil, language.Errorf("another program is trying parameters of model %s; wait until it has ended", modelID)
	}
	if err != nil {
		return nil, unreadable(f.path(client, modelID), err)
	}
	return &Note{f.path(client, modelID), store}, nil
}

// unreadable is the error of a note of which nobody knows what it says.
func unreadable(path string, err error) error {
	return language.Errorf("%s says what a model is to have again, and cannot be read: %v\nSet the model's parameters with hacarus models tune, and remove the file.", path, err)
}

// OpenKept opens the note of a model if there is one; nil is none.
func (f Folder) OpenKept(client *hacarus.Client, modelID string) (*Note, error) {
	if _, err := os.Stat(f.path(client, modelID)); err != nil {
		return nil, nil //nolint:nilerr,nilnil // there is none
	}
	return f.Open(client, modelID)
}

// Left is the parameter that an earlier program has left changed; nil is none.
// It is called once, before anything else.
func (n *Note) Left(ctx context.Context) (*Parameter, error) {
	var left *Parameter
	for raw, err := range n.store.Lines(ctx) {
		var l line
		if err == nil {
			err = json.Unmarshal(raw, &l)
		}
		if err == nil {
			left, err = l.read()
		}
		if err != nil {
			return nil, unreadable(n.path, err)
		}
	}
	return left, nil
}

// read returns the parameter of a line. What another version of the program may have
// noted is no threshold.
func (l line) read() (*Parameter, error) {
	switch {
	case l.Parameter != hacarus.ParamThreshold && l.Parameter != hacarus.ParamMinDetectedArea:
		return nil, language.Errorf("it is about %q", l.Parameter)
	case l.Value == nil:
		return nil, language.Errorf("it has no value")
	}
	return &Parameter{l.Parameter, *l.Value}, nil
}

// Keep notes a parameter before it is changed. The note survives a power failure.
func (n *Note) Keep(ctx context.Context, client *hacarus.Client, modelID string, p Parameter) error {
	raw, err := json.Marshal(line{"a parameter to put back", client.String(), modelID, p.Name, &p.Value})
	if err != nil {
		return err
	}
	return n.store.Append(ctx, true, raw)
}

// Clear forgets the parameter, since it was put back.
func (n *Note) Clear(ctx context.Context) error {
	return n.store.Compact(ctx, slices.Values[[][]byte](nil))
}

// Close gives the note to others.
func (n *Note) Close() error { return n.store.Close() }

// Forget forgets the parameter of a model that a person has set.
func (f Folder) Forget(ctx context.Context, client *hacarus.Client, modelID string, set hacarus.PredictParameters) error {
	note, err := f.OpenKept(client, modelID)
	if note == nil || err != nil {
		return err
	}
	left, err := note.Left(ctx)
	if err == nil && left != nil && left.Of(&set) != nil {
		err = note.Clear(ctx)
	}
	return errors.Join(err, note.Close())
}
