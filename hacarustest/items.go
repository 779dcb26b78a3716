package hacarustest

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // the documented types of images are JPEG,
	_ "image/png"  // PNG
	"net/http"
	"strconv"
	"strings"

	_ "golang.org/x/image/tiff" // and TIFF

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/wire"
)

const itemsPerPage = 20 // when a request does not say

func (s *Server) getItems(r *request) (response, error) {
	query := r.URL.Query()
	kind := hacarus.ItemType(query.Get("item_type"))
	if kind != hacarus.ItemTypePrediction && kind != hacarus.ItemTypeTraining {
		return response{}, invalid(http.StatusUnprocessableEntity, "item_type", "Must be prediction or training.")
	}
	count, err := positive(query.Get("count"), itemsPerPage)
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "count", "Not a valid integer.")
	}
	page, err := positive(query.Get("page"), 1)
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "page", "Not a valid integer.")
	}
	return dataResponse(s.page(s.baseURL(r.Request), kind, query.Get("model_id"), count, page))
}

func positive(text string, fallback int) (int, error) {
	if text == "" {
		return fallback, nil
	}
	v, err := strconv.Atoi(text)
	if err == nil && v < 1 {
		err = strconv.ErrRange
	}
	return v, err
}

// itemsPage is a page of items on the wire.
type itemsPage struct {
	Items        []itemView `json:"items"`
	CurrentPage  int        `json:"current_page"`
	EndPage      int        `json:"end_page"`
	CountPerPage int        `json:"count_per_page"`
}

func (s *Server) page(base string, kind hacarus.ItemType, modelID string, count, page int) itemsPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := itemsPage{Items: []itemView{}, CurrentPage: page, CountPerPage: count}
	found := 0
	for _, i := range s.state.order {
		if i.IsTrainingData != (kind == hacarus.ItemTypeTraining) || i.Assessment(modelID) == nil && modelID != "" {
			continue
		}
		if found/count == page-1 {
			v := i.view(base)
			v.ofModel(modelID)
			p.Items = append(p.Items, v)
		}
		found++
	}
	p.EndPage = max(1, (found+count-1)/count)
	return p
}

// addItems makes an item of each file, of all or of none.
func (s *Server) addItems(r *request) (response, error) {
	form, err := s.readForm(r)
	if err != nil {
		return response{}, err
	}
	training, err := strconv.ParseBool(form.fields["training"])
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "training", "Not a valid boolean.")
	}
	good, err := optionalBool(form.fields["good"])
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "good", "Not a valid boolean.")
	}
	files := form.named("files")
	if err := checkUploads(files); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.licensed(); err != nil {
		return response{}, err
	}
	ids := itemIDs{}
	for _, f := range files {
		i := newItem(wire.ItemID(f.name), f)
		i.IsTrainingData, i.good = training, good
		i.UserAssessment = labelled(training, good)
		if training {
			i.Status = hacarus.ItemStatusDone // docs/wire-facts.md, fact 21
		}
		s.state.put(i)
		ids.ItemIDs = append(ids.ItemIDs, i.ItemID)
	}
	return jsonResponse(http.StatusCreated, envelope{ids}), nil
}

func optionalBool(text string) (*bool, error) {
	if text == "" {
		return nil, nil
	}
	v, err := strconv.ParseBool(text)
	return &v, err
}

// labelled is the label that the uploader gave to an item.
func labelled(training bool, good *bool) *hacarus.UserAssessment {
	if !training || good == nil {
		return nil
	}
	label := hacarus.LabelNG
	if *good {
		label = hacarus.LabelOK
	}
	return &hacarus.UserAssessment{
		Label:       label,
		Result:      "Upload specific status",
		Annotations: []hacarus.Annotation{},
		Images:      []hacarus.ImageMeta{},
	}
}

// checkUploads refuses what the real service is known to refuse: names with
// spaces or more than one dot (docs/wire-facts.md, fact 29), and files that are
// no image of a documented type. A file that would be the item of one before it
// is refused too: one of the two would be lost.
func checkUploads(files []upload) error {
	if len(files) == 0 {
		return refuse(http.StatusBadRequest, noUpload)
	}
	var bad []string
	taken := map[string]bool{"": true}
	for _, f := range files {
		id := wire.ItemID(f.name)
		if strings.Contains(f.name, " ") || strings.Contains(id, ".") || taken[id] || !isImage(f) {
			bad = append(bad, f.name)
		}
		taken[id] = true
	}
	if len(bad) == 0 {
		return nil
	}
	p := refuse(http.StatusBadRequest, invalidRequest)
	p.details = strings.Join(bad, "\n")
	p.fields = []hacarus.KeyValueError{{Key: "files", Errors: bad}}
	return p
}

