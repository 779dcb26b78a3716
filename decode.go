package hacarus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// decoder reads one JSON value into v. Each is tolerant where wire-facts.md
// shows that the service's types drift, and strict about ids.
type decoder[T any] func(d *jx.Decoder, v *T) error

var byteOrderMark = []byte("\xef\xbb\xbf")

// decodeEnvelope reads {"data": …}. Other keys are ignored; a missing data is an error.
func decodeEnvelope[T any](raw []byte, decode decoder[T]) (T, error) {
	var value T
	found := false
	err := decodeDocument(raw, func(d *jx.Decoder, key []byte) error {
		if string(key) != "data" {
			return d.Skip()
		}
		found = true
		return decode(d, &value)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no data", ErrDecode)
	}
	return value, err
}

// decodeDocument reads a whole body that is one JSON object.
func decodeDocument(raw []byte, field func(d *jx.Decoder, key []byte) error) error {
	return decodeBody(raw, func(d *jx.Decoder) error {
		if d.Next() != jx.Object {
			return errors.New("not a JSON object")
		}
		return d.ObjBytes(field)
	})
}

// decodeEmpty reads an answer that is documented without a body: nothing, or
// any JSON value, but no page of a proxy.
func decodeEmpty(raw []byte) error {
	if len(bytes.TrimSpace(bytes.TrimPrefix(raw, byteOrderMark))) == 0 {
		return nil
	}
	return decodeBody(raw, (*jx.Decoder).Skip)
}

// decodeBody reads a whole body that is one JSON value. The decoder is not one
// of jx's pool, which would keep the body and write over it.
func decodeBody(raw []byte, value func(d *jx.Decoder) error) error {
	d := jx.DecodeBytes(bytes.TrimPrefix(raw, byteOrderMark))
	if err := value(d); err != nil {
		return fmt.Errorf("%w: %s", ErrDecode, brief(err))
	}
	if err := d.Skip(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON value", ErrDecode)
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
func object(d *jx.Decoder, field func(d *jx.Decoder, key []byte) error) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if err := field(d, key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
}

// structure reads an object that has no id to prove that it is there, so null is refused.
func structure(d *jx.Decoder, field func(d *jx.Decoder, key []byte) error) error {
	if d.Next() == jx.Null {
		return errors.New("null in place of an object")
	}
	return object(d, field)
}

// list reads an array of objects; null is the nil list.
func list[T any](decode decoder[T]) decoder[[]T] {
	return func(d *jx.Decoder, v *[]T) error {
		if d.Next() == jx.Null {
			return d.Null()
		}
		*v = []T{}
		return d.Arr(func(d *jx.Decoder) error {
			var element T
			if err := decode(d, &element); err != nil {
				return err
			}
			*v = append(*v, element)
			return nil
		})
	}
}

// text reads a string; null is "".
func text[S ~string](d *jx.Decoder, v *S) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	s, err := d.Str()
	if err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	*v = S(s)
	return nil
}

// identifier reads an id, which may be a string or an integer (wire-facts.md 14).
func identifier(d *jx.Decoder, v *string) error {
	if d.Next() != jx.Number {
		return text(d, v)
	}
	number, err := d.Num()
	if err != nil {
		return err
	}
	if !number.IsInt() {
		return errors.New("an id that is no integer")
	}
	*v = number.String()
	return nil
}

// numberOrText reads a value that comes as either (wire-facts.md 17).
func numberOrText(d *jx.Decoder, v *string) error {
	if d.Next() != jx.Number {
		return text(d, v)
	}
	number, err := d.Num()
	*v = number.String()
	return err
}

// float reads a number; null is nil.
func float(d *jx.Decoder, v **float64) error {
	var digits string
	if err := numberOrText(d, &digits); err != nil || digits == "" {
		return err
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return errors.New("not a finite number")
	}
	*v = &f
	return nil
}

// integer reads a whole number, also one written as 620.0; null is 0.
func integer[I ~int | ~int64](d *jx.Decoder, v *I) error {
	var digits string
	if err := numberOrText(d, &digits); err != nil || digits == "" {
		return err
	}
	i, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		i, err = wholeNumber(digits)
	}
	if err != nil || int64(I(i)) != i {
		return errors.New("not an integer that fits")
	}
	*v = I(i)
	return nil
}

// wholeNumber reads a number in a float's form, as far as floats are exact.
func wholeNumber(digits string) (int64, error) {
	const exact = 1 << 53
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, errors.New("not a whole number")
	}
	return int64(f), nil
}

// nullable reads a value into a pointer; null is nil.
func nullable[T any](d *jx.Decoder, v **T, decode decoder[T]) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	var value T
	if err := decode(d, &value); err != nil {
		return err
	}
	*v = &value
	return nil
}

