package page

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/testdata"
)

var (
	axeFile     = flag.String("axe", "", "axe.min.js of axe-core, to look for barriers with")
	screenshots = flag.String("screenshots", "", "folder to write pictures of the page to")
	allLooks    = flag.Bool("all-looks", false, "try each size of screen in each language and theme, and not every other")
)

// screen is what somebody looks at the page on.
type screen struct {
	name          string
	width, height int64
	scale         float64
	touch         bool
}

var (
	phone  = screen{"phone", 390, 844, 2, true}
	tablet = screen{"tablet", 1280, 800, 1, true}
	wallHD = screen{"wall", 1920, 1080, 1, false}
	wall4K = screen{"wall4k", 3840, 2160, 1, false}
)

// site is a page that a browser can open.
type site struct {
	*Page
	feed   *fakeFeed
	server *httptest.Server
}

const testToken = "a-token-of-the-test"

// open serves a feed until the test ends. Its beat is quick, so that tests need not
// wait long for a browser to miss it.
func open(t *testing.T, feed *fakeFeed, opts Options) *site {
	t.Helper()
	s := &site{Page: New(feed, opts), feed: feed}
	s.beat = 2 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	s.server = httptest.NewServer(s.Page)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		s.server.Close()
	})
	return s
}

// chrome is a browser that runs.
type chrome struct{ ctx context.Context }

// tab is a page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the console says
}

// newBrowser starts a browser, or skips the test where there is none.
func newBrowser(t *testing.T) chrome {
	t.Helper()
	if testing.Short() {
		t.Skip("no browser is started with -short")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", false), chromedp.Flag("lang", "en"))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	// The browser may tell of more than the library knows, which it takes for errors.
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return chrome{ctx}
}

// newTab opens an address in a tab of its own, which nothing of other tabs is in.
func newTab(t *testing.T, browser chrome, address string, on screen, theme string) *tab {
	t.Helper()
	b := &tab{t: t}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithNewWindow(true), chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	b.ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	b.run(
		command(log.Enable, cdp.Empty{}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: on.width, Height: on.height, DeviceScaleFactor: on.scale}),
		command(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: on.touch}),
		chromedp.Navigate(address),
	)
	return b
}

// command is a command of the browser's protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.problems = append(b.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.problems = append(b.problems, fmt.Sprint(e.Type, e.Args))
		}
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// wait waits until a condition of the page holds.
func (b *tab) wait(condition string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// An error is that the page is not there yet, or not any more.
		if holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`Boolean(`+condition+`)`)); err == nil && holds {
			return
		}
	}
	b.shot("failed")
	require.Fail(b.t, "the page does not become so", "%s\n%s", condition, eval[string](b, `document.body.innerText`))
}

// eval returns what an expression is.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err, expression)
	return value
}

// do evaluates an expression for what it does.
func (b *tab) do(expression string) {
	b.t.Helper()
	eval[any](b, "{ "+expression+" } null")
}

// shot takes a picture of the page, if pictures are asked for.
func (b *tab) shot(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(*screenshots, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644))
}

// quiet requires that the console had nothing to say.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problems)
}

// states are the states of stations, by the names of stations that are in them.
var states = []struct{ station, state, verdict, word, japanese string }{
	{"CAM-1", "live", "OK", "OK", "OK"},
	{"CAM-2", "live", "NG", "NG", "NG"},
	{"CAM-3", "live", "unknown", "No verdict", "判定なし"},
	{"CAM-4", "old", "OK", "Old", "古い 表示"},
	{"CAM-5", "service", "OK", "Service away", "サービス 不通"},
	{"CAM-6", "lost", "NG", "Station lost", "ステーション 不通"},
	{"CAM-7", "behind", "OK", "Behind", "検査 遅れ"},
	{"CAM-8", "empty", "", "No image", "画像なし"},
}

// stale is longer than any test takes.
const stale = time.Hour

