package review

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	devpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

var (
	axeFile     = flag.String("axe", "", "axe.min.js of axe-core, with which pages are examined; without it they are not")
	screenshots = flag.String("screenshots", "", "folder for pictures of the pages")
)

// chromium returns the browser's path. Without one, the test is skipped.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium is installed")
	return ""
}

// look is how a page is looked at.
type look struct {
	width, height int64
	language      string
	dark, touch   bool
	name          string // of the person; "" for one who is asked
}

// tab is a page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's tab is a context

	mu       sync.Mutex
	problems []string // of the console
}

// browse opens a room's page in a browser of its own.
func browse(t *testing.T, r *room, l look) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	p := &tab{t: t}
	p.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	begin := fmt.Sprintf("localStorage.setItem('language', %q); if (%q) localStorage.setItem('name', %q)", l.language, l.name, l.name)
	pointer := map[bool]string{false: "fine", true: "coarse"}[l.touch]
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "pointer", Value: pointer}}
	p.run(
		command(log.Enable, cdp.Empty{}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.touch}),
		command(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: l.touch}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}),
		command(devpage.AddScriptToEvaluateOnNewDocument, devpage.AddScriptToEvaluateOnNewDocumentParams{Source: "if (location.protocol === 'http:') { " + begin + " }"}),
		chromedp.Navigate(r.url()),
	)
	p.until("document.querySelectorAll('#strip button').length > 0")
	p.shown()
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.problems, "the console")
	})
	return p
}

// command is a command of the browser's protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.problems = append(p.problems, fmt.Sprint(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// forget takes problems that are expected off the list.
func (p *tab) forget(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rest []string
	for _, problem := range p.problems {
		if !strings.Contains(problem, part) {
			rest = append(rest, problem)
		}
	}
	p.problems = rest
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, actions...))
}

// eval returns what an expression is in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return v
}

func (p *tab) until(expression string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return eval[bool](p, expression) }, 20*time.Second, 20*time.Millisecond, expression)
}

// shown waits until the picture, or why there is none, is to be seen.
func (p *tab) shown() {
	p.t.Helper()
	p.until("document.querySelector('#image').naturalWidth > 0 && document.querySelector('#image').complete || document.querySelector('#empty').textContent.includes('.')")
}

// key presses keys one after the other, as a keyboard does: what a key does is done
// before its character is written anywhere.
func (p *tab) key(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	held := int64(0)
	for _, m := range modifiers {
		held |= int64(m)
	}
	for _, r := range keys {
		for _, k := range kb.Encode(r) {
			if k.Type == input.DispatchKeyEventTypeChar {
				continue
			}
			if k.Type == input.DispatchKeyEventTypeRawKeyDown && k.Key != "" && unicode.IsPrint(r) || r == '\r' {
				k.Text = string(r)
			}
			if k.Text != "" && k.Type == input.DispatchKeyEventTypeRawKeyDown {
				k.Type = input.DispatchKeyEventTypeKeyDown
			}
			k.Modifiers |= held
			p.run(command(input.DispatchKeyEvent, *k))
		}
	}
}

// write writes a text into the field that has the focus.
func (p *tab) write(text string) {
	p.t.Helper()
	p.run(command(input.InsertText, input.InsertTextParams{Text: text}))
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// shoot takes a picture of the whole page.
func (p *tab) shoot(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	content, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(*screenshots, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), content, 0o600))
}

// geometry lists what does not fit: what makes the page wider than the screen, texts that
// are cut off, and things that lie upon each other.
const geometry = `(() => {
  const problems = [], root = document.scrollingElement, shown = [];
  if (root.scrollWidth > innerWidth) problems.push("the page is " + root.scrollWidth + " wide");
  const top = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  const name = (e) => e.tagName + "#" + e.id + "." + e.className + ": " + (e.innerText ?? "").slice(0, 30);
  for (const e of top.querySelectorAll("button, select, input, h1, h2, h3, p, dt, dd, q, time, output, td, th, .badge")) {
    if (!e.checkVisibility() || e.closest(".hidden") || top === document.body && e.closest("dialog")) continue;
    let box = e.getBoundingClientRect(), { left, top: up, right, bottom } = box;
    if (e.tagName !== "INPUT" && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).textOverflow !== "ellipsis" && e.clientWidth > 0) problems.push("cut off: " + name(e));
    for (let a = e.parentElement; a; a = a.parentElement) {
      const style = getComputedStyle(a);
      if (style.overflowX === "visible" && style.overflowY === "visible" || a === root || a === document.body) continue;
      const clip = a.getBoundingClientRect();
      left = Math.max(left, clip.left); up = Math.max(up, clip.top); right = Math.min(right, clip.right); bottom = Math.min(bottom, clip.bottom);
    }
    if (right - left < 1 || bottom - up < 1) continue;
    if (right > innerWidth + 1 || left < -1) problems.push("beside the screen: " + name(e));
    shown.push({ e, left, up, right, bottom });
  }
  for (const [n, a] of shown.entries()) for (const b of shown.slice(n + 1)) {
    if (a.e.contains(b.e) || b.e.contains(a.e)) continue;
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left), y = Math.min(a.bottom, b.bottom) - Math.max(a.up, b.up);
    if (x > 1 && y > 1) problems.push("overlap: " + name(a.e) + " and " + name(b.e));
  }
  return problems;
})()`

