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
// default one; items and models belong to it.
type InspectionTarget struct {
	// TargetID identifies the target.
	TargetID int `json:"target_id"`
	// Name is the name shown to people.
	Name string `json:"name"`
	// Preprocessing lists the steps that run before training and prediction.
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
	// FileName and ClassName say where the service finds the implementation.
	FileName  string `json:"file_name"`
	ClassName string `json:"class_name"`
	// Attribute as the service sends it; the documentation does not explain it.
	Attribute string `json:"attribute"`
	// Parameters can be overridden when a model is trained.
	Parameters []AlgorithmParameter `json:"parameters"`
	CreatedAt  Time                 `json:"created_at"`
	UpdatedAt  Time                 `json:"updated_at"`
}

// AlgorithmParameter describes one parameter of an [Algorithm]: its default and its range.
type AlgorithmParameter struct {
	// AlgorithmParameterID is what [OverrideParam] takes.
	AlgorithmParameterID int    `json:"algorithm_parameter_id"`
	AlgorithmID          string `json:"algorithm_id"`
	// Name is the parameter's technical name, such as "threshold".
	Name string `json:"name"`
	// DisplayName is the name shown to people, "" when the service says null.
	DisplayName string `json:"display_name"`
	// DataType as the service names it, such as "int", "float" or "tuple".
	DataType string `json:"data_type"`
	// Value is the default in text form, such as "0.1" or "[8, 8]"; "" for null.
	Value string `json:"value"`
	// RangeLower and RangeUpper bound the value in text form; "" for no bound.
	RangeLower string `json:"range_lower"`
	RangeUpper string `json:"range_upper"`
	// ModelParameter is the service's flag of that name; nil when it says null.
	ModelParameter *bool `json:"model_parameter"`
	CreatedAt      Time  `json:"created_at"`
	UpdatedAt      Time  `json:"updated_at"`
}

// Model is a trained, or still training, AI model.
type Model struct {
	// ModelID identifies the model. It is never empty in a decoded answer.
	ModelID string `json:"model_id"`
	Name    string `json:"name"`
	// Version as the service names it, such as "model-2019061101:26:07".
	Version       string `json:"version"`
	AlgorithmID   string `json:"algorithm_id"`
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
	// OKImgCount and NGImgCount count the images the model was trained on.
	OKImgCount int `json:"ok_img_count"`
	NGImgCount int `json:"ng_img_count"`
	ContextID  int `json:"context_id"`
	// TrainingTime is how long training took. The documentation gives no unit.
	TrainingTime *int `json:"training_time"`
	// Precision and Recall are nil until the service knows them.
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	// Stats holds finer figures of the same kind.
	Stats     ModelStats `json:"stats"`
	CreatedAt Time       `json:"created_at"`
	UpdatedAt Time       `json:"updated_at"`
}

// ModelStats holds a model's quality figures; nil figures are not known yet.
type ModelStats struct {
	Accuracy  *float64       `json:"accuracy"`
	Precision ModelPrecision `json:"precision"`
	Recall    ModelPrecision `json:"recall"`
}

// ModelPrecision is one quality figure, as expected at training and as measured since.
type ModelPrecision struct {
	Projected *float64 `json:"projected"`
	Computed  *float64 `json:"computed"`
}

// Item is one inspected or training product with its images and assessments.
type Item struct {
	// ItemID identifies the item. The service derives it from the uploaded
	// file's name (wire-facts.md 28). It is never empty in a decoded answer.
	ItemID string `json:"item_id"`
	Name   string `json:"name"`
	// Status tells whether the item waits. Done does not prove that a given
	// model has predicted it (wire-facts.md 21): look for its assessment.
	Status         ItemStatus `json:"status"`
	Active         bool       `json:"active"`
	IsTrainingData bool       `json:"is_training_data"`
	// Images are the uploaded images; fetch one with [Client.GetImage].
	Images []ImageMeta `json:"images"`
	// UserAssessment is what a person said of the item, nil for nothing.
	UserAssessment *UserAssessment `json:"user_assessment"`
	// Assessments are what models said, in the service's order.
	Assessments []Assessment `json:"assessments"`
}

