package evaluation

import (
	"cmp"
	"slices"
)

// Point is what a threshold does.
type Point struct {
	// Threshold is an anomaly score.
	Threshold float64 `json:"threshold"`
	// Escape and Overkill are the rates at that threshold.
	Escape   Rate `json:"escape"`
	Overkill Rate `json:"overkill"`
}

// Curve is what thresholds do, in ascending order. [Report.Curve] predicts one
// from scores. One that was measured, by inspecting the images anew with other
// thresholds, is made of the rates of the reports.
type Curve []Point

// Curve predicts the rates for other thresholds from the scores alone: an image
// is taken as NG where its score is above the threshold. There is a point for the
// threshold 0 and one for each score above; between two points the rates are those
// of the lower one. Images without a verdict count as mistakes at each threshold.
// It is nil where an image that has a verdict has no score.
//
// Whether the service's verdicts follow from the scores in this way is not
// documented: see [CheckThreshold]. Even if they do, a threshold that was chosen on
// these images looks better on them than it is. Choose it on some, and evaluate
// it on others.
func (r *Report) Curve() Curve {
	if r.Unscored > 0 {
		return nil
	}
	scored, point := r.atZero()
	curve := Curve{point}
	for _, c := range scored {
		point.Threshold = *c.Score
		if c.Bad {
			point.Escape.Count++
		} else {
			point.Overkill.Count--
		}
		if last := &curve[len(curve)-1]; last.Threshold == point.Threshold {
			*last = point
		} else {
			curve = append(curve, point)
		}
	}
	return curve
}

// At returns what a threshold does, which need not be one of the points: between
// two of them the rates are those of the lower one. It is false where the curve
// begins above the threshold. It is made for a prediction; between the points of a
// curve that was measured nothing is known.
func (c Curve) At(threshold float64) (Point, bool) {
	i, exact := slices.BinarySearchFunc(c, threshold, func(p Point, t float64) int { return cmp.Compare(p.Threshold, t) })
	if !exact {
		i--
	}
	if i < 0 {
		return Point{}, false
	}
	point := c[i]
	point.Threshold = threshold
	return point, true
}

// atZero is the point at which all images with a score above zero are NG. With it
// come these images, by score.
func (r *Report) atZero() ([]Case, Point) {
	point := Point{Escape: Rate{N: r.Bad.N()}, Overkill: Rate{N: r.Good.N()}}
	var above []Case
	for _, c := range r.Cases {
		positive := c.Score != nil && *c.Score > 0
		if positive {
			above = append(above, c)
		}
		switch {
		case c.Bad && !positive:
			point.Escape.Count++
		case !c.Bad && (positive || !c.decided()):
			point.Overkill.Count++
		}
	}
	slices.SortFunc(above, func(a, b Case) int { return cmp.Compare(*a.Score, *b.Score) })
	return above, point
}
