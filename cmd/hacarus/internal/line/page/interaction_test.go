package page

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/pagetest"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
)

// emulateNetwork is a command that newer versions of the protocol have under two
// names.
var emulateNetwork = cdp.Command[network.OverrideNetworkStateParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// offline cuts a tab's network, or joins it again.
func (b *tab) offline(cut bool) {
	b.T.Helper()
	b.Run(
		pagetest.Command(network.Enable, network.EnableParams{}),
		pagetest.Command(emulateNetwork, network.OverrideNetworkStateParams{Offline: cut, DownloadThroughput: -1, UploadThroughput: -1}),
	)
}

// tap touches the middle of what a selector finds.
func (b *tab) tap(selector string) {
	b.T.Helper()
	b.Run(chromedp.Click(selector, chromedp.NodeVisible))
}

const stationOpen = `!document.getElementById('station').hidden`

// A verdict is on the screen within a second of being there, and a page that stays
// open does not grow.
func TestVerdictsInBrowser(t *testing.T) { //nolint:paralleltest // it measures time
	feed := newScene(t)
	s := open(t, feed, Options{Stale: stale})
	b := newTab(t, pagetest.Start(t), s.server.URL+"/?lang=en", tablet, "light")
	b.Wait(`document.querySelectorAll('.tile').length === 8 && ` + allLoaded)
	tile := func(n int) string { return fmt.Sprintf(`document.querySelectorAll('.tile')[%d]`, n) }
	var slowest time.Duration
	for n := range 20 {
		id, verdict := fmt.Sprint("new-", n), []string{"OK", "NG", "unknown"}[n%3]
		begun := time.Now()
		feed.inspected("CAM-8", id, verdict, begun)
		b.Wait(fmt.Sprintf(`%[1]s.dataset.verdict === %[2]q && %[1]s.dataset.state === 'live' && %[1]s.querySelectorAll('.chips li').length === %[3]d`, tile(7), verdict, min(n+1, 12)))
		slowest = max(slowest, time.Since(begun))
	}
	require.Less(t, slowest, time.Second)
	require.Equal(t, []string{"7", "7", "6"}, pagetest.Eval[[]string](b, `[...`+tile(7)+`.querySelectorAll('dd')].map((e) => e.textContent)`))
	b.Wait(tile(7) + `.querySelector('.picture p').textContent === 'The image is not there any more'`)

	b.Press("1")
	b.Wait(stationOpen)
	for n := range 60 {
		feed.numbered("CAM-1", 1000+n)
	}
	b.Wait(`document.querySelector('.strip').children.length === 30 && document.querySelector('.facts dd').textContent.startsWith('CAM-1-1059')`)
	before := pagetest.Eval[int](b, `document.querySelectorAll('*').length`)
	for n := range 600 {
		feed.numbered(fmt.Sprint("CAM-", 1+n%8), 2000+n)
	}
	b.Wait(`document.querySelector('.facts dd').textContent.startsWith('CAM-1-2592')`)
	require.InDelta(t, before, pagetest.Eval[int](b, `document.querySelectorAll('*').length`), 60)
}

// A screen without a connection says so instead of what was there, and goes on with
// all that it missed.
func TestOfflineInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			feed := newScene(t)
			s := open(t, feed, Options{Stale: stale, Token: testToken})
			b := newTab(t, browser, s.server.URL+"/?lang="+l.language+"&token="+testToken, l.screen, l.theme)
			b.Wait(`document.querySelectorAll('.tile').length === 8 && ` + allLoaded)
			b.offline(true)
			b.Wait(`[...document.querySelectorAll('.tile')].every((t) => t.dataset.state === 'offline')`)
			word := map[string]string{"en": "No connection", "ja": "接続なし"}[l.language]
			require.Contains(t, pagetest.Eval[string](b, `document.getElementById('alarm').textContent`), word)
			b.check(l.String() + "-offline-all")
			b.Press("2")
			b.Wait(stationOpen)
			require.Equal(t, "offline", pagetest.Eval[string](b, `document.getElementById('station').dataset.state`))
			b.check(l.String() + "-offline-NG")
			b.Press(kb.Escape)
			for n := range 5 {
				feed.inspected("CAM-1", fmt.Sprint("missed-", n), "NG", time.Now())
			}
			b.offline(false)
			b.Wait(`document.querySelector('.tile').dataset.state === 'live' && document.querySelector('.tile').dataset.verdict === 'NG'`)
			require.Equal(t, strings.Repeat("ng", 5), pagetest.Eval[string](b, `[...document.querySelectorAll('.tile')[0].querySelectorAll('.chips li')].slice(0, 5).map((e) => e.dataset.mark).join('')`))
			require.True(t, pagetest.Eval[bool](b, `document.getElementById('alarm').hidden`))
		})
	}
}

