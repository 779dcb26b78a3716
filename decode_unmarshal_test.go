package hacarus

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUnmarshalSavedResponse: json.Unmarshal reads a response that was saved,
// ids as numbers and the forms of earlier services among it.
func TestUnmarshalSavedResponse(t *testing.T) {
	t.Parallel()
	t.Run("item", func(t *testing.T) {
		t.Parallel()
		var saved struct {
			Data Item `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(`{"data":{"item_id":1001,"images":[{"width":"480"}],"override":{"label":"NG"},`+
			`"assessments":[{"model_id":269,"label":"OK","anomaly_score":0.5}]}}`), &saved))
		require.Equal(t, Item{
			ItemID: "1001", Images: []ImageMeta{{Width: 480}}, UserAssessment: &UserAssessment{Label: LabelNG},
			Assessments: []Assessment{{ModelID: "269", Label: LabelOK, AnomalyScore: "0.5"}},
		}, saved.Data)
	})
	t.Run("models", func(t *testing.T) {
		t.Parallel()
		var models []Model
		require.NoError(t, json.Unmarshal([]byte(`[{"model_id":269,"precision":{"projected":0.3}},{"model_id":"m1","ok_img_count":"9"}]`), &models))
		require.Equal(t, []Model{
			{ModelID: "269", Stats: ModelStats{Precision: ModelPrecision{Projected: new(0.3)}}},
			{ModelID: "m1", OKImgCount: 9},
		}, models)
	})
	t.Run("algorithm", func(t *testing.T) {
		t.Parallel()
		var algorithm Algorithm
		require.NoError(t, json.Unmarshal([]byte(`{"algorithm_id":17,"parameters":[{"algorithm_parameter_id":"249","value":0.1}]}`), &algorithm))
		require.Equal(t, Algorithm{AlgorithmID: "17", Parameters: []AlgorithmParameter{{AlgorithmParameterID: 249, Value: "0.1"}}}, algorithm)
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		var target *InspectionTarget
		require.NoError(t, json.Unmarshal([]byte(`{"target_id":"12","name":"plates"}`), &target))
		require.Equal(t, &InspectionTarget{TargetID: 12, Name: "plates"}, target)
	})
}

// TestUnmarshalReplaces: a value is replaced as a whole, by nothing but its kind.
func TestUnmarshalReplaces(t *testing.T) {
	t.Parallel()
	item := Item{ItemID: "a", Name: "before"}
	require.NoError(t, json.Unmarshal([]byte(`null`), &item))
	require.Equal(t, Item{ItemID: "a", Name: "before"}, item, "as encoding/json asks for")
	require.ErrorIs(t, json.Unmarshal([]byte(`{"item_id":"b","name":7}`), &item), ErrDecode)
	require.Equal(t, Item{ItemID: "a", Name: "before"}, item)
	require.NoError(t, json.Unmarshal([]byte(`{"item_id":"b"}`), &item))
	require.Equal(t, Item{ItemID: "b"}, item)
	require.ErrorIs(t, (*Item)(nil).UnmarshalJSON([]byte(`{"item_id":"b"}`)), ErrInvalidArgument)
}

// unmarshalled is what json.Unmarshal makes of a document for the type.
func (g tagged) unmarshalled(document []byte) (any, error) {
	v := reflect.New(g.typ)
	err := json.Unmarshal(document, v.Interface())
	return v.Elem().Interface(), err
}

// written is a value as json.Marshal writes it.
func written(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

// TestUnmarshalKeepsTags holds for each type that what json.Marshal writes comes
// back from json.Unmarshal: a value with nothing in it, and one with everything.
func TestUnmarshalKeepsTags(t *testing.T) {
	t.Parallel()
	for _, g := range taggedTypes {
		t.Run(g.typ.Name(), func(t *testing.T) {
			t.Parallel()
			require.Implements(t, (*json.Unmarshaler)(nil), reflect.New(g.typ).Interface())
			for _, want := range []any{reflect.Zero(g.typ).Interface(), g.least, sample(t, g.typ).Interface()} {
				got, err := g.unmarshalled(written(t, want))
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
}

// requireAgreement holds that json.Unmarshal makes of a document what the client
// does. Only a value without an id it takes and the client does not.
func requireAgreement(t *testing.T, g tagged, document []byte) {
	t.Helper()
	if string(bytes.TrimSpace(document)) == "null" || bytes.HasPrefix(document, byteOrderMark) {
		return // which encoding/json does not leave to a type
	}
	fromClient, refused := g.decode(document)
	got, err := g.unmarshalled(document)
	switch {
	case refused == nil:
		require.NoError(t, err)
		require.Equal(t, fromClient, got)
		again, err := g.unmarshalled(written(t, got))
		require.NoError(t, err)
		require.Equal(t, string(written(t, got)), string(written(t, again)))
	case err == nil:
		require.ErrorContains(t, refused, "no ")
		require.NotZero(t, g.least)
	}
}

// FuzzUnmarshal holds the agreement for every type and any document.
func FuzzUnmarshal(f *testing.F) {
	for _, op := range decodeCalls {
		f.Add(op.data())
	}
	f.Add([]byte(`{"item_id":1001,"job_id":"a","models":[{"model_id":1,"aggregate":{"label":"NG"}}],"images":[{"key":"k","annotations":[{}]}]}`))
	f.Add([]byte(`{"model_id":269,"precision":{},"created_at":"Wed, 19 Jun 2019 05:03:09 GMT","training_time":null}`))
	f.Add([]byte(`{"algorithm_id":1e3,"parameters":null,"":[{"item_id":"a"}]}`))
	f.Add([]byte(`{"items":[{"item_id":"\ud800"}],"current_page":"1","end_page":2.0}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, g := range taggedTypes {
			if g.typ != reflect.TypeFor[ItemsPage]() { // which knows what was asked for
				requireAgreement(t, g, document)
			}
		}
	})
}
