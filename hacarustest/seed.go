package hacarustest

import (
	"cmp"
	"fmt"
	"image"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// AddTarget adds an inspection target and returns it as it is served. A zero
// TargetID becomes the next free one.
func (s *Server) AddTarget(t hacarus.InspectionTarget) hacarus.InspectionTarget {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.state.targets {
		if t.TargetID == 0 || other.TargetID == t.TargetID {
			t.TargetID = max(t.TargetID, other.TargetID) + 1
		}
	}
	t.Preprocessing = append([]hacarus.Preprocessing{}, t.Preprocessing...)
	s.state.targets = append(s.state.targets, t)
	return t
}

// AddAlgorithm adds an algorithm, in place of one of the same id, and returns
// it as it is served. What the documentation requires and a leaves out is
// filled in.
func (s *Server) AddAlgorithm(a hacarus.Algorithm) hacarus.Algorithm {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.AlgorithmID = cmp.Or(a.AlgorithmID, fmt.Sprint("algorithm-", len(s.state.algorithms)+1))
	a = completeAlgorithm(a, s.clock.now())
	if old := s.state.algorithm(a.AlgorithmID); old != nil {
		*old = a
	} else {
		s.state.algorithms = append(s.state.algorithms, a)
	}
	return a
}

// AddModel adds a model, in place of one of the same id, and returns it as it
// is served. Zero fields are filled in, the status with active. The model was trained with no images: if the
// server's inspector cannot do that, it calls everything OK with score 0.
func (s *Server) AddModel(m hacarus.Model) hacarus.Model {
	judge, err := s.inspector.Train(nil, Parameters{})
	if err != nil {
		judge = allGood{}
	}
	added := &model{Model: m, judge: judge}
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

// allGood is the judge of models that were trained with nothing.
type allGood struct{}

func (allGood) Inspect(image.Image, Parameters) (Finding, error) { return Finding{}, nil }

// AddItem adds an item with some images, in place of one of the same id, and
// returns it as it is served. Zero fields are filled in; an item that has
// assessments, or is training data, is done unless its status says otherwise.
func (s *Server) AddItem(i hacarus.Item, images ...[]byte) hacarus.Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := cmp.Or(i.ItemID, fmt.Sprint("item-", len(s.state.order)+1))
	var uploads []upload
	for n, content := range images {
		uploads = append(uploads, newUpload(fmt.Sprintf("%s-%d", id, n+1), content))
	}
	added := s.newItem(id, uploads...)
	added.Name = cmp.Or(i.Name, id)
	added.IsTrainingData = i.IsTrainingData
	added.Images = append(added.Images, i.Images...)
	added.Assessments = append(added.Assessments, i.Assessments...)
	if i.IsTrainingData || len(i.Assessments) > 0 {
		added.Status = hacarus.ItemStatusDone
	}
	added.Status = cmp.Or(i.Status, added.Status)
	if i.UserAssessment != nil {
		added.UserAssessment = i.UserAssessment
		added.good = new(i.UserAssessment.Label == hacarus.LabelOK)
	}
	s.state.put(added)
	return added.view().Item
}