// A page whose server is replaced comes back by itself, as another version of it if
// it is one.
func TestServerRestartInBrowser(t *testing.T) {
	t.Parallel()
	feed := newScene(t)
	var current atomic.Pointer[Page]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := current.Load(); p != nil {
			p.ServeHTTP(w, r)
			return
		}
		http.Error(w, "starting", http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	first := open(t, feed, Options{Stale: stale})
	current.Store(first.Page)
	b := newTab(t, pagetest.Start(t), server.URL+"/?lang=en", tablet, "dark")
	b.Wait(`document.querySelectorAll('.tile').length === 8 && document.body.dataset.link === 'up'`)
	b.Do(`window.before = true`)

	current.Store(nil)
	first.server.CloseClientConnections()
	server.CloseClientConnections()
	b.Wait(`document.body.dataset.link === 'down'`)
	feed.inspected("CAM-1", "new", "NG", time.Now())
	current.Store(open(t, feed, Options{Stale: stale}).Page)
	b.Wait(`document.body.dataset.link === 'up' && document.querySelector('.tile').dataset.verdict === 'NG'`)
	require.True(t, pagetest.Eval[bool](b, `window.before`), "the same page goes on")

	next := open(t, feed, Options{Stale: stale})
	next.version = "next"
	current.Store(next.Page)
	server.CloseClientConnections()
	b.Wait(`document.body.dataset.link === 'up' && !window.before && JSON.parse(document.getElementById('config').textContent).version === 'next'`)
}

// People judge with a finger, in both languages: who is asked once, why each time.
func TestJudgingInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	for _, l := range handLooks() {
		t.Run(l.String(), func(t *testing.T) {
			feed := newScene(t)
			s := open(t, feed, Options{Stale: stale, Token: testToken})
			b := newTab(t, browser, s.server.URL+"/?station=CAM-3&lang="+l.language+"&token="+testToken, l.screen, l.theme)
			b.Wait(stationOpen + ` && document.querySelectorAll('.strip li').length === 24 && ` + allLoaded)
			b.tap(`.judge [data-verdict="NG"]`)
			b.Wait(`document.getElementById('judging').open`)
			b.check(l.String() + "-judging")
			b.tap(`#judging .primary`)
			b.Wait(`document.querySelector('#judging .problem').textContent !== ''`)
			b.tap(`#judging .reasons button:nth-child(2)`)
			b.tap(`#judging .primary`)
			b.Wait(`document.activeElement.name === 'by'`)
			require.Empty(t, feed.judgements(), "nobody judges without a name")
			b.check(l.String() + "-judging-name")
			// While somebody writes, the line goes on; what is judged is what was shown.
			feed.inspected("CAM-3", "meanwhile", "OK", time.Now())
			b.Run(chromedp.SendKeys(`#judging [name=by]`, "佐藤 Sato"))
			b.tap(`#judging .primary`)
			b.Wait(`!document.getElementById('judging').open`)
			b.Wait(`document.getElementById('toast').textContent.includes('佐藤 Sato')`)
			b.Shoot(l.String() + "-judged")
			judged := feed.judgements()
			require.Len(t, judged, 1)
			require.Equal(t, "CAM-3-23", judged[0].ID)
			require.Equal(t, "NG", judged[0].Verdict)
			require.Equal(t, "佐藤 Sato", judged[0].By)
			require.Equal(t, map[string]string{"en": "Dust or dirt", "ja": "ほこり・汚れ"}[l.language], judged[0].Note)
			b.Wait(`document.querySelectorAll('.strip button')[1].dataset.mark === 'ng'`)
			require.Contains(t, pagetest.Eval[string](b, `document.getElementById('me').getAttribute('aria-label')`), "佐藤 Sato")

			b.tap(`.strip li:nth-child(2) button`)
			b.Wait(`document.getElementById('station').dataset.state === 'earlier'`)
			require.Contains(t, pagetest.Eval[string](b, `document.querySelector('#station .sign').textContent`), "佐藤 Sato")
			require.Empty(t, pagetest.Eval[string](b, `document.querySelector('#station .picture p').textContent`), "nothing is said of an image that is there")
			b.check(l.String() + "-earlier")
			b.tap(`.judge [data-verdict="unknown"]`)
			b.Wait(`document.getElementById('judging').open`)
			require.False(t, pagetest.Eval[bool](b, `document.querySelector('#judging [name=by]').checkVisibility()`), "who judges is known")
			b.check(l.String() + "-judging-again")
			// Somebody else is quicker.
			feed.add(record.Entry{ID: "CAM-3-23", Time: time.Now(), Station: "CAM-3", File: "x.png", Verdict: "OK", By: "Tanaka", Note: "light"})
			b.Wait(`document.querySelectorAll('.strip button')[1].dataset.mark === 'ok'`)
			b.Run(chromedp.SendKeys(`#judging [name=reason]`, "not sure"))
			b.tap(`#judging .primary`)
			b.Wait(`document.querySelector('#judging .problem').textContent !== ''`)
			require.Len(t, feed.judgements(), 1)
			require.Contains(t, pagetest.Eval[string](b, `document.querySelector('#judging .about p').textContent`), "Tanaka", "what the other has said is to be seen")
			b.check(l.String() + "-judging-conflict")
			b.tap(`#judging .primary`)
			b.Wait(`!document.getElementById('judging').open`)
			require.Len(t, feed.judgements(), 2, "who has seen it may say otherwise")

			b.tap(`#station .live`)
			b.Wait(`document.getElementById('station').dataset.state === 'live'`)
			// Another shift is another person.
			s.line.mu.Lock()
			s.line.shifts = shifts{[]time.Duration{time.Since(time.Now().Truncate(24*time.Hour)) - time.Minute}, time.UTC}
			s.line.shift.next = time.Now()
			s.line.mu.Unlock()
			b.Wait(`document.getElementById('me').hasAttribute('data-nobody')`)
			feed.set(func() { feed.away = errAway })
			b.Wait(`document.getElementById('station').dataset.state === 'queue'`)
			b.check(l.String() + "-queue")
		})
	}
}

