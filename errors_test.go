package hacarus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// sentinels are all errors of the package that errors.Is finds.
var sentinels = []error{
	ErrBadRequest, ErrUnauthorized, ErrForbidden, ErrLicense, ErrNotFound, ErrTooLarge, ErrUnprocessable, ErrBusy, ErrRateLimited, ErrServer,
	ErrInvalidArgument, ErrRedirect, ErrDecode, ErrResponseTooLarge, ErrOutcomeUnknown, ErrTrainingFailed,
}

// kindsOf are the sentinels that an error is.
func kindsOf(err error) []error {
	kinds := []error{}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			kinds = append(kinds, sentinel)
		}
	}
	return kinds
}

func TestKindsByStatus(t *testing.T) {
	t.Parallel()
	known := map[int][]error{
		400: {ErrBadRequest}, 401: {ErrUnauthorized}, 403: {ErrForbidden}, 404: {ErrNotFound}, 413: {ErrTooLarge},
		422: {ErrUnprocessable}, 425: {ErrBusy}, 429: {ErrRateLimited},
	}
	for code := 100; code < 700; code++ {
		want := known[code]
		if code >= 500 && code <= 599 {
			want = []error{ErrServer}
		}
		err := error(&BaseError{StatusCode: code, Errors: ErrorDetails{Status: 404}, Outcome: OutcomeNotExecuted})
		require.ElementsMatch(t, want, kindsOf(err), code)
		require.ElementsMatch(t, want, kindsOf(fmt.Errorf("line 7: %w", err)), code)
	}
}

func TestKindsByOutcome(t *testing.T) {
	t.Parallel()
	for outcome, unknown := range map[Outcome]bool{
		"": false, OutcomeNotSent: false, OutcomeNotExecuted: false, OutcomeUnknown: true, OutcomeExecuted: false,
	} {
		for _, err := range []error{
			&BaseError{StatusCode: 500, Outcome: outcome},
			&RequestError{Err: syscall.ECONNRESET, Outcome: outcome},
		} {
			require.Equal(t, unknown, errors.Is(err, ErrOutcomeUnknown), outcome)
			require.Equal(t, unknown, strings.Contains(err.Error(), "may have executed"), outcome)
		}
	}
}

func TestLicenseErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status        int
		title, detail string
		want          []error
	}{
		{403, "Invalid license!", "", []error{ErrForbidden, ErrLicense}},
		{403, "INVALID LICENSE!", "", []error{ErrForbidden, ErrLicense}},
		{403, " invalid license\n", "", []error{ErrForbidden, ErrLicense}},
		{403, "Invalid licence!", "", []error{ErrForbidden, ErrLicense}},
		{403, "Invalid license!", "License already exists", []error{ErrForbidden, ErrLicense}},
		{403, "", "Invalid license!", []error{ErrForbidden, ErrLicense}},
		{403, "No access", "Invalid license!", []error{ErrForbidden}},
		{403, "ライセンスが無効です。", "", []error{ErrForbidden}},
		{403, "Invalid license plate", "", []error{ErrForbidden}},
		{403, "", "", []error{ErrForbidden}},
		{400, "Invalid license!", "", []error{ErrBadRequest}},
		{401, "Invalid license!", "", []error{ErrUnauthorized}},
	} {
		err := &BaseError{StatusCode: test.status, Errors: ErrorDetails{Title: test.title, Detail: test.detail}}
		require.ElementsMatch(t, test.want, kindsOf(err), "%+v", test)
	}
}

