package hacarus_test

import (
	"encoding/json"
	"fmt"
	"log"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// A target whose number was saved as a string.
func ExampleInspectionTarget_UnmarshalJSON() {
	var target hacarus.InspectionTarget
	if err := json.Unmarshal([]byte(`{"target_id": "12", "name": "gear wheels"}`), &target); err != nil {
		log.Fatal(err)
	}
	fmt.Println(target.TargetID, target.Name)
	// Output: 12 gear wheels
}

// A preprocessing step; null and absence are the same.
func ExamplePreprocessing_UnmarshalJSON() {
	var step hacarus.Preprocessing
	if err := json.Unmarshal([]byte(`{"name": "resize", "active": null}`), &step); err != nil {
		log.Fatal(err)
	}
	fmt.Println(step.Name, step.Active == nil)
	// Output: resize true
}

// An algorithm with a number for an id.
func ExampleAlgorithm_UnmarshalJSON() {
	var algorithm hacarus.Algorithm
	if err := json.Unmarshal([]byte(`{"algorithm_id": 17, "name": "Pattern Matching"}`), &algorithm); err != nil {
		log.Fatal(err)
	}
	fmt.Println(algorithm.AlgorithmID, algorithm.Name)
	// Output: 17 Pattern Matching
}

// A parameter whose default is a number.
func ExampleAlgorithmParameter_UnmarshalJSON() {
	var parameter hacarus.AlgorithmParameter
	if err := json.Unmarshal([]byte(`{"algorithm_parameter_id": 202, "name": "threshold", "value": 0.1}`), &parameter); err != nil {
		log.Fatal(err)
	}
	fmt.Println(parameter.Name, parameter.Value)
	// Output: threshold 0.1
}

// A model of an earlier service: its id is a number, its precision an object.
func ExampleModel_UnmarshalJSON() {
	var model hacarus.Model
	if err := json.Unmarshal([]byte(`{"model_id": 269, "status": "active", "precision": {"projected": 0.3}}`), &model); err != nil {
		log.Fatal(err)
	}
	fmt.Println(model.ModelID, model.Status, *model.Stats.Precision.Projected)
	// Output: 269 active 0.3
}

// Figures that are not known yet are null.
func ExampleModelStats_UnmarshalJSON() {
	var stats hacarus.ModelStats
	if err := json.Unmarshal([]byte(`{"accuracy": "5.025", "precision": null}`), &stats); err != nil {
		log.Fatal(err)
	}
	fmt.Println(*stats.Accuracy, stats.Precision.Computed == nil)
	// Output: 5.025 true
}

// A figure that came as a string.
func ExampleModelPrecision_UnmarshalJSON() {
	var precision hacarus.ModelPrecision
	if err := json.Unmarshal([]byte(`{"projected": "0.3077000000", "computed": null}`), &precision); err != nil {
		log.Fatal(err)
	}
	fmt.Println(*precision.Projected, precision.Computed == nil)
	// Output: 0.3077 true
}

// What a model predicts with, from a file of settings.
func ExamplePredictParameters_UnmarshalJSON() {
	var parameters hacarus.PredictParameters
	if err := json.Unmarshal([]byte(`{"threshold": 0.2, "ignore_outer": "[8, 8]"}`), &parameters); err != nil {
		log.Fatal(err)
	}
	fmt.Println(*parameters.Threshold, parameters.IgnoreOuter)
	// Output: 0.2 [8, 8]
}

// Where a model calls back, from a file of settings.
func ExamplePredictCallback_UnmarshalJSON() {
	var callback hacarus.PredictCallback
	if err := json.Unmarshal([]byte(`{"callback_url": "https://line7.example.com/", "callback_method": "post"}`), &callback); err != nil {
		log.Fatal(err)
	}
	fmt.Println(callback.Method, callback.URL)
	// Output: post https://line7.example.com/
}

// Items whose ids came as numbers.
func ExamplePredictItemsResponse_UnmarshalJSON() {
	var started hacarus.PredictItemsResponse
	if err := json.Unmarshal([]byte(`{"model_version": "0.3.3", "item_ids": [1001, "plate-0002"]}`), &started); err != nil {
		log.Fatal(err)
	}
	fmt.Println(started.ModelVersion, started.ItemIDs)
	// Output: 0.3.3 [1001 plate-0002]
}

// A page that was saved.
func ExampleItemsPage_UnmarshalJSON() {
	var page hacarus.ItemsPage
	if err := json.Unmarshal([]byte(`{"items": [{"item_id": 1001}], "current_page": 1, "end_page": 3}`), &page); err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Items[0].ItemID, page.CurrentPage, page.EndPage)
	// Output: 1001 1 3
}

// Read an item of a response that was saved, whose ids may be numbers.
func ExampleItem_UnmarshalJSON() {
	saved := []byte(`{"item_id": 1001, "assessments": [{"model_id": 269, "label": "NG"}]}`)

	var item hacarus.Item
	if err := json.Unmarshal(saved, &item); err != nil {
		log.Fatal(err)
	}
	fmt.Println(item.ItemID, item.Verdict("269"))
	// Output: 1001 NG
}

// An image as an earlier service describes it.
func ExampleImageMeta_UnmarshalJSON() {
	var picture hacarus.ImageMeta
	if err := json.Unmarshal([]byte(`{"raw_url": "/raw/5d0e87d0", "file_name": "plate.jpg", "width": 4.8e2}`), &picture); err != nil {
		log.Fatal(err)
	}
	fmt.Println(picture.URL, picture.Name, picture.Width)
	// Output: /raw/5d0e87d0 plate.jpg 480
}

// What a person said of an item.
func ExampleUserAssessment_UnmarshalJSON() {
	var assessment hacarus.UserAssessment
	if err := json.Unmarshal([]byte(`{"label": "NG", "result": "scratch"}`), &assessment); err != nil {
		log.Fatal(err)
	}
	fmt.Println(assessment.Label, assessment.Result)
	// Output: NG scratch
}

// A score that came as a number.
func ExampleAssessment_UnmarshalJSON() {
	var assessment hacarus.Assessment
	if err := json.Unmarshal([]byte(`{"model_id": 269, "label": "NG", "anomaly_score": 0.371}`), &assessment); err != nil {
		log.Fatal(err)
	}
	fmt.Println(assessment.ModelID, assessment.Label, assessment.AnomalyScore)
	// Output: 269 NG 0.371
}

// A box with a time of an earlier service.
func ExampleAnnotation_UnmarshalJSON() {
	var box hacarus.Annotation
	if err := json.Unmarshal([]byte(`{"x_min": 216.0, "created_at": "Wed, 19 Jun 2019 05:03:09 GMT"}`), &box); err != nil {
		log.Fatal(err)
	}
	fmt.Println(*box.XMin, box.CreatedAt.Year())
	// Output: 216 2019
}

// A license that says nothing of its end.
func ExampleLicense_UnmarshalJSON() {
	var license hacarus.License
	if err := json.Unmarshal([]byte(`{"status": "ok"}`), &license); err != nil {
		log.Fatal(err)
	}
	fmt.Println(license.LicenseExpiry == "")
	// Output: true
}
