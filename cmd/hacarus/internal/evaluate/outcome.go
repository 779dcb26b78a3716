package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/report"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// outcome is all that an evaluation found.
type outcome struct {
	Model        string
	Report       *evaluation.Report
	Requirements []evaluation.Judgement
	Compared     string // the other model; "" for none
	Comparison   *evaluation.Comparison
}

// MarshalJSON writes the report's figures, and beside them what else was asked for.
func (o outcome) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(o.Report)
	if err != nil {
		return nil, err
	}
	parts := map[string]any{}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	parts["model"] = o.Model
	parts["requirements"] = append([]evaluation.Judgement{}, o.Requirements...)
	if o.Comparison != nil {
		parts["compared_model"], parts["comparison"] = o.Compared, o.Comparison
	}
	return json.Marshal(parts)
}

// tell writes the outcome, and into the folder, if there is one, the images.
func (e *request) tell(ctx context.Context, o outcome) error {
	if err := e.write(o); err != nil {
		return err
	}
	if e.out == nil {
		return nil
	}
	return e.save(ctx, o)
}

func (e *request) write(o outcome) error {
	switch e.p.Out.Format() {
	case output.JSON, output.JSONL:
		return e.p.Out.Value(o, nil)
	case output.CSV:
		return e.writeCases(o.Report)
	}
	return e.writeTable(o)
}

func (e *request) writeTable(o outcome) error {
	lines := e.matrix(o.Report)
	lines = append(lines, "")
	lines = append(lines, aligned(e.rows(o))...)
	if open := e.open(o.Report); open != "" {
		lines = append(lines, "", open)
	}
	if curve := o.Report.Curve(); len(curve) > 1 {
		lines = append(lines, "", e.curveNote(), strings.TrimRight(curve.Text(e.plot()), "\n"))
	}
	if o.Comparison != nil {
		lines = append(lines, "",
			e.p.Text("Compared with %s, bad images: %s", o.Compared, o.Comparison.Bad.String()),
			e.p.Text("Compared with %s, good images: %s", o.Compared, o.Comparison.Good.String()))
		for _, flip := range o.Comparison.Flips {
			lines = append(lines, "  "+output.Escape(fmt.Sprintf("%s: %s → %s", flip.File, flip.First, flip.Second)))
		}
	}
	return e.p.Out.Text(strings.Join(lines, "\n"))
}

// matrix is the confusion matrix.
func (e *request) matrix(r *evaluation.Report) []string {
	counts := func(name string, c evaluation.Counts) [4]string {
		return [4]string{name, strconv.Itoa(c.OK), strconv.Itoa(c.NG), strconv.Itoa(c.Undecided)}
	}
	rows := [][4]string{{"", "OK", "NG", e.p.Text("no verdict")}, counts(e.p.Text("good images"), r.Good), counts(e.p.Text("bad images"), r.Bad)}
	width := max(output.Width(rows[1][0]), output.Width(rows[2][0]))
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = output.Pad(row[0], width) + "   " + output.Pad(row[1], 6) + output.Pad(row[2], 6) + row[3]
	}
	return lines
}

// rows are the figures, by name.
func (e *request) rows(o outcome) (rows [][2]string) {
	add := func(name, value string) { rows = append(rows, [2]string{output.Escape(name), output.Escape(value)}) }
	add(e.p.Text("escape rate"), e.rate(o.Report.Escape))
	add(e.p.Text("overkill rate"), e.rate(o.Report.Overkill))
	if low, high := o.Report.AUROC.Interval(confidence); !math.IsNaN(o.Report.AUROC.Value()) {
		add("AUROC", e.p.Text("%.3f (95 %%: %.3f to %.3f)", o.Report.AUROC.Value(), low, high))
	}
	for _, kind := range o.Report.Kinds {
		add(e.p.Text("found of %s", kind.Name), e.rate(kind.Recall()))
	}
	if e.repeat > 1 {
		add(e.p.Text("the same verdict in %d repeats", e.repeat), e.rate(o.Report.Repeatability.Same))
	}
	for _, judgement := range o.Requirements {
		met := e.p.Text("met")
		if !judgement.Met {
			met = e.p.Text("not met")
		}
		add(judgement.Requirement.String(), met+e.p.Text(" (proven: %.1f %%)", 100*judgement.Bound))
	}
	return rows
}

func aligned(rows [][2]string) (lines []string) {
	width := 0
	for _, row := range rows {
		width = max(width, output.Width(row[0]))
	}
	for _, row := range rows {
		lines = append(lines, output.Pad(row[0], width)+"   "+row[1])
	}
	return lines
}

// confidence is that of the intervals that are shown.
const confidence = 0.95

