package evaluation_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

func TestParseRequirement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, out string
		want    evaluation.Requirement
	}{
		{"escape<=0.02@95%", "escape<=0.02@95%", evaluation.Requirement{Measure: "escape", Limit: 0.02, Confidence: 0.95}},
		{"overkill<=0.05", "overkill<=0.05@95%", evaluation.Requirement{Measure: "overkill", Limit: 0.05, Confidence: 0.95}},
		{" auroc >= 95 % @ 0.9 ", "auroc>=0.95@90%", evaluation.Requirement{Measure: "auroc", Limit: 0.95, Confidence: 0.9}},
		{"recall>=0.9@99.9%", "recall>=0.9@99.9%", evaluation.Requirement{Measure: "recall", Limit: 0.9, Confidence: 0.999}},
		{"recall:scratch and dent>=0.9", "recall:scratch and dent>=0.9@95%", evaluation.Requirement{Measure: "recall", Kind: "scratch and dent", Limit: 0.9, Confidence: 0.95}},
		{"undecided<=1%", "undecided<=0.01@95%", evaluation.Requirement{Measure: "undecided", Limit: 0.01, Confidence: 0.95}},
		{"same>=99%@50%", "same>=0.99@50%", evaluation.Requirement{Measure: "same", Limit: 0.99, Confidence: 0.5}},
	} {
		got, err := evaluation.ParseRequirement(c.in)
		require.NoError(t, err)
		require.InDelta(t, c.want.Confidence, got.Confidence, 1e-12, c.in)
		got.Confidence = c.want.Confidence
		require.Equal(t, c.want, got)
		require.Equal(t, c.out, got.String())

		again, err := evaluation.ParseRequirement(got.String())
		require.NoError(t, err)
		require.Equal(t, got.String(), again.String())
	}
}

func TestParseRequirementRefuses(t *testing.T) {
	t.Parallel()
	const names = "name escape, overkill, undecided, recall, recall:KIND, auroc or same"
	for in, want := range map[string]string{
		"":                      "no <= or >= in it, as in escape<=0.02@95%",
		"escape":                "no <= or >= in it, as in escape<=0.02@95%",
		"escapes<=0.02":         `no figure is called "escapes": ` + names,
		"<=0.02":                `no figure is called "": ` + names,
		"escape>=0.02":          "escape has a limit with <=",
		"escape<0.02":           "escape has a limit with <=",
		"auroc<=0.9":            "auroc has a limit with >=",
		"escape<=":              `the limit "" is no number`,
		"escape<=two":           `the limit "two" is no number`,
		"escape<=0":             "the limit 0 is not between 0 and 1 (or 0% and 100%)",
		"escape<=100%":          "the limit 100% is not between 0 and 1 (or 0% and 100%)",
		"escape<=2":             "the limit 2 is not between 0 and 1 (or 0% and 100%)",
		"escape<=NaN":           "the limit NaN is not between 0 and 1 (or 0% and 100%)",
		"escape<=0.02@":         `the confidence "" is no number`,
		"escape<=0.02@95":       "the confidence 95 is not between 0 and 1 (or 0% and 100%)",
		"escape<=0.02@100%":     "the confidence 100% is not between 0 and 1 (or 0% and 100%)",
		"escape<=0.02@40%":      "a confidence of 40% is less than even odds",
		"escape<=0.02@99.9999%": "a confidence of 99.9999% is more than 99.999%",
		"escape:scratch<=0.02":  "escape has no kinds, only recall has",
		"recall:>=0.9":          "no kind behind the colon",
		"escape<=0.02@95%@95%":  `the confidence "95%@95%" is no number`,
		"escape<=0.02, same>=1": `the limit "0.02, same>=1" is no number`,
	} {
		_, err := evaluation.ParseRequirement(in)
		require.EqualError(t, err, `evaluation: requirement "`+in+`": `+want)
	}
}

