package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// console tells a person how far the job is. It is not for machines, so it
// writes to stderr, and bars appear on a terminal only.
type console struct {
	w        io.Writer
	terminal bool
}

func newConsole(w io.Writer) *console {
	file, ok := w.(*os.File)
	return &console{w: w, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// step says what begins.
func (c *console) step(format string, args ...any) {
	fmt.Fprintf(c.w, format+"\n", args...)
}

// bar is a progress bar, which a closing call takes off the screen.
type bar struct{ *progressbar.ProgressBar }

func (c *console) bar(total int64, bytes bool) bar {
	return bar{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(c.w),
		progressbar.OptionSetVisibility(c.terminal),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(50*time.Millisecond),
	)}
}

// Nothing can be done about a bar that cannot be drawn, and nothing hangs on it.
func (b bar) set(done int64) { _ = b.Set64(done) }
func (b bar) close()         { _ = b.Clear() }
