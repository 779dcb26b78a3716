package reliability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing/iotest"
	"time"
)

const modelOfWorlds = "model-of-worlds"

// habits are what a service does in its own way, where the documentation is
// silent.
type habits struct {
	ids        idHabit
	restarts   int    // where numbers begin again; 0: never
	hides      hiding // of an item's image
	assessTime time.Duration
	neverShare float64 // of predictions of which nothing is ever heard
	oddShare   float64 // of labels that are neither OK nor NG
}

// idHabit is how a service makes an item's id.
type idHabit string

const (
	byName   idHabit = "by name"
	lowered  idHabit = "by name in lower case"
	byNumber idHabit = "by number"
	mixed    idHabit = "some by name, some by number"
)

// hiding is what a service does not tell of an item's image.
type hiding string

const (
	nothing hiding = "nothing"
	itsSize hiding = "its size"
	allOfIt hiding = "all of it"
)

// isStrange says whether ids do not follow from names.
func (h habits) isStrange() bool { return h.ids == mixed || h.ids == byNumber }

func (h habits) String() string {
	return fmt.Sprintf("ids %s (from %d again), of images hides %s, assesses within %v, never %.1f, odd labels %.1f",
		h.ids, h.restarts, h.hides, h.assessTime, h.neverShare, h.oddShare)
}

// execution is when a service does what a request asks for.
type execution int

const (
	never execution = iota
	atOnce
	slowly     // while the response is waited for, by someone who may give up
	afterwards // when nobody waits for it any more
)

// fate is what becomes of one request.
type fate struct {
	name    string
	execute execution
	respond func(r *http.Request, own *http.Response) (*http.Response, error) // own: the service's, if it has executed it
}

// latest is how long after a lost response its request may still be executed: less
// than the minute for which an upload is looked for.
const latest = 50 * time.Second

// asItShould is the fate of most requests.
var asItShould = fate{"as it should", atOnce, func(_ *http.Request, own *http.Response) (*http.Response, error) { return own, nil }}

// fates are all others.
var fates = []fate{
	{"lost before", never, breaks},
	{"lost after", atOnce, breaks},
	{"lost, and executed later", afterwards, breaks},
	{"cut off", atOnce, breaksInBody},
	{"slow", slowly, asItShould.respond},
	{"busy", never, refuses(http.StatusTooEarly)},
	{"limited", never, refuses(http.StatusTooManyRequests)},
	{"failed before", never, refuses(http.StatusInternalServerError)},
	{"failed after", atOnce, refuses(http.StatusInternalServerError)},
	{"proxy: unavailable", never, showsPage(http.StatusServiceUnavailable)},
	{"proxy: bad gateway", atOnce, showsPage(http.StatusBadGateway)},
	{"proxy: timeout", afterwards, showsPage(http.StatusGatewayTimeout)},
	{"proxy: forbidden", never, showsPage(http.StatusForbidden)},
	{"proxy: not found", never, showsPage(http.StatusNotFound)},
	{"proxy: unauthorized", never, showsPage(http.StatusUnauthorized)},
}

// tooLarge may be the fate of an upload.
var tooLarge = fate{"too large", never, refuses(http.StatusRequestEntityTooLarge)}

var errBroken = errors.New("the connection broke")

func breaks(*http.Request, *http.Response) (*http.Response, error) { return nil, errBroken }

func breaksInBody(_ *http.Request, own *http.Response) (*http.Response, error) {
	own.Header.Del(strangeIDs) // nobody can read them
	half := io.LimitReader(own.Body, own.ContentLength/2)
	own.Body = io.NopCloser(io.MultiReader(half, iotest.ErrReader(io.ErrUnexpectedEOF)))
	return own, nil
}

func refuses(status int) func(*http.Request, *http.Response) (*http.Response, error) {
	return func(r *http.Request, _ *http.Response) (*http.Response, error) {
		return jsonResponse(r, status, problem(http.StatusText(status))), nil
	}
}

func showsPage(status int) func(*http.Request, *http.Response) (*http.Response, error) {
	return func(r *http.Request, _ *http.Response) (*http.Response, error) {
		return response(r, status, "text/html", []byte("<html><body>"+http.StatusText(status)+"</body></html>")), nil
	}
}

func problem(title string) any { return map[string]any{"errors": map[string]any{"title": title}} }

func jsonResponse(r *http.Request, status int, v any) *http.Response {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return response(r, status, "application/json", raw)
}

func response(r *http.Request, status int, contentType string, body []byte) *http.Response {
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {contentType}}, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}
}

// oddService is the service of a world: a table of items, with habits.
type oddService struct {
	habits
	dice  *dice
	draw  func(*http.Request) fate // what becomes of a request
	trace func(format string, args ...any)
	late  sync.WaitGroup // requests that are executed later

	mu      sync.Mutex
	items   map[string]*oddItem
	number  int
	uploads []*oddItem // all that were ever executed
}

// oddItem is an item with the image that it was made from.
type oddItem struct {
	id, name  string
	imageName string // as the item tells it
	content   []byte
	training  bool
	unwarned  bool // the life that sent it did not know how the service makes ids
	predicted []time.Time
	assessed  []oddAssessment
}

type oddAssessment struct {
	from  time.Time // when it is there
	label string
}

// unwarned marks the context of a request whose sender has not seen that the
// service chooses ids which do not follow from names.
type unwarned struct{}

// isStrange says whether an item's id does not follow from its name.
func (i *oddItem) isStrange() bool {
	return !strings.EqualFold(i.id, strings.TrimSuffix(i.name, path.Ext(i.name)))
}

// truthOf is the verdict on an image: a function of its content.
func truthOf(content []byte) string {
	if content[0]%2 == 0 {
		return "OK"
	}
	return "NG"
}

