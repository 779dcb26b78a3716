package hacarus

import (
	"encoding/json"
	"errors"
	"image"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// InspectionTarget is a kind of product that is inspected. One target is the
// default one; the documentation does not say what it is the default for.
type InspectionTarget struct {
	// TargetID identifies the target.
	TargetID int `json:"target_id"`
	// Name is the name shown to people.
	Name string `json:"name"`
	// Preprocessing lists the steps that run before training and prediction; nil
	// or empty for none.
	Preprocessing []Preprocessing `json:"preprocessing"`
}

// Preprocessing is one preprocessing step of an [InspectionTarget].
type Preprocessing struct {
	// Name of the step; the service requires it.
	Name string `json:"name"`
	// Active says whether the step runs; nil when the service says null.
	Active *bool `json:"active"`
	// Config is the step's configuration as the service stores it, "" for none.
	Config string `json:"config"`
}

// Algorithm is a machine-learning method that can be trained, with its parameters.
type Algorithm struct {
	// AlgorithmID identifies the algorithm; it is what [Client.Train] takes.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the name shown to people, such as "Pattern Matching".
	Name string `json:"name"`
	// Type as the service names it, such as "unsupervised" (wire-facts.md 32).
	Type string `json:"type"`
	// Version of the algorithm, "" when the service says null.
	Version string `json:"version"`
	// FileName is the file in which the service finds the implementation.
	FileName string `json:"file_name"`
	// ClassName is the name of the implementation in that file.
	ClassName string `json:"class_name"`
	// Attribute as the service sends it; the documentation does not explain it.
	Attribute string `json:"attribute"`
	// Parameters can be overridden when a model is trained; nil for none.
	Parameters []AlgorithmParameter `json:"parameters"`
	// CreatedAt is when the service made its entry of the algorithm; zero when
	// it does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the entry was last changed; zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// AlgorithmParameter describes one parameter of an [Algorithm]: its default and its range.
type AlgorithmParameter struct {
	// AlgorithmParameterID is what [OverrideParam] takes.
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// AlgorithmID is that of the algorithm the parameter belongs to.
	AlgorithmID string `json:"algorithm_id"`
	// Name is the parameter's technical name, such as "threshold".
	Name string `json:"name"`
	// DisplayName is the name shown to people, "" when the service says null.
	DisplayName string `json:"display_name"`
	// DataType as the service names it, such as "int", "float" or "tuple".
	DataType string `json:"data_type"`
	// Value is the default in text form, such as "0.1" or "[8, 8]"; "" for null.
	Value string `json:"value"`
	// RangeLower is the least value in text form; "" for no bound.
	RangeLower string `json:"range_lower"`
	// RangeUpper is the greatest value in text form; "" for no bound.
	RangeUpper string `json:"range_upper"`
	// ModelParameter is the service's flag of that name, which the documentation
	// does not explain; nil when the service says null.
	ModelParameter *bool `json:"model_parameter"`
	// CreatedAt is when the service made its entry of the parameter; zero when
	// it does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the entry was last changed; zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// Model is a trained, or still training, AI model.
type Model struct {
	// ModelID identifies the model. It is never empty in a decoded answer.
	ModelID string `json:"model_id"`
	// Name is the name shown to people: that of [TrainRequest], or else the
	// service's choice.
	Name string `json:"name"`
	// Version as the service names it, such as "model-2019061101:26:07".
	Version string `json:"version"`
	// AlgorithmID is that of the [Algorithm] it was trained with.
	AlgorithmID string `json:"algorithm_id"`
	// AlgorithmType is the type of that algorithm, such as "unsupervised"
	// (wire-facts.md 32).
	AlgorithmType string `json:"algorithm_type"`
	// ImageURL is an image that stands for the model, "" for none.
	ImageURL string `json:"image_url"`
	// Status tells how far training has come.
	Status ModelStatus `json:"status"`
	// StatusText explains a failed training; "" otherwise.
	StatusText string `json:"status_text"`
	// Active marks models that may be used for prediction; null reads as false.
	// Which of several active models "active" means in a request is the
	// service's choice (wire-facts.md 22).
	Active bool `json:"active"`
	// OKImgCount is the number of good images the model was trained on; null
	// reads as 0.
	OKImgCount int `json:"ok_img_count"`
	// NGImgCount is the number of defective images among the training items;
	// null reads as 0.
	NGImgCount int `json:"ng_img_count"`
	// ContextID as the service sends it; the documentation does not explain it.
	ContextID int `json:"context_id"`
	// TrainingTime is how long training took, nil when the service says null.
	// The documentation gives no unit.
	TrainingTime *int `json:"training_time"`
	// Precision is nil until the service knows it, and where it sends an object
	// in place of a number (wire-facts.md 17): see Stats. The documentation gives
	// no range.
	Precision *float64 `json:"precision"`
	// Recall is as Precision: nil until the service knows it, without a
	// documented range.
	Recall *float64 `json:"recall"`
	// Stats holds finer figures of the same kind.
	Stats ModelStats `json:"stats"`
	// CreatedAt is when the model was made, zero when the service does not say.
	CreatedAt Time `json:"created_at"`
	// UpdatedAt is when the model was last changed, zero when the service does
	// not say.
	UpdatedAt Time `json:"updated_at"`
}

// ModelStats holds a model's quality figures. The documentation gives no range;
// null figures are not known yet.
type ModelStats struct {
	// Accuracy as the service computes it; nil when it says null.
	Accuracy *float64 `json:"accuracy"`
	// Precision holds the two figures of the model's precision.
	Precision ModelPrecision `json:"precision"`
	// Recall holds the two figures of the model's recall.
	Recall ModelPrecision `json:"recall"`
}

// ModelPrecision is a quality figure in two forms. The documentation does not
// explain them; the comments say what their names suggest.
type ModelPrecision struct {
	// Projected is the figure that training lets expect; nil when the service
	// says null.
	Projected *float64 `json:"projected"`
	// Computed is the figure that was measured; nil when the service says null.
	Computed *float64 `json:"computed"`
}

// Item is one inspected or training product with its images and assessments.
type Item struct {
	// ItemID identifies the item. The service derives it from the uploaded
	// file's name (wire-facts.md 28). It is never empty in a decoded answer.
	ItemID string `json:"item_id"`
	// Name as the service sends it. The documentation does not say how it
	// differs from ItemID.
	Name string `json:"name"`
	// Status tells whether the item waits. Done does not prove that a given
	// model has predicted it (wire-facts.md 21): look for its assessment.
	Status ItemStatus `json:"status"`
	// Active as the service sends it; the documentation does not explain it.
	// Null reads as false.
	Active bool `json:"active"`
	// IsTrainingData is true for training items, false for items to inspect.
	IsTrainingData bool `json:"is_training_data"`
	// Images are the uploaded images; fetch one with [Client.GetImage]. An item
	// may hold several (wire-facts.md 31). Nil for none.
	Images []ImageMeta `json:"images"`
	// UserAssessment is what a person said of the item, nil for nothing.
	UserAssessment *UserAssessment `json:"user_assessment"`
	// Assessments are what models said, in the service's order. It is empty or
	// nil when none did, or when they were not asked for: see [GetItemOptions].
	// Of an earlier service they are one per model, its verdict on the item and
	// not on single images (wire-facts.md 24).
	Assessments []Assessment `json:"assessments"`
}

// ImageMeta describes one image of an item.
type ImageMeta struct {
	// URL is an absolute URL, a path, or a bare storage key (wire-facts.md 19).
	URL string `json:"url"`
	// Name is the image's name as the service has it, "" for none.
	Name string `json:"name"`
	// Width in pixels; zero means unknown.
	Width int `json:"width"`
	// Height in pixels; zero means unknown.
	Height int `json:"height"`
	// FileSize in bytes; zero means unknown.
	FileSize int64 `json:"file_size"`
}

// UserAssessment is a person's verdict on an item.
type UserAssessment struct {
	// Label is empty when the person has not labelled the item.
	Label Label `json:"label"`
	// Result is the service's text on the verdict, "" for none.
	Result string `json:"result"`
	// Annotations are the boxes a person drew, nil for none. The documentation
	// does not say whether those of [Client.AnnotateItem] appear here.
	Annotations []Annotation `json:"annotations"`
	// Images are the images of the assessment, nil for none. The documentation
	// does not say what they show.
	Images []ImageMeta `json:"images"`
}

// Assessment is a model's verdict on an item.
type Assessment struct {
	// ModelID is that of the model whose verdict it is; "" where a service of
	// July 2019 does not tell it.
	ModelID string `json:"model_id"`
	// Label is the verdict, [LabelOK] or [LabelNG]; "" when the service says null.
	Label Label `json:"label"`
	// Result is the service's text on the verdict.
	Result string `json:"result"`
	// AnomalyScore is the score in text form, "" for null; see [Assessment.Score].
	AnomalyScore string `json:"anomaly_score"`
	// DetectedObjects counts the defects found; nil when the service says null.
	DetectedObjects *int `json:"detected_objects"`
	// DetectionAccuracy as the service sends it, in no documented unit (100 was
	// seen); nil when it says null.
	DetectionAccuracy *float64 `json:"detection_accuracy"`
	// Annotations are the defects' boxes, nil for none.
	Annotations []Annotation `json:"annotations"`
	// Images are images made for the assessment, such as a heat map; nil for none.
	Images []ImageMeta `json:"images"`
}

// Score returns AnomalyScore as a number, and false where there is none or it is not one.
func (a Assessment) Score() (float64, bool) {
	score, err := strconv.ParseFloat(strings.TrimSpace(a.AnomalyScore), 64)
	if err != nil || math.IsNaN(score) || math.IsInf(score, 0) {
		return 0, false
	}
	return score, true
}

// Annotation is a defect's box, in pixels of the item's image, with what is
// known of it. The service may have scaled the image (wire-facts.md 31).
type Annotation struct {
	// AnnotationID identifies the annotation; zero when the service does not say.
	AnnotationID int `json:"annotation_id"`
	// XMin is the box's left edge in pixels; nil when the service says null.
	XMin *float64 `json:"x_min"`
	// XMax is the box's right edge in pixels; nil when the service says null.
	XMax *float64 `json:"x_max"`
	// YMin is the box's upper edge in pixels; nil when the service says null.
	YMin *float64 `json:"y_min"`
	// YMax is the box's lower edge in pixels; nil when the service says null.
	YMax *float64 `json:"y_max"`
	// Label is a number of the user's choice, nil for none; it is not an OK/NG
	// [Label].
	Label *int `json:"label"`
	// DefectSize as the service measures it, nil when it says null; the
	// documentation gives no unit.
	DefectSize *float64 `json:"defect_size"`
	// Notes are a person's words, "" for none.
	Notes string `json:"notes"`
	// CreatedAt is when the annotation was made, zero when the service does not
	// say.
	CreatedAt Time `json:"created_at"`
}

// Rect returns the box as the smallest pixel rectangle that holds it, and
// false when an edge is missing or no image could have it: edges that are
// reversed, not finite or beyond 32 bits.
func (a Annotation) Rect() (image.Rectangle, bool) {
	if a.XMin == nil || a.XMax == nil || a.YMin == nil || a.YMax == nil {
		return image.Rectangle{}, false
	}
	for _, edge := range []float64{*a.XMin, *a.XMax, *a.YMin, *a.YMax} {
		if math.IsNaN(edge) || math.Abs(edge) > math.MaxInt32 {
			return image.Rectangle{}, false
		}
	}
	if *a.XMin > *a.XMax || *a.YMin > *a.YMax {
		return image.Rectangle{}, false
	}
	return image.Rectangle{
		Min: image.Pt(int(math.Floor(*a.XMin)), int(math.Floor(*a.YMin))),
		Max: image.Pt(int(math.Ceil(*a.XMax)), int(math.Ceil(*a.YMax))),
	}, true
}

// ItemsPage is one page of items. The lists of an earlier service, which has no
// pages, are page 1 of 1 (wire-facts.md 26).
type ItemsPage struct {
	// Items of the page, in the service's order; nil or empty for none.
	Items []Item `json:"items"`
	// CurrentPage is this page's number; zero when the service does not say. The
	// documentation does not say whether pages count from 1.
	CurrentPage int `json:"current_page"`
	// EndPage is the last page's number; zero when the service does not say.
	EndPage int `json:"end_page"`
	// CountPerPage is the number of items on a full page; zero when the service
	// does not say.
	CountPerPage int `json:"count_per_page"`
}

// License is the state of the service's licence.
type License struct {
	// LicenseExpiry is the day the licence ends, as the service writes it; ""
	// where it does not tell (wire-facts.md 34).
	LicenseExpiry string `json:"license_expiry"`
}

// PredictItemsResponse says which items a prediction was started for.
type PredictItemsResponse struct {
	// ModelVersion is the [Model] Version of the model that predicts.
	ModelVersion string `json:"model_version"`
	// ItemIDs are the items that are predicted.
	ItemIDs []string `json:"item_ids"`
}

// TrainRequest says what [Client.Train] trains. All of it is optional
// (wire-facts.md 23).
type TrainRequest struct {
	// Name of the new model; "" leaves the choice to the service.
	Name string `json:"name,omitempty"`
	// ItemIDs are the training items; empty leaves the choice to the service.
	ItemIDs []string `json:"item_ids,omitempty"`
	// OverrideParams replaces defaults of the algorithm's parameters; empty
	// keeps them all.
	OverrideParams []OverrideParam `json:"override_params,omitempty"`
}

// OverrideParam replaces the default of one algorithm parameter.
type OverrideParam struct {
	// AlgorithmParameterID is that of an [AlgorithmParameter] of the algorithm.
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// Value in the service's text form, within the parameter's range; a tuple is
	// JSON text such as "[8, 8]" (wire-facts.md 32).
	Value string `json:"value"`
}

// RequestAnnotation is a box to attach to an item. Nil and "" are left out, and
// something must be given.
type RequestAnnotation struct {
	// XMin is the box's left edge in pixels, at most XMax.
	XMin *int `json:"x_min,omitempty"`
	// XMax is the box's right edge in pixels.
	XMax *int `json:"x_max,omitempty"`
	// YMin is the box's upper edge in pixels, at most YMax.
	YMin *int `json:"y_min,omitempty"`
	// YMax is the box's lower edge in pixels.
	YMax *int `json:"y_max,omitempty"`
	// Label is a number of the user's choice.
	Label *int `json:"label,omitempty"`
	// Notes are words of the user's choice.
	Notes string `json:"notes,omitempty"`
}

// PredictParameters tunes a trained model's predictions. Nil and "" are left
// out of a request, and mean that the service did not say in an answer.
type PredictParameters struct {
	// Threshold of anomaly: 0 or more, and the larger, the more passes as OK.
	Threshold *float64 `json:"threshold,omitempty"`
	// IgnoreOuter is a margin to ignore, in pixels of height and width, likely
	// in the form "[8, 8]" that tuples have elsewhere (wire-facts.md 32); the
	// documentation says string.
	IgnoreOuter string `json:"ignore_outer,omitempty"`
	// MinDetectedArea is the least area of a defect's box that counts, in
	// pixels: 1 or more, though the documented default is 0.
	MinDetectedArea *float64 `json:"min_detected_area,omitempty"`
}

// The documented methods of a [PredictCallback].
const (
	CallbackPost = "post" // an HTTP POST
	CallbackGet  = "get"  // an HTTP GET
)

// PredictCallback is where the service reports finished predictions of a model.
type PredictCallback struct {
	// URL that the service calls: absolute, http or https, without a fragment.
	URL string `json:"callback_url"`
	// Method is [CallbackPost] or [CallbackGet].
	Method string `json:"callback_method"`
}

// Label is a verdict of a person or a model. Values other than the constants
// are passed on as the service sends them.
type Label string

// The labels of assessments.
const (
	LabelOK Label = "OK" // a good product
	LabelNG Label = "NG" // a defective product
)

// Verdict is the outcome of an inspection.
type Verdict string

// The verdicts.
const (
	VerdictOK      Verdict = "OK"      // a good product
	VerdictNG      Verdict = "NG"      // a defective product
	VerdictUnknown Verdict = "unknown" // nobody has assessed the item
)

// verdict reads the label whatever its case; labels nobody documented are unknown.
func (l Label) verdict() Verdict {
	switch {
	case strings.EqualFold(string(l), string(LabelOK)):
		return VerdictOK
	case strings.EqualFold(string(l), string(LabelNG)):
		return VerdictNG
	}
	return VerdictUnknown
}

// Verdict returns the verdict on the item. A person's label wins, and is
// [VerdictUnknown] where it is neither OK nor NG. Without one it is the last
// assessment of the model with the given id, or of any model when modelID is "".
func (i *Item) Verdict(modelID string) Verdict {
	if i.UserAssessment != nil && i.UserAssessment.Label != "" {
		return i.UserAssessment.Label.verdict()
	}
	if a := i.Assessment(modelID); a != nil {
		return a.Label.verdict()
	}
	return VerdictUnknown
}

// Assessment returns the last assessment of the model with the given id, or of
// any model when modelID is "". It is nil when there is none.
func (i *Item) Assessment(modelID string) *Assessment {
	for n := len(i.Assessments) - 1; n >= 0; n-- {
		if a := &i.Assessments[n]; modelID == "" || a.ModelID == modelID {
			return a
		}
	}
	return nil
}

// ModelStatus tells how far a model's training has come (wire-facts.md 20).
// Values other than the constants are passed on as the service sends them.
type ModelStatus string

// The model statuses.
const (
	ModelStatusCreating ModelStatus = "creating" // in training
	ModelStatusActive   ModelStatus = "active"   // trained
	ModelStatusFailed   ModelStatus = "failed"   // [Model] StatusText says why
	ModelStatusDeleted  ModelStatus = "deleted"
)

// IsTerminal says whether training has ended. An unknown status has not.
func (s ModelStatus) IsTerminal() bool {
	return s == ModelStatusActive || s == ModelStatusFailed || s == ModelStatusDeleted
}

// ItemStatus tells whether an item waits for a prediction (wire-facts.md 21).
// Values other than the constants are passed on as the service sends them.
type ItemStatus string

// The item statuses.
const (
	ItemStatusPending  ItemStatus = "pending" // not yet predicted, or being predicted
	ItemStatusDone     ItemStatus = "done"    // predicted, or training data
	ItemStatusArchived ItemStatus = "archived"
)

// IsTerminal says whether no prediction is waiting. An unknown status is not terminal.
func (s ItemStatus) IsTerminal() bool {
	return s == ItemStatusDone || s == ItemStatusArchived
}

// ItemType selects a list of items. It is required there.
type ItemType string

// The item types.
const (
	ItemTypePrediction ItemType = "prediction" // items to inspect
	ItemTypeTraining   ItemType = "training"   // items to train models with
)

// Time is a point in time in any form the service is known to write
// (wire-facts.md 16): RFC 3339 with or without fraction, with Z, an offset or
// no zone at all (taken as UTC), and RFC 1123. Null reads as the zero Time.
type Time struct{ time.Time }

// timeLayouts are tried in this order. Fractions are accepted after seconds by all.
var timeLayouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	http.TimeFormat, // GMT only: Go would read any other zone's name as UTC
	time.RFC1123Z,
}

// UnmarshalText reads any of the known forms; empty text is the zero Time.
func (t *Time) UnmarshalText(text []byte) error {
	parsed, err := parseTime(text)
	if err != nil {
		return err
	}
	if _, offset := parsed.Zone(); max(offset, -offset) >= 24*60*60 {
		return errors.New("a zone a day or more off") // which time.Parse takes, and no layout writes
	}
	*t = Time{parsed}
	return nil
}

func parseTime(text []byte) (time.Time, error) {
	var usual time.Time
	if usual.UnmarshalText(text) == nil { // without a copy
		return usual, nil
	}
	s := strings.TrimSpace(string(text))
	if s == "" {
		return time.Time{}, nil
	}
	var first error
	for _, layout := range timeLayouts {
		parsed, err := time.Parse(layout, s)
		if err == nil {
			return parsed, nil
		}
		if first == nil {
			first = err
		}
	}
	return time.Time{}, first
}

// UnmarshalJSON reads a string in any of the known forms, or null.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = Time{}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(text))
}

// MarshalJSON writes RFC 3339, or null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.Time.MarshalJSON()
}
