package evaluation

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Requirement is what a model has to keep, such as an escape rate of at most 2 %
// with a confidence of 95 %. [ParseRequirement] makes one.
type Requirement struct {
	// Measure is "escape", "overkill", "undecided", "recall", "auroc" or "same".
	Measure string
	// Kind is the kind of defect whose recall is meant; "" is all bad images.
	Kind string
	// Limit is the most of escape, overkill and undecided, and the least of the
	// others. It is between 0 and 1.
	Limit float64
	// Confidence is how sure it has to be, one-sided: from 0.5 to 0.99999.
	Confidence float64
}

// measure is a figure of a report that can be required.
type measure struct {
	above bool // it has to be above the limit, not below
	rate  func(*Report, string) Rate
}

var measures = map[string]measure{
	"escape":    {rate: func(r *Report, _ string) Rate { return r.Escape }},
	"overkill":  {rate: func(r *Report, _ string) Rate { return r.Overkill }},
	"undecided": {rate: func(r *Report, _ string) Rate { return Rate{len(r.Undecided()), len(r.Cases)} }},
	"recall":    {true, (*Report).recall},
	"same":      {true, func(r *Report, _ string) Rate { return r.Repeatability.Same }},
	"auroc":     {above: true},
}

const measureNames = "escape, overkill, undecided, recall, recall:KIND, auroc or same"

// recall is that of a kind, or of all bad images.
func (r *Report) recall(kind string) Rate {
	if kind == "" {
		return Rate{r.Bad.NG, r.Bad.N()}
	}
	for _, k := range r.Kinds {
		if k.Name == kind {
			return k.Recall()
		}
	}
	return Rate{}
}

// ParseRequirement reads a requirement, such as
//
//	escape<=0.02@95%       at most 2 % of the bad images escape
//	overkill<=5%           at most 5 % of the good images are rejected
//	undecided<=1%          at most 1 % of all images have no verdict
//	recall:scratch>=0.9    at least 90 % of the images with scratches are found
//	auroc>=0.95            the scores order at least 95 % of the pairs
//	same>=99%              at least 99 % of the images have the same verdict in all repeats
//
// The limit and the confidence, behind the @, are shares or percentages; without
// one the confidence is 95 %. A limit of 0 or of 100 % is an error: no number of
// images could show it.
func ParseRequirement(s string) (Requirement, error) {
	r, err := parseRequirement(strings.TrimSpace(s))
	if err != nil {
		return Requirement{}, fmt.Errorf("evaluation: requirement %q: %w", s, err)
	}
	return r, nil
}

func parseRequirement(s string) (Requirement, error) {
	place := strings.IndexAny(s, "<>=")
	if place < 0 {
		return Requirement{}, errors.New("no <= or >= in it, as in escape<=0.02@95%")
	}
	name, rest := strings.TrimSpace(s[:place]), s[place:]
	r := Requirement{Confidence: confidence}
	r.Measure, r.Kind, _ = strings.Cut(name, ":")
	if err := r.checkName(name); err != nil {
		return r, err
	}
	bound, found := strings.CutPrefix(rest, r.sign())
	if !found {
		return r, fmt.Errorf("%s has a limit with %s", r.Measure, r.sign())
	}
	limit, sure, withConfidence := strings.Cut(bound, "@")
	var err error
	if r.Limit, err = parseShare("limit", limit); err != nil {
		return r, err
	}
	if withConfidence {
		r.Confidence, err = parseShare("confidence", sure)
	}
	switch {
	case err != nil:
	case r.Confidence < 0.5:
		err = fmt.Errorf("a confidence of %s is less than even odds", strings.TrimSpace(sure))
	case r.Confidence > mostConfidence:
		err = fmt.Errorf("a confidence of %s is more than 99.999%%", strings.TrimSpace(sure))
	}
	return r, err
}

// mostConfidence is more than anyone needs, and can still be told from 1.
const mostConfidence = 0.99999

func (r Requirement) checkName(name string) error {
	switch _, known := measures[r.Measure]; {
	case !known:
		return fmt.Errorf("no figure is called %q: name %s", r.Measure, measureNames)
	case r.Measure != "recall" && r.Measure != name:
		return fmt.Errorf("%s has no kinds, only recall has", r.Measure)
	case strings.HasSuffix(name, ":"):
		return errors.New("no kind behind the colon")
	}
	return nil
}

// sign is <= or >=.
func (r Requirement) sign() string {
	if measures[r.Measure].above {
		return ">="
	}
	return "<="
}

