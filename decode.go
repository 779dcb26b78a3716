package hacarus

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder reads one JSON value into v. Each is tolerant where wire-facts.md
// shows that the service's types drift, and strict about ids.
type decoder[T any] func(d *decoding, v *T) error

var byteOrderMark = []byte("\xef\xbb\xbf")

// decodeEnvelope reads {"data": …}. Other keys are ignored; a missing data is an error.
func decodeEnvelope[T any](raw []byte, decode decoder[T]) (*T, error) {
	value := new(T)
	found := false
	err := decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) != "data" {
			return d.skip()
		}
		found = true
		return decode(d, value)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no data", ErrDecode)
	}
	return value, err
}

// decodeDocument reads a whole body that is one JSON object.
func decodeDocument(raw []byte, field func(d *decoding, key []byte) error) error {
	return decodeBody(raw, func(d *decoding) error { return d.object(field) })
}

// decodeEmpty reads an answer that is documented without a body: nothing, or
// any JSON value, but no page of a proxy.
func decodeEmpty(raw []byte) error {
	if len(bytes.TrimSpace(bytes.TrimPrefix(raw, byteOrderMark))) == 0 {
		return nil
	}
	return decodeBody(raw, (*decoding).skip)
}

// decodeBody reads a whole body that is one JSON value. Nothing that it reads
// refers to raw.
func decodeBody(raw []byte, value func(d *decoding) error) error {
	d := decodings.Get().(*decoding)
	d.text = bytes.TrimPrefix(raw, byteOrderMark)
	err := value(d)
	if err == nil {
		if d.next(); d.at < len(d.text) {
			err = errors.New("something follows the JSON value")
		}
	}
	d.reset()
	decodings.Put(d)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrDecode, brief(err))
	}
	return nil
}

// brief is an error's text on one line and of bounded length: a decoder's
// errors quote what the service sent.
func brief(err error) string {
	const most = 200
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// object reads an object; null leaves the value as it is.
func object(d *decoding, field func(d *decoding, key []byte) error) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	return d.object(field)
}

// list reads an array of objects; null is the nil list.
func list[T any](decode decoder[T]) decoder[[]T] {
	return func(d *decoding, v *[]T) error { return elements(d, v, decode) }
}

// elements is list without a function for each list.
func elements[T any](d *decoding, v *[]T, decode decoder[T]) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	*v = []T{}
	return d.array(func(d *decoding) error {
		var element T
		*v = append(*v, element)
		return decode(d, &(*v)[len(*v)-1])
	})
}

// compact is elements for lists of which there are many, in the decoding's
// memory.
func compact[T any](d *decoding, v *[]T, in *lists[T], decode decoder[T]) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	err := d.array(func(d *decoding) error { return decode(d, in.next()) })
	*v = in.list()
	return err
}

// text reads a string; null is "".
func text[S ~string](d *decoding, v *S) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	raw, err := d.string()
	if err == nil {
		*v = S(d.copied(raw))
	}
	return err
}

// identifier reads an id, which may be a string or an integer (wire-facts.md
// 14). Unlike a text it is not repaired: it would be the id of something else.
func identifier(d *decoding, v *string) error {
	number := d.next() == '-' || d.next()-'0' <= 9
	raw, err := digits(d)
	if err != nil || raw == nil {
		return err
	}
	if number && bytes.ContainsAny(raw, ".eE") {
		return errors.New("an id that is no integer")
	}
	if !utf8.Valid(raw) {
		return errors.New("an id that is not valid UTF-8")
	}
	*v = d.copiedID(raw)
	return nil
}

// numberOrText reads a value that comes as either (wire-facts.md 17).
func numberOrText(d *decoding, v *string) error {
	raw, err := digits(d)
	if err == nil && raw != nil {
		*v = d.copied(raw)
	}
	return err
}

// digits reads a number, or a text that should hold one; null is nil.
func digits(d *decoding) ([]byte, error) {
	switch d.next() {
	case 'n':
		return nil, d.literal("null")
	case '"':
		return d.string()
	}
	return d.number()
}

