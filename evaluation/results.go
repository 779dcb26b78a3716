package evaluation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Result is the verdict on one image, once.
type Result struct {
	// File names the image as the set does.
	File string
	// Repeat tells the inspections of an image apart. It counts from 0, and stays
	// so where each image is inspected once.
	Repeat int
	// Verdict is what the model said. What is neither OK nor NG is no verdict.
	Verdict hacarus.Verdict
	// Score is the anomaly score, nil for none.
	Score *float64
	// Err is why there is no verdict. With an error, Verdict and Score count for
	// nothing.
	Err error
}

// MarshalJSON writes the result with its error as a string:
//
//	{"file":"bad/7.png","repeat":0,"verdict":"OK","score":0.06}
func (r Result) MarshalJSON() ([]byte, error) {
	line := struct {
		File    string          `json:"file"`
		Repeat  int             `json:"repeat"`
		Verdict hacarus.Verdict `json:"verdict"`
		Score   *float64        `json:"score,omitempty"`
		Err     string          `json:"error,omitempty"`
	}{File: r.File, Repeat: r.Repeat, Verdict: r.Verdict}
	if r.Score != nil {
		line.Score = finite(*r.Score)
	}
	if r.Err != nil {
		line.Err = r.Err.Error()
	}
	return json.Marshal(line)
}

// ResultOf takes a result from what [hacarus.Client.Inspect] says of an image.
// Repeat tells the inspections of an image apart, and counts from 0. The image is
// that of the tag, if it has one of [Set.Files], or else the one of the file's name.
func ResultOf(outcome *hacarus.Inspection, repeat int) Result {
	r := Result{File: outcome.File, Repeat: repeat, Verdict: outcome.Verdict, Err: outcome.Err}
	if image, ok := outcome.Tag.(Image); ok {
		r.File = image.File
	}
	if score, ok := outcome.Score(); ok {
		r.Score = &score
	}
	return r
}

// ErrNoResult is the error of an image of which there is no result.
var ErrNoResult = errors.New("no result")

// decided is false where there is no verdict.
func (r Result) decided() bool {
	return r.Err == nil && (r.Verdict == hacarus.VerdictOK || r.Verdict == hacarus.VerdictNG)
}

// plain is the result as it counts: with a verdict or an error, and with no
// score that cannot be compared.
func (r Result) plain() Result {
	if !r.decided() {
		r.Err = cmp.Or(r.Err, hacarus.ErrNoVerdict)
		r.Verdict, r.Score = hacarus.VerdictUnknown, nil
	}
	if r.Score != nil {
		r.Score = finite(*r.Score)
	}
	return r
}

// looks are the results of one image, in the order of the repeats.
type looks []Result

// group orders the results by image of the set and by repeat. Where there is
// none, ErrNoResult stands.
func group(set Set, results []Result) ([]looks, error) {
	places := map[string]int{}
	for i, image := range set {
		places[image.File] = i
	}
	repeats := repeatsOf(results)
	grouped := make([]looks, len(set))
	for i := range grouped {
		grouped[i] = make(looks, max(1, len(repeats)))
	}
	for _, r := range results {
		i, known := places[r.File]
		if !known {
			return nil, fmt.Errorf("evaluation: a result for %q, which is not in the set", r.File)
		}
		repeat, _ := slices.BinarySearch(repeats, r.Repeat)
		if grouped[i][repeat].File != "" {
			return nil, fmt.Errorf("evaluation: two results for %q in repeat %d", r.File, r.Repeat)
		}
		grouped[i][repeat] = r.plain()
	}
	for i, image := range set {
		grouped[i].fillIn(image.File)
	}
	return grouped, nil
}

// repeatsOf are the repeats that there are, each once, in order.
func repeatsOf(results []Result) []int {
	var repeats []int
	for _, r := range results {
		repeats = append(repeats, r.Repeat)
	}
	slices.Sort(repeats)
	return slices.Compact(repeats)
}

func (l looks) fillIn(file string) {
	for i, r := range l {
		if r.File == "" {
			l[i] = Result{File: file, Verdict: hacarus.VerdictUnknown, Err: ErrNoResult}
		}
	}
}