// TestMessages holds the order of wire-facts.md 9.
func TestMessages(t *testing.T) {
	t.Parallel()
	messages := []KeyValueError{{"name", []string{"Missing data.", "Not a string."}}, {"item_ids", []string{"Not a list."}}}
	for _, test := range []struct {
		name   string
		errors ErrorDetails
		status int
		want   string
	}{
		{"all", ErrorDetails{Title: "Invalid", Detail: "see below", Message: messages}, 422, "Invalid: see below: name: Missing data., Not a string.: item_ids: Not a list."},
		{"title", ErrorDetails{Title: "Invalid"}, 422, "Invalid"},
		{"detail", ErrorDetails{Detail: "a\nb"}, 422, "a\nb"},
		{"messages", ErrorDetails{Message: messages[1:]}, 422, "item_ids: Not a list."},
		{"spaces", ErrorDetails{Title: " \n", Detail: "\t"}, 422, "Unprocessable Entity"},
		{"nothing", ErrorDetails{}, 404, "Not Found"},
		{"other parts", ErrorDetails{Status: 400, Source: ErrorSource{"/api/v1/model?"}}, 404, "Not Found"},
		{"unknown status", ErrorDetails{}, 599, "unknown status"},
		{"empty messages", ErrorDetails{Message: []KeyValueError{{}, {}}}, 422, "Unprocessable Entity"},
		{"message without a key", ErrorDetails{Message: []KeyValueError{{Errors: []string{"Missing data."}}}}, 422, "Missing data."},
		{"message without errors", ErrorDetails{Message: []KeyValueError{{Key: "name"}}}, 422, "name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := &BaseError{Operation: "train", StatusCode: test.status, Errors: test.errors}
			require.Equal(t, fmt.Sprintf("hacarus: Train (train): %d: %s", test.status, test.want), err.Error())
		})
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	html := "<html><head><title>502 Bad Gateway</title></head></html>"
	long := strings.Repeat("x", 10_000)
	for name, test := range map[string]struct{ body, want, message string }{
		"HTML":      {html, html, "Bad Gateway"},
		"empty":     {"", "", "Bad Gateway"},
		"text":      {"upstream connect error", "upstream connect error", "Bad Gateway"},
		"long":      {long, long[:4096], "Bad Gateway"},
		"exact":     {long[:4096], long[:4096], "Bad Gateway"},
		"very long": {strings.Repeat("x", maxErrorResponse+1), long[:4096], "Bad Gateway"},
		"long JSON": {`{"errors":{"detail":"` + long + `"}}`, `{"errors":{"detail":"` + long[:4096-21], long},
		"other":     {`{"message":"no"}`, `{"message":"no"}`, "Bad Gateway"},
	} {
		for transport, over := range map[string]func(*testing.T, http.Handler, ...Option) *Client{"memory": overMemory, "TCP": overTCP} {
			t.Run(name+" over "+transport, func(t *testing.T) {
				t.Parallel()
				c := over(t, &fakeService{next: status(502, test.body)}, WithRetry(RetryPolicy{MaxAttempts: 1}))
				err := getModel(t.Context(), c)
				var base *BaseError
				require.ErrorAs(t, err, &base)
				require.ErrorIs(t, err, ErrServer)
				require.Equal(t, test.want, string(base.Body))
				require.Equal(t, "hacarus: GetModel (getModelById): 502: "+test.message, err.Error())
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		c := overTCP(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusNotFound)
			cutLength(`{"errors":{"title":"No mod`)(w, r)
		}})
		err := getModel(t.Context(), c)
		require.ErrorIs(t, err, ErrNotFound, "a broken error page is still an error")
	})
}

func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		header    []string
		requestID string
		after     time.Duration
	}{
		{nil, "", 0},
		{[]string{"X-Request-Id", "r-42"}, "r-42", 0},
		{[]string{"Retry-After", "7"}, "", 7 * time.Second},
		{[]string{"Retry-After", "soon"}, "", 0},
		{[]string{"Retry-After", "86400", "X-Request-Id", "r-43"}, "r-43", 24 * time.Hour},
	} {
		err := getModel(t.Context(), overMemory(t, &fakeService{next: status(404, "", test.header...)}))
		var base *BaseError
		require.ErrorAs(t, err, &base)
		require.Equal(t, test.requestID, base.RequestID)
		require.Equal(t, test.after, base.RetryAfter)
		require.Equal(t, 1, base.Attempts)
	}
}

