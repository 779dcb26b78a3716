package review

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/tiff"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/period"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// reader is a browser without a window.
type reader struct {
	*room
	t      *testing.T
	client *http.Client
}

// newReader returns one that has opened the page.
func newReader(t *testing.T, r *room) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b := &reader{r, t, &http.Client{Jar: jar}}
	response, _ := b.do(http.MethodGet, strings.TrimPrefix(r.url(), r.address), "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return b
}

// received is a response whose body was read.
type received struct {
	StatusCode int
	Header     http.Header
	Cookies    []*http.Cookie
}

func (b *reader) do(method, path, body string, change func(*http.Request)) (received, string) {
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.address+path, strings.NewReader(body))
	require.NoError(b.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(request)
	}
	response, err := b.client.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return received{response.StatusCode, response.Header, response.Cookies()}, string(content)
}

func (b *reader) list(query string) (l list) {
	response, body := b.do(http.MethodGet, "/api/images?"+query, "", nil)
	require.Equal(b.t, http.StatusOK, response.StatusCode, body)
	require.NoError(b.t, json.Unmarshal([]byte(body), &l))
	return l
}

func ids(l list) (ids []string) {
	for _, v := range l.Images {
		ids = append(ids, v.ID)
	}
	return ids
}

// Only who knows the token gets in, under the page's own address, and from no other
// site.
func TestGuard(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	inside := newReader(t, r)
	outside := &reader{r, t, &http.Client{}}
	port := r.address[strings.LastIndex(r.address, ":")+1:]
	for name, c := range map[string]struct {
		who    *reader
		method string
		path   string
		change func(*http.Request)
		status int
	}{
		"page":                 {inside, "GET", "/", nil, 200},
		"script":               {inside, "GET", "/page.js", nil, 200},
		"images":               {inside, "GET", "/api/images", nil, 200},
		"unknown":              {inside, "GET", "/nowhere", nil, 404},
		"folder":               {inside, "GET", "/page/", nil, 404},
		"no token":             {outside, "GET", "/", nil, 401},
		"wrong token":          {outside, "GET", "/?token=x", nil, 401},
		"token for data":       {outside, "GET", "/api/images?token=" + r.token, nil, 401},
		"script from outside":  {outside, "GET", "/page.js", nil, 401},
		"picture from outside": {outside, "GET", "/api/picture?id=ng-1", nil, 401},
		"judge from outside":   {outside, "POST", "/api/judge", nil, 401},
		"wrong cookie": {outside, "GET", "/api/images", func(q *http.Request) {
			q.AddCookie(&http.Cookie{Name: r.cookieName(), Value: "x"})
		}, 401},
		"another name":      {inside, "GET", "/?token=" + r.token, func(q *http.Request) { q.Host = "evil.example:" + port }, 421},
		"another port":      {inside, "GET", "/", func(q *http.Request) { q.Host = "127.0.0.1:1" }, 421},
		"no port":           {inside, "GET", "/", func(q *http.Request) { q.Host = "127.0.0.1" }, 421},
		"localhost":         {inside, "GET", "/?token=" + r.token, func(q *http.Request) { q.Host = "localhost:" + port }, 200},
		"IPv6":              {inside, "GET", "/?token=" + r.token, func(q *http.Request) { q.Host = "[::1]:" + port }, 200},
		"from another site": {inside, "POST", "/api/judge", func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"by another origin": {inside, "POST", "/api/judge", func(q *http.Request) { q.Header.Set("Origin", "http://evil.example") }, 403},
		"a form":            {inside, "POST", "/api/judge", func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }, 415},
		"a wrong method":    {inside, "GET", "/api/judge", nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := ""
			if c.method == http.MethodPost {
				body = `{"id":"ng-1","by":"Sato","verdict":"OK"}`
			}
			response, _ := c.who.do(c.method, c.path, body, c.change)
			require.Equal(t, c.status, response.StatusCode)
			require.Equal(t, localpage.Policy, response.Header.Get("Content-Security-Policy"))
			require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
		})
	}
	t.Cleanup(func() { require.False(t, r.image(t, "ng-1").Judged()) })
}

