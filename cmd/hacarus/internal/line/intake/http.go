package intake

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// Handler takes images in over HTTP:
//
//	POST /v1/images    the image as the body, or as the last part of a form
type Handler struct {
	Spool  *Spool
	Tokens func() map[string]string // by station; nil: anybody may send, as any station
	Log    *slog.Logger
	// Accepted is called for each image that was accepted; nil for nothing.
	Accepted func(job queue.Job, isNew bool)

	slots chan struct{}
}

// maxUploads is how many images are received at a time.
const maxUploads = 256

// NewHandler returns a handler for a spool.
func NewHandler(h Handler) *Handler {
	h.slots = make(chan struct{}, maxUploads)
	return &h
}

// problem is why an image is not accepted.
type problem struct {
	status int
	detail string
}

func (p *problem) Error() string { return p.detail }

func problemf(status int, detail string) error { return &problem{status, detail} }

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = &patientBody{r.Body, http.NewResponseController(w), time.Now(), 0}
	job, isNew, err := h.take(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if h.Accepted != nil {
		h.Accepted(job, isNew)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]any{"id": job.ID, "station": job.Station, "new": isNew})
}

// refuse says why. Nothing of the image is left.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	if p, ok := errors.AsType[*problem](err); ok {
		status = p.status
	}
	switch {
	case errors.Is(err, ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrNoImage):
		status = http.StatusUnsupportedMediaType
	case errors.Is(err, ErrKeyReused):
		status = http.StatusConflict
	case errors.Is(err, ErrSimilarStation):
		status = http.StatusBadRequest
	case errors.Is(err, ErrFull), errors.Is(err, ErrStations):
		status = http.StatusInsufficientStorage
	}
	if status >= http.StatusInternalServerError {
		h.Log.Error("an image is refused", "station", r.Header.Get("Station"), "status", status, "error", err)
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusInsufficientStorage:
		w.Header().Set("Retry-After", "5")
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": err.Error()})
}

