package hacarustest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// parameter is a row of a documented algorithm's table.
type parameter struct{ name, display, dataType, value, lower, upper string }

// The rows that several algorithms share. The tables write a bound as "inf"
// or "0~height", which the API is not known to send: such bounds are empty.
var (
	ignoreOuter     = parameter{hacarus.ParamIgnoreOuter, "Width from the perimeter to be ignored", "tuple", "[0, 0]", "[0, 0]", ""}
	minDetectedArea = parameter{hacarus.ParamMinDetectedArea, "Minimum detection size", "float", "0", "1", ""} // the default is below the range
	anomalyRange    = parameter{hacarus.ParamAnomalyRange, "Anomaly range", "float", "0", "0", "1"}
)

func threshold(value string) parameter {
	return parameter{hacarus.ParamThreshold, "Threshold of anomaly", "float", value, "0", ""}
}

func inspectionSize(value string) parameter {
	return parameter{hacarus.ParamMinInspectionSize, "Minimum inspection size", "tuple", value, "[0, 0]", ""}
}

func inspectionStep(value string) parameter {
	return parameter{hacarus.ParamMinInspectionStep, "Minimum inspection step size", "int", value, "1", ""}
}

// documentedAlgorithms are those of the documentation's chapter on algorithms
// V0.5.1, with its parameters, defaults and ranges. Ids, file and class names
// are this package's.
func documentedAlgorithms(now time.Time) []hacarus.Algorithm {
	return []hacarus.Algorithm{
		newAlgorithm(now, "PM", hacarus.AlgorithmPatternMatching, 200,
			inspectionSize("[16, 16]"), inspectionStep("4"), threshold("0.1"), ignoreOuter, minDetectedArea, anomalyRange),
		newAlgorithm(now, "RI", hacarus.AlgorithmReconstructor, 220,
			parameter{hacarus.ParamTrainSize, "Train size", "int", "10000", "1", ""},
			inspectionSize("[8, 8]"), inspectionStep("4"),
			parameter{hacarus.ParamNComponents, "Number of components", "int", "10", "1", ""},
			parameter{hacarus.ParamMaxIter, "Iterations", "int", "10", "1", ""},
			parameter{hacarus.ParamReconstructThresh, "Threshold of reconstruction error", "float", "2", "0", ""},
			threshold("0.1"), ignoreOuter, minDetectedArea),
		newAlgorithm(now, "LPI", hacarus.AlgorithmLocalPattern, 240,
			inspectionSize("[32, 32]"), inspectionStep("16"), threshold("0.001"), ignoreOuter, minDetectedArea),
		newAlgorithm(now, "PSI", hacarus.AlgorithmPatternSample+" (Beta)", 260,
			parameter{hacarus.ParamModelType, "Model type", "int", "0", "0", "1"},
			parameter{hacarus.ParamNumFeatures, "Number of features", "int", "100", "1", ""},
			threshold("0.1"), ignoreOuter, minDetectedArea, anomalyRange),
	}
}

func newAlgorithm(now time.Time, id, name string, firstID int, rows ...parameter) hacarus.Algorithm {
	a := hacarus.Algorithm{AlgorithmID: id, Name: name, Version: "0.5.1", Parameters: []hacarus.AlgorithmParameter{}}
	for n, row := range rows {
		a.Parameters = append(a.Parameters, hacarus.AlgorithmParameter{
			AlgorithmParameterID: firstID + n,
			Name:                 row.name,
			DisplayName:          row.display,
			DataType:             row.dataType,
			Value:                row.value,
			RangeLower:           row.lower,
			RangeUpper:           row.upper,
			ModelParameter:       new(true),
		})
	}
	return completeAlgorithm(a, now)
}

// completeAlgorithm fills what the documentation requires and a user may leave out.
func completeAlgorithm(a hacarus.Algorithm, now time.Time) hacarus.Algorithm {
	a.Name = cmp.Or(a.Name, a.AlgorithmID)
	a.Type = cmp.Or(a.Type, "unsupervised")
	file := strings.ToLower(strings.ReplaceAll(a.AlgorithmID, " ", "_"))
	a.FileName = cmp.Or(a.FileName, file+".py")
	a.ClassName = cmp.Or(a.ClassName, a.AlgorithmID)
	a.CreatedAt = cmp.Or(a.CreatedAt, timestamp(now))
	a.UpdatedAt = cmp.Or(a.UpdatedAt, a.CreatedAt)
	a.Parameters = append([]hacarus.AlgorithmParameter{}, a.Parameters...)
	for n := range a.Parameters {
		p := &a.Parameters[n]
		p.AlgorithmID = a.AlgorithmID
		p.CreatedAt = cmp.Or(p.CreatedAt, a.CreatedAt)
		p.UpdatedAt = cmp.Or(p.UpdatedAt, a.UpdatedAt)
	}
	return a
}

func (s *Server) getAlgorithms(*request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.state.algorithms) == 0 {
		return answer{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	return data(s.state.algorithms)
}

func (s *Server) getAlgorithm(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.algorithm(r.PathValue("algorithm_id"))
	if a == nil {
		return answer{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	return data(a)
}

func (s *Server) train(r *request) (answer, error) {
	var in hacarus.TrainRequest
	if err := s.decode(r, &in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.licensed(); err != nil {
		return answer{}, err
	}
	a := s.state.algorithm(r.PathValue("algorithm_id"))
	if a == nil {
		return answer{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	items, err := s.state.trainingItems(in.ItemIDs)
	if err != nil {
		return answer{}, err
	}
	overrides, err := overridden(a, in.OverrideParams)
	m := newModel(a, in.Name, items)
	m.overrides = overrides
	s.state.addModel(m, s.clock.now())
	answered := m.Model // as it is before the training begins
	s.startTraining(m, err)
	return data(answered)
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
			inspector, err = s.trainer.Train(ctx, good, m.overrides)
		}
	})
	if stopped != nil {
		return nil, stopped
	}
	return inspector, err
}

func (s *Server) finishTraining(m *model, inspector Inspector, err error, begun time.Time) {
	if s.state.model(m.ModelID) != m { // it was deleted
		return
	}
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
// in the model's status, not in the answer (wire-facts.md 20).
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
