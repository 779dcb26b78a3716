// Package evaluation says how good a model is, from images whose truth is known
// and the verdicts that the model gave on them. There is no network in it: the
// images are inspected with [hacarus.Client.Inspect], and stored verdicts do as
// well.
//
// A [Set] says what the images are, a [Result] is one verdict, and [Evaluate]
// makes a [Report] of both:
//
//	set, err := evaluation.ReadDir("plates") // good/ and bad/, or as MVTec lays them out
//	for outcome, err := range client.Inspect(ctx, hacarus.InspectRequest{Files: set.Files()}) {
//		results = append(results, evaluation.ResultOf(outcome, 0))
//	}
//	report, err := evaluation.Evaluate(set, results)
//
// The escape rate is the share of bad images that pass, the overkill rate the
// share of good images that do not. Both come with their exact interval
// ([Rate.Interval]), since few images prove little: of seven bad ones none may
// have passed, and yet up to 41 % of all may. A [Requirement] is met only if it
// is by the bound that the images prove, not by the rate that was seen.
//
// # Images without a verdict
//
// An error is never counted in favor of the model. An image without a verdict,
// be it an error, an unknown verdict or a missing result, is listed in
// [Report.Undecided] and has a column of its own in the confusion matrix. In each
// figure it counts as the model's mistake: a bad one as an escape and as not
// found, a good one as overkill, both as wrong in a [Comparison], as differing in
// [Repeatability], and as ordered wrongly in the [AUROC] and in the [Curve]. So a
// rate with such images is what it would be if each of them had gone wrong, and a
// requirement that is met is met whatever their verdicts would have been.
//
// # Repeats
//
// Images may be inspected several times, to see whether the verdict stays. The
// repeats of an image are not independent, and do not make the intervals any
// narrower: an image counts once, by the worst of its results. A bad image that
// passed once has escaped. In each repeat every image is expected.
package evaluation
