package hacarus

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// factEXIF is metadata as cameras write it: rational pairs, keys that are
// numbers, control characters.
const factEXIF = `{"ExposureTime":[1,60],"FNumber":[28,10],"ComponentsConfiguration":"\u0001\u0002\u0003\u0000",` +
	`"ExifImageWidth":2272,"ExifImageHeight":1704,"GPSInfo":{"0":"\u0002\u0002\u0000\u0000","2":[[35,1],[1,1],[4321,100]]}}`

func TestFactEarlierItems(t *testing.T) {
	t.Parallel()
	const key = "5d0e87d0227a3c334d5224541fa14b560f54cf36"
	for _, test := range []struct {
		name, body string
		want       Item
	}{
		{
			"24 A6 GetItemSuccess M",
			`{"item_id":"0001","label":"Job id is 0001","confirmed_assessment":true,` +
				`"computed_assessment":{"assessment_result":"[OC] Defected product","detected_objects":2,"detection_accuracy":100,"good":false},` +
				`"manual_assessment":{"assessment_result":null,"detected_objects":null,"detection_accuracy":null,"good":null,"override_assessment":false},` +
				`"images":[{"annotations":[{"annotation_id":8269,"x_min":606,"x_max":620,"y_min":2284,"y_max":2322,"image_id":1805,"notes":null}],` +
				`"image_id":1805,"exif_metadata":` + factEXIF + `,"file_size":1524794,"width":4032,"height":3024,"raw_url":"` + key + `","processed_url":null}],"status":"done"}`,
			Item{
				ItemID: "0001", Status: ItemStatusDone,
				Images: []ImageMeta{{URL: key, Width: 4032, Height: 3024, FileSize: 1524794}},
				Assessments: []Assessment{{
					Label: LabelNG, Result: "[OC] Defected product", DetectedObjects: new(2), DetectionAccuracy: new(100.0),
					Annotations: []Annotation{{
						AnnotationID: 8269, XMin: new(606.0), XMax: new(620.0), YMin: new(2284.0), YMax: new(2322.0),
					}},
				}},
			},
		},
		{
			"15 17 24 A6 GetItemSuccessManual M",
			`{"computed_assessment":{"assessment_result":"[DR] Good product!","detected_objects":0,"detection_accuracy":100,"good":true},` +
				`"images":[{"annotations":[{"annotation_id":8001,"created_at":"2019-06-10T06:39:51Z","image_id":1781,"notes":null,` +
				`"x_max":216.0,"x_min":165.0,"y_max":684.0,"y_min":625.0}],"raw_url":"/raw/1","url":"/processed/1"}],"job_id":"NG1-21-01",` +
				`"manual_assessment":{"assessment_result":"test defect","detected_objects":0,"detection_accuracy":null,"good":false,"override_assessment":true}}`,
			Item{
				ItemID: "NG1-21-01",
				Images: []ImageMeta{{URL: "/processed/1"}},
				UserAssessment: &UserAssessment{
					Label: LabelNG, Result: "test defect",
					Annotations: []Annotation{{
						AnnotationID: 8001, CreatedAt: factTime(t, "2019-06-10T06:39:51Z"),
						XMin: new(165.0), XMax: new(216.0), YMin: new(625.0), YMax: new(684.0),
					}},
				},
				Assessments: []Assessment{{
					Label: LabelOK, Result: "[DR] Good product!", DetectedObjects: new(0), DetectionAccuracy: new(100.0),
				}},
			},
		},
		{
			"21 24 A6 GetItemSuccess D",
			`{"item_id":"IMG-1006-OK-T","is_training_data":true,"override":{"label":"OK","result":"Upload specific status","detected_objects":null,"detection_accuracy":null},` +
				`"status":"done","images":[{"image_id":1023,"width":759,"height":719,"file_name":"IMG-1006-OK-T.JPG","key":"` + key + `","exif_metadata":{},` +
				`"annotations":[{"annotation_id":4,"for_training":true,"notes":"test","x_max":2,"x_min":1,"y_max":4,"y_min":3}]}]}`,
			Item{
				ItemID: "IMG-1006-OK-T", IsTrainingData: true, Status: ItemStatusDone,
				Images: []ImageMeta{{URL: key, Name: "IMG-1006-OK-T.JPG", Width: 759, Height: 719}},
				UserAssessment: &UserAssessment{
					Label: LabelOK, Result: "Upload specific status",
					Annotations: []Annotation{{AnnotationID: 4, Notes: "test", XMin: new(1.0), XMax: new(2.0), YMin: new(3.0), YMax: new(4.0)}},
				},
			},
		},
		{
			"14 24 A6 GetItemPredictSuccess D",
			`{"item_id":"1001","override":null,"status":"done","models":[{"aggregate":{"detected_objects":2,"label":"NG"},"assessments":[` +
				`{"annotations":[],"computed":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"confirmed":false,` +
				`"final":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"image_id":1001,"model_id":1000},` +
				`{"annotations":[],"computed":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"confirmed":false,` +
				`"final":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"image_id":1002,"model_id":1000}],"model_id":1000}]}`,
			Item{
				ItemID: "1001", Status: ItemStatusDone,
				Assessments: []Assessment{{ModelID: "1000", Label: LabelNG, DetectedObjects: new(2)}}, // "good" is no result of NG
			},
		},
		{
			"19 21 31 A6 GetItemPredictNoLabelUnproccessed D",
			`{"item_id":"1001","models":[],"override":null,"status":"done","images":[{"image_id":1025,"processed":false,"position":"RIGHT","width":480,"height":360,` +
				`"exif_metadata":` + factEXIF + `,"raw_url":"` + key + `","url":"` + key + `"}]}`,
			Item{ItemID: "1001", Status: ItemStatusDone, Images: []ImageMeta{{URL: key, Width: 480, Height: 360}}},
		},
		{
			"17 24 one image that agrees with the aggregate",
			`{"item_id":"1001","models":[{"model_id":"m1","aggregate":{"detected_objects":1,"label":"NG"},"assessments":[` +
				`{"computed":{"label":"OK","result":"good"},"final":{"detected_objects":3,"detection_accuracy":90,"label":"NG","result":"bad"},"anomaly_score":0.75,` +
				`"annotations":[{"annotation_id":1,"image_id":1001,"x_min":620}]},` +
				`{"final":{"detected_objects":0,"label":"OK","result":"good"},"anomaly_score":0.25,"annotations":[{"annotation_id":2,"image_id":1002}]}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{
				ModelID: "m1", Label: LabelNG, Result: "bad", AnomalyScore: "0.75", DetectedObjects: new(1), DetectionAccuracy: new(90.0),
				Annotations: []Annotation{{AnnotationID: 1, XMin: new(620.0)}, {AnnotationID: 2}},
			}}},
		},
		{
			"24 final, then computed, of several models",
			`{"item_id":"1001","models":[` +
				`{"model_id":269,"aggregate":null,"assessments":[{"computed":{"label":"NG","result":"bad"},"final":{"label":"OK","result":"good","detected_objects":0}}]},` +
				`{"model_id":270,"aggregate":{"label":null},"assessments":[{"computed":{"label":"NG","result":"bad"},"final":{"label":null}}]},` +
				`{"model_id":271,"assessments":[{"computed":{"label":"OK","result":"good"},"final":null}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{
				{ModelID: "269", Label: LabelOK, Result: "good", DetectedObjects: new(0)},
				{ModelID: "270", Label: LabelNG, Result: "bad"},
				{ModelID: "271", Label: LabelOK, Result: "good"},
			}},
		},
		{
			"24 without an aggregate, an item is as good as its worst image",
			`{"item_id":"1001","models":[{"model_id":1,"assessments":[{"final":{"label":"OK","result":"good"}},{"final":{"label":"NG","result":"bad"}}]},` +
				`{"model_id":2,"assessments":[{"final":{"label":"OK","result":"good"}},{"final":null,"computed":null}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{ModelID: "1", Label: LabelNG, Result: "bad"}}},
		},
		{
			"21 24 verdicts of nulls are none",
			`{"item_id":"1001","status":"done","good":null,"assessment":null,"detected_objects":0,"override_assessment":true,` +
				`"override":{"label":null,"result":null,"detected_objects":null,"detection_accuracy":null},"manual_assessment":null,` +
				`"computed_assessment":{"good":null,"assessment_result":null},"models":[{"model_id":1000,"aggregate":{"label":null,"detected_objects":null},"assessments":[]}]}`,
			Item{ItemID: "1001", Status: ItemStatusDone},
		},
		{
			"24 boxes without a verdict",
			`{"item_id":"1001","images":[{"annotations":[{"annotation_id":1,"for_training":true}]},{"annotations":[{"annotation_id":2}]},{"annotations":null}]}`,
			Item{
				ItemID: "1001", Images: []ImageMeta{{}, {}, {}},
				UserAssessment: &UserAssessment{Annotations: []Annotation{{AnnotationID: 1}, {AnnotationID: 2}}},
			},
		},
		{
			"today's keys go before the earlier ones",
			`{"override":{"label":"OK"},"models":[{"model_id":1,"aggregate":{"label":"OK"}}],"job_id":"0001","item_id":"1001",` +
				`"user_assessment":{"label":"NG"},"assessments":[{"model_id":"m1","label":"NG"}],` +
				`"images":[{"raw_url":"/raw","url":"/url","file_name":"file","name":"name","key":"k","annotations":[{"annotation_id":1}]}]}`,
			Item{
				ItemID: "1001", Images: []ImageMeta{{URL: "/url", Name: "name"}},
				UserAssessment: &UserAssessment{Label: LabelNG}, Assessments: []Assessment{{ModelID: "m1", Label: LabelNG}},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireFactItem(t, test.body, test.want)
		})
	}
}

func TestFactEarlierVerdicts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body  string
		any   Verdict
		model Verdict // 1000's
	}{
		"computed":           {`"computed_assessment":{"good":false}`, VerdictNG, VerdictUnknown},
		"manual, computed":   {`"manual_assessment":{"good":true},"computed_assessment":{"good":false}`, VerdictOK, VerdictOK},
		"manual of nulls":    {`"manual_assessment":{"good":null},"computed_assessment":{"good":false}`, VerdictNG, VerdictUnknown},
		"model":              {`"models":[{"model_id":1000,"aggregate":{"label":"NG"}}]`, VerdictNG, VerdictNG},
		"another model":      {`"models":[{"model_id":1001,"aggregate":{"label":"NG"}}]`, VerdictNG, VerdictUnknown},
		"override, model":    {`"override":{"label":"OK"},"models":[{"model_id":1000,"aggregate":{"label":"NG"}}]`, VerdictOK, VerdictOK},
		"listed by a person": {`"good":true,"override_assessment":true`, VerdictOK, VerdictOK},
		"listed by a model":  {`"good":true,"override_assessment":false`, VerdictOK, VerdictUnknown},
	} {
		t.Run("24 "+name, func(t *testing.T) {
			t.Parallel()
			item, err := factClient(t, 200, `{"data":{"item_id":"1001",`+test.body+`}}`).GetItem(t.Context(), "1001", nil)
			require.NoError(t, err)
			require.Equal(t, test.any, item.Verdict(""))
			require.Equal(t, test.model, item.Verdict("1000"))
		})
	}
}

func TestFactItemLists(t *testing.T) {
	t.Parallel()
	const (
		listsM = `{"data":{"archived":[],"predict":[{"assessment":"Upload specific status","date":"Wed, 19 Jun 2019 05:03:09 GMT",` +
			`"finished_date":"Wed, 19 Jun 2019 07:24:42 GMT","detected_objects":0,"detection_accuracy":0,"good":true,"is_training_data":false,` +
			`"item_id":"0001","label":"Job id is 0001","override_assessment":true,"status":"done"}],"summary":{"title":"Context #1","training":{"defect":0,"good":1}},` +
			`"training":[{"assessment":null,"date":"Mon, 10 Jun 2019 08:22:02 GMT","finished_date":null,"detected_objects":0,"good":null,"is_training_data":true,` +
			`"item_id":"T1-22-01","label":"Job id is T1-22-01","override_assessment":true,"status":"pending"}]}}`
		listsD = `{"data":{"predict":[{"item_id":"1001","models":[{"aggregate":{"detected_objects":2,"label":"NG"},"assessments":[],"model_id":1000}],"override":null,` +
			`"status":"done"},{"item_id":"1000","models":[],"override":{"detected_objects":30,"detection_accuracy":99,"label":"OK","result":"overridden"},"status":"done"},` +
			`{"item_id":"1003","images":[],"models":[],"override":null,"status":"archived"}],` +
			`"summary":{"predict_stats":[{"NG_count":2,"OK_count":4,"done_count":6,"accuracy":0,"model_id":1000}],"training_stats":{"NG_count":0,"OK_count":1}},` +
			`"training":[{"item_id":"IMG-1001-OK-T","is_training_data":true,"override":{"detected_objects":null,"label":"OK","result":"Upload specific status"},"status":"done"}]}}`
	)
	uploaded := &UserAssessment{Label: LabelOK, Result: "Upload specific status"}
	for _, test := range []struct {
		name, body string
		itemType   ItemType
		want       ItemsPage
	}{
		{
			"16 18 24 A6 GetItems M, predict", listsM, ItemTypePrediction,
			ItemsPage{Items: []Item{{ItemID: "0001", Status: ItemStatusDone, UserAssessment: uploaded}}, CurrentPage: 1, EndPage: 1},
		},
		{
			"16 18 24 A6 GetItems M, training", listsM, ItemTypeTraining,
			ItemsPage{Items: []Item{{ItemID: "T1-22-01", Status: ItemStatusPending, IsTrainingData: true}}, CurrentPage: 1, EndPage: 1},
		},
		{
			"14 17 24 A6 GetItems D, predict", listsD, ItemTypePrediction,
			ItemsPage{Items: []Item{
				{ItemID: "1001", Status: ItemStatusDone, Assessments: []Assessment{{ModelID: "1000", Label: LabelNG, DetectedObjects: new(2)}}},
				{ItemID: "1000", Status: ItemStatusDone, UserAssessment: &UserAssessment{Label: LabelOK, Result: "overridden"}},
				{ItemID: "1003", Status: ItemStatusArchived, Images: []ImageMeta{}},
			}, CurrentPage: 1, EndPage: 1},
		},
		{
			"14 17 24 A6 GetItems D, training", listsD, ItemTypeTraining,
			ItemsPage{
				Items:       []Item{{ItemID: "IMG-1001-OK-T", Status: ItemStatusDone, IsTrainingData: true, UserAssessment: uploaded}},
				CurrentPage: 1, EndPage: 1,
			},
		},
		{
			"26 lists without items", `{"data":{"training":[],"predict":[],"archived":[],"summary":{}}}`, ItemTypePrediction,
			ItemsPage{Items: []Item{}, CurrentPage: 1, EndPage: 1},
		},
		{
			"26 D", `{"data":{"items":[{"item_id":"1001"}],"count_per_page":10,"current_page":1,"start_page":1,"end_page":4,"total_count":37}}`,
			ItemTypeTraining, ItemsPage{Items: []Item{{ItemID: "1001"}}, CountPerPage: 10, CurrentPage: 1, EndPage: 4},
		},
		{
			"today's items go before the earlier lists", `{"data":{"training":[{"item_id":"no"}],"items":[],"current_page":1,"end_page":0}}`,
			ItemTypeTraining, ItemsPage{Items: []Item{}, CurrentPage: 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := factClient(t, 200, test.body)
			page, err := c.ListItems(t.Context(), ListItemsOptions{Type: test.itemType})
			require.NoError(t, err)
			require.Equal(t, &test.want, page)
		})
	}
}