// A slip of the finger is taken back where it was told of, and later where the image
// is looked at. What holds then can be seen each time.
func TestTakingBackInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	for _, l := range handLooks() {
		t.Run(l.String(), func(t *testing.T) {
			feed := newScene(t)
			s := open(t, feed, Options{Stale: stale, Token: testToken})
			b := newTab(t, browser, s.server.URL+"/?station=CAM-1&lang="+l.language+"&token="+testToken, l.screen, l.theme)
			b.Wait(stationOpen + ` && document.querySelectorAll('.strip li').length === 24 && ` + allLoaded)
			require.False(t, pagetest.Eval[bool](b, `document.querySelector('.undo').checkVisibility()`), "there is nothing to take back")
			b.tap(`.judge [data-verdict="NG"]`)
			b.Wait(`document.getElementById('judging').open`)
			b.Run(chromedp.SendKeys(`#judging [name=by]`, "佐藤"))
			b.tap(`#judging .reasons button:nth-child(1)`)
			b.tap(`#judging .primary`)
			b.Wait(`!document.getElementById('judging').open && document.getElementById('station').dataset.verdict === 'NG'`)
			b.check(l.String() + "-slip")
			feed.inspected("CAM-1", "meanwhile", "OK", time.Now()) // the line goes on
			b.Wait(`document.getElementById('station').dataset.verdict === 'OK'`)

			b.tap(`#toast button`)
			b.Wait(`document.getElementById('judging').open`)
			require.Contains(t, pagetest.Eval[string](b, `document.querySelector('#judging .about p').textContent`), "佐藤")
			require.False(t, pagetest.Eval[bool](b, `document.querySelector('#judging .choices').checkVisibility()`))
			b.check(l.String() + "-undoing")
			b.tap(`#judging .primary`)
			b.Wait(`!document.getElementById('judging').open && document.querySelectorAll('.strip button')[1].dataset.mark === 'ok'`)
			said := feed.judgements()
			require.Len(t, said, 2)
			require.True(t, said[1].Undo)
			require.Equal(t, []string{"CAM-1-23", "OK", "佐藤"}, []string{said[1].ID, said[1].Verdict, said[1].By})
			require.Equal(t, map[string]string{"en": "Pressed by mistake", "ja": "押し間違い"}[l.language], said[1].Note)
			b.Wait(`document.querySelector('#toast span').textContent.includes('OK')`)
			b.tap(`.strip li:nth-child(2) button`)
			b.Wait(`document.getElementById('station').dataset.state === 'earlier'`)
			require.Contains(t, pagetest.Eval[string](b, `document.querySelector('#station .sign').textContent`), "佐藤")
			b.check(l.String() + "-undone")

			// Another has judged it since; who takes that back says why.
			feed.add(record.Entry{ID: "CAM-1-23", Time: time.Now(), Station: "CAM-1", File: "x.png", Verdict: "NG", By: "Tanaka", Note: "light"})
			b.Wait(`document.querySelector('.undo').checkVisibility() && document.querySelector('.undo').textContent.includes('Tanaka')`)
			b.check(l.String() + "-judged-by-another")
			b.tap(`.undo`)
			b.Wait(`document.getElementById('judging').open`)
			require.Empty(t, pagetest.Eval[string](b, `document.querySelector('#judging [name=reason]').value`))
			feed.add(record.Entry{ID: "CAM-1-23", Time: time.Now(), Station: "CAM-1", File: "x.png", Verdict: "OK", By: "Tanaka", Undo: true})
			b.Wait(`!document.querySelector('.undo').checkVisibility()`)
			b.tap(`#judging .reasons button:nth-child(2)`)
			b.tap(`#judging .primary`)
			b.Wait(`document.querySelector('#judging .problem').textContent !== ''`)
			require.Len(t, feed.judgements(), 2, "Tanaka was quicker")
			b.Press(kb.Escape)
			b.Wait(`!document.getElementById('judging').open`)
		})
	}
}

