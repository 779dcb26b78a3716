package vision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParametersFloat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"0.1": 0.1, " 25 ": 25, "1e-3": 0.001, "-2": -2, "0": 0,
		"": 7, "many": 7, "NaN": 7, "Inf": 7, "[1, 2]": 7,
	} {
		require.Equal(t, want, Parameters{"threshold": text}.Float("threshold", 7), "%q", text)
	}
	require.Equal(t, 7.0, Parameters(nil).Float("threshold", 7))
	require.Equal(t, 7.0, Parameters{}.Float("threshold", 7))
}

func TestParametersPair(t *testing.T) {
	t.Parallel()
	tests := map[string][2]float64{ // x, y
		"[8, 4]": {4, 8}, "8,4": {4, 8}, "(8,4)": {4, 8}, " [ 8 , 4 ] ": {4, 8}, "[0, 0]": {0, 0},
		"16": {16, 16}, "[16]": {16, 16},
		"": {7, 7}, "[]": {7, 7}, "wide": {7, 7}, "8,": {7, 7}, "1,2,3": {7, 7}, "[NaN, 1]": {7, 7},
	}
	for text, want := range tests {
		x, y := Parameters{"ignore_outer": text}.Pair("ignore_outer", 7)
		require.Equal(t, want, [2]float64{x, y}, "%q", text)
	}
	x, y := Parameters(nil).Pair("ignore_outer", 7)
	require.Equal(t, [2]float64{7, 7}, [2]float64{x, y})
}
