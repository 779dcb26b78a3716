package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParameterAccepts(t *testing.T) {
	t.Parallel()
	var (
		threshold = Parameter{DataType: "float", Default: "0.1", Lower: "0"}
		step      = Parameter{DataType: "int", Default: "4", Lower: "1", Upper: "9"}
		area      = Parameter{DataType: "float", Default: "0", Lower: "1", Upper: "inf"}
		size      = Parameter{DataType: "tuple", Default: "[16, 16]", Lower: "[0, 0]", Upper: "height"}
		pair      = Parameter{DataType: "(int, int)", Default: "(0, 1)", Lower: "0", Upper: "(8, 9)"}
		unlimited = Parameter{DataType: "tuple", Default: "none"}
	)
	tests := map[string]struct {
		parameter      Parameter
		takes, refuses []string
	}{
		"float":        {threshold, []string{"0", "0.1", "1e3", " 2 ", "12"}, []string{"-0.1", "", "much", "NaN", "inf", "1,2", "[1]"}},
		"int":          {step, []string{"1", "4", "4.0", "9"}, []string{"0", "10", "4.5", "1e300", "four", "[4]"}},
		"default":      {area, []string{"0", "0.0", "1", "1e9"}, []string{"0.5", "-0.5"}},
		"tuple":        {size, []string{"[8, 8]", "[8,8.5]", "(8, 8)", "[0, 99999]"}, []string{"8", "8, 8", "[8]", "[8, 8, 8]", "[8, -1]", "[8, x]", "[8, 8", "[]", ""}},
		"int tuple":    {pair, []string{"[8, 9]", "[0, 0]"}, []string{"[9, 8]", "[8, 10]", "[-1, 0]", "[1.5, 2]"}},
		"no default":   {unlimited, []string{"none", "[-1, 1]"}, []string{"any", "[1]"}},
		"bool":         {Parameter{DataType: "Bool"}, []string{"true", "False", "1", ""}, []string{"yes", "2"}},
		"string":       {Parameter{DataType: "string", Lower: "1"}, []string{"", "anything", "0"}, nil},
		"unknown type": {Parameter{DataType: "matrix"}, []string{"[[1]]"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, value := range test.takes {
				require.True(t, test.parameter.Accepts(value), "%q", value)
			}
			for _, value := range test.refuses {
				require.False(t, test.parameter.Accepts(value), "%q", value)
			}
		})
	}
}

func TestParameterKind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind  Kind
		whole bool
	}{
		"int": {Number, true}, " Integer ": {Number, true}, "float": {Number, false}, "double": {Number, false}, "number": {Number, false},
		"tuple": {Tuple, false}, "list": {Tuple, false}, "(int, int)": {Tuple, true}, "(float,float)": {Tuple, false},
		"bool": {Bool, false}, "boolean": {Bool, false}, "string": {Text, false}, "": {Text, false},
	}
	for dataType, want := range tests {
		p := Parameter{DataType: dataType}
		require.Equal(t, want.kind, p.Kind(), "%q", dataType)
		require.Equal(t, want.whole, p.IsWhole(), "%q", dataType)
	}
}

func TestSplitNumbers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		texts  []string
		isList bool
	}{
		"8": {[]string{"8"}, false}, " 8 ": {[]string{"8"}, false}, "8,4": {[]string{"8", "4"}, false},
		"[8, 4]": {[]string{"8", "4"}, true}, "(8,4)": {[]string{"8", "4"}, true}, "[8]": {[]string{"8"}, true},
		"": {nil, false}, "  ": {nil, false}, "[]": {[]string{""}, true}, "[8": {[]string{"[8"}, false}, "[8)": {[]string{"[8)"}, false},
	}
	for text, want := range tests {
		texts, isList := SplitNumbers(text)
		require.Equal(t, want.texts, texts, "%q", text)
		require.Equal(t, want.isList, isList, "%q", text)
	}
}

// Integers that a float cannot hold are not told apart, so they are refused.
func TestParameterNumbers(t *testing.T) {
	t.Parallel()
	whole := Parameter{DataType: "int"}
	numbers, err := whole.Numbers([]string{"9007199254740992", "-3", "2.0"})
	require.NoError(t, err)
	require.Equal(t, []float64{1 << 53, -3, 2}, numbers)
	_, err = whole.Numbers([]string{"90071992547409930"})
	require.EqualError(t, err, "90071992547409930: not a whole number")
	_, err = Parameter{}.Numbers([]string{"1", "many"})
	require.EqualError(t, err, `"many" is not a finite number`)
}
