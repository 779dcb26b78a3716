package hacarus

import "errors"

// decodeItemsPage reads a page of items of the given type. Its items may be
// null, as any list may be, but then something else must show that it is a
// page: a response without any list of items is another response, and does not
// mean that there are no more items.
func decodeItemsPage(itemType ItemType) decoder[ItemsPage] {
	return func(d *decoding, v *ItemsPage) error {
		earlier := earlierPageOf(itemType)
		var null, paged bool
		err := d.RequiredObject(func(key []byte) error {
			switch string(key) {
			case "items":
				null = d.Peek() == 'n'
				return list(d, &v.Items, decodeItem)
			case "current_page":
				paged = true
				return integer(d, &v.CurrentPage)
			case "end_page":
				paged = true
				return integer(d, &v.EndPage)
			case "count_per_page":
				paged = true
				return integer(d, &v.CountPerPage)
			}
			return earlier.field(d, key)
		})
		if err != nil || v.Items != nil || null && paged {
			return err
		}
		return earlier.fill(v)
	}
}

// decodeItem reads an item of a response, in which the id is required.
func decodeItem(d *decoding, v *Item) error {
	err := readItem(d, v)
	return required("item_id", v.ItemID, err)
}

// readItem reads an item that need not have an id, because json.Marshal also
// writes values that a program has made itself.
func readItem(d *decoding, v *Item) error {
	var earlier earlierItem
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "item_id":
			return identifier(d, &v.ItemID)
		case "name":
			return stringValue(d, &v.Name)
		case "status":
			return stringValue(d, &v.Status)
		case "active":
			return boolean(d, &v.Active)
		case "is_training_data":
			return boolean(d, &v.IsTrainingData)
		case "images":
			return list(d, &v.Images, earlier.image)
		case "user_assessment":
			return nullable(d, &v.UserAssessment, decodeUserAssessment)
		case "assessments":
			return list(d, &v.Assessments, decodeAssessment)
		}
		return earlier.field(d, key)
	})
	earlier.fill(v)
	return err
}

func decodeImage(d *decoding, v *ImageMeta) error {
	var earlier earlierImage
	return earlier.decode(d, v)
}

// decode reads an image in any form.
func (e *earlierImage) decode(d *decoding, v *ImageMeta) error {
	err := d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "url":
			return stringValue(d, &v.URL)
		case "name":
			return stringValue(d, &v.Name)
		case "width":
			return integer(d, &v.Width)
		case "height":
			return integer(d, &v.Height)
		case "file_size":
			return integer(d, &v.FileSize)
		}
		return e.field(d, key)
	})
	e.fill(v)
	return err
}

func decodeUserAssessment(d *decoding, v *UserAssessment) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "label":
			return stringValue(d, &v.Label)
		case "result":
			return stringValue(d, &v.Result)
		case "annotations":
			return list(d, &v.Annotations, decodeAnnotation)
		case "images":
			return list(d, &v.Images, decodeImage)
		}
		return d.Skip()
	})
}

func decodeAssessment(d *decoding, v *Assessment) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "model_id":
			return identifier(d, &v.ModelID)
		case "label":
			return stringValue(d, &v.Label)
		case "result":
			return stringValue(d, &v.Result)
		case "anomaly_score":
			return numberOrString(d, &v.AnomalyScore)
		case "detected_objects":
			return nullableInteger(d, &v.DetectedObjects)
		case "detection_accuracy":
			return nullableNumber(d, &v.DetectionAccuracy)
		case "annotations":
			return list(d, &v.Annotations, decodeAnnotation)
		case "images":
			return list(d, &v.Images, decodeImage)
		}
		return d.Skip()
	})
}

func decodeAnnotation(d *decoding, v *Annotation) error {
	return d.NullableObject(func(key []byte) error {
		switch string(key) {
		case "annotation_id":
			return integer(d, &v.AnnotationID)
		case "x_min":
			return nullableNumber(d, &v.XMin)
		case "x_max":
			return nullableNumber(d, &v.XMax)
		case "y_min":
			return nullableNumber(d, &v.YMin)
		case "y_max":
			return nullableNumber(d, &v.YMax)
		case "label":
			return nullableInteger(d, &v.Label)
		case "defect_size":
			return nullableNumber(d, &v.DefectSize)
		case "notes":
			return stringValue(d, &v.Notes)
		case "created_at":
			return timestamp(d, &v.CreatedAt)
		}
		return d.Skip()
	})
}

func decodeAddedIDs(d *decoding, ids *[]string) error {
	if err := objectField("item_ids", identifiers)(d, ids); err != nil {
		return err
	}
	if len(*ids) == 0 {
		return errors.New("no item_ids")
	}
	return nil
}
