package hacarus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
			require.Equal(t, fmt.Sprintf("hacarus: train: %d: %s", test.status, test.want), err.Error())
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
				c := over(t, &fakeAPI{next: status(502, test.body)}, WithRetry(RetryPolicy{MaxAttempts: 1}))
				err := getModel(t.Context(), c)
				var base *BaseError
				require.ErrorAs(t, err, &base)
				require.ErrorIs(t, err, ErrServer)
				require.Equal(t, test.want, string(base.Body))
				require.Equal(t, "hacarus: getModelById: 502: "+test.message, err.Error())
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		c := overTCP(t, &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) {
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
		err := getModel(t.Context(), overMemory(t, &fakeAPI{next: status(404, "", test.header...)}))
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
	require.Equal(t, "hacarus: train: connection refused", err.Error())
	err.Outcome = OutcomeUnknown
	require.Equal(t, "hacarus: train: connection refused (the service may have executed the call)", err.Error())
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
				answer, err := inMemory(&fakeAPI{next: ok("")})(r)
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
	err := getModel(t.Context(), overMemory(t, &fakeAPI{next: status(400, body)}))
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