func (p *tab) fits() {
	p.t.Helper()
	require.Empty(p.t, eval[[]string](p, geometry))
}

// axe examines the page with axe-core, where that was named.
func (p *tab) axe() {
	p.t.Helper()
	if *axeFile == "" {
		p.t.Log("the page is not examined with axe-core: name its file with -axe")
		return
	}
	source, err := os.ReadFile(*axeFile)
	require.NoError(p.t, err)
	_ = eval[any](p, string(source)+"; null")
	found := eval[[]any](p, "axe.run().then((result) => result.violations)")
	raw, err := json.MarshalIndent(found, "", "  ")
	require.NoError(p.t, err)
	require.Empty(p.t, found, "%s", raw)
}

// Each page looks right in both languages and sizes, light and dark.
func TestLooks(t *testing.T) {
	t.Parallel()
	chromium(t)
	for _, l := range []look{
		{width: 1280, height: 800, language: "en"},
		{width: 1280, height: 800, language: "ja", dark: true},
		{width: 390, height: 844, language: "ja", touch: true},
		{width: 390, height: 844, language: "en", touch: true, dark: true},
	} {
		mode := "light"
		if l.dark {
			mode = "dark"
		}
		name := fmt.Sprintf("%d-%s-%s", l.width, l.language, mode)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, true)
			p := browse(t, r, l)
			p.shoot(name + "-name")
			p.fits()
			p.axe()
			p.write("佐藤 花子")
			p.key(kb.Enter)
			p.until("!document.querySelector('#name-dialog').open")
			p.shoot(name)
			p.fits()
			p.axe()
			require.Equal(t, l.language, eval[string](p, "document.documentElement.lang"))

			p.key("w")
			p.write("傷が深く、組み立ての前に取り除けないため")
			p.key(kb.Enter)
			p.key("b")
			p.shoot(name + "-box")
			p.fits()
			p.axe()
			p.key("n")
			p.until("document.querySelectorAll('#strip .judged').length === 1")
			p.until("fetch('api/images?day=&show=all').then(r => r.json()).then(l => window.sent = l.images[0].sending.sent) && window.sent === 1")
			p.key(kb.ArrowLeft) // back to the image that was judged
			p.key("h")
			p.shoot(name + "-help")
			p.fits()
			p.axe()
			p.key(kb.Enter)
			p.until("!document.querySelector('#help').open")
			p.shown()
			p.shoot(name + "-judged")
			p.fits()
			p.axe()
		})
	}
}

