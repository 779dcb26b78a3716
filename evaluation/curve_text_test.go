package evaluation_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

var emptyRows = regexp.MustCompile(`(?m)^ *\n`)

func TestCurveText(t *testing.T) {
	t.Parallel()
	require.Equal(t, ` 100 % OOOOOO     |          E
                  |
  75 %            |
                  |
  50 %       OOOOOOOOOOOOOOOO
                  |
  25 %       EEEEEEEEEEEEEEEE
                  |
   0 % EEEEEE     |          O
       +-----+----+-----+----+
       0    0.1  0.2   0.3 0.4
       threshold   E escape   O overkill   | in use 0.2
`, someCurve.Text(evaluation.Plot{Width: 30, Height: 9, InUse: new(0.2)}))
	require.Equal(t, ` 100 % O                     E
~
  75 %
~
  50 %       O
~
  25 %       E
~
   0 % E                     O
       +-----+----+-----+----+
       0    0.1  0.2   0.3 0.4
       しきい値   E 見逃し   O 過検出
`, emptyRows.ReplaceAllString(someCurve.Text(evaluation.Plot{Width: 30, Height: 9, Measured: true, Threshold: "しきい値", Escape: "見逃し", Overkill: "過検出"}), "~\n"))
}

// A mark is explained where it is used.
func TestCurveTextWhereRatesMeet(t *testing.T) {
	t.Parallel()
	legend := func(c evaluation.Curve) string {
		lines := strings.Split(strings.TrimSpace(c.Text(evaluation.Plot{})), "\n")
		return lines[len(lines)-1]
	}
	require.NotContains(t, legend(someCurve), "*")
	meeting := evaluation.Curve{{Threshold: 0, Escape: evaluation.Rate{N: 4}, Overkill: evaluation.Rate{N: 2}}}
	require.Contains(t, legend(meeting), "* E, O")
}

// Scales end at a round figure, the nearest that has room for all thresholds.
func TestCurveScale(t *testing.T) {
	t.Parallel()
	for most, figures := range map[float64]string{
		1:      "0 0.2 0.4 0.6 0.8 1",
		0.9999: "0 0.2 0.4 0.6 0.8 1",
		0.42:   "0 0.1 0.2 0.3 0.4 0.5",
		0.3:    "0 0.05 0.1 0.15 0.2 0.25 0.3",
		0.0013: "0 0.0005 0.001 0.0015",
		7:      "0 2 4 6 8",
		12:     "0 2 4 6 8 10 12",
		5e-324: "0 0.2 0.4 0.6 0.8 1",
		0:      "0 0.2 0.4 0.6 0.8 1",
	} {
		curve := evaluation.Curve{{Threshold: 0}, {Threshold: most}}
		lines := strings.Split(curve.Text(evaluation.Plot{}), "\n")
		require.Equal(t, figures, strings.Join(strings.Fields(lines[18]), " "), most)
		var shown []string
		for _, text := range tickTexts.FindAllStringSubmatch(svgOf(t, curve, evaluation.Plot{}), -1) {
			shown = append(shown, text[1])
		}
		require.Equal(t, figures, strings.Join(shown, " "), most)
	}
}

// tickTexts are the figures of the thresholds, which alone stand in the middle and
// are numbers.
var tickTexts = regexp.MustCompile(`text-anchor="middle">([0-9.]+)</text>`)

// A prediction holds from its point up to the next.
func TestCurveAt(t *testing.T) {
	t.Parallel()
	for threshold, want := range map[float64]int{0: 0, 0.0999: 0, 0.1: 1, 0.3: 1, 0.4: 2, 9: 2} {
		got, ok := someCurve.At(threshold)
		require.True(t, ok)
		require.Equal(t, evaluation.Point{Threshold: threshold, Escape: someCurve[want].Escape, Overkill: someCurve[want].Overkill}, got)
	}
	_, ok := someCurve.At(-0.1)
	require.False(t, ok)
	_, ok = evaluation.Curve(nil).At(0)
	require.False(t, ok)
}
