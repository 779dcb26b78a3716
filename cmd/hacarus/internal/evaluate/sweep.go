package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/putback"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// mostValues is how many values a sweep takes.
const mostValues = 100

// The words that stand for values.
const (
	auto         = "auto"    // values around the one in use
	defaultValue = "default" // that of the algorithm
)

// sweepFlags are what a sweep was asked for with.
type sweepFlags struct {
	values    string // "" for no sweep
	parameter string
	was       string
	inUse     bool // also on a model that is in use
}

func (f sweepFlags) check(p *program.Program) error {
	switch {
	case f.values == "" && (f.was != "" || f.inUse):
		return errors.New(p.Text("--was and --yes belong to --sweep"))
	case f.values == "":
		return nil
	case f.parameter != hacarus.ParamThreshold && f.parameter != hacarus.ParamMinDetectedArea:
		return errors.New(p.Text("--param takes %s or %s, not %q", hacarus.ParamThreshold, hacarus.ParamMinDetectedArea, f.parameter))
	case f.was == "":
		return errors.New(p.Text("--sweep needs --was VALUE: the service tells nobody which %s a model has, and it is put back to this one; --was default where the model was neither trained with another than the algorithm's nor tuned", f.parameter))
	}
	return nil
}

// sweep tries values of a predict parameter.
type sweep struct {
	*request
	model  *hacarus.Model
	was    putback.Parameter
	values []float64 // ascending, with the one that the model has
	note   *putback.Note
}

// prepareSweep checks all that can be checked before something is changed. It is
// nil where no sweep was asked for.
func (e *request) prepareSweep(ctx context.Context) (*sweep, error) {
	f := e.sweep
	if f.values == "" {
		return nil, nil //nolint:nilnil // all of a sweep's methods know
	}
	model, err := e.client.GetModel(ctx, e.model)
	if err != nil {
		return nil, err
	}
	if model.Active && !f.inUse {
		return nil, errors.New(e.p.Text("model %s is in use, and whatever is inspected with it during the sweep is judged by the values that are tried; --yes does it all the same",
			cmp.Or(model.Name, model.ModelID)))
	}
	e.model = model.ModelID // which model is the active one may change
	algorithm, err := e.client.GetAlgorithm(ctx, model.AlgorithmID)
	if err != nil {
		return nil, err
	}
	s := &sweep{request: e, model: model, was: putback.Parameter{Name: f.parameter}}
	was := f.was
	if was == defaultValue {
		was = defaultOf(algorithm, f.parameter)
	}
	if s.was.Value, err = s.valueOf(algorithm, was); err != nil {
		return nil, err
	}
	values, err := s.grid(algorithm, f.values)
	if err != nil {
		return nil, err
	}
	s.values = slices.Compact(slices.Sorted(slices.Values(append(values, s.was.Value))))
	switch {
	case len(s.values) < 2:
		return nil, errors.New(e.p.Text("--sweep names no value but the one that the model has"))
	case len(s.values) > mostValues:
		return nil, errors.New(e.p.Text("--sweep takes up to %d values", mostValues))
	}
	return s, s.open(ctx)
}

// open takes the model's note, so that nobody else tries values at the same time.
// It is ready for what may be to be put back.
func (s *sweep) open(ctx context.Context) (err error) {
	if s.note, err = s.notes.Open(s.client, s.model.ModelID); err != nil {
		return err
	}
	if err = s.putBackLeft(ctx, s.note, s.model.ModelID); err != nil {
		s.close()
	}
	return err
}

func (s *sweep) close() {
	if s != nil {
		_ = s.note.Close() // all of it is on the disk already
	}
}

// defaultOf is the value that an algorithm's models have from the start, as the
// service writes it; "" where it is not told.
func defaultOf(algorithm *hacarus.Algorithm, parameter string) string {
	for _, p := range algorithm.Parameters {
		if strings.EqualFold(p.Name, parameter) {
			return p.Value
		}
	}
	return ""
}

// valueOf reads a value that the algorithm takes.
func (s *sweep) valueOf(algorithm *hacarus.Algorithm, text string) (float64, error) {
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, errors.New(s.p.Text("%q is no value of %s", text, s.was.Name))
	}
	_, err = algorithm.Override(s.was.Name, value)
	return value, err
}

// grid are the values of a list, or those around the one in use.
func (s *sweep) grid(algorithm *hacarus.Algorithm, text string) (values []float64, err error) {
	if text == auto {
		if s.was.Value == 0 {
			return nil, errors.New(s.p.Text("around 0 there are no values to try: name them with --sweep"))
		}
		for _, times := range []float64{0.25, 0.5, 0.75, 1.5, 2, 3, 4} {
			value := rounded(s.was.Value * times)
			if _, err := algorithm.Override(s.was.Name, value); err == nil { // a range may end before
				values = append(values, value)
			}
		}
		return values, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		value, err := s.valueOf(algorithm, part)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// rounded has three digits, so that 3 times 0.1 is 0.3.
func rounded(value float64) float64 {
	short, _ := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 3, 64), 64) // it is a number's text
	return short
}