// newScene is a line whose stations are in all states.
func newScene(t *testing.T) *fakeFeed {
	t.Helper()
	feed := newFeed()
	now := time.Now()
	plates := platesOf(t)
	for n, s := range states {
		status := Station{Name: s.station, LastSeen: now}
		switch s.state {
		case "service":
			status.Service, status.Waiting, status.Oldest = "503 Service Unavailable", 14, now.Add(-40*time.Second)
		case "lost":
			status.Lost, status.LastSeen = true, now.Add(-200*time.Second)
		case "behind":
			status.Waiting, status.Oldest = 212, now.Add(-stale-340*time.Second)
		}
		feed.stations = append(feed.stations, status)
		if s.verdict == "" {
			continue
		}
		age := map[string]time.Duration{"old": stale + 300*time.Second, "service": 41 * time.Second, "lost": 201 * time.Second}[s.state]
		for i := range 24 {
			p := plates[(i*5+n)%len(plates)]
			if i == 23 {
				p = plates[n%3]
				if s.verdict != "OK" {
					p = plates[len(plates)-1-n%4]
				}
				p.verdict = s.verdict
			}
			id := fmt.Sprintf("%s-%02d", s.station, i)
			feed.images[id] = p.content
			at := now.Add(-age - time.Duration(23-i)*7*time.Second)
			e := record.Entry{
				ID: id, Station: s.station, Time: at, Written: at.Add(-900 * time.Millisecond), File: fmt.Sprintf("plate-%05d.jpg", 4711+i), Lot: "L-2026-11", Serial: fmt.Sprintf("SN%06d", 88120+i),
				Model: "m1", ItemID: "17", Verdict: p.verdict, Score: new(0.1337 + float64(i)/100), Boxes: p.boxes, By: record.Model,
			}
			if p.verdict == "unknown" {
				e.Score, e.Boxes, e.Error = nil, nil, new("the service has no assessment of the item")
			}
			feed.add(e)
		}
	}
	return feed
}

// plate is one of the repository's pictures.
type plate struct {
	content []byte
	verdict string
	boxes   [][4]int
}

// platesOf returns the plates, good ones first.
func platesOf(t *testing.T) (plates []plate) {
	t.Helper()
	for _, name := range []string{
		"OK-01", "OK-02", "OK-03", "OK-04", "NG-01-scratch", "NG-03-dent", "NG-05-stain", "NG-07-scratch-and-dent",
	} {
		content, err := testdata.Plates.ReadFile("plates/inspect/" + name + ".jpg")
		require.NoError(t, err)
		p := plate{content: content, verdict: name[:2]}
		if p.verdict == "NG" {
			p.boxes = [][4]int{{88, 53, 176, 80}, {30, 120, 60, 150}}
		}
		plates = append(plates, p)
	}
	return plates
}

// look is a way to look at the page.
type look struct {
	screen
	language, theme string
}

// looks are each size in both languages and in both themes.
func looks() (chosen []look) {
	for n, s := range []screen{phone, tablet, wallHD, wall4K} {
		for m, language := range []string{"en", "ja"} {
			for k, theme := range []string{"light", "dark"} {
				if *allLooks || (n+m+k)%2 == 0 {
					chosen = append(chosen, look{s, language, theme})
				}
			}
		}
	}
	return chosen
}

func (l look) String() string { return l.name + "-" + l.language + "-" + l.theme }

const allLoaded = `![...document.querySelectorAll('.picture')].some((p) => p.checkVisibility() && p.getBoundingClientRect().top < innerHeight && ('other' in p.dataset || p.querySelector('p').textContent.includes('…')))`

// Every state can be told apart by its word and its shape, in both languages, on
// all screens.
func TestStatesInBrowser(t *testing.T) {
	t.Parallel()
	browser := newBrowser(t)
	s := open(t, newScene(t), Options{Token: testToken, Stale: stale, Shifts: []time.Duration{0, 8 * time.Hour, 16 * time.Hour}})
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			address := s.server.URL + "/?lang=" + l.language + "&token=" + testToken
			b := newTab(t, browser, address, l.screen, l.theme)
			b.wait(`document.querySelectorAll('.tile').length === 8 && ` + allLoaded)
			b.check(l.String() + "-all")
			signs := map[string]string{}
			for _, state := range states {
				b.do(fmt.Sprintf(`[...document.querySelectorAll('.tile a')].find((a) => a.textContent === %q).click()`, state.station))
				b.wait(`!document.getElementById('station').hidden && document.querySelector('#station h2').textContent === '` + state.station + `' && ` + allLoaded)
				got := eval[[]string](b, `((s) => [s.dataset.state, s.dataset.verdict, s.querySelector('.sign strong').textContent.replaceAll('\n', ' '), s.querySelector('.sign use').getAttribute('href'), getComputedStyle(s.querySelector('.sign')).backgroundColor])(document.getElementById('station'))`)
				require.Equal(t, []string{state.state, state.verdict, map[string]string{"en": state.word, "ja": state.japanese}[l.language]}, got[:3])
				require.Empty(t, signs[got[3]], "its shape is another one's too")
				signs[got[3]] = state.station
				if state.state != "live" {
					require.Equal(t, "rgba(0, 0, 0, 0)", got[4], "what is not of now has no color")
				}
				if l.screen == tablet && state.word == state.japanese {
					// Two hundred and fifty letters are as far as five metres, on ten inches.
					require.Greater(t, eval[float64](b, `parseFloat(getComputedStyle(document.querySelector('#station .sign strong')).fontSize)`), 5000/250/(217.0/1280))
				}
				b.check(l.String() + "-" + cmp.Or(map[string]string{"live": state.verdict}[state.state], state.state))
				b.do(`document.querySelector('#station [data-go]').click()`)
				b.wait(`document.getElementById('station').hidden`)
			}
			b.quiet()
		})
	}
}

