package evaluation

import (
	"cmp"
	"encoding/json"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Counts are one row of the confusion matrix: what became of the good images, of
// the bad ones, or of those of one kind of defect.
type Counts struct {
	// OK and NG are the numbers of images with that verdict.
	OK, NG int
	// Undecided is the number of images without a verdict.
	Undecided int
}

// N returns the number of images.
func (c Counts) N() int { return c.OK + c.NG + c.Undecided }

func (c *Counts) add(v hacarus.Verdict) {
	switch v {
	case hacarus.VerdictOK:
		c.OK++
	case hacarus.VerdictNG:
		c.NG++
	default:
		c.Undecided++
	}
}

// Kind is what became of the images with one kind of defect.
type Kind struct {
	// Name is that of the kind, as the set has it.
	Name string
	// Counts are the images by verdict.
	Counts
}

// Recall returns the share of the images that are NG. One without a verdict is not.
func (k Kind) Recall() Rate { return Rate{k.NG, k.N()} }

// Case is an image of the set with the worst of its results: for a bad image an
// OK before no verdict before NG, and the lowest score; for a good one the
// opposite. Where a result has no score, there is none.
type Case struct {
	Image
	// Verdict is OK or NG, or else unknown, and then Err is not nil.
	Verdict hacarus.Verdict
	// Score is the anomaly score, nil for none.
	Score *float64
	// Err is why there is no verdict, and nil where there is one.
	Err error
}

func (c Case) decided() bool { return c.Err == nil }

// right is false for an image without a verdict.
func (c Case) right() bool {
	if c.Bad {
		return c.Verdict == hacarus.VerdictNG
	}
	return c.Verdict == hacarus.VerdictOK
}

// MarshalJSON writes the case with its error as a string:
//
//	{"file":"bad/dent/7.png","bad":true,"kind":"dent","verdict":"OK","score":0.06}
func (c Case) MarshalJSON() ([]byte, error) {
	line := struct {
		Image
		Verdict hacarus.Verdict `json:"verdict"`
		Score   *float64        `json:"score,omitempty"`
		Err     string          `json:"error,omitempty"`
	}{Image: c.Image, Verdict: c.Verdict}
	if c.Score != nil {
		line.Score = finite(*c.Score)
	}
	if c.Err != nil {
		line.Err = c.Err.Error()
	}
	return json.Marshal(line)
}

// Report says how good a model is. [Evaluate] makes it.
type Report struct {
	// Good and Bad are the confusion matrix. Bad.OK are the escapes, Good.NG the
	// overkills.
	Good, Bad Counts
	// Kinds are the bad images by kind of defect, by name; those of no kind are in
	// none.
	Kinds []Kind
	// Escape is the share of the bad images that are not NG.
	Escape Rate
	// Overkill is the share of the good images that are not OK.
	Overkill Rate
	// AUROC tells how well the scores order the images. It is not known where an
	// image that has a verdict has no score; Unscored counts these.
	AUROC AUROC
	// Unscored is the number of images that have a verdict and no score.
	Unscored int
	// Repeatability tells whether verdicts and scores stay.
	Repeatability Repeatability
	// Cases are all images, in the set's order.
	Cases []Case
}

// Evaluate judges the results by what the images of the set are. An image
// without a result is one without a verdict.
//
// A set that is empty, that has an image twice or a good one with a kind of
// defect is an error, and so is a result for an image that is not in the set, and
// one that is there twice in one repeat.
func Evaluate(set Set, results []Result) (*Report, error) {
	if err := set.checked(); err != nil {
		return nil, err
	}
	grouped, err := group(set, results)
	if err != nil {
		return nil, err
	}
	report := &Report{Repeatability: repeatabilityOf(set, grouped)}
	for i, image := range set {
		report.add(grouped[i].worst(image))
	}
	report.Escape = Rate{report.Bad.N() - report.Bad.NG, report.Bad.N()}
	report.Overkill = Rate{report.Good.N() - report.Good.OK, report.Good.N()}
	report.AUROC, report.Unscored = areaOf(report.Cases), unscored(report.Cases)
	return report, nil
}

// worst is what an image counts as.
func (l looks) worst(image Image) Case {
	order := []hacarus.Verdict{hacarus.VerdictOK, hacarus.VerdictUnknown, hacarus.VerdictNG}
	if !image.Bad {
		slices.Reverse(order)
	}
	severity := func(r Result) int { return slices.Index(order, r.Verdict) }
	worst := slices.MinFunc(l, func(a, b Result) int { return cmp.Compare(severity(a), severity(b)) })
	return Case{Image: image, Verdict: worst.Verdict, Score: l.worstScore(image.Bad), Err: worst.Err}
}

func (l looks) worstScore(bad bool) *float64 {
	scores := l.scores()
	switch {
	case len(scores) < len(l):
		return nil
	case bad:
		return new(slices.Min(scores))
	}
	return new(slices.Max(scores))
}

func (l looks) scores() []float64 {
	var scores []float64
	for _, r := range l {
		if r.Score != nil {
			scores = append(scores, *r.Score)
		}
	}
	return scores
}

func (r *Report) add(c Case) {
	r.Cases = append(r.Cases, c)
	if !c.Bad {
		r.Good.add(c.Verdict)
		return
	}
	r.Bad.add(c.Verdict)
	if c.Kind == "" {
		return
	}
	i, found := slices.BinarySearchFunc(r.Kinds, c.Kind, func(k Kind, name string) int { return cmp.Compare(k.Name, name) })
	if !found {
		r.Kinds = slices.Insert(r.Kinds, i, Kind{Name: c.Kind})
	}
	r.Kinds[i].add(c.Verdict)
}

// Escapes returns the bad images that are OK, the worst first: by lowest score,
// then in the set's order. Nil is none.
func (r *Report) Escapes() []Case {
	return r.cases(func(c Case) bool { return c.Bad && c.Verdict == hacarus.VerdictOK }, 1)
}

// Overkills returns the good images that are NG, the worst first: by highest
// score, then in the set's order. Nil is none.
func (r *Report) Overkills() []Case {
	return r.cases(func(c Case) bool { return !c.Bad && c.Verdict == hacarus.VerdictNG }, -1)
}

// Undecided returns the images without a verdict, in the set's order. Nil is none.
func (r *Report) Undecided() []Case {
	return r.cases(func(c Case) bool { return !c.decided() }, 1)
}

// cases selects images and sorts them by score, upwards for a direction of 1;
// those without a score come last.
func (r *Report) cases(wanted func(Case) bool, direction int) []Case {
	var cases []Case
	for _, c := range r.Cases {
		if wanted(c) {
			cases = append(cases, c)
		}
	}
	slices.SortStableFunc(cases, func(a, b Case) int {
		switch {
		case a.Score != nil && b.Score != nil:
			return direction * cmp.Compare(*a.Score, *b.Score)
		case a.Score != nil:
			return -1
		case b.Score != nil:
			return 1
		}
		return 0
	})
	return cases
}
