package hacarus

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hacarus/hacarus-check-go/internal/jsonread"
)

// Decoders read responses into values. They are written by hand, beside each
// resource, because reflection would take longer than the rest of a call. They
// are tolerant where the service is known to send several types under one key,
// and strict about ids.

// decoding is a JSON document on its way into values.
type decoding = jsonread.Cursor

// decoder reads one JSON value into v. Null leaves a zero v unchanged, unless
// the decoder's name says that the value is required.
type decoder[T any] func(d *decoding, v *T) error

var byteOrderMark = []byte("\xef\xbb\xbf")

// decodeBody reads a whole response. The resulting values do not refer to raw.
func decodeBody(raw []byte, read func(d *decoding) error) error {
	if err := jsonread.Document(bytes.TrimPrefix(raw, byteOrderMark), read); err != nil {
		return fmt.Errorf("%w: %s", ErrDecode, brief(err))
	}
	return nil
}

// brief returns an error's message on one line and with bounded length, because
// a decoder's errors quote what the service sent.
func brief(err error) string {
	const most = 200
	message := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(message) > most {
		message = message[:most] + "…"
	}
	return strings.ToValidUTF8(message, "")
}

// decodeDocument reads a whole response that is one JSON object.
func decodeDocument(raw []byte, field func(d *decoding, key []byte) error) error {
	return decodeBody(raw, func(d *decoding) error {
		return d.RequiredObject(func(key []byte) error { return field(d, key) })
	})
}

// decodeEnvelope reads {"data": …}. Other keys are ignored. It is an error if
// data is missing.
func decodeEnvelope[T any](raw []byte, decode decoder[T]) (*T, error) {
	value, found := new(T), false
	err := decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) != "data" {
			return d.Skip()
		}
		found = true
		return decode(d, value)
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no data", ErrDecode)
	}
	return value, err
}

// decodeDone reads a response of which only the success matters: nothing, or
// any JSON value, but not a proxy's page. A finished operation must not become
// an error because of how the service reports it, which has differed from
// release to release. The value is that of data if it has the documented form,
// and zero otherwise.
func decodeDone[T any](raw []byte, decode decoder[T]) (v T, err error) {
	if isEmpty(raw) {
		return v, nil
	}
	err = decodeBody(raw, func(d *decoding) error { return lenient(d, &v, objectField("data", decode)) })
	return v, err
}

// decodeEmpty is decodeDone for a response that is documented without a body.
func decodeEmpty(raw []byte) error {
	_, err := decodeDone(raw, func(d *decoding, _ *struct{}) error { return d.Skip() })
	return err
}

// isEmpty reports whether a response contains nothing at all.
func isEmpty(raw []byte) bool {
	return len(bytes.TrimSpace(bytes.TrimPrefix(raw, byteOrderMark))) == 0
}

// objectField reads one field of an object, which must not be null. If the
// field is missing, v is unchanged.
func objectField[T any](name string, decode decoder[T]) decoder[T] {
	return func(d *decoding, v *T) error {
		return d.RequiredObject(func(key []byte) error {
			if string(key) != name {
				return d.Skip()
			}
			return decode(d, v)
		})
	}
}

// list reads an array; null is the nil list.
func list[T any](d *decoding, v *[]T, decode decoder[T]) error { return jsonread.List(d, v, decode) }

// listOf returns the decoder of a list.
func listOf[T any](decode decoder[T]) decoder[[]T] {
	return func(d *decoding, v *[]T) error { return list(d, v, decode) }
}

// nullable reads a value into a pointer; null is nil.
func nullable[T any](d *decoding, v **T, decode decoder[T]) error {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	value := new(T)
	if err := decode(d, value); err != nil {
		return err
	}
	*v = value
	return nil
}

// lenient reads a value whose type must not make the whole response fail: a
// value that cannot be decoded is left out. An error is one of the document's
// syntax.
func lenient[T any](d *decoding, v *T, decode decoder[T]) error {
	was := *v
	ok, err := d.Try(func() error { return decode(d, v) })
	if !ok {
		*v = was
	}
	return err
}

