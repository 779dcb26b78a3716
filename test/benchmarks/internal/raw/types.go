// Package raw is the baseline: the same calls with net/http and encoding/json
// by hand.
package raw

import "time"

// The types have the fields of the SDK's, as one writes them for encoding/json.

// Model is the SDK's type of that name.
type Model struct {
	ModelID       string     `json:"model_id"`
	Name          string     `json:"name"`
	Version       string     `json:"version"`
	AlgorithmID   string     `json:"algorithm_id"`
	AlgorithmType string     `json:"algorithm_type"`
	ImageURL      string     `json:"image_url"`
	Status        string     `json:"status"`
	StatusText    string     `json:"status_text"`
	Active        bool       `json:"active"`
	OKImgCount    int        `json:"ok_img_count"`
	NGImgCount    int        `json:"ng_img_count"`
	ContextID     int        `json:"context_id"`
	TrainingTime  *int       `json:"training_time"`
	Precision     *float64   `json:"precision"`
	Recall        *float64   `json:"recall"`
	Stats         ModelStats `json:"stats"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// ModelStats is the SDK's type of that name.
type ModelStats struct {
	Accuracy  *float64       `json:"accuracy"`
	Precision ModelPrecision `json:"precision"`
	Recall    ModelPrecision `json:"recall"`
}

// ModelPrecision is the SDK's type of that name.
type ModelPrecision struct {
	Projected *float64 `json:"projected"`
	Computed  *float64 `json:"computed"`
}

// ItemsPage is the SDK's type of that name.
type ItemsPage struct {
	Items        []Item `json:"items"`
	CurrentPage  int    `json:"current_page"`
	EndPage      int    `json:"end_page"`
	CountPerPage int    `json:"count_per_page"`
}

// Item is the SDK's type of that name.
type Item struct {
	ItemID         string          `json:"item_id"`
	Name           string          `json:"name"`
	Status         string          `json:"status"`
	Active         bool            `json:"active"`
	IsTrainingData bool            `json:"is_training_data"`
	Images         []ImageMeta     `json:"images"`
	UserAssessment *UserAssessment `json:"user_assessment"`
	Assessments    []Assessment    `json:"assessments"`
}

// ImageMeta is the SDK's type of that name.
type ImageMeta struct {
	URL      string `json:"url"`
	Name     string `json:"name"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	FileSize int64  `json:"file_size"`
}

// UserAssessment is the SDK's type of that name.
type UserAssessment struct {
	Label       string       `json:"label"`
	Result      string       `json:"result"`
	Annotations []Annotation `json:"annotations"`
	Images      []ImageMeta  `json:"images"`
}

// Assessment is the SDK's type of that name.
type Assessment struct {
	ModelID           string       `json:"model_id"`
	Label             string       `json:"label"`
	Result            string       `json:"result"`
	AnomalyScore      string       `json:"anomaly_score"`
	DetectedObjects   *int         `json:"detected_objects"`
	DetectionAccuracy *float64     `json:"detection_accuracy"`
	Annotations       []Annotation `json:"annotations"`
	Images            []ImageMeta  `json:"images"`
}

// Annotation is the SDK's type of that name.
type Annotation struct {
	AnnotationID int       `json:"annotation_id"`
	XMin         *float64  `json:"x_min"`
	XMax         *float64  `json:"x_max"`
	YMin         *float64  `json:"y_min"`
	YMax         *float64  `json:"y_max"`
	Label        *int      `json:"label"`
	DefectSize   *float64  `json:"defect_size"`
	Notes        string    `json:"notes"`
	CreatedAt    time.Time `json:"created_at"`
}