// ImageMeta describes one image of an item. Sizes are in pixels and bytes; zero means unknown.
type ImageMeta struct {
	// URL is an absolute URL, a path, or a bare storage key (wire-facts.md 19).
	URL      string `json:"url"`
	Name     string `json:"name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	FileSize int64  `json:"file_size"`
}

// UserAssessment is a person's verdict on an item.
type UserAssessment struct {
	// Label is empty when the person has not labelled the item.
	Label       Label        `json:"label"`
	Result      string       `json:"result"`
	Annotations []Annotation `json:"annotations"`
	Images      []ImageMeta  `json:"images"`
}

// Assessment is a model's verdict on an item.
type Assessment struct {
	ModelID string `json:"model_id"`
	Label   Label  `json:"label"`
	// Result is the service's text on the verdict.
	Result string `json:"result"`
	// AnomalyScore is the score in text form, "" for null; see [Assessment.Score].
	AnomalyScore string `json:"anomaly_score"`
	// DetectedObjects counts the defects found; nil when the service says null.
	DetectedObjects *int `json:"detected_objects"`
	// DetectionAccuracy as the service sends it; nil when it says null.
	DetectionAccuracy *float64 `json:"detection_accuracy"`
	// Annotations are the defects' boxes.
	Annotations []Annotation `json:"annotations"`
	// Images are images made for the assessment, such as a heat map.
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

// Annotation is a defect's box, in pixels of the item's image, with what is known of it.
type Annotation struct {
	AnnotationID int `json:"annotation_id"`
	// The box's edges; nil when the service says null.
	XMin *float64 `json:"x_min"`
	XMax *float64 `json:"x_max"`
	YMin *float64 `json:"y_min"`
	YMax *float64 `json:"y_max"`
	// Label is a number of the user's choice; it is not an OK/NG [Label].
	Label *int `json:"label"`
	// DefectSize as the service measures it; the documentation gives no unit.
	DefectSize *float64 `json:"defect_size"`
	Notes      string   `json:"notes"`
	CreatedAt  Time     `json:"created_at"`
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

// ItemsPage is one page of items.
type ItemsPage struct {
	Items []Item `json:"items"`
	// CurrentPage and EndPage are page numbers; zero means the service did not say.
	CurrentPage  int `json:"current_page"`
	EndPage      int `json:"end_page"`
	CountPerPage int `json:"count_per_page"`
}

// License is the state of the service's licence.
type License struct {
	// LicenseExpiry is the day the licence ends, as the service writes it.
	LicenseExpiry string `json:"license_expiry"`
}

// PredictItemsResponse says which items a prediction was started for.
type PredictItemsResponse struct {
	ModelVersion string   `json:"model_version"`
	ItemIDs      []string `json:"item_ids"`
}

// TrainRequest says what [Client.Train] trains.
type TrainRequest struct {
	// Name of the new model; "" leaves the choice to the service.
	Name string `json:"name,omitempty"`
	// ItemIDs are the training items; empty leaves the choice to the service.
	ItemIDs []string `json:"item_ids,omitempty"`
	// OverrideParams replaces defaults of the algorithm's parameters.
	OverrideParams []OverrideParam `json:"override_params,omitempty"`
}

// OverrideParam replaces the default of one algorithm parameter.
type OverrideParam struct {
	AlgorithmParameterID int `json:"algorithm_parameter_id"`
	// Value in the service's text form; a tuple is JSON text such as "[8, 8]".
	Value string `json:"value"`
}

// RequestAnnotation is a box to attach to an item, in whole pixels. Nil fields are left out.
type RequestAnnotation struct {
	XMin *int `json:"x_min,omitempty"`
	XMax *int `json:"x_max,omitempty"`
	YMin *int `json:"y_min,omitempty"`
	YMax *int `json:"y_max,omitempty"`
	// Label is a number of the user's choice.
	Label *int   `json:"label,omitempty"`
	Notes string `json:"notes,omitempty"`
}

// PredictParameters tunes a trained model's predictions. Nil and "" are left
// out of a request, and mean that the service did not say in an answer.
type PredictParameters struct {
	// Threshold of the anomaly score, in the range of the model's algorithm.
	Threshold *float64 `json:"threshold,omitempty"`
	// IgnoreOuter is a margin to ignore, in pixels, likely in the form "[8, 8]"
	// that tuples have elsewhere (wire-facts.md 32); the documentation says string.
	IgnoreOuter string `json:"ignore_outer,omitempty"`
	// MinDetectedArea is the smallest area that counts as a defect, in pixels.
	MinDetectedArea *float64 `json:"min_detected_area,omitempty"`
}

// The documented methods of a [PredictCallback].
const (
	CallbackPost = "post"
	CallbackGet  = "get"
)

// PredictCallback is where the service reports finished predictions of a model.
type PredictCallback struct {
	// URL the service calls.
	URL string `json:"callback_url"`
	// Method is [CallbackPost] or [CallbackGet].
	Method string `json:"callback_method"`
}

// Label is a verdict of a person or a model. Values other than the constants
// are passed on as the service sends them.
type Label string

// The labels of assessments.
const (
	LabelOK Label = "OK"
	LabelNG Label = "NG"
)

// Verdict is the outcome of an inspection.
type Verdict string

// The verdicts. VerdictUnknown is the verdict of an item that nobody has assessed.
const (
	VerdictOK      Verdict = "OK"
	VerdictNG      Verdict = "NG"
	VerdictUnknown Verdict = "unknown"
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

// Verdict returns the verdict on the item. A person's label wins; without one
// it is the last assessment of the model with the given id, or of any model
// when modelID is "".
func (i *Item) Verdict(modelID string) Verdict {
	if i.UserAssessment != nil {
		if v := i.UserAssessment.Label.verdict(); v != VerdictUnknown {
			return v
		}
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
	ModelStatusCreating ModelStatus = "creating"
	ModelStatusActive   ModelStatus = "active"
	ModelStatusFailed   ModelStatus = "failed"
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
	ItemStatusPending  ItemStatus = "pending"
	ItemStatusDone     ItemStatus = "done"
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
	ItemTypePrediction ItemType = "prediction"
	ItemTypeTraining   ItemType = "training"
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
