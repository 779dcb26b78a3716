package review

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/pagetest"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// look is how a page is looked at.
type look struct {
	width, height int64
	language      string
	dark, touch   bool
	name          string // of the person; "" for one who is asked
}

// tab is a room's page in a browser.
type tab struct{ *pagetest.Tab }

// browse opens a room's page in a browser of its own.
func browse(t *testing.T, r *room, l look) tab {
	t.Helper()
	theme := "light"
	if l.dark {
		theme = "dark"
	}
	begin := fmt.Sprintf("localStorage.setItem('language', %q); if (%q) localStorage.setItem('name', %q)", l.language, l.name, l.name)
	on := pagetest.Screen{Width: l.width, Height: l.height, Scale: 1, Touch: l.touch}
	p := tab{pagetest.Start(t).Open(t, r.url(), on, theme, "if (location.protocol === 'http:') { "+begin+" }")}
	p.Wait("document.querySelectorAll('#strip button').length > 0")
	p.shown()
	t.Cleanup(p.Quiet)
	return p
}

// shown waits until the picture, or why there is none, is to be seen.
func (p tab) shown() {
	p.T.Helper()
	p.Wait("document.querySelector('#image').naturalWidth > 0 && document.querySelector('#image').complete || document.querySelector('#empty').textContent.includes('.')")
}

func (p tab) text(selector string) string {
	p.T.Helper()
	return pagetest.Eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
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

func (p tab) fits() {
	p.T.Helper()
	require.Empty(p.T, pagetest.Eval[[]string](p, geometry))
}

// Each page looks right in both languages and sizes, light and dark.
func TestLooks(t *testing.T) {
	t.Parallel()
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
			p.Shoot(name + "-name")
			p.fits()
			p.Axe(t.Name())
			p.Write("佐藤 花子")
			p.Press(kb.Enter)
			p.Wait("!document.querySelector('#name-dialog').open")
			p.Shoot(name)
			p.fits()
			p.Axe(t.Name())
			require.Equal(t, l.language, pagetest.Eval[string](p, "document.documentElement.lang"))

			p.Press("w")
			p.Write("傷が深く、組み立ての前に取り除けないため")
			p.Press(kb.Enter)
			p.Press("b")
			p.Shoot(name + "-box")
			p.fits()
			p.Axe(t.Name())
			p.Press("n")
			p.Wait("document.querySelectorAll('#strip .judged').length === 1")
			p.Wait("fetch('api/images?day=&show=all').then(r => r.json()).then(l => window.sent = l.images[0].sending.sent) && window.sent === 1")
			p.Press(kb.ArrowLeft) // back to the image that was judged
			p.Press("h")
			p.Shoot(name + "-help")
			p.fits()
			p.Axe(t.Name())
			p.Press(kb.Enter)
			p.Wait("!document.querySelector('#help').open")
			p.shown()
			p.Shoot(name + "-judged")
			p.fits()
			p.Axe(t.Name())
		})
	}
}