// The whole job is done with the keyboard alone.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en"})
	require.True(t, eval[bool](p, "document.querySelector('#name-dialog').open"), "the name is asked for first")
	p.key(kb.Escape)
	p.until("document.querySelector('#name-dialog').open")
	_ = eval[any](p, "document.querySelector('#name-dialog').close(), null") // as Escape does
	p.until("document.querySelector('#name-dialog').open")                   // nobody is anonymous
	p.write("Sato")
	p.key(kb.Enter)
	p.until("!document.querySelector('#name-dialog').open")

	// A box, made smaller and moved, and why; the model's own is deleted.
	p.key("b")
	before := eval[[]int](p, boxOf(1))
	p.key(kb.ArrowRight + kb.ArrowDown)
	p.key(kb.ArrowLeft, chromedp.ModifierShift)
	p.key(kb.ArrowUp, chromedp.ModifierAlt)
	after := eval[[]int](p, boxOf(1))
	const step = 3 // a hundredth of the width
	require.Equal(t, []int{before[0] + step, before[1] + step - 1, before[2], before[3] + step - 1}, after)
	p.key(kb.Tab, chromedp.ModifierShift) // the button that deletes box 1
	p.key(kb.Enter)
	require.Equal(t, 1, eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.key("w")
	p.write("too deep")
	p.key(kb.Enter)
	p.key("n")
	p.until(judgedAre(1))
	e := r.image(t, "ng-1").Last()
	require.Equal(t, []any{"Sato", "NG", "too deep", [][4]int{{after[0], after[1], after[2], after[3]}}}, []any{e.By, e.Verdict, e.Note, e.Boxes})
	require.Eventually(t, func() bool { return r.image(t, "ng-1").Sent() == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "Sato: too deep", r.annotations(t, "ng-1")[0].Notes)
	require.Equal(t, "NG-03-dent.jpg", p.text("#file"), "the next one is shown")

	// Back, and forth again; OK has no boxes, ? is don't know, and Z takes it back.
	p.key(kb.ArrowLeft)
	require.Equal(t, "NG-01-scratch.jpg", p.text("#file"))
	p.key(kb.ArrowRight)
	p.key("o")
	p.until(judgedAre(2))
	require.Equal(t, "OK", r.image(t, "ng-3").Last().Verdict)
	require.Empty(t, r.image(t, "ng-3").Last().Boxes)
	p.key("?")
	p.until(judgedAre(3))
	require.Equal(t, "unknown", r.image(t, "none").Last().Verdict)
	require.True(t, r.image(t, "none").Judged())
	p.key("z")
	p.until("document.querySelector('#file').innerText === 'OK-02.jpg' && !document.querySelector('#strip [aria-current]').classList.contains('judged')")
	require.False(t, r.image(t, "none").Judged())
	require.True(t, r.image(t, "none").Last().Undo)
	p.key("z")
	p.until("document.querySelector('#file').innerText === 'NG-03-dent.jpg'")
	require.Equal(t, "NG", r.image(t, "ng-3").Last().Verdict)

	// A key that is held judges one image, and those pressed in the help none.
	p.key("h")
	require.True(t, eval[bool](p, "document.querySelector('#help').open"))
	p.key("on")
	p.key(kb.Escape)
	require.False(t, r.image(t, "ng-3").Judged())
	p.run(command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "o", Code: "KeyO", Text: "o", AutoRepeat: new(true)}))
	p.key("+")
	require.Contains(t, p.text("#zoom"), "150")
	require.False(t, r.image(t, "ng-3").Judged())

	// To the end.
	for n := 2; n <= 5; n++ {
		p.key("n")
		p.until(judgedAre(n))
	}
	require.Contains(t, p.text("#status"), "All of these images are judged.")
	p.until("document.querySelector('#progress').innerText === '5 of 5 judged'")
}

// judgedAre is that so many images of the list are.
func judgedAre(n int) string {
	return fmt.Sprintf("document.querySelectorAll('#strip .judged').length === %d", n)
}

// boxOf is the place of a box, as its button says it.
func boxOf(index int) string {
	return fmt.Sprintf("document.querySelectorAll('#box-list .box-name')[%d].innerText.match(/\\d+/g).slice(1).map(Number)", index)
}

// at is a place on the screen, in shares of the picture.
func (p *tab) at(x, y float64) (left, top float64) {
	p.t.Helper()
	rect := eval[[]float64](p, "(({ left, top, width, height }) => [left, top, width, height])(document.querySelector('#boxes').getBoundingClientRect())")
	return rect[0] + x*rect[2], rect[1] + y*rect[3]
}

// size is that of the picture.
func (p *tab) size() (width, height float64) {
	p.t.Helper()
	size := eval[[]float64](p, "[document.querySelector('#image').naturalWidth, document.querySelector('#image').naturalHeight]")
	return size[0], size[1]
}

// near fails if a box is not where it was drawn, in shares of the picture.
func (p *tab) near(index int, x0, y0, x1, y1 float64) {
	p.t.Helper()
	w, h := p.size()
	box := eval[[]float64](p, boxOf(index))
	for n, want := range []float64{x0 * w, y0 * h, x1 * w, y1 * h} {
		require.InDelta(p.t, want, box[n], 2, "%v", box)
	}
}

func (p *tab) drag(x0, y0, x1, y1 float64) {
	p.t.Helper()
	fromX, fromY := p.at(x0, y0)
	toX, toY := p.at(x1, y1)
	p.run(chromedp.DragAndDropXY(fromX, fromY, toX, toY, 5))
}

func (p *tab) swipe(x0, y0, x1, y1 float64) {
	p.t.Helper()
	fromX, fromY := p.at(x0, y0)
	toX, toY := p.at(x1, y1)
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) chromedp.Action[chromedp.Void] {
		return command(input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: append([]*input.TouchPoint{}, points...)})
	}
	p.run(touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: fromX, Y: fromY}))
	for n := range 5 {
		share := float64(n+1) / 5
		p.run(touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: fromX + share*(toX-fromX), Y: fromY + share*(toY-fromY)}))
	}
	p.run(touch(input.DispatchTouchEventTypeTouchEnd))
}

