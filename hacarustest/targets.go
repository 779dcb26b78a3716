package hacarustest

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func (s *Server) getTargets(*request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return dataResponse(s.state.targets)
}

func (s *Server) getTarget(r *request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target, err := s.targetOf(r)
	if err != nil {
		return response{}, err
	}
	return dataResponse(target)
}

func (s *Server) setTarget(r *request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target, err := s.targetOf(r)
	if err != nil {
		return response{}, err
	}
	s.state.defaultTarget = target.TargetID
	return dataResponse(target)
}

// targetOf is the target whose id the request's path has. The service calls what
// is not there a missing context.
func (s *Server) targetOf(r *request) (hacarus.InspectionTarget, error) {
	id, err := strconv.Atoi(r.PathValue("target_id"))
	target := s.state.target(id)
	if err != nil || target == nil {
		return hacarus.InspectionTarget{}, missing(noContext)
	}
	return *target, nil
}

// getResults makes one line of each assessment of the models, of all of them
// where none is named.
func (s *Server) getResults(r *request) (response, error) {
	ids := r.URL.Query()["model_ids"]
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.state.findModels(ids); !ok {
		return response{}, missing(noModel)
	}
	var content bytes.Buffer
	w := csv.NewWriter(&content)
	_ = w.Write([]string{"item_id", "name", "model_id", "label", "result", "anomaly_score", "detected_objects"})
	for _, i := range s.state.order {
		for _, a := range i.Assessments {
			if len(ids) == 0 || slices.Contains(ids, a.ModelID) {
				_ = w.Write([]string{i.ItemID, i.Name, a.ModelID, string(a.Label), a.Result, a.AnomalyScore, optional(a.DetectedObjects)})
			}
		}
	}
	w.Flush() // a buffer takes all
	return downloadResponse("application/octet-stream", "results.csv", content.Bytes())
}

// optional is a number as text, "" where there is none.
func optional(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}
