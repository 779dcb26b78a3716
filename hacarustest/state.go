package hacarustest

import (
	"crypto/sha1" //nolint:gosec // names things as the real service does, protects nothing
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// state is all that the service remembers.
type state struct {
	tokens map[string]time.Time // to their expiry

	licenseExpiry time.Time // zero without a license
	licenses      map[string]bool

	targets       []hacarus.InspectionTarget
	defaultTarget int

	algorithms []hacarus.Algorithm

	models []*model
	active *model // what became active last
	made   int    // models so far

	items       map[string]*item
	order       []*item
	images      map[string]upload // by key
	annotations int
}

// licenseTerm is how long a license is good. The documentation does not say.
const licenseTerm = 365 * 24 * time.Hour

func newState(now time.Time, licensed bool) state {
	st := state{
		tokens:        map[string]time.Time{},
		licenses:      map[string]bool{},
		targets:       []hacarus.InspectionTarget{{TargetID: 1, Name: "Plates", Preprocessing: []hacarus.Preprocessing{}}},
		defaultTarget: 1,
		algorithms:    documentedAlgorithms(now),
		items:         map[string]*item{},
		images:        map[string]upload{},
	}
	if licensed {
		st.licenseExpiry = now.Add(licenseTerm)
	}
	return st
}

// model is a model with what the API does not show of it.
type model struct {
	hacarus.Model
	inspector  Inspector
	seeded     bool     // by AddModel, without training
	training   []upload // good images
	overrides  Parameters
	parameters hacarus.PredictParameters
	callback   hacarus.PredictCallback
}

// predictParameters are the values of the training, with those over them that
// were set for prediction.
func (m *model) predictParameters() Parameters {
	p := Parameters{}
	maps.Copy(p, m.overrides)
	if t := m.parameters.Threshold; t != nil {
		p["threshold"] = fmt.Sprint(*t)
	}
	if a := m.parameters.MinDetectedArea; a != nil {
		p["min_detected_area"] = fmt.Sprint(*a)
	}
	if o := m.parameters.IgnoreOuter; o != "" {
		p["ignore_outer"] = o
	}
	return p
}

// item is an item with what the API does not show of it.
type item struct {
	hacarus.Item
	uploads []upload // of which the first images are
	good    *bool
	waiting int // predictions that are not done

	heatMaps map[string]bool // their keys, which stand for the URLs of assessments' images
}

// upload is an image as it was uploaded.
type upload struct {
	key         string
	name        string
	contentType string
	content     []byte
}

// isGood tells whether a training item is to be learned from.
func (i *item) isGood() bool { return i.IsTrainingData && (i.good == nil || *i.good) }

// itemView is an item on the wire. The documentation knows no null in place of
// a user_assessment.
type itemView struct {
	hacarus.Item
	UserAssessment *hacarus.UserAssessment `json:"user_assessment,omitempty"`
}

// view copies what the wire needs of an item, so that it can be written
// without the lock. What it shares with the item is never changed. The images
// that were uploaded are found at the base URL.
func (i *item) view(base string) itemView {
	v := itemView{Item: i.Item}
	v.Images = slices.Clone(i.Images)
	for n, u := range i.uploads {
		v.Images[n].URL = base + "/raw/" + u.key
	}
	v.Assessments = slices.Clone(i.Assessments)
	for n := range v.Assessments {
		v.Assessments[n].Images = slices.Clone(v.Assessments[n].Images)
		for k, meta := range v.Assessments[n].Images {
			if i.heatMaps[meta.URL] {
				v.Assessments[n].Images[k].URL = base + "/raw/" + meta.URL
			}
		}
	}
	if u := i.UserAssessment; u != nil {
		clone := *u
		clone.Annotations = slices.Clone(u.Annotations)
		v.UserAssessment = &clone
	}
	return v
}

// ofModel keeps only the assessments of a model; "" keeps all.
func (v *itemView) ofModel(modelID string) {
	if modelID != "" {
		v.Assessments = slices.DeleteFunc(v.Assessments, func(a hacarus.Assessment) bool { return a.ModelID != modelID })
	}
}

func (v *itemView) withoutAnnotations() {
	for n := range v.Assessments {
		v.Assessments[n].Annotations = []hacarus.Annotation{}
	}
	if v.UserAssessment != nil {
		v.UserAssessment.Annotations = []hacarus.Annotation{}
	}
}

// put stores an item in place of one of the same id. It becomes the newest.
func (st *state) put(i *item) {
	st.remove(map[string]bool{i.ItemID: true})
	st.items[i.ItemID] = i
	st.order = append(st.order, i)
	for _, u := range i.uploads {
		st.images[u.key] = u
	}
}

// putHeatMaps stores the heat maps of an assessment of an item, unless that was
// deleted, and lists them as the assessment's images.
func (st *state) putHeatMaps(i *item, heatMaps []upload) []hacarus.ImageMeta {
	images := []hacarus.ImageMeta{}
	if st.items[i.ItemID] != i {
		return images
	}
	for _, u := range heatMaps {
		if i.heatMaps == nil {
			i.heatMaps = map[string]bool{}
		}
		i.heatMaps[u.key] = true
		st.images[u.key] = u
		meta := imageMeta(u)
		meta.URL = u.key
		images = append(images, meta)
	}
	return images
}

// remove forgets items and their images.
func (st *state) remove(ids map[string]bool) {
	found := false
	for id := range ids {
		if i := st.items[id]; i != nil {
			found = true
			delete(st.items, id)
			for _, u := range i.uploads {
				delete(st.images, u.key)
			}
			for key := range i.heatMaps {
				delete(st.images, key)
			}
		}
	}
	if found {
		st.order = slices.DeleteFunc(st.order, func(i *item) bool { return ids[i.ItemID] })
	}
}

// find returns the items of some ids, and false if one is missing.
func (st *state) find(ids []string) ([]*item, bool) {
	var found []*item
	for _, id := range ids {
		i := st.items[id]
		if i == nil {
			return nil, false
		}
		found = append(found, i)
	}
	return found, true
}

// annotation gives an annotation its id and time.
func (s *Server) annotation(a hacarus.Annotation) hacarus.Annotation {
	s.state.annotations++
	a.AnnotationID = s.state.annotations
	a.CreatedAt = timestamp(s.clock.now())
	return a
}

func (st *state) model(id string) *model {
	for _, m := range st.models {
		if m.ModelID == id {
			return m
		}
	}
	return nil
}

// findModels returns the models of some ids, and false if one is missing.
func (st *state) findModels(ids []string) ([]*model, bool) {
	var found []*model
	for _, id := range ids {
		m := st.model(id)
		if m == nil {
			return nil, false
		}
		found = append(found, m)
	}
	return found, true
}

func (st *state) target(id int) *hacarus.InspectionTarget {
	for n := range st.targets {
		if st.targets[n].TargetID == id {
			return &st.targets[n]
		}
	}
	return nil
}

func (st *state) algorithm(id string) *hacarus.Algorithm {
	for n := range st.algorithms {
		if st.algorithms[n].AlgorithmID == id {
			return &st.algorithms[n]
		}
	}
	return nil
}

// activate makes a model usable, and the one that "active" means.
func (st *state) activate(m *model) {
	m.Status, m.Active = hacarus.ModelStatusActive, true
	st.active = m
}

// addModel stores a new model, with an id in the form of the real service's.
func (st *state) addModel(m *model, now time.Time) {
	st.made++
	if m.ModelID == "" {
		m.ModelID = uuid(fmt.Sprint("model ", st.made))
	}
	if m.Name == "" {
		m.Name = fmt.Sprint("model ", st.made)
	}
	if m.Version == "" {
		m.Version = "model-" + now.UTC().Format("2006010215:04:05")
	}
	if m.AlgorithmType == "" {
		m.AlgorithmType = "unsupervised"
	}
	if m.ContextID == 0 {
		m.ContextID = st.defaultTarget
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = timestamp(now)
	}
	if m.UpdatedAt.IsZero() {
		m.UpdatedAt = m.CreatedAt
	}
	st.models = append(st.models, m)
}

// timestamp is a time in the precision that the real service has.
func timestamp(t time.Time) hacarus.Time { return hacarus.Time{Time: t.UTC().Truncate(time.Second)} }

// hash is 40 hexadecimal digits, as image keys have (docs/wire-facts.md, fact
// 19).
func hash(parts ...[]byte) string {
	h := sha1.New() //nolint:gosec // see the import
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:", len(part))
		_, _ = h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func uuid(of string) string {
	h := hash([]byte(of))
	return fmt.Sprintf("%s-%s-5%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}