func TestCookie(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	response, body := (&reader{r, t, &http.Client{}}).do(http.MethodGet, strings.TrimPrefix(r.url(), r.address), "", nil)
	cookie := response.Cookies[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.NotContains(t, body, r.token)
	require.Contains(t, r.url(), "?token="+r.token)
	require.NotEqual(t, r.token, newRoom(t, false).token)
}

// The page has each text that it uses, in both languages, and no other.
func TestTextsOfThePage(t *testing.T) {
	t.Parallel()
	var sources string
	for _, name := range []string{"index.html", "page.js", "picture.js"} {
		content, err := pages.ReadFile("page/" + name)
		require.NoError(t, err)
		sources += string(content)
	}
	for _, l := range []language.Language{language.English, language.Japanese} {
		for name, text := range texts(l) {
			require.NotEmpty(t, text, name)
			used := strings.Contains(sources, `"`+name+`"`)
			require.True(t, used, "nobody shows %s", name)
		}
	}
	english := texts(language.English)
	for _, use := range regexp.MustCompile(`(?:\bt\(|data-text=)"(\w+)"`).FindAllStringSubmatch(sources, -1) {
		require.Contains(t, english, use[1])
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	b := newReader(t, r)
	l := b.list("show=open")
	require.Equal(t, []string{"ng-1", "ng-3", "none", "ok-3", "gone"}, ids(l), "NG, undecided, and OK images with a score from 0.1 on")
	require.False(t, l.CanSend)
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	require.Equal(t, []day{{yesterday, 5, 5}}, l.Days)
	require.Equal(t, "A-17", l.Images[0].Lot)
	require.Len(t, b.list("day="+yesterday).Images, 5)
	require.Empty(t, b.list("day=2020-01-01").Images)

	response, _ := b.do(http.MethodGet, "/api/images?version="+toString(l.Version), "", nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)

	// What another program adds to the record is seen, and what was judged while the page
	// is open stays there.
	response, body := b.do(http.MethodPost, "/api/judge", `{"id":"ng-1","by":"Sato","verdict":"OK","boxes":[],"note":"dust"}`, nil)
	require.Equal(t, http.StatusOK, response.StatusCode, body)
	own, err := record.Open(r.path)
	require.NoError(t, err)
	e := r.image(t, "ok-1").Last()
	e.Verdict, e.By, e.Time = "NG", "Ito", time.Now().UTC()
	require.NoError(t, own.Append(e))
	require.NoError(t, own.Close())
	require.Equal(t, []string{"ng-3", "none", "ok-3", "gone"}, ids(b.list("show=open")))
	require.Equal(t, []string{"ng-1", "ng-3", "none", "ok-3", "gone", "ok-1"}, ids(b.list("show=open&since="+l.Now.Format(time.RFC3339Nano))))
	judged := b.list("show=judged")
	require.Equal(t, []string{"ng-1", "ok-1"}, ids(judged))
	require.Equal(t, []judgement{
		{judged.Images[0].History[0].Time, "Sato", "OK", "dust", false}, {l.Images[0].Time, "", "NG", "", false},
	}, judged.Images[0].History)
	all := b.list("show=all").Images
	require.Len(t, all, 6)
	require.Len(t, all[5].History, 2, "what the model said of an image that nobody was to look at")
	response, _ = b.do(http.MethodPost, "/api/undo", `{"id":"ok-1","by":"Sato"}`, nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "OK", r.image(t, "ok-1").Last().Verdict)
}

// Without a score, what the model says is OK is not shown until a person judges it.
func TestOnlyNG(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	b := newBook(r.path, r.book.judge, period.Period{}, nil)
	shown := func() list {
		_, err := b.refresh()
		require.NoError(t, err)
		return b.list(language.English, "", showAll, time.Time{})
	}
	require.Equal(t, []string{"ng-1", "ng-3", "none", "gone"}, ids(shown()))
	r.say(t, "ok-1", "Sato", "NG")
	require.Equal(t, []string{"ng-1", "ng-3", "none", "gone", "ok-1"}, ids(shown()))
	history := shown().Images[4].History
	require.Equal(t, []string{"NG", "OK"}, []string{history[0].Verdict, history[1].Verdict})
}

// An image belongs to the time at which it was inspected, whenever it is judged.
func TestPeriod(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	first := r.image(t, "ok-1").Last().Time
	own, err := record.Open(r.path)
	require.NoError(t, err)
	for _, id := range []string{"ok-1", "ng-1", "ng-3", "gone"} {
		e := r.image(t, id).Last()
		e.By, e.Time = "Sato", e.Time.Add(time.Hour)
		require.NoError(t, own.Append(e))
	}
	require.NoError(t, own.Close())
	b := newBook(r.path, r.book.judge, period.Period{To: first.Add(2 * time.Second)}, nil)
	_, err = b.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"ng-1", "ok-1"}, ids(b.list(language.English, "", showAll, time.Time{})))
	b = newBook(r.path, r.book.judge, period.Period{From: first.Add(2 * time.Second)}, nil)
	_, err = b.refresh()
	require.NoError(t, err)
	require.Equal(t, []string{"ng-3", "none", "gone"}, ids(b.list(language.English, "", showAll, time.Time{})))
	entries, unjudged, err := judged(r.path, period.Period{From: first.Add(2 * time.Second)})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, 2, unjudged)
}

