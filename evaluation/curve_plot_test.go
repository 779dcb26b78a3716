package evaluation_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

var someCurve = evaluation.Curve{
	{Threshold: 0, Escape: evaluation.Rate{N: 4}, Overkill: evaluation.Rate{Count: 2, N: 2}},
	{Threshold: 0.1, Escape: evaluation.Rate{Count: 1, N: 4}, Overkill: evaluation.Rate{Count: 1, N: 2}},
	{Threshold: 0.4, Escape: evaluation.Rate{Count: 4, N: 4}, Overkill: evaluation.Rate{N: 2}},
}

// elements are those of an SVG, by name and class, with their attributes. What
// is no XML fails the test.
func elements(t *testing.T, svg string) map[string][]map[string]string {
	t.Helper()
	found := map[string][]map[string]string{}
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			attributes := map[string]string{}
			for _, a := range start.Attr {
				attributes[a.Name.Local] = a.Value
			}
			key := strings.TrimSpace(start.Name.Local + " " + attributes["class"])
			found[key] = append(found[key], attributes)
		}
	}
}

func svgOf(t *testing.T, curve evaluation.Curve, plot evaluation.Plot) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, curve.WriteSVG(&b, plot))
	return b.String()
}

func TestCurveWriteSVG(t *testing.T) {
	t.Parallel()
	got := elements(t, svgOf(t, someCurve, evaluation.Plot{Width: 68 + 400, Height: 80 + 100, InUse: new(0.2)}))
	// 1000 pixels would be a threshold of 1, and 100 pixels are 100 %.
	require.Equal(t, "52.0,136.0 152.0,136.0 152.0,111.0 452.0,111.0 452.0,36.0 452.0,36.0", got["polyline escape line"][0]["points"])
	require.Equal(t, "52.0,36.0 152.0,36.0 152.0,86.0 452.0,86.0 452.0,136.0 452.0,136.0", got["polyline overkill line"][0]["points"])
	require.Equal(t, "252.0", got["line use"][0]["x1"])
	require.Len(t, got["polygon escape band"], 1)
	require.Len(t, got["polygon overkill band"], 1)

	measured := elements(t, svgOf(t, someCurve, evaluation.Plot{Width: 68 + 400, Height: 80 + 100, Measured: true}))
	require.Empty(t, measured["polyline escape line"])
	require.Len(t, measured["circle escape dot"], 3+1, "with the legend's")
	require.Len(t, measured["rect overkill dot"], 3+1)
	require.Equal(t, "149.0", measured["circle escape dot"][1]["cx"], "beside that of the overkills")
	require.Equal(t, "111.0", measured["circle escape dot"][1]["cy"])
}

// Words are the caller's, and cannot break out of the document.
func TestCurveWriteSVGEscapes(t *testing.T) {
	t.Parallel()
	const evil = `<script>"&'`
	svg := svgOf(t, someCurve, evaluation.Plot{Escape: evil, Overkill: evil, Threshold: evil, InUseLabel: evil, InUse: new(0.2)})
	require.Empty(t, elements(t, svg)["script"])
}

// An SVG does not grow with what nobody can see.
func TestCurveWriteSVGOfManyPoints(t *testing.T) {
	t.Parallel()
	const n = 20_000
	curve := make(evaluation.Curve, n)
	for i := range curve {
		curve[i] = evaluation.Point{Threshold: float64(i), Escape: evaluation.Rate{Count: i, N: n}, Overkill: evaluation.Rate{Count: n - i, N: n}}
	}
	require.Less(t, len(svgOf(t, curve, evaluation.Plot{})), 1_000_000)
}

// Whatever the points, there is a picture.
func TestCurveDrawsOddPoints(t *testing.T) {
	t.Parallel()
	for _, curve := range []evaluation.Curve{nil, {{}}, {{Threshold: 5}}, {{Threshold: 0, Escape: evaluation.Rate{Count: 9, N: 1}}}} {
		for _, plot := range []evaluation.Plot{{}, {Measured: true, InUse: new(0.0)}, {Width: -1, Height: -1}, {Width: 1, Height: 1}} {
			svg := svgOf(t, curve, plot)
			require.NotContains(t, svg, "NaN")
			require.NotContains(t, svg, "Inf")
			elements(t, svg)
			require.Contains(t, curve.Text(plot), "threshold")
		}
	}
}
