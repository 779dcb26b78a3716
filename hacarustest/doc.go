// Package hacarustest is the HACARUS CHECK service inside your own process: a
// server that keeps targets, algorithms, models, items and tokens, trains
// models, inspects images, and serves all documented operations. Use it to
// try the SDK, and to test programs that use the SDK, without an account and
// without a network:
//
//	server := hacarustest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// A [Server] listens on a loopback port. [Server.Transport] reaches it without a
// port. Inside a bubble of testing/synctest it opens no port, everything in it
// waits by the bubble's clock, and [Server.Client] needs no network.
//
// Its verdicts come from the pixels of the images: [PatternMatching] and
// [Reconstructor] compare them with the good training images. [WithInspector]
// replaces both by a [Trainer] of your own. [Server.AddModel], [Server.AddItem] and the like prepare what a
// test starts with. [Server.Inject] makes things go wrong. [Server.Calls] tells
// which requests arrived and which of them were executed. [Server.Advance] moves
// the clock by which tokens and licenses expire and jobs take their time.
//
// # Differences from the real service
//
// The documentation describes requests and responses, and says little about what
// happens in between. This server could never be compared with the real one.
// These differences are known:
//
//   - [PatternMatching] finds how a product lies, and forgives some shift,
//     rotation and change of light. The documentation of the real algorithm says
//     that a variation of the position is not allowed, and that misalignment and
//     rotation may cause wrong verdicts. Images that are good here may be NG there.
//   - [Reconstructor] is a method of this package that has the documented
//     parameters of Reconstructor Inspection. All other algorithms are inspected by
//     [PatternMatching], with the parameters that it knows and with its own
//     defaults. The real algorithms would give other verdicts.
//   - Assessments have no images. There is no heat map, so anomaly_range has no
//     effect.
//   - The server is never busy. Only [Server.Inject] makes it return status 425.
//   - There is one user, who owns all items.
//   - A model of [Server.AddModel] calls every item OK, unless the inspector can
//     be trained without images.
//   - The Japanese error texts are translations made for this package, except for
//     "コンテキストが見つかりません。".
//
// Where the documentation is silent, this is assumed:
//
//   - The threshold of Pattern Matching is a share of changed pixels, from 0 to
//     1. A place with a larger share is anomalous. The documentation gives the
//     threshold no unit and no upper bound. Here no place exceeds 1.
//   - The anomaly score is the largest share of changed pixels in any place, with
//     four decimals.
//   - The ids of algorithms and parameters are this package's; "PM" is Pattern
//     Matching.
//   - An item with several images is NG if one of them is. It has the largest
//     score and the defects of all of them.
//   - Uploading an id again replaces the item, and its assessments are gone.
//   - Files of one upload that would have the same id, such as a.jpg and a.png,
//     are refused with status 400. Nothing of that upload is stored.
//   - A training image whose good is neither true nor false counts as good.
//   - A training without item ids uses all training items.
//   - "active" is the model that became active last, and after its deletion the
//     youngest active one. Any model may be deleted.
//   - Training time is in seconds. Precision, recall and accuracy are unknown.
//   - Predict parameters that a request leaves out keep their values.
//   - Predicting an item again adds another assessment of the same model.
//   - When a prediction fails, its item becomes done without an assessment.
//   - Each prediction request causes one callback. It has those of the request's
//     items that were predicted, bare, as a JSON body with POST and with GET
//     alike. It is sent once.
//   - Annotations are added to those of the user's assessment.
//   - The first page of items is 1. A page has 20 items unless count says
//     otherwise. A page beyond the last is empty. A list for a model has the
//     items that the model has assessed, and only that model's assessments.
//   - Ids that do not exist are refused with status 404, or 403 if they are items
//     for a training. Nothing is done for the other ids of that request.
//   - A model belongs to the target that is the default when it is trained. Items
//     are the same for all targets.
//   - A license is valid for one year from the day it is set. Setting the same
//     file again is refused. Any other file that is not empty is accepted.
//   - Images are served below /raw/, to clients with a token only.
//   - An export contains a model's training images. An import trains a new model
//     with them, under a new id.
//   - A results file without model ids is that of all models.
//   - The columns of a results file, and the files in an export or a log archive,
//     are this package's.
package hacarustest