// swept is what a sweep found.
type swept struct {
	Parameter string  `json:"parameter"`
	Value     float64 `json:"value"` // that the model has
	Measured  bool    `json:"measured"`
	PutBack   *bool   `json:"put_back"` // nil where nothing was changed
	Points    []tried `json:"points"`
	Error     string  `json:"error,omitempty"`
	curve     evaluation.Curve
}

// tried is what became of the images with a value.
type tried struct {
	Value     float64         `json:"value"`
	Escape    evaluation.Rate `json:"escape"`
	Overkill  evaluation.Rate `json:"overkill"`
	Undecided int             `json:"undecided"`
}

// run tries the values. Where the scores reproduce the verdicts that the images
// got, they tell what other thresholds would do, and nothing is changed.
func (s *sweep) run(ctx context.Context, first *look) (*swept, error) {
	if s == nil {
		return nil, nil //nolint:nilnil // no sweep, no result
	}
	o := &swept{Parameter: s.was.Name, Value: s.was.Value, Points: []tried{}}
	curve := first.report.Curve()
	if s.was.Name == hacarus.ParamThreshold && curve != nil && evaluation.CheckThreshold(first.results, &s.was.Value).Reproduces {
		o.curve = curve
		for _, value := range s.values {
			if at, ok := curve.At(value); ok {
				o.Points = append(o.Points, tried{value, at.Escape, at.Overkill, len(first.report.Undecided())})
			}
		}
		return o, nil
	}
	o.Measured = true
	if err := s.note.Keep(ctx, s.client, s.model.ModelID, s.was); err != nil {
		return o, err
	}
	err := s.measure(ctx, o, first)
	slices.SortFunc(o.Points, func(a, b tried) int { return cmp.Compare(a.Value, b.Value) })
	for _, t := range o.Points {
		o.curve = append(o.curve, evaluation.Point{Threshold: t.Value, Escape: t.Escape, Overkill: t.Overkill})
	}
	back := s.putBack(ctx, s.note, s.model.ModelID, s.was)
	o.PutBack = new(back == nil)
	switch {
	case back != nil:
		err = back // whatever else went wrong, this is what a person has to do something about
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		err = errors.New(s.p.Explain(err)) // whatever came of it, it was put back
	}
	if err != nil {
		o.Error = output.JSONString(s.p.Explain(err))
	}
	return o, err
}

// measure has the images inspected with each value. The one that the model has
// comes first: with it, verdicts must be what they were.
func (s *sweep) measure(ctx context.Context, o *swept, first *look) error {
	values := append([]float64{s.was.Value}, slices.DeleteFunc(slices.Clone(s.values), func(v float64) bool { return v == s.was.Value })...)
	for i, value := range values {
		s.p.Say("Trying %s %v (%d of %d)", s.was.Name, value, i+1, len(values))
		if err := s.setParameter(ctx, s.model.ModelID, putback.Parameter{Name: s.was.Name, Value: value}); err != nil {
			return fmt.Errorf("%s %v: %w", s.was.Name, value, err)
		}
		at, err := s.judge(ctx, s.model.ModelID)
		if err != nil {
			return err
		}
		if i == 0 {
			if err := s.asBefore(first, at); err != nil {
				return err
			}
		}
		r := at.report
		o.Points = append(o.Points, tried{value, r.Escape, r.Overkill, len(r.Undecided())})
	}
	return nil
}

// asBefore checks that the value which is put back is the one that the model had:
// with it, no image gets another verdict. Images whose verdicts do not stay, or
// that have none, tell nothing.
func (s *sweep) asBefore(first, again *look) error {
	comparison, err := evaluation.Compare(first.report, again.report)
	if err != nil {
		return err
	}
	unsteady := map[string]bool{}
	for _, u := range slices.Concat(first.report.Repeatability.Unsteady, again.report.Repeatability.Unsteady) {
		unsteady[u.File] = true
	}
	others := 0
	for _, flip := range comparison.Flips {
		if !unsteady[flip.File] && flip.First != hacarus.VerdictUnknown && flip.Second != hacarus.VerdictUnknown {
			others++
		}
	}
	if others == 0 {
		return nil
	}
	return exit.With(exit.Unknown, errors.New(s.p.Text("with the %s %v of --was, %d images get another verdict than before: the model had another value, which nobody knows now. Nothing more was tried. Set it: %s",
		s.was.Name, s.was.Value, others, s.mend(s.model.ModelID, s.was.Name, "VALUE"))))
}
