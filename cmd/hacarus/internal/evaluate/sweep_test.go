package evaluate

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/putback"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// sweepOf is a sweep of a parameter that has a value, with what its algorithm takes.
func sweepOf(name string, was float64, upper string) (*sweep, *hacarus.Algorithm) {
	e := &request{p: program.NewFor(io.Discard, io.Discard, output.Table)}
	algorithm := &hacarus.Algorithm{Name: "PM", Parameters: []hacarus.AlgorithmParameter{
		{Name: hacarus.ParamThreshold, DataType: "float", Value: "0.1", RangeLower: "0", RangeUpper: upper},
		{Name: hacarus.ParamMinDetectedArea, DataType: "float", Value: "0", RangeLower: "1"},
	}}
	return &sweep{request: e, was: putback.Parameter{Name: name, Value: was}}, algorithm
}

func TestGrid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		was   float64
		upper string
		text  string
		want  []float64 // nil for an error
	}{
		{hacarus.ParamThreshold, 0.1, "", "auto", []float64{0.025, 0.05, 0.075, 0.15, 0.2, 0.3, 0.4}},
		{hacarus.ParamThreshold, 0.4, "1", "auto", []float64{0.1, 0.2, 0.3, 0.6, 0.8}},
		{hacarus.ParamThreshold, 0.001, "", "auto", []float64{0.00025, 0.0005, 0.00075, 0.0015, 0.002, 0.003, 0.004}},
		{hacarus.ParamMinDetectedArea, 2, "", "auto", []float64{1, 1.5, 3, 4, 6, 8}},
		{hacarus.ParamThreshold, 0, "", "auto", nil},
		{hacarus.ParamThreshold, 0.1, "", "0.3, 0.2 ,1e-3", []float64{0.3, 0.2, 0.001}},
		{hacarus.ParamMinDetectedArea, 2, "", "0,5", []float64{0, 5}}, // the default is taken even out of its range
		{hacarus.ParamMinDetectedArea, 2, "", "0.5", nil},
		{hacarus.ParamThreshold, 0.1, "1", "2", nil},
		{hacarus.ParamThreshold, 0.1, "", "0.1,,0.2", nil},
		{hacarus.ParamThreshold, 0.1, "", "-0.1", nil},
		{hacarus.ParamThreshold, 0.1, "", "Inf", nil},
		{hacarus.ParamThreshold, 0.1, "", "nan", nil},
		{hacarus.ParamThreshold, 0.1, "", "1e999", nil},
	} {
		s, algorithm := sweepOf(c.name, c.was, c.upper)
		got, err := s.grid(algorithm, c.text)
		if c.want == nil {
			require.Error(t, err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got)
	}
}

// lookOf is a look at two images of each kind, with their verdicts.
func lookOf(t *testing.T, repeats ...[4]hacarus.Verdict) *look {
	t.Helper()
	set := evaluation.Set{{File: "g1"}, {File: "g2"}, {File: "b1", Bad: true}, {File: "b2", Bad: true}}
	l := &look{}
	for repeat, verdicts := range repeats {
		for i, image := range set {
			result := evaluation.Result{File: image.File, Repeat: repeat, Verdict: verdicts[i]}
			if verdicts[i] == "?" {
				result.Err = errors.New("covered")
			}
			l.results = append(l.results, result)
		}
	}
	var err error
	l.report, err = evaluation.Evaluate(set, l.results)
	require.NoError(t, err)
	return l
}

// Verdicts that are others than before show that the model had another value; those
// that do not stay anyway, and images without a verdict, show nothing.
func TestAsBefore(t *testing.T) {
	t.Parallel()
	s, _ := sweepOf(hacarus.ParamThreshold, 0.1, "")
	s.model = &hacarus.Model{ModelID: "m"}
	for name, c := range map[string]struct {
		first, again *look
		same         bool
	}{
		"the same":              {lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), true},
		"another":               {lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "OK", "OK", "NG"}), false},
		"none now":              {lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "?", "OK", "NG"}), true},
		"none before":           {lookOf(t, [4]hacarus.Verdict{"OK", "?", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), true},
		"unsteady":              {lookOf(t, [4]hacarus.Verdict{"OK", "OK", "OK", "NG"}, [4]hacarus.Verdict{"NG", "OK", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "OK", "OK", "NG"}, [4]hacarus.Verdict{"OK", "OK", "OK", "NG"}), true},
		"unsteady, and another": {lookOf(t, [4]hacarus.Verdict{"OK", "OK", "OK", "NG"}, [4]hacarus.Verdict{"NG", "OK", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"OK", "OK", "NG", "NG"}, [4]hacarus.Verdict{"OK", "OK", "NG", "NG"}), false},
	} {
		err := s.asBefore(c.first, c.again)
		require.Equal(t, c.same, err == nil, "%s: %v", name, err)
	}
	err := s.asBefore(lookOf(t, [4]hacarus.Verdict{"OK", "NG", "OK", "NG"}), lookOf(t, [4]hacarus.Verdict{"NG", "OK", "OK", "NG"}))
	require.ErrorContains(t, err, "2 images get another verdict")
	require.ErrorContains(t, err, "hacarus models tune m --threshold VALUE")
}

// Where the scores reproduce the verdicts with the threshold that the model has, they
// tell what others do, and nothing is asked of the service: there is no client here.
func TestSweepByScores(t *testing.T) {
	t.Parallel()
	l := lookOf(t, [4]hacarus.Verdict{"OK", "OK", "NG", "NG"})
	for i, score := range []float64{0.02, 0.08, 0.3, 0.9} {
		l.results[i].Score = &score
	}
	var err error
	l.report, err = evaluation.Evaluate(evaluation.Set{{File: "g1"}, {File: "g2"}, {File: "b1", Bad: true}, {File: "b2", Bad: true}}, l.results)
	require.NoError(t, err)
	s, _ := sweepOf(hacarus.ParamThreshold, 0.1, "")
	s.values = []float64{0.05, 0.1, 0.5}
	got, err := s.run(t.Context(), l)
	require.NoError(t, err)
	require.Equal(t, []tried{
		{Value: 0.05, Escape: evaluation.Rate{N: 2}, Overkill: evaluation.Rate{Count: 1, N: 2}},
		{Value: 0.1, Escape: evaluation.Rate{N: 2}, Overkill: evaluation.Rate{N: 2}},
		{Value: 0.5, Escape: evaluation.Rate{Count: 1, N: 2}, Overkill: evaluation.Rate{N: 2}},
	}, got.Points)
	require.False(t, got.Measured)
	require.Nil(t, got.PutBack)
}
