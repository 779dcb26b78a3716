package hacarus

import (
	"cmp"
	"fmt"
	"slices"
)

// Earlier services used other keys than today's, as the fixtures of the
// official C# SDK show. Today's keys take precedence; the earlier ones fill in
// only what those leave open.
//
// July 2019: a list of items is {"training": […], "predict": […], "archived":
// […], "summary": {…}}, without pages. An item's manual_assessment is a
// person's verdict and its computed_assessment that of a model, which is not
// named: {"good", "assessment_result", "detected_objects",
// "detection_accuracy"}. An item of a list holds one verdict by itself, with
// its description in assessment; override_assessment says that it is a person's.
// job_id was a name of item_id.
//
// September 2019: the same lists, and today's pages. An item's override is a
// person's verdict: {"label", "result", "detected_objects",
// "detection_accuracy"}. Its models have each a model_id, an aggregate verdict
// on the item, and assessments of single images with the computed and the
// final verdict, boxes and a score. A model's precision and recall are objects.
//
// Both: an image has a raw_url, or only the key of its storage, a file_name,
// and boxes of its own in annotations.

// earlierItem holds what an item says in the earlier forms.
type earlierItem struct {
	jobID    string
	person   *Assessment // manual_assessment or override
	model    *Assessment // computed_assessment, or an item's own
	byPerson bool        // the item's own verdict is a person's
	models   []Assessment
	boxes    []Annotation // of all images
}

func (e *earlierItem) field(d *decoding, key []byte) error {
	switch string(key) {
	case "job_id":
		return identifier(d, &e.jobID)
	case "manual_assessment", "override":
		return nullable(d, &e.person, decodeEarlierVerdict)
	case "computed_assessment":
		return nullable(d, &e.model, decodeEarlierVerdict)
	case "good", "assessment", "detected_objects", "detection_accuracy": // but its label is a caption
		e.model = cmp.Or(e.model, &Assessment{})
		return earlierVerdictField(d, key, e.model)
	case "override_assessment":
		return boolean(d, &e.byPerson)
	case "models":
		return list(d, &e.models, decodeEarlierModel)
	}
	return d.Skip()
}

// image reads one of the item's images, and keeps its boxes.
func (e *earlierItem) image(d *decoding, v *ImageMeta) error {
	var earlier earlierImage
	err := earlier.decode(d, v)
	e.boxes = append(e.boxes, earlier.boxes...)
	return err
}

// fill copies to the item what it says in the earlier forms. The boxes of
// images are a person's, who may have drawn them without giving a verdict,
// unless the verdict is that of July 2019's model.
func (e *earlierItem) fill(v *Item) {
	v.ItemID = cmp.Or(v.ItemID, e.jobID)
	if e.byPerson && !judged(e.person) {
		e.person, e.model = e.model, nil
	}
	if judged(e.model) && !judged(e.person) {
		e.model.Annotations, e.boxes = e.boxes, nil
	}
	e.models = slices.DeleteFunc(e.models, func(a Assessment) bool { return !judged(&a) })
	if judged(e.model) {
		e.models = append(e.models, *e.model)
	}
	if len(v.Assessments) == 0 && len(e.models) > 0 {
		v.Assessments = e.models
	}
	if v.UserAssessment == nil && (judged(e.person) || len(e.boxes) > 0) {
		person := cmp.Or(e.person, &Assessment{})
		v.UserAssessment = &UserAssessment{Label: person.Label, Result: person.Result, Annotations: e.boxes}
	}
}

// judged reports whether there is a verdict. Verdicts that consist of nulls
// were sent where there was none.
func judged(a *Assessment) bool { return a != nil && (a.Label != "" || a.Result != "") }

func decodeEarlierVerdict(d *decoding, v *Assessment) error {
	return d.NullableObject(func(key []byte) error { return earlierVerdictField(d, key, v) })
}

func earlierVerdictField(d *decoding, key []byte, v *Assessment) error {
	switch string(key) {
	case "label":
		return stringValue(d, &v.Label)
	case "good":
		return decodeGood(d, &v.Label)
	case "result", "assessment_result", "assessment":
		return stringValue(d, &v.Result)
	case "detected_objects":
		return nullableInteger(d, &v.DetectedObjects)
	case "detection_accuracy":
		return nullableNumber(d, &v.DetectionAccuracy)
	}
	return d.Skip()
}

