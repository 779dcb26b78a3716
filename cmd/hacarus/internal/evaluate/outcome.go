package evaluate

import (
	"encoding/json"
	"fmt"
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
	*look        // of the model
	Model        string
	Requirements []evaluation.Judgement
	Compared     string // the other model; "" for none
	Comparison   *evaluation.Comparison
	Sweep        *swept // nil for none

	wrong, near []report.Image // with their pictures, where there is a folder
}

// MarshalJSON writes the report's figures, and behind them what else was asked for.
func (o *outcome) MarshalJSON() ([]byte, error) {
	figures, err := json.Marshal(o.report)
	if err != nil {
		return nil, err
	}
	check := o.check()
	check.Exceptions = append([]evaluation.Result{}, check.Exceptions...) // a list, even of none
	rest, err := json.Marshal(struct {
		Model        string                    `json:"model"`
		Check        evaluation.ThresholdCheck `json:"threshold_check"`
		Requirements []evaluation.Judgement    `json:"requirements"`
		Compared     string                    `json:"compared_model,omitempty"`
		Comparison   *evaluation.Comparison    `json:"comparison,omitempty"`
		Sweep        *swept                    `json:"sweep,omitempty"`
	}{o.Model, check, append([]evaluation.Judgement{}, o.Requirements...), o.Compared, o.Comparison, o.Sweep})
	if err != nil {
		return nil, err
	}
	figures[len(figures)-1] = ',' // both are objects, and are one
	return append(figures, rest[1:]...), nil
}

// check says whether the scores reproduce the verdicts: with the threshold that
// the model has, where that is known, or else with any.
func (o *outcome) check() evaluation.ThresholdCheck {
	if o.Sweep != nil && o.Sweep.Parameter == hacarus.ParamThreshold {
		return evaluation.CheckThreshold(o.results, &o.Sweep.Value)
	}
	return evaluation.CheckThreshold(o.results, nil)
}

// tell writes the outcome, and a page of it into the folder, if there is one.
func (e *request) tell(o *outcome) error {
	if err := e.write(o); err != nil {
		return err
	}
	if e.out == nil {
		return nil
	}
	return e.save(o)
}

func (e *request) write(o *outcome) error {
	switch e.p.Out.Format() {
	case output.JSON, output.JSONL:
		return e.p.Out.Value(o, nil)
	case output.CSV:
		return e.writeCases(o.report)
	}
	return e.writeTable(o)
}

func (e *request) writeTable(o *outcome) error {
	lines := e.matrix(o.report)
	lines = append(lines, "")
	lines = append(lines, aligned(e.rows(o))...)
	if open := e.open(o.report); open != "" {
		lines = append(lines, "", open)
	}
	if c := e.curve(o); c != nil {
		lines = append(lines, "")
		lines = append(lines, c.notes...)
		lines = append(lines, strings.TrimRight(c.curve.Text(c.plot), "\n"))
		if o.Sweep != nil {
			lines = append(lines, "")
			lines = append(lines, aligned(e.triedText(o, c.plot.Threshold))...)
		}
	}
	if o.Comparison != nil {
		lines = append(lines, "", e.p.Text("Compared with %s (McNemar's exact test):", o.Compared))
		lines = append(lines, e.compared(o.Comparison)...)
		for _, flip := range o.Comparison.Flips {
			lines = append(lines, "  "+output.Escape(fmt.Sprintf("%s: %s → %s", flip.File, flip.First, flip.Second)))
		}
	}
	return e.p.Out.Text(strings.Join(lines, "\n"))
}

// compared tells which of two models was right on how many images, and how likely
// that is where they are equally good.
func (e *request) compared(c *evaluation.Comparison) []string {
	line := func(images string, p evaluation.Paired) string {
		return e.p.Text("%s: only this model is right on %d, only the other on %d, of %d (p = %.2g)", images, p.OnlyFirst, p.OnlySecond, p.N(), p.P())
	}
	return []string{line(e.p.Text("bad images"), c.Bad), line(e.p.Text("good images"), c.Good)}
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
func (e *request) rows(o *outcome) (rows [][]string) {
	add := func(name, value string) { rows = append(rows, []string{output.Escape(name), output.Escape(value)}) }
	add(e.p.Text("escape rate"), e.rateOf(o.report.Escape, o.report.Bad.Undecided))
	add(e.p.Text("overkill rate"), e.rateOf(o.report.Overkill, o.report.Good.Undecided))
	if low, high := o.report.AUROC.Interval(confidence); !math.IsNaN(o.report.AUROC.Value()) {
		add("AUROC", e.p.Text("%.3f (95 %%: %.3f to %.3f)", o.report.AUROC.Value(), low, high))
	}
	for _, kind := range o.report.Kinds {
		add(e.p.Text("found of %s", kind.Name), e.rate(kind.Recall()))
	}
	if e.repeat > 1 {
		add(e.p.Text("the same verdict in %d repeats", e.repeat), e.rate(o.report.Repeatability.Same))
	}
	for _, judgement := range o.Requirements {
		add(judgement.Requirement.String(), e.met(judgement)+e.p.Text(" (proven: %.1f %%)", 100*judgement.Bound))
	}
	return rows
}

// met says whether a requirement is met, and where it cannot be, why.
func (e *request) met(j evaluation.Judgement) string {
	least := j.Requirement.Images()
	switch {
	case j.Met:
		return e.p.Text("met")
	case j.N < least:
		return e.p.Text("not met: it takes %d images, and there are %d", least, j.N)
	}
	return e.p.Text("not met")
}

func aligned(rows [][]string) (lines []string) {
	var widths []int
	for _, row := range rows {
		for i, text := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], output.Width(text))
		}
	}
	for _, row := range rows {
		line := ""
		for i, text := range row {
			line += output.Pad(text, widths[i]) + "   "
		}
		lines = append(lines, strings.TrimRight(line, " "))
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

// rateOf is a rate of mistakes, of which some are images without a verdict.
func (e *request) rateOf(r evaluation.Rate, undecided int) string {
	if undecided == 0 {
		return e.rate(r)
	}
	return e.p.Text("%s, of which without a verdict: %d", e.rate(r), undecided)
}

// open says what so few bad images leave open.
func (e *request) open(r *evaluation.Report) string {
	if r.Escape.N == 0 {
		return ""
	}
	return e.p.Text("Up to %.1f %% of the bad products may still escape (one-sided, 95 %%).", 100*r.Escape.Upper(confidence))
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
