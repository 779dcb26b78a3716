package hacarustest

import (
	"cmp"
	"context"
	"fmt"
	"image"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// AddTarget adds an inspection target, or replaces the one with the same id,
// and returns it in the form in which the server will return it. If the
// TargetID is 0, it becomes one more than the highest id, so a target with id 0
// cannot be added.
func (s *Server) AddTarget(t hacarus.InspectionTarget) hacarus.InspectionTarget {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Preprocessing = append([]hacarus.Preprocessing{}, t.Preprocessing...)
	if t.TargetID == 0 {
		for _, other := range s.state.targets {
			t.TargetID = max(t.TargetID, other.TargetID+1)
		}
	}
	if old := s.state.target(t.TargetID); old != nil {
		*old = t
	} else {
		s.state.targets = append(s.state.targets, t)
	}
	return t
}

// AddAlgorithm adds an algorithm, or replaces the one with the same id, and
// returns it in the form in which the server will return it. Required fields
// that are not set are filled in. Overrides of its parameters are passed to the
// [Trainer] and the [Inspector] under the names of the parameters.
func (s *Server) AddAlgorithm(a hacarus.Algorithm) hacarus.Algorithm {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.AlgorithmID == "" {
		a.AlgorithmID = freeID("algorithm", len(s.state.algorithms), func(id string) bool { return s.state.algorithm(id) != nil })
	}
	a = completeAlgorithm(a, s.clock.now())
	if old := s.state.algorithm(a.AlgorithmID); old != nil {
		*old = a
	} else {
		s.state.algorithms = append(s.state.algorithms, a)
	}
	return a
}

// freeID is an id that is not taken, made of a kind and the first number above n.
func freeID(kind string, n int, taken func(string) bool) string {
	for {
		n++
		if id := fmt.Sprint(kind, "-", n); !taken(id) {
			return id
		}
	}
}

// AddModel adds a model, or replaces the one with the same id, and returns it
// in the form in which the server will return it. Fields that are not set are
// filled in: the algorithm is "PM" and the status is active. If the model is
// active, "active" means this model from now on.
//
// The model is trained without images. If that is not possible, as with the
// documented algorithms, it calls every item OK with score 0.
func (s *Server) AddModel(m hacarus.Model) hacarus.Model {
	added := &model{Model: m, seeded: true, inspector: s.seededInspector()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.state.model(m.ModelID); old != nil {
		s.state.deleteModels([]*model{old})
	}
	added.AlgorithmID = cmp.Or(m.AlgorithmID, "PM")
	added.Status = cmp.Or(m.Status, hacarus.ModelStatusActive)
	s.state.addModel(added, s.clock.now())
	if added.Status == hacarus.ModelStatusActive {
		s.state.activate(added)
	}
	return added.Model
}

// seededInspector is the inspector of models that nobody trained. It calls
// everything good if nothing can be learned without images, as with the
// documented algorithms.
func (s *Server) seededInspector() Inspector {
	if s.trainer == nil {
		return InspectorFunc(allGood)
	}
	inspector, err := s.trainer.Train(s.running, nil, Parameters{})
	if err != nil {
		return InspectorFunc(allGood)
	}
	return inspector
}

func allGood(context.Context, image.Image, Parameters) (Finding, error) { return Finding{}, nil }

// AddItem adds an item with images, or replaces the one with the same id, and
// returns it in the form in which the server will return it. Each of images is
// the content of a file. These images come before those in i.Images, which are
// listed unchanged and cannot be fetched. Fields that are not set are filled
// in: the id; the name, which is the id; the status, which is done for training
// data and for items with assessments, and pending otherwise; and ids and times
// of annotations. The item is always active.
func (s *Server) AddItem(i hacarus.Item, images ...[]byte) hacarus.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := i.ItemID
	if id == "" {
		id = freeID("item", len(s.state.order), func(id string) bool { return s.state.items[id] != nil })
	}
	var uploads []upload
	for n, content := range images {
		uploads = append(uploads, newUpload(fmt.Sprintf("%s-%d", id, n+1), content))
	}
	added := newItem(id, uploads...)
	added.Name = cmp.Or(i.Name, id)
	added.IsTrainingData = i.IsTrainingData
	added.Images = append(added.Images, i.Images...)
	for _, a := range i.Assessments {
		a.Annotations, a.Images = s.seeded(a.Annotations, a.Images)
		added.Assessments = append(added.Assessments, a)
	}
	if i.IsTrainingData || len(i.Assessments) > 0 {
		added.Status = hacarus.ItemStatusDone
	}
	added.Status = cmp.Or(i.Status, added.Status)
	if i.UserAssessment != nil {
		user := *i.UserAssessment
		user.Annotations, user.Images = s.seeded(user.Annotations, user.Images)
		added.UserAssessment = &user
		if user.Label != "" {
			added.good = new(user.Label == hacarus.LabelOK)
		}
	}
	s.state.put(added)
	served := added.view(s.URL)
	served.Item.UserAssessment = served.UserAssessment
	return served.Item
}

// seeded copies the lists of an assessment, which are never null where they are served.
func (s *Server) seeded(given []hacarus.Annotation, images []hacarus.ImageMeta) ([]hacarus.Annotation, []hacarus.ImageMeta) {
	annotations := []hacarus.Annotation{}
	for _, a := range given {
		fresh := s.annotation(a)
		a.AnnotationID = cmp.Or(a.AnnotationID, fresh.AnnotationID)
		a.CreatedAt = cmp.Or(a.CreatedAt, fresh.CreatedAt)
		annotations = append(annotations, a)
	}
	return annotations, append([]hacarus.ImageMeta{}, images...)
}
