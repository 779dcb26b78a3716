// Package hacarustest is HACARUS CHECK in the process: a server that keeps
// targets, algorithms, models, items and tokens, trains models, inspects
// images, and answers all 24 operations of the documentation. Use it to try
// the SDK and to test programs that use it, without an account and without a
// network:
//
//	server := hacarustest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// A [Server] listens on a loopback port, and is reached without a port through
// [Server.Transport]. In a bubble of testing/synctest it opens no port, all of
// it waits on the bubble's clock, and [Server.Client] needs no network.
//
// Its verdicts come from the pixels of the images: [PatternMatching] compares
// them with the good training images. [WithInspector] puts an [Inspector] of
// your own in its place. [Server.AddModel], [Server.AddItem] and the like make
// what a test needs to begin with, [Server.Inject] makes things go wrong,
// [Server.Calls] tells what arrived and what was executed, and [Server.Advance]
// moves the clock by which tokens and licences expire and jobs take their time.
//
// # Where it differs from the real service
//
// The documentation says what requests and answers look like, and little of
// what happens in between. Nobody could compare this server with the real one.
// Known to differ:
//
//   - [PatternMatching] finds how a product lies and forgives some shift,
//     rotation and change of light. Of the real algorithm the documentation
//     says that a variation of the position is not allowed, and that
//     misalignment and rotation may cause wrong verdicts: images that are good
//     here may be NG there.
//   - All algorithms give the verdicts of the one inspector, by the parameters
//     that it knows and its own defaults. Those of the algorithms other than
//     Pattern Matching would differ.
//   - Assessments have no images: there is no heat map, and so no meaning of
//     anomaly_range.
//   - The server is never busy: status 425 comes from [Server.Inject] only.
//   - There is one user, to whom all items belong.
//   - A model of [Server.AddModel] calls every item OK, unless the inspector
//     can be trained with no images.
//   - Error texts in Japanese are translations made for this package, but for
//     "コンテキストが見つかりません。".
//
// Guessed, since the documentation is silent:
//
//   - The threshold is the share of changed pixels above which a place is
//     anomalous, from 0 to 1. The documentation gives it a range from 0 without
//     end, and no unit. What lies above 1 is never exceeded here.
//   - The anomaly score is the largest share of changed pixels in a place, with
//     four decimals.
//   - The ids of algorithms and parameters: "PM" is Pattern Matching.
//   - An item with several images is NG if one of them is, with the largest
//     score and the defects of all.
//   - Uploading an id again makes the item anew; its assessments are gone.
//   - Files of one upload that would have one id, such as a.jpg and a.png, are
//     refused with status 400, all of them.
//   - A training image with good neither true nor false counts as good.
//   - Without item ids, training uses all training items.
//   - "active" is the model that became active last, and once that is deleted
//     the youngest active one. Any model may be deleted.
//   - Training time is in seconds. Precision, recall and accuracy stay unknown.
//   - Predict parameters that a request leaves out keep their values.
//   - Predicting an item again adds another assessment of the model.
//   - A prediction that fails leaves the item done, without an assessment.
//   - One callback follows each prediction call, with the items of it that
//     were predicted, bare, as a JSON body by POST and by GET alike. It is
//     tried once.
//   - Annotations are added to those of the user's assessment.
//   - The first page is 1, of 20 items unless count says otherwise; a page
//     beyond the last is empty. With a model's id, a list has the items that
//     the model has assessed, with its assessments only.
//   - Ids that do not exist are refused with status 404, and nothing is done
//     for the others of the request; of items for a training it is 403.
//   - Models belong to the target that is the default when they are trained;
//     items are the same for all targets.
//   - A licence is good for one year from the day it is set; setting the same
//     file again is refused, any other file that is not empty is taken.
//   - Images are served at /raw/ to logged-in clients only.
//   - An export holds a model's training images, and the import trains with
//     them again, under a new id.
//   - The columns of a results file, and the files in an export or a log
//     archive.
package hacarustest
