package evaluation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// AUROC is the area under the receiver operating characteristic: the share of
// all pairs of a bad and a good image in which the bad one has the higher score.
// 1 separates perfectly, 0.5 is a guess. It tells how well the scores order the
// images, whatever the threshold.
//
// The zero value is that of no pairs, of which nothing is known. So it is where an
// image that has a verdict has no score.
type AUROC struct {
	// Wins is the number of pairs in which the bad image has the higher score. A
	// pair with equal scores counts half, one with an image without a verdict not
	// at all.
	Wins float64
	// Good and Bad are the numbers of images, of which each good one makes a pair
	// with each bad one.
	Good, Bad int
}

// Value returns the area, from 0 to 1, and NaN if there were no pairs.
func (a AUROC) Value() float64 {
	if !a.known() {
		return math.NaN()
	}
	return a.Wins / a.pairs()
}

// Interval returns the two-sided interval in which the area for all products
// lies with the given confidence, such as 0.95. It is the score interval of
// Newcombe (Statistics in Medicine 25, 2006, method 5), on the variance of Hanley
// and McNeil. Unlike DeLong's it does not shrink to a point where a small set is
// separated perfectly. It is from 0 to 1 if there were no pairs, and NaN for a
// confidence that is not between 0 and 1.
func (a AUROC) Interval(confidence float64) (low, high float64) {
	each := (1 + confidence) / 2
	return a.Lower(each), a.Upper(each)
}

// Lower returns the bound that the area for all products is above with the given
// confidence: one-sided, otherwise as [AUROC.Interval] has it.
func (a AUROC) Lower(confidence float64) float64 {
	switch {
	case !isShare(confidence):
		return math.NaN()
	case !a.known():
		return 0
	}
	return a.bound(0, confidence)
}

// Upper returns the bound that the area for all products is below with the given
// confidence: one-sided, otherwise as [AUROC.Interval] has it.
func (a AUROC) Upper(confidence float64) float64 {
	switch {
	case !isShare(confidence):
		return math.NaN()
	case !a.known():
		return 1
	}
	return a.bound(1, confidence)
}

// bound looks between the area and an end of the scale for the farthest area
// from which the one that was seen is no more than z standard deviations away.
func (a AUROC) bound(end, confidence float64) float64 {
	z := math.Sqrt2 * math.Erfinv(2*confidence-1)
	seen := a.Value()
	inside, outside := seen, end
	for range 60 { // halvings, down to the precision of a float64
		middle := (inside + outside) / 2
		if math.Abs(seen-middle) > z*math.Sqrt(a.variance(middle)) {
			outside = middle
		} else {
			inside = middle
		}
	}
	return inside
}

// variance is what Hanley and McNeil (Radiology 143, 1982) give for exponential
// scores, with both sample sizes replaced by their mean, as Newcombe does.
func (a AUROC) variance(area float64) float64 {
	others := float64(a.Good+a.Bad)/2 - 1
	return area * (1 - area) * (1 + others*(1-area)/(2-area) + others*area/(1+area)) / a.pairs()
}

func (a AUROC) pairs() float64 { return float64(a.Good) * float64(a.Bad) }

func (a AUROC) known() bool {
	return a.Good > 0 && a.Bad > 0 && a.Wins >= 0 && a.Wins <= a.pairs()
}

// String returns the area with its two-sided interval at 95 %, such as
// "0.893 (95 %: 0.812 to 0.940)".
func (a AUROC) String() string {
	if !a.known() {
		return "not known"
	}
	low, high := a.Interval(confidence)
	return fmt.Sprintf("%.3f (95 %%: %.3f to %.3f)", a.Value(), low, high)
}

// MarshalJSON writes the area with its two-sided interval at 95 %, and null if
// there were no pairs:
//
//	{"value":0.893,"low":0.812,"high":0.940}
func (a AUROC) MarshalJSON() ([]byte, error) {
	if !a.known() {
		return []byte("null"), nil
	}
	low, high := a.Interval(confidence)
	return json.Marshal(struct {
		Value float64 `json:"value"`
		Low   float64 `json:"low"`
		High  float64 `json:"high"`
	}{a.Value(), low, high})
}

// areaOf orders the images by score, and counts the pairs. No area is known where
// one that has a verdict has no score.
func areaOf(cases []Case) AUROC {
	if unscored(cases) > 0 {
		return AUROC{}
	}
	var area AUROC
	var scored []Case
	for _, c := range cases {
		if c.Bad {
			area.Bad++
		} else {
			area.Good++
		}
		if c.Score != nil && c.decided() {
			scored = append(scored, c)
		}
	}
	slices.SortFunc(scored, func(a, b Case) int { return cmp.Compare(*a.Score, *b.Score) })
	below := 0 // good images with a lower score
	for first := 0; first < len(scored); {
		good, end := 0, first
		for ; end < len(scored) && *scored[end].Score == *scored[first].Score; end++ {
			if !scored[end].Bad {
				good++
			}
		}
		bad := end - first - good
		area.Wins += float64(bad) * (float64(below) + float64(good)/2)
		below += good
		first = end
	}
	return area
}

// unscored counts the images that have a verdict and no score.
func unscored(cases []Case) int {
	n := 0
	for _, c := range cases {
		if c.decided() && c.Score == nil {
			n++
		}
	}
	return n
}
