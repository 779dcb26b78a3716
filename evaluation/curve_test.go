package evaluation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

func TestReportCurve(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{
		{File: "g1"}, {File: "g2"}, {File: "g3"}, {File: "g4"},
		{File: "b1", Bad: true}, {File: "b2", Bad: true}, {File: "b3", Bad: true},
	}
	results := resultsOf(set, 0, "OK", "OK", "OK", "?", "NG", "NG", "?")
	for i, score := range []float64{0, 0.1, 0.3, 0.1, 0.2, 0.3, 0.9} {
		results[i].Score = &score
	}
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	point := func(threshold float64, escapes, overkills int) evaluation.Point {
		return evaluation.Point{Threshold: threshold, Escape: evaluation.Rate{Count: escapes, N: 3}, Overkill: evaluation.Rate{Count: overkills, N: 4}}
	}
	require.Equal(t, evaluation.Curve{ // g4 and b3, which have no verdict, always go wrong
		point(0, 1, 3), point(0.1, 1, 2), point(0.2, 2, 2), point(0.3, 3, 1),
	}, report.Curve())
}
