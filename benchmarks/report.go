package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/benchmarks/internal/work"
)

// median of a list that is not empty.
func median(values []float64) float64 {
	slices.SortFunc(values, cmp.Compare)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// typical is the median of a client's figures.
func (r results) typical(w work.Work, client string, m *work.Metric) float64 {
	var values []float64
	for _, f := range r[w.Name][client] {
		values = append(values, m.Of(f))
	}
	return median(values)
}

// ratio is the median of the rounds' ratios to the baseline.
func (r results) ratio(w work.Work, client string, m *work.Metric) float64 {
	var values []float64
	for round, f := range r[w.Name][client] {
		values = append(values, m.Of(f)/m.Of(r[w.Name]["raw"][round]))
	}
	return median(values)
}

func (o *options) report(_ *lab, r results) error {
	fmt.Println(o.goals(r))
	fmt.Println(o.figures(r))
	return nil
}

// goals is the table of what the SDK reaches.
func (o *options) goals(r results) string {
	var b strings.Builder
	b.WriteString("| Work | Figure | Goal | Measured | |\n|---|---|---:|---:|---|\n")
	for _, w := range o.works {
		if r[w.Name]["sdk"] == nil {
			continue
		}
		for _, g := range w.Goals {
			value := r.typical(w, "sdk", g.Metric)
			if g.Unit == work.Ratio {
				value = r.ratio(w, "sdk", g.Metric)
			}
			row(&b, w.Title, g.Name(), "≤ "+g.Text(g.Limit), g.Text(value), reached(value <= g.Limit))
		}
	}
	return b.String()
}

func reached(yes bool) string {
	if yes {
		return "reached"
	}
	return "**not reached**"
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// figures is the table of all medians.
func (o *options) figures(r results) string {
	var b strings.Builder
	b.WriteString("| Work | Client | Time | to raw | CPU time | to raw | Allocations | Allocated | to raw | Peak heap | Peak RSS | Token exchanges | Connections |\n" +
		"|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, w := range o.works {
		for _, client := range []string{"raw", "sdk", "ogen"} {
			if r[w.Name][client] == nil {
				continue
			}
			text := func(m *work.Metric) string { return m.Text(r.typical(w, client, m)) }
			ratio := func(m *work.Metric) string { return fmt.Sprintf("%.2f", r.ratio(w, client, m)) }
			heap := "–"
			if w.Heap {
				heap = text(work.PeakHeap)
			}
			row(&b, w.Title, client, text(work.Time), ratio(work.Time), text(work.CPU), ratio(work.CPU), text(work.Allocations),
				text(work.Allocated), ratio(work.Allocated), heap, text(work.PeakRSS), text(work.Logins), text(work.Connections))
		}
	}
	return b.String()
}
