package intake

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
)

// picture is a small image, unlike others of another number.
func picture(n int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4)))
	return append(b.Bytes(), strconv.Itoa(n)...)
}

func newSpool(t *testing.T, limits Limits) *Spool {
	t.Helper()
	s, err := OpenSpool(SpoolDir(t.TempDir()), limits)
	require.NoError(t, err)
	return s
}

func handlerOf(s *Spool, tokens map[string]string) *Handler {
	h := Handler{Spool: s, Log: slog.New(slog.DiscardHandler)}
	if tokens != nil {
		h.Tokens = func() map[string]string { return tokens }
	}
	return NewHandler(h)
}

type answer struct {
	Status int
	ID     string
	New    bool
	Error  string
}

func ask(t *testing.T, h http.Handler, body io.Reader, header ...string) (a answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/images", body)
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a.Status = w.Code
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &a))
	return a
}

// files are those in a spool, but for its name.
func files(t *testing.T, s *Spool) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "id" {
			names = append(names, e.Name())
		}
		return err
	}))
	return names
}

// An image that is accepted is on the disk, with all that is known of it; the same
// one is accepted once.
func TestAccept(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	h := handlerOf(s, nil)
	a := ask(t, h, bytes.NewReader(picture(1)), "Station", "cam 7", "Lot", "L1", "Serial", "検1", "Model", "m", "Idempotency-Key", "k")
	require.Equal(t, http.StatusAccepted, a.Status)
	require.True(t, a.New)
	again := ask(t, h, bytes.NewReader(picture(1)), "Station", "cam 7", "Idempotency-Key", "k")
	require.Equal(t, answer{Status: 202, ID: a.ID}, again)
	other := ask(t, h, bytes.NewReader(picture(1)), "Station", "cam 8", "Idempotency-Key", "k")
	require.NotEqual(t, a.ID, other.ID, "of another station")
	station, err := s.station("cam 7")
	require.NoError(t, err)
	job, err := station.job(1)
	require.NoError(t, err)
	require.Equal(t, []string{"cam 7", "L1", "検1", "m", a.ID, a.ID + ".png", s.ID()},
		[]string{job.Station, job.Lot, job.Serial, job.Model, job.ID, job.File, job.Intake})
	image, err := Open(filepath.Dir(s.dir), "cam 7", a.ID)
	require.NoError(t, err)
	content, err := io.ReadAll(image)
	require.NoError(t, errors.Join(err, image.Close()))
	require.Equal(t, picture(1), content)
}

// Without a key, the image is what it is known by, with the numbers of the product.
func TestAcceptWithoutKey(t *testing.T) {
	t.Parallel()
	h := handlerOf(newSpool(t, Limits{}), nil)
	first := ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Serial", "1")
	require.Equal(t, first.ID, ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Serial", "1").ID)
	require.NotEqual(t, first.ID, ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Serial", "2").ID)
	require.NotEqual(t, first.ID, ask(t, h, bytes.NewReader(picture(2)), "Station", "a", "Serial", "1").ID)
}

// Another image with the same key is not lost without a word, whether the first one
// still waits or is kept with its verdict.
func TestReusedKey(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	h := handlerOf(s, nil)
	a := ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Idempotency-Key", "k")
	require.Equal(t, http.StatusConflict, ask(t, h, bytes.NewReader(picture(2)), "Station", "a", "Idempotency-Key", "k").Status)
	kept := keptPaths(filepath.Dir(s.dir), "a", a.ID)[1]
	require.NoError(t, os.MkdirAll(filepath.Dir(kept), 0o755))
	require.NoError(t, os.Rename(filepath.Join(s.dir, "a", a.ID+imageSuffix), kept))
	require.Equal(t, http.StatusConflict, ask(t, h, bytes.NewReader(picture(2)), "Station", "a", "Idempotency-Key", "k").Status)
	require.Equal(t, answer{Status: 202, ID: a.ID}, ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Idempotency-Key", "k"))
	require.Equal(t, []string{"1.json"}, files(t, s))
}

// Keys that are too long to be told apart are refused, wherever they are.
func TestLongKey(t *testing.T) {
	t.Parallel()
	h := handlerOf(newSpool(t, Limits{}), nil)
	long := strings.Repeat("k", 3*maxField)
	require.Equal(t, http.StatusBadRequest, ask(t, h, bytes.NewReader(picture(1)), "Station", "a", "Idempotency-Key", long).Status)
	body, kind := form(t, "Station", "a", "Idempotency-Key", long)
	require.Equal(t, http.StatusBadRequest, ask(t, h, body, "Content-Type", kind).Status)
}

// A form that goes on behind its image is refused: nothing of it is lost silently.
func TestFormGoesOn(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	for name, more := range map[string]func(*multipart.Writer) error{
		"another image": func(w *multipart.Writer) error {
			part, err := w.CreateFormFile("image", "2.png")
			if err == nil {
				_, err = part.Write(picture(2))
			}
			return err
		},
		"a field": func(w *multipart.Writer) error { return w.WriteField("Serial", "1") },
	} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile("image", "1.png")
		require.NoError(t, err)
		_, err = part.Write(picture(1))
		require.NoError(t, errors.Join(err, more(w), w.Close()))
		a := ask(t, handlerOf(s, nil), &b, "Station", "a", "Content-Type", w.FormDataContentType())
		require.Equal(t, http.StatusBadRequest, a.Status, name)
		require.Empty(t, files(t, s), name)
	}
}

// Images that come at the same time do not exceed the limits together.
func TestRoomForSeveral(t *testing.T) {
	t.Parallel()
	size := int64(len(picture(1)))
	s := newSpool(t, Limits{Bytes: size + size/2})
	first, err := s.Begin(Incoming{Station: "a"})
	require.NoError(t, err)
	_, err = first.Write(picture(1))
	require.NoError(t, err)
	require.Equal(t, http.StatusInsufficientStorage, ask(t, handlerOf(s, nil), io.MultiReader(bytes.NewReader(picture(2))), "Station", "a").Status)
	first.Abandon()
	require.Equal(t, http.StatusAccepted, ask(t, handlerOf(s, nil), bytes.NewReader(picture(2)), "Station", "a").Status)
	waiting, _ := s.Waiting()
	require.Equal(t, size, waiting)
}

// Other methods than POST are refused in the same form.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	h := handlerOf(newSpool(t, Limits{}), nil)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodHead} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/v1/images", unread{t}))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, http.MethodPost, w.Header().Get("Allow"))
	}
}

