package hacarus

// The service of a line that inspects, to be had behind a fakeService.

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// fakeLine is the service of a line that inspects, which keeps no image: it knows
// the items' ids, and when they will be assessed. Its calls take time.
type fakeLine struct {
	upload, predict, look time.Duration            // what a call takes
	prediction            time.Duration            // what an item takes
	id                    func(name string) string // nil: as documented
	before                func(operation string, w http.ResponseWriter) bool

	mu       sync.Mutex
	ready    map[string]time.Time // zero: not predicted
	uploaded int
}

func (s *fakeLine) serve(w http.ResponseWriter, r *http.Request) {
	operation := r.Method + " " + path.Base(r.URL.Path)
	if s.before != nil && s.before(operation, w) {
		_, _ = io.Copy(io.Discard, r.Body)
		return
	}
	switch operation {
	case "POST items":
		s.add(w, r)
	case "POST predict":
		s.start(w, r)
	default:
		s.show(w, path.Base(r.URL.Path))
	}
}

func (s *fakeLine) add(w http.ResponseWriter, r *http.Request) {
	parts, err := r.MultipartReader()
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var ids []string
	for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
		_, _ = io.Copy(io.Discard, part)
		if name := part.FileName(); name != "" {
			id := wire.ItemID(name)
			if s.id != nil {
				id = s.id(name)
			}
			ids = append(ids, id)
		}
	}
	time.Sleep(s.upload)
	s.mu.Lock()
	for _, id := range ids {
		s.ready[id] = time.Time{}
	}
	s.uploaded += len(ids)
	s.mu.Unlock()
	respondData(w, map[string]any{"item_ids": ids})
}

func (s *fakeLine) start(w http.ResponseWriter, r *http.Request) {
	var in itemIDs
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	time.Sleep(s.predict)
	s.mu.Lock()
	for _, id := range in.ItemIDs {
		s.ready[id] = time.Now().Add(s.prediction)
	}
	s.mu.Unlock()
	respondData(w, map[string]any{"model_version": "1", "item_ids": in.ItemIDs})
}

func (s *fakeLine) show(w http.ResponseWriter, id string) {
	time.Sleep(s.look)
	s.mu.Lock()
	ready, known := s.ready[id]
	s.mu.Unlock()
	item := map[string]any{"item_id": id, "status": "pending", "assessments": []any{}}
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
		return
	case !ready.IsZero() && !time.Now().Before(ready):
		item["status"] = "done"
		item["assessments"] = []any{map[string]any{"model_id": "m", "label": "OK"}}
	}
	respondData(w, item)
}

func respondData(w http.ResponseWriter, data any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}
