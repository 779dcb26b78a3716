package hacarus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// requireFactItem decodes an item by itself and on a page.
func requireFactItem(t *testing.T, body string, want Item) {
	t.Helper()
	item, err := factClient(t, 200, `{"data":`+body+`}`).GetItem(t.Context(), want.ItemID, nil)
	require.NoError(t, err)
	require.Equal(t, &want, item)
	if want.UserAssessment == nil && want.Assessments == nil {
		require.Equal(t, VerdictUnknown, item.Verdict(""))
		require.Equal(t, VerdictUnknown, item.Verdict("1000"), "21: done proves no prediction")
	}
	page, err := factClient(t, 200, `{"data":{"items":[`+body+`]}}`).ListItems(t.Context(), ListItemsOptions{Type: ItemTypePrediction})
	require.NoError(t, err)
	require.Equal(t, []Item{want}, page.Items)
}

func TestFactItems(t *testing.T) {
	t.Parallel()
	const key = "5d0e87d0227a3c334d5224541fa14b560f54cf36"
	for _, test := range []struct {
		name, body string
		want       Item
	}{
		{
			"15 17 18 annotation of GetItemSuccess M in today's place",
			`{"item_id":"0001","assessments":[{"model_id":269,"label":"NG","result":"[OC] Defected product","detected_objects":2,"detection_accuracy":100,` +
				`"anomaly_score":0.75,"iou_score":null,"good":false,"annotations":[{"annotation_id":8269,"x_min":606,"x_max":620,"y_min":2284,"y_max":2322,` +
				`"image_id":1805,"label":null,"notes":null}]}],"user_assessment":{"label":"OK","annotations":[{"annotation_id":8270,"label":3,"x_min":216.0}]}}`,
			Item{
				ItemID: "0001",
				UserAssessment: &UserAssessment{
					Label: LabelOK, Annotations: []Annotation{{AnnotationID: 8270, Label: new(3), XMin: new(216.0)}},
				},
				Assessments: []Assessment{{
					ModelID: "269", Label: LabelNG, Result: "[OC] Defected product", AnomalyScore: "0.75",
					DetectedObjects: new(2), DetectionAccuracy: new(100.0),
					Annotations: []Annotation{{
						AnnotationID: 8269, XMin: new(606.0), XMax: new(620.0), YMin: new(2284.0), YMax: new(2322.0),
					}},
				}},
			},
		},
		{
			"17 anomaly_score as text", `{"item_id":"1001","assessments":[{"anomaly_score":"0.75"}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{AnomalyScore: "0.75"}}},
		},
		{
			"17 18 nulls", `{"item_id":"1001","assessments":[{"anomaly_score":null,"label":null,"detected_objects":null,"detection_accuracy":null,"good":null}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{}}},
		},
		{
			"15 item_id as number", `{"item_id":1001}`, Item{ItemID: "1001"},
		},
		{
			"19 image URLs",
			`{"item_id":"T1-22-01","images":[{"url":"https://bucket.s3.amazonaws.com/raw/1.jpg?X-Amz-Signature=0f"},` +
				`{"url":"http://127.0.0.1:8080/raw/` + key + `"},{"url":"` + key + `"}]}`,
			Item{ItemID: "T1-22-01", Images: []ImageMeta{
				{URL: "https://bucket.s3.amazonaws.com/raw/1.jpg?X-Amz-Signature=0f"}, {URL: "http://127.0.0.1:8080/raw/" + key}, {URL: key},
			}},
		},
		{"21 pending", `{"item_id":"1001","status":"pending"}`, Item{ItemID: "1001", Status: ItemStatusPending}},
		{"21 done", `{"item_id":"1001","status":"done"}`, Item{ItemID: "1001", Status: ItemStatusDone}},
		{"21 archived", `{"item_id":"1001","status":"archived"}`, Item{ItemID: "1001", Status: ItemStatusArchived}},
		{
			"31 several images",
			`{"item_id":"box","images":[{"image_id":1,"name":"top.png","position":"TOP","width":480,"height":360},` +
				`{"image_id":2,"name":"right.png","position":"RIGHT","width":480,"height":360,"preprocessed_width":240,"heatmap_url":"x"}]}`,
			Item{ItemID: "box", Images: []ImageMeta{
				{Name: "top.png", Width: 480, Height: 360}, {Name: "right.png", Width: 480, Height: 360},
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireFactItem(t, test.body, test.want)
		})
	}
	t.Run("24 the user's label, then the model's", func(t *testing.T) {
		t.Parallel()
		const body = `{"data":{"item_id":"1001","user_assessment":{"label":"OK"},"assessments":[{"model_id":1000,"label":"NG"}]}}`
		item, err := factClient(t, 200, body).GetItem(t.Context(), "1001", nil)
		require.NoError(t, err)
		require.Equal(t, VerdictOK, item.Verdict("1000"))
		item.UserAssessment = nil
		require.Equal(t, VerdictNG, item.Verdict("1000"))
	})
}

// TestItemJSON writes an item as JSON, and reads it back by encoding/json and
// by the SDK's own decoder.
func TestItemJSON(t *testing.T) {
	t.Parallel()
	made := Time{time.Date(2022, 3, 3, 6, 50, 0, 123_000_000, time.UTC)}
	for name, item := range map[string]Item{
		"all": {
			ItemID: "部品-0007", Name: "<部品> & \u2028", Status: ItemStatusDone, Active: true, IsTrainingData: true,
			Images: []ImageMeta{{URL: "https://h/a?b=c&d=e", Name: "a.png", Width: 620, Height: 480, FileSize: 3 << 30}},
			UserAssessment: &UserAssessment{
				Label: LabelNG, Result: "by hand", Annotations: []Annotation{{AnnotationID: 1, Label: new(0), Notes: "傷"}}, Images: []ImageMeta{},
			},
			Assessments: []Assessment{
				{
					ModelID: "m1", Label: LabelOK, Result: "r", AnomalyScore: "0.75", DetectedObjects: new(0), DetectionAccuracy: new(99.5),
					Annotations: []Annotation{{
						AnnotationID: 8269, XMin: new(606.0), XMax: new(620.25), YMin: new(0.1), YMax: new(1e-9),
						Label: new(-3), DefectSize: new(1e21), CreatedAt: made,
					}},
					Images: []ImageMeta{{URL: "/heat.png"}},
				},
				{ModelID: "m2", Annotations: []Annotation{}},
			},
		},
		"least":       {ItemID: "a"},
		"empty lists": {ItemID: "a", Images: []ImageMeta{}, UserAssessment: &UserAssessment{}, Assessments: []Assessment{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded, err := json.Marshal(item)
			require.NoError(t, err)
			var again Item
			require.NoError(t, json.Unmarshal(encoded, &again))
			require.Equal(t, item, again)
			decoded, err := decodeEnvelope([]byte(`{"data":`+string(encoded)+`}`), decodeItem)
			require.NoError(t, err)
			require.Equal(t, item, *decoded)
		})
	}
}

func decodePage(t *testing.T, raw []byte) *ItemsPage {
	t.Helper()
	page, err := decodeEnvelope(raw, decodeItemsPage(ItemTypePrediction))
	require.NoError(t, err)
	return page
}

// What was decoded is the caller's: its lists and numbers lie side by side, and
// changing one must not change another.
func TestDecodedValuesAreApart(t *testing.T) {
	t.Parallel()
	raw := itemsPage(t, 50)
	changed, same := decodePage(t, raw), decodePage(t, raw)
	for i := range changed.Items {
		item := &changed.Items[i]
		item.Images = append(item.Images, ImageMeta{URL: "another"})[:len(item.Images)]
		item.Assessments = append(item.Assessments, Assessment{ModelID: "another"})[:len(item.Assessments)]
		for k := range item.Assessments {
			a := &item.Assessments[k]
			a.Annotations = append(a.Annotations, Annotation{Notes: "another"})[:len(a.Annotations)]
			a.Images = append(a.Images, ImageMeta{URL: "another"})[:len(a.Images)]
		}
	}
	require.True(t, reflect.DeepEqual(same, changed), "appending to one list changed another")

	seen := map[any]bool{}
	for _, item := range changed.Items {
		for _, assessment := range item.Assessments {
			for _, a := range assessment.Annotations {
				for _, place := range []any{a.XMin, a.XMax, a.YMin, a.YMax, a.Label} {
					require.False(t, seen[place], "two numbers at one place")
					seen[place] = true
				}
			}
		}
	}
}

// An answer that breaks off in the middle of a list leaves nothing to the next one.
func TestDecodeAfterAFailure(t *testing.T) {
	t.Parallel()
	raw := bytes.TrimSpace(itemsPage(t, 3))
	want := decodePage(t, raw)
	for end := range raw {
		_, err := decodeEnvelope(raw[:end], decodeItemsPage(ItemTypePrediction))
		require.ErrorIs(t, err, ErrDecode)
	}
	require.Equal(t, want, decodePage(t, raw))
}

// A program may keep the ids of a million items, and nothing else of them.
func TestIDsKeepNothingElse(t *testing.T) { //nolint:paralleltest // watches the process's heap
	testkit.NotWithRace(t, "the race detector takes memory too")
	const pages, items = 20, 1000
	live := func() int64 {
		runtime.GC()
		runtime.GC()
		return heap()
	}
	raw := itemsPage(t, items)
	ids := make([]string, 0, pages*items)
	decodePage(t, raw)
	before := live()
	for range pages {
		for _, item := range decodePage(t, raw).Items {
			ids = append(ids, item.ItemID)
		}
	}
	kept := live() - before
	require.Less(t, kept, int64(2*len(fmt.Sprint(ids))), "the ids keep %d bytes", kept)
}
