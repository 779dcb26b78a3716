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

	hacarus "github.com/hacarus/hacarus-check-go"
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
	hover := map[bool]string{false: "hover", true: "none"}[l.touch]
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "hover", Value: hover}}
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

var _ = []any{hacarus.VerdictNG, hacarustest.Stall}
