package page

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// post sends a judgement.
func post(t *testing.T, page http.Handler, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	return get(t, page, "/judgements", func(r *http.Request) {
		*r = *httptest.NewRequestWithContext(r.Context(), http.MethodPost, "/judgements", strings.NewReader(body))
		r.Host = "192.0.2.7:8080"
		r.Header.Set("Content-Type", "application/json")
		if change != nil {
			change(r)
		}
	})
}

// bench is a page that runs with one image, in a bubble of synctest.
func bench(t *testing.T) (page *Page, feed *fakeFeed, seq uint64) {
	t.Helper()
	feed = newFeed()
	feed.takes = 200 * time.Millisecond
	feed.inspected("A", "plate", "NG", time.Now())
	seq = feed.add(record.Entry{
		ID: "plate", Time: time.Now(), Station: "A", File: "plate.png", SHA256: "5ba", Model: "m", ItemID: "17", Verdict: "unknown",
		Score: new(0.5), Boxes: [][4]int{{1, 2, 3, 4}}, Error: new("no verdict"), By: record.Model, To: "/failed/plate.png",
	})
	page = New(feed, Options{Token: testToken})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { page.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	synctest.Wait()
	return page, feed, seq
}

func judgement(seq uint64, verdict, by, reason string) string {
	return fmt.Sprintf(`{"id":"plate","seq":%d,"verdict":%q,"by":%q,"reason":%q}`, seq, verdict, by, reason)
}

func TestJudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, feed, seq := bench(t)
		time.Sleep(time.Minute)
		w := post(t, page, judgement(seq, "OK", " 佐藤 ", "ほこり "), withCookie(testToken))
		require.Equal(t, http.StatusNoContent, w.Code, w.Body)
		require.Len(t, feed.judged, 1)
		require.Equal(t, record.Entry{
			ID: "plate", Time: feed.judged[0].Time.UTC(), Station: "A", File: "plate.png", SHA256: "5ba", Model: "m", ItemID: "17", Verdict: "OK",
			Score: new(0.5), Boxes: [][4]int{}, By: "佐藤", Note: "ほこり", To: "/failed/plate.png",
		}, feed.judged[0].Entry())
		require.WithinDuration(t, time.Now().Add(-feed.takes), feed.judged[0].Time, 0, "the page's clock counts")
		holds, after, ok := page.line.imageOf("plate")
		require.True(t, ok)
		require.Equal(t, "佐藤", holds.By, "it is there when it was saved")
		require.Greater(t, after, seq)
	})
}

// A judgement is a line after the one that it is about.
func TestJudgementEntry(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	box := [][4]int{{1, 2, 3, 4}}
	for name, c := range map[string]struct {
		of, want record.Entry
		verdict  string
	}{
		"where nothing is wrong there is no box":     {record.Entry{Time: now.Add(-1), Boxes: box}, record.Entry{Time: now, Boxes: [][4]int{}}, "OK"},
		"where something is, there it is":            {record.Entry{Time: now.Add(-1), Boxes: box}, record.Entry{Time: now, Boxes: box}, "NG"},
		"boxes are never null":                       {record.Entry{Time: now.Add(-1)}, record.Entry{Time: now, Boxes: [][4]int{}}, "unknown"},
		"a clock that is behind does not turn it":    {record.Entry{Time: now.Add(time.Hour)}, record.Entry{Time: now.Add(time.Hour + time.Microsecond), Boxes: [][4]int{}}, "NG"},
		"what is said takes the place of an error":   {record.Entry{Error: new("none")}, record.Entry{Time: now, Boxes: [][4]int{}}, "NG"},
		"what was taken back is said anew":           {record.Entry{By: "Tanaka", Undo: true}, record.Entry{Time: now, Boxes: [][4]int{}}, "NG"},
		"the file stays where it is, and is told so": {record.Entry{To: "/ng/1.png"}, record.Entry{Time: now, Boxes: [][4]int{}, To: "/ng/1.png"}, "NG"},
	} {
		c.want.Verdict, c.want.By, c.want.Note = c.verdict, "Sato", "dust"
		require.Equal(t, c.want, Judgement{Of: c.of, Time: now, Verdict: c.verdict, By: "Sato", Note: "dust"}.Entry(), name)
	}
}

func TestJudgementsThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, feed, seq := bench(t)
		for name, c := range map[string]struct {
			body string
			want int
			word string
		}{
			"nobody":                {judgement(seq, "OK", "", "dust"), http.StatusUnprocessableEntity, "name"},
			"spaces":                {judgement(seq, "OK", " \u3000\u00a0", "dust"), http.StatusUnprocessableEntity, "name"},
			"what cannot be seen":   {judgement(seq, "OK", "\u200b", "dust"), http.StatusUnprocessableEntity, "name"},
			"an accent of nothing":  {judgement(seq, "OK", "\u0301", "dust"), http.StatusUnprocessableEntity, "name"},
			"the model":             {judgement(seq, "OK", "Model", "dust"), http.StatusUnprocessableEntity, "name"},
			"two lines":             {judgement(seq, "OK", "Sato\nTanaka", "dust"), http.StatusUnprocessableEntity, "name"},
			"turned round":          {judgement(seq, "OK", "Sato\u202e", "dust"), http.StatusUnprocessableEntity, "name"},
			"a long name":           {judgement(seq, "OK", strings.Repeat("佐", 101), "dust"), http.StatusUnprocessableEntity, "name"},
			"no reason":             {judgement(seq, "OK", "Sato", " "), http.StatusUnprocessableEntity, "reason"},
			"a long reason":         {judgement(seq, "OK", "Sato", strings.Repeat("x", maxReason+1)), http.StatusUnprocessableEntity, "reason"},
			"no verdict":            {judgement(seq, "", "Sato", "dust"), http.StatusUnprocessableEntity, "verdict"},
			"another verdict":       {judgement(seq, "ok", "Sato", "dust"), http.StatusUnprocessableEntity, "verdict"},
			"an older line":         {judgement(seq-1, "OK", "Sato", "dust"), http.StatusConflict, "judged"},
			"no line":               {judgement(0, "OK", "Sato", "dust"), http.StatusConflict, "judged"},
			"another image":         {strings.Replace(judgement(seq, "OK", "Sato", "dust"), "plate", "none", 1), http.StatusNotFound, "gone"},
			"no JSON":               {"id=plate", http.StatusBadRequest, "malformed"},
			"nothing":               {"", http.StatusBadRequest, "malformed"},
			"more than is ever due": {`{"reason":"` + strings.Repeat("x", 1<<20) + `"}`, http.StatusBadRequest, "malformed"},
		} {
			w := post(t, page, c.body, withCookie(testToken))
			require.Equal(t, c.want, w.Code, name)
			require.Equal(t, c.word+"\n", w.Body.String(), name)
		}
		w := post(t, page, judgement(seq, "OK", "Sato", "dust"), func(r *http.Request) {
			withCookie(testToken)(r)
			r.Header.Set("Content-Type", "text/plain") // which a form of another site can send
		})
		require.Equal(t, http.StatusBadRequest, w.Code)
		feed.set(func() { feed.away = errAway })
		w = post(t, page, judgement(seq, "OK", "Sato", "dust"), withCookie(testToken))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotContains(t, w.Body.String(), "nats", "what is inside stays inside")
		require.Empty(t, feed.judged)
	})
}

// Of people who judge an image at the same time one is heard, and the others see
// what that one has said before they say something else.
func TestJudgesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, feed, seq := bench(t)
		var judges sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		for n := range 20 {
			judges.Go(func() {
				w := post(t, page, judgement(seq, "OK", fmt.Sprint("Judge ", n), "dust"), withCookie(testToken))
				mu.Lock()
				defer mu.Unlock()
				codes[w.Code]++
			})
		}
		judges.Wait()
		require.Equal(t, map[int]int{http.StatusNoContent: 1, http.StatusConflict: 19}, codes)
		require.Len(t, feed.judged, 1)
		_, now, _ := page.line.imageOf("plate")
		w := post(t, page, judgement(now, "NG", "Tanaka", "a scratch"), withCookie(testToken))
		require.Equal(t, http.StatusNoContent, w.Code, "who has seen it may say otherwise")
	})
}

// A judgement is recorded also if who made it does not wait.
func TestJudgeWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, feed, seq := bench(t)
		left, cancel := context.WithCancel(t.Context())
		cancel()
		post(t, page, judgement(seq, "OK", "Sato", "dust"), func(r *http.Request) {
			withCookie(testToken)(r)
			*r = *r.WithContext(left)
		})
		assert.Len(t, feed.judged, 1)
	})
}
