package evaluation

import (
	"encoding/json"
	"math"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Repeatability tells whether a model says the same of an image each time. Where
// images were inspected once it is the zero value but for Repeats.
type Repeatability struct {
	// Repeats is how often each image should have been inspected: the number of
	// different repeats among the results.
	Repeats int
	// Same is the share of the images that had the same verdict in all repeats.
	// One that had no verdict in one of them did not, even if it never had any.
	Same Rate
	// Spread is the largest difference between two scores of one image, zero
	// where none has two.
	Spread float64
	// StdDev is the standard deviation of the scores within an image, pooled over
	// all images with two scores or more; zero where there are none.
	StdDev float64
	// Unsteady are the images that Same does not count, in the set's order.
	Unsteady []Unsteady
}

// Unsteady is an image whose verdict does not stay.
type Unsteady struct {
	Image
	// Verdicts are those of the repeats, in their order; unknown for none.
	Verdicts []hacarus.Verdict
}

// MarshalJSON writes the image with its verdicts:
//
//	{"file":"bad/7.png","bad":true,"verdicts":["NG","OK","NG"]}
func (u Unsteady) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Image
		Verdicts []hacarus.Verdict `json:"verdicts"`
	}{u.Image, u.Verdicts})
}

// MarshalJSON writes the figures, and the unsteady images as a list that may be
// empty:
//
//	{"repeats":3,"same":{"rate":1,…},"spread":0.004,"std_dev":0.001,"unsteady":[]}
func (r Repeatability) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Repeats  int        `json:"repeats"`
		Same     Rate       `json:"same"`
		Spread   float64    `json:"spread"`
		StdDev   float64    `json:"std_dev"`
		Unsteady []Unsteady `json:"unsteady"`
	}{r.Repeats, r.Same, r.Spread, r.StdDev, append([]Unsteady{}, r.Unsteady...)})
}

func repeatabilityOf(set Set, grouped []looks) Repeatability {
	r := Repeatability{Repeats: len(grouped[0])}
	if r.Repeats < 2 {
		return r
	}
	var squares, freedom float64
	for i, image := range set {
		r.add(image, grouped[i])
		if scores := grouped[i].scores(); len(scores) > 1 {
			r.Spread = max(r.Spread, slices.Max(scores)-slices.Min(scores))
			squares += squaresAroundMean(scores)
			freedom += float64(len(scores) - 1)
		}
	}
	if freedom > 0 {
		r.StdDev = math.Sqrt(squares / freedom)
	}
	return r
}

func (r *Repeatability) add(image Image, l looks) {
	r.Same.N++
	if l.same() {
		r.Same.Count++
		return
	}
	u := Unsteady{Image: image}
	for _, look := range l {
		u.Verdicts = append(u.Verdicts, look.Verdict)
	}
	r.Unsteady = append(r.Unsteady, u)
}

// same says whether all repeats have one and the same verdict.
func (l looks) same() bool {
	return !slices.ContainsFunc(l, func(r Result) bool { return !r.decided() || r.Verdict != l[0].Verdict })
}

func squaresAroundMean(values []float64) float64 {
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return squares
}
