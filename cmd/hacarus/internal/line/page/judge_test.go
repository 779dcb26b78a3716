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

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/judge"
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
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Len(t, feed.judged, 1)
		require.Equal(t, record.Entry{
			ID: "plate", Time: feed.judged[0].Time.UTC(), Station: "A", File: "plate.png", SHA256: "5ba", Model: "m", ItemID: "17", Verdict: "OK",
			Score: new(0.5), Boxes: [][4]int{}, By: "佐藤", Note: "ほこり", To: "/failed/plate.png",
		}, feed.judged[0])
		require.WithinDuration(t, time.Now().Add(-feed.takes), feed.judged[0].Time, 0, "the page's clock counts")
		shown := decode[judgementResponse](t, w.Body.Bytes()).Image
		require.Equal(t, "佐藤", shown.By, "it is there when it was saved")
		require.Greater(t, shown.Seq, seq)
	})
}

// A judgement is a line after the one that it is about.
func TestJudgementEntry(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	box := [][4]int{{1, 2, 3, 4}}
	drawn := [][4]int{{5, 6, 7, 8}}
	model := record.Entry{Time: now.Add(-2), Verdict: "NG", Boxes: box, By: record.Model}
	for name, c := range map[string]struct {
		of      []record.Entry
		verdict string
		want    record.Entry
	}{
		"where nothing is wrong there is no box":     {[]record.Entry{model}, "OK", record.Entry{Time: now, Boxes: [][4]int{}}},
		"where something is, there it is":            {[]record.Entry{model}, "NG", record.Entry{Time: now, Boxes: box}},
		"also after somebody took it for nothing":    {[]record.Entry{model, {Time: now.Add(-1), Verdict: "OK", By: "Tanaka"}}, "NG", record.Entry{Time: now, Boxes: box}},
		"where a person drew it":                     {[]record.Entry{model, {Time: now.Add(-1), Verdict: "NG", By: "Tanaka", Boxes: drawn}}, "NG", record.Entry{Time: now, Boxes: drawn}},
		"boxes are never null":                       {[]record.Entry{{Time: now.Add(-1)}}, "unknown", record.Entry{Time: now, Boxes: [][4]int{}}},
		"a clock that is behind does not turn it":    {[]record.Entry{{Time: now.Add(time.Hour)}}, "NG", record.Entry{Time: now.Add(time.Hour + time.Microsecond), Boxes: [][4]int{}}},
		"what is said takes the place of an error":   {[]record.Entry{{Error: new("none")}}, "NG", record.Entry{Time: now, Boxes: [][4]int{}}},
		"what was taken back is said anew":           {[]record.Entry{{By: "Tanaka", Undo: true}}, "NG", record.Entry{Time: now, Boxes: [][4]int{}}},
		"the file stays where it is, and is told so": {[]record.Entry{{To: "/ng/1.png"}}, "NG", record.Entry{Time: now, Boxes: [][4]int{}, To: "/ng/1.png"}},
	} {
		c.want.Verdict, c.want.By, c.want.Note = c.verdict, "Sato", "dust"
		i := &shownImage{Image: judge.Image{Entries: c.of}}
		require.Equal(t, c.want, i.judged(judgementRequest{Verdict: c.verdict, By: "Sato", Reason: "dust"}, now), name)
	}
}

// A judgement that was a slip is taken back: with a name, a reason, and what held
// before, which is a person's where one had judged before.
func TestTakingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, feed, seq := bench(t)
		undo := func(by, reason string) int {
			body := fmt.Sprintf(`{"id":"plate","seq":%d,"undo":true,"by":%q,"reason":%q}`, page.line.imageOf("plate").Seq, by, reason)
			return post(t, page, body, withCookie(testToken)).Code
		}
		require.Equal(t, http.StatusUnprocessableEntity, undo("Sato", "a slip"), "nobody has judged")
		model := page.line.imageOf("plate")
		post(t, page, judgement(seq, "OK", "Sato", "dust"), withCookie(testToken))
		post(t, page, judgement(page.line.imageOf("plate").Seq, "NG", "Tanaka", "a dent"), withCookie(testToken))
		require.Equal(t, http.StatusUnprocessableEntity, undo("", "a slip"), "not by nobody")
		require.Equal(t, http.StatusUnprocessableEntity, undo("Tanaka", ""), "not without a reason")
		require.Equal(t, http.StatusOK, undo("Tanaka", "a slip"))
		now := page.line.imageOf("plate")
		require.Equal(t, []string{"OK", "Sato", "dust", "Tanaka", "a slip"}, []string{now.Verdict, now.By, now.Note, now.UndoBy, now.UndoWhy})
		require.Equal(t, counts{OK: 1}, page.line.stations["A"].counts)
		require.Equal(t, http.StatusOK, undo("Suzuki", "Sato was wrong"))
		now = page.line.imageOf("plate")
		require.Equal(t, []string{"unknown", "", "Suzuki"}, []string{now.Verdict, now.By, now.UndoBy})
		require.Equal(t, model.Boxes, now.Boxes)
		require.Equal(t, model.Error, now.Error)
		require.Equal(t, counts{None: 1}, page.line.stations["A"].counts)
		require.Equal(t, http.StatusUnprocessableEntity, undo("Suzuki", "again"), "nothing is left to take back")
		last := feed.judged[3]
		require.True(t, last.Undo)
		require.Equal(t, []string{"plate", "A", "unknown", "Suzuki", "Sato was wrong"}, []string{last.ID, last.Station, last.Verdict, last.By, last.Note})
		require.True(t, last.Time.After(feed.judged[2].Time))
		require.Equal(t, http.StatusOK, post(t, page, judgement(now.Seq, "NG", "Suzuki", "a dent"), withCookie(testToken)).Code, "and it can be judged anew")
	})
}

// Of an image that is judged again and again, no more is kept than of others.
func TestJudgedAgainAndAgain(t *testing.T) {
	t.Parallel()
	l := newLine(shifts{location: time.UTC})
	for seq := range uint64(10 * keptLines) {
		by := record.Model
		if seq > 0 {
			by = fmt.Sprint("Judge ", seq)
		}
		l.take(Event{1 + seq, record.Entry{ID: "plate", Station: "A", Time: time.Now(), Verdict: "NG", By: by}})
	}
	require.Len(t, l.images["plate"].Entries, keptLines)
	require.Equal(t, record.Model, l.images["plate"].Entries[0].By)
	require.Equal(t, fmt.Sprint("Judge ", 10*keptLines-1), l.images["plate"].view().By)
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
			"an undo to something":  {strings.Replace(judgement(seq, "OK", "Sato", "dust"), `"verdict"`, `"undo":true,"verdict"`, 1), http.StatusUnprocessableEntity, "verdict"},
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
			require.Equal(t, c.word, decode[judgementResponse](t, w.Body.Bytes()).Problem, name)
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
		require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusConflict: 19}, codes)
		require.Len(t, feed.judged, 1)
		w := post(t, page, judgement(page.line.imageOf("plate").Seq, "NG", "Tanaka", "a scratch"), withCookie(testToken))
		require.Equal(t, http.StatusOK, w.Code, "who has seen it may say otherwise")
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
