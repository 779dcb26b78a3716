package hacarus

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// decodeCalls are the operations whose response is JSON with data in it.
var decodeCalls = func() map[string]operationCall {
	calls := map[string]operationCall{}
	for _, op := range operationTable {
		if op.data() != nil {
			calls[op.id] = op
		}
	}
	return calls
}()

func decodeNested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// decodePaths are the ways that a response takes to its decoder: the envelope,
// around a value or a list, and that of DeleteModels, which takes any JSON.
var decodePaths = []string{"getModelById", "getModels", "deleteModels"}

// requireUnread makes a call whose response cannot be read.
func requireUnread(t *testing.T, operation, body string) {
	t.Helper()
	value, err := decodeCalls[operation].do(t.Context(), factClient(t, 200, body))
	lost := (*RequestError)(nil)
	require.ErrorAs(t, err, &lost)
	require.ErrorIs(t, err, ErrDecode)
	require.Equal(t, OutcomeExecuted, lost.Outcome)
	require.Equal(t, 1, lost.Attempts)
	require.Zero(t, value)
}

// TestDecodeHostileResponses holds that no response is read that is not the
// documented envelope.
func TestDecodeHostileResponses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"text":                  "OK",
		"number":                "200",
		"string":                `"data"`,
		"array":                 `[{"data":{}}]`,
		"cut in a string":       `{"data":{"model_id":"m`,
		"comment":               `{/* */"data":{}}`,
		"two marks":             "\ufeff\ufeff" + modelBody,
		"bad literal elsewhere": `{"x":nul,"data":{}}`,
		"NaN elsewhere":         `{"x":NaN,"data":{}}`,
	} {
		for _, operation := range decodePaths {
			if operation == "deleteModels" && json.Valid([]byte(body)) {
				continue
			}
			t.Run(name+" "+operation, func(t *testing.T) {
				t.Parallel()
				requireUnread(t, operation, body)
			})
		}
	}
	t.Run("white space", func(t *testing.T) {
		t.Parallel()
		requireUnread(t, "getModelById", " \r\n\t") // while DeleteModels takes it
	})
}

// TestDecodeHostileData gives every call with data in its response data of
// another kind.
func TestDecodeHostileData(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"number": `1`, "boolean": `true`, "mixed array": `[1,"a",{}]`,
	} {
		for operation := range decodeCalls {
			if done := operation == "deleteModels" || operation == "setLicense"; done {
				continue // what was done counts, however the service says so
			}
			t.Run(name+" "+operation, func(t *testing.T) {
				t.Parallel()
				requireUnread(t, operation, `{"data":`+data+`}`)
			})
		}
	}
}

