package decoders

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/go-faster/jx"
	"github.com/go-json-experiment/json/jsontext"
)

// jxTokens reads with go-faster/jx.
type jxTokens struct {
	d       *jx.Decoder
	objects []jx.ObjIter
	arrays  []jx.ArrIter
}

func (t *jxTokens) object() (bool, error) {
	if t.d.Next() == jx.Null {
		return false, t.d.Null()
	}
	object, err := t.d.ObjIter()
	t.objects = append(t.objects, object)
	return true, err
}

func (t *jxTokens) key() ([]byte, error) {
	object := &t.objects[len(t.objects)-1]
	if object.Next() {
		return object.Key(), nil
	}
	err := object.Err()
	t.objects = t.objects[:len(t.objects)-1]
	return nil, err
}

func (t *jxTokens) array() (bool, error) {
	if t.d.Next() == jx.Null {
		return false, t.d.Null()
	}
	array, err := t.d.ArrIter()
	t.arrays = append(t.arrays, array)
	return true, err
}

func (t *jxTokens) more() (bool, error) {
	array := &t.arrays[len(t.arrays)-1]
	if array.Next() {
		return true, nil
	}
	err := array.Err()
	t.arrays = t.arrays[:len(t.arrays)-1]
	return false, err
}

func (t *jxTokens) skip() error { return t.d.Skip() }

func (t *jxTokens) text(v *string) (err error) {
	if t.d.Next() == jx.Null {
		return t.d.Null()
	}
	*v, err = t.d.Str()
	return err
}

func (t *jxTokens) number(v *float64) (null bool, err error) {
	if t.d.Next() == jx.Null {
		return true, t.d.Null()
	}
	*v, err = t.d.Float64()
	return false, err
}

func (t *jxTokens) boolean(v *bool) (err error) {
	if t.d.Next() == jx.Null {
		return t.d.Null()
	}
	*v, err = t.d.Bool()
	return err
}

// jsontextTokens reads with the decoder that encoding/json/v2 is made of. It
// takes values as they stand in the text, which costs less than its tokens.
type jsontextTokens struct {
	d       *jsontext.Decoder
	scratch []byte
}

func (t *jsontextTokens) open(kind jsontext.Kind) (bool, error) {
	token, err := t.d.ReadToken()
	switch {
	case err != nil:
		return false, err
	case token.Kind() == 'n':
		return false, nil
	case token.Kind() != kind:
		return false, fmt.Errorf("%v in place of %v", token.Kind(), kind)
	}
	return true, nil
}

func (t *jsontextTokens) object() (bool, error) { return t.open('{') }
func (t *jsontextTokens) array() (bool, error)  { return t.open('[') }

func (t *jsontextTokens) key() ([]byte, error) {
	if t.d.PeekKind() == '}' {
		_, err := t.d.ReadToken()
		return nil, err
	}
	return t.unquoted()
}

// unquoted is a string, valid until the next call.
func (t *jsontextTokens) unquoted() ([]byte, error) {
	value, err := t.d.ReadValue()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(value, '\\') < 0 && value.Kind() == '"' {
		return value[1 : len(value)-1], nil
	}
	t.scratch, err = jsontext.AppendUnquote(t.scratch[:0], value)
	return t.scratch, err
}

func (t *jsontextTokens) more() (bool, error) {
	if t.d.PeekKind() != ']' {
		return true, nil // or an error, which the element reports
	}
	_, err := t.d.ReadToken()
	return false, err
}

func (t *jsontextTokens) skip() error { return t.d.SkipValue() }

func (t *jsontextTokens) text(v *string) error {
	if t.d.PeekKind() == 'n' {
		return t.skip()
	}
	value, err := t.unquoted()
	*v = string(value)
	return err
}

func (t *jsontextTokens) number(v *float64) (null bool, err error) {
	value, err := t.d.ReadValue()
	if err != nil || value.Kind() == 'n' {
		return true, err
	}
	*v, err = strconv.ParseFloat(string(value), 64)
	return false, err
}

func (t *jsontextTokens) boolean(v *bool) error {
	value, err := t.d.ReadValue()
	*v = value.Kind() == 't'
	return err
}

// standardTokens reads with the tokens of encoding/json.
type standardTokens struct {
	d       *json.Decoder
	scratch []byte
}

func (t *standardTokens) open(delimiter json.Delim) (bool, error) {
	token, err := t.d.Token()
	if err != nil || token == nil {
		return false, err
	}
	if token != delimiter {
		return false, fmt.Errorf("%v in place of %v", token, delimiter)
	}
	return true, nil
}

func (t *standardTokens) object() (bool, error) { return t.open('{') }
func (t *standardTokens) array() (bool, error)  { return t.open('[') }

func (t *standardTokens) key() ([]byte, error) {
	token, err := t.d.Token()
	if err != nil {
		return nil, err
	}
	name, ok := token.(string)
	if !ok {
		return nil, nil // the object's end
	}
	t.scratch = append(t.scratch[:0], name...)
	return t.scratch, nil
}

func (t *standardTokens) more() (bool, error) {
	if t.d.More() {
		return true, nil
	}
	_, err := t.d.Token()
	return false, err
}

func (t *standardTokens) skip() error {
	var value json.RawMessage
	return t.d.Decode(&value)
}

// value reads one of the types that tokens have.
func value[T any](t *standardTokens, v *T) (null bool, err error) {
	token, err := t.d.Token()
	if err != nil || token == nil {
		return true, err
	}
	typed, ok := token.(T)
	if !ok {
		return false, fmt.Errorf("%T in place of %T", token, typed)
	}
	*v = typed
	return false, nil
}

func (t *standardTokens) text(v *string) error {
	_, err := value(t, v)
	return err
}

func (t *standardTokens) number(v *float64) (null bool, err error) { return value(t, v) }

func (t *standardTokens) boolean(v *bool) error {
	_, err := value(t, v)
	return err
}
