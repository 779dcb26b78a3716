package review

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

func (s *server) getTexts(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, texts(languageOf(r)))
}

// getImages lists images, if there is more than the page knows.
func (s *server) getImages(w http.ResponseWriter, r *http.Request) {
	version, err := s.book.refresh()
	query := r.URL.Query()
	switch {
	case err != nil:
		fail(w, r, http.StatusInternalServerError, err)
		return
	case query.Get("version") == strconv.Itoa(version):
		w.WriteHeader(http.StatusNoContent)
		return
	}
	since, _ := time.Parse(time.RFC3339, query.Get("since")) // zero for a page that has just opened
	reply(w, http.StatusOK, s.book.list(languageOf(r), query.Get("day"), query.Get("show"), since))
}

// postJudge writes a judgement, and sends its boxes after that.
func (s *server) postJudge(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID      string          `json:"id"`
		By      string          `json:"by"`
		Verdict hacarus.Verdict `json:"verdict"`
		Boxes   [][4]int        `json:"boxes"`
		Note    string          `json:"note"`
		Seen    int             `json:"seen"`
	}
	if !read(w, r, &in) {
		return
	}
	v, err := s.book.change(languageOf(r), in.ID, func(image *judge.Image) error {
		return s.book.judge.Add(image, judge.Judgement{ID: in.ID, By: in.By, Verdict: in.Verdict, Boxes: in.Boxes, Note: in.Note, Seen: in.Seen})
	})
	if err == nil && v.Sending.Unsent > 0 && s.book.judge.CanSend() {
		v.Sending.Busy = true
		s.send(in.ID, false)
	}
	answer(w, r, v, err)
}

func (s *server) postUndo(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID   string `json:"id"`
		By   string `json:"by"`
		Seen int    `json:"seen"`
	}
	if !read(w, r, &in) {
		return
	}
	v, err := s.book.change(languageOf(r), in.ID, func(image *judge.Image) error { return s.book.judge.Undo(image, in.By, in.Seen) })
	answer(w, r, v, err)
}

// postSend sends boxes that the service does not have, or with again those that it
// may have.
func (s *server) postSend(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID    string `json:"id"`
		Again bool   `json:"again"`
	}
	if !read(w, r, &in) {
		return
	}
	v, err := s.book.change(languageOf(r), in.ID, func(image *judge.Image) error {
		if image.ID() == "" {
			return language.Errorf("the record has no such image")
		}
		if !s.book.judge.CanSend() {
			return judge.ErrNoConnection
		}
		return nil
	})
	if err == nil {
		v.Sending.Busy = true
		s.send(in.ID, in.Again)
	}
	answer(w, r, v, err)
}

// send sends an image's boxes. How that went is seen in the list.
func (s *server) send(id string, again bool) {
	s.book.note(id, sendingNow{busy: true})
	s.senders.Go(func() {
		s.book.mu.Lock()
		image := *s.book.copyOf(id)
		s.book.mu.Unlock()
		_, err := s.book.judge.Send(s.sending, image, again)
		if errors.Is(err, judge.ErrSending) {
			return // the one that sends tells
		}
		s.book.note(id, sendingNow{err: err})
	})
}

// read reads what the page sends; false if it is not that, which is told then.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return false
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		fail(w, r, http.StatusBadRequest, err)
		return false
	}
	return true
}

// answer tells how an image is after a change, or why it was not changed.
func answer(w http.ResponseWriter, r *http.Request, v view, err error) {
	switch {
	case err == nil:
		reply(w, http.StatusOK, v)
	case errors.Is(err, judge.ErrOvertaken), errors.Is(err, judge.ErrNothingToUndo):
		reply(w, http.StatusConflict, map[string]any{"error": explain(languageOf(r), err), "image": v})
	default:
		fail(w, r, http.StatusUnprocessableEntity, err)
	}
}

func fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	reply(w, status, map[string]string{"error": explain(languageOf(r), err)})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

// languageOf is the language in which the page is read.
func languageOf(r *http.Request) language.Language {
	return language.Choose(r.Header.Get("Accept-Language"))
}

// explain tells an error in a language, if it is one of the program's own.
func explain(l language.Language, err error) string {
	if english, args, ok := language.MessageOf(err); ok {
		return l.Text(english, args...)
	}
	return plain(err.Error())
}

// plain is what an error of the SDK says, to people who do not know of the SDK.
func plain(text string) string { return strings.TrimPrefix(text, "hacarus: ") }
