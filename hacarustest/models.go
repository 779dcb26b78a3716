package hacarustest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

func (s *Server) getModels(r *request) (response, error) {
	algorithm := r.URL.Query().Get("algorithm_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	models := []hacarus.Model{}
	for _, m := range s.state.models {
		if algorithm == "" || m.AlgorithmID == algorithm {
			models = append(models, m.Model)
		}
	}
	return dataResponse(models)
}

func (s *Server) getModel(r *request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return response{}, err
	}
	return dataResponse(m.Model)
}

// model is the one in the path, or the active one.
func (s *Server) model(r *request) (*model, error) {
	m := s.state.byPath(r.PathValue("model_id"))
	if m == nil {
		return nil, missing(noModel)
	}
	return m, nil
}

func (st *state) byPath(id string) *model {
	if id == hacarus.ActiveModel {
		return st.active
	}
	return st.model(id)
}

type modelIDs struct {
	ModelIDs []string `json:"model_ids"`
}

func (s *Server) deleteModels(r *request) (response, error) {
	ids := r.URL.Query()["model_ids"]
	if err := someIDs("model_ids", ids); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	models, ok := s.state.findModels(ids)
	if !ok {
		return response{}, missing(noModel)
	}
	s.state.deleteModels(models)
	return dataResponse(modelIDs{ids})
}

// deleteModels forgets models. The youngest of those that are left becomes the
// active one, if that was among them.
func (st *state) deleteModels(models []*model) {
	st.models = slices.DeleteFunc(st.models, func(m *model) bool { return slices.Contains(models, m) })
	if !slices.Contains(models, st.active) {
		return
	}
	st.active = nil
	for _, m := range st.models {
		if m.Active {
			st.active = m
		}
	}
}

func (s *Server) setParameters(r *request) (response, error) {
	var in hacarus.PredictParameters
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	if err := checkPredictParameters(in); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return response{}, err
	}
	p := &m.parameters
	p.Threshold = cmp.Or(in.Threshold, p.Threshold)
	p.IgnoreOuter = cmp.Or(in.IgnoreOuter, p.IgnoreOuter)
	p.MinDetectedArea = cmp.Or(in.MinDetectedArea, p.MinDetectedArea)
	return dataResponse(*p)
}

func checkPredictParameters(p hacarus.PredictParameters) error {
	negative := func(v *float64) bool { return v != nil && *v < 0 }
	margin := wire.Parameter{DataType: "tuple", Lower: "0"}
	switch {
	case negative(p.Threshold):
		return invalid(http.StatusBadRequest, "threshold", "Must be 0 or more.")
	case negative(p.MinDetectedArea):
		return invalid(http.StatusBadRequest, "min_detected_area", "Must be 0 or more.")
	case !margin.Accepts(p.IgnoreOuter):
		return invalid(http.StatusBadRequest, "ignore_outer", "Must be two numbers such as [8, 8].")
	}
	return nil
}

func (s *Server) setCallback(r *request) (response, error) {
	var in hacarus.PredictCallback
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	if in.Method != hacarus.CallbackPost && in.Method != hacarus.CallbackGet {
		return response{}, invalid(http.StatusBadRequest, "callback_method", "Must be post or get.")
	}
	if u, err := url.Parse(in.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return response{}, invalid(http.StatusBadRequest, "callback_url", "Not a valid URL.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return response{}, err
	}
	m.callback = in
	return dataResponse(in)
}
