package hacarus

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestFactErrors(t *testing.T) {
	t.Parallel()
	const (
		enNoContext = `{"errors":{"detail":"Cannot find context","source":{"pointer":"/api/v1/items"},"status":404,"title":""}}`
		jaNoContext = `{"errors":{"detail":"コンテキストが見つかりません。","source":{"pointer":"/api/v1/items"},"status":404,"title":""}}`
	)
	for _, test := range []struct {
		name    string
		op      operation
		status  int
		body    string
		kinds   []error
		not     []error
		want    ErrorDetails
		message string
	}{
		{
			"04 A6 GetItemsErrorEn", opListItems, 404, enNoContext, []error{ErrNotFound}, nil,
			ErrorDetails{Status: 404, Detail: "Cannot find context", Source: ErrorSource{"/api/v1/items"}}, "Cannot find context",
		},
		{
			"04 A6 GetItemsErrorJa", opListItems, 404, jaNoContext, []error{ErrNotFound}, nil,
			ErrorDetails{Status: 404, Detail: "コンテキストが見つかりません。", Source: ErrorSource{"/api/v1/items"}}, "コンテキストが見つかりません。",
		},
		{
			"06 A6 AuthorizeFailedClientID", opLogin, 401,
			`{"errors":{"detail":null,"source":{"pointer":"/api/auth/token"},"status":401,"title":"Cannot find client information"}}`,
			[]error{ErrUnauthorized}, nil,
			ErrorDetails{Status: 401, Source: ErrorSource{"/api/auth/token"}, Title: "Cannot find client information"}, "Cannot find client information",
		},
		{
			"06 A6 AuthorizeFailedClientSecret", opLogin, 401,
			`{"errors":{"detail":null,"source":{"pointer":"/api/auth/token"},"status":401,"title":"Client id and secret mismatch"}}`,
			[]error{ErrUnauthorized}, nil,
			ErrorDetails{Status: 401, Source: ErrorSource{"/api/auth/token"}, Title: "Client id and secret mismatch"}, "Client id and secret mismatch",
		},
		{
			"06 mismatch as 400", opLogin, 400,
			`{"errors":{"detail":null,"source":{"pointer":"/api/auth/token"},"status":400,"title":"Client id and secret mismatch"}}`,
			[]error{ErrBadRequest}, []error{ErrUnauthorized},
			ErrorDetails{Status: 400, Source: ErrorSource{"/api/auth/token"}, Title: "Client id and secret mismatch"}, "Client id and secret mismatch",
		},
		{
			"06 not logged in", opListModels, 401,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/models"},"status":401,"title":"No permission to access this resource"}}`,
			[]error{ErrUnauthorized}, nil,
			ErrorDetails{Status: 401, Source: ErrorSource{"/api/v1/models"}, Title: "No permission to access this resource"}, "No permission to access this resource",
		},
		{
			"06 A6 GetItemFailed of someone else", opGetItem, 401,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/a"},"status":401,"title":"No permission to view item!"}}`,
			[]error{ErrUnauthorized}, []error{ErrForbidden},
			ErrorDetails{Status: 401, Source: ErrorSource{"/api/v1/item/a"}, Title: "No permission to view item!"}, "No permission to view item!",
		},
		{
			"07 license missing at upload", opAddItems, 403,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/upload"},"status":403,"title":"Invalid license!"}}`,
			[]error{ErrLicense, ErrForbidden}, nil,
			ErrorDetails{Status: 403, Source: ErrorSource{"/api/v1/upload"}, Title: "Invalid license!"}, "Invalid license!",
		},
		{
			"07 A6 ActivateLicenseFailed", opSetLicense, 403,
			`{"errors":{"detail":null,"source":{"pointer":"/api/auth/license"},"status":403,"title":"Invalid license!"}}`,
			[]error{ErrLicense, ErrForbidden}, nil,
			ErrorDetails{Status: 403, Source: ErrorSource{"/api/auth/license"}, Title: "Invalid license!"}, "Invalid license!",
		},
		{
			"07 A6 ActivateLicenseFailedLicenseFileExists", opSetLicense, 403,
			`{"errors":{"detail":"License already exists","source":{"pointer":"/api/auth/license"},"status":403,"title":"Invalid license!"}}`,
			[]error{ErrLicense, ErrForbidden}, nil,
			ErrorDetails{Status: 403, Detail: "License already exists", Source: ErrorSource{"/api/auth/license"}, Title: "Invalid license!"},
			"Invalid license!: License already exists",
		},
		{
			"07 items of someone else at train", opTrain, 403,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/train"},"status":403,"title":"You do not have access to one or more item ids provided"}}`,
			[]error{ErrForbidden}, []error{ErrLicense},
			ErrorDetails{Status: 403, Source: ErrorSource{"/api/v1/train"}, Title: "You do not have access to one or more item ids provided"},
			"You do not have access to one or more item ids provided",
		},
		{
			"08 A6 UploadFailedInvalidFile", opAddItems, 400,
			`{"errors":{"detail":["NewItem invalid.name.png"],"source":{"pointer":"/api/v1/upload"},"status":400,"title":"Invalid Request"}}`,
			[]error{ErrBadRequest}, nil,
			ErrorDetails{Status: 400, Detail: "NewItem invalid.name.png", Source: ErrorSource{"/api/v1/upload"}, Title: "Invalid Request"},
			"Invalid Request: NewItem invalid.name.png",
		},
		{
			"08 several details", opAddItems, 400,
			`{"errors":{"detail":["NewItem invalid.name.png","2019-05-24 at 3.27.11 PM.png"],"status":400,"title":"Invalid Request"}}`,
			[]error{ErrBadRequest}, nil,
			ErrorDetails{Status: 400, Detail: "NewItem invalid.name.png\n2019-05-24 at 3.27.11 PM.png", Title: "Invalid Request"},
			"Invalid Request: NewItem invalid.name.png\n2019-05-24 at 3.27.11 PM.png",
		},
		{
			"09 title, detail, then messages", opTrain, 422,
			`{"errors":{"message":[{"key":"name","errors":["Missing data.","Not a string."]},{"key":"item_ids","errors":["Not a list."]}],` +
				`"status":422,"detail":"see message","source":{"pointer":"/api/v1/algorithms/AE/train"},"title":"Invalid Request"}}`,
			[]error{ErrUnprocessable}, nil,
			ErrorDetails{
				Message: []KeyValueError{{"name", []string{"Missing data.", "Not a string."}}, {"item_ids", []string{"Not a list."}}},
				Status:  422, Detail: "see message", Source: ErrorSource{"/api/v1/algorithms/AE/train"}, Title: "Invalid Request",
			},
			"Invalid Request: see message: name: Missing data., Not a string.: item_ids: Not a list.",
		},
		{
			"09 11 A6 DeleteModelFailed", opDeleteModels, 404,
			`{"errors":{"detail":"No model found","source":{"pointer":"/api/v1/model?"},"status":404,"title":""}}`,
			[]error{ErrNotFound}, []error{ErrOutcomeUnknown},
			ErrorDetails{Status: 404, Detail: "No model found", Source: ErrorSource{"/api/v1/model?"}}, "No model found",
		},
		{
			"09 HTTP status text", opGetModel, 404, `{"errors":{"detail":null,"source":{"pointer":null},"status":404,"title":""}}`,
			[]error{ErrNotFound}, nil, ErrorDetails{Status: 404}, "Not Found",
		},
		{
			"10 A6 AddAnnotationFailed", opAnnotateItem, 404,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/image/1805/annotation"},"status":400,"title":"Cannot find image"}}`,
			[]error{ErrNotFound}, []error{ErrBadRequest},
			ErrorDetails{Status: 400, Source: ErrorSource{"/api/v1/image/1805/annotation"}, Title: "Cannot find image"}, "Cannot find image",
		},
		{
			"11 pointer", opPredictItems, 404,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/serve"},"status":404,"title":"Cannot find items"}}`,
			[]error{ErrNotFound}, nil, ErrorDetails{Status: 404, Source: ErrorSource{"/api/v1/serve"}, Title: "Cannot find items"}, "Cannot find items",
		},
		{
			"11 pointer with question mark", opListItems, 404,
			`{"errors":{"detail":"Cannot find context","source":{"pointer":"/api/context/10011?"},"status":404,"title":""}}`,
			[]error{ErrNotFound}, nil, ErrorDetails{Status: 404, Detail: "Cannot find context", Source: ErrorSource{"/api/context/10011?"}}, "Cannot find context",
		},
		{
			"11 pointer that is a URL", opSetLicense, 403,
			`{"errors":{"detail":null,"source":{"pointer":"https://sdd-api.hacarus.com/api/auth/license"},"status":403,"title":"Invalid license!"}}`,
			[]error{ErrLicense}, nil,
			ErrorDetails{Status: 403, Source: ErrorSource{"https://sdd-api.hacarus.com/api/auth/license"}, Title: "Invalid license!"}, "Invalid license!",
		},
		{
			"12 no algorithms", opListAlgorithms, 404,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/algorithms"},"status":404,"title":"No algorithms found"}}`,
			[]error{ErrNotFound}, nil,
			ErrorDetails{Status: 404, Source: ErrorSource{"/api/v1/algorithms"}, Title: "No algorithms found"}, "No algorithms found",
		},
		{
			"12 A6 PredictFailed without a model", opPredictItems, 400,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/serve"},"status":400,"title":"There is no available model"}}`,
			[]error{ErrBadRequest}, nil,
			ErrorDetails{Status: 400, Source: ErrorSource{"/api/v1/serve"}, Title: "There is no available model"}, "There is no available model",
		},
		{
			"12 A6 PredictFailed without items", opPredictItems, 404,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/serve"},"status":404,"title":"Cannot find items"}}`,
			[]error{ErrNotFound}, nil, ErrorDetails{Status: 404, Source: ErrorSource{"/api/v1/serve"}, Title: "Cannot find items"}, "Cannot find items",
		},
		{"13 HTML of a proxy", opListModels, 502, "<html><body><h1>502 Bad Gateway</h1></body></html>", []error{ErrServer}, nil, ErrorDetails{}, "Bad Gateway"},
		{"13 nothing", opGetModel, 404, "", []error{ErrNotFound}, nil, ErrorDetails{}, "Not Found"},
		{
			"26 busy", opPredictItems, 425, `{"errors":{"status":425,"title":"The server is busy processing requests. Try again in a while."}}`,
			[]error{ErrBusy}, []error{ErrOutcomeUnknown},
			ErrorDetails{Status: 425, Title: "The server is busy processing requests. Try again in a while."},
			"The server is busy processing requests. Try again in a while.",
		},
		{
			"29 rejected name", opAddItems, 400,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/upload"},"status":400,"title":"Invalid filename 2019-05-24 at 3.27.11 PM.png"}}`,
			[]error{ErrBadRequest}, nil,
			ErrorDetails{Status: 400, Source: ErrorSource{"/api/v1/upload"}, Title: "Invalid filename 2019-05-24 at 3.27.11 PM.png"},
			"Invalid filename 2019-05-24 at 3.27.11 PM.png",
		},
		{
			"A6 UploadFailed without images", opAddItems, 400,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/upload"},"status":400,"title":"No images to upload"}}`,
			[]error{ErrBadRequest}, nil,
			ErrorDetails{Status: 400, Source: ErrorSource{"/api/v1/upload"}, Title: "No images to upload"}, "No images to upload",
		},
		{
			"A6 GetItemFailed", opGetItem, 404,
			`{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/a"},"status":404,"title":"No match for item_id!"}}`,
			[]error{ErrNotFound}, nil,
			ErrorDetails{Status: 404, Source: ErrorSource{"/api/v1/item/a"}, Title: "No match for item_id!"}, "No match for item_id!",
		},
	} {
		for name, prefix := range map[string]string{"": "", " 13 with byte order mark": "\ufeff"} {
			t.Run(test.name+name, func(t *testing.T) {
				t.Parallel()
				answer := status(test.status, prefix+test.body)
				if test.op != opLogin {
					answer = (&fakeAPI{next: answer}).ServeHTTP
				}
				err := invoke(t.Context(), overMemory(t, answer), test.op)
				base := (*BaseError)(nil)
				require.ErrorAs(t, err, &base)
				for _, kind := range test.kinds {
					require.ErrorIs(t, err, kind)
				}
				for _, kind := range test.not {
					require.NotErrorIs(t, err, kind)
				}
				require.Equal(t, test.want, base.Errors)
				require.Equal(t, test.status, base.StatusCode)
				require.Equal(t, fmt.Sprintf("hacarus: %s: %d: %s", test.op.id, test.status, test.message), err.Error())
			})
		}
	}
}

