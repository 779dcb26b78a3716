package evaluate

import (
	"strconv"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// shown is a curve with what it is worth, in words.
type shown struct {
	notes []string
	curve evaluation.Curve
	plot  evaluation.Plot
}

// curve is what other values of a parameter do: as the sweep found it, or else by
// the scores. Nil is that nothing is known.
func (e *request) curve(o *outcome) *shown {
	c := &shown{plot: evaluation.Plot{Escape: e.p.Text("escape rate"), Overkill: e.p.Text("overkill rate"), Threshold: e.p.Text("threshold"), InUseLabel: e.p.Text("in use")}}
	if o.Sweep == nil {
		c.curve = o.report.Curve()
		if len(c.curve) < 2 {
			return nil
		}
		c.notes = []string{e.p.Text("The verdicts do not follow from the scores alone, so this curve is a guess:")}
		if o.check().Reproduces {
			c.notes = []string{e.p.Text("What other thresholds would do to these images, by their scores:")}
		}
		return c
	}
	if len(o.Sweep.curve) == 0 {
		return nil
	}
	c.curve, c.plot.Measured, c.plot.InUse = o.Sweep.curve, o.Sweep.Measured, &o.Sweep.Value
	if o.Sweep.Parameter != hacarus.ParamThreshold {
		c.plot.Threshold = o.Sweep.Parameter
	}
	c.notes = e.sweepNotes(o)
	return c
}

func (e *request) sweepNotes(o *outcome) (notes []string) {
	s := o.Sweep
	check := o.check()
	switch {
	case !s.Measured:
		notes = append(notes, e.p.Text("With the threshold %v the scores reproduce all verdicts, so other values were computed from the scores, and nothing was changed.", s.Value))
	case s.Parameter == hacarus.ParamThreshold:
		notes = append(notes, e.p.Text("With the threshold %v the scores do not reproduce the verdicts (exceptions: %d), so the images were inspected anew with each value.", s.Value, len(check.Exceptions)))
	default:
		notes = append(notes, e.p.Text("The images were inspected anew with each value of %s.", s.Parameter))
	}
	if s.PutBack != nil && *s.PutBack {
		notes = append(notes, e.p.Text("The model has %s %v again.", s.Parameter, s.Value))
	}
	return append(notes, e.p.Text("No value is recommended: one that is chosen by these images looks better on them than it is. Judge it by others."))
}

// triedText is a row of titles, and one for each value that was asked for.
func (e *request) triedText(o *outcome, title string) [][]string {
	rows := [][]string{{title, e.p.Text("escape rate"), e.p.Text("overkill rate"), e.p.Text("no verdict")}}
	for i, t := range e.triedRows(o) {
		at := o.Sweep.Points[i]
		rows = append(rows, []string{t.Value, e.rate(at.Escape), e.rate(at.Overkill), strconv.Itoa(t.Undecided)})
	}
	return rows
}
