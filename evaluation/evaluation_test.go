package evaluation_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// evaluate judges verdicts in the order of the set: "OK", "NG", "?" for an error,
// "-" for no result.
func evaluate(t *testing.T, set evaluation.Set, verdicts ...string) *evaluation.Report {
	t.Helper()
	report, err := evaluation.Evaluate(set, resultsOf(set, 0, verdicts...))
	require.NoError(t, err)
	return report
}

var errCamera = errors.New("the camera was covered")

func resultsOf(set evaluation.Set, repeat int, verdicts ...string) []evaluation.Result {
	var results []evaluation.Result
	for i, image := range set {
		r := evaluation.Result{File: image.File, Repeat: repeat, Verdict: hacarus.Verdict(verdicts[i])}
		switch verdicts[i] {
		case "-":
			continue
		case "?":
			r.Verdict, r.Err = hacarus.VerdictUnknown, errCamera
		}
		results = append(results, r)
	}
	return results
}

var mixed = evaluation.Set{
	{File: "g1"}, {File: "g2"}, {File: "g3"},
	{File: "b1", Bad: true, Kind: "scratch"}, {File: "b2", Bad: true, Kind: "scratch"}, {File: "b3", Bad: true, Kind: "dent"}, {File: "b4", Bad: true},
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		verdicts         []string
		good, bad        evaluation.Counts
		escape, overkill evaluation.Rate
		kinds            []evaluation.Kind
	}{
		{
			"all right", []string{"OK", "OK", "OK", "NG", "NG", "NG", "NG"},
			evaluation.Counts{OK: 3}, evaluation.Counts{NG: 4}, evaluation.Rate{N: 4}, evaluation.Rate{N: 3},
			[]evaluation.Kind{{Name: "dent", Counts: evaluation.Counts{NG: 1}}, {Name: "scratch", Counts: evaluation.Counts{NG: 2}}},
		},
		{
			"all wrong", []string{"NG", "NG", "NG", "OK", "OK", "OK", "OK"},
			evaluation.Counts{NG: 3}, evaluation.Counts{OK: 4}, evaluation.Rate{Count: 4, N: 4}, evaluation.Rate{Count: 3, N: 3},
			[]evaluation.Kind{{Name: "dent", Counts: evaluation.Counts{OK: 1}}, {Name: "scratch", Counts: evaluation.Counts{OK: 2}}},
		},
		{
			"an error is never in favor of the model", []string{"OK", "?", "OK", "NG", "?", "NG", "NG"},
			evaluation.Counts{OK: 2, Undecided: 1}, evaluation.Counts{NG: 3, Undecided: 1}, evaluation.Rate{Count: 1, N: 4}, evaluation.Rate{Count: 1, N: 3},
			[]evaluation.Kind{{Name: "dent", Counts: evaluation.Counts{NG: 1}}, {Name: "scratch", Counts: evaluation.Counts{NG: 1, Undecided: 1}}},
		},
		{
			"nor is a missing result", []string{"OK", "OK", "-", "NG", "NG", "-", "NG"},
			evaluation.Counts{OK: 2, Undecided: 1}, evaluation.Counts{NG: 3, Undecided: 1}, evaluation.Rate{Count: 1, N: 4}, evaluation.Rate{Count: 1, N: 3},
			[]evaluation.Kind{{Name: "dent", Counts: evaluation.Counts{Undecided: 1}}, {Name: "scratch", Counts: evaluation.Counts{NG: 2}}},
		},
		{
			"nor is a verdict of another word", []string{"OK", "OK", "GOOD", "NG", "NG", "", "NG"},
			evaluation.Counts{OK: 2, Undecided: 1}, evaluation.Counts{NG: 3, Undecided: 1}, evaluation.Rate{Count: 1, N: 4}, evaluation.Rate{Count: 1, N: 3},
			[]evaluation.Kind{{Name: "dent", Counts: evaluation.Counts{Undecided: 1}}, {Name: "scratch", Counts: evaluation.Counts{NG: 2}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report := evaluate(t, mixed, c.verdicts...)
			require.Equal(t, c.good, report.Good)
			require.Equal(t, c.bad, report.Bad)
			require.Equal(t, c.escape, report.Escape)
			require.Equal(t, c.overkill, report.Overkill)
			require.Equal(t, c.kinds, report.Kinds)
			require.Len(t, report.Undecided(), c.good.Undecided+c.bad.Undecided)
			for _, undecided := range report.Undecided() {
				require.Error(t, undecided.Err)
			}
		})
	}
}

