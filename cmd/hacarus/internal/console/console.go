// Package console speaks to the person at the terminal. It is stderr, and
// nothing for machines is there.
package console

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// Console is safe for concurrent use.
type Console struct {
	w        io.Writer
	terminal bool
	colors   bool

	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil while there is none
}

// New returns a console on w. Bars and colors are for terminals only.
func New(w io.Writer, getenv func(string) string) *Console {
	return &Console{w: w, terminal: IsTerminal(w), colors: Colored(w, getenv)}
}

// IsTerminal says whether a person sees what is written to w.
func IsTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colored says whether w shows colors, and the person wants them.
func Colored(w io.Writer, getenv func(string) string) bool {
	return IsTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && enableColors(w)
}

// Say writes a text. A bar that is there makes room for it.
func (c *Console) Say(line string) { c.say(output.Plain, line) }

// Warn writes a line that a person should see.
func (c *Console) Warn(line string) { c.say(output.Amber, line) }

// Fail writes a line that tells why something has failed.
func (c *Console) Fail(line string) { c.say(output.Red, line) }

func (c *Console) say(style output.Style, text string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if lines[i] = output.Escape(line); c.colors {
			lines[i] = style.Paint(lines[i])
		}
	}
	_, _ = c.above(c.w, []byte(strings.Join(lines, "\n")+"\n")) // nobody is there to be told
}

// above writes to the terminal, and makes room where the bar is. On a line that is
// not ended, there is no room for a bar any more.
func (c *Console) above(w io.Writer, b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar == nil {
		return w.Write(b)
	}
	_ = c.bar.Clear()
	n, err := w.Write(b)
	if !bytes.HasSuffix(b, []byte("\n")) {
		c.bar = nil
		return n, err
	}
	_ = c.bar.RenderBlank()
	return n, err
}

// Above returns a writer to the same terminal, such as stdout: what is written to it
// stands above the bar.
func (c *Console) Above(w io.Writer) io.Writer { return above{c, w} }

type above struct {
	console *Console
	w       io.Writer
}

func (a above) Write(b []byte) (int, error) { return a.console.above(a.w, b) }

// Terminal says whether a person is there.
func (c *Console) Terminal() bool { return c.terminal }

// Ask writes a question, on whose line the person replies.
func (c *Console) Ask(question string) { fmt.Fprint(c.w, output.Escape(question)) }

// Write writes a line of a log.
func (c *Console) Write(line []byte) (int, error) {
	c.say(output.Faint, strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

// Bar shows how far something is, until it is closed.
type Bar struct{ console *Console }

// Bar begins a progress bar of so many steps. There is one at a time, and none
// where there is no terminal.
func (c *Console) Bar(what string, total int64) Bar {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal {
		c.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(c.w),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(50*time.Millisecond),
		)
	}
	return Bar{c}
}

// Set moves the bar.
func (b Bar) Set(done int64) {
	b.console.mu.Lock()
	defer b.console.mu.Unlock()
	if bar := b.console.bar; bar != nil {
		_ = bar.Set64(done) // nothing hangs on it
	}
}

// Close takes the bar off the screen.
func (b Bar) Close() {
	b.console.mu.Lock()
	defer b.console.mu.Unlock()
	if bar := b.console.bar; bar != nil {
		_ = bar.Clear()
		b.console.bar = nil
	}
}
