package output

import (
	"bytes"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Style is how a cell looks on a terminal.
type Style string

// The styles.
const (
	Plain Style = ""
	Bold  Style = "1"
	Green Style = "32"
	Red   Style = "1;31"
	Amber Style = "33"
	Faint Style = "2"
)

// Paint puts a text into a style.
func (s Style) Paint(text string) string {
	if s == Plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// Paint returns a cell's text as it shows: in its style where there are colors.
func (o *Writer) Paint(cell Cell) string {
	text := Escape(cell.Text)
	if o.colors {
		return cell.Style.Paint(text)
	}
	return text
}

// gap is what lies between columns.
const gap = "   "

// Width is how many places a text takes on a terminal: two for a Japanese
// character.
func Width(text string) int { return uniseg.StringWidth(text) }

// Pad fills a text up to a width.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-Width(text)))
}

// table writes rows in columns, and their titles if there are any.
func (o *Writer) table(columns []Column, rows [][]Cell) error {
	rows = o.shown(rows)
	if columns, rows = filled(columns, rows); slices.ContainsFunc(columns, func(c Column) bool { return c.Title != "" }) {
		titles := make([]Cell, len(columns))
		for i, c := range columns {
			titles[i] = Cell{Text: c.Title, Style: Bold}
		}
		rows = append([][]Cell{titles}, rows...)
	}
	widths := widthsOf(rows)
	var b bytes.Buffer
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-Width(Escape(cell.Text)))
			text := o.Paint(cell)
			if columns != nil && columns[i].Right {
				text, padding = padding+text, ""
			}
			if i < len(row)-1 {
				text += padding + gap
			}
			line += text
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := o.Write(b.Bytes())
	return err
}

func (o *Writer) shown(rows [][]Cell) [][]Cell {
	shown := make([][]Cell, len(rows))
	for n, row := range rows {
		for _, cell := range row {
			shown[n] = append(shown[n], o.Shown(cell))
		}
	}
	return shown
}

// filled leaves out the columns in which nothing stands.
func filled(columns []Column, rows [][]Cell) ([]Column, [][]Cell) {
	var kept []Column
	shown := make([][]Cell, len(rows))
	for i, column := range columns {
		if slices.ContainsFunc(rows, func(row []Cell) bool { return row[i].Text != "" }) {
			kept = append(kept, column)
			for n, row := range rows {
				shown[n] = append(shown[n], row[i])
			}
		}
	}
	if columns == nil {
		return nil, rows
	}
	return kept, shown
}

func widthsOf(rows [][]Cell) (widths []int) {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(Escape(cell.Text)))
		}
	}
	return widths
}

// Verdict makes a cell of a verdict, in its color.
func Verdict(v hacarus.Verdict) Cell {
	style := Amber
	switch v {
	case hacarus.VerdictOK:
		style = Green
	case hacarus.VerdictNG:
		style = Red
	}
	return Cell{Text: string(v), Style: style, Word: true}
}