// float reads a number; null is nil.
func float(d *decoding, v **float64) error {
	raw, err := digits(d)
	if err != nil || raw == nil {
		return err
	}
	f, err := parseFloat(raw)
	if err != nil {
		return err
	}
	place := &d.floats.take(1)[0]
	*place, *v = f, place
	return nil
}

func parseFloat(raw []byte) (float64, error) {
	if f, ok := smallDecimal(raw); ok {
		return f, nil
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, errors.New("not a finite number")
	}
	return f, nil
}

// smallDecimal reads a number of a few digits, no sign and no exponent, as most
// are. Digits and power of ten are exact as float64, so their quotient is the
// nearest one to the number.
func smallDecimal(raw []byte) (float64, bool) {
	value, digits, point := int64(0), 0, -1
	for n, c := range raw {
		switch {
		case c >= '0' && c <= '9' && digits < maxExact:
			value = value*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = n
		default:
			return 0, false
		}
	}
	if point < 0 {
		return float64(value), digits > 0
	}
	return float64(value) / powersOfTen[len(raw)-point-1], digits > 0
}

var powersOfTen = [maxExact + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// maxExact is how many digits a float64 holds exactly, whatever they are.
const maxExact = 15

// smallInteger reads a number of a few digits and no sign, as most are.
func smallInteger(raw []byte) (int64, bool) {
	if len(raw) == 0 || len(raw) > maxExact {
		return 0, false
	}
	i := int64(0)
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		i = i*10 + int64(c-'0')
	}
	return i, true
}

// integer reads a whole number, also one written as 620.0; null is 0.
func integer[I ~int | ~int64](d *decoding, v *I) error {
	raw, err := digits(d)
	if err != nil || raw == nil {
		return err
	}
	i, ok := smallInteger(raw)
	if !ok {
		if i, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
			i, err = wholeNumber(raw)
		}
	}
	if err != nil || int64(I(i)) != i {
		return errors.New("not an integer that fits")
	}
	*v = I(i)
	return nil
}

// nullableInteger is integer, but null is nil.
func nullableInteger(d *decoding, v **int) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	place := &d.ints.take(1)[0]
	if err := integer(d, place); err != nil {
		return err
	}
	*v = place
	return nil
}

// wholeNumber reads a number in a float's form, as far as floats are exact.
func wholeNumber(raw []byte) (int64, error) {
	const exact = 1 << 53
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, errors.New("not a whole number")
	}
	return int64(f), nil
}

// nullable reads a value into a pointer; null is nil.
func nullable[T any](d *decoding, v **T, decode decoder[T]) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	value := new(T)
	if err := decode(d, value); err != nil {
		return err
	}
	*v = value
	return nil
}

// boolean reads true or false; null is false.
func boolean(d *decoding, v *bool) (err error) {
	if null, err := d.null(); null || err != nil {
		return err
	}
	*v, err = d.bool()
	return err
}

func (t *Time) decode(d *decoding) error {
	if null, err := d.null(); null || err != nil {
		return err
	}
	raw, err := d.string()
	if err != nil {
		return err
	}
	return t.UnmarshalText(raw)
}

// required refuses a silent zero where a value identifies something; err is
// what reading the rest gave, and goes first.
func required[T comparable](name string, v T, err error) error {
	var zero T
	if err == nil && v == zero {
		err = fmt.Errorf("no %s", name)
	}
	return err
}

// expect refuses an answer about something else than was asked for.
func expect[T any, K comparable](asked K, decode decoder[T], id func(*T) K) decoder[T] {
	return func(d *decoding, v *T) error {
		if err := decode(d, v); err != nil {
			return err
		}
		if got := id(v); got != asked {
			return fmt.Errorf("asked for %v, got %v", asked, got)
		}
		return nil
	}
}

func decodeTarget(d *decoding, v *InspectionTarget) error {
	var targetID *int // 0 is a target like any other
	err := object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "target_id":
			return nullable(d, &targetID, integer)
		case "name":
			return text(d, &v.Name)
		case "preprocessing":
			return elements(d, &v.Preprocessing, decodePreprocessing)
		}
		return d.skip()
	})
	if err = required("target_id", targetID, err); err == nil {
		v.TargetID = *targetID
	}
	return err
}