// RoundTrip serves one request as its fate is.
func (s *oddService) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := bodyOf(r)
	if err != nil {
		return nil, err // the client broke it off
	}
	f := s.draw(r)
	s.trace("%s %s: %s", r.Method, r.URL.Path, f.name)
	switch f.execute {
	case never:
		return f.respond(r, nil)
	case atOnce:
		return f.respond(r, s.serve(r, body))
	}
	served := make(chan *http.Response, 1)
	s.late.Go(func() {
		time.Sleep(s.dice.within(latest))
		served <- s.serve(r, body) //nolint:bodyclose // the client closes it
	})
	if f.execute == afterwards {
		return f.respond(r, nil)
	}
	select {
	case own := <-served:
		return f.respond(r, own)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPost && path.Base(r.URL.Path) == "items"
}

func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, r.Context().Err()
	}
	body, err := io.ReadAll(r.Body)
	return body, errors.Join(err, r.Body.Close(), r.Context().Err())
}

// serve is the service without its faults.
func (s *oddService) serve(r *http.Request, body []byte) *http.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := path.Base(r.URL.Path)
	switch {
	case last == "token":
		return jsonResponse(r, http.StatusOK, map[string]any{"access_token": "token-of-a-world"})
	case isUpload(r):
		return s.add(r, body)
	case last == "predict":
		return s.predict(r, body)
	case strings.Contains(r.URL.Path, "/models/"):
		return dataResponse(r, map[string]any{"model_id": last, "status": "active", "active": true})
	case s.item(last) == nil:
		return jsonResponse(r, http.StatusNotFound, problem("Item not found"))
	}
	return dataResponse(r, s.shown(s.item(last)))
}

func dataResponse(r *http.Request, data any) *http.Response {
	return jsonResponse(r, http.StatusOK, map[string]any{"data": data})
}

// item is the one of an id; nil: there is none.
func (s *oddService) item(id string) *oddItem {
	if s.ids == lowered {
		id = strings.ToLower(id)
	}
	return s.items[id]
}

// place puts an item where one of its id is looked for.
func (s *oddService) place(item *oddItem) {
	if s.ids == lowered {
		item.id = strings.ToLower(item.id)
	}
	s.items[item.id] = item
}

// strangeIDs is in the header of a response that has ids which do not follow
// from names.
const strangeIDs = "Strange-Ids"

// add makes items of the files of a form.
func (s *oddService) add(r *http.Request, body []byte) *http.Response {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		panic(err)
	}
	form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		panic(err)
	}
	item := oddItem{unwarned: r.Context().Value(unwarned{}) != nil}
	item.training = len(form.Value["training"]) > 0 && form.Value["training"][0] == "true"
	var ids []string
	strange := false
	for _, header := range form.File["files"] {
		made := s.addFile(header, item)
		ids = append(ids, made.id)
		strange = strange || made.isStrange()
	}
	response := jsonResponse(r, http.StatusCreated, map[string]any{"data": map[string]any{"item_ids": ids}})
	if strange {
		response.Header.Set(strangeIDs, "true")
	}
	return response
}

func (s *oddService) addFile(header *multipart.FileHeader, item oddItem) *oddItem {
	file, err := header.Open()
	if err != nil {
		panic(err)
	}
	if item.content, err = io.ReadAll(file); err != nil {
		panic(err)
	}
	item.id, item.name, item.imageName = s.idOf(header.Filename), header.Filename, header.Filename
	s.place(&item)
	s.uploads = append(s.uploads, &item)
	s.trace("   %s becomes item %s", item.name, item.id)
	return &item
}

func (s *oddService) idOf(name string) string {
	stem := strings.TrimSuffix(name, path.Ext(name))
	switch {
	case s.ids == byName, s.ids == mixed && s.dice.chance(0.5):
		return stem
	case s.ids == lowered:
		return strings.ToLower(stem)
	}
	s.number++
	if s.restarts > 0 && s.number > s.restarts {
		s.number = 1
	}
	return strconv.Itoa(s.number)
}

// predict lets items have assessments, some time later.
func (s *oddService) predict(r *http.Request, body []byte) *http.Response {
	var request struct {
		ItemIDs []string `json:"item_ids"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		panic(err)
	}
	for _, id := range request.ItemIDs {
		if s.item(id) == nil {
			return jsonResponse(r, http.StatusNotFound, problem("Cannot find items"))
		}
	}
	for _, id := range request.ItemIDs {
		item := s.item(id)
		item.predicted = append(item.predicted, time.Now())
		s.trace("   %s is predicted", id)
		if s.dice.chance(s.neverShare) {
			continue
		}
		label := truthOf(item.content)
		if s.dice.chance(s.oddShare) {
			label = "Defected"
		}
		item.assessed = append(item.assessed, oddAssessment{time.Now().Add(s.dice.within(s.assessTime)), label})
	}
	return dataResponse(r, map[string]any{"model_version": "1", "item_ids": request.ItemIDs})
}

// shown is an item as the service tells of it.
func (s *oddService) shown(item *oddItem) any {
	shown := map[string]any{"item_id": item.id, "status": "done", "is_training_data": item.training}
	var assessments []any
	for _, a := range item.assessed {
		if time.Now().Before(a.from) {
			shown["status"] = "pending"
			continue
		}
		assessments = append(assessments, map[string]any{"model_id": modelOfWorlds, "label": a.label, "anomaly_score": "0.5"})
	}
	shown["assessments"] = assessments
	if s.hides != allOfIt {
		image := map[string]any{"url": "/raw/" + item.imageName, "name": item.imageName}
		if s.hides != itsSize {
			image["file_size"] = len(item.content)
		}
		shown["images"] = []any{image}
	}
	return shown
}