func isImage(u upload) bool {
	_, _, err := image.DecodeConfig(bytes.NewReader(u.content))
	return err == nil
}

// newItem makes an item that waits for its first prediction.
func newItem(id string, uploads ...upload) *item {
	i := &item{Item: hacarus.Item{
		ItemID:      id,
		Name:        id,
		Status:      hacarus.ItemStatusPending,
		Active:      true,
		Images:      []hacarus.ImageMeta{},
		Assessments: []hacarus.Assessment{},
	}}
	for _, u := range uploads {
		u.key = hash([]byte(id), []byte(u.name), u.content)
		i.uploads = append(i.uploads, u)
		i.Images = append(i.Images, imageMeta(u))
	}
	return i
}

func imageMeta(u upload) hacarus.ImageMeta {
	meta := hacarus.ImageMeta{Name: u.name, FileSize: int64(len(u.content))}
	if c, _, err := image.DecodeConfig(bytes.NewReader(u.content)); err == nil {
		meta.Width, meta.Height = c.Width, c.Height
	}
	return meta
}

// mostPixels is how large an image is inspected at most: 32 megapixels. A file of a
// few kilobytes can claim to have so many that no memory holds them.
const mostPixels = 1 << 25

// decodeImage refuses a file by what its header says before it makes room for it.
func decodeImage(u upload) (image.Image, error) {
	if c, _, err := image.DecodeConfig(bytes.NewReader(u.content)); err == nil && c.Width > mostPixels/max(c.Height, 1) {
		return nil, fmt.Errorf("%s: %d by %d pixels are too many", u.name, c.Width, c.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(u.content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.name, err)
	}
	return img, nil
}

func decodeAll(uploads []upload) ([]image.Image, error) {
	images := make([]image.Image, len(uploads))
	for n, u := range uploads {
		var err error
		if images[n], err = decodeImage(u); err != nil {
			return nil, err
		}
	}
	return images, nil
}

func (s *Server) deleteItems(r *request) (response, error) {
	var in itemIDs
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	if err := someIDs("item_ids", in.ItemIDs); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.state.find(in.ItemIDs); !ok {
		return response{}, refuse(http.StatusNotFound, noItems)
	}
	ids := map[string]bool{}
	for _, id := range in.ItemIDs {
		ids[id] = true
	}
	s.state.remove(ids)
	return acceptedResponse()
}

func (s *Server) getItem(r *request) (response, error) {
	query := r.URL.Query()
	assessments, err := optionalBool(query.Get("show_assessments"))
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "show_assessments", "Not a valid boolean.")
	}
	annotations, err := optionalBool(query.Get("show_annotations"))
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "show_annotations", "Not a valid boolean.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.state.items[r.PathValue("item_id")]
	if i == nil {
		return response{}, refuse(http.StatusNotFound, noItem)
	}
	v := i.view(s.baseURL(r.Request))
	v.ofModel(query.Get("model_id"))
	if assessments != nil && !*assessments {
		v.Assessments = []hacarus.Assessment{}
	}
	if annotations != nil && !*annotations {
		v.withoutAnnotations()
	}
	return dataResponse(v)
}

type annotations struct {
	Annotations []hacarus.RequestAnnotation `json:"annotations"`
}

func (s *Server) annotate(r *request) (response, error) {
	var in annotations
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.state.items[r.PathValue("item_id")]
	if i == nil {
		return response{}, refuse(http.StatusNotFound, noItem)
	}
	if i.UserAssessment == nil {
		i.UserAssessment = &hacarus.UserAssessment{Annotations: []hacarus.Annotation{}, Images: []hacarus.ImageMeta{}}
	}
	for _, a := range in.Annotations {
		i.UserAssessment.Annotations = append(i.UserAssessment.Annotations, s.annotation(hacarus.Annotation{
			XMin:  edge(a.XMin),
			XMax:  edge(a.XMax),
			YMin:  edge(a.YMin),
			YMax:  edge(a.YMax),
			Label: a.Label,
			Notes: a.Notes,
		}))
	}
	return acceptedResponse()
}

func edge(v *int) *float64 {
	if v == nil {
		return nil
	}
	return new(float64(*v))
}

// getImage serves an uploaded image.
func (s *Server) getImage(r *request) (response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.state.images[r.PathValue("key")]
	if !ok {
		return response{}, refuse(http.StatusNotFound, noImage)
	}
	return response{status: http.StatusOK, header: http.Header{"Content-Type": {u.contentType}}, body: u.content}, nil
}
