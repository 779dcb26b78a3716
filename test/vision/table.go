package main

import (
	"fmt"
	"io"
	"strings"
)

// row is a line of the table.
type row struct {
	title string
	cell  func(column) string
}

func rows() []row {
	all := []row{
		{"unseen good ones OK", func(c column) string { return c.plain.okText() }},
		{"bad ones NG", func(c column) string { return c.plain.ngText() }},
		{"defects touched; false boxes", func(c column) string { return c.plain.touchedText() }},
		{"defects with a box of IoU ≥ 0.3", func(c column) string { return share(c.plain.fit, c.plain.defects) }},
	}
	for n, change := range changes {
		all = append(all, row{change.name + ": OK; NG", func(c column) string { return c.changed[n].bothText() }})
	}
	return append(all,
		row{"one trained: OK; NG", func(c column) string { return c.one.bothText() }},
		row{"time to train; to inspect one", func(c column) string {
			return fmt.Sprintf("%.2f s; %.2f s", c.train.time.Seconds(), c.inspect.time.Seconds())
		}},
		row{"most memory", func(c column) string { return fmt.Sprintf("%d MB", max(c.train.memory, c.inspect.memory)/1_000_000) }},
	)
}

// printTable prints a set's results in Markdown.
func printTable(w io.Writer, s set, columns []column) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s: %d trained, %d good and %d bad to inspect\n\n|", s.name, s.trained, len(s.folds(s.trained)[0].inspect)-len(s.bad), len(s.bad))
	for _, c := range columns {
		fmt.Fprintf(&b, " | %s", c.algorithm)
	}
	fmt.Fprintf(&b, " |\n|---%s|\n", strings.Repeat("|---", len(columns)))
	for _, row := range rows() {
		fmt.Fprintf(&b, "| %s", row.title)
		for _, c := range columns {
			cell := "–"
			if c.cannot == "" {
				cell = row.cell(c)
			}
			fmt.Fprintf(&b, " | %s", cell)
		}
		b.WriteString(" |\n")
	}
	b.WriteByte('\n')
	for _, c := range columns {
		if c.cannot != "" {
			fmt.Fprintf(&b, "%s: %s\n\n", c.algorithm, c.cannot)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t tally) okText() string { return share(t.ok, t.good) + t.noneText() }
func (t tally) ngText() string { return share(t.ng, t.bad) + t.noneText() }

func (t tally) bothText() string {
	return share(t.ok, t.good) + "; " + share(t.ng, t.bad) + t.noneText()
}

func (t tally) touchedText() string {
	if t.defects == 0 {
		return "–"
	}
	return fmt.Sprintf("%s; %d", share(t.touched, t.defects), t.wrong)
}

// noneText tells of images without a verdict.
func (t tally) noneText() string {
	if t.none == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d without a verdict)", t.none)
}

// share is n of all; there is none of nothing.
func share(n, all int) string {
	if all == 0 {
		return "–"
	}
	return fmt.Sprintf("%d/%d", n, all)
}