// take receives an image. What can be refused before it is read, is.
func (h *Handler) take(r *http.Request) (job queue.Job, isNew bool, err error) {
	in := Incoming{
		Station: r.Header.Get("Station"), Lot: r.Header.Get("Lot"), Serial: r.Header.Get("Serial"), Model: r.Header.Get("Model"),
		Key: r.Header.Get("Idempotency-Key"), Trace: r.Header.Get("Traceparent"),
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isForm := kind == "multipart/form-data"
	if err := h.admit(r, in, isForm); err != nil {
		return job, false, err
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return job, false, problemf(http.StatusTooManyRequests, "too many images at a time")
	}
	if isForm {
		return h.takeForm(r, in, params["boundary"])
	}
	receive, err := h.begin(r, in)
	if err != nil {
		return job, false, err
	}
	return finish(receive, r.Body, nil)
}

// admit decides by what is known before the body.
func (h *Handler) admit(r *http.Request, in Incoming, isForm bool) error {
	if r.Method != http.MethodPost {
		return problemf(http.StatusMethodNotAllowed, "images are sent with POST")
	}
	if !h.knows(r, in.Station, isForm) {
		return problemf(http.StatusUnauthorized, "the token is not the station's")
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); !isForm && kind != "" && !isImageType(kind) {
		return ErrNoImage
	}
	return h.Spool.Room(r.ContentLength)
}

func isImageType(kind string) bool {
	switch kind {
	case "application/octet-stream", "application/x-www-form-urlencoded": // what curl --data-binary says if not told otherwise
		return true
	}
	return strings.HasPrefix(kind, "image/")
}

// knows says whether the token is that of a station. The station of a form may not
// be known yet: then it is whether there is a station with that token.
func (h *Handler) knows(r *http.Request, station string, isForm bool) bool {
	if h.Tokens == nil {
		return true
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	known := false
	for name, wanted := range h.Tokens() {
		same := subtle.ConstantTimeCompare([]byte(token), []byte(wanted)) == 1
		known = known || same && token != "" && (name == station || isForm && station == "")
	}
	return known
}

// begin begins to receive an image, once all is known of it.
func (h *Handler) begin(r *http.Request, in Incoming) (*Receive, error) {
	if !h.knows(r, in.Station, false) {
		return nil, problemf(http.StatusUnauthorized, "the token is not the station's")
	}
	for _, field := range []struct {
		what, name string
		needed     bool
	}{{"Station", in.Station, true}, {"Lot", in.Lot, false}, {"Serial", in.Serial, false}, {"Model", in.Model, false}} {
		if err := queue.CheckName(field.what, field.name, field.needed); err != nil {
			return nil, problemf(http.StatusBadRequest, err.Error())
		}
	}
	if len(in.Key) > maxField {
		return nil, problemf(http.StatusBadRequest, tooLong("Idempotency-Key"))
	}
	return h.Spool.Begin(in)
}

// finish receives an image to its end. whole says that nothing comes behind it that
// would be lost; nil is for what cannot have anything there.
func finish(receive *Receive, image io.Reader, whole func() error) (queue.Job, bool, error) {
	defer receive.Abandon()
	_, err := io.Copy(receive, image)
	if err != nil && !errors.Is(err, ErrFull) && !errors.Is(err, ErrTooLarge) {
		err = problemf(http.StatusBadRequest, err.Error()) // it did not come whole
	}
	if err == nil && whole != nil {
		err = whole()
	}
	if err != nil {
		return queue.Job{}, false, err
	}
	return receive.Accept()
}

// maxField bounds a key, and each field of a form, in bytes.
const maxField = 1 << 10

func tooLong(field string) string {
	return fmt.Sprintf("%s is longer than %d bytes", field, maxField)
}

// takeForm receives a form, whose fields come before the image.
func (h *Handler) takeForm(r *http.Request, in Incoming, boundary string) (job queue.Job, isNew bool, err error) {
	form := multipart.NewReader(r.Body, boundary)
	fields := map[string]*string{
		"station": &in.Station, "lot": &in.Lot, "serial": &in.Serial, "model": &in.Model, "idempotency-key": &in.Key,
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return job, false, problemf(http.StatusBadRequest, "the form has no part named image, which comes last")
		}
		if err != nil {
			return job, false, problemf(http.StatusBadRequest, err.Error())
		}
		name := strings.ToLower(part.FormName())
		if name == "image" || part.FileName() != "" {
			receive, err := h.begin(r, in)
			if err != nil {
				return job, false, err
			}
			return finish(receive, part, func() error { return isLast(form) })
		}
		if field := fields[name]; field != nil {
			raw, err := io.ReadAll(io.LimitReader(part, maxField+1))
			if err == nil && len(raw) > maxField {
				err = errors.New(tooLong(part.FormName()))
			}
			if err != nil {
				return job, false, problemf(http.StatusBadRequest, err.Error())
			}
			*field = string(raw)
		}
	}
}

// isLast refuses a form that goes on behind its image: a second image would be lost,
// and a field would not be heeded.
func isLast(form *multipart.Reader) error {
	switch _, err := form.NextPart(); {
	case err == nil:
		return problemf(http.StatusBadRequest, "the form goes on behind the image, which comes last, and alone")
	case !errors.Is(err, io.EOF):
		return problemf(http.StatusBadRequest, err.Error())
	}
	return nil
}

// An image has to come at minRate bytes in a second, after the time patience: one of
// which nothing more comes does not keep others out.
const (
	minRate  = 16 << 10
	patience = 30 * time.Second
)

// patientBody is a request's body that is not waited for without end.
type patientBody struct {
	io.ReadCloser
	connection *http.ResponseController
	begun      time.Time
	read       int64
}

func (b *patientBody) Read(p []byte) (int, error) {
	limit := b.begun.Add(patience + time.Duration(b.read)*time.Second/minRate)
	_ = b.connection.SetReadDeadline(limit) // what has no deadlines is no connection
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}