// handLooks are those for hands.
func handLooks() []look {
	return slices.DeleteFunc(looks(), func(l look) bool { return l.screen == wall4K })
}

// What is wrong with a service is told in the language of who looks, by what can be
// done; its own words are for support.
func TestTroublesInBrowser(t *testing.T) {
	t.Parallel()
	feed := newFeed()
	plate := platesOf(t)[0].content
	kinds := []inspector.Trouble{
		inspector.TroubleUnreachable, inspector.TroubleFailing, inspector.TroubleLogin, inspector.TroubleLicense,
		inspector.TroubleForbidden, inspector.TroubleModel, inspector.TroubleInspector, inspector.TroubleOther, "", "of a later version",
	}
	raw := `hacarus: predictItems: Post "https://check.plant.example/api/v1/predict": dial tcp 192.0.2.7:443: connect: connection refused (4 attempts)`
	for n, kind := range kinds {
		name := fmt.Sprint("CAM-", n+1)
		feed.stations = append(feed.stations, Station{Name: name, LastSeen: time.Now(), Waiting: 3, Oldest: time.Now(), Service: raw, Trouble: kind})
		feed.images[name] = plate
		feed.inspected(name, name, "OK", time.Now())
	}
	s := open(t, feed, Options{Stale: stale})
	browser := pagetest.Start(t)
	for _, l := range handLooks() {
		t.Run(l.String(), func(t *testing.T) {
			words := wordsOf(language.Language(l.language))
			b := newTab(t, browser, s.server.URL+"/?lang="+l.language, l.screen, l.theme)
			b.Wait(fmt.Sprintf(`document.querySelectorAll('.tile').length === %d && `, len(kinds)) + allLoaded)
			b.check(l.String() + "-troubles")
			for n, kind := range kinds {
				b.Do(fmt.Sprintf(`document.querySelectorAll('.tile a')[%d].click()`, n))
				b.Wait(stationOpen + fmt.Sprintf(` && document.querySelector('#station h2').textContent === 'CAM-%d'`, n+1))
				sign := pagetest.Eval[string](b, `document.querySelector('#station .sign').textContent`)
				require.Contains(t, sign, cmp.Or(words[trouble(kind)], words[trouble(inspector.TroubleOther)]))
				require.NotContains(t, sign, "192.0.2.7")
				require.Equal(t, raw, pagetest.Eval[string](b, `[...document.querySelectorAll('.facts dd')].at(-1).textContent`))
				b.check(l.String() + "-trouble-" + cmp.Or(string(kind), "none"))
				b.Do(`document.querySelector('#station [data-go]').click()`)
			}
			b.Quiet()
		})
	}
}