// boolean reads true or false; null is false.
func boolean(d *jx.Decoder, v *bool) (err error) {
	if d.Next() == jx.Null {
		return d.Null()
	}
	*v, err = d.Bool()
	return err
}

func (t *Time) decode(d *jx.Decoder) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	raw, err := d.StrBytes()
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
	return func(d *jx.Decoder, v *T) error {
		if err := decode(d, v); err != nil {
			return err
		}
		if got := id(v); got != asked {
			return fmt.Errorf("asked for %v, got %v", asked, got)
		}
		return nil
	}
}

func decodeTarget(d *jx.Decoder, v *InspectionTarget) error {
	var targetID *int // 0 is a target like any other
	err := object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "target_id":
			return nullable(d, &targetID, integer)
		case "name":
			return text(d, &v.Name)
		case "preprocessing":
			return list(decodePreprocessing)(d, &v.Preprocessing)
		}
		return d.Skip()
	})
	if err = required("target_id", targetID, err); err == nil {
		v.TargetID = *targetID
	}
	return err
}

func decodePreprocessing(d *jx.Decoder, v *Preprocessing) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "name":
			return text(d, &v.Name)
		case "active":
			return nullable(d, &v.Active, boolean)
		case "config":
			return text(d, &v.Config)
		}
		return d.Skip()
	})
}

func decodeAlgorithm(d *jx.Decoder, v *Algorithm) error {
	err := object(d, func(d *jx.Decoder, key []byte) error {
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
			return list(decodeParameter)(d, &v.Parameters)
		case "created_at":
			return v.CreatedAt.decode(d)
		case "updated_at":
			return v.UpdatedAt.decode(d)
		}
		return d.Skip()
	})
	return required("algorithm_id", v.AlgorithmID, err)
}

func decodeParameter(d *jx.Decoder, v *AlgorithmParameter) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
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
		return d.Skip()
	})
}

func decodeModel(d *jx.Decoder, v *Model) error {
	err := object(d, func(d *jx.Decoder, key []byte) error {
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
			return nullable(d, &v.TrainingTime, integer)
		case "precision":
			return modelFigure(d, &v.Precision)
		case "recall":
			return modelFigure(d, &v.Recall)
		case "stats":
			return decodeStats(d, &v.Stats)
		case "created_at":
			return v.CreatedAt.decode(d)
		case "updated_at":
			return v.UpdatedAt.decode(d)
		}
		return d.Skip()
	})
	return required("model_id", v.ModelID, err)
}

// modelFigure reads a model's precision or recall. Earlier services sent an
// object of a projected and a computed figure there (wire-facts.md 17); it has
// its place in ModelStats, and says nothing of the single figure.
func modelFigure(d *jx.Decoder, v **float64) error {
	if d.Next() == jx.Object {
		return d.Skip()
	}
	return float(d, v)
}

func decodeStats(d *jx.Decoder, v *ModelStats) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "accuracy":
			return float(d, &v.Accuracy)
		case "precision":
			return decodeFigures(d, &v.Precision)
		case "recall":
			return decodeFigures(d, &v.Recall)
		}
		return d.Skip()
	})
}

func decodeFigures(d *jx.Decoder, v *ModelPrecision) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "projected":
			return float(d, &v.Projected)
		case "computed":
			return float(d, &v.Computed)
		}
		return d.Skip()
	})
}

func decodeItem(d *jx.Decoder, v *Item) error {
	var jobID string
	err := object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "item_id":
			return identifier(d, &v.ItemID)
		case "job_id": // the name of item_id in earlier services (wire-facts.md 15)
			return identifier(d, &jobID)
		case "name":
			return text(d, &v.Name)
		case "status":
			return text(d, &v.Status)
		case "active":
			return boolean(d, &v.Active)
		case "is_training_data":
			return boolean(d, &v.IsTrainingData)
		case "images":
			return list(decodeImage)(d, &v.Images)
		case "user_assessment":
			return nullable(d, &v.UserAssessment, decodeUserAssessment)
		case "assessments":
			return list(decodeAssessment)(d, &v.Assessments)
		}
		return d.Skip()
	})
	if v.ItemID == "" {
		v.ItemID = jobID
	}
	return required("item_id", v.ItemID, err)
}

func decodeImage(d *jx.Decoder, v *ImageMeta) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
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
		return d.Skip()
	})
}

func decodeUserAssessment(d *jx.Decoder, v *UserAssessment) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "label":
			return text(d, &v.Label)
		case "result":
			return text(d, &v.Result)
		case "annotations":
			return list(decodeAnnotation)(d, &v.Annotations)
		case "images":
			return list(decodeImage)(d, &v.Images)
		}
		return d.Skip()
	})
}

