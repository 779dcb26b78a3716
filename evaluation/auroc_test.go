package evaluation_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// scored evaluates images by their scores alone; every verdict is NG.
func scored(t *testing.T, good, bad []float64) *evaluation.Report {
	t.Helper()
	var set evaluation.Set
	var results []evaluation.Result
	add := func(scores []float64, bad bool) {
		for _, score := range scores {
			file := fmt.Sprintf("%d.png", len(set))
			set = append(set, evaluation.Image{File: file, Bad: bad})
			results = append(results, evaluation.Result{File: file, Verdict: hacarus.VerdictNG, Score: &score})
		}
	}
	add(good, false)
	add(bad, true)
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	return report
}

// ratings are scores of 1, 2, … as often as counts say.
func ratings(counts ...int) []float64 {
	var scores []float64
	for i, n := range counts {
		for range n {
			scores = append(scores, float64(i+1))
		}
	}
	return scores
}

// Hanley and McNeil, Radiology 143 (1982), table II: 109 CT images, rated from 1
// (definitely normal) to 5 (definitely abnormal). The area is 0.893, and its
// standard error 0.032 by the exponential approximation.
func TestAUROCOfHanleyAndMcNeil(t *testing.T) {
	t.Parallel()
	area := scored(t, ratings(33, 6, 6, 11, 2), ratings(3, 2, 2, 11, 33)).AUROC
	require.Equal(t, evaluation.AUROC{Wins: 2642, Good: 58, Bad: 51}, area)
	require.InDelta(t, 0.893, area.Value(), 5e-4)

	// Near the area the bounds are as far off as the standard error says.
	const z = 0.01
	near := 0.5 + 0.5*math.Erf(z/math.Sqrt2)
	require.InDelta(t, 0.032, (area.Upper(near)-area.Lower(near))/2/z, 1e-3)
}

// The ends of Newcombe's interval are the areas of which the one that was seen is
// z standard deviations away.
func TestAUROCIntervalByDefinition(t *testing.T) {
	t.Parallel()
	const z = 1.959963984540054
	for _, a := range []evaluation.AUROC{
		{Wins: 28, Good: 4, Bad: 7}, {Wins: 20, Good: 4, Bad: 7}, {Wins: 0, Good: 4, Bad: 7},
		{Wins: 2642, Good: 58, Bad: 51}, {Wins: 900, Good: 1000, Bad: 1}, {Wins: 1, Good: 1, Bad: 1},
	} {
		low, high := a.Interval(0.95)
		require.LessOrEqual(t, 0.0, low, a)
		require.LessOrEqual(t, low, a.Value(), a)
		require.LessOrEqual(t, a.Value(), high, a)
		require.LessOrEqual(t, high, 1.0, a)
		for _, end := range []float64{low, high} {
			m := float64(a.Good+a.Bad)/2 - 1
			variance := end * (1 - end) * (1 + m*(1-end)/(2-end) + m*end/(1+end)) / float64(a.Good*a.Bad)
			require.InDelta(t, math.Abs(a.Value()-end), z*math.Sqrt(variance), 1e-9, a)
		}
		require.Greater(t, high-low, 0.01, "few images leave much open: %v", a)
	}
}

// The interval holds the true area about as often as it says, also where the
// images are few and the area is near 1, and where half the samples are
// separated perfectly.
func TestAUROCIntervalCovers(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same numbers each time
	normal := func(n int, mean float64) []float64 {
		scores := make([]float64, n)
		for i := range scores {
			scores[i] = mean + random.NormFloat64()
		}
		return scores
	}
	const rounds = 500
	for _, shift := range []float64{0, 1, 2, 3} {
		truth := 0.5 + 0.5*math.Erf(shift/2)
		covered := 0
		for range rounds {
			low, high := scored(t, normal(12, 0), normal(8, shift)).AUROC.Interval(0.95)
			if low <= truth && truth <= high {
				covered++
			}
		}
		require.InDelta(t, 0.955, float64(covered)/rounds, 0.03, "true area %v", truth)
	}
}

func TestAUROCOfNothing(t *testing.T) {
	t.Parallel()
	for _, area := range []evaluation.AUROC{{}, {Good: 3}, {Bad: 3}, {Wins: 9, Good: 2, Bad: 4}, {Wins: math.NaN(), Good: 2, Bad: 4}} {
		low, high := area.Interval(0.95)
		require.Equal(t, []float64{0, 1}, []float64{low, high})
		require.True(t, math.IsNaN(area.Value()))
		got, err := json.Marshal(area)
		require.NoError(t, err)
		require.Equal(t, "null", string(got))
	}
	require.True(t, math.IsNaN(evaluation.AUROC{Wins: 1, Good: 1, Bad: 1}.Lower(1)))
	require.True(t, math.IsNaN(evaluation.AUROC{Wins: 1, Good: 1, Bad: 1}.Upper(0)))
}

// An image without a verdict is ordered wrongly with each image of the other
// label. A model that tells no scores has no area, rather than a bad one.
func TestAUROCWithoutScores(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "g1"}, {File: "g2"}, {File: "b1", Bad: true}, {File: "b2", Bad: true}}
	results := []evaluation.Result{
		{File: "g1", Verdict: hacarus.VerdictOK, Score: new(0.1)},
		{File: "g2", Err: hacarus.ErrNoAssessment, Score: new(0.1)},
		{File: "b1", Verdict: hacarus.VerdictNG, Score: new(0.9)},
		{File: "b2", Err: hacarus.ErrNoAssessment, Score: new(0.9)},
	}
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	require.Equal(t, evaluation.AUROC{Wins: 1, Good: 2, Bad: 2}, report.AUROC)

	results[0].Score = new(math.NaN())
	report, err = evaluation.Evaluate(set, results)
	require.NoError(t, err)
	require.Equal(t, evaluation.AUROC{}, report.AUROC)
	require.Equal(t, 1, report.Unscored)
	require.Nil(t, report.Curve())
}
