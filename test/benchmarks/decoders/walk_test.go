package decoders

import (
	"time"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/raw"
)

// tokens is a JSON text that is read token by token. It is the least that
// decoding by hand needs, so that the libraries are compared and not the hands.
type tokens interface {
	// object says whether there is an object, and not null; it is read by key.
	object() (bool, error)
	// key is the next key, valid until the next call, or nil at the end.
	key() ([]byte, error)
	// array says whether there is an array, and not null; it is read by more.
	array() (bool, error)
	// more says whether another element follows.
	more() (bool, error)
	skip() error

	// These leave their value as it is where there is null.
	text(*string) error
	number(*float64) (null bool, err error)
	boolean(*bool) error
}

// walkObject reads an object field by field.
func walkObject(t tokens, v any, field func(tokens, any, []byte) error) error {
	ok, err := t.object()
	if err != nil || !ok {
		return err
	}
	for {
		key, err := t.key()
		if err != nil || key == nil {
			return err
		}
		if err := field(t, v, key); err != nil {
			return err
		}
	}
}

// walkList reads an array of objects.
func walkList[T any](t tokens, v *[]T, field func(tokens, any, []byte) error) error {
	ok, err := t.array()
	if err != nil || !ok {
		return err
	}
	*v = []T{}
	for {
		more, err := t.more()
		if err != nil || !more {
			return err
		}
		var zero T
		*v = append(*v, zero)
		if err := walkObject(t, &(*v)[len(*v)-1], field); err != nil {
			return err
		}
	}
}

func walkFloat(t tokens, v **float64) error {
	var f float64
	null, err := t.number(&f)
	if err == nil && !null {
		*v = &f
	}
	return err
}

func walkInt(t tokens, v **int) error {
	var f float64
	null, err := t.number(&f)
	if err == nil && !null {
		i := int(f)
		*v = &i
	}
	return err
}

func walkWhole[I int | int64](t tokens, v *I) error {
	var f float64
	_, err := t.number(&f)
	*v = I(f)
	return err
}

func walkTime(t tokens, v *time.Time) error {
	var s string
	err := t.text(&s)
	if err == nil && s != "" {
		*v, err = time.Parse(time.RFC3339, s)
	}
	return err
}

// walkPage reads the whole response.
func walkPage(t tokens) (*raw.ItemsPage, error) {
	page := &raw.ItemsPage{}
	return page, walkObject(t, page, func(t tokens, v any, key []byte) error {
		if string(key) != "data" {
			return t.skip()
		}
		return walkObject(t, v, pageField)
	})
}

func pageField(t tokens, v any, key []byte) error {
	page := v.(*raw.ItemsPage)
	switch string(key) {
	case "items":
		return walkList(t, &page.Items, itemField)
	case "current_page":
		return walkWhole(t, &page.CurrentPage)
	case "end_page":
		return walkWhole(t, &page.EndPage)
	case "count_per_page":
		return walkWhole(t, &page.CountPerPage)
	}
	return t.skip()
}

func itemField(t tokens, v any, key []byte) error {
	item := v.(*raw.Item)
	switch string(key) {
	case "item_id":
		return t.text(&item.ItemID)
	case "name":
		return t.text(&item.Name)
	case "status":
		return t.text(&item.Status)
	case "active":
		return t.boolean(&item.Active)
	case "is_training_data":
		return t.boolean(&item.IsTrainingData)
	case "images":
		return walkList(t, &item.Images, imageField)
	case "user_assessment":
		item.UserAssessment = &raw.UserAssessment{}
		return walkObject(t, item.UserAssessment, userField)
	case "assessments":
		return walkList(t, &item.Assessments, assessmentField)
	}
	return t.skip()
}

func imageField(t tokens, v any, key []byte) error {
	image := v.(*raw.ImageMeta)
	switch string(key) {
	case "url":
		return t.text(&image.URL)
	case "name":
		return t.text(&image.Name)
	case "width":
		return walkWhole(t, &image.Width)
	case "height":
		return walkWhole(t, &image.Height)
	case "file_size":
		return walkWhole(t, &image.FileSize)
	}
	return t.skip()
}

func userField(t tokens, v any, key []byte) error {
	assessment := v.(*raw.UserAssessment)
	switch string(key) {
	case "label":
		return t.text(&assessment.Label)
	case "result":
		return t.text(&assessment.Result)
	case "annotations":
		return walkList(t, &assessment.Annotations, annotationField)
	case "images":
		return walkList(t, &assessment.Images, imageField)
	}
	return t.skip()
}

func assessmentField(t tokens, v any, key []byte) error {
	assessment := v.(*raw.Assessment)
	switch string(key) {
	case "model_id":
		return t.text(&assessment.ModelID)
	case "label":
		return t.text(&assessment.Label)
	case "result":
		return t.text(&assessment.Result)
	case "anomaly_score":
		return t.text(&assessment.AnomalyScore)
	case "detected_objects":
		return walkInt(t, &assessment.DetectedObjects)
	case "detection_accuracy":
		return walkFloat(t, &assessment.DetectionAccuracy)
	case "annotations":
		return walkList(t, &assessment.Annotations, annotationField)
	case "images":
		return walkList(t, &assessment.Images, imageField)
	}
	return t.skip()
}

func annotationField(t tokens, v any, key []byte) error {
	annotation := v.(*raw.Annotation)
	switch string(key) {
	case "annotation_id":
		return walkWhole(t, &annotation.AnnotationID)
	case "x_min":
		return walkFloat(t, &annotation.XMin)
	case "x_max":
		return walkFloat(t, &annotation.XMax)
	case "y_min":
		return walkFloat(t, &annotation.YMin)
	case "y_max":
		return walkFloat(t, &annotation.YMax)
	case "label":
		return walkInt(t, &annotation.Label)
	case "defect_size":
		return walkFloat(t, &annotation.DefectSize)
	case "notes":
		return t.text(&annotation.Notes)
	case "created_at":
		return walkTime(t, &annotation.CreatedAt)
	}
	return t.skip()
}