// An image that stops coming ends, and does not keep others out for ever.
func TestSlowImage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		served := &http.Server{Handler: handlerOf(newSpool(t, Limits{}), nil)}
		go func() { _ = served.Serve(&oneConnection{server, make(chan struct{})}) }()
		defer func() { _ = served.Close() }()
		begun := time.Now()
		go func() {
			_, _ = io.WriteString(client, "POST /v1/images HTTP/1.1\r\nHost: x\r\nStation: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n")
		}()
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
		require.InDelta(t, patience.Seconds(), time.Since(begun).Seconds(), 1)
		require.NoError(t, errors.Join(response.Body.Close(), client.Close()))
	})
}

// oneConnection is a listener with one connection.
type oneConnection struct {
	net.Conn
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if conn := l.Conn; conn != nil {
		l.Conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Addr() net.Addr { return &net.IPAddr{} }

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

// Stations whose names differ only by case are mistaken for one another, and a line
// does not have any number of them.
func TestRefuseStations(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	h := handlerOf(s, nil)
	require.Equal(t, http.StatusAccepted, ask(t, h, bytes.NewReader(picture(1)), "Station", "Cam-1").Status)
	require.Equal(t, http.StatusBadRequest, ask(t, h, bytes.NewReader(picture(1)), "Station", "CAM-1").Status)
	for n := range maxStations {
		s.stations[strconv.Itoa(n)] = &station{}
	}
	require.Equal(t, http.StatusInsufficientStorage, ask(t, h, bytes.NewReader(picture(1)), "Station", "one more").Status)
	require.Equal(t, http.StatusAccepted, ask(t, h, bytes.NewReader(picture(2)), "Station", "Cam-1").Status)
}

// What a disk that fails has left of images does not pass for accepted, is not
// removed, and does not keep the others waiting.
func TestSpoolDamaged(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, err := OpenSpool(SpoolDir(data), Limits{})
	require.NoError(t, err)
	var ids []string
	for n := range 3 {
		ids = append(ids, ask(t, handlerOf(s, nil), bytes.NewReader(picture(n)), "Station", "a").ID)
	}
	dir := filepath.Join(s.dir, "a")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "1.json"), nil, 0o600)) // not synced after all
	require.NoError(t, os.Remove(filepath.Join(dir, "2.json")))
	again, err := OpenSpool(SpoolDir(data), Limits{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"1.json.aside", ids[0] + ".img.aside", ids[1] + ".img.aside", "3.json", ids[2] + imageSuffix}, files(t, again))
	for n := range 2 {
		a := ask(t, handlerOf(again, nil), bytes.NewReader(picture(n)), "Station", "a")
		require.Equal(t, answer{Status: http.StatusAccepted, ID: ids[n], New: true}, a)
	}
	// A job that cannot be read for now is waited for: to remove it would lose its image.
	require.NoError(t, os.Rename(filepath.Join(dir, "3.json"), filepath.Join(dir, "moved")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "3.json"), 0o755))
	_, err = OpenSpool(SpoolDir(data), Limits{})
	require.ErrorContains(t, err, "3.json")
	require.FileExists(t, filepath.Join(dir, ids[2]+imageSuffix))
}