func (e *request) rate(r evaluation.Rate) string {
	if r.N == 0 {
		return e.p.Text("no images")
	}
	low, high := r.Interval(confidence)
	return e.p.Text("%d of %d = %.1f %% (95 %%: %.1f %% to %.1f %%)", r.Count, r.N, 100*r.Value(), 100*low, 100*high)
}

// open says what so few bad images leave open.
func (e *request) open(r *evaluation.Report) string {
	if r.Escape.N == 0 {
		return ""
	}
	return e.p.Text("Up to %.1f %% of the bad products may still escape (one-sided, 95 %%).", 100*r.Escape.Upper(confidence))
}

// curveNote says what the curve is worth: whether scores and one threshold
// reproduce the verdicts that were given.
func (e *request) curveNote() string {
	if evaluation.CheckThreshold(e.results, nil).Reproduces {
		return e.p.Text("What other thresholds would do to these images, by their scores:")
	}
	return e.p.Text("The verdicts do not follow from the scores alone, so this curve is a guess:")
}

func (e *request) plot() evaluation.Plot {
	return evaluation.Plot{Escape: e.p.Text("escape rate"), Overkill: e.p.Text("overkill rate"), Threshold: e.p.Text("threshold")}
}

func caseColumns() []output.Column {
	return []output.Column{{Name: "file"}, {Name: "truth"}, {Name: "kind"}, {Name: "verdict"}, {Name: "score"}, {Name: "error"}}
}

func caseCells(c evaluation.Case) []output.Cell {
	truth, score, text := hacarus.VerdictOK, "", ""
	if c.Bad {
		truth = hacarus.VerdictNG
	}
	if c.Score != nil {
		score = strconv.FormatFloat(*c.Score, 'g', -1, 64)
	}
	if c.Err != nil {
		text = c.Err.Error()
	}
	return []output.Cell{
		output.Text(c.File), output.Verdict(truth), output.Text(c.Kind), output.Verdict(c.Verdict), output.Number(score), output.Text(text),
	}
}

func (e *request) writeCases(r *evaluation.Report) error {
	list := e.p.Out.List(caseColumns())
	for _, c := range r.Cases {
		if err := list.Add(nil, caseCells(c)...); err != nil {
			return err
		}
	}
	return list.Close()
}

// save writes the table of images, and then pictures of those that went wrong, and
// a page.
func (e *request) save(ctx context.Context, o outcome) error {
	if err := e.saveTable(o.Report); err != nil {
		return err
	}
	var images []report.Image
	for _, c := range append(append(o.Report.Escapes(), o.Report.Overkills()...), o.Report.Undecided()...) {
		cells := caseCells(c)
		image := report.Image{File: c.File, Verdict: c.Verdict, Score: cells[4].Text, Error: cells[5].Text, Item: e.items[c.File]}
		image.Boxes = []string{e.p.Text("in truth %s %s", cells[1].Text, c.Kind)}
		images = append(images, image)
	}
	if err := report.Draw(ctx, e.p, e.out, images); err != nil {
		return err
	}
	figures, err := e.figures(o)
	if err != nil {
		return err
	}
	page := report.Page{Title: e.p.Text("Evaluation of model %s", o.Model), Lines: []string{e.open(o.Report)}, Figures: figures, Heading: e.p.Text("Images that went wrong"), Images: images}
	return page.Save(e.p, e.out)
}

func (e *request) saveTable(r *evaluation.Report) error {
	return e.out.Write("results.csv", func(w io.Writer) error {
		if _, err := io.WriteString(w, output.ByteOrderMark); err != nil {
			return err
		}
		table := csv.NewWriter(w)
		table.UseCRLF = true
		var names []string
		for _, column := range caseColumns() {
			names = append(names, column.Name)
		}
		_ = table.Write(names) // Error tells
		for _, c := range r.Cases {
			_ = table.Write(output.Record(caseCells(c)))
		}
		table.Flush()
		return table.Error()
	})
}

// figures are the numbers and the curve, as a part of the page.
func (e *request) figures(o outcome) (template.HTML, error) {
	var b bytes.Buffer
	b.WriteString("<table>\n")
	for _, row := range e.rows(o) {
		fmt.Fprintf(&b, "<tr><th>%s</th><td>%s</td></tr>\n", html.EscapeString(row[0]), html.EscapeString(row[1]))
	}
	b.WriteString("</table>\n")
	if curve := o.Report.Curve(); len(curve) > 1 {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(e.curveNote()))
		if err := curve.WriteSVG(&b, e.plot()); err != nil {
			return "", err
		}
	}
	return template.HTML(b.String()), nil //nolint:gosec // all of it is escaped above, or drawn by this module
}