func toString(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	b := newReader(t, r)
	japanese := func(q *http.Request) { q.Header.Set("Accept-Language", "ja") }
	for body, want := range map[string]string{
		`{"id":"ng-1","by":"","verdict":"OK"}`:                         "判定者の名前",
		`{"id":"ng-1","by":"model","verdict":"OK"}`:                    "人の名前ではありません",
		`{"id":"ng-1","by":"Sato","verdict":"maybe"}`:                  "maybe",
		`{"id":"ng-1","by":"Sato","verdict":"NG","boxes":[[1,1,1,1]]}`: "枠ではありません",
		`{"id":"nobody","by":"Sato","verdict":"NG"}`:                   "この画像はありません",
		`{"id":"ng-1","by":"Sato","verdict":"NG","seen":2}`:            "別の人",
		`{"id":"ng-1","by":"Sato","verdict":"NG","other":1}`:           "unknown field",
		`{`: "EOF",
		`{"note":"` + strings.Repeat("x", 2<<20) + `"}`: "too large",
	} {
		response, reply := b.do(http.MethodPost, "/api/judge", body, japanese)
		require.GreaterOrEqual(t, response.StatusCode, 400)
		require.Less(t, response.StatusCode, 500)
		require.Contains(t, reply, want)
	}
	response, _ := b.do(http.MethodPost, "/api/undo", `{"id":"ng-1","by":"Sato"}`, nil)
	require.Equal(t, http.StatusConflict, response.StatusCode)
	response, reply := b.do(http.MethodPost, "/api/send", `{"id":"ng-1"}`, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Contains(t, reply, "no connection")
	response, _ = b.do(http.MethodPost, "/api/send", `{"id":"nobody"}`, nil)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Len(t, r.image(t, "ng-1").Entries, 1, "nothing was written")
}

// Two people, each with a page, judge all images at once: each judgement is one line, and of
// two about what both saw, one is refused.
func TestTwoReviewers(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	var people sync.WaitGroup
	accepted := []map[string]bool{{}, {}}
	l := newReader(t, r).list("")
	for n, by := range []string{"Sato", "Ito"} {
		b := newReader(t, r)
		people.Go(func() {
			for _, v := range l.Images {
				response, body := b.do(http.MethodPost, "/api/judge", toString(map[string]any{
					"id": v.ID, "by": by, "verdict": "NG", "boxes": [][4]int{{n, n, 50, 50}}, "seen": v.Seen,
				}), nil)
				accepted[n][v.ID] = response.StatusCode == http.StatusOK
				assert.Contains(t, []int{http.StatusOK, http.StatusConflict}, response.StatusCode, body)
			}
		})
	}
	people.Wait()
	for id := range accepted[0] {
		require.NotEqual(t, accepted[0][id], accepted[1][id], id)
		image := r.image(t, id)
		require.Len(t, image.Entries, 2)
		require.Eventually(t, func() bool { return r.image(t, id).Sent() == 1 }, 10*time.Second, 10*time.Millisecond)
		require.Len(t, r.annotations(t, id), 1)
	}
}

// Two people, each with a program of their own, judge an image at the same moment: the
// last line of the record holds, both see it, and who has not is told.
func TestTwoReviewsOfOneMoment(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	own, err := record.Open(r.path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = own.Close() })
	other := newBook(r.path, judge.New(own, nil), period.Period{}, nil)
	at := time.Now().UTC().Truncate(time.Millisecond)
	say := func(b *book, by, verdict string, seen int, before func()) (view, error) {
		return b.change(language.English, "ng-1", func(image *judge.Image) error {
			before()
			if seen > 0 { // through the judge, who looks at what was seen
				return b.judge.Add(image, judge.Judgement{ID: "ng-1", By: by, Verdict: hacarus.Verdict(verdict), Seen: seen})
			}
			e := image.Last()
			e.By, e.Verdict, e.Time = by, verdict, at
			return own.Append(e)
		})
	}
	var first view
	last, err := say(r.book, "Sato", "OK", 0, func() {
		first, err = say(other, "Ito", "NG", 0, func() {})
		require.NoError(t, err)
	})
	require.NoError(t, err)
	require.Equal(t, []any{"Ito", 2}, []any{first.By, first.Seen}, "nobody knows of the other one yet")
	require.Equal(t, []any{"Sato", 3}, []any{last.By, last.Seen})
	require.Equal(t, last.History[0].Time, last.History[1].Time)
	_, err = other.refresh()
	require.NoError(t, err)
	listed := other.list(language.English, "", showJudged, time.Time{}).Images
	require.Equal(t, []view{last}, listed, "both see the same")
	_, err = say(other, "Ito", "NG", first.Seen, func() {})
	require.ErrorIs(t, err, judge.ErrOvertaken, "the time is the same")
	after, err := say(other, "Ito", "NG", last.Seen, func() {})
	require.NoError(t, err)
	require.Equal(t, "Ito", after.By)
}

