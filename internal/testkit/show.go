package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
)

// EveryText is all that an error and the errors in it show when printed or
// logged, and the body that an error of the service keeps.
func EveryText(err error) string {
	var text bytes.Buffer
	text.WriteString(EveryPrint(err))
	if layer := reflect.Indirect(reflect.ValueOf(err)); layer.Kind() == reflect.Struct {
		text.WriteString(EveryPrint(layer.Interface()))
		if body := layer.FieldByName("Body"); body.IsValid() {
			text.Write(body.Bytes())
		}
	}
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			text.WriteString(EveryText(inner))
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			text.WriteString(EveryText(inner))
		}
	}
	return text.String()
}

// EveryPrint is all that a value shows when printed or logged, by itself and in
// another one, where fmt cannot call its methods.
func EveryPrint(v any) string {
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, shown := range []any{v, struct{ Shown any }{v}, struct{ hidden any }{v}, []any{v}, reflect.Indirect(reflect.ValueOf(v))} {
			_, _ = fmt.Fprintf(&text, verb+"\n", shown)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Error("failed", "shown", v, "in another", struct{ Shown any }{v})
	}
	raw, err := json.Marshal(v)
	_, _ = fmt.Fprintln(&text, string(raw), err)
	return text.String()
}
