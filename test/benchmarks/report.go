package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

// outcome is what one run of the command found.
type outcome struct {
	*options
	figures  results
	program  *program
	decoders []decoder
}

// median of a list that is not empty.
func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, cmp.Compare)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// typical is the median over all rounds of what a goal, or a figure, is about.
func (r results) typical(w work.Work, client string, g work.Goal) float64 {
	var values []float64
	for round, f := range r[w.Name][client] {
		values = append(values, g.Of(f, r[w.Name]["raw"][round]))
	}
	return median(values)
}

// report prints the tables, and writes them into docs/performance.md if asked to.
func (o *outcome) report(ctx context.Context, l *lab) error {
	machine, err := o.machine(ctx, l)
	if err != nil {
		return err
	}
	parts := []struct{ name, text string }{
		{"machine", machine}, {"goals", o.goals()}, {"figures", o.table()}, {"decoders", o.decoderTable()},
	}
	for _, part := range parts {
		if part.name != "decoders" || len(o.decoders) > 0 {
			fmt.Println(part.text)
		}
	}
	if !o.write {
		return nil
	}
	path := filepath.Join(l.root, "docs", "performance.md")
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if document, err = replacePart(document, part.name, part.text); err != nil {
			return err
		}
	}
	return os.WriteFile(path, document, 0o644)
}

// replacePart puts text between the part's markers.
func replacePart(document []byte, name, text string) ([]byte, error) {
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->")
	head, rest, ok1 := bytes.Cut(document, begin)
	_, tail, ok2 := bytes.Cut(rest, end)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("there is no place for %s", name)
	}
	return slices.Concat(head, begin, []byte(text), end, tail), nil
}

// machine says what the figures were measured with.
func (o *outcome) machine(ctx context.Context, l *lab) (string, error) {
	versions, err := output(ctx, l.module(), append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}"}, compared...)...)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "- %d rounds, `-seed %d`\n", o.rounds, o.seed)
	fmt.Fprintf(&b, "- %s, %s/%s, %d processors%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor())
	fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(versions, "\n", ", "))
	if l.programs["ogen"] == nil {
		b.WriteString("- without the client of ogen, which was left out or could not be generated\n")
	}
	return b.String(), nil
}

// compared are the modules whose version matters.
var compared = []string{
	"github.com/ogen-go/ogen", "github.com/go-faster/jx", "github.com/go-json-experiment/json",
	"github.com/goccy/go-json", "github.com/bytedance/sonic",
}

// processor names the processor where the system tells it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return ", " + strings.TrimSpace(value)
		}
	}
	return ""
}

// goals is the table of what the SDK reaches.
func (o *outcome) goals() string {
	var b strings.Builder
	b.WriteString("| Work | Figure | Goal | Measured | |\n|---|---|---:|---:|---|\n")
	for _, w := range o.works {
		if o.figures[w.Name]["sdk"] == nil {
			continue
		}
		for _, g := range w.Goals {
			value := o.figures.typical(w, "sdk", g)
			row(&b, w.Title, g.Name(), "≤ "+g.Text(g.Limit), g.Text(value), reached(value <= g.Limit))
		}
	}
	if o.program != nil {
		const title, mostSize, mostStart = "program that imports the SDK", 2.5e6, 1e6
		size, start := o.program.more()
		row(&b, title, "size", "≤ +"+work.Bytes(mostSize), signed(size, work.Bytes), reached(size <= mostSize))
		row(&b, title, "start-up", "≤ +"+work.Duration(mostStart), signed(start, work.Duration), reached(start <= mostStart))
	}
	return b.String()
}

// signed writes a difference.
func signed(value float64, text func(float64) string) string {
	if value < 0 {
		return "−" + text(-value)
	}
	return "+" + text(value)
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

// table is all figures' medians.
func (o *outcome) table() string {
	var b strings.Builder
	b.WriteString("| Work | Client | Time | to raw | CPU time | to raw | Allocations | Allocated | to raw | Peak heap | Peak RSS | Token exchanges | Connections |\n" +
		"|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, w := range o.works {
		for _, client := range []string{"raw", "sdk", "ogen"} {
			if o.figures[w.Name][client] == nil {
				continue
			}
			text := func(m *work.Metric) string {
				return m.Text(o.figures.typical(w, client, work.Goal{Metric: m}))
			}
			ratio := func(m *work.Metric) string {
				return fmt.Sprintf("%.2f", o.figures.typical(w, client, work.Goal{Metric: m, Unit: work.Ratio}))
			}
			heap := "–"
			if w.Heap {
				heap = text(work.PeakHeap)
			}
			row(&b, w.Title, client, text(work.Time), ratio(work.Time), text(work.CPU), ratio(work.CPU), text(work.Allocations),
				text(work.Allocated), ratio(work.Allocated), heap, text(work.PeakRSS), text(work.Logins), text(work.Connections))
		}
	}
	if o.program != nil {
		b.WriteString("\n| Program | Size | Start-up |\n|---|---:|---:|\n")
		for _, name := range programNames {
			row(&b, name, work.Bytes(o.program.size[name]), work.Duration(median(o.program.start[name])))
		}
	}
	return b.String()
}

// decoderTable compares the decoders.
func (o *outcome) decoderTable() string {
	var b strings.Builder
	b.WriteString("| Decoder | MB/s | Allocated | Allocations |\n|---|---:|---:|---:|\n")
	for _, d := range o.decoders {
		row(&b, d.name, fmt.Sprintf("%.0f", d.speed), work.Bytes(d.allocated), fmt.Sprintf("%.0f", d.allocation))
	}
	return b.String()
}
