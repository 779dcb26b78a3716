package evaluation_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

// Clopper-Pearson intervals as tables have them.
func TestRateInterval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source    string
		rate      evaluation.Rate
		low, high float64
	}{
		{"Newcombe 1998, Statistics in Medicine 17, table I", evaluation.Rate{Count: 81, N: 263}, 0.2527, 0.3676},
		{"Newcombe 1998, Statistics in Medicine 17, table I", evaluation.Rate{Count: 15, N: 148}, 0.0578, 0.1617},
		{"Newcombe 1998, Statistics in Medicine 17, table I", evaluation.Rate{Count: 0, N: 20}, 0, 0.1684},
		{"Newcombe 1998, Statistics in Medicine 17, table I", evaluation.Rate{Count: 1, N: 29}, 0.0009, 0.1776},
		{"Geigy, exact confidence limits for p, N = 7", evaluation.Rate{Count: 0, N: 7}, 0, 0.4096},
		{"Geigy, exact confidence limits for p, N = 10", evaluation.Rate{Count: 1, N: 10}, 0.0025, 0.4450},
		{"Geigy, exact confidence limits for p, N = 10", evaluation.Rate{Count: 5, N: 10}, 0.1871, 0.8129},
		{"Geigy, exact confidence limits for p, N = 10", evaluation.Rate{Count: 10, N: 10}, 0.6915, 1},
	} {
		t.Run(fmt.Sprintf("%d of %d", c.rate.Count, c.rate.N), func(t *testing.T) {
			t.Parallel()
			low, high := c.rate.Interval(0.95)
			require.InDelta(t, c.low, low, 5e-5, c.source)
			require.InDelta(t, c.high, high, 5e-5, c.source)
		})
	}
}

// Hahn and Meeker, Statistical Intervals: where nothing was seen, the one-sided
// bound is 1 - (1 - confidence)^(1/n).
func TestRateBoundOfNothing(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 0.1391, evaluation.Rate{N: 20}.Upper(0.95), 5e-5)
	for _, n := range []int{1, 2, 7, 20, 149, 3000, 1_000_000} {
		want := -math.Expm1(math.Log(0.05) / float64(n))
		require.InEpsilon(t, want, evaluation.Rate{N: n}.Upper(0.95), 1e-9, n)
		require.InEpsilon(t, 1-want, evaluation.Rate{Count: n, N: n}.Lower(0.95), 1e-9, n)
	}
}

// NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.4.1: 4 failures of 20, 90 %.
func TestRateIntervalOfOtherConfidence(t *testing.T) {
	t.Parallel()
	low, high := evaluation.Rate{Count: 4, N: 20}.Interval(0.90)
	require.InDelta(t, 0.071354, low, 2e-6)
	require.InDelta(t, 0.401029, high, 2e-6)
}

// The bounds are where Clopper and Pearson define them: what was seen, or worse,
// has a probability of one minus the confidence there.
func TestRateBoundsByDefinition(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 10, 41, 100} {
		for count := 0; count <= n; count += 1 + n/20 {
			rate := evaluation.Rate{Count: count, N: n}
			for _, confidence := range []float64{0.6, 0.9, 0.95, 0.975, 0.999} {
				if count < n {
					require.InDelta(t, 1-confidence, atMost(count, n, rate.Upper(confidence)), 1e-9, "%v, upper, %v", rate, confidence)
				}
				if count > 0 {
					require.InDelta(t, confidence, atMost(count-1, n, rate.Lower(confidence)), 1e-9, "%v, lower, %v", rate, confidence)
				}
			}
		}
	}
}

// atMost is the probability of count or fewer of n, summed up with 200 bits.
func atMost(count, n int, share float64) float64 {
	float := func() *big.Float { return new(big.Float).SetPrec(200) }
	p := float().SetFloat64(share)
	q := float().Sub(float().SetInt64(1), p)
	power := func(base *big.Float, exponent int) *big.Float {
		product := float().SetInt64(1)
		for range exponent {
			product.Mul(product, base)
		}
		return product
	}
	sum := float()
	for k := range count + 1 {
		term := float().SetInt(new(big.Int).Binomial(int64(n), int64(k)))
		sum.Add(sum, term.Mul(term, power(p, k)).Mul(term, power(q, n-k)))
	}
	result, _ := sum.Float64()
	return result
}

func TestRateOfNothing(t *testing.T) {
	t.Parallel()
	for _, rate := range []evaluation.Rate{{}, {Count: 2}, {Count: 3, N: 2}, {Count: -1, N: 2}} {
		low, high := rate.Interval(0.95)
		require.Equal(t, []float64{0, 1}, []float64{low, high}, rate)
		require.True(t, math.IsNaN(rate.Value()))
	}
	for _, confidence := range []float64{-1, 0, 1, 2, math.NaN(), math.Inf(1)} {
		require.True(t, math.IsNaN(evaluation.Rate{Count: 1, N: 2}.Upper(confidence)), confidence)
		require.True(t, math.IsNaN(evaluation.Rate{Count: 1, N: 2}.Lower(confidence)), confidence)
	}
	got, err := json.Marshal(evaluation.Rate{})
	require.NoError(t, err)
	require.JSONEq(t, `{"rate":null,"low":0,"high":1,"count":0,"n":0}`, string(got))
}