// TestDecodeErrorDetails holds that a part of an error that is not as
// documented costs that part only.
func TestDecodeErrorDetails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		want       ErrorDetails
	}{
		{"nothing", ``, ErrorDetails{}},
		{"HTML", `<html></html>`, ErrorDetails{}},
		{"null", `null`, ErrorDetails{}},
		{"no errors", `{"message":"no"}`, ErrorDetails{}},
		{"errors null", `{"errors":null}`, ErrorDetails{}},
		{"errors is a list", `{"errors":[{"title":"a"}]}`, ErrorDetails{}},
		{"errors is a text", `{"errors":"a"}`, ErrorDetails{}},
		{"status as text", `{"errors":{"status":"400","title":"a"}}`, ErrorDetails{Status: 400, Title: "a"}},
		{"status is an object", `{"errors":{"status":{},"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"status beyond all numbers", `{"errors":{"status":1e400,"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"detail is a number", `{"errors":{"detail":5,"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"detail is an object", `{"errors":{"detail":{"x":"y"},"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"detail is an empty list", `{"errors":{"detail":[],"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"detail is a list with null", `{"errors":{"detail":["a",null,"b"]}}`, ErrorDetails{Detail: "a\n\nb"}},
		{"title is a list", `{"errors":{"title":["a","b"]}}`, ErrorDetails{Title: "a\nb"}},
		{"source is a text", `{"errors":{"source":"/api","title":"a"}}`, ErrorDetails{Title: "a"}},
		{"source null", `{"errors":{"source":null,"title":"a"}}`, ErrorDetails{Title: "a"}},
		{"message is a text", `{"errors":{"message":"x","title":"a"}}`, ErrorDetails{Title: "a"}},
		{"message null", `{"errors":{"message":null,"title":"a"}}`, ErrorDetails{Title: "a"}},
		{
			"messages without parts", `{"errors":{"message":[{"key":"name"},{"errors":["x"]},{"key":1,"errors":"x"},{}]}}`,
			ErrorDetails{Message: []KeyValueError{{Key: "name"}, {Errors: []string{"x"}}, {}, {}}},
		},
		{"unknown parts", `{"errors":{"code":7,"title":"a"},"x":[]}`, ErrorDetails{Title: "a"}},
		{"something follows", `{"errors":{"title":"a"}} <html>`, ErrorDetails{Title: "a"}},
		{"invalid UTF-8", "{\"errors\":{\"title\":\"a\xff\"}}", ErrorDetails{Title: "a\ufffd"}},
		{"too deep", `{"errors":{"title":"a","detail":` + decodeNested(10_001) + `}}`, ErrorDetails{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, decodeErrorDetails([]byte(test.body), strings.Clone))
		})
	}
}

// FuzzErrorDetails compares what is read of an error with what encoding/json
// reads there.
func FuzzErrorDetails(f *testing.F) {
	for _, seed := range []string{
		`{"errors":{"detail":["a","b"],"message":[{"key":"a","errors":["b"]}],"source":{"pointer":"/"},"status":400,"title":""}}`,
		`{"errors":{"detail":null,"status":"400","title":"x"}}`, `{"errors":{"detail":"canary-7"}}`, `{"errors":[{"title":"a"}]}`,
		"\ufeff" + `{"errors":{"title":"Invalid license!"}}`, `<html>`, `{"errors":{"title":"a"}} x`, `{"errors":{"title":"\ud800"}}`,
		`{"errors":{"message":[{"key":"c\u0061nary-7","errors":["c\u0061nary-7"]}],"source":{"pointer":"c\u0061nary-7"}}}`,
	} {
		f.Add([]byte(seed))
	}
	const canary = "canary-7"
	f.Fuzz(func(t *testing.T, raw []byte) {
		details := decodeErrorDetails(raw, func(text string) string { return strings.ReplaceAll(text, canary, "[masked]") })
		shown := []string{details.Title, details.Detail, details.Source.Pointer, (&BaseError{Errors: details}).Error()}
		for _, m := range details.Message {
			shown = append(shown, m.Errors...)
		}
		for _, text := range shown {
			require.NotContains(t, text, canary)
			require.True(t, utf8.ValidString(text))
		}
		var reference struct{ Errors map[string]any }
		document := map[string]json.RawMessage{}
		if !utf8.Valid(raw) || json.Unmarshal(raw, &document) != nil || json.Unmarshal(document["errors"], &reference.Errors) != nil {
			return
		}
		if title, ok := reference.Errors["title"].(string); ok && !strings.Contains(title, canary) {
			require.Equal(t, title, details.Title)
		}
		if status, ok := reference.Errors["status"].(float64); ok && status == math.Trunc(status) && math.Abs(status) < 1<<31 {
			require.EqualValues(t, status, details.Status)
		}
	})
}
