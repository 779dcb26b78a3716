package evaluation

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Text draws both rates over the threshold for a terminal, in characters that
// every font has: E for the escape rate, O for the overkill rate, * where they
// meet, and | for the threshold in use.
func (c Curve) Text(plot Plot) string {
	p := plot.sized(72, 17)
	axis := c.axis(p.InUse)
	grid := newGrid(p.Width-rateScale, p.Height)
	if p.InUse != nil {
		grid.vertical(*p.InUse / axis.end())
	}
	for i, s := range p.series() {
		grid.plot(c, s, "EO"[i], axis.end(), p.Measured)
	}
	ticks := rateTicks(len(grid))
	var b strings.Builder
	for row, line := range grid {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%*s %s", rateScale-1, ticks[row], line), " ") + "\n")
	}
	line, figures := axis.text(p.Width - rateScale)
	fmt.Fprintf(&b, "%*s%s\n%*s%s\n", rateScale, "", line, rateScale, "", figures)
	fmt.Fprintf(&b, "%*s%s   E %s   O %s", rateScale, "", p.Threshold, p.Escape, p.Overkill)
	if grid.has('*') {
		b.WriteString("   * E, O")
	}
	if p.InUse != nil {
		fmt.Fprintf(&b, "   | %s %s", p.InUseLabel, tick(*p.InUse))
	}
	b.WriteByte('\n')
	return b.String()
}

// rateScale is how many columns the axis of rates takes.
const rateScale = 7

// rateTicks are the percentages beside rows, by row. A low diagram has fewer.
func rateTicks(rows int) map[int]string {
	quarters := []float64{0, 0.25, 0.5, 0.75, 1}
	if rows < 9 {
		quarters = []float64{0, 0.5, 1}
	}
	ticks := map[int]string{}
	for _, rate := range quarters {
		ticks[rows-1-place(rate, rows)] = fmt.Sprintf("%.0f %%", 100*rate)
	}
	return ticks
}

// text is the scale as a line with a mark at each figure, and the figures below
// it, as many as there is room for.
func (a axis) text(width int) (line, figures string) {
	marks := []byte(strings.Repeat("-", width))
	for n := range a.steps + 1 {
		column := place(a.tick(n)/a.end(), width)
		figure := tick(a.tick(n))
		if start := min(max(column-len(figure)/2, 0), width-len(figure)); start > len(figures) || n == 0 {
			figures += strings.Repeat(" ", start-len(figures)) + figure
		}
		marks[column] = '+'
	}
	return string(marks), figures
}

// grid are rows of characters, the highest first.
type grid [][]byte

func newGrid(width, height int) grid {
	g := make(grid, height)
	for i := range g {
		g[i] = []byte(strings.Repeat(" ", width))
	}
	return g
}

func (g grid) vertical(share float64) {
	for _, row := range g {
		row[place(share, len(row))] = '|'
	}
}

// plot marks a rate in each column, or at each point that was measured.
func (g grid) plot(c Curve, s series, mark byte, end float64, measured bool) {
	width := len(g[0])
	for i, at := range c {
		first := place(at.Threshold/end, width)
		last := first
		switch {
		case measured:
		case i+1 < len(c):
			last = place(c[i+1].Threshold/end, width) - 1
		default:
			last = width - 1
		}
		for column := first; column <= last; column++ {
			g.set(column, s.rate(at), mark)
		}
	}
}

func (g grid) set(column int, rate Rate, mark byte) {
	if !rate.known() {
		return
	}
	cell := &g[len(g)-1-place(rate.Value(), len(g))][column]
	if *cell == 'E' && mark == 'O' {
		mark = '*'
	}
	*cell = mark
}

func (g grid) has(mark byte) bool {
	return slices.ContainsFunc(g, func(row []byte) bool { return bytes.IndexByte(row, mark) >= 0 })
}

// place is where a share of a scale of n places lies.
func place(share float64, n int) int { return min(max(int(share*float64(n-1)+0.5), 0), n-1) }
