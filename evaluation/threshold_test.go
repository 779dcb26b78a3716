package evaluation_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// withScores are results named a, b, …: OK for a positive score, NG for the same
// number below zero.
func withScores(signed ...float64) []evaluation.Result {
	var results []evaluation.Result
	for i, score := range signed {
		r := evaluation.Result{File: string(rune('a' + i)), Verdict: hacarus.VerdictOK, Score: &score}
		if score < 0 {
			r.Verdict, r.Score = hacarus.VerdictNG, new(-score)
		}
		results = append(results, r)
	}
	return results
}

func TestCheckThreshold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		results    []evaluation.Result
		threshold  *float64
		reproduces bool
		checked    float64
		exceptions string
	}{
		{"separated", withScores(0.01, 0.05, -0.2, -0.3), new(0.1), true, 0.1, ""},
		{"at the threshold either verdict will do", withScores(0.1, -0.1), new(0.1), true, 0.1, ""},
		{"a threshold that is not the service's", withScores(0.01, 0.05, -0.2, -0.3), new(0.25), false, 0.25, "c"},
		{"judged by more than the score", withScores(0.01, 0.5, -0.2, -0.3), new(0.1), false, 0.1, "b"},
		{"not known", withScores(0.01, 0.05, -0.25, -0.3), nil, true, 0.15, ""},
		{"not known, and no threshold will do", withScores(0.01, 0.4, -0.2, -0.3), nil, false, 0.01, "b"},
		{"not known, and it is the other way round", withScores(0.4, 0.3, -0.2, -0.1), nil, false, 0.1, "ab"},
		{"not known, with equal scores", withScores(0.2, -0.2, -0.3), nil, true, 0.2, ""},
		{"OK alone proves nothing", withScores(0.01, 0.05), new(0.1), false, 0.1, ""},
		{"NG alone proves nothing", withScores(-0.3), nil, false, 0.3, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			check := evaluation.CheckThreshold(c.results, c.threshold)
			require.Equal(t, c.reproduces, check.Reproduces)
			require.InDelta(t, c.checked, *check.Threshold, 1e-12)
			require.Equal(t, c.exceptions, names(check.Exceptions))
		})
	}
}

func names(results []evaluation.Result) string {
	var all string
	for _, r := range results {
		all += r.File
	}
	return all
}

// Errors say nothing of the threshold, a verdict without a score says that it is
// not the score alone.
func TestCheckThresholdWithoutScores(t *testing.T) {
	t.Parallel()
	results := withScores(0.01, -0.2, -0.3)
	results[2].Err = errCamera
	check := evaluation.CheckThreshold(results, new(0.1))
	require.True(t, check.Reproduces)
	require.Equal(t, 0.01, *check.HighestOK)
	require.Equal(t, 0.2, *check.LowestNG)

	results[2].Err, results[2].Score = nil, nil
	check = evaluation.CheckThreshold(results, new(0.1))
	require.False(t, check.Reproduces)
	require.Equal(t, "c", names(check.Exceptions))
	document, err := json.Marshal(check)
	require.NoError(t, err)
	require.JSONEq(t, `{"reproduces":false,"threshold":0.1,"highest_ok":0.01,"lowest_ng":0.2,
		"exceptions":[{"file":"c","repeat":0,"verdict":"NG"}]}`, string(document))

	require.Equal(t, evaluation.ThresholdCheck{}, evaluation.CheckThreshold(nil, nil))
}