// logged is an error as a structured log writes it.
func logged(t *testing.T, err error) map[string]any {
	t.Helper()
	var text bytes.Buffer
	slog.New(slog.NewJSONHandler(&text, nil)).Error("failed", "error", err)
	var line struct{ Error map[string]any }
	require.NoError(t, json.Unmarshal(text.Bytes(), &line))
	return line.Error
}

func TestErrorsInLogs(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]any{
		"operation": "train", "status": 422.0, "message": "Invalid: name", "outcome": "not executed", "attempts": 2.0, "request_id": "r-42",
	}, logged(t, &BaseError{
		Errors: ErrorDetails{Title: "Invalid", Detail: "name"}, StatusCode: 422, Operation: "train", RequestID: "r-42",
		Attempts: 2, Outcome: OutcomeNotExecuted, Body: []byte("private"),
	}))
	require.Equal(t, map[string]any{
		"operation": "train", "cause": "connection reset by peer", "outcome": "unknown", "attempts": 1.0,
	}, logged(t, &RequestError{Operation: "train", Attempts: 1, Outcome: OutcomeUnknown, Err: syscall.ECONNRESET}))
}

func TestRequestErrorText(t *testing.T) {
	t.Parallel()
	err := &RequestError{Operation: "train", Attempts: 1, Outcome: OutcomeNotSent, Err: syscall.ECONNREFUSED}
	require.Equal(t, "hacarus: Train (train): connection refused", err.Error())
	err.Outcome = OutcomeUnknown
	require.Equal(t, "hacarus: Train (train): connection refused (the service may have executed the call)", err.Error())
}

// TestNetworkErrorsStayReachable: what went wrong can be asked for, and
// whether the service may have acted.
func TestNetworkErrorsStayReachable(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, test := range []struct {
		op      operation
		unknown bool
	}{{opGetModel, false}, {opTrain, true}, {opAddItems, true}, {opDeleteItems, true}} {
		t.Run(test.op.id, func(t *testing.T) {
			t.Parallel()
			c := overTransport(t, func(r *http.Request) (*http.Response, error) {
				answer, err := testkit.InMemory(&fakeService{next: ok("")})(r)
				if r.URL.Path != opLogin.path {
					return nil, reset
				}
				return answer, err
			})
			err := invoke(t.Context(), c, test.op)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			var cause *net.OpError
			require.ErrorAs(t, err, &cause)
			require.Same(t, reset, cause)
			require.Equal(t, test.op.id, failed.Operation)
			require.Equal(t, test.unknown, errors.Is(err, ErrOutcomeUnknown))
		})
	}
}

func TestBodiesAreMasked(t *testing.T) {
	t.Parallel()
	body := fmt.Sprintf("%s and %s, %s", testSecret, testToken, strings.Repeat("z", maxErrorBody))
	err := getModel(t.Context(), overMemory(t, &fakeService{next: status(400, body)}))
	var base *BaseError
	require.ErrorAs(t, err, &base)
	require.Len(t, base.Body, maxErrorBody)
	require.True(t, strings.HasPrefix(string(base.Body), "[masked] and [masked], zzz"))
}

// TestArgumentErrorsKeepTheirCause: a file that is missing can be told from a bad id.
func TestArgumentErrorsKeepTheirCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such camera")
	err := argumentError("addItem", "files[%d]: %w", 3, cause)
	require.ErrorIs(t, err, ErrInvalidArgument)
	require.ErrorIs(t, err, cause)
	require.Equal(t, []error{ErrInvalidArgument}, kindsOf(err))
	require.Contains(t, err.Error(), "addItem")
	require.Contains(t, err.Error(), "files[3]")
}

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
					answer = (&fakeService{next: answer}).ServeHTTP
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
				base.Hint = "" // of the fixture's file names, and not of the service
				require.Equal(t, fmt.Sprintf("hacarus: %s (%s): %d: %s", test.op.name, test.op.id, test.status, test.message), err.Error())
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
