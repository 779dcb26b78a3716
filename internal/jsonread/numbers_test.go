package jsonread

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers of a few digits take a short way, to the same value as the long one.
func TestParseFloat(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	texts := []string{"0.0", "0.1", "0.3", "606.25", "1.", ".5", ".", "1..5", "1.5.5", "", "0.1234567890123456", "999999999999.999", "0.000000000000001", "123456789012345.6"}
	for range 20_000 {
		digits := strconv.FormatUint(random.Uint64N(1_000_000_000_000_000), 10)
		point := random.IntN(len(digits) + 1)
		texts = append(texts, digits[:point]+"."+digits[point:])
	}
	for _, text := range texts {
		want, wantErr := strconv.ParseFloat(text, 64)
		got, err := ParseFloat([]byte(text))
		require.Equal(t, wantErr == nil, err == nil, text)
		if err == nil {
			require.Equal(t, math.Float64bits(want), math.Float64bits(got), text)
		}
	}
}
