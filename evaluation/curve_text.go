package evaluation

import (
	"fmt"
	"strings"
)

// Text draws both rates over the threshold for a terminal, in characters that
// every font has: E for the escape rate, O for the overkill rate, * where they
// meet, and | for the threshold in use.
func (c Curve) Text(plot Plot) string {
	p := plot.sized(72, 16)
	const scale = 7 // columns of the axis of rates
	end := c.end(p.InUse)
	grid := newGrid(p.Width-scale, p.Height)
	if p.InUse != nil {
		grid.vertical(*p.InUse / end)
	}
	for i, s := range p.series() {
		grid.plot(c, s, "EO"[i], end, p.Measured)
	}
	var b strings.Builder
	for row, line := range grid {
		fmt.Fprintf(&b, "%s %s\n", rateTick(row, len(grid)), strings.TrimRight(string(line), " "))
	}
	fmt.Fprintf(&b, "%*s\n", p.Width, "0"+strings.Repeat("-", p.Width-scale-1-len(tick(end)))+tick(end))
	fmt.Fprintf(&b, "%*s%s   E %s   O %s", scale, "", p.Threshold, p.Escape, p.Overkill)
	if p.InUse != nil {
		fmt.Fprintf(&b, "   | %s %s", p.InUseLabel, tick(*p.InUse))
	}
	b.WriteByte('\n')
	return b.String()
}

// rateTick is the percentage beside a row: at the ends and in the middle.
func rateTick(row, rows int) string {
	switch row {
	case 0:
		return " 100 %"
	case rows / 2:
		return fmt.Sprintf("%4.0f %%", 100*float64(rows-1-row)/float64(rows-1))
	case rows - 1:
		return "   0 %"
	}
	return "      "
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

// place is where a share of a scale of n places lies.
func place(share float64, n int) int { return min(max(int(share*float64(n-1)+0.5), 0), n-1) }
