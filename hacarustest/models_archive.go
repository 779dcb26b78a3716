package hacarustest

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// exported is a model in an archive, with what it takes to train it again. Its
// images are files of the archive beside it.
type exported struct {
	Model      hacarus.Model             `json:"model"`
	Seeded     bool                      `json:"seeded"`
	Overrides  Parameters                `json:"overrides"`
	Parameters hacarus.PredictParameters `json:"predict_parameters"`
	Images     []exportedImage           `json:"images"`
}

type exportedImage struct {
	Name string `json:"name"`
	File string `json:"file"`
}

const manifest = "models.json"

func (s *Server) exportModels(r *request) (response, error) {
	var in modelIDs
	if err := s.decode(r, &in); err != nil {
		return response{}, err
	}
	if err := someIDs("model_ids", in.ModelIDs); err != nil {
		return response{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	models, ok := s.state.findModels(in.ModelIDs)
	if !ok {
		return response{}, missing(noModel)
	}
	content, err := pack(models)
	if err != nil {
		return response{}, err
	}
	return downloadResponse("application/zip", "models.zip", content)
}

func pack(models []*model) ([]byte, error) {
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	list := make([]exported, len(models))
	for n, m := range models {
		list[n] = exported{Model: m.Model, Seeded: m.seeded, Overrides: m.overrides, Parameters: m.parameters}
		for k, u := range m.training {
			file := fmt.Sprintf("%d/%d", n, k)
			list[n].Images = append(list[n].Images, exportedImage{u.name, file})
			if err := packFile(archive, file, u.content); err != nil {
				return nil, err
			}
		}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	if err := packFile(archive, manifest, raw); err != nil {
		return nil, err
	}
	err = archive.Close()
	return content.Bytes(), err
}

func packFile(archive *zip.Writer, name string, content []byte) error {
	w, err := archive.Create(name)
	if err == nil {
		_, err = w.Write(content)
	}
	return err
}

// importModels makes new models of an archive and trains them again.
func (s *Server) importModels(r *request) (response, error) {
	form, err := s.readForm(r)
	if err != nil {
		return response{}, err
	}
	content := form.content("models")
	list, err := unpack(content, maxUnpacked(len(content)))
	if err != nil {
		return response{}, invalid(http.StatusUnprocessableEntity, "models", "Not an archive of exported models.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	models := []hacarus.Model{}
	for _, m := range list {
		m.ModelID, m.Status, m.Active = "", hacarus.ModelStatusCreating, false
		s.state.addModel(m, s.clock.now())
		models = append(models, m.Model)
		s.startTraining(m, nil)
	}
	return dataResponse(models)
}

func unpack(content []byte, most int) ([]*model, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	files := unpacker{archive, most}
	raw, err := files.read(manifest)
	if err != nil {
		return nil, err
	}
	var list []exported
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	models := make([]*model, len(list))
	for n, e := range list {
		models[n] = &model{Model: e.Model, seeded: e.Seeded, overrides: e.Overrides, parameters: e.Parameters}
		for _, i := range e.Images {
			raw, err := files.read(i.File)
			if err != nil {
				return nil, err
			}
			models[n].training = append(models[n].training, newUpload(i.Name, raw))
		}
	}
	return models, nil
}

// maxUnpacked is what an archive of some bytes may unpack to. Images and their
// list are far below; more is a bomb.
func maxUnpacked(packed int) int { return min(1<<20+200*packed, 1<<30) }

// unpacker reads files of an archive, which may name one again and again.
type unpacker struct {
	archive *zip.Reader
	left    int // how much may still be read
}

func (u *unpacker) read(name string) ([]byte, error) {
	f, err := u.archive.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(u.left)+1))
	if u.left -= len(raw); err == nil && u.left < 0 {
		err = errors.New("the archive is too large")
	}
	return raw, err
}