func decodePreprocessing(d *decoding, v *Preprocessing) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "name":
			return text(d, &v.Name)
		case "active":
			return nullable(d, &v.Active, boolean)
		case "config":
			return text(d, &v.Config)
		}
		return d.skip()
	})
}

func decodeAlgorithm(d *decoding, v *Algorithm) error {
	err := object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "name":
			return text(d, &v.Name)
		case "type":
			return text(d, &v.Type)
		case "version":
			return text(d, &v.Version)
		case "file_name":
			return text(d, &v.FileName)
		case "class_name":
			return text(d, &v.ClassName)
		case "attribute":
			return text(d, &v.Attribute)
		case "parameters":
			return elements(d, &v.Parameters, decodeParameter)
		case "created_at":
			return v.CreatedAt.decode(d)
		case "updated_at":
			return v.UpdatedAt.decode(d)
		}
		return d.skip()
	})
	return required("algorithm_id", v.AlgorithmID, err)
}

func decodeParameter(d *decoding, v *AlgorithmParameter) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "algorithm_parameter_id":
			return integer(d, &v.AlgorithmParameterID)
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "name":
			return text(d, &v.Name)
		case "display_name":
			return text(d, &v.DisplayName)
		case "data_type":
			return text(d, &v.DataType)
		case "value":
			return numberOrText(d, &v.Value)
		case "range_lower":
			return numberOrText(d, &v.RangeLower)
		case "range_upper":
			return numberOrText(d, &v.RangeUpper)
		case "model_parameter":
			return nullable(d, &v.ModelParameter, boolean)
		case "created_at":
			return v.CreatedAt.decode(d)
		case "updated_at":
			return v.UpdatedAt.decode(d)
		}
		return d.skip()
	})
}

func decodeModel(d *decoding, v *Model) error {
	var earlier ModelStats
	err := object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "model_id":
			return identifier(d, &v.ModelID)
		case "name":
			return text(d, &v.Name)
		case "version":
			return text(d, &v.Version)
		case "algorithm_id":
			return identifier(d, &v.AlgorithmID)
		case "algorithm_type":
			return text(d, &v.AlgorithmType)
		case "image_url":
			return text(d, &v.ImageURL)
		case "status":
			return text(d, &v.Status)
		case "status_text":
			return text(d, &v.StatusText)
		case "active":
			return boolean(d, &v.Active)
		case "ok_img_count":
			return integer(d, &v.OKImgCount)
		case "ng_img_count":
			return integer(d, &v.NGImgCount)
		case "context_id":
			return integer(d, &v.ContextID)
		case "training_time":
			return nullableInteger(d, &v.TrainingTime)
		case "precision":
			return modelFigure(d, &v.Precision, &earlier.Precision)
		case "recall":
			return modelFigure(d, &v.Recall, &earlier.Recall)
		case "stats":
			return decodeStats(d, &v.Stats)
		case "created_at":
			return v.CreatedAt.decode(d)
		case "updated_at":
			return v.UpdatedAt.decode(d)
		}
		return d.skip()
	})
	v.Stats.Precision = cmp.Or(v.Stats.Precision, earlier.Precision)
	v.Stats.Recall = cmp.Or(v.Stats.Recall, earlier.Recall)
	return required("model_id", v.ModelID, err)
}

// modelFigure reads a model's precision or recall. Earlier services sent an
// object of a projected and a computed figure there (wire-facts.md 17); it has
// its place in ModelStats, and says nothing of the single figure.
func modelFigure(d *decoding, v **float64, earlier *ModelPrecision) error {
	if d.next() == '{' {
		return decodeFigures(d, earlier)
	}
	return float(d, v)
}

func decodeStats(d *decoding, v *ModelStats) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "accuracy":
			return float(d, &v.Accuracy)
		case "precision":
			return decodeFigures(d, &v.Precision)
		case "recall":
			return decodeFigures(d, &v.Recall)
		}
		return d.skip()
	})
}

func decodeFigures(d *decoding, v *ModelPrecision) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "projected":
			return float(d, &v.Projected)
		case "computed":
			return float(d, &v.Computed)
		}
		return d.skip()
	})
}

