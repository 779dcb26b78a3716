package hacarustest

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

func (s *Server) getModels(r *request) (answer, error) {
	algorithm := r.URL.Query().Get("algorithm_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	models := []hacarus.Model{}
	for _, m := range s.state.models {
		if algorithm == "" || m.AlgorithmID == algorithm {
			models = append(models, m.Model)
		}
	}
	return data(models)
}

func (s *Server) getModel(r *request) (answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return answer{}, err
	}
	return data(m.Model)
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

func (s *Server) deleteModels(r *request) (answer, error) {
	ids := r.URL.Query()["model_ids"]
	if err := someIDs("model_ids", ids); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	models, ok := s.state.findModels(ids)
	if !ok {
		return answer{}, missing(noModel)
	}
	s.state.deleteModels(models)
	return data(modelIDs{ids})
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

func (s *Server) setParameters(r *request) (answer, error) {
	var in hacarus.PredictParameters
	if err := s.decode(r, &in); err != nil {
		return answer{}, err
	}
	if err := checkPredictParameters(in); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return answer{}, err
	}
	p := &m.parameters
	p.Threshold = cmp.Or(in.Threshold, p.Threshold)
	p.IgnoreOuter = cmp.Or(in.IgnoreOuter, p.IgnoreOuter)
	p.MinDetectedArea = cmp.Or(in.MinDetectedArea, p.MinDetectedArea)
	return data(*p)
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

func (s *Server) setCallback(r *request) (answer, error) {
	var in hacarus.PredictCallback
	if err := s.decode(r, &in); err != nil {
		return answer{}, err
	}
	if in.Method != hacarus.CallbackPost && in.Method != hacarus.CallbackGet {
		return answer{}, invalid(http.StatusBadRequest, "callback_method", "Must be post or get.")
	}
	if u, err := url.Parse(in.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return answer{}, invalid(http.StatusBadRequest, "callback_url", "Not a valid URL.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.model(r)
	if err != nil {
		return answer{}, err
	}
	m.callback = in
	return data(in)
}

type itemIDs struct {
	ItemIDs []string `json:"item_ids"`
}

func (s *Server) predict(r *request) (answer, error) {
	var in itemIDs
	if err := s.decode(r, &in); err != nil {
		return answer{}, err
	}
	if err := someIDs("item_ids", in.ItemIDs); err != nil {
		return answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.licensed(); err != nil {
		return answer{}, err
	}
	m := s.state.byPath(r.PathValue("model_id"))
	if m == nil || m.Status != hacarus.ModelStatusActive {
		return answer{}, refuse(http.StatusBadRequest, noActiveModel)
	}
	items, ok := s.state.find(in.ItemIDs)
	if !ok {
		return answer{}, refuse(http.StatusNotFound, noItems)
	}
	s.startPrediction(m, items)
	return data(hacarus.PredictItemsResponse{ModelVersion: m.Version, ItemIDs: in.ItemIDs})
}

// startPrediction inspects items in the background, and calls back when that
// went well.
func (s *Server) startPrediction(m *model, items []*item) {
	for _, i := range items {
		i.waiting++
		i.Status = hacarus.ItemStatusPending
	}
	p, callback := m.predictParameters(), m.callback
	end := s.clock.now().Add(s.predictionTime) // before the call is answered, so that who knows of it can move the clock past it
	s.background(func(ctx context.Context) {
		if s.clock.sleepUntil(ctx, end) != nil {
			return
		}
		finished := s.clock.now()
		var predicted []itemView
		for _, i := range items {
			finding, err := s.inspect(ctx, m.inspector, i.uploads, p)
			if ctx.Err() != nil {
				return
			}
			view := s.finishPrediction(m, i, finding, err)
			if err == nil {
				predicted = append(predicted, view)
			}
		}
		if callback.URL != "" && len(predicted) > 0 {
			s.callBack(ctx, callback, predicted, finished)
		}
	})
}

// inspect looks at all images of an item: one bad one makes the item bad.
func (s *Server) inspect(ctx context.Context, inspector Inspector, uploads []upload, p Parameters) (all Finding, err error) {
	stopped := s.compute(ctx, func() {
		for _, u := range uploads {
			var one Finding
			if one, err = inspectUpload(ctx, inspector, u, p); err != nil {
				return
			}
			all.NG = all.NG || one.NG
			all.Score = max(all.Score, one.Score)
			all.Defects = append(all.Defects, one.Defects...)
		}
	})
	if stopped != nil {
		return Finding{}, stopped
	}
	return all, err
}

func inspectUpload(ctx context.Context, inspector Inspector, u upload, p Parameters) (Finding, error) {
	img, err := decodeImage(u)
	if err != nil {
		return Finding{}, err
	}
	return inspector.Inspect(ctx, img, p)
}

// finishPrediction records a finding. An item whose inspection failed is done
// all the same, without an assessment (wire-facts.md 21).
func (s *Server) finishPrediction(m *model, i *item, f Finding, err error) itemView {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.waiting--; i.waiting == 0 {
		i.Status = hacarus.ItemStatusDone
	}
	if err == nil {
		i.Assessments = append(i.Assessments, s.assessment(m, f))
	}
	return i.view()
}

func (s *Server) assessment(m *model, f Finding) hacarus.Assessment {
	a := hacarus.Assessment{
		ModelID:         m.ModelID,
		Label:           hacarus.LabelOK,
		Result:          "good",
		AnomalyScore:    strconv.FormatFloat(f.Score, 'f', 4, 64),
		DetectedObjects: new(len(f.Defects)),
		Annotations:     []hacarus.Annotation{},
		Images:          []hacarus.ImageMeta{},
	}
	if f.NG {
		a.Label, a.Result = hacarus.LabelNG, "["+m.AlgorithmID+"] Defected product" // the form that old fixtures show
	}
	for _, d := range f.Defects {
		a.Annotations = append(a.Annotations, s.annotation(hacarus.Annotation{
			XMin:       new(float64(d.Box.Min.X)),
			XMax:       new(float64(d.Box.Max.X)),
			YMin:       new(float64(d.Box.Min.Y)),
			YMax:       new(float64(d.Box.Max.Y)),
			DefectSize: new(d.Area),
		}))
	}
	return a
}

// annotation gives an annotation its id and time.
func (s *Server) annotation(a hacarus.Annotation) hacarus.Annotation {
	s.state.annotations++
	a.AnnotationID = s.state.annotations
	a.CreatedAt = timestamp(s.clock.now())
	return a
}
