package hacarustest

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
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

func (s *Server) getAlgorithms(*request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.state.algorithms) == 0 {
		return response{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	return dataResponse(s.state.algorithms)
}

func (s *Server) getAlgorithm(r *request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.algorithm(r.PathValue("algorithm_id"))
	if a == nil {
		return response{}, refuse(http.StatusNotFound, noAlgorithms)
	}
	return dataResponse(a)
}
