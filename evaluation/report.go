package evaluation

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// String returns the report as a table: the confusion matrix, the rates with
// their intervals, and what they leave open. It is made for a terminal, and may
// change; programs read the fields or the JSON.
func (r *Report) String() string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tOK\tNG\tno verdict")
	fmt.Fprintf(table, "good\t%d\t%d\t%d\n", r.Good.OK, r.Good.NG, r.Good.Undecided)
	fmt.Fprintf(table, "bad\t%d\t%d\t%d\n", r.Bad.OK, r.Bad.NG, r.Bad.Undecided)
	_ = table.Flush() // a Builder takes all
	b.WriteByte('\n')

	fmt.Fprintf(table, "escape\t%v\n", r.Escape)
	fmt.Fprintf(table, "overkill\t%v\n", r.Overkill)
	fmt.Fprintf(table, "AUROC\t%v\n", r.AUROC)
	for _, kind := range r.Kinds {
		fmt.Fprintf(table, "recall of %s\t%v\n", kind.Name, kind.Recall())
	}
	if r.Repeatability.Repeats > 1 {
		fmt.Fprintf(table, "same verdict in %d repeats\t%v\n", r.Repeatability.Repeats, r.Repeatability.Same)
	}
	_ = table.Flush()
	if open := r.Open(); open != "" {
		fmt.Fprintf(&b, "\n%s\n", open)
	}
	return b.String()
}

// Open returns a sentence about what so few bad images leave open, such as "Up to
// 13.9 % of the bad products may still escape (one-sided, 95 %)." It is empty if
// there are no bad images.
func (r *Report) Open() string {
	if r.Escape.N == 0 {
		return ""
	}
	return fmt.Sprintf("Up to %s of the bad products may still escape (one-sided, 95 %%).", percent(r.Escape.Upper(confidence)))
}

// MarshalJSON writes the figures, with intervals at 95 %, two-sided, and the
// images that went wrong; without the cases that did not. As in the confusion
// matrix, escapes are the bad images that are OK, overkills the good ones that are
// NG, and images without a verdict are counted apart from both. The rates count them
// as mistakes: the count of escape is escapes + undecided_bad, that of overkill is
// overkills + undecided_good.
//
//	{"n_good":4,"n_bad":7,"escapes":0,"overkills":0,
//	 "undecided":1,"undecided_good":0,"undecided_bad":1,
//	 "escape":{"rate":0.1429,"low":0.0036,"high":0.5787,"count":1,"n":7},"overkill":{…},
//	 "auroc":{"value":1,"low":0.649,"high":1},"unscored":0,
//	 "kinds":{"dent":{"n":2,"ok":0,"ng":2,"undecided":0,"recall":{…}}},
//	 "repeatability":{…},
//	 "escaped_images":[],"overkilled_images":[],"undecided_images":[]}
func (r *Report) MarshalJSON() ([]byte, error) {
	if r == nil {
		return []byte("null"), nil
	}
	return json.Marshal(struct {
		Good          int                 `json:"n_good"`
		Bad           int                 `json:"n_bad"`
		Escapes       int                 `json:"escapes"`
		Overkills     int                 `json:"overkills"`
		Undecided     int                 `json:"undecided"`
		UndecidedGood int                 `json:"undecided_good"`
		UndecidedBad  int                 `json:"undecided_bad"`
		Escape        Rate                `json:"escape"`
		Overkill      Rate                `json:"overkill"`
		AUROC         AUROC               `json:"auroc"`
		Unscored      int                 `json:"unscored"`
		Kinds         map[string]kindJSON `json:"kinds"`
		Repeatability Repeatability       `json:"repeatability"`
		EscapedImages []Case              `json:"escaped_images"`
		Overkilled    []Case              `json:"overkilled_images"`
		Undecideds    []Case              `json:"undecided_images"`
	}{
		r.Good.N(), r.Bad.N(), r.Bad.OK, r.Good.NG,
		r.Good.Undecided + r.Bad.Undecided, r.Good.Undecided, r.Bad.Undecided,
		r.Escape, r.Overkill, r.AUROC, r.Unscored, r.kindsJSON(), r.Repeatability,
		append([]Case{}, r.Escapes()...), append([]Case{}, r.Overkills()...), append([]Case{}, r.Undecided()...),
	})
}

type kindJSON struct {
	N         int  `json:"n"`
	OK        int  `json:"ok"`
	NG        int  `json:"ng"`
	Undecided int  `json:"undecided"`
	Recall    Rate `json:"recall"`
}

func (r *Report) kindsJSON() map[string]kindJSON {
	kinds := map[string]kindJSON{}
	for _, k := range r.Kinds {
		kinds[k.Name] = kindJSON{k.N(), k.OK, k.NG, k.Undecided, k.Recall()}
	}
	return kinds
}