// A verdict beside an error is none.
func TestEvaluateVerdictWithError(t *testing.T) {
	t.Parallel()
	results := resultsOf(mixed, 0, "OK", "OK", "OK", "NG", "NG", "NG", "NG")
	results[0].Err, results[3].Err = errCamera, errCamera
	report, err := evaluation.Evaluate(mixed, results)
	require.NoError(t, err)
	require.Equal(t, evaluation.Counts{OK: 2, Undecided: 1}, report.Good)
	require.Equal(t, evaluation.Counts{NG: 3, Undecided: 1}, report.Bad)
}

func TestEvaluateRefuses(t *testing.T) {
	t.Parallel()
	ok := evaluation.Result{File: "a", Verdict: hacarus.VerdictOK}
	for _, c := range []struct {
		set     evaluation.Set
		results []evaluation.Result
		want    string
	}{
		{nil, nil, "evaluation: no images"},
		{evaluation.Set{{}}, nil, "evaluation: an image without a name"},
		{evaluation.Set{{File: "a"}, {File: "a", Bad: true}}, nil, `evaluation: "a" is in the set twice`},
		{evaluation.Set{{File: "a", Kind: "dent"}}, nil, `evaluation: "a" is good, and has a defect of the kind "dent"`},
		{evaluation.Set{{File: "b"}}, []evaluation.Result{ok}, `evaluation: a result for "a", which is not in the set`},
		{evaluation.Set{{File: "a"}}, []evaluation.Result{ok, ok}, `evaluation: two results for "a" in repeat 0`},
	} {
		_, err := evaluation.Evaluate(c.set, c.results)
		require.EqualError(t, err, c.want)
	}
}

// An image counts once, by the worst of its results.
func TestEvaluateRepeats(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "g1"}, {File: "g2"}, {File: "b1", Bad: true}, {File: "b2", Bad: true}, {File: "b3", Bad: true}}
	results := resultsOf(set, 7, "OK", "OK", "NG", "NG", "NG")
	results = append(results, resultsOf(set, 3, "OK", "NG", "OK", "?", "NG")...)
	results = append(results, resultsOf(set, 5, "OK", "?", "?", "NG", "NG")...)
	for i, score := range []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.6, 0.1, 0, 0.5, 0.1, 0, 0, 0.4, 0.8} {
		results[i].Score = new(score)
	}
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	require.Equal(t, []evaluation.Case{
		{Image: set[0], Verdict: hacarus.VerdictOK, Score: new(0.1)},
		{Image: set[1], Verdict: hacarus.VerdictNG},
		{Image: set[2], Verdict: hacarus.VerdictOK},
		{Image: set[3], Verdict: hacarus.VerdictUnknown, Err: errCamera},
		{Image: set[4], Verdict: hacarus.VerdictNG, Score: new(0.5)},
	}, report.Cases)
	require.Equal(t, evaluation.Rate{Count: 2, N: 3}, report.Escape)
	require.Equal(t, evaluation.Rate{Count: 1, N: 2}, report.Overkill)

	repeatability := report.Repeatability
	require.Equal(t, 3, repeatability.Repeats)
	require.Equal(t, evaluation.Rate{Count: 2, N: 5}, repeatability.Same)
	require.InDelta(t, 0.4, repeatability.Spread, 1e-12)
	require.Equal(t, []evaluation.Unsteady{ // by the repeats' numbers: 3, 5, 7
		{Image: set[1], Verdicts: []hacarus.Verdict{"NG", "unknown", "OK"}},
		{Image: set[2], Verdicts: []hacarus.Verdict{"OK", "unknown", "NG"}},
		{Image: set[3], Verdicts: []hacarus.Verdict{"unknown", "NG", "NG"}},
	}, repeatability.Unsteady)
}

func TestReportWorstImages(t *testing.T) {
	t.Parallel()
	results := resultsOf(mixed, 0, "NG", "NG", "NG", "OK", "OK", "OK", "NG")
	for i, score := range []float64{0.5, 0.9, 0.7, 0.09, 0.01, 0.05, 0.2} {
		results[i].Score = new(score)
	}
	results[2].Score, results[5].Score = nil, nil
	report, err := evaluation.Evaluate(mixed, results)
	require.NoError(t, err)
	require.Equal(t, []string{"b2", "b1", "b3"}, files(report.Escapes()))
	require.Equal(t, []string{"g2", "g1", "g3"}, files(report.Overkills()))
	require.Nil(t, report.Undecided())
}

func files(cases []evaluation.Case) []string {
	var names []string
	for _, c := range cases {
		names = append(names, c.File)
	}
	return names
}
