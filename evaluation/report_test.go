package evaluation_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

func TestReportJSON(t *testing.T) {
	t.Parallel()
	set := evaluation.Set{{File: "g"}, {File: "b1", Bad: true, Kind: "dent"}, {File: "b2", Bad: true}}
	got, err := json.Marshal(evaluate(t, set, "NG", "OK", "?"))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"n_good": 1, "n_bad": 2, "escapes": 1, "overkills": 1, "undecided": 1, "undecided_good": 0, "undecided_bad": 1,
		"escape": {"rate": 1, "low": 0.158114, "high": 1, "count": 2, "n": 2},
		"overkill": {"rate": 1, "low": 0.025, "high": 1, "count": 1, "n": 1},
		"auroc": null, "unscored": 2,
		"kinds": {"dent": {"n": 1, "ok": 1, "ng": 0, "undecided": 0, "recall": {"rate": 0, "low": 0, "high": 0.975, "count": 0, "n": 1}}},
		"repeatability": {"repeats": 1, "same": {"rate": null, "low": 0, "high": 1, "count": 0, "n": 0}, "spread": 0, "std_dev": 0, "unsteady": []},
		"escaped_images": [{"file": "b1", "bad": true, "kind": "dent", "verdict": "OK"}],
		"overkilled_images": [{"file": "g", "bad": false, "verdict": "NG"}],
		"undecided_images": [{"file": "b2", "bad": true, "verdict": "unknown", "error": "the camera was covered"}]
	}`, rounded(t, got))
}

// rounded is a JSON document with no more than six decimals: the last digits
// hang on the processor.
func rounded(t *testing.T, document []byte) string {
	t.Helper()
	return regexp.MustCompile(`\d+\.\d+`).ReplaceAllStringFunc(string(document), func(number string) string {
		x, err := strconv.ParseFloat(number, 64)
		require.NoError(t, err)
		return strconv.FormatFloat(math.Round(x*1e6)/1e6, 'f', -1, 64)
	})
}
