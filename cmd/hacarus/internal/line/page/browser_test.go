package page

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/inspector"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/pagetest"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/testdata"
)

var allLooks = flag.Bool("all-looks", false, "try each size of screen in each language and theme, and not in one of them")

// screen is what somebody looks at the page on.
type screen = pagetest.Screen

var (
	phone  = screen{Name: "phone", Width: 390, Height: 844, Scale: 2, Touch: true}
	tablet = screen{Name: "tablet", Width: 1280, Height: 800, Scale: 1, Touch: true}
	wallHD = screen{Name: "wall", Width: 1920, Height: 1080, Scale: 1}
	wall4K = screen{Name: "wall4k", Width: 3840, Height: 2160, Scale: 1}
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

// tab is the page in a browser.
type tab struct{ *pagetest.Tab }

// newTab opens an address in a tab of its own.
func newTab(t *testing.T, browser pagetest.Browser, address string, on screen, theme string) *tab {
	t.Helper()
	return &tab{browser.Open(t, address, on, theme, "")}
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
			status.Service, status.Trouble = "hacarus: addItem: 503 Service Unavailable", inspector.TroubleFailing
			status.Waiting, status.Oldest = 14, now.Add(-40*time.Second)
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

// looks are each size of screen, in a language and a theme that others do not have
// together.
func looks() []look {
	chosen := []look{{phone, "ja", "dark"}, {tablet, "en", "light"}, {wallHD, "ja", "light"}, {wall4K, "en", "dark"}}
	if !*allLooks {
		return chosen
	}
	var all []look
	for _, l := range chosen {
		for _, language := range []string{"en", "ja"} {
			for _, theme := range []string{"light", "dark"} {
				all = append(all, look{l.screen, language, theme})
			}
		}
	}
	return all
}

func (l look) String() string { return l.Name + "-" + l.language + "-" + l.theme }

const allLoaded = `![...document.querySelectorAll('.picture')].some((p) => p.checkVisibility() && p.getBoundingClientRect().top < innerHeight && ('other' in p.dataset || p.querySelector('p').textContent.includes('…')))`

// Every state can be told apart by its word and its shape, in both languages, on
// all screens.
func TestStatesInBrowser(t *testing.T) {
	t.Parallel()
	browser := pagetest.Start(t)
	s := open(t, newScene(t), Options{Token: testToken, Stale: stale, Shifts: []time.Duration{0, 8 * time.Hour, 16 * time.Hour}})
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			address := s.server.URL + "/?lang=" + l.language + "&token=" + testToken
			b := newTab(t, browser, address, l.screen, l.theme)
			b.Wait(`document.querySelectorAll('.tile').length === 8 && ` + allLoaded)
			b.check(l.String() + "-all")
			signs := map[string]string{}
			for _, state := range states {
				b.Do(fmt.Sprintf(`[...document.querySelectorAll('.tile a')].find((a) => a.textContent === %q).click()`, state.station))
				b.Wait(`!document.getElementById('station').hidden && document.querySelector('#station h2').textContent === '` + state.station + `' && ` + allLoaded)
				got := pagetest.Eval[[]string](b, `((s) => [s.dataset.state, s.dataset.verdict, s.querySelector('.sign strong').textContent.replaceAll('\n', ' '), s.querySelector('.sign use').getAttribute('href'), getComputedStyle(s.querySelector('.sign')).backgroundColor])(document.getElementById('station'))`)
				require.Equal(t, []string{state.state, state.verdict, map[string]string{"en": state.word, "ja": state.japanese}[l.language]}, got[:3])
				require.Empty(t, signs[got[3]], "its shape is another one's too")
				signs[got[3]] = state.station
				if state.state != "live" {
					require.Equal(t, "rgba(0, 0, 0, 0)", got[4], "what is not of now has no color")
				}
				if l.screen == tablet && state.word == state.japanese {
					// No more than 250 capitals are as far as five metres, on ten inches.
					require.Greater(t, pagetest.Eval[float64](b, capitals), 5000.0/250/(217.0/1280))
				}
				b.check(l.String() + "-" + cmp.Or(map[string]string{"live": state.verdict}[state.state], state.state))
				b.Do(`document.querySelector('#station [data-go]').click()`)
				b.Wait(`document.getElementById('station').hidden`)
			}
			b.Quiet()
		})
	}
}

// capitals is how high the letters of a station's verdict are.
const capitals = `((word) => {
	const { fontWeight, fontSize, fontFamily } = getComputedStyle(word), ruler = document.createElement('canvas').getContext('2d');
	ruler.font = [fontWeight, fontSize, fontFamily].join(' ');
	return ruler.measureText(word.textContent).actualBoundingBoxAscent;
})(document.querySelector('#station .sign strong'))`

// check requires of the page, as it is, what holds for all of them.
func (b *tab) check(name string) {
	b.T.Helper()
	b.Shoot(name)
	require.Zero(b.T, pagetest.Eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`), "%s scrolls sideways", name)
	require.Empty(b.T, pagetest.Eval[[]string](b, smallTargets), name)
	require.Empty(b.T, pagetest.Eval[[]string](b, cutWords), name)
	require.Empty(b.T, pagetest.Eval[[]string](b, faintTexts), name)
	b.Axe(name)
}

// smallTargets are the buttons and links that a finger does not hit.
const smallTargets = `[...document.querySelectorAll('button, a, input, label:has(input[type=radio])')].filter((e) => e.checkVisibility({visibilityProperty: true}) && e.type !== 'radio' && !e.closest('.facts'))
	.map((e) => [e.closest('.tile') && e.matches('.tile a') ? e.closest('.tile') : e]).map(([e]) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
	.filter(([, r]) => r.width < 44 || r.height < 44).map(([name, r]) => name + ' ' + r.width + 'x' + r.height)`

// cutWords are the words of signs that are not seen in whole, and on a station's own
// page what is told below them.
const cutWords = `[...document.querySelectorAll('.sign')].filter((s) => s.checkVisibility()).flatMap((s) => {
	const more = s.querySelector('.words span');
	if (s.closest('#station') && more.scrollHeight > more.clientHeight + 2 && more.textContent.length < 150) return [more.textContent];
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
