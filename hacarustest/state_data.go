package hacarustest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// WithData keeps what the server has in a folder, from which another server goes
// on later: items with their images and verdicts, models, targets and the license,
// but no tokens. It is written when it has changed, a moment later, and by Close; a
// process that is killed loses that moment. Predictions that were under way are
// lost, as if they had failed. Models are trained again, before NewServer returns.
// NewServer panics if the folder cannot be read. One server at a time may use it.
func WithData(dir string) Option {
	return func(c *config) { c.data = dir }
}

// saveInterval is how long a change waits for others.
const saveInterval = 200 * time.Millisecond

// stateFile is the file of the state in its folder. Images are beside it, in files
// named after their content.
const stateFile = "state.json"

// saved is the state as it is written.
type saved struct {
	LicenseExpiry time.Time                  `json:"license_expiry"`
	Licenses      map[string]bool            `json:"licenses"`
	Targets       []hacarus.InspectionTarget `json:"targets"`
	DefaultTarget int                        `json:"default_target"`
	Algorithms    []hacarus.Algorithm        `json:"algorithms"`
	Models        []savedModel               `json:"models"`
	Active        string                     `json:"active"`
	Made          int                        `json:"made"`
	Items         []savedItem                `json:"items"`
	Annotations   int                        `json:"annotations"`
}

type savedModel struct {
	Model      hacarus.Model             `json:"model"`
	Seeded     bool                      `json:"seeded"`
	Training   []savedUpload             `json:"training"`
	Overrides  Parameters                `json:"overrides"`
	Parameters hacarus.PredictParameters `json:"predict_parameters"`
	Callback   hacarus.PredictCallback   `json:"callback"`
}

type savedItem struct {
	Item     hacarus.Item  `json:"item"`
	Good     *bool         `json:"good"`
	Waiting  bool          `json:"waiting"`
	Uploads  []savedUpload `json:"uploads"`
	HeatMaps []savedUpload `json:"heat_maps"`
}

type savedUpload struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Content string `json:"content"` // the name of its file
}

// data writes the state into a folder. The zero value has none.
type data struct {
	changed atomic.Bool
	written map[string]bool // contents that are in the folder
	last    sync.Once       // after that, the folder may be another server's
}

// keep reads the state of the folder, and writes it from now on.
func (s *Server) keep() {
	if s.data == "" {
		return
	}
	s.saving.written = map[string]bool{}
	if err := s.restore(); err != nil {
		panic("hacarustest: " + err.Error())
	}
	s.background(func(ctx context.Context) {
		tick := time.NewTicker(saveInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return // Close saves
			case <-tick.C:
				s.save()
			}
		}
	})
}

// save writes the state if it has changed. What cannot be written now is tried
// again with the next change, or with the next save.
func (s *Server) save() {
	if s.data == "" || !s.saving.changed.Swap(false) {
		return
	}
	s.mu.Lock()
	state, contents := s.state.saved()
	raw, err := json.Marshal(state)
	s.mu.Unlock()
	for name, content := range contents {
		if err == nil && !s.saving.written[name] {
			err = replaceFile(filepath.Join(s.data, name), content)
			s.saving.written[name] = err == nil
		}
	}
	if err == nil {
		err = replaceFile(filepath.Join(s.data, stateFile), raw)
	}
	if err != nil {
		s.saving.changed.Store(true)
	}
}

// replaceFile writes a file, whole or not at all.
func replaceFile(path string, content []byte) error {
	part := path + ".part"
	if err := os.WriteFile(part, content, 0o600); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// saved returns the state as it is written, and the contents of its images by the
// names of their files.
func (st *state) saved() (saved, map[string][]byte) {
	contents := map[string][]byte{}
	out := saved{
		LicenseExpiry: st.licenseExpiry, Licenses: st.licenses, Targets: st.targets, DefaultTarget: st.defaultTarget,
		Algorithms: st.algorithms, Made: st.made, Annotations: st.annotations,
	}
	if st.active != nil {
		out.Active = st.active.ModelID
	}
	for _, m := range st.models {
		out.Models = append(out.Models, savedModel{m.Model, m.seeded, savedUploads(m.training, contents), m.overrides, m.parameters, m.callback})
	}
	for _, i := range st.order {
		var heatMaps []upload
		for _, key := range slices.Sorted(maps.Keys(i.heatMaps)) {
			heatMaps = append(heatMaps, st.images[key])
		}
		out.Items = append(out.Items, savedItem{
			i.Item, i.good, i.waiting > 0, savedUploads(i.uploads, contents), savedUploads(heatMaps, contents),
		})
	}
	return out, contents
}

func savedUploads(uploads []upload, contents map[string][]byte) (list []savedUpload) {
	for _, u := range uploads {
		sum := sha256.Sum256(u.content)
		name := hex.EncodeToString(sum[:])
		contents[name] = u.content
		list = append(list, savedUpload{u.key, u.name, name})
	}
	return list
}

// restore reads the state of the folder, if there is one.
func (s *Server) restore() error {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(s.data, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		s.saving.changed.Store(true)
		return nil
	}
	if err != nil {
		return err
	}
	var in saved
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	st, err := s.stateOf(in)
	if err != nil {
		return err
	}
	s.state = st
	return s.trainAgain(in.Active)
}

func (s *Server) stateOf(in saved) (state, error) {
	st := newState(s.clock.now(), false)
	st.licenseExpiry, st.targets, st.defaultTarget, st.algorithms = in.LicenseExpiry, in.Targets, in.DefaultTarget, in.Algorithms
	st.made, st.annotations = in.Made, in.Annotations
	for key := range in.Licenses {
		st.licenses[key] = true
	}
	for _, m := range in.Models {
		training, err := s.uploadsOf(m.Training)
		if err != nil {
			return st, err
		}
		st.models = append(st.models, &model{
			Model: m.Model, seeded: m.Seeded, training: training, overrides: m.Overrides, parameters: m.Parameters, callback: m.Callback,
		})
	}
	for _, i := range in.Items {
		uploads, err := s.uploadsOf(i.Uploads)
		if err != nil {
			return st, err
		}
		if i.Waiting {
			i.Item.Status = hacarus.ItemStatusDone // as after a prediction that failed
		}
		heatMaps, err := s.uploadsOf(i.HeatMaps)
		if err != nil {
			return st, err
		}
		restored := &item{Item: i.Item, uploads: uploads, good: i.Good}
		st.put(restored)
		st.putHeatMaps(restored, heatMaps)
	}
	return st, nil
}

func (s *Server) uploadsOf(list []savedUpload) (uploads []upload, err error) {
	for _, in := range list {
		content, err := os.ReadFile(filepath.Join(s.data, filepath.Base(in.Content)))
		if err != nil {
			return nil, err
		}
		s.saving.written[in.Content] = true
		u := newUpload(in.Name, content)
		u.key = in.Key
		uploads = append(uploads, u)
	}
	return uploads, nil
}

// trainAgain trains the models that were active, which stay as they were, and
// begins the trainings anew that had not ended.
func (s *Server) trainAgain(active string) error {
	var unfinished []*model
	for _, m := range s.state.models {
		switch m.Status {
		case hacarus.ModelStatusCreating:
			unfinished = append(unfinished, m)
		case hacarus.ModelStatusActive:
			inspector, err := s.trainInspector(s.running, m)
			if err != nil {
				return err
			}
			m.inspector = inspector
			if m.ModelID == active {
				s.state.active = m
			}
		}
	}
	for _, m := range unfinished { // in the background, where the state is not this goroutine's alone
		s.startTraining(m, nil)
	}
	return nil
}
