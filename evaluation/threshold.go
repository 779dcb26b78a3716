package evaluation

import (
	"cmp"
	"math"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// ThresholdCheck says whether scores and one threshold reproduce a model's
// verdicts. They need not: a service may judge by area or by place as well.
type ThresholdCheck struct {
	// Reproduces is true where every result that has a verdict is OK below the
	// threshold and NG above, and there is at least one of each. Only then does a
	// [Curve] of the scores say what another threshold would do, and only for these
	// images.
	Reproduces bool `json:"reproduces"`
	// Threshold is the one that was checked: the one that was given, or else the
	// one with the fewest exceptions, half-way between HighestOK and LowestNG where
	// there are none. It is nil if there are no scores. It is no advice.
	Threshold *float64 `json:"threshold"`
	// HighestOK and LowestNG are the ends between which a threshold lies that
	// reproduces the verdicts; nil where no result with that verdict has a score.
	HighestOK *float64 `json:"highest_ok"`
	LowestNG  *float64 `json:"lowest_ng"`
	// Exceptions are the results that contradict: OK above the threshold, NG below,
	// or with a verdict and no score. Nil is none.
	Exceptions []Result `json:"exceptions"`
}

// CheckThreshold checks whether scores and the threshold reproduce the verdicts
// of all results, of all repeats. A nil threshold stands for one that is not
// known, and is then looked for. At the threshold itself either verdict will do:
// whether the service takes an equal score as NG is not documented.
func CheckThreshold(results []Result, threshold *float64) ThresholdCheck {
	check := ThresholdCheck{Threshold: threshold}
	var decided []Result
	for _, r := range results {
		if r = r.plain(); r.decided() {
			decided = append(decided, r)
			check.widen(r)
		}
	}
	if threshold == nil {
		check.Threshold = check.likeliest(decided)
	}
	for _, r := range decided {
		if r.contradicts(check.Threshold) {
			check.Exceptions = append(check.Exceptions, r)
		}
	}
	check.Reproduces = len(check.Exceptions) == 0 && check.HighestOK != nil && check.LowestNG != nil
	return check
}

func (c *ThresholdCheck) widen(r Result) {
	switch {
	case r.Score == nil:
	case r.Verdict == hacarus.VerdictOK:
		c.HighestOK = further(c.HighestOK, *r.Score, math.Max)
	default:
		c.LowestNG = further(c.LowestNG, *r.Score, math.Min)
	}
}

func further(end *float64, score float64, choose func(a, b float64) float64) *float64 {
	if end == nil {
		return &score
	}
	return new(choose(*end, score))
}

func (r Result) contradicts(threshold *float64) bool {
	switch {
	case r.Score == nil || threshold == nil:
		return true
	case r.Verdict == hacarus.VerdictOK:
		return *r.Score > *threshold
	}
	return *r.Score < *threshold
}

// likeliest is the threshold that the fewest results contradict. It need not be
// looked for but at the scores: a result never contradicts its own.
func (c *ThresholdCheck) likeliest(decided []Result) *float64 {
	if c.HighestOK != nil && c.LowestNG != nil && *c.HighestOK <= *c.LowestNG {
		return new(*c.HighestOK/2 + *c.LowestNG/2)
	}
	scored := slices.DeleteFunc(slices.Clone(decided), func(r Result) bool { return r.Score == nil })
	slices.SortFunc(scored, func(a, b Result) int { return cmp.Compare(*a.Score, *b.Score) })
	wrong := countOf(scored, hacarus.VerdictOK) // with a threshold below all of them
	var best *float64
	fewest := len(scored) + 1
	for first := 0; first < len(scored); {
		end := first + 1
		for end < len(scored) && *scored[end].Score == *scored[first].Score {
			end++
		}
		alike := scored[first:end]
		wrong -= countOf(alike, hacarus.VerdictOK)
		if wrong < fewest {
			best, fewest = alike[0].Score, wrong
		}
		wrong += countOf(alike, hacarus.VerdictNG)
		first = end
	}
	return best
}

func countOf(results []Result, verdict hacarus.Verdict) int {
	n := 0
	for _, r := range results {
		if r.Verdict == verdict {
			n++
		}
	}
	return n
}