// expect refuses a response about something other than what was requested. The
// case of ids is ignored, because a service may change it.
func expect[T any](asked string, decode decoder[T], id func(*T) string) decoder[T] {
	return func(d *decoding, v *T) error {
		if err := decode(d, v); err != nil {
			return err
		}
		if got := id(v); !strings.EqualFold(got, asked) {
			return fmt.Errorf("asked for %s, got %s", asked, got)
		}
		return nil
	}
}

// required refuses a missing value where that value identifies something. An
// earlier error of reading the rest takes precedence.
func required[T comparable](name string, v T, err error) error {
	var zero T
	if err == nil && v == zero {
		err = fmt.Errorf("no %s", name)
	}
	return err
}

// stringValue reads a string; null is "".
func stringValue[S ~string](d *decoding, v *S) error {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	raw, err := d.StringBytes()
	if err == nil {
		*v = S(d.Intern(raw))
	}
	return err
}

// stringOrLines reads a string, or a list of strings, which it joins with
// newlines.
func stringOrLines(d *decoding, v *string) error {
	if d.Peek() != '[' {
		return stringValue(d, v)
	}
	var lines []string
	err := list(d, &lines, stringValue[string])
	*v = strings.Join(lines, "\n")
	return err
}

// numberOrString reads a number or a string into a string; null is "".
func numberOrString(d *decoding, v *string) error {
	raw, err := numeral(d)
	if err == nil && raw != nil {
		*v = d.Intern(raw)
	}
	return err
}

// numeral reads a number, or a string that should hold one; null is nil.
func numeral(d *decoding) ([]byte, error) {
	switch d.Peek() {
	case 'n':
		_, err := d.Null()
		return nil, err
	case '"':
		return d.StringBytes()
	}
	return d.Number()
}

// identifier reads an id, which the service is known to send as a string or as
// an integer; null is "". Unlike other strings, an id that is not valid UTF-8
// is not repaired, because it would become the id of something else.
func identifier(d *decoding, v *string) error {
	quoted := d.Peek() == '"'
	raw, err := numeral(d)
	switch {
	case err != nil || raw == nil:
		return err
	case !quoted && bytes.ContainsAny(raw, ".eE"):
		return errors.New("an id that is no integer")
	case !utf8.Valid(raw):
		return errors.New("an id that is not valid UTF-8")
	}
	*v = d.InternID(raw)
	return nil
}

// identifiers reads a list of ids, none of which may be missing; null is the
// nil list.
func identifiers(d *decoding, v *[]string) error {
	if err := list(d, v, identifier); err != nil {
		return err
	}
	if slices.Contains(*v, "") {
		return errors.New("an id is empty")
	}
	return nil
}

// integer reads an integer, which may also be written as 620.0 or as a string;
// null is 0.
func integer[I ~int | ~int64](d *decoding, v *I) error {
	raw, err := numeral(d)
	if err != nil || raw == nil {
		return err
	}
	i, err := jsonread.ParseInt(raw)
	if err != nil || int64(I(i)) != i {
		return errors.New("not an integer that fits")
	}
	*v = I(i)
	return nil
}

// nullableInteger is integer into a pointer; null is nil.
func nullableInteger(d *decoding, v **int) error {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	var i int
	if err := integer(d, &i); err != nil {
		return err
	}
	*v = d.NewInt(i)
	return nil
}

// nullableNumber reads a finite number, which may also be written as a string,
// into a pointer; null is nil.
func nullableNumber(d *decoding, v **float64) error {
	raw, err := numeral(d)
	if err != nil || raw == nil {
		return err
	}
	f, err := jsonread.ParseFloat(raw)
	if err == nil {
		*v = d.NewFloat(f)
	}
	return err
}

// boolean reads true or false; null is false.
func boolean(d *decoding, v *bool) (err error) {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	*v, err = d.Bool()
	return err
}

// timestamp reads a time in any form that [Time] knows; null is the zero Time.
func timestamp(d *decoding, v *Time) error {
	if null, err := d.Null(); null || err != nil {
		return err
	}
	raw, err := d.StringBytes()
	if err != nil {
		return err
	}
	return v.UnmarshalText(raw)
}
