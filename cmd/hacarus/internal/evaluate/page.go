package evaluate

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/report"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// nearest is how many images of either kind are shown that came nearest to going
// wrong.
const nearest = 3

// draw writes the table of images into the folder, if there is one, and then
// pictures of the worst. It does so before the images are inspected again, since the
// service forgets the heat maps then.
func (e *request) draw(ctx context.Context, o *outcome) error {
	if e.out == nil {
		return nil
	}
	if err := e.saveTable(o.report); err != nil {
		return err
	}
	o.wrong = e.images(o, slices.Concat(o.report.Escapes(), o.report.Undecided(), o.report.Overkills()))
	o.near = e.images(o, nearlyWrong(o.report))
	client := e.client
	if !e.heatMaps {
		client = nil
	}
	all := slices.Concat(o.wrong, o.near)
	err := report.Draw(ctx, e.p, e.out, client, all)
	o.wrong, o.near = all[:len(o.wrong)], all[len(o.wrong):]
	return err
}

// save writes the page.
func (e *request) save(o *outcome) error {
	figures, err := e.figures(o)
	if err != nil {
		return err
	}
	page := report.Page{
		Title: e.p.Text("Evaluation of model %s", o.Model), Lines: []string{e.open(o.report)}, Figures: figures,
		Sections: []report.Section{{Heading: e.p.Text("Images that went wrong"), Filter: true, Images: o.wrong}},
		OK:       e.p.Text("OK: escaped"), NG: e.p.Text("NG: overkill"),
	}
	if len(o.near) > 0 {
		page.Sections = append(page.Sections, report.Section{Heading: e.p.Text("Nearest to going wrong, by their scores"), Images: o.near})
	}
	return page.Save(e.p, e.out)
}

// nearlyWrong are the bad images with the lowest scores of those that were found,
// and the good ones with the highest of those that were kept.
func nearlyWrong(r *evaluation.Report) []evaluation.Case {
	few := func(bad bool, verdict hacarus.Verdict, direction int) []evaluation.Case {
		cases := slices.DeleteFunc(slices.Clone(r.Cases), func(c evaluation.Case) bool {
			return c.Bad != bad || c.Verdict != verdict || c.Score == nil
		})
		slices.SortStableFunc(cases, func(a, b evaluation.Case) int { return direction * cmp.Compare(*a.Score, *b.Score) })
		return cases[:min(nearest, len(cases))]
	}
	return append(few(true, hacarus.VerdictNG, 1), few(false, hacarus.VerdictOK, -1)...)
}

