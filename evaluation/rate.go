package evaluation

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// confidence is that of the intervals in texts and in JSON, two-sided, and of
// the bounds of requirements that name none, one-sided.
const confidence = 0.95

// Rate is a share of images: Count of N. The zero value is a share of no images,
// of which nothing is known.
type Rate struct {
	// Count is the number of images that are counted.
	Count int
	// N is the number of images among which they were.
	N int
}

// Value returns the share, from 0 to 1, and NaN if there were no images.
func (r Rate) Value() float64 {
	if !r.known() {
		return math.NaN()
	}
	return float64(r.Count) / float64(r.N)
}

// Interval returns the exact two-sided interval of Clopper and Pearson in which
// the share among all products lies with the given confidence, such as 0.95. It
// is from 0 to 1 if there were no images, and NaN for a confidence that is not
// between 0 and 1.
func (r Rate) Interval(confidence float64) (low, high float64) {
	each := (1 + confidence) / 2 // half of the doubt on either side
	return r.Lower(each), r.Upper(each)
}

// Lower returns the exact bound that the share among all products is above with
// the given confidence, such as 0.95: one-sided, so it is the lower end of an
// interval with a confidence of 0.90. It is 0 if there were no images, and NaN for
// a confidence that is not between 0 and 1.
func (r Rate) Lower(confidence float64) float64 {
	switch {
	case !isShare(confidence):
		return math.NaN()
	case !r.known() || r.Count == 0:
		return 0
	}
	return mathext.InvRegIncBeta(float64(r.Count), float64(r.N-r.Count)+1, 1-confidence)
}

// Upper returns the exact bound that the share among all products is below with
// the given confidence, such as 0.95: one-sided, so it is the upper end of an
// interval with a confidence of 0.90. For none of 20 it is 0.1391. It is 1 if
// there were no images, and NaN for a confidence that is not between 0 and 1.
func (r Rate) Upper(confidence float64) float64 {
	switch {
	case !isShare(confidence):
		return math.NaN()
	case !r.known() || r.Count == r.N:
		return 1
	}
	return mathext.InvRegIncBeta(float64(r.Count)+1, float64(r.N-r.Count), confidence)
}

// known is false where there are no images, and for counts that cannot be.
func (r Rate) known() bool { return r.N > 0 && r.Count >= 0 && r.Count <= r.N }

// isShare says whether x is between 0 and 1, and neither.
func isShare(x float64) bool { return x > 0 && x < 1 }

// String returns the rate with its two-sided interval at 95 %, such as
// "0 of 7 = 0.0 % (95 %: 0.0 % to 41.0 %)".
func (r Rate) String() string {
	if !r.known() {
		return fmt.Sprintf("%d of %d", r.Count, r.N)
	}
	low, high := r.Interval(confidence)
	return fmt.Sprintf("%d of %d = %s (95 %%: %s to %s)", r.Count, r.N, percent(r.Value()), percent(low), percent(high))
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// MarshalJSON writes the rate with its two-sided interval at 95 %, and a rate of
// null if there were no images:
//
//	{"rate":0,"low":0,"high":0.4096,"count":0,"n":7}
func (r Rate) MarshalJSON() ([]byte, error) {
	low, high := r.Interval(confidence)
	return json.Marshal(struct {
		Rate  *float64 `json:"rate"`
		Low   float64  `json:"low"`
		High  float64  `json:"high"`
		Count int      `json:"count"`
		N     int      `json:"n"`
	}{finite(r.Value()), low, high, r.Count, r.N})
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
