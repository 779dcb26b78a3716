package evaluation

import (
	"encoding/json"
	"fmt"

	"gonum.org/v1/gonum/mathext"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Paired counts images that two models inspected, by which of them was right.
// A model without a verdict was not.
type Paired struct {
	// Both and Neither are the images on which the models were right or wrong
	// together. They tell nothing about which is better.
	Both, Neither int
	// OnlyFirst and OnlySecond are the images on which one of them was right.
	OnlyFirst, OnlySecond int
}

// N returns the number of images.
func (p Paired) N() int { return p.Both + p.Neither + p.OnlyFirst + p.OnlySecond }

// P returns the two-sided p-value of McNemar's exact test: how likely it is that
// OnlyFirst and OnlySecond differ this much or more where the models are equally
// good. It is 1 if they do not differ.
func (p Paired) P() float64 {
	n := p.OnlyFirst + p.OnlySecond
	fewer := min(p.OnlyFirst, p.OnlySecond)
	if fewer < 0 || 2*fewer >= n {
		return 1
	}
	// The binomial distribution with even odds, up to fewer of n.
	return min(1, 2*mathext.RegIncBeta(float64(n-fewer), float64(fewer)+1, 0.5))
}

// String returns the counts and the p-value, such as "of 40 only the first is
// right on 1, only the second on 9 (p = 0.021)".
func (p Paired) String() string {
	return fmt.Sprintf("of %d only the first is right on %d, only the second on %d (p = %.2g)", p.N(), p.OnlyFirst, p.OnlySecond, p.P())
}

// MarshalJSON writes the counts and the p-value:
//
//	{"n":40,"both":30,"neither":0,"only_first":1,"only_second":9,"p":0.021}
func (p Paired) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		N          int     `json:"n"`
		Both       int     `json:"both"`
		Neither    int     `json:"neither"`
		OnlyFirst  int     `json:"only_first"`
		OnlySecond int     `json:"only_second"`
		P          float64 `json:"p"`
	}{p.N(), p.Both, p.Neither, p.OnlyFirst, p.OnlySecond, p.P()})
}

// Flip is an image on which two models have different verdicts.
type Flip struct {
	Image
	// First and Second are the models' verdicts, unknown for none.
	First, Second hacarus.Verdict
	// FirstScore and SecondScore are the models' scores, nil for none. Scores of
	// different models need not have the same scale.
	FirstScore, SecondScore *float64
}

// MarshalJSON writes the image with both verdicts and scores:
//
//	{"file":"bad/7.png","bad":true,"first":"NG","second":"OK","first_score":0.4,"second_score":0.1}
func (f Flip) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Image
		First       hacarus.Verdict `json:"first"`
		Second      hacarus.Verdict `json:"second"`
		FirstScore  *float64        `json:"first_score,omitempty"`
		SecondScore *float64        `json:"second_score,omitempty"`
	}{f.Image, f.First, f.Second, f.FirstScore, f.SecondScore})
}

// Comparison is that of two models on the same images.
type Comparison struct {
	// Bad and Good are kept apart, since a model that finds more defects is often
	// one that rejects more good products too.
	Bad  Paired `json:"bad"`
	Good Paired `json:"good"`
	// Flips are the images whose verdicts differ, in the set's order; nil for none.
	Flips []Flip `json:"flips"`
}

// All returns the counts of bad and good images together.
func (c *Comparison) All() Paired {
	return Paired{
		Both:       c.Bad.Both + c.Good.Both,
		Neither:    c.Bad.Neither + c.Good.Neither,
		OnlyFirst:  c.Bad.OnlyFirst + c.Good.OnlyFirst,
		OnlySecond: c.Bad.OnlySecond + c.Good.OnlySecond,
	}
}

// Compare compares two models by their reports, which must be of one and the
// same set: each image is its own control. Other images, or the same with other
// labels, are an error.
func Compare(first, second *Report) (*Comparison, error) {
	others := map[string]Case{}
	for _, c := range second.Cases {
		others[c.File] = c
	}
	if len(first.Cases) != len(others) {
		return nil, fmt.Errorf("evaluation: the models saw %d and %d images: only the same can be compared", len(first.Cases), len(others))
	}
	comparison := &Comparison{Flips: []Flip{}}
	for _, c := range first.Cases {
		other, found := others[c.File]
		if !found || other.Image != c.Image {
			return nil, fmt.Errorf("evaluation: the second model did not see %q with the same label", c.File)
		}
		comparison.add(c, other)
	}
	return comparison, nil
}

func (c *Comparison) add(first, second Case) {
	if first.Bad {
		c.Bad.add(first.right(), second.right())
	} else {
		c.Good.add(first.right(), second.right())
	}
	if first.Verdict != second.Verdict {
		c.Flips = append(c.Flips, Flip{first.Image, first.Verdict, second.Verdict, first.Score, second.Score})
	}
}

func (p *Paired) add(first, second bool) {
	switch {
	case first && second:
		p.Both++
	case first:
		p.OnlyFirst++
	case second:
		p.OnlySecond++
	default:
		p.Neither++
	}
}
