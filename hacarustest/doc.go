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
//   - All algorithms give the verdicts of the one inspector. Those of
//     the algorithms other than Pattern Matching would differ.
//   - The real service keeps a model's training result in an export. This one
//     keeps the training images, and trains again after the import.
//   - A model that [Server.AddModel] made without training images calls every
//     item OK, unless the inspector can be trained with no images.
//   - Error texts in Japanese are translations made for this package, but for
//     "コンテキストが見つかりません。".
//
// Guessed, since the documentation is silent:
//
//   - Uploading an id again makes the item anew; its assessments are gone.
//   - A training image with good neither true nor false counts as good.
//   - Without item ids, training uses all training items.
//   - "active" is the model that became active last.
//   - Predicting an item again adds another assessment of the model.
//   - A prediction that fails leaves the item done, without an assessment.
//   - One callback follows each prediction call, with the items of it that
//     were predicted, bare, as a JSON body by POST and by GET alike.
//   - Annotations are added to those that are there.
//   - The first page is 1, of 20 items unless count says otherwise; a page
//     beyond the last is empty.
//   - Models belong to the target that is the default when they are trained;
//     items are the same for all targets.
//   - A licence is good for one year from the day it is set; setting the same
//     file again is refused, any other file that is not empty is taken.
//   - Images are served at /raw/ to logged-in clients only.
//   - The columns of a results file, and the files in an export or a log
//     archive.
package hacarustest