// check requires of the page, as it is, what holds for all of them.
func (b *tab) check(name string) {
	b.t.Helper()
	b.shot(name)
	require.Zero(b.t, eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`), "%s scrolls sideways", name)
	require.Empty(b.t, eval[[]string](b, smallTargets), name)
	require.Empty(b.t, eval[[]string](b, cutWords), name)
	require.Empty(b.t, eval[[]string](b, faintTexts), name)
	b.axe(name)
}

// smallTargets are the buttons and links that a finger does not hit.
const smallTargets = `[...document.querySelectorAll('button, a, input, label:has(input[type=radio])')].filter((e) => e.checkVisibility({visibilityProperty: true}) && e.type !== 'radio' && !e.closest('.facts'))
	.map((e) => [e.closest('.tile') && e.matches('.tile a') ? e.closest('.tile') : e]).map(([e]) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
	.filter(([, r]) => r.width < 44 || r.height < 44).map(([name, r]) => name + ' ' + r.width + 'x' + r.height)`

// cutWords are the words of signs that are not seen in whole.
const cutWords = `[...document.querySelectorAll('.sign')].filter((s) => s.checkVisibility()).flatMap((s) => {
	const range = document.createRange(); range.selectNodeContents(s.querySelector('strong'));
	const word = range.getBoundingClientRect(), sign = s.getBoundingClientRect();
	return word.right > sign.right || word.bottom > sign.bottom + 2 || word.top < sign.top - 2 ? [s.textContent + ' ' + word.right + '>' + sign.right] : [];
})`

// faintTexts are the texts that stand out too little from what is behind them. Behind
// a sign without a color are two, of its hatching.
const faintTexts = `((() => {
	const part = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
	const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
	const rgb = (text) => text.match(/[\d.]+/g).map(Number);
	const hex = (text) => rgb([1, 3, 5].map((n) => parseInt(text.slice(n, n + 2), 16)).join());
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((x, y) => y - x); return (x + .05) / (y + .05); };
	const root = getComputedStyle(document.documentElement);
	const behind = (e) => {
		if (e === null) return [hex(root.getPropertyValue('--page').trim())];
		const style = getComputedStyle(e);
		if (style.backgroundImage !== 'none') return ['--hatch-a', '--hatch-b'].map((n) => hex(root.getPropertyValue(n).trim()));
		const color = rgb(style.backgroundColor);
		return color[3] === 0 ? behind(e.parentElement) : [color];
	};
	return [...document.querySelectorAll('.sign strong, .sign span, .sign svg, h1, h2, .age, dt, dd, button:not([disabled]):not(.strip *), .strip button span, .button, .chips svg, .alarm, .hint, .field, .problem, .stations svg')]
		.filter((e) => e.checkVisibility() && !e.closest('.picture'))
		.flatMap((e) => behind(e).map((b) => [e.outerHTML.slice(0, 80), contrast(rgb(getComputedStyle(e).color), b)]))
		.filter(([, c]) => c < 4.5).map(([name, c]) => name + ' ' + c);
})())`

// axe looks for barriers, where axe-core is at hand.
func (b *tab) axe(name string) {
	b.t.Helper()
	if *axeFile == "" {
		return
	}
	script, err := os.ReadFile(*axeFile)
	require.NoError(b.t, err)
	b.do(string(script))
	found := eval[[]any](b, `axe.run({resultTypes: ['violations']}).then((r) => r.violations)`)
	text, err := json.MarshalIndent(found, "", "  ")
	require.NoError(b.t, err)
	require.Empty(b.t, found, "%s: %s", name, text)
}