// TestDecodeHostileEnds puts something around a response that would be good.
func TestDecodeHostileEnds(t *testing.T) {
	t.Parallel()
	for _, operation := range decodePaths {
		good := decodeCalls[operation].response()
		for name, body := range map[string]string{
			"a second response": good + good, "a brace": good + "}", "a comma": good + ",", "text": good + "ok",
			"a second response on its line": good + "\n" + good, "a mark": good + "\ufeff",
			"text before": "ok" + good, "a guard before": ")]}'\n" + good,
		} {
			t.Run(name+" "+operation, func(t *testing.T) {
				t.Parallel()
				requireUnread(t, operation, body)
			})
		}
	}
	for operation, op := range decodeCalls {
		t.Run("good "+operation, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, op.invoke(t.Context(), factClient(t, 200, " \r\n"+op.response()+"\t\n ")))
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, operation, data string }{
		{"no id of a model", "getModelById", `{"name":"plates"}`},
		{"no id of a model in a list", "getModels", `[{"model_id":"m1"},{"name":"plates"}]`},
		{"no id of a trained model", "train", `{"status":"creating"}`},
		{"no id of an imported model", "importModels", `[{}]`},
		{"no id of an item", "getItemById", `{"status":"done"}`},
		{"no id of an item in a list", "getItemsByType", `{"items":[{"item_id":"a"},{"name":"b"}]}`},
		{"no id of an algorithm", "getAlgorithmById", `{"name":"x"}`},
		{"no id of an algorithm in a list", "getAlgorithms", `[{}]`},
		{"no id of a target", "getInspectionTargetById", `{"name":"x"}`},
		{"no id of the default target", "setInspectionTargetById", `{}`},
		{"no id of a target in a list", "getInspectionTargets", `[{}]`},
		{"no ids of added items", "addItem", `{}`},
		{"no hash", "getHashId", `{}`},
		{"null id of a model", "getModelById", `{"model_id":null}`},
		{"null id of an item", "getItemById", `{"item_id":null}`},
		{"null id of an algorithm", "getAlgorithmById", `{"algorithm_id":null}`},
		{"null id of a target", "getInspectionTargetById", `{"target_id":null}`},
		{"null ids of added items", "addItem", `{"item_ids":null}`},
		{"empty ids of added items", "addItem", `{"item_ids":[]}`},
		{"a null id of an added item", "addItem", `{"item_ids":["a",null]}`},
		{"null hash", "getHashId", `{"hash_id":null}`},
		{"empty id of a model", "getModelById", `{"model_id":""}`},
		{"empty id of an item", "getItemById", `{"item_id":""}`},
		{"empty id of an added item", "addItem", `{"item_ids":[""]}`},
		{"empty id of a target", "getInspectionTargetById", `{"target_id":""}`},
		{"empty id of a target in a list", "getInspectionTargets", `[{"target_id":""}]`},
		{"broken id of a model", "getModelById", "{\"model_id\":\"m\xff\"}"},
		{"broken id of an added item", "addItem", "{\"item_ids\":[\"a\",\"b\xff\"]}"},
		{"broken hash", "getHashId", "{\"hash_id\":\"\xff\"}"},
		{"empty text in place of a number", "getModelById", `{"model_id":"m1","precision":""}`},
		{"id that is a fraction", "getModelById", `{"model_id":269.5}`},
		{"id that is a boolean", "getModelById", `{"model_id":true}`},
		{"id that is an object", "getModelById", `{"model_id":{"id":"m1"}}`},
		{"id that is an array", "getModelById", `{"model_id":["m1"]}`},

		{"null model", "getModelById", `null`},
		{"null item", "getItemById", `null`},
		{"null algorithm", "getAlgorithmById", `null`},
		{"null target", "getInspectionTargetById", `null`},
		{"null page", "getItemsByType", `null`},
		{"null prediction", "predictItems", `null`},
		{"null parameters", "setModelPredictParameters", `null`},
		{"null callback", "setModelPredictCallback", `null`},
		{"null added items", "addItem", `null`},
		{"null in a list", "getModels", `[{"model_id":"m1"},null]`},

		{"list in place of a model", "getModelById", `[{"model_id":"m1"}]`},
		{"list in place of an item", "getItemById", `[{"item_id":"a"}]`},
		{"list in place of a page", "getItemsByType", `[{"item_id":"a"}]`},
		{"list in place of a target", "getInspectionTargetById", `[{"target_id":12}]`},
		{"list in place of an algorithm", "getAlgorithmById", `[{"algorithm_id":"AE"}]`},
		{"list in place of added items", "addItem", `["a"]`},
		{"model in place of a list", "getModels", `{"model_id":"m1"}`},
		{"target in place of a list", "getInspectionTargets", `{"target_id":12}`},
		{"algorithm in place of a list", "getAlgorithms", `{"algorithm_id":"AE"}`},
		{"imported model in place of a list", "importModels", `{"model_id":"m1"}`},
		{"object in place of items", "getItemsByType", `{"items":{"item_id":"a"}}`},
		{"no items", "getItemsByType", `{}`},
		{"no items on a page", "getItemsByType", `{"current_page":1,"end_page":1}`},
		{"null items and nothing else", "getItemsByType", `{"items":null}`},
		{"other data than items", "getItemsByType", `{"status":"ok"}`},
		{"earlier lists, but not the one", "getItemsByType", `{"training":[{"item_id":"a"}],"archived":[],"summary":{}}`},
		{"null in place of an earlier list", "getItemsByType", `{"predict":null,"training":[]}`},
		{"object in place of an earlier list", "getItemsByType", `{"predict":{"defect":0,"good":1}}`},
		{"text in an earlier list", "getItemsByType", `{"predict":["a"]}`},
		{"no id of an item in an earlier list", "getItemsByType", `{"predict":[{"good":true}]}`},
		{"text in place of earlier models", "getItemById", `{"item_id":"a","models":"m1"}`},
		{"ids in place of earlier models", "getItemById", `{"item_id":"a","models":["m1"]}`},
		{"id of an earlier model that is a fraction", "getItemById", `{"item_id":"a","models":[{"model_id":1000.5}]}`},
		{"text in place of an earlier aggregate", "getItemById", `{"item_id":"a","models":[{"model_id":1,"aggregate":"NG"}]}`},
		{"object in place of earlier assessments", "getItemById", `{"item_id":"a","models":[{"model_id":1,"assessments":{"final":{"label":"NG"}}}]}`},
		{"list in place of an earlier final verdict", "getItemById", `{"item_id":"a","models":[{"assessments":[{"final":[{"label":"NG"}]}]}]}`},
		{"boolean in place of an earlier label", "getItemById", `{"item_id":"a","override":{"label":true}}`},
		{"text in place of an earlier override", "getItemById", `{"item_id":"a","override":"OK"}`},
		{"text in place of good", "getItemById", `{"item_id":"a","computed_assessment":{"good":"false"}}`},
		{"number in place of good", "getItemById", `{"item_id":"a","good":0}`},
		{"text in place of override_assessment", "getItemById", `{"item_id":"a","good":true,"override_assessment":"yes"}`},
		{"object in place of an image's earlier boxes", "getItemById", `{"item_id":"a","images":[{"annotations":{}}]}`},
		{"number in place of an image's raw_url", "getItemById", `{"item_id":"a","images":[{"raw_url":1805}]}`},
		{"text in place of an earlier figure", "getModelById", `{"model_id":"m1","precision":{"computed":"high"}}`},
		{"text in place of ids", "addItem", `{"item_ids":"a"}`},

		{"number beyond float64", "getModelById", `{"model_id":"m1","precision":1e400}`},
		{"number beyond float64 below", "getModelById", `{"model_id":"m1","precision":-1e400}`},
		{"infinity as text", "getModelById", `{"model_id":"m1","precision":"Inf"}`},
		{"NaN as text", "getModelById", `{"model_id":"m1","precision":"NaN"}`},
		{"integer beyond float64", "getModelById", `{"model_id":"m1","ok_img_count":1e400}`},
		{"integer beyond int64", "getModelById", `{"model_id":"m1","ok_img_count":9223372036854775808}`},
		{"integer with a fraction", "getModelById", `{"model_id":"m1","ok_img_count":620.5}`},
		{"leading zero", "getModelById", `{"model_id":"m1","ok_img_count":0620}`},
		{"plus sign", "getModelById", `{"model_id":"m1","ok_img_count":+620}`},
		{"no digit before the point", "getModelById", `{"model_id":"m1","precision":.5}`},
		{"text in place of a number", "getModelById", `{"model_id":"m1","precision":"high"}`},
		{"text in place of a boolean", "getModelById", `{"model_id":"m1","active":"true"}`},
		{"text in place of an object", "getModelById", `{"model_id":"m1","stats":"none"}`},
		{"number in place of a text", "getModelById", `{"model_id":"m1","name":1}`},
		{"number in place of a time", "getModelById", `{"model_id":"m1","created_at":1646290110}`},
		{"unknown form of a time", "getModelById", `{"model_id":"m1","created_at":"3 March 2022"}`},
		{"zone that is only a name", "getModelById", `{"model_id":"m1","created_at":"Wed, 19 Jun 2019 05:03:09 JST"}`},
		{"control character", "getModelById", "{\"model_id\":\"m1\",\"name\":\"a\nb\"}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			value, err := decodeCalls[test.operation].do(t.Context(), factClient(t, 200, `{"data":`+test.data+`}`))
			require.ErrorIs(t, err, ErrDecode)
			require.Zero(t, value)
		})
	}
}

