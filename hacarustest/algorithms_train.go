package hacarustest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

func (s *Server) train(r *request) (response, error) {
	var in hacarus.TrainRequest
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.licensed(); err != nil {
		return response{}, err
	}
	a := s.state.algorithm(r.PathValue("algorithm_id"))
	if a == nil {
		return response{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	items, err := s.state.trainingItems(in.ItemIDs)
	if err != nil {
		return response{}, err
	}
	overrides, err := overridden(a, in.OverrideParams)
	m := newModel(a, in.Name, items)
	m.overrides = overrides
	s.state.addModel(m, s.clock.now())
	created := m.Model // as it is before the training begins
	s.startTraining(m, err)
	return dataResponse(created)
}

// trainingItems are those that were asked for, or else all.
func (st *state) trainingItems(ids []string) ([]*item, error) {
	if len(ids) > 0 {
		items, ok := st.find(ids)
		if !ok || slices.ContainsFunc(items, func(i *item) bool { return !i.IsTrainingData }) {
			return nil, refuse(http.StatusForbidden, noItemAccess)
		}
		return items, nil
	}
	var items []*item
	for _, i := range st.order {
		if i.IsTrainingData {
			items = append(items, i)
		}
	}
	return items, nil
}

func newModel(a *hacarus.Algorithm, name string, items []*item) *model {
	m := &model{Model: hacarus.Model{
		Name:          name,
		AlgorithmID:   a.AlgorithmID,
		AlgorithmType: a.Type,
		Status:        hacarus.ModelStatusCreating,
	}}
	for _, i := range items {
		if i.isGood() {
			m.training = append(m.training, i.uploads...)
			m.OKImgCount += len(i.uploads)
		} else {
			m.NGImgCount += len(i.uploads)
		}
	}
	return m
}

// startTraining lets a model become active, or failed if its parameters are
// malformed or the inspector cannot be trained.
func (s *Server) startTraining(m *model, malformedParameters error) {
	begun := s.clock.now()
	s.background(func(ctx context.Context) {
		var inspector Inspector
		err := malformedParameters
		if err == nil {
			inspector, err = s.trainInspector(ctx, m)
		}
		if s.clock.sleepUntil(ctx, begun.Add(s.trainingTime)) != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finishTraining(m, inspector, err, begun)
	})
}

func (s *Server) trainInspector(ctx context.Context, m *model) (inspector Inspector, err error) {
	stopped := s.compute(ctx, func() {
		if m.seeded {
			inspector = s.seededInspector()
			return
		}
		good, decodeErr := decodeAll(m.training)
		if err = decodeErr; err == nil {
			inspector, err = s.trainerOf(m.AlgorithmID).Train(ctx, good, m.overrides)
		}
	})
	if stopped != nil {
		return nil, stopped
	}
	return inspector, err
}

// documentedTrainers are this package's trainers by the documented names of the
// algorithms, which may go on, as with "(Beta)".
var documentedTrainers = []struct {
	name    string
	trainer Trainer
}{
	{hacarus.AlgorithmPatternMatching, PatternMatching{}},
	{hacarus.AlgorithmReconstructor, Reconstructor{}},
	{hacarus.AlgorithmLocalPattern, LocalPattern{}},
	{hacarus.AlgorithmPatternSample, PatternSample{}},
}

// trainerOf is what trains the models of an algorithm.
func (s *Server) trainerOf(algorithmID string) Trainer {
	if s.trainer != nil {
		return s.trainer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.state.algorithm(algorithmID); a != nil {
		for _, documented := range documentedTrainers {
			if strings.HasPrefix(a.Name, documented.name) {
				return documented.trainer
			}
		}
	}
	return PatternMatching{}
}

func (s *Server) finishTraining(m *model, inspector Inspector, err error, begun time.Time) {
	if s.state.model(m.ModelID) != m { // it was deleted
		return
	}
	s.saving.changed.Store(true)
	now := s.clock.now()
	m.UpdatedAt = timestamp(now)
	m.TrainingTime = new(int(now.Sub(begun).Seconds()))
	if err != nil {
		m.Status, m.StatusText = hacarus.ModelStatusFailed, err.Error()
		return
	}
	m.inspector = inspector
	s.state.activate(m)
}

// overridden reads the parameters of a training. What is wrong with them shows
// in the model's status, not in the response.
func overridden(a *hacarus.Algorithm, params []hacarus.OverrideParam) (Parameters, error) {
	values := Parameters{}
	for _, o := range params {
		n := slices.IndexFunc(a.Parameters, func(p hacarus.AlgorithmParameter) bool {
			return p.AlgorithmParameterID == o.AlgorithmParameterID
		})
		if n < 0 {
			return nil, errMalformed
		}
		p := a.Parameters[n]
		if !(wire.Parameter{DataType: p.DataType, Default: p.Value, Lower: p.RangeLower, Upper: p.RangeUpper}).Accepts(o.Value) {
			return nil, errMalformed
		}
		values[p.Name] = o.Value
	}
	return values, nil
}