func TestPictures(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	b := newReader(t, r)
	response, body := b.do(http.MethodGet, "/api/picture?id=ng-1", "", nil)
	require.Equal(t, "image/jpeg", response.Header.Get("Content-Type"))
	require.Equal(t, "disk", response.Header.Get(fromHeader))
	require.Equal(t, string(plate(t, "NG-01-scratch.jpg")), body)
	response, body = b.do(http.MethodGet, "/api/thumbnail?id=ng-1", "", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	config, _, err := image.DecodeConfig(strings.NewReader(body))
	require.NoError(t, err)
	require.LessOrEqual(t, max(config.Width, config.Height), thumbnailSize)
	for _, path := range []string{"/api/picture?id=gone", "/api/picture?id=nobody", "/api/thumbnail?id=nobody"} {
		response, _ = b.do(http.MethodGet, path, "", nil)
		require.Equal(t, http.StatusNotFound, response.StatusCode, path)
	}
	response, _ = b.do(http.MethodGet, "/api/thumbnail?id=gone", "", nil)
	require.Equal(t, http.StatusNoContent, response.StatusCode)

	// Another file in the image's place is not shown.
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "NG-01-scratch.jpg"), plate(t, "OK-01.jpg"), 0o600))
	response, _ = b.do(http.MethodGet, "/api/picture?id=ng-1", "", nil)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}

// A TIFF, which browsers do not show, becomes what they do.
func TestPictureForBrowser(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, tiff.Encode(&b, image.NewGray16(image.Rect(0, 0, 600, 30)), nil))
	content, err := forBrowser(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, "image/png", http.DetectContentType(content))
	_, err = forBrowser([]byte("no image"))
	require.Error(t, err)
	require.Equal(t, image.Pt(256, 12), small(image.NewGray(image.Rect(0, 0, 600, 30))).Bounds().Size())
}