func (f *fakeFeed) judgements() []record.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]record.Entry{}, f.judged...)
}

// Everything can be done with keys, and nothing that is typed is taken for one.
func TestKeysInBrowser(t *testing.T) {
	t.Parallel()
	feed := newScene(t)
	s := open(t, feed, Options{Stale: stale, Token: testToken})
	b := newTab(t, pagetest.Start(t), s.server.URL+"/?lang=en&token="+testToken, wallHD, "light")
	b.Wait(`document.querySelectorAll('.tile').length === 8 && ` + allLoaded)
	focused := `document.activeElement.textContent`
	for _, step := range []struct{ key, on string }{
		{kb.ArrowRight, "CAM-1"}, {kb.ArrowRight, "CAM-2"}, {kb.ArrowDown, "CAM-6"}, {kb.ArrowLeft, "CAM-5"}, {kb.ArrowUp, "CAM-1"}, {kb.ArrowUp, "CAM-1"}, {kb.Tab, "CAM-2"},
	} {
		b.Press(step.key)
		require.Equal(t, step.on, pagetest.Eval[string](b, focused))
	}
	b.Shoot("keys-wall")
	b.Press(kb.Enter)
	b.Wait(stationOpen + ` && document.querySelector('#station h2').textContent === 'CAM-2'`)
	b.Press(kb.ArrowRight)
	b.Wait(`document.getElementById('station').dataset.state === 'earlier'`)
	b.Press(kb.ArrowLeft)
	b.Wait(`document.getElementById('station').dataset.state === 'live'`)
	b.Press("?")
	b.Wait(`document.getElementById('keys').open`)
	b.check("keys-help")
	b.Press("n")
	b.Press(kb.Escape)
	b.Wait(`!document.getElementById('keys').open && !document.getElementById('judging').open`)
	b.Press("o")
	b.Wait(`document.getElementById('judging').open && document.activeElement.name === 'by'`)
	b.Press("Don 1?")
	require.Equal(t, "Don 1?", pagetest.Eval[string](b, `document.activeElement.value`))
	b.Run(chromedp.SendKeys(`#judging [name=reason]`, "seen"+kb.Enter))
	b.Wait(`!document.getElementById('judging').open`)
	require.Equal(t, "OK", feed.judgements()[0].Verdict)
	require.Equal(t, "Don 1?", feed.judgements()[0].By)
	b.Press("d")
	b.Wait(`document.getElementById('judging').open && document.activeElement.name === 'reason'`)
	b.Press(kb.Escape)
	b.Wait(`!document.getElementById('judging').open`)
	b.Press(kb.Escape)
	b.Wait(`document.getElementById('station').hidden && location.search === ''`)
	b.Press("5")
	b.Wait(stationOpen + ` && document.querySelector('#station h2').textContent === 'CAM-5'`)
	b.Run(chromedp.NavigateBack())
	b.Wait(`document.getElementById('station').hidden`)
	b.Quiet()
}

