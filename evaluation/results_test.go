package evaluation_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// What Inspect is given and what comes back are the same images, whatever the
// inspection calls them.
func TestResultOf(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "good/1.png"}, {File: "bad/1.png", Bad: true, Kind: "dent"}}
	files := set.Files()
	require.Equal(t, []string{"1.png", "1.png"}, []string{files[0].Name, files[1].Name})

	item := &hacarus.Item{Assessments: []hacarus.Assessment{{Label: hacarus.LabelNG, AnomalyScore: "0.75"}}}
	outcome := &hacarus.Inspection{File: "1.png", Tag: files[1].Tag, Item: item, Verdict: hacarus.VerdictNG}
	require.Equal(t, evaluation.Result{File: "bad/1.png", Repeat: 2, Verdict: hacarus.VerdictNG, Score: new(0.75)}, evaluation.ResultOf(outcome, 2))

	failed := &hacarus.Inspection{File: "elsewhere.png", Tag: "lot 7", Verdict: hacarus.VerdictUnknown, Err: hacarus.ErrNoAssessment}
	require.Equal(t, evaluation.Result{File: "elsewhere.png", Verdict: hacarus.VerdictUnknown, Err: hacarus.ErrNoAssessment}, evaluation.ResultOf(failed, 0))
}