// parseShare reads 0.02 and 2%.
func parseShare(what, s string) (float64, error) {
	s = strings.TrimSpace(s)
	number, isPercent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return 0, fmt.Errorf("the %s %q is no number", what, s)
	}
	if isPercent {
		share /= 100
	}
	if !isShare(share) {
		return 0, fmt.Errorf("the %s %s is not between 0 and 1 (or 0%% and 100%%)", what, s)
	}
	return share, nil
}

// String returns the requirement as [ParseRequirement] reads it.
func (r Requirement) String() string {
	name := r.Measure
	if r.Kind != "" {
		name += ":" + r.Kind
	}
	return fmt.Sprintf("%s%s%v@%.10g%%", name, r.sign(), r.Limit, 100*r.Confidence)
}

// MarshalText writes the requirement as [Requirement.String] does.
func (r Requirement) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the requirement as [ParseRequirement] does, so that it can
// be a flag.
func (r *Requirement) UnmarshalText(text []byte) error {
	parsed, err := ParseRequirement(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}

// Images returns the least number of images with which the requirement can be
// met, all of them right: with 148 bad images an escape rate of 2 % cannot be
// shown at 95 %, with 149 it can. For auroc it is 0, since that hangs on two numbers.
func (r Requirement) Images() int {
	share := 1 - r.Limit
	if measures[r.Measure].above {
		share = r.Limit
	}
	if measures[r.Measure].rate == nil || !isShare(share) || !isShare(r.Confidence) {
		return 0
	}
	return int(math.Ceil(math.Log(1-r.Confidence) / math.Log(share)))
}

// Judgement is whether a requirement is met.
type Judgement struct {
	// Requirement is what was asked for.
	Requirement Requirement
	// Met is true where Bound keeps the limit.
	Met bool
	// Value is the figure that was seen, NaN if there were no images for it.
	Value float64
	// Bound is what the images prove at the requirement's confidence, one-sided:
	// the figure for all products is at most, or at least, this.
	Bound float64
	// N is the number of images that the figure rests on; for auroc all of them.
	N int
}

// Judge says whether the report meets the requirement. It is met by the one-sided
// bound: 0 escapes of 20 are an escape rate of up to 13.9 % at 95 %, and do not
// meet escape<=0.05. Without images for it, no requirement is met.
func (r Requirement) Judge(report *Report) Judgement {
	j := Judgement{Requirement: r}
	m := measures[r.Measure]
	switch {
	case r.Measure == "auroc":
		j.Value, j.Bound, j.N = report.AUROC.Value(), report.AUROC.Lower(r.Confidence), report.AUROC.Good+report.AUROC.Bad
	case m.rate != nil:
		j.Value, j.Bound, j.N = r.figures(m, report)
	default:
		j.Value, j.Bound = math.NaN(), math.NaN()
	}
	if m.above {
		j.Met = j.Bound >= r.Limit
	} else {
		j.Met = j.Bound <= r.Limit
	}
	return j
}

func (r Requirement) figures(m measure, report *Report) (value, bound float64, n int) {
	rate := m.rate(report, r.Kind)
	if m.above {
		return rate.Value(), rate.Lower(r.Confidence), rate.N
	}
	return rate.Value(), rate.Upper(r.Confidence), rate.N
}

// MarshalJSON writes the judgement with the requirement as a string, and null
// for a figure that there is not:
//
//	{"requirement":"escape<=0.02@95%","met":false,"value":0,"bound":0.139,"n":20}
func (j Judgement) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Requirement Requirement `json:"requirement"`
		Met         bool        `json:"met"`
		Value       *float64    `json:"value"`
		Bound       *float64    `json:"bound"`
		N           int         `json:"n"`
	}{j.Requirement, j.Met, finite(j.Value), finite(j.Bound), j.N})
}

// String returns the judgement with its reason, such as "not met:
// escape<=0.02@95%: 0.0 % of 20 images, 13.9 % at most; it takes 149 images, all
// right".
func (j Judgement) String() string {
	word, side := "met", "most"
	if !j.Met {
		word = "not met"
	}
	if measures[j.Requirement.Measure].above {
		side = "least"
	}
	if math.IsNaN(j.Value) {
		return fmt.Sprintf("%s: %v: no images for it", word, j.Requirement)
	}
	reason := fmt.Sprintf("%s: %v: %s of %d images, %s at %s", word, j.Requirement, percent(j.Value), j.N, percent(j.Bound), side)
	if j.Requirement.Measure == "auroc" {
		reason = fmt.Sprintf("%s: %v: %.3f with %d images, %.3f at least", word, j.Requirement, j.Value, j.N, j.Bound)
	}
	if needed := j.Requirement.Images(); !j.Met && j.N < needed {
		reason += fmt.Sprintf("; it takes %d images, all right", needed)
	}
	return reason
}