func TestDecodeTolerates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, operation, data string
		want                  any
	}{
		{"null models", "getModels", `null`, []Model(nil)},
		{"no models", "getModels", `[]`, []Model{}},
		{"null targets", "getInspectionTargets", `null`, []InspectionTarget(nil)},
		{"null algorithms", "getAlgorithms", `null`, []Algorithm(nil)},
		{"null imported models", "importModels", `null`, []Model(nil)},
		{"null items", "getItemsByType", `{"items":null,"current_page":null,"end_page":null}`, &ItemsPage{}},
		{"no items", "getItemsByType", `{"items":[]}`, &ItemsPage{Items: []Item{}}},
		{"null items beside one number of a page", "getItemsByType", `{"count_per_page":10,"items":null}`, &ItemsPage{CountPerPage: 10}},
		{"null predicted ids", "predictItems", `{"item_ids":null,"model_version":null}`, &PredictItemsResponse{}},
		{"null deleted ids", "deleteModels", `{"model_ids":null}`, []string{"7d0c1f3e", "c5e77995"}},
		{"null deletion", "deleteModels", `null`, []string{"7d0c1f3e", "c5e77995"}},
		{"empty parameters", "setModelPredictParameters", `{}`, &PredictParameters{}},

		{"whole numbers with a fraction", "getItemById", `{"item_id":"a","images":[{"width":620.0,"height":4.8e2,"file_size":1E3}]}`, &Item{
			ItemID: "a", Images: []ImageMeta{{Width: 620, Height: 480, FileSize: 1000}},
		}},
		{"a file of 3 GiB", "getItemById", `{"item_id":"a","images":[{"file_size":3221225472}]}`, &Item{
			ItemID: "a", Images: []ImageMeta{{FileSize: 3 << 30}},
		}},
		{"numbers as text", "getModelById", `{"model_id":"m1","ok_img_count":"9","precision":"0.5"}`, &Model{ModelID: "m1", OKImgCount: 9, Precision: new(0.5)}},
		{"id as text", "getInspectionTargetById", `{"target_id":"12"}`, &InspectionTarget{TargetID: 12}},
		{"id beyond int64", "getModelById", `{"model_id":12345678901234567890123}`, &Model{ModelID: "12345678901234567890123"}},
		{"score beyond float64", "getItemById", `{"item_id":"a","assessments":[{"anomaly_score":1e400}]}`, &Item{
			ItemID: "a", Assessments: []Assessment{{AnomalyScore: "1e400"}},
		}},
		{"number beyond float64 where nobody looks", "getModelById", `{"model_id":"m1","loss":1e400}`, &Model{ModelID: "m1"}},

		{"the last of two keys", "getModelById", `{"model_id":"m1","name":"a","model_id":"m2","name":"b"}`, &Model{ModelID: "m2", Name: "b"}},
		{"escaped key", "getModelById", `{"model\u005fid":"m1"}`, &Model{ModelID: "m1"}},
		{"keys in another case", "getModelById", `{"model_id":"m1","Name":"no","NAME":"no"}`, &Model{ModelID: "m1"}},
		{"unknown keys", "getModelById", `{"model_id":"m1","":0,"x":{"model_id":"no"},"y":[{"model_id":"no"}],"z":null}`, &Model{ModelID: "m1"}},
		{"deep where nobody looks", "getModelById", `{"model_id":"m1","x":` + decodeNested(9_000) + `}`, &Model{ModelID: "m1"}},
		{"invalid UTF-8", "getModelById", "{\"model_id\":\"m1\",\"name\":\"a\xffb\"}", &Model{ModelID: "m1", Name: "a\ufffdb"}},
		{"invalid UTF-8 where nobody looks", "getModelById", "{\"model_id\":\"m1\",\"\xff\":\"\xff\"}", &Model{ModelID: "m1"}},
		{"half a surrogate pair", "getModelById", `{"model_id":"m1","name":"\ud800"}`, &Model{ModelID: "m1", Name: "\ufffd"}},
		{"surrogate pair", "getModelById", `{"model_id":"m1","name":"\ud83d\udd0d"}`, &Model{ModelID: "m1", Name: "🔍"}},
		{"NUL in a text", "getModelById", `{"model_id":"m1","name":"\u0000"}`, &Model{ModelID: "m1", Name: "\x00"}},

		{
			"nulls in the earlier forms", "getItemById",
			`{"item_id":"a","job_id":null,"manual_assessment":null,"computed_assessment":null,"override":null,"models":[null,{"model_id":null,"aggregate":null,"assessments":[null]}],` +
				`"good":null,"override_assessment":null,"images":[{"raw_url":null,"key":null,"file_name":null,"annotations":null},null]}`,
			&Item{ItemID: "a", Images: []ImageMeta{{}, {}}},
		},
		{"an earlier model without an id", "getItemById", `{"item_id":"a","models":[{"aggregate":{"label":"NG"}}]}`, &Item{
			ItemID: "a", Assessments: []Assessment{{Label: LabelNG}},
		}},
		{"an unknown earlier label", "getItemById", `{"item_id":"a","models":[{"model_id":1,"assessments":[{"final":{"label":"OK"}},{"final":{"label":"GRAY"}}]}]}`, &Item{
			ItemID: "a", Assessments: []Assessment{{ModelID: "1", Label: "GRAY"}},
		}},

		{"unknown status of a model", "getModelById", `{"model_id":"m1","status":"queued"}`, &Model{ModelID: "m1", Status: "queued"}},
		{"unknown status of an item", "getItemById", `{"item_id":"a","status":"failed"}`, &Item{ItemID: "a", Status: "failed"}},
		{"unknown labels", "getItemById", `{"item_id":"a","user_assessment":{"label":"maybe"},"assessments":[{"label":"GRAY"}]}`, &Item{
			ItemID: "a", UserAssessment: &UserAssessment{Label: "maybe"}, Assessments: []Assessment{{Label: "GRAY"}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			value, err := decodeCalls[test.operation].do(t.Context(), factClient(t, 200, `{"data":`+test.data+`}`))
			require.NoError(t, err)
			require.Equal(t, test.want, value)
		})
	}
	t.Run("the last data", func(t *testing.T) {
		t.Parallel()
		models, err := factClient(t, 200, `{"data":[{"model_id":"m1"}],"x":0,"data":[{"model_id":"m2"}]}`).ListModels(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, []Model{{ModelID: "m2"}}, models)
	})
	t.Run("escaped data", func(t *testing.T) {
		t.Parallel()
		model, err := factClient(t, 200, `{"d\u0061ta":{"model_id":"m1"}}`).GetModel(t.Context(), "m1")
		require.NoError(t, err)
		require.Equal(t, "m1", model.ModelID)
	})
}

