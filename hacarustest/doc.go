// Package hacarustest runs the HACARUS CHECK service inside your own process: a
// server that keeps targets, algorithms, models, items and tokens, trains
// models, inspects images, and serves all documented operations. Use it to try
// the SDK, and to test programs that use the SDK, without an account and
// without a network:
//
//	server := hacarustest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// A [Server] listens on a loopback port. [Server.Transport] reaches it without
// a port. In a bubble of testing/synctest, the server opens no port, uses the
// clock of the bubble, and [Server.Client] needs no network.
//
// Verdicts are computed from the pixels of the images: [PatternMatching],
// [Reconstructor], [LocalPattern] and [PatternSample] compare them with the good
// training images, each for the algorithm of its name. [WithInspector] replaces
// them with a [Trainer] of your own. [Server.AddModel], [Server.AddItem] and
// similar methods prepare the state that a test starts with. [Server.Inject]
// makes requests and callbacks go wrong. [Server.Calls] shows which requests
// arrived and which of them were executed. [Server.Advance] moves the clock that
// determines when tokens and licenses expire and how long jobs take.
//
// # Choosing an algorithm
//
// These are the algorithms of this package; the real ones may differ.
//
//   - [PatternMatching] and [LocalPattern] are for products that look alike and
//     lie alike, such as machined plates, in images of one size: one good image is
//     enough. Where each product has a grain of its own, they call almost all of
//     them NG, or find nothing.
//   - [Reconstructor] is for products of which each has a pattern of its own, such
//     as wood or brushed metal, at any place and in images of any size, but not
//     turned by more than ten degrees. The camera and the quality of its JPEG
//     files should stay the same. On woven fabric it misses about half of the
//     scratches, and the others are worse.
//   - [PatternSample] is for products that are turned by any angle. It should
//     have two or more good images; a model of one is not to be relied on. Its
//     default threshold of 0.1 suits products that look alike. Where each has a
//     pattern of its own, some good ones are NG. A higher threshold, of up to 0.2,
//     leaves more of them alone but finds less: choose it by images of products
//     that you know to be good and bad.
//
// # Differences from the real service
//
// The documentation describes requests and responses but says little about what
// happens in between. This server has never been compared with the real
// service. The following differences are known:
//
//   - [PatternMatching] finds the position of a product, and tolerates some
//     shift, rotation and change of light. According to its documentation, the
//     real algorithm does not allow the position to vary, and misalignment and
//     rotation may cause wrong verdicts. Images that are OK here may be NG
//     there.
//   - [Reconstructor], [LocalPattern] and [PatternSample] are methods of this
//     package that have the documented parameters of Reconstructor, Local
//     Pattern and Pattern Sample Inspection. The real algorithms would give
//     other verdicts.
//   - Very faint scratches are missed at the default parameters. Brushed steel
//     with glare is hard for all algorithms. [Reconstructor] does not tolerate a
//     rotation by more than ten degrees. [PatternSample] should have two images
//     to learn from, and calls some good products NG if each has a grain of its
//     own: see its threshold.
//   - All other algorithms are inspected by [PatternMatching], with the
//     parameters that it knows and with its own defaults.
//   - The images of an assessment are heat maps, one for each image of the item:
//     gray PNG files, the brighter the odder, at a quarter of the image's size.
//   - The server is never busy. It responds with status 425 only if
//     [Server.Inject] makes it do so.
//   - There is only one user, who owns all items.
//   - A model that was added by [Server.AddModel] calls every item OK, unless
//     the inspector can be trained without images.
//   - The Japanese error messages are translations made for this package,
//     except for "コンテキストが見つかりません。".
//
// Where the documentation says nothing, the server assumes the following:
//
//   - The threshold of an algorithm is a proportion of what is odd in an area,
//     from 0 to 1. An area with a larger proportion is anomalous. The
//     documentation gives neither a unit nor an upper bound. The threshold of
//     Local Pattern Inspection is the square of a part of the full range of
//     brightness.
//   - The anomaly score is that of the worst area, in the unit of the threshold.
//   - Anomaly_range is the score that is white in a heat map. With 0, the
//     default, white is the score of the image itself, but at least the
//     threshold.
//   - The ids of algorithms and parameters are this package's own; "PM" is
//     Pattern Matching.
//   - An item with several images is NG if one of them is. It has the largest
//     score and the defects of all of them.
//   - Uploading a file whose item exists already replaces the item and removes
//     its assessments.
//   - Files in one upload that would have the same id, such as a.jpg and a.png,
//     are refused with status 400, and nothing of that upload is stored.
//   - A training image whose field good is null counts as good.
//   - A training without item ids uses all training items.
//   - "active" means the model that became active last, or the newest active
//     one if that was deleted. Any model may be deleted.
//   - TrainingTime is in seconds. Precision, recall and accuracy are not known.
//   - Predict parameters that a request does not contain keep their values.
//   - Predicting an item again adds another assessment by the same model.
//   - When a prediction fails, its item becomes done, with an assessment whose
//     label is "unknown" and whose result says why. So waiting for it ends soon,
//     and [hacarus.Client.Inspect] reports [hacarus.ErrNoVerdict]. Nothing is
//     called back.
//   - Images of more than 32 megapixels are not inspected.
//   - Each prediction request causes one callback with those of its items that
//     were predicted, as a bare list in a JSON body, with POST as well as GET.
//     It is sent once.
//   - Annotations are added to those of the user's assessment.
//   - Pages count from 1. A page has 20 items unless count says otherwise.
//     Pages after the last one are empty. A list for a model contains the items
//     that the model has assessed, with only that model's assessments.
//   - Ids that do not exist are refused with status 404, or with 403 if they
//     are items for a training. Nothing is done for the other ids of that
//     request.
//   - A model belongs to the target that is the default when it is trained. All
//     targets have the same items.
//   - A license is valid for one year from the day on which it is set. Setting
//     the same file again is refused. Any other file that is not empty is
//     accepted.
//   - Images are served below /raw/, only to clients with a token.
//   - An export contains a model's training images. An import trains a new
//     model with these, under a new id.
//   - Results that are requested without model ids are those of all models.
//   - The columns of a results file, and the files in an export or in a log
//     archive, are this package's own.
package hacarustest