// An image that somebody has removed takes no room any more once it has its verdict.
func TestRemovedByHand(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	a := ask(t, handlerOf(s, nil), bytes.NewReader(picture(1)), "Station", "a")
	require.NoError(t, os.Remove(filepath.Join(s.dir, "a", a.ID+imageSuffix)))
	verdict := queue.Message{
		Subject: queue.VerdictsOf("a"), Header: VerdictHeader(queue.Job{ID: a.ID, Number: 1}), Data: []byte(`{"id":"` + a.ID + `","error":"gone"}`),
	}
	require.NoError(t, s.clearOne(verdict))
	waiting, oldest := s.Waiting()
	require.Zero(t, waiting)
	require.Zero(t, oldest)
}

func form(t *testing.T, fields ...string) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for n := 0; n < len(fields); n += 2 {
		require.NoError(t, w.WriteField(fields[n], fields[n+1]))
	}
	part, err := w.CreateFormFile("image", "1.png")
	require.NoError(t, err)
	_, err = part.Write(picture(1))
	require.NoError(t, errors.Join(err, w.Close()))
	return &b, w.FormDataContentType()
}

func TestAcceptForm(t *testing.T) {
	t.Parallel()
	h := handlerOf(newSpool(t, Limits{}), map[string]string{"a": "token of a", "b": "token of b"})
	body, kind := form(t, "Station", "a", "serial", "1")
	require.Equal(t, http.StatusAccepted, ask(t, h, body, "Content-Type", kind, "Authorization", "Bearer token of a").Status)
	body, kind = form(t, "Station", "a")
	require.Equal(t, http.StatusUnauthorized, ask(t, h, body, "Content-Type", kind, "Authorization", "Bearer token of b").Status)
	body, kind = form(t, "serial", "1")
	require.Equal(t, http.StatusUnauthorized, ask(t, h, body, "Content-Type", kind, "Authorization", "Bearer token of b").Status)
	require.Equal(t, http.StatusBadRequest, ask(t, handlerOf(newSpool(t, Limits{}), nil), strings.NewReader("--x--"), "Content-Type", "multipart/form-data; boundary=x").Status)
}