func decodeAssessment(d *jx.Decoder, v *Assessment) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
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
			return nullable(d, &v.DetectedObjects, integer)
		case "detection_accuracy":
			return float(d, &v.DetectionAccuracy)
		case "annotations":
			return list(decodeAnnotation)(d, &v.Annotations)
		case "images":
			return list(decodeImage)(d, &v.Images)
		}
		return d.Skip()
	})
}

func decodeAnnotation(d *jx.Decoder, v *Annotation) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
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
			return nullable(d, &v.Label, integer)
		case "defect_size":
			return float(d, &v.DefectSize)
		case "notes":
			return text(d, &v.Notes)
		case "created_at":
			return v.CreatedAt.decode(d)
		}
		return d.Skip()
	})
}

func decodeItemsPage(d *jx.Decoder, v *ItemsPage) error {
	return structure(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "items":
			return list(decodeItem)(d, &v.Items)
		case "current_page":
			return integer(d, &v.CurrentPage)
		case "end_page":
			return integer(d, &v.EndPage)
		case "count_per_page":
			return integer(d, &v.CountPerPage)
		}
		return d.Skip()
	})
}

func decodePrediction(d *jx.Decoder, v *PredictItemsResponse) error {
	return structure(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "model_version":
			return text(d, &v.ModelVersion)
		case "item_ids":
			return identifiers(d, &v.ItemIDs)
		}
		return d.Skip()
	})
}

// identifiers reads a list of ids, none of which may be missing.
func identifiers(d *jx.Decoder, v *[]string) error {
	if err := list(identifier)(d, v); err != nil {
		return err
	}
	if slices.Contains(*v, "") {
		return errors.New("an id is empty")
	}
	return nil
}

// decodeField reads the list or text of one field out of an object.
func decodeField[T any](name string, decode decoder[T]) decoder[T] {
	return func(d *jx.Decoder, v *T) error {
		return object(d, func(d *jx.Decoder, key []byte) error {
			if string(key) != name {
				return d.Skip()
			}
			return decode(d, v)
		})
	}
}

func decodePredictParameters(d *jx.Decoder, v *PredictParameters) error {
	return structure(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "threshold":
			return float(d, &v.Threshold)
		case "ignore_outer":
			return text(d, &v.IgnoreOuter)
		case "min_detected_area":
			return float(d, &v.MinDetectedArea)
		}
		return d.Skip()
	})
}

func decodePredictCallback(d *jx.Decoder, v *PredictCallback) error {
	return structure(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "callback_url":
			return text(d, &v.URL)
		case "callback_method":
			return text(d, &v.Method)
		}
		return d.Skip()
	})
}

// decodeGrant reads a login's answer: flat, or wrapped in data as earlier
// services sent it (wire-facts.md 2).
func decodeGrant(raw []byte) (grant, error) {
	var flat, wrapped loginAnswer
	err := decodeDocument(raw, func(d *jx.Decoder, key []byte) error {
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

func (l *loginAnswer) field(d *jx.Decoder, key []byte) error {
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
	return d.Skip()
}

// lenient reads a value whose type must not fail the whole: what does not
// decode is left out. Its error is that of the document's syntax.
func lenient[T any](d *jx.Decoder, v *T, decode decoder[T]) error {
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	var value T
	if decode(jx.DecodeBytes(raw), &value) == nil {
		*v = value
	}
	return nil
}

// decodeErrorDetails reads what it can of an error body, which may be
// anything. The texts pass through mask.
func decodeErrorDetails(raw []byte, mask func(string) string) ErrorDetails {
	var v ErrorDetails
	_ = decodeDocument(raw, func(d *jx.Decoder, key []byte) error {
		if string(key) != "errors" {
			return d.Skip()
		}
		return lenient(d, &v, decodeError)
	})
	v.Title, v.Detail, v.Source.Pointer = mask(v.Title), mask(v.Detail), mask(v.Source.Pointer)
	for _, m := range v.Message {
		for i := range m.Errors {
			m.Errors[i] = mask(m.Errors[i])
		}
	}
	return v
}

func decodeError(d *jx.Decoder, v *ErrorDetails) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
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
		return d.Skip()
	})
}

func decodeKeyValue(d *jx.Decoder, v *KeyValueError) error {
	return object(d, func(d *jx.Decoder, key []byte) error {
		switch string(key) {
		case "key":
			return lenient(d, &v.Key, text)
		case "errors":
			return lenient(d, &v.Errors, list(text[string]))
		}
		return d.Skip()
	})
}

// textOrList reads a string, or a list of them joined by line ends (wire-facts.md 8).
func textOrList(d *jx.Decoder, v *string) error {
	if d.Next() != jx.Array {
		return text(d, v)
	}
	var lines []string
	err := list(text[string])(d, &lines)
	*v = strings.Join(lines, "\n")
	return err
}