func decodeItem(d *decoding, v *Item) error {
	var earlier earlierItem
	err := object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "item_id":
			return identifier(d, &v.ItemID)
		case "name":
			return text(d, &v.Name)
		case "status":
			return text(d, &v.Status)
		case "active":
			return boolean(d, &v.Active)
		case "is_training_data":
			return boolean(d, &v.IsTrainingData)
		case "images":
			return compact(d, &v.Images, &d.images, earlier.image)
		case "user_assessment":
			return nullable(d, &v.UserAssessment, decodeUserAssessment)
		case "assessments":
			return compact(d, &v.Assessments, &d.verdicts, decodeAssessment)
		}
		return earlier.field(d, key)
	})
	earlier.fill(v)
	return required("item_id", v.ItemID, err)
}

func decodeImage(d *decoding, v *ImageMeta) error {
	var earlier earlierImage
	return earlier.decode(d, v)
}

// decode reads an image in any form.
func (e *earlierImage) decode(d *decoding, v *ImageMeta) error {
	err := object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "url":
			return text(d, &v.URL)
		case "name":
			return text(d, &v.Name)
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
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "label":
			return text(d, &v.Label)
		case "result":
			return text(d, &v.Result)
		case "annotations":
			return compact(d, &v.Annotations, &d.boxes, decodeAnnotation)
		case "images":
			return compact(d, &v.Images, &d.images, decodeImage)
		}
		return d.skip()
	})
}

func decodeAssessment(d *decoding, v *Assessment) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "model_id":
			return identifier(d, &v.ModelID)
		case "label":
			return text(d, &v.Label)
		case "result":
			return text(d, &v.Result)
		case "anomaly_score":
			return numberOrText(d, &v.AnomalyScore)
		case "detected_objects":
			return nullableInteger(d, &v.DetectedObjects)
		case "detection_accuracy":
			return float(d, &v.DetectionAccuracy)
		case "annotations":
			return compact(d, &v.Annotations, &d.boxes, decodeAnnotation)
		case "images":
			return compact(d, &v.Images, &d.images, decodeImage)
		}
		return d.skip()
	})
}

func decodeAnnotation(d *decoding, v *Annotation) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "annotation_id":
			return integer(d, &v.AnnotationID)
		case "x_min":
			return float(d, &v.XMin)
		case "x_max":
			return float(d, &v.XMax)
		case "y_min":
			return float(d, &v.YMin)
		case "y_max":
			return float(d, &v.YMax)
		case "label":
			return nullableInteger(d, &v.Label)
		case "defect_size":
			return float(d, &v.DefectSize)
		case "notes":
			return text(d, &v.Notes)
		case "created_at":
			return v.CreatedAt.decode(d)
		}
		return d.skip()
	})
}