// decodeGood reads a label that is true, false, or null for none.
func decodeGood(d *decoding, v *Label) error {
	var good *bool
	err := nullable(d, &good, boolean)
	switch {
	case good == nil:
	case *good:
		*v = LabelOK
	default:
		*v = LabelNG
	}
	return err
}

// decodeEarlierModel reads what one model said about an item. Its aggregate is
// its verdict on the item, whatever it says about single images: an item was seen
// whose aggregate is NG and whose images are all OK. An item without an
// aggregate is as good as its worst image. What the aggregate leaves open is
// that of the image that decides: of the worst that agree with the aggregate.
func decodeEarlierModel(d *decoding, v *Assessment) error {
	var images []Assessment
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "model_id":
			return identifier(d, &v.ModelID)
		case "aggregate":
			return decodeEarlierVerdict(d, v)
		case "assessments":
			return list(d, &images, decodeEarlierImageVerdict)
		}
		return d.Skip()
	})
	for _, image := range images {
		v.Annotations = append(v.Annotations, image.Annotations...)
	}
	images = slices.DeleteFunc(images, func(image Assessment) bool { return v.Label != "" && image.Label != v.Label })
	if len(images) == 0 {
		return err
	}
	decides := slices.MaxFunc(images, func(a, b Assessment) int { return cmp.Compare(badness(a.Label), badness(b.Label)) })
	v.Label, v.Result, v.AnomalyScore = decides.Label, cmp.Or(v.Result, decides.Result), decides.AnomalyScore
	v.DetectedObjects = cmp.Or(v.DetectedObjects, decides.DetectedObjects)
	v.DetectionAccuracy = cmp.Or(v.DetectionAccuracy, decides.DetectionAccuracy)
	return err
}

// badness orders labels from good to bad. A missing verdict is worse than OK,
// because the image may still be NG.
func badness(l Label) int {
	switch l.verdict() {
	case VerdictOK:
		return 0
	case VerdictNG:
		return 2
	}
	return 1
}

// decodeEarlierImageVerdict reads what a model said about one image: the final
// verdict, and without one the computed one.
func decodeEarlierImageVerdict(d *decoding, v *Assessment) error {
	var computed, final Assessment
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "final":
			return decodeEarlierVerdict(d, &final)
		case "computed":
			return decodeEarlierVerdict(d, &computed)
		case "anomaly_score":
			return numberOrString(d, &v.AnomalyScore)
		case "annotations":
			return list(d, &v.Annotations, decodeAnnotation)
		}
		return d.Skip()
	})
	if final.Label == "" {
		final = computed
	}
	final.AnomalyScore, final.Annotations = v.AnomalyScore, v.Annotations
	*v = final
	return err
}

// earlierImage holds what an image says in the earlier forms.
type earlierImage struct {
	name, rawURL, key string
	boxes             []Annotation
}

func (e *earlierImage) field(d *decoding, key []byte) error {
	switch string(key) {
	case "file_name":
		return stringValue(d, &e.name)
	case "raw_url":
		return stringValue(d, &e.rawURL)
	case "key":
		return stringValue(d, &e.key)
	case "annotations":
		return list(d, &e.boxes, decodeAnnotation)
	}
	return d.Skip()
}

func (e *earlierImage) fill(v *ImageMeta) {
	v.Name = cmp.Or(v.Name, e.name)
	v.URL = cmp.Or(v.URL, e.rawURL, e.key)
}

// earlierPage is a list of items in the earlier form: all items of the
// requested type.
type earlierPage struct {
	list  string // the list's name, "" where no type was asked for
	items []Item
}

func earlierPageOf(t ItemType) earlierPage {
	if t == ItemTypePrediction {
		return earlierPage{list: "predict"}
	}
	return earlierPage{list: string(t)}
}

func (e *earlierPage) field(d *decoding, key []byte) error {
	if e.list != "" && string(key) == e.list {
		return list(d, &e.items, decodeItem)
	}
	return d.Skip()
}

// fill makes the list the only page. The list must be there: a missing list is
// not an empty one.
func (e *earlierPage) fill(v *ItemsPage) error {
	if e.items == nil {
		return fmt.Errorf("neither items nor %s", cmp.Or(e.list, "a page"))
	}
	v.Items, v.CurrentPage, v.EndPage = e.items, 1, 1
	return nil
}
