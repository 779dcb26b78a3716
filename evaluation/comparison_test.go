package evaluation_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/evaluation"
)

// The exact test of McNemar is the sign test on the discordant pairs.
func TestPairedP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source        string
		first, second int
		want, within  float64
	}{
		{"Siegel 1956, table D (sign test), N = 10, x = 1, both tails", 1, 9, 0.022, 1e-3},
		{"Siegel 1956, table D (sign test), N = 14, x = 3, both tails", 11, 3, 0.058, 1e-3},
		{"Siegel 1956, table D (sign test), N = 20, x = 5, both tails", 5, 15, 0.042, 1e-3},
		{"Siegel 1956, table D (sign test), N = 6, x = 0, both tails", 0, 6, 0.032, 1e-3},
		{"by definition: 2/2^8", 0, 8, 2.0 / 256, 1e-12},
		{"by definition: 2(1+10)/2^10", 9, 1, 22.0 / 1024, 1e-12},
		{"no discordant pair", 0, 0, 1, 0},
		{"even", 7, 7, 1, 0},
		{"nearly even", 7, 8, 1, 1e-12},
	} {
		got := evaluation.Paired{OnlyFirst: c.first, OnlySecond: c.second, Both: 40}.P()
		require.InDelta(t, c.want, got, c.within, c.source)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "g"}, {File: "b1", Bad: true}, {File: "b2", Bad: true, Kind: "dent"}, {File: "b3", Bad: true}}
	first := evaluate(t, set, "OK", "OK", "NG", "?")
	second := evaluate(t, set, "OK", "NG", "NG", "OK")
	got, err := evaluation.Compare(first, second)
	require.NoError(t, err)
	require.Equal(t, &evaluation.Comparison{
		Good: evaluation.Paired{Both: 1},
		Bad:  evaluation.Paired{Both: 1, Neither: 1, OnlySecond: 1},
		Flips: []evaluation.Flip{
			{Image: set[1], First: hacarus.VerdictOK, Second: hacarus.VerdictNG},
			{Image: set[3], First: hacarus.VerdictUnknown, Second: hacarus.VerdictOK},
		},
	}, got)
	require.Equal(t, evaluation.Paired{Both: 2, Neither: 1, OnlySecond: 1}, got.All())

	document, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"good": {"n":1,"both":1,"neither":0,"only_first":0,"only_second":0,"p":1},
		"bad": {"n":3,"both":1,"neither":1,"only_first":0,"only_second":1,"p":1},
		"flips": [
			{"file":"b1","bad":true,"first":"OK","second":"NG"},
			{"file":"b3","bad":true,"first":"unknown","second":"OK"}
		]}`, string(document))
}

func TestCompareOfOtherImages(t *testing.T) {
	t.Parallel()
	first := evaluate(t, evaluation.Set{{File: "a"}, {File: "b", Bad: true}}, "OK", "NG")
	for _, c := range []struct {
		set  evaluation.Set
		want string
	}{
		{evaluation.Set{{File: "a"}}, "evaluation: the models saw 2 and 1 images: only the same can be compared"},
		{evaluation.Set{{File: "a"}, {File: "c", Bad: true}}, `evaluation: the second model did not see "b" with the same label`},
		{evaluation.Set{{File: "a"}, {File: "b"}}, `evaluation: the second model did not see "b" with the same label`},
	} {
		_, err := evaluation.Compare(first, evaluate(t, c.set, "OK", "NG"))
		require.EqualError(t, err, c.want)
	}
}
