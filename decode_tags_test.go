package hacarus

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
	known := map[reflect.Type]bool{}
	for _, g := range taggedTypes {
		known[g.typ] = true
	}
	byName := func(a, b reflect.Type) int { return strings.Compare(a.Name(), b.Name()) }
	require.Equal(t, slices.SortedFunc(maps.Keys(found), byName), slices.SortedFunc(maps.Keys(known), byName))
}