// What only looks, only looks; what has no token any more says so.
func TestTokensInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	feed := newScene(t)
	public := open(t, feed, Options{Stale: stale, Token: testToken, Public: true})
	b := newTab(t, browser, public.server.URL+"/?station=CAM-1&lang=en", tablet, "light")
	b.Wait(stationOpen + ` && ` + allLoaded)
	require.Contains(t, pagetest.Eval[string](b, `document.querySelector('.hint').textContent`), "can only look")
	require.Zero(t, pagetest.Eval[int](b, `document.querySelectorAll('.judge, #me').length`))
	b.check("public")
	b.Press("o")
	b.Quiet()

	for _, language := range []string{"en", "ja"} {
		closed := open(t, feed, Options{Stale: stale, Token: testToken})
		b = newTab(t, browser, closed.server.URL+"/?lang="+language, tablet, "light")
		b.Wait(`document.body.classList.contains('refused')`)
		b.check("refused-" + language)
		b.Run(chromedp.Navigate(closed.server.URL + "/?lang=" + language + "&token=" + testToken))
		b.Wait(`document.querySelectorAll('.tile').length === 8`)
		require.NotContains(t, pagetest.Eval[string](b, `location.href`), testToken)
		closed.opts.Token = "another"
		closed.server.CloseClientConnections()
		b.Wait(`document.getElementById('alarm').textContent.includes('` + map[string]string{"en": "token", "ja": "トークン"}[language] + `')`)
		b.check("denied-" + language)
	}
}

// Ages are the server's, whatever clock a browser has.
func TestClocksInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	s := open(t, newScene(t), Options{Stale: stale})
	for _, off := range []time.Duration{-25 * time.Hour, 90 * time.Minute} {
		b := newTab(t, browser, "about:blank", tablet, "light")
		shift := fmt.Sprintf(`{ const now = Date.now; Date.now = () => now() + %d; }`, off.Milliseconds())
		b.Run(pagetest.Command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: shift}), chromedp.Navigate(s.server.URL+"/?lang=en"))
		b.Wait(`document.querySelectorAll('.tile').length === 8`)
		require.Regexp(t, `^1 h.\d+ min ago$`, pagetest.Eval[string](b, `document.querySelectorAll('.tile')[3].querySelector('.age').textContent`))
		require.Equal(t, "live", pagetest.Eval[string](b, `document.querySelector('.tile').dataset.state`))
		// A clock that jumps while the page is open is a reason to ask anew.
		b.Do(`const now = Date.now; Date.now = () => now() + 3600000; window.jumped = true`)
		b.Wait(`document.querySelector('.tile').dataset.state === 'offline'`)
		b.Wait(`document.querySelector('.tile').dataset.state === 'live'`)
	}
}