// TestDecodeIntegersOfAnySize holds on 32-bit systems too: an integer is exact or refused.
func TestDecodeIntegersOfAnySize(t *testing.T) {
	t.Parallel()
	for digits, want := range map[string]int64{
		"2147483647": 1<<31 - 1, "-2147483648": -1 << 31, "2147483648": 1 << 31, "4294967297": 1<<32 + 1, "-4294967297": -1<<32 - 1,
		"9007199254740993": 1<<53 + 1, "9223372036854775807": 1<<63 - 1, "4294967297.0": 1<<32 + 1, "1e10": 10_000_000_000,
	} {
		t.Run(digits, func(t *testing.T) {
			t.Parallel()
			model, err := decodeEnvelope([]byte(`{"data":{"model_id":"m1","ok_img_count":`+digits+`}}`), decodeModel)
			if int64(int(want)) != want {
				require.ErrorIs(t, err, ErrDecode)
				return
			}
			require.NoError(t, err)
			require.Equal(t, int(want), model.OKImgCount)
		})
	}
}

func TestDecodeEmptyAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		ok         bool
	}{
		{"nothing", "", true},
		{"white space", " \r\n", true},
		{"object", `{}`, true},
		{"data", `{"data":{"status":"ok"}}`, true},
		{"data with byte order mark", "\ufeff" + `{"data":null}`, true},
		{"HTML", "<html>Sign in</html>", false},
		{"text", "ok", false},
		{"cut", `{"data":`, false},
		{"two objects", `{}{}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, err := range []error{
				factClient(t, 200, test.body).DeleteItems(t.Context(), "a"),
				factClient(t, 202, test.body).AnnotateItem(t.Context(), "a", RequestAnnotation{Notes: "x"}),
			} {
				if test.ok {
					require.NoError(t, err)
					continue
				}
				lost := (*RequestError)(nil)
				require.ErrorAs(t, err, &lost)
				require.ErrorIs(t, err, ErrDecode)
				require.Equal(t, OutcomeExecuted, lost.Outcome)
			}
		})
	}
}

// TestDecodeErrorsAreShort holds that an error repeats little of an answer: it goes to logs.
func TestDecodeErrorsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for name, body := range map[string]string{
		"deep":         `{"data":{"model_id":"m1","x":` + decodeNested(10_001) + `}}`,
		"long key":     `{"data":{"model_id":"m1","` + long + `":nul}}`,
		"long text":    `{"data":{"model_id":"m1","created_at":"` + long + `"}}`,
		"long id":      `{"data":{"model_id":"` + long + `"}}`,
		"long number":  `{"data":{"model_id":"m1","ok_img_count":1.` + strings.Repeat("1", 100_000) + `}}`,
		"long literal": `{"data":` + long + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := factClient(t, 200, body).getThisModel(t.Context(), "m1")
			require.ErrorIs(t, err, ErrDecode)
			require.Less(t, len(err.Error()), 1000)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// TestAnswersAreTheCallers holds that nothing writes later to what a call
// returned, nor to the body that CaptureResponse kept: buffers of answers
// serve one call after the other.
func TestAnswersAreTheCallers(t *testing.T) {
	t.Parallel()
	longer := `{"data":{"model_id":"XXXXXXXX","name":"` + strings.Repeat("X", 2*len(modelBody)) + `"}}`
	refused := `{"errors":{"title":"no"}}`
	c := overMemory(t, &fakeService{next: inTurn(ok(modelBody), status(http.StatusBadRequest, refused), ok(longer))})
	var info, failed ResponseInfo
	model, err := c.GetModel(CaptureResponse(t.Context(), &info), "m1")
	require.NoError(t, err)
	kept := *model
	_, refusal := c.GetModel(CaptureResponse(t.Context(), &failed), "m1")
	require.ErrorIs(t, refusal, ErrBadRequest)
	for range 20 {
		_, err := c.GetModel(t.Context(), "XXXXXXXX")
		require.NoError(t, err)
	}
	require.Equal(t, "m1", kept.ModelID)
	require.Equal(t, "plates", kept.Name)
	require.Equal(t, modelBody, string(info.Body))
	require.Equal(t, refused, string(failed.Body))
	var base *BaseError
	require.ErrorAs(t, refusal, &base)
	require.Equal(t, refused, string(base.Body))
	require.Equal(t, "no", base.Errors.Title)
}

// fuzzAnswer decodes a response of one kind: it is an error of its kind, or a
// value with its ids that a JSON document gave.
func fuzzAnswer[T any](t *testing.T, raw []byte, decode decoder[T], ids func(T) []string) {
	t.Helper()
	value, err := decodeEnvelope(raw, decode)
	if err != nil {
		require.ErrorIs(t, err, ErrDecode)
		require.Less(t, len(err.Error()), 1000)
		require.True(t, utf8.ValidString(err.Error()))
		return
	}
	require.True(t, json.Valid(bytes.TrimPrefix(raw, byteOrderMark)))
	for _, id := range ids(*value) {
		require.NotEmpty(t, id, "a value without its id")
	}
	encoded, err := json.Marshal(value)
	require.NoError(t, err, "a value that cannot be written")
	again, err := decodeEnvelope([]byte(`{"data":`+string(encoded)+`}`), decode)
	require.NoError(t, err)
	written, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(encoded), string(written), "a value that is another once it is written")
}

// idsOf makes the ids of a list of values from the id of one.
func idsOf[T any](id func(T) string) func([]T) []string {
	return func(list []T) []string {
		var ids []string
		for _, v := range list {
			ids = append(ids, id(v))
		}
		return ids
	}
}

func noIDs[T any](T) []string { return nil }

// FuzzDecode holds for any response: no panic, no value without its id, nothing
// accepted that is not JSON, and every error is ErrDecode.
func FuzzDecode(f *testing.F) {
	for _, op := range decodeCalls {
		f.Add([]byte(op.response()))
	}
	f.Add([]byte("\xef\xbb\xbf" + modelBody))
	f.Add([]byte(`{"data":{"item_id":"a","assessments":[{"annotations":[{"x_min":620.0,"created_at":"2000-01-23T04:56:07.000+00:00"}]}]}}`))
	f.Add([]byte(`{"data":{"target_id":0,"preprocessing":[{"active":null}]}}`))
	f.Add([]byte(`{"data":{"job_id":7,"user_assessment":{"label":"OK","annotations":[{"label":1}]},"images":[{"width":4.8e2}]}}`))
	f.Add([]byte(`{"data":{"algorithm_id":1,"parameters":[{"value":0.5,"range_upper":"1","updated_at":null}]}}`))
	f.Add([]byte(`{"data":{"model_id":269,"precision":{},"stats":{"recall":{"computed":1e-3}},"created_at":"Wed, 19 Jun 2019 05:03:09 GMT"}}`))
	f.Add([]byte(`{"data":{"job_id":"a","good":true,"override_assessment":true,"computed_assessment":{"good":false},"override":{"label":"OK"},` +
		`"images":[{"key":"k","annotations":[{}]}]}}`))
	f.Add([]byte(`{"data":{"predict":[{"item_id":"a","models":[{"model_id":1000,"aggregate":{"label":"NG"},"assessments":[{"final":null,"computed":{"label":"NG"}}]}]}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		kept := bytes.Clone(raw)
		one := func(id string) []string { return []string{id} }
		model := func(v Model) string { return v.ModelID }
		algorithm := func(v Algorithm) string { return v.AlgorithmID }
		fuzzAnswer(t, raw, decodeModel, func(v Model) []string { return one(model(v)) })
		fuzzAnswer(t, raw, listOf(decodeModel), idsOf(model))
		fuzzAnswer(t, raw, decodeAlgorithm, func(v Algorithm) []string { return one(algorithm(v)) })
		fuzzAnswer(t, raw, listOf(decodeAlgorithm), idsOf(algorithm))
		fuzzAnswer(t, raw, decodeItem, func(v Item) []string { return one(v.ItemID) })
		fuzzAnswer(t, raw, decodeItemsPage(ItemTypePrediction), func(v ItemsPage) []string { return idsOf(func(i Item) string { return i.ItemID })(v.Items) })
		fuzzAnswer(t, raw, decodeTarget, noIDs) // 0 is one like any other
		fuzzAnswer(t, raw, listOf(decodeTarget), noIDs)
		fuzzAnswer(t, raw, decodePrediction, func(v PredictItemsResponse) []string { return v.ItemIDs })
		fuzzAnswer(t, raw, decodePredictParameters, noIDs)
		fuzzAnswer(t, raw, decodePredictCallback, noIDs)
		added, err := decodeEnvelope(raw, decodeAddedIDs)
		require.True(t, err != nil || len(*added) > 0 && !slices.Contains(*added, ""))
		deleted, err := decodeDone(raw, objectField("model_ids", identifiers))
		require.True(t, err != nil || !slices.Contains(deleted, ""))
		require.Equal(t, kept, raw)
	})
}

// tagged is a type whose JSON keys stand twice: in its tags, which encoding/json
// writes, and in its decoder, which reads them.
type tagged struct {
	typ    reflect.Type
	decode func(raw []byte) (any, error)
	least  any // what identifies a value, without which none is decoded
	// earlier are the keys of earlier services that are tags of other types.
	earlier []string
}

func taggedAs[T any](decode decoder[T], least T, earlier ...string) tagged {
	return tagged{
		typ: reflect.TypeFor[T](),
		decode: func(raw []byte) (any, error) {
			var v T
			err := decodeBody(raw, func(d *decoding) error { return decode(d, &v) })
			return v, err
		},
		least:   least,
		earlier: earlier,
	}
}

// taggedTypes are the types that decoders read.
var taggedTypes = []tagged{
	taggedAs(decodeTarget, InspectionTarget{TargetID: 12}),
	taggedAs(decodePreprocessing, Preprocessing{}),
	taggedAs(decodeAlgorithm, Algorithm{AlgorithmID: "AE"}),
	taggedAs(decodeParameter, AlgorithmParameter{}),
	taggedAs(decodeModel, Model{ModelID: "m1"}),
	taggedAs(decodeStats, ModelStats{}),
	taggedAs(decodeFigures, ModelPrecision{}),
	taggedAs(decodePredictParameters, PredictParameters{}),
	taggedAs(decodePredictCallback, PredictCallback{}),
	taggedAs(decodePrediction, PredictItemsResponse{}),
	taggedAs(decodeItemsPage(ItemTypePrediction), ItemsPage{Items: []Item{}}),
	taggedAs(decodeItem, Item{ItemID: "a"}),
	taggedAs(decodeImage, ImageMeta{}, "file_name"),
	taggedAs(decodeUserAssessment, UserAssessment{}),
	taggedAs(decodeAssessment, Assessment{}),
	taggedAs(decodeAnnotation, Annotation{}),
	taggedAs(decodeLicense, License{}),
}

func jsonTag(f reflect.StructField) string {
	tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return tag
}

// sample is a value of the type with all of its fields filled.
func sample(t *testing.T, typ reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(typ).Elem()
	switch typ.Kind() {
	case reflect.String:
		v.SetString("2000") // an id, and a string like any other
	case reflect.Int, reflect.Int64:
		v.SetInt(-7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(typ.Elem()))
		v.Elem().Set(sample(t, typ.Elem()))
	case reflect.Slice:
		v.Set(reflect.Append(v, sample(t, typ.Elem())))
	case reflect.Struct:
		if typ == reflect.TypeFor[Time]() {
			return reflect.ValueOf(Time{time.Date(2022, 3, 3, 6, 50, 0, 0, time.UTC)})
		}
		for i := range typ.NumField() {
			v.Field(i).Set(sample(t, typ.Field(i).Type))
		}
	default:
		t.Fatalf("no sample of %s", typ)
	}
	return v
}

// document is the JSON of the least value with one more key.
func (g tagged) document(t *testing.T, key string, value any) []byte {
	t.Helper()
	fields := map[string]any{}
	least := reflect.ValueOf(g.least)
	for i := range g.typ.NumField() {
		if !least.Field(i).IsZero() {
			fields[jsonTag(g.typ.Field(i))] = least.Field(i).Interface()
		}
	}
	fields[key] = value
	raw, err := json.Marshal(fields)
	require.NoError(t, err)
	return raw
}

// TestDecodersReadTheirTags holds for each type that its decoder reads each field
// under the field's tag, reads null as the field's zero value, and reads nothing
// under the tags of other types.
func TestDecodersReadTheirTags(t *testing.T) {
	t.Parallel()
	all := map[string]map[reflect.Type]bool{} // tags, and what is under them
	for _, g := range taggedTypes {
		for i := range g.typ.NumField() {
			tag := jsonTag(g.typ.Field(i))
			require.NotEmpty(t, tag, "%s.%s", g.typ, g.typ.Field(i).Name)
			if all[tag] == nil {
				all[tag] = map[reflect.Type]bool{}
			}
			all[tag][g.typ.Field(i).Type] = true
		}
	}
	for _, g := range taggedTypes {
		t.Run(g.typ.Name(), func(t *testing.T) {
			t.Parallel()
			others := maps.Clone(all)
			for i := range g.typ.NumField() {
				tag, value := jsonTag(g.typ.Field(i)), sample(t, g.typ.Field(i).Type)
				delete(others, tag)
				want := reflect.New(g.typ).Elem()
				want.Set(reflect.ValueOf(g.least))
				want.Field(i).Set(value)
				got, err := g.decode(g.document(t, tag, value.Interface()))
				require.NoError(t, err, tag)
				require.Equal(t, want.Interface(), got, tag)

				if reflect.ValueOf(g.least).Field(i).IsZero() {
					got, err = g.decode(g.document(t, tag, nil))
					require.NoError(t, err, "null in %s", tag)
					require.Equal(t, g.least, got, "null in %s", tag)
				}
			}
			for _, tag := range g.earlier {
				delete(others, tag)
			}
			for tag, types := range others {
				for typ := range types {
					got, err := g.decode(g.document(t, tag, sample(t, typ).Interface()))
					require.NoError(t, err, tag)
					require.Equal(t, g.least, got, "%s is no tag of %s", tag, g.typ)
				}
			}
		})
	}
}

// TestTaggedTypesAreAll holds that the test above knows every type that a method
// of the client returns.
func TestTaggedTypesAreAll(t *testing.T) {
	t.Parallel()
	found := map[reflect.Type]bool{}
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			look(typ.Elem())
		case reflect.Func: // an iterator
			for in := range typ.Ins() {
				look(in)
			}
		case reflect.Struct:
			if found[typ] || typ.NumField() == 0 || jsonTag(typ.Field(0)) == "" || typ.PkgPath() != reflect.TypeFor[Client]().PkgPath() {
				return
			}
			found[typ] = true
			for field := range typ.Fields() {
				look(field.Type)
			}
		}
	}
	for method := range reflect.TypeFor[*Client]().Methods() {
		for result := range method.Type.Outs() {
			look(result)
		}
	}
	known := map[string]bool{}
	for _, g := range taggedTypes {
		known[g.typ.Name()] = true
	}
	var returned []string
	for typ := range found {
		returned = append(returned, typ.Name())
	}
	require.ElementsMatch(t, returned, slices.Collect(maps.Keys(known)), "A: what methods return, B: taggedTypes")
}