func TestDrawWithMouse(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	p.drag(0.1, 0.6, 0.25, 0.8)
	require.Equal(t, 2, eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.near(1, 0.1, 0.6, 0.25, 0.8)
	p.drag(0.2, 0.7, 0.3, 0.6) // takes the box along
	p.near(1, 0.2, 0.5, 0.35, 0.7)
	p.drag(0.35, 0.7, 0.5, 0.9) // by its corner
	p.near(1, 0.2, 0.5, 0.5, 0.9)
	p.drag(0.9, 0.9, 1.2, 1.2) // ends outside
	p.near(2, 0.9, 0.9, 1, 1)
	p.drag(0.7, 0.2, 0.7, 0.2) // a click is no box, and chooses none
	p.key(kb.Delete)
	require.Equal(t, 3, eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.shoot("mouse")
	p.key("n")
	p.until(judgedAre(1))
	require.Len(t, r.image(t, "ng-1").Last().Boxes, 3)
	require.Eventually(t, func() bool { return r.image(t, "ng-1").Sent() == 2 }, 10*time.Second, 10*time.Millisecond)
	require.Len(t, r.annotations(t, "ng-1"), 2)
}

// A finger scrolls, and draws once that was chosen.
func TestDrawWithFinger(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 390, height: 844, language: "en", name: "Sato", touch: true})
	p.swipe(0.1, 0.8, 0.3, 0.6)
	require.Equal(t, 1, eval[int](p, "document.querySelectorAll('#box-list li').length"))
	_ = eval[any](p, "document.querySelector('#draw').click()")
	p.swipe(0.1, 0.6, 0.3, 0.8)
	require.Equal(t, 2, eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.near(1, 0.1, 0.6, 0.3, 0.8)
	p.shoot("finger")
	_ = eval[any](p, "document.querySelector('[data-verdict=NG]').click()")
	p.until(judgedAre(1))
	require.Len(t, r.image(t, "ng-1").Last().Boxes, 2)
}

// Without a connection the page shows what is on the disk, and says what it cannot.
func TestPageWithoutConnection(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	require.Contains(t, p.text("#offline"), "no connection")
	p.key("b")
	p.key("n")
	p.until(judgedAre(1))
	require.Equal(t, "NG", r.image(t, "ng-1").Last().Verdict)
	p.key(kb.ArrowLeft)
	require.Contains(t, p.text("#sending"), "Boxes not sent: 1.")
	require.Zero(t, r.service.Executions("annotate"))
	_ = eval[any](p, "document.querySelector('#strip li:last-child button').click()")
	p.until("document.querySelector('#empty').innerText.includes('not there any more')")
	p.forget("404")
	p.shoot("offline")
	p.fits()
	p.axe()
}

// An image that is not on the disk any more is shown from the service.
func TestPictureOfTheService(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	_ = eval[any](p, "document.querySelector('#strip li:last-child button').click()")
	p.until("!document.querySelector('#source').hidden && document.querySelector('#image').naturalWidth > 0")
	require.Contains(t, p.text("#source"), "from the service")
}

// What came of boxes whose response was lost is asked, and told.
func TestLostBoxes(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	r.service.Inject("annotate", hacarustest.CloseConnection().Before())
	p := browse(t, r, look{width: 390, height: 844, language: "ja", name: "佐藤"})
	p.key("b")
	p.key("n")
	p.until(judgedAre(1))
	_ = eval[any](p, "document.querySelector('#strip button').click()")
	p.until("document.querySelectorAll('#sending button').length === 2")
	p.shoot("lost")
	p.fits()
	p.axe()
	_ = eval[any](p, "document.querySelector('#sending button').click()")
	p.until("document.querySelector('#sending').innerText.includes('アイテムからは') && document.querySelectorAll('#sending button').length === 2")
	require.Empty(t, r.annotations(t, "ng-1"), "looking sends nothing")
	_ = eval[any](p, "document.querySelector('#sending button:last-child').click()")
	p.until("document.querySelector('#sending').innerText.includes('送信済みの枠: 1')")
	require.Len(t, r.annotations(t, "ng-1"), 1)
}

// Two people who judge at the same time see each other's judgements.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	one := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	two := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Ito"})
	one.key("n")
	one.until(judgedAre(1))
	two.key("o") // before it has looked again
	two.until("document.querySelector('#status').innerText.includes('somebody else')")
	two.forget("409")
	require.Equal(t, "Sato", r.image(t, "ng-1").Last().By)
	require.Contains(t, two.text("#verdict"), "NG · Sato")
	two.key("o") // knowing that
	two.until("document.querySelector('#file').innerText !== 'NG-01-scratch.jpg'")
	require.Equal(t, "Ito", r.image(t, "ng-1").Last().By)
	one.until("document.querySelector('#strip .by').innerText.includes('Ito')")
}

// The page says so if the program has ended, and a judgement is not lost silently.
func TestProgramEnds(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	r.cancel()
	p.until("document.querySelector('#status').innerText.includes('does not respond')")
	p.key("n")
	p.until("document.querySelector('#status').innerText.includes('does not respond')")
	require.Zero(t, eval[int](p, "document.querySelectorAll('#strip .judged').length"))
	p.forget("Failed to load resource") // which is what the browser says of it
}