// Names may be anything.
func TestNamesInBrowser(t *testing.T) {
	t.Parallel()
	feed := newFeed()
	evil := `<img src=x onerror="document.title='evil'">`
	for n, name := range []string{evil, strings.Repeat("long", 40), "検査装置　第３ライン　上流側カメラ", `a"b'c&d?e#f/../g %s %d`} {
		at := time.Now()
		feed.add(record.Entry{
			ID: fmt.Sprint("x/../", n, "?#%"), Time: at, Station: name, File: evil, Lot: strings.Repeat("ロット", 30), Serial: evil, Verdict: "unknown", By: record.Model,
			Error: new(evil + strings.Repeat("x", 5000)), Score: new(1e-12), Boxes: make([][4]int, 250),
		})
		feed.add(record.Entry{ID: fmt.Sprint("x/../", n, "?#%"), Time: at, Station: name, File: evil, Verdict: "OK", By: evil, Note: strings.Repeat("理由", 400)})
		feed.images[fmt.Sprint("x/../", n, "?#%")] = platesOf(t)[0].content
	}
	s := open(t, feed, Options{Stale: stale})
	browser := pagetest.Start(t)
	for _, on := range []screen{phone, tablet} {
		b := newTab(t, browser, s.server.URL+"/?lang=ja", on, "light")
		b.Wait(`document.querySelectorAll('.tile').length === 4 && ` + allLoaded)
		b.check("names-" + on.Name)
		for n := range 4 {
			b.Press(fmt.Sprint(n + 1))
			b.Wait(stationOpen + ` && ` + allLoaded)
			b.check(fmt.Sprintf("names-%s-%d", on.Name, n))
			require.Empty(t, pagetest.Eval[string](b, `document.querySelector('#station .picture p').textContent`), "the image is there")
		}
		require.NotEqual(t, "evil", pagetest.Eval[string](b, `document.title`))
		b.Quiet()
	}
}

// A plant has more stations than a screen has room for.
func TestManyStationsInBrowser(t *testing.T) {
	t.Parallel()
	feed := newFeed()
	plate := platesOf(t)[0].content
	for n := range 100 {
		id := fmt.Sprint("plate-", n)
		feed.images[id] = plate
		feed.inspected(fmt.Sprint("cam-", n+1), id, []string{"OK", "OK", "OK", "NG", "unknown"}[n%5], time.Now())
	}
	s := open(t, feed, Options{Stale: stale})
	browser := pagetest.Start(t)
	for _, on := range []screen{phone, tablet, wallHD, wall4K} {
		b := newTab(t, browser, s.server.URL+"/?lang=en", on, "dark")
		b.Wait(`document.querySelectorAll('.tile').length === 100`)
		b.Wait(`document.body.dataset.link === 'up' && ![...document.querySelectorAll('.tile img')].slice(0, 4).some((i) => i.hidden)`)
		require.Equal(t, "cam-10", pagetest.Eval[string](b, `document.querySelectorAll('.tile h2')[9].textContent`), "in the order of people")
		b.check("many-" + on.Name)
		require.GreaterOrEqual(t, pagetest.Eval[float64](b, `document.querySelector('.tile').getBoundingClientRect().height`), 240.0)
		b.Wait(`document.body.dataset.link === 'up' && !document.querySelector('#stations').hidden`)
		b.Do(`document.querySelector('#stations button').click()`)
		b.Wait(stationOpen + ` && document.querySelector('#station h2').textContent === 'cam-4'`)
		b.check("many-" + on.Name + "-station")
		b.Quiet()
	}
}

// Light or dark is what the system wishes until somebody chooses, and a language is
// chosen where one is.
func TestChoicesInBrowser(t *testing.T) {
	t.Parallel()
	s := open(t, newScene(t), Options{Stale: stale})
	b := newTab(t, pagetest.Start(t), s.server.URL+"/?lang=en&station=CAM-2", tablet, "dark")
	theme := `document.documentElement.dataset.theme`
	b.Wait(stationOpen + ` && ` + theme + ` === 'dark'`)
	b.tap(`#theme`)
	b.Wait(theme + ` === 'light'`)
	b.tap(`#other`)
	b.Wait(`document.documentElement.lang === 'ja' && document.querySelector('#station h2').textContent === 'CAM-2' && ` + theme + ` === 'light'`)
	b.Run(chromedp.Navigate(s.server.URL + "/"))
	b.Wait(`document.documentElement.lang === 'ja' && ` + theme + ` === 'light'`)
}