// The whole job is done with the keyboard alone.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en"})
	require.True(t, pagetest.Eval[bool](p, "document.querySelector('#name-dialog').open"), "the name is asked for first")
	p.Press(kb.Escape)
	p.Wait("document.querySelector('#name-dialog').open")
	p.Do("document.querySelector('#name-dialog').close()") // as Escape does
	p.Wait("document.querySelector('#name-dialog').open")  // nobody is anonymous
	p.Write("Sato")
	p.Press(kb.Enter)
	p.Wait("!document.querySelector('#name-dialog').open")

	// A box, made smaller and moved, and why; the model's own is deleted.
	p.Press("b")
	before := pagetest.Eval[[]int](p, boxOf(1))
	p.Press(kb.ArrowRight + kb.ArrowDown)
	p.Press(kb.ArrowLeft, chromedp.ModifierShift)
	p.Press(kb.ArrowUp, chromedp.ModifierAlt)
	after := pagetest.Eval[[]int](p, boxOf(1))
	const step = 3 // a hundredth of the width
	require.Equal(t, []int{before[0] + step, before[1] + step - 1, before[2], before[3] + step - 1}, after)
	p.Press(kb.Tab, chromedp.ModifierShift) // the button that deletes box 1
	p.Press(kb.Enter)
	require.Equal(t, 1, pagetest.Eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.Press("w")
	p.Write("too deep")
	p.Press(kb.Enter)
	p.Press("n")
	p.Wait(judgedAre(1))
	e := r.image(t, "ng-1").Last()
	require.Equal(t, []any{"Sato", "NG", "too deep", [][4]int{{after[0], after[1], after[2], after[3]}}}, []any{e.By, e.Verdict, e.Note, e.Boxes})
	require.Eventually(t, func() bool { return r.image(t, "ng-1").Sent() == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "Sato: too deep", r.annotations(t, "ng-1")[0].Notes)
	require.Equal(t, "NG-03-dent.jpg", p.text("#file"), "the next one is shown")

	// Back, and forth again; OK has no boxes, ? is don't know, and Z takes it back.
	p.Press(kb.ArrowLeft)
	require.Equal(t, "NG-01-scratch.jpg", p.text("#file"))
	p.Press(kb.ArrowRight)
	p.Press("o")
	p.Wait(judgedAre(2))
	require.Equal(t, "OK", r.image(t, "ng-3").Last().Verdict)
	require.Empty(t, r.image(t, "ng-3").Last().Boxes)
	p.Press("?")
	p.Wait(judgedAre(3))
	require.Equal(t, "unknown", r.image(t, "none").Last().Verdict)
	require.True(t, r.image(t, "none").Judged())
	p.Press("z")
	p.Wait("document.querySelector('#file').innerText === 'OK-02.jpg' && !document.querySelector('#strip [aria-current]').classList.contains('judged')")
	require.False(t, r.image(t, "none").Judged())
	require.True(t, r.image(t, "none").Last().Undo)
	p.Press("z")
	p.Wait("document.querySelector('#file').innerText === 'NG-03-dent.jpg'")
	require.Equal(t, "NG", r.image(t, "ng-3").Last().Verdict)

	// A key that is held judges one image, and those pressed in the help none.
	p.Press("h")
	require.True(t, pagetest.Eval[bool](p, "document.querySelector('#help').open"))
	p.Press("on")
	p.Press(kb.Escape)
	require.False(t, r.image(t, "ng-3").Judged())
	p.Run(pagetest.Command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "o", Code: "KeyO", Text: "o", AutoRepeat: new(true)}))
	p.Press("+")
	require.Contains(t, p.text("#zoom"), "150")
	require.False(t, r.image(t, "ng-3").Judged())

	// To the end.
	for n := 2; n <= 5; n++ {
		p.Press("n")
		p.Wait(judgedAre(n))
	}
	require.Contains(t, p.text("#status"), "All of these images are judged.")
	p.Wait("document.querySelector('#progress').innerText === '5 of 5 judged'")
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
func (p tab) at(x, y float64) (left, top float64) {
	p.T.Helper()
	rect := pagetest.Eval[[]float64](p, "(({ left, top, width, height }) => [left, top, width, height])(document.querySelector('#boxes').getBoundingClientRect())")
	return rect[0] + x*rect[2], rect[1] + y*rect[3]
}

// size is that of the picture.
func (p tab) size() (width, height float64) {
	p.T.Helper()
	size := pagetest.Eval[[]float64](p, "[document.querySelector('#image').naturalWidth, document.querySelector('#image').naturalHeight]")
	return size[0], size[1]
}

// near fails if a box is not where it was drawn, in shares of the picture.
func (p tab) near(index int, x0, y0, x1, y1 float64) {
	p.T.Helper()
	w, h := p.size()
	box := pagetest.Eval[[]float64](p, boxOf(index))
	for n, want := range []float64{x0 * w, y0 * h, x1 * w, y1 * h} {
		require.InDelta(p.T, want, box[n], 2, "%v", box)
	}
}

func (p tab) drag(x0, y0, x1, y1 float64) {
	p.T.Helper()
	fromX, fromY := p.at(x0, y0)
	toX, toY := p.at(x1, y1)
	p.Run(chromedp.DragAndDropXY(fromX, fromY, toX, toY, 5))
}

func (p tab) swipe(x0, y0, x1, y1 float64) {
	p.T.Helper()
	fromX, fromY := p.at(x0, y0)
	toX, toY := p.at(x1, y1)
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) chromedp.Action[chromedp.Void] {
		return pagetest.Command(input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: append([]*input.TouchPoint{}, points...)})
	}
	p.Run(touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: fromX, Y: fromY}))
	for n := range 5 {
		share := float64(n+1) / 5
		p.Run(touch(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: fromX + share*(toX-fromX), Y: fromY + share*(toY-fromY)}))
	}
	p.Run(touch(input.DispatchTouchEventTypeTouchEnd))
}