// decodeItemsPage reads a page of items of the type. Its items may be null, as
// lists may be, but then something else must say that it is a page: what holds
// no items at all is another answer, and not the end of the items.
func decodeItemsPage(itemType ItemType) decoder[ItemsPage] {
	return func(d *decoding, v *ItemsPage) error {
		earlier := earlierPageOf(itemType)
		var null, paged bool
		err := d.object(func(d *decoding, key []byte) error {
			switch string(key) {
			case "items":
				null = d.next() == 'n'
				return compact(d, &v.Items, &d.items, decodeItem)
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

func decodePrediction(d *decoding, v *PredictItemsResponse) error {
	return d.object(func(d *decoding, key []byte) error {
		switch string(key) {
		case "model_version":
			return text(d, &v.ModelVersion)
		case "item_ids":
			return identifiers(d, &v.ItemIDs)
		}
		return d.skip()
	})
}

// identifiers reads a list of ids, none of which may be missing.
func identifiers(d *decoding, v *[]string) error {
	if err := elements(d, v, identifier); err != nil {
		return err
	}
	if slices.Contains(*v, "") {
		return errors.New("an id is empty")
	}
	return nil
}

// decodeField reads the list or text of one field out of an object.
func decodeField[T any](name string, decode decoder[T]) decoder[T] {
	return func(d *decoding, v *T) error {
		return object(d, func(d *decoding, key []byte) error {
			if string(key) != name {
				return d.skip()
			}
			return decode(d, v)
		})
	}
}

func decodePredictParameters(d *decoding, v *PredictParameters) error {
	return d.object(func(d *decoding, key []byte) error {
		switch string(key) {
		case "threshold":
			return float(d, &v.Threshold)
		case "ignore_outer":
			return text(d, &v.IgnoreOuter)
		case "min_detected_area":
			return float(d, &v.MinDetectedArea)
		}
		return d.skip()
	})
}

func decodePredictCallback(d *decoding, v *PredictCallback) error {
	return d.object(func(d *decoding, key []byte) error {
		switch string(key) {
		case "callback_url":
			return text(d, &v.URL)
		case "callback_method":
			return text(d, &v.Method)
		}
		return d.skip()
	})
}

// decodeGrant reads a login's answer: flat, or wrapped in data as earlier
// services sent it (wire-facts.md 2).
func decodeGrant(raw []byte) (grant, error) {
	var flat, wrapped loginAnswer
	err := decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) == "data" {
			return object(d, wrapped.field)
		}
		return flat.field(d, key)
	})
	if err != nil {
		return grant{}, err
	}
	if flat.access == "" {
		flat = wrapped
	}
	return newGrant(flat.access, flat.seconds)
}

type loginAnswer struct {
	access  string
	seconds float64
}

func (l *loginAnswer) field(d *decoding, key []byte) error {
	switch string(key) {
	case "access_token":
		return text(d, &l.access)
	case "expires", "expires_in":
		var seconds *float64
		if err := lenient(d, &seconds, float); err == nil && seconds != nil {
			l.seconds = *seconds
		}
		return nil
	}
	return d.skip()
}

// lenient reads a value whose type must not fail the whole: what does not
// decode is left out. Its error is that of the document's syntax.
func lenient[T any](d *decoding, v *T, decode decoder[T]) error {
	d.next()
	text, from := d.text, d.at
	if err := d.skip(); err != nil {
		return err
	}
	to, depth := d.at, d.depth
	d.text, d.at = text[:to], from
	var value T
	if decode(d, &value) == nil && d.at == to {
		*v = value
	}
	d.text, d.at, d.depth = text, to, depth
	return nil
}

// decodeErrorDetails reads what it can of an error body, which may be
// anything. The texts pass through mask.
func decodeErrorDetails(raw []byte, mask func(string) string) ErrorDetails {
	var v ErrorDetails
	_ = decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) != "errors" {
			return d.skip()
		}
		return lenient(d, &v, decodeError)
	})
	v.Title, v.Detail, v.Source.Pointer = mask(v.Title), mask(v.Detail), mask(v.Source.Pointer)
	for i, m := range v.Message {
		v.Message[i].Key = mask(m.Key)
		for k := range m.Errors {
			m.Errors[k] = mask(m.Errors[k])
		}
	}
	return v
}

func decodeError(d *decoding, v *ErrorDetails) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "message":
			return lenient(d, &v.Message, list(decodeKeyValue))
		case "status":
			return lenient(d, &v.Status, integer)
		case "detail":
			return lenient(d, &v.Detail, textOrList)
		case "source":
			return lenient(d, &v.Source.Pointer, decodeField("pointer", text[string]))
		case "title":
			return lenient(d, &v.Title, textOrList)
		}
		return d.skip()
	})
}

func decodeKeyValue(d *decoding, v *KeyValueError) error {
	return object(d, func(d *decoding, key []byte) error {
		switch string(key) {
		case "key":
			return lenient(d, &v.Key, text)
		case "errors":
			return lenient(d, &v.Errors, list(text[string]))
		}
		return d.skip()
	})
}

// textOrList reads a string, or a list of them joined by line ends (wire-facts.md 8).
func textOrList(d *decoding, v *string) error {
	if d.next() != '[' {
		return text(d, v)
	}
	var lines []string
	err := elements(d, &lines, text[string])
	*v = strings.Join(lines, "\n")
	return err
}
