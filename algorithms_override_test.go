package hacarus_test

import (
	"context"
	"fmt"
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// algorithmOf is an algorithm with one parameter.
func algorithmOf(p hacarus.AlgorithmParameter) *hacarus.Algorithm {
	p.AlgorithmParameterID, p.Name = 221, "p"
	return &hacarus.Algorithm{Name: "Pattern Matching", Parameters: []hacarus.AlgorithmParameter{p}}
}

func TestOverride(t *testing.T) {
	t.Parallel()
	type millimetres int
	integer := hacarus.AlgorithmParameter{DataType: "int", Value: "4", RangeLower: "1", RangeUpper: "100"}
	float := hacarus.AlgorithmParameter{DataType: "Float", Value: "0", RangeLower: "1", RangeUpper: "inf"}
	zero := hacarus.AlgorithmParameter{DataType: "float", Value: "0.0", RangeLower: "1"}
	big := hacarus.AlgorithmParameter{DataType: "int", Value: "1"}
	tuple := hacarus.AlgorithmParameter{DataType: "tuple", Value: "[16, 16]", RangeLower: "[0, 0]", RangeUpper: "[200, 100]"}
	whole := hacarus.AlgorithmParameter{DataType: "(int, int)", Value: "(8, 8)", RangeLower: "0", RangeUpper: "height"}
	triple := hacarus.AlgorithmParameter{DataType: "tuple", Value: "[1, 2, 3]"}
	capital := hacarus.AlgorithmParameter{DataType: "bool", Value: "True"}
	boolean := hacarus.AlgorithmParameter{DataType: "boolean", Value: "false"}
	word := hacarus.AlgorithmParameter{DataType: "string", Value: "l2"}
	stranger := hacarus.AlgorithmParameter{DataType: "kernel", Value: "rbf", RangeLower: "1"}
	for _, c := range []struct {
		p     hacarus.AlgorithmParameter
		value any
		want  string // "" is an error
	}{
		{integer, 50, "50"},
		{integer, uint8(50), "50"},
		{integer, millimetres(50), "50"},
		{integer, 50.0, "50"},
		{integer, " 50 ", "50"},
		{integer, 1, "1"},
		{integer, 100, "100"},
		{integer, 0, ""},
		{integer, 101, ""},
		{integer, 1.5, ""},
		{integer, "many", ""},
		{integer, "", ""},
		{integer, nil, ""},
		{integer, true, ""},
		{integer, []int{5}, ""},
		{integer, "[5]", ""},
		{float, 2.5, "2.5"},
		{float, float32(2.5), "2.5"},
		{float, float32(1.1), "1.1"},
		{float, 3, "3"},
		{float, "1e1", "10"},
		{float, 1e7, "10000000"},
		{float, 0, "0"}, // the default is below the range
		{zero, 0, "0"},
		{zero, "0.0", "0"},
		{zero, 0.5, ""},
		{big, 9007199254740993, "9007199254740993"},
		{float, 0.5, ""},
		{float, math.NaN(), ""},
		{float, math.Inf(1), ""},
		{float, "nan", ""},
		{tuple, [2]int{32, 16}, "[32, 16]"},
		{tuple, []int{32, 16}, "[32, 16]"},
		{tuple, []float64{0.5, 1}, "[0.5, 1]"},
		{tuple, []any{32, 16.0}, "[32, 16]"},
		{tuple, image.Pt(16, 32), "[32, 16]"}, // vertical first
		{tuple, "(32,16)", "[32, 16]"},
		{tuple, "[32, 16]", "[32, 16]"},
		{tuple, "32, 16", ""},
		{tuple, "(32, 16]", ""},
		{tuple, 32, ""},
		{tuple, []int{32}, ""},
		{tuple, []int{1, 2, 3}, ""},
		{tuple, [][]int{{32, 16}}, ""},
		{tuple, []int{100, 101}, ""},
		{tuple, []int{-1, 0}, ""},
		{tuple, []string{"32", "x"}, ""},
		{whole, []int{8000, 0}, "[8000, 0]"}, // "height" is no number
		{whole, []float64{0.5, 1}, ""},
		{whole, []int{0, -1}, ""},
		{triple, []int{4, 5, 6}, "[4, 5, 6]"},
		{triple, []int{4, 5}, ""},
		{capital, true, "True"},
		{capital, "false", "False"},
		{boolean, true, "true"},
		{boolean, "yes", ""},
		{word, "l1", "l1"},
		{word, 1, ""},
		{stranger, "linear", "linear"},
		{stranger, 1, ""},
	} {
		t.Run(fmt.Sprintf("%s/%v", c.p.DataType, c.value), func(t *testing.T) {
			t.Parallel()
			got, err := algorithmOf(c.p).Override("p", c.value)
			if c.want == "" {
				require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
				require.Zero(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, hacarus.OverrideParam{AlgorithmParameterID: 221, Value: c.want}, got)
		})
	}
}

func TestOverrideFindsTheParameter(t *testing.T) {
	t.Parallel()
	a := &hacarus.Algorithm{Name: "Pattern Matching", Parameters: []hacarus.AlgorithmParameter{
		{AlgorithmParameterID: 1, Name: "a", DisplayName: "b", DataType: "int"},
		{AlgorithmParameterID: 2, Name: "b", DisplayName: "Step size", DataType: "int"},
		{AlgorithmParameterID: 3, DataType: "int"},
	}}
	for name, id := range map[string]int{"a": 1, "A": 1, "b": 2, "step SIZE": 2} {
		got, err := a.Override(name, 5)
		require.NoError(t, err, name)
		require.Equal(t, id, got.AlgorithmParameterID, name)
	}
	for _, name := range []string{"c", ""} {
		_, err := a.Override(name, 5)
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		require.ErrorContains(t, err, "a, b")
	}
}

// Every documented default is taken as it stands, and training accepts it.
func TestOverrideDefaults(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	defer s.Close()
	algorithms, err := s.Client().ListAlgorithms(t.Context())
	require.NoError(t, err)
	require.Len(t, algorithms, 4)
	for _, a := range algorithms {
		for _, p := range a.Parameters {
			got, err := a.Override(p.Name, p.Value)
			require.NoError(t, err, p.Name)
			require.Equal(t, hacarus.OverrideParam{AlgorithmParameterID: p.AlgorithmParameterID, Value: p.Value}, got)
		}
	}
}

// Parameters are named in code and checked before the training.
func ExampleAlgorithm_Override() {
	service := hacarustest.NewServer()
	defer service.Close()
	algorithm, err := service.Client().GetAlgorithm(context.Background(), "PM")
	if err != nil {
		panic(err)
	}
	size, err := algorithm.Override(hacarus.ParamMinInspectionSize, [2]int{32, 32})
	fmt.Println(size.Value, err)
	_, err = algorithm.Override(hacarus.ParamAnomalyRange, 2)
	fmt.Println(err)
	// Output:
	// [32, 32] <nil>
	// hacarus: Override: invalid argument: anomaly_range: 2 is out of range; it is of type "float" from "0" to "1", by default "0"
}