func TestDrawWithMouse(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	p.drag(0.1, 0.6, 0.25, 0.8)
	require.Equal(t, 2, pagetest.Eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.near(1, 0.1, 0.6, 0.25, 0.8)
	p.drag(0.2, 0.7, 0.3, 0.6) // takes the box along
	p.near(1, 0.2, 0.5, 0.35, 0.7)
	p.drag(0.35, 0.7, 0.5, 0.9) // by its corner
	p.near(1, 0.2, 0.5, 0.5, 0.9)
	p.drag(0.9, 0.9, 1.2, 1.2) // ends outside
	p.near(2, 0.9, 0.9, 1, 1)
	p.drag(0.7, 0.2, 0.7, 0.2) // a click is no box, and chooses none
	p.Press(kb.Delete)
	require.Equal(t, 3, pagetest.Eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.Shoot("mouse")
	p.Press("n")
	p.Wait(judgedAre(1))
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
	require.Equal(t, 1, pagetest.Eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.Do("document.querySelector('#draw').click()")
	p.swipe(0.1, 0.6, 0.3, 0.8)
	require.Equal(t, 2, pagetest.Eval[int](p, "document.querySelectorAll('#box-list li').length"))
	p.near(1, 0.1, 0.6, 0.3, 0.8)
	p.Shoot("finger")
	p.Do("document.querySelector('[data-verdict=NG]').click()")
	p.Wait(judgedAre(1))
	require.Len(t, r.image(t, "ng-1").Last().Boxes, 2)
}

// Without a connection the page shows what is on the disk, and says what it cannot.
func TestPageWithoutConnection(t *testing.T) {
	t.Parallel()
	r := newRoom(t, false)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	require.Contains(t, p.text("#offline"), "no connection")
	p.Press("b")
	p.Press("n")
	p.Wait(judgedAre(1))
	require.Equal(t, "NG", r.image(t, "ng-1").Last().Verdict)
	p.Press(kb.ArrowLeft)
	require.Contains(t, p.text("#sending"), "Boxes not sent: 1.")
	require.Zero(t, r.service.Executions("annotate"))
	p.Do("document.querySelector('#strip li:last-child button').click()")
	p.Wait("document.querySelector('#empty').innerText.includes('not there any more')")
	p.Forget("404")
	p.Shoot("offline")
	p.fits()
	p.Axe(t.Name())
}

// An image that is not on the disk any more is shown from the service.
func TestPictureOfTheService(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	p.Do("document.querySelector('#strip li:last-child button').click()")
	p.Wait("!document.querySelector('#source').hidden && document.querySelector('#image').naturalWidth > 0")
	require.Contains(t, p.text("#source"), "from the service")
}

// What came of boxes whose response was lost is asked, and told.
func TestLostBoxes(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	r.service.Inject("annotate", hacarustest.CloseConnection().Before())
	p := browse(t, r, look{width: 390, height: 844, language: "ja", name: "佐藤"})
	p.Press("b")
	p.Press("n")
	p.Wait(judgedAre(1))
	p.Do("document.querySelector('#strip button').click()")
	p.Wait("document.querySelectorAll('#sending button').length === 2")
	p.Shoot("lost")
	p.fits()
	p.Axe(t.Name())
	p.Do("document.querySelector('#sending button').click()")
	p.Wait("document.querySelector('#sending').innerText.includes('アイテムからは') && document.querySelectorAll('#sending button').length === 2")
	require.Empty(t, r.annotations(t, "ng-1"), "looking sends nothing")
	p.Do("document.querySelector('#sending button:last-child').click()")
	p.Wait("document.querySelector('#sending').innerText.includes('送信済みの枠: 1')")
	require.Len(t, r.annotations(t, "ng-1"), 1)
}

// Two people who judge at the same time see each other's judgements.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	one := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	two := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Ito"})
	one.Press("n")
	one.Wait(judgedAre(1))
	two.Press("o") // before it has looked again
	two.Wait("document.querySelector('#status').innerText.includes('somebody else')")
	two.Forget("409")
	require.Equal(t, "Sato", r.image(t, "ng-1").Last().By)
	require.Contains(t, two.text("#verdict"), "NG · Sato")
	two.Press("o") // knowing that
	two.Wait("document.querySelector('#file').innerText !== 'NG-01-scratch.jpg'")
	require.Equal(t, "Ito", r.image(t, "ng-1").Last().By)
	one.Wait("document.querySelector('#strip .by').innerText.includes('Ito')")
}

// The page says so if the program has ended, and a judgement is not lost silently.
func TestProgramEnds(t *testing.T) {
	t.Parallel()
	r := newRoom(t, true)
	p := browse(t, r, look{width: 1280, height: 800, language: "en", name: "Sato"})
	r.cancel()
	p.Wait("document.querySelector('#status').innerText.includes('does not respond')")
	p.Press("n")
	p.Wait("document.querySelector('#status').innerText.includes('does not respond')")
	require.Zero(t, pagetest.Eval[int](p, "document.querySelectorAll('#strip .judged').length"))
	p.Forget("Failed to load resource") // which is what the browser says of it
}
