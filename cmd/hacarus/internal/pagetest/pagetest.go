// Package pagetest opens the program's pages in a browser, for their tests.
package pagetest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

var (
	axeFile     = flag.String("axe", "", "axe.min.js of axe-core, with which pages are examined; without it they are not")
	screenshots = flag.String("screenshots", "", "folder for pictures of the pages")
)

// Browser is a browser that runs.
type Browser struct {
	ctx context.Context //nolint:containedctx // chromedp's browser is a context
}

// running is the browser of all tests that run at the same time: to start one takes
// longer than most tests.
var running struct {
	mu      sync.Mutex
	browser Browser
	users   int
	stop    func()
}

// Start returns a browser that runs until the test ends, or skips the test where there
// is none.
func Start(t *testing.T) Browser {
	t.Helper()
	path := chromium(t)
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.users == 0 {
		browser, stop, err := start(path)
		require.NoError(t, err)
		running.browser, running.stop = browser, stop
	}
	running.users++
	t.Cleanup(func() {
		running.mu.Lock()
		defer running.mu.Unlock()
		if running.users--; running.users == 0 {
			running.stop()
		}
	})
	return running.browser
}

func start(path string) (Browser, func(), error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", false), chromedp.Flag("lang", "en"))
	allocator, kill := chromedp.NewExecAllocator(context.Background(), opts...)
	// The browser may tell of more than the library knows, which it takes for errors.
	ctx, end := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	if err := chromedp.Do(ctx); err != nil {
		end()
		kill()
		return Browser{}, nil, err
	}
	return Browser{ctx}, func() { end(); kill() }, nil
}

func chromium(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("no browser is started with -short")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed")
	return ""
}

// Screen is what somebody looks at a page on.
type Screen struct {
	Name          string
	Width, Height int64
	Scale         float64
	Touch         bool
}

// Tab is a page in a browser.
type Tab struct {
	T   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's tab is a context

	mu       sync.Mutex
	problems []string // what the console says
}

// Open opens an address in a tab of its own, which nothing of other tabs is in. Theme
// is light or dark. Before a page runs a script of its own, it runs begin.
func (b Browser) Open(t *testing.T, address string, on Screen, theme, begin string) *Tab {
	t.Helper()
	p := &Tab{T: t}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithNewWindow(true), chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	p.ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	media := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		{Name: "pointer", Value: map[bool]string{false: "fine", true: "coarse"}[on.Touch]},
	}
	p.Run(
		Command(log.Enable, cdp.Empty{}),
		Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}),
		Command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: on.Width, Height: on.Height, DeviceScaleFactor: on.Scale, Mobile: on.Touch}),
		Command(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: on.Touch}),
		Command(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: begin}),
		chromedp.Navigate(address),
	)
	return p
}

// Command is a command of the browser's protocol.
func Command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *Tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			p.problems = append(p.problems, fmt.Sprint(e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// Quiet requires that the console had nothing to say.
func (p *Tab) Quiet() {
	p.T.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.T, p.problems, "the console")
}

// Forget takes what the console is expected to say off the list.
func (p *Tab) Forget(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = slices.DeleteFunc(p.problems, func(problem string) bool { return strings.Contains(problem, part) })
}

// Run does something in the tab.
func (p *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	require.NoError(p.T, chromedp.Do(p.ctx, actions...))
}

// Page is a tab, or what has one embedded in it.
type Page interface{ tab() *Tab }

func (p *Tab) tab() *Tab { return p }

// Eval returns what an expression is in a page.
func Eval[T any](page Page, expression string) T {
	p := page.tab()
	p.T.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.T, err, expression)
	return value
}

// Do evaluates statements for what they do.
func (p *Tab) Do(statements string) {
	p.T.Helper()
	Eval[any](p, "{ "+statements+" } null")
}

// Wait waits until a condition of the page holds.
func (p *Tab) Wait(condition string) {
	p.T.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		// An error is that the page is not there yet, or not any more.
		if holds, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Promise.resolve("+condition+").then(Boolean)", chromedp.EvalAwaitPromise)); err == nil && holds {
			return
		}
	}
	p.Shoot("failed")
	require.Fail(p.T, "the page does not become so", "%s\n%s", condition, Eval[string](p, "document.body.innerText"))
}

// Press presses keys one after the other, as a keyboard does: what a key does is done
// before its character is written anywhere, and what a page prevents is not written.
func (p *Tab) Press(keys string, modifiers ...chromedp.Modifier) {
	p.T.Helper()
	held := int64(0)
	for _, m := range modifiers {
		held |= int64(m)
	}
	for _, r := range keys {
		key, known := kb.Keys[r]
		for _, k := range kb.Encode(r) {
			if k.Type == input.DispatchKeyEventTypeChar {
				continue
			}
			if k.Type != input.DispatchKeyEventTypeKeyUp && (!known || key.Print || r == '\r') {
				k.Type, k.Text, k.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, string(r), string(r)
			}
			k.Modifiers |= held
			p.Run(Command(input.DispatchKeyEvent, *k))
		}
	}
}

// Write writes a text into the field that has the focus.
func (p *Tab) Write(text string) {
	p.T.Helper()
	p.Run(Command(input.InsertText, input.InsertTextParams{Text: text}))
}

// Shoot takes a picture of the whole page, where a folder for pictures was named.
func (p *Tab) Shoot(name string) {
	p.T.Helper()
	if *screenshots == "" {
		return
	}
	hidden := func(are bool) chromedp.Action[chromedp.Void] {
		return Command(emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: are})
	}
	p.Run(hidden(true))
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.T, err)
	p.Run(hidden(false))
	require.NoError(p.T, os.MkdirAll(*screenshots, 0o755))
	require.NoError(p.T, os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o600))
}

// Axe examines the page with axe-core, where that was named.
func (p *Tab) Axe(name string) {
	p.T.Helper()
	if *axeFile == "" {
		return
	}
	script, err := os.ReadFile(*axeFile)
	require.NoError(p.T, err)
	p.Do(string(script))
	found := Eval[[]any](p, "axe.run({resultTypes: ['violations']}).then((r) => r.violations)")
	text, err := json.MarshalIndent(found, "", "  ")
	require.NoError(p.T, err)
	require.Empty(p.T, found, "%s: %s", name, text)
}