func (e *request) images(o *outcome, cases []evaluation.Case) []report.Image {
	images := make([]report.Image, len(cases))
	for i, c := range cases {
		cells := caseCells(c)
		images[i] = report.Image{
			File: c.File, Verdict: c.Verdict, Score: cells[4].Text, Error: cells[5].Text, Item: o.items[c.File],
			Note: e.p.Text("in truth %s %s", cells[1].Text, c.Kind),
		}
	}
	return images
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

//go:embed page.html
var source string

// figures are the numbers and the curve, as a part of the page.
func (e *request) figures(o *outcome) (template.HTML, error) {
	parsed, err := template.New("figures").Parse(source)
	if err != nil {
		return "", err
	}
	v := figuresView{
		Words:  e.words(),
		Matrix: []matrixRow{e.matrixRow(e.p.Text("good images"), o.report.Good, false), e.matrixRow(e.p.Text("bad images"), o.report.Bad, true)},
		Rates:  e.rateRows(o),
	}
	for _, judgement := range o.Requirements {
		v.Requirements = append(v.Requirements, requirementRow{judgement.Requirement.String(), e.percent(judgement.Bound), e.met(judgement), judgement.Met})
	}
	if c := e.curve(o); c != nil {
		v.Notes = c.notes
		for _, width := range []int{640, 340} { // the letters of a wide one are too small on a telephone
			c.plot.Width = width
			var svg bytes.Buffer
			if err := c.curve.WriteSVG(&svg, c.plot); err != nil {
				return "", err
			}
			v.Curves = append(v.Curves, template.HTML(svg.String())) //nolint:gosec // drawn by this module, which escapes its words
		}
		v.Parameter, v.Tried = c.plot.Threshold, e.triedRows(o)
	}
	if o.Comparison != nil {
		v.Compared = append([]string{e.p.Text("Compared with %s (McNemar's exact test):", o.Compared)}, e.compared(o.Comparison)...)
		for _, flip := range o.Comparison.Flips {
			v.Flips = append(v.Flips, []string{output.Escape(flip.File), e.word(flip.First), e.word(flip.Second)})
		}
	}
	var b bytes.Buffer
	err = parsed.Execute(&b, v)
	return template.HTML(b.String()), err //nolint:gosec // the template has escaped it
}

// figuresView is what the template shows.
type figuresView struct {
	Words        map[string]string
	Matrix       []matrixRow
	Rates        []rateRow
	Requirements []requirementRow
	Notes        []string
	Curves       []template.HTML // a wide and a narrow one
	Parameter    string
	Tried        []triedRow
	Compared     []string
	Flips        [][]string
}

func (e *request) words() map[string]string {
	return map[string]string{
		"Verdicts": e.p.Text("Verdicts"), "Rates": e.p.Text("Rates"), "NoVerdict": e.p.Text("no verdict"), "Share": e.p.Text("Share"),
		"Interval": e.p.Text("%d %% interval, two-sided", 95), "Count": e.p.Text("Images"), "Figure": e.p.Text("Figure"), "Requirements": e.p.Text("Requirements"),
		"Requirement": e.p.Text("Requirement"), "Proven": e.p.Text("Proven"), "Result": e.p.Text("Result"),
		"Thresholds": e.p.Text("Other values"), "Escape": e.p.Text("escape rate"), "Overkill": e.p.Text("overkill rate"), "Comparison": e.p.Text("Comparison"),
		"File": e.p.Text("File"), "First": e.p.Text("This model"), "Second": e.p.Text("The other"), "Truth": e.p.Text("Truth"),
	}
}

func (e *request) word(v hacarus.Verdict) string {
	if v == hacarus.VerdictUnknown {
		return e.p.Text("no verdict")
	}
	return string(v)
}

// matrixRow is a row of the confusion matrix.
type matrixRow struct {
	Name  string
	Cells []matrixCell
}

type matrixCell struct {
	Count int
	Class string // right, wrong or open, and zero for none
	Name  string // what such images are called
}

func (e *request) matrixRow(name string, c evaluation.Counts, bad bool) matrixRow {
	ok, ng := matrixCell{c.OK, "right", e.p.Text("kept")}, matrixCell{c.NG, "wrong", e.p.Text("overkill")}
	if bad {
		ok, ng = matrixCell{c.OK, "wrong", e.p.Text("escaped")}, matrixCell{c.NG, "right", e.p.Text("found")}
	}
	row := matrixRow{Name: name, Cells: []matrixCell{ok, ng, {c.Undecided, "open", e.p.Text("counts as wrong")}}}
	for i := range row.Cells {
		if row.Cells[i].Count == 0 {
			row.Cells[i].Class = "zero"
			if i == len(row.Cells)-1 { // nothing counts as anything
				row.Cells[i].Name = ""
			}
		}
	}
	return row
}

// rateRow is a figure with its interval.
type rateRow struct {
	Name, Count, Value, Interval string
	At, Low, Width               string // of the scale, in percent
}

func (e *request) rateRows(o *outcome) []rateRow {
	rows := []rateRow{
		e.rateRow(e.p.Text("escape rate"), o.report.Escape, o.report.Bad.Undecided),
		e.rateRow(e.p.Text("overkill rate"), o.report.Overkill, o.report.Good.Undecided),
	}
	for _, kind := range o.report.Kinds {
		rows = append(rows, e.rateRow(e.p.Text("found of %s", kind.Name), kind.Recall(), 0))
	}
	if e.repeat > 1 {
		rows = append(rows, e.rateRow(e.p.Text("the same verdict in %d repeats", e.repeat), o.report.Repeatability.Same, 0))
	}
	if area := o.report.AUROC; !math.IsNaN(area.Value()) {
		low, high := area.Interval(confidence)
		row := scaled(area.Value(), low, high)
		row.Name, row.Count, row.Value = "AUROC", fmt.Sprintf("%d × %d", area.Bad, area.Good), fmt.Sprintf("%.3f", area.Value())
		row.Interval = e.p.Text("%.3f to %.3f", low, high)
		rows = append(rows, row)
	}
	return rows
}

func (e *request) rateRow(name string, r evaluation.Rate, undecided int) rateRow {
	low, high := r.Interval(confidence)
	row := scaled(r.Value(), low, high)
	row.Name, row.Count, row.Value = name, e.p.Text("%d of %d", r.Count, r.N), "–"
	if undecided > 0 {
		row.Count = e.p.Text("%s, of which without a verdict: %d", row.Count, undecided)
	}
	if r.N > 0 {
		row.Value = e.percent(r.Value())
	}
	row.Interval = e.p.Text("%.1f %% to %.1f %%", 100*low, 100*high)
	return row
}

func (e *request) percent(share float64) string { return e.p.Text("%.1f %%", 100*share) }

// scaled has the places of an interval on its scale.
func scaled(at, low, high float64) rateRow {
	place := func(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) }
	row := rateRow{Low: place(low), Width: place(high - low)}
	if !math.IsNaN(at) {
		row.At = place(at)
	}
	return row
}

type requirementRow struct {
	Text, Bound, Result string
	Met                 bool
}

// triedRow is what became of the images with a value.
type triedRow struct {
	Value            string
	Now              bool
	Escape, Overkill rateRow
	Undecided        int
}

func (e *request) triedRows(o *outcome) (rows []triedRow) {
	if o.Sweep == nil {
		return nil
	}
	for _, t := range o.Sweep.Points {
		row := triedRow{strconv.FormatFloat(t.Value, 'g', -1, 64), t.Value == o.Sweep.Value, e.rateRow("", t.Escape, 0), e.rateRow("", t.Overkill, 0), t.Undecided}
		if row.Now {
			row.Value = e.p.Text("%s (in use)", row.Value)
		}
		rows = append(rows, row)
	}
	return rows
}
