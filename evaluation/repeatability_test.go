package evaluation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// The pooled deviation is that of the analysis of variance: within images, not
// between them.
func TestRepeatabilityDeviation(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "a"}, {File: "b", Bad: true}}
	var results []evaluation.Result
	for repeat, scores := range [][]float64{{1, 50}, {2, 52}, {3, 54}} {
		for i, score := range scores {
			results = append(results, evaluation.Result{File: set[i].File, Repeat: repeat, Verdict: hacarus.VerdictNG, Score: &score})
		}
	}
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	require.InDelta(t, 1.5811388, report.Repeatability.StdDev, 1e-7) // √((1+4)/2)
	require.Equal(t, 4.0, report.Repeatability.Spread)
	require.Equal(t, evaluation.Rate{Count: 2, N: 2}, report.Repeatability.Same)
	require.Empty(t, report.Repeatability.Unsteady)
}

// An image that never had a verdict has not had the same one each time, and a
// repeat that is missing is one without a verdict.
func TestRepeatabilityWithoutVerdicts(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "a"}, {File: "b"}, {File: "c"}}
	results := append(resultsOf(set, 0, "OK", "?", "OK"), resultsOf(set, 1, "OK", "?", "-")...)
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	require.Equal(t, evaluation.Rate{Count: 1, N: 3}, report.Repeatability.Same)
	require.Equal(t, evaluation.Counts{OK: 1, Undecided: 2}, report.Good)
	require.ErrorIs(t, report.Undecided()[1].Err, evaluation.ErrNoResult)

	once := evaluate(t, set, "OK", "OK", "OK")
	require.Equal(t, evaluation.Repeatability{Repeats: 1}, once.Repeatability)
}