// unread fails the test if it is read: what can be refused before that, is.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// What is refused leaves nothing behind.
func TestRefuse(t *testing.T) {
	t.Parallel()
	tokens := map[string]string{"a": "token of a"}
	large := bytes.Repeat(picture(1), 100)
	for name, c := range map[string]struct {
		status int
		limits Limits
		tokens map[string]string
		body   io.Reader
		header []string
	}{
		"no token":           {401, Limits{}, tokens, unread{t}, []string{"Station", "a"}},
		"another's token":    {401, Limits{}, tokens, unread{t}, []string{"Station", "b", "Authorization", "Bearer token of a"}},
		"no station":         {400, Limits{}, nil, unread{t}, nil},
		"control characters": {400, Limits{}, nil, unread{t}, []string{"Station", "a\x01"}},
		"too long":           {400, Limits{}, nil, unread{t}, []string{"Station", "a", "Lot", strings.Repeat("x", 100)}},
		"too large":          {413, Limits{Image: 1000}, nil, bytes.NewReader(large), []string{"Station", "a"}},
		"larger than told":   {413, Limits{Image: 1000}, nil, io.MultiReader(bytes.NewReader(large)), []string{"Station", "a"}},
		"another type":       {415, Limits{}, nil, unread{t}, []string{"Station", "a", "Content-Type", "text/plain"}},
		"no image":           {415, Limits{}, nil, strings.NewReader("GIF89a, which is none"), []string{"Station", "a"}},
		"no bytes":           {415, Limits{}, nil, strings.NewReader(""), []string{"Station", "a"}},
		"full":               {507, Limits{Bytes: 10}, nil, bytes.NewReader(picture(1)), []string{"Station", "a"}},
		"disk nearly full":   {507, Limits{Free: 1 << 60}, nil, bytes.NewReader(picture(1)), []string{"Station", "a"}},
		"broken off":         {400, Limits{}, nil, io.MultiReader(bytes.NewReader(picture(1)), brokenOff{}), []string{"Station", "a"}},
	} {
		s := newSpool(t, c.limits)
		a := ask(t, handlerOf(s, c.tokens), c.body, c.header...)
		require.Equal(t, c.status, a.Status, "%s: %s", name, a.Error)
		require.NotEmpty(t, a.Error, name)
		require.Empty(t, files(t, s), name)
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Too many images at a time are refused, and the next one is not.
func TestRefuseTooMany(t *testing.T) {
	t.Parallel()
	h := handlerOf(newSpool(t, Limits{}), nil)
	for range maxUploads {
		h.slots <- struct{}{}
	}
	require.Equal(t, http.StatusTooManyRequests, ask(t, h, unread{t}, "Station", "a").Status)
	<-h.slots
	require.Equal(t, http.StatusAccepted, ask(t, h, bytes.NewReader(picture(1)), "Station", "a").Status)
}

// While an image has waited for too long, no more are accepted, and none is deleted.
func TestRefuseWhileOneWaits(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{Age: time.Hour})
	h := handlerOf(s, nil)
	first := ask(t, h, bytes.NewReader(picture(1)), "Station", "a")
	require.Equal(t, http.StatusAccepted, first.Status)
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	require.Equal(t, http.StatusInsufficientStorage, ask(t, h, bytes.NewReader(picture(2)), "Station", "b").Status)
	require.Len(t, files(t, s), 2)
	station, err := s.station("a")
	require.NoError(t, err)
	s.settle(station, 1, first.ID)
	s.now = func() time.Time { return time.Now().Add(3 * time.Hour) } // it does not look all the time
	require.Equal(t, http.StatusAccepted, ask(t, h, bytes.NewReader(picture(2)), "Station", "b").Status)
}

// A spool that is opened again goes on where it was, without what was not accepted
// to its end.
func TestSpoolReopened(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s, err := OpenSpool(SpoolDir(data), Limits{})
	require.NoError(t, err)
	var ids []string
	for n := range 4 {
		ids = append(ids, ask(t, handlerOf(s, nil), bytes.NewReader(picture(n)), "Station", "a").ID)
	}
	dir := filepath.Join(s.dir, "a")
	require.NoError(t, os.Remove(filepath.Join(dir, ids[1]+imageSuffix))) // has its verdict
	require.NoError(t, os.Remove(filepath.Join(dir, ids[3]+imageSuffix)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".hacarus-part-1"), picture(9), 0o600))
	again, err := OpenSpool(SpoolDir(data), Limits{})
	require.NoError(t, err)
	require.Equal(t, s.ID(), again.ID())
	require.ElementsMatch(t, []string{"1.json", "3.json", "4.json", ids[0] + imageSuffix, ids[2] + imageSuffix}, files(t, again))
	size, oldest := again.Waiting()
	require.Equal(t, int64(2*len(picture(0))), size)
	require.WithinDuration(t, time.Now(), oldest, time.Minute)
	station, err := again.station("a")
	require.NoError(t, err)
	require.Equal(t, []uint64{5, 1}, []uint64{station.next, station.low})
	again.settle(station, 3, ids[2])
	require.Equal(t, uint64(1), station.low)
	again.settle(station, 1, ids[0])
	require.Equal(t, uint64(5), station.low)
	size, oldest = again.Waiting()
	require.Zero(t, size)
	require.Zero(t, oldest)
	require.Empty(t, station.gone, "nothing is remembered of what is done")
}

// Cameras that send the same image at the same time get the same response, and one
// of them is the first.
func TestAcceptAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	h := handlerOf(s, nil)
	var all sync.WaitGroup
	answers := make([]answer, 16)
	for n := range answers {
		all.Go(func() { answers[n] = ask(t, h, bytes.NewReader(picture(1)), "Station", "a") })
	}
	all.Wait()
	first := 0
	for _, a := range answers {
		require.Equal(t, answers[0].ID, a.ID)
		if a.New {
			first++
		}
	}
	require.Equal(t, 1, first)
	require.Len(t, files(t, s), 2)
}

// The queue is told of each image once, in the order of its station, and again of
// those that wait if it has lost them.
func TestFeed(t *testing.T) {
	t.Parallel()
	s := newSpool(t, Limits{})
	h := handlerOf(s, nil)
	for n := range 3 {
		ask(t, h, bytes.NewReader(picture(n)), "Station", "a")
	}
	for range 2 { // queues, the second of which is empty
		q := newQueue(t)
		for range 2 { // runs of the intake
			run(t, s, q, func() {
				require.Eventually(t, func() bool { return len(jobs(t, q)) == 3 }, time.Minute, time.Millisecond)
			})
		}
		all := jobs(t, q)
		require.Len(t, all, 3)
		for n, job := range all {
			require.Equal(t, uint64(n+1), job.Number)
		}
	}
}