// A requirement is judged by what the images prove.
func TestRequirementJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		requirement string
		good, bad   int // all right
		met         bool
		bound       float64
		text        string
	}{
		{"escape<=0.02@95%", 1, 20, false, 0.1391, "not met: escape<=0.02@95%: 0.0 % of 20 images, 13.9 % at most; it takes 149 images, all right"},
		{"escape<=0.02@95%", 1, 148, false, 0.0200, "not met: escape<=0.02@95%: 0.0 % of 148 images, 2.0 % at most; it takes 149 images, all right"},
		{"escape<=0.02@95%", 1, 149, true, 0.0199, "met: escape<=0.02@95%: 0.0 % of 149 images, 2.0 % at most"},
		{"escape<=0.14", 1, 20, true, 0.1391, "met: escape<=0.14@95%: 0.0 % of 20 images, 13.9 % at most"},
		{"overkill<=0.14", 19, 1, false, 0.1459, "not met: overkill<=0.14@95%: 0.0 % of 19 images, 14.6 % at most; it takes 20 images, all right"},
		{"recall>=0.86", 1, 20, true, 0.8609, "met: recall>=0.86@95%: 100.0 % of 20 images, 86.1 % at least"},
		{"recall:dent>=0.86", 1, 20, true, 0.8609, "met: recall:dent>=0.86@95%: 100.0 % of 20 images, 86.1 % at least"},
		{"undecided<=0.14", 10, 10, true, 0.1391, "met: undecided<=0.14@95%: 0.0 % of 20 images, 13.9 % at most"},
		{"auroc>=0.6", 4, 7, true, 0.7285, "met: auroc>=0.6@95%: 1.000 with 11 images, 0.728 at least"},
		{"auroc>=0.9", 4, 7, false, 0.7285, "not met: auroc>=0.9@95%: 1.000 with 11 images, 0.728 at least"},
		{"overkill<=0.9", 0, 7, false, 1, "not met: overkill<=0.9@95%: no images for it"},
		{"recall:stain>=0.1", 1, 7, false, 0, "not met: recall:stain>=0.1@95%: no images for it"},
		{"same>=0.1", 1, 7, false, 0, "not met: same>=0.1@95%: no images for it"},
		{"auroc>=0.1", 0, 7, false, 0, "not met: auroc>=0.1@95%: no images for it"},
	} {
		requirement, err := evaluation.ParseRequirement(c.requirement)
		require.NoError(t, err)
		judgement := requirement.Judge(allRight(t, c.good, c.bad))
		require.Equal(t, c.met, judgement.Met, c.requirement)
		require.InDelta(t, c.bound, judgement.Bound, 5e-4, c.requirement)
		require.Equal(t, c.text, judgement.String())
	}
}

// Images without a verdict can only make a requirement fail.
func TestRequirementCountsErrorsAgainstTheModel(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{}
	var verdicts []string
	for i := range 200 {
		set = append(set, evaluation.Image{File: string(rune('0' + i)), Bad: i >= 40})
		verdicts = append(verdicts, map[bool]string{true: "NG", false: "OK"}[i >= 40])
	}
	requirement, err := evaluation.ParseRequirement("escape<=0.02")
	require.NoError(t, err)
	require.True(t, requirement.Judge(evaluate(t, set, verdicts...)).Met)
	for _, lost := range []string{"?", "-", "OK"} {
		verdicts[199] = lost
		require.False(t, requirement.Judge(evaluate(t, set, verdicts...)).Met, lost)
	}
}

func TestRequirementOfNothing(t *testing.T) {
	t.Parallel()
	var none evaluation.Requirement
	judgement := none.Judge(&evaluation.Report{})
	require.False(t, judgement.Met)
	require.True(t, math.IsNaN(judgement.Bound))
	require.Zero(t, none.Images())
	_, err := json.Marshal(judgement)
	require.NoError(t, err)
	require.Error(t, json.Unmarshal([]byte(`"escape<=2"`), &none))
}

func TestJudgementJSON(t *testing.T) {
	t.Parallel()
	requirement, err := evaluation.ParseRequirement("overkill<=0.9")
	require.NoError(t, err)
	document, err := json.Marshal(requirement.Judge(allRight(t, 2, 3)))
	require.NoError(t, err)
	require.JSONEq(t, `{"requirement":"overkill<=0.9@95%","met":true,"value":0,"bound":0.776393,"n":2}`, rounded(t, document))
	document, err = json.Marshal(requirement.Judge(allRight(t, 0, 3)))
	require.NoError(t, err)
	require.JSONEq(t, `{"requirement":"overkill<=0.9@95%","met":false,"value":null,"bound":1,"n":0}`, string(document))
}

// What is parsed is written so that it is parsed again, to the same.
func FuzzParseRequirement(f *testing.F) {
	for _, s := range []string{"escape<=0.02@95%", "recall:a:b>=9e-1", " auroc >= 95 % @ 0.9 ", "same>=99%@", "undecided<=-1", "same>=0.9999999999999999@0.99998"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		requirement, err := evaluation.ParseRequirement(s)
		if err != nil {
			return
		}
		again, err := evaluation.ParseRequirement(requirement.String())
		if err != nil || again.String() != requirement.String() {
			t.Errorf("%q is written as %q: %v", s, requirement, err)
		}
	})
}

// allRight is the report on images with the right verdicts; the bad ones have dents.
func allRight(t *testing.T, good, bad int) *evaluation.Report {
	t.Helper()
	var set evaluation.Set
	var results []evaluation.Result
	for i := range good + bad {
		image, result := evaluation.Image{File: string(rune('0' + i))}, evaluation.Result{Verdict: "OK", Score: new(0.1)}
		if i >= good {
			image.Bad, image.Kind, result = true, "dent", evaluation.Result{Verdict: "NG", Score: new(0.9)}
		}
		result.File = image.File
		set, results = append(set, image), append(results, result)
	}
	report, err := evaluation.Evaluate(set, results)
	require.NoError(t, err)
	return report
}
