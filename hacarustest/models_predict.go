package hacarustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

type itemIDs struct {
	ItemIDs []string `json:"item_ids"`
}

func (s *Server) predict(r *request) (response, error) {
	var in itemIDs
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	if err := someIDs("item_ids", in.ItemIDs); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.licensed(); err != nil {
		return response{}, err
	}
	m := s.state.byPath(r.PathValue("model_id"))
	if m == nil || m.Status != hacarus.ModelStatusActive {
		return response{}, refuse(http.StatusBadRequest, noActiveModel)
	}
	items, ok := s.state.find(in.ItemIDs)
	if !ok {
		return response{}, refuse(http.StatusNotFound, noItems)
	}
	s.startPrediction(m, items, s.baseURL(r.Request))
	return dataResponse(hacarus.PredictItemsResponse{ModelVersion: m.Version, ItemIDs: in.ItemIDs})
}

// startPrediction inspects items in the background, and calls back with those
// for which that went well; their images are found at the base URL.
func (s *Server) startPrediction(m *model, items []*item, base string) {
	for _, i := range items {
		i.waiting++
		i.Status = hacarus.ItemStatusPending
	}
	p, callback := m.predictParameters(), m.callback
	end := s.clock.now().Add(s.predictionTime) // before the response, so that whoever has that can move the clock past it
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
			view := s.finishPrediction(m, i, finding, err, base)
			if err == nil {
				predicted = append(predicted, view)
			}
		}
		if callback.URL != "" && len(predicted) > 0 {
			s.callBack(ctx, callback, predicted, finished)
		}
	})
}

// itemFinding is what an inspector says of all images of an item.
type itemFinding struct {
	Finding
	heatMaps []upload
}

// inspect looks at all images of an item: one bad one makes the item bad.
func (s *Server) inspect(ctx context.Context, inspector Inspector, uploads []upload, p Parameters) (all itemFinding, err error) {
	stopped := s.compute(ctx, func() {
		for _, u := range uploads {
			var one Finding
			if one, err = inspectUpload(ctx, inspector, u, p); err != nil {
				return
			}
			all.NG = all.NG || one.NG
			all.Score = max(all.Score, one.Score)
			all.Defects = append(all.Defects, one.Defects...)
			if one.HeatMap != nil {
				all.heatMaps = append(all.heatMaps, heatMapUpload(u, one.HeatMap))
			}
		}
	})
	if stopped != nil {
		return itemFinding{}, stopped
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

// heatMapUpload is a heat map as a file, which stands beside that of the image.
func heatMapUpload(of upload, heatMap image.Image) upload {
	var file bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, heatMap) // fails only where writing does
	u := newUpload("heat-"+wire.ItemID(of.name)+".png", file.Bytes())
	u.key = hash([]byte(of.key), []byte(u.name), file.Bytes())
	return u
}

// finishPrediction records a finding. An item whose inspection failed is done all
// the same, with an assessment that says why in place of OK or NG, or with none.
func (s *Server) finishPrediction(m *model, i *item, f itemFinding, err error, base string) itemView {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saving.changed.Store(true)
	if i.waiting--; i.waiting == 0 {
		i.Status = hacarus.ItemStatusDone
	}
	switch {
	case err == nil:
		a := s.assessment(m, f.Finding)
		a.Images = s.state.putHeatMaps(i, f.heatMaps)
		i.Assessments = append(i.Assessments, a)
	case !errors.Is(err, hacarus.ErrNoAssessment):
		i.Assessments = append(i.Assessments, failedAssessment(m, err))
	}
	return i.view(base)
}

// failedAssessment is neither OK nor NG. The documentation knows no error of a
// prediction: whoever waits would else wait for an assessment that never comes.
func failedAssessment(m *model, err error) hacarus.Assessment {
	return hacarus.Assessment{
		ModelID:     m.ModelID,
		Label:       hacarus.Label(hacarus.VerdictUnknown),
		Result:      fmt.Sprintf("[%s] Not inspected: %v", m.AlgorithmID, err),
		Annotations: []hacarus.Annotation{},
		Images:      []hacarus.ImageMeta{},
	}
}

func (s *Server) assessment(m *model, f Finding) hacarus.Assessment {
	a := hacarus.Assessment{
		ModelID:         m.ModelID,
		Label:           hacarus.LabelOK,
		Result:          "good",
		AnomalyScore:    strconv.FormatFloat(f.Score, 'f', 6, 64),
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
