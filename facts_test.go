package hacarus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// The tests named TestFact hold the facts of wire-facts.md, whose numbers stand
// in the cases' names. Those of models and algorithms stand beside the tests of
// their methods, all others in this file. A6 is the table of known answers, M and D are its two
// earlier API generations. Facts 25 (callbacks) and 27 (workers), and the
// naming of sample sets in 36, ask nothing of the operations.

// factAnswer returns a client of a service that gives one answer to every call.
func factAnswer(t *testing.T, code int, body string) *Client {
	t.Helper()
	return overMemory(t, &fakeAPI{next: status(code, body)})
}

// factRequests keeps what arrived, with its body.
type factRequests struct {
	mu      sync.Mutex
	arrived []fixtureRequest
}

func (f *factRequests) before(t *testing.T, next http.HandlerFunc) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		f.mu.Lock()
		f.arrived = append(f.arrived, fixtureRequest{r, body})
		f.mu.Unlock()
		next(w, r)
	}
}

func (f *factRequests) all() []fixtureRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrived
}

func factTime(t *testing.T, rfc3339 string) Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, rfc3339)
	require.NoError(t, err)
	return Time{parsed}
}

func TestFactBaseURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, base, want string }{
		{"01 staging", "https://sdd-api-staging.hacarus.com/", "https://sdd-api-staging.hacarus.com/api/v1/models/m1"},
		{"01 production", "https://sdd-api.hacarus.com/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production as earlier", "https://sdd-api.hacarus.com/api", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production as earlier with slash", "https://sdd-api.hacarus.com/api/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 production without slash", "https://sdd-api.hacarus.com", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"01 own hardware", "https://localhost:8080/", "https://localhost:8080/api/v1/models/m1"},
		{"01 own hardware as earlier", "https://localhost:8080/api", "https://localhost:8080/api/v1/models/m1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var urls []string
			transport := roundTrip(func(r *http.Request) (*http.Response, error) {
				urls = append(urls, r.URL.String())
				return inMemory(&fakeAPI{next: ok(modelBody)})(r)
			})
			c := newTestClient(t, test.base, WithHTTPClient(&http.Client{Transport: transport}))
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			login := strings.Replace(test.want, "/v1/models/m1", "/auth/token", 1)
			require.Equal(t, []string{login, test.want}, urls)
		})
	}
}

// factJWT is a token with claims; its signature is not looked at.
func factJWT(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestFactTokens(t *testing.T) {
	t.Parallel()
	jwt := factJWT(`{"iat":1646290110,"exp":1646293710}`)
	noIssue := factJWT(`{"exp":4102444800}`)
	for _, test := range []struct {
		name, body, token string
		lifetime          time.Duration
	}{
		{"02 A6 AuthorizeSuccess", `{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`, "GeneratedAccessToken", 2592000 * time.Second},
		{"02 flat", `{"access_token":"access_token"}`, "access_token", 0},
		{"02 flat with expires", `{"access_token":"access_token","expires":3600}`, "access_token", time.Hour},
		{"02 wrapped without expires", `{"data":{"access_token":"GeneratedAccessToken"}}`, "GeneratedAccessToken", 0},
		{"02 expires null", `{"data":{"access_token":"GeneratedAccessToken","expires":null}}`, "GeneratedAccessToken", 0},
		{"02 exp of a JWT", `{"access_token":"` + jwt + `"}`, jwt, time.Hour},
		{"02 expires before exp of a JWT", `{"access_token":"` + jwt + `","expires":2592000}`, jwt, 2592000 * time.Second},
		{"02 exp without iat", `{"access_token":"` + noIssue + `"}`, noIssue, 0},
		{"13 with byte order mark", "\ufeff" + `{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`, "GeneratedAccessToken", 2592000 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, requests.before(t, answers(ok(test.body), ok(modelBody))))
			before := time.Now()
			token, err := c.Login(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.token, token.AccessToken)
			require.Equal(t, int64(test.lifetime/time.Second), token.ExpiresIn)
			if test.lifetime == 0 {
				require.Zero(t, token.Expiry)
			} else {
				require.WithinRange(t, token.Expiry, before.Add(test.lifetime), time.Now().Add(test.lifetime))
			}

			_, err = c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			require.Len(t, requests.all(), 2)
			require.Equal(t, "Bearer "+test.token, requests.all()[1].Header.Get("Authorization"), "fact 03")
		})
	}
}

func TestFactAcceptLanguage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		opts []Option
		want string
	}{
		{"04 en", []Option{WithLanguage("en")}, "en"},
		{"04 ja", []Option{WithLanguage("ja")}, "ja"},
		{"04 none", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			login := ok(`{"access_token":"` + testToken + `"}`)
			c := overMemory(t, requests.before(t, answers(login, ok(modelBody), ok(idsBody), ok("zip"))), test.opts...)
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			_, err = c.AddItems(t.Context(), AddItemsRequest{Files: []File{FileFromBytes("a.png", []byte("image"))}})
			require.NoError(t, err)
			_, err = readFixtureDownload(c.GetLogs(t.Context()))
			require.NoError(t, err)
			require.Len(t, requests.all(), 4)
			for _, r := range requests.all() {
				require.Equal(t, test.want, r.Header.Get("Accept-Language"), r.URL.Path)
			}
		})
	}
}

func TestFactPaths(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		op   operation
		want string
	}{
		{"05 login", opLogin, "POST /api/auth/token"},
		{"05 targets", opListTargets, "GET /api/v1/targets/"},
		{"05 target", opGetTarget, "GET /api/v1/targets/1"},
		{"05 default target", opSetDefaultTarget, "POST /api/v1/targets/1"},
		{"05 results", opGetModelResults, "POST /api/v1/targets/model/results"},
		{"05 algorithms", opListAlgorithms, "GET /api/v1/algorithms/"},
		{"05 algorithm", opGetAlgorithm, "GET /api/v1/algorithms/AE"},
		{"05 train", opTrain, "POST /api/v1/algorithms/AE/train"},
		{"05 models", opListModels, "GET /api/v1/models/"},
		{"05 delete models", opDeleteModels, "DELETE /api/v1/models/"},
		{"05 model", opGetModel, "GET /api/v1/models/m1"},
		{"05 export", opExportModels, "POST /api/v1/models/export"},
		{"05 import", opImportModels, "POST /api/v1/models/import"},
		{"05 parameters", opSetPredictParameters, "POST /api/v1/models/m1/update_predict_parameters"},
		{"05 callback", opSetPredictCallback, "POST /api/v1/models/m1/update_predict_callback"},
		{"05 predict", opPredictItems, "POST /api/v1/models/m1/predict"},
		{"05 items", opListItems, "GET /api/v1/items/"},
		{"05 add items", opAddItems, "POST /api/v1/items/"},
		{"05 delete items", opDeleteItems, "DELETE /api/v1/items/"},
		{"05 item", opGetItem, "GET /api/v1/items/a"},
		{"05 annotate", opAnnotateItem, "PATCH /api/v1/items/a"},
		{"05 licence", opSetLicense, "POST /api/v1/utils/"},
		{"05 logs", opGetLogs, "POST /api/v1/utils/debug"},
		{"05 hash", opGetHashID, "POST /api/v1/utils/node_hash"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, requests.before(t, (&fakeAPI{next: ok(bodyOf(test.op))}).ServeHTTP))
			require.NoError(t, invoke(t.Context(), c, test.op))
			last := requests.all()[len(requests.all())-1]
			require.Equal(t, test.want, last.Method+" "+last.URL.Path)
		})
	}
}

func TestFactUnauthorized(t *testing.T) {
	t.Parallel()
	refused := status(http.StatusUnauthorized, `{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/0001"},"status":401,"title":"No permission to view item!"}}`)
	expired := status(http.StatusUnauthorized, `{"errors":{"detail":null,"source":{"pointer":"/api/v1/item/0001"},"status":401,"title":"No permission to access this resource"}}`)
	for _, test := range []struct {
		name          string
		next          http.HandlerFunc
		err           error
		logins, calls int
	}{
		{"06 someone else's item", refused, ErrUnauthorized, 2, 2},
		{"06 not logged in any more", answers(expired, ok(`{"data":{"item_id":"0001"}}`)), nil, 2, 2},
		{"06 someone else's item after a stale token", answers(expired, refused), ErrUnauthorized, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: test.next}
			_, err := overMemory(t, api).GetItem(t.Context(), "0001", nil)
			require.ErrorIs(t, err, test.err)
			logins, calls := api.counts()
			require.Equal(t, test.logins, logins)
			require.Equal(t, test.calls, calls)
		})
	}
	t.Run("06 bad credentials", func(t *testing.T) {
		t.Parallel()
		var requests factRequests
		c := overMemory(t, requests.before(t, status(http.StatusUnauthorized, `{"errors":{"title":"Client id and secret mismatch"}}`)))
		_, err := c.GetItem(t.Context(), "0001", nil)
		base := (*BaseError)(nil)
		require.ErrorAs(t, err, &base)
		require.ErrorIs(t, err, ErrUnauthorized)
		require.Equal(t, "login", base.Operation)
		require.Len(t, requests.all(), 1, "no loop")
	})
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
			"07 licence missing at upload", opAddItems, 403,
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

// TestFactByteOrderMark runs every fixture again with a byte order mark before its answer.
func TestFactByteOrderMark(t *testing.T) {
	t.Parallel()
	for operation := range fixtureCalls {
		f := readFixture(t, operation)
		if f.Response.Body == nil {
			continue
		}
		t.Run("13 "+operation, func(t *testing.T) {
			t.Parallel()
			f.Response.Body = append([]byte("\xef\xbb\xbf"), f.Response.Body...)
			f.run(t, operation)
		})
	}
}

func TestFactTimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, json string
		want       time.Time
	}{
		{"16 RFC 3339", `"2019-06-11T05:47:00Z"`, time.Date(2019, 6, 11, 5, 47, 0, 0, time.UTC)},
		{"16 offset", `"2019-08-29T01:04:10+00:00"`, time.Date(2019, 8, 29, 1, 4, 10, 0, time.UTC)},
		{"16 RFC 1123", `"Wed, 19 Jun 2019 05:03:09 GMT"`, time.Date(2019, 6, 19, 5, 3, 9, 0, time.UTC)},
		{"16 fraction", `"2000-01-23T04:56:07.000+00:00"`, time.Date(2000, 1, 23, 4, 56, 7, 0, time.UTC)},
		{"16 no zone", `"2022-03-03T06:48:30"`, time.Date(2022, 3, 3, 6, 48, 30, 0, time.UTC)},
		{"16 null", `null`, time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			body := `{"data":{"model_id":"m1","created_at":` + test.json + `,"updated_at":` + test.json + `}}`
			model, err := factAnswer(t, 200, body).GetModel(t.Context(), "m1")
			require.NoError(t, err)
			require.True(t, model.CreatedAt.Equal(test.want), model.CreatedAt)
			require.True(t, model.UpdatedAt.Equal(test.want), model.UpdatedAt)
			require.Equal(t, test.want.IsZero(), model.CreatedAt.IsZero())
		})
	}
}

// factEXIF is metadata as cameras write it: rational pairs, keys that are
// numbers, control characters.
const factEXIF = `{"ExposureTime":[1,60],"FNumber":[28,10],"ComponentsConfiguration":"\u0001\u0002\u0003\u0000",` +
	`"ExifImageWidth":2272,"ExifImageHeight":1704,"GPSInfo":{"0":"\u0002\u0002\u0000\u0000","2":[[35,1],[1,1],[4321,100]]}}`

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

		// Items of the earlier generations.
		{
			"24 A6 GetItemSuccess M",
			`{"item_id":"0001","label":"Job id is 0001","confirmed_assessment":true,` +
				`"computed_assessment":{"assessment_result":"[OC] Defected product","detected_objects":2,"detection_accuracy":100,"good":false},` +
				`"manual_assessment":{"assessment_result":null,"detected_objects":null,"detection_accuracy":null,"good":null,"override_assessment":false},` +
				`"images":[{"annotations":[{"annotation_id":8269,"x_min":606,"x_max":620,"y_min":2284,"y_max":2322,"image_id":1805,"notes":null}],` +
				`"image_id":1805,"exif_metadata":` + factEXIF + `,"file_size":1524794,"width":4032,"height":3024,"raw_url":"` + key + `","processed_url":null}],"status":"done"}`,
			Item{
				ItemID: "0001", Status: ItemStatusDone,
				Images: []ImageMeta{{URL: key, Width: 4032, Height: 3024, FileSize: 1524794}},
				Assessments: []Assessment{{
					Label: LabelNG, Result: "[OC] Defected product", DetectedObjects: new(2), DetectionAccuracy: new(100.0),
					Annotations: []Annotation{{
						AnnotationID: 8269, XMin: new(606.0), XMax: new(620.0), YMin: new(2284.0), YMax: new(2322.0),
					}},
				}},
			},
		},
		{
			"15 17 24 A6 GetItemSuccessManual M",
			`{"computed_assessment":{"assessment_result":"[DR] Good product!","detected_objects":0,"detection_accuracy":100,"good":true},` +
				`"images":[{"annotations":[{"annotation_id":8001,"created_at":"2019-06-10T06:39:51Z","image_id":1781,"notes":null,` +
				`"x_max":216.0,"x_min":165.0,"y_max":684.0,"y_min":625.0}],"raw_url":"/raw/1","url":"/processed/1"}],"job_id":"NG1-21-01",` +
				`"manual_assessment":{"assessment_result":"test defect","detected_objects":0,"detection_accuracy":null,"good":false,"override_assessment":true}}`,
			Item{
				ItemID: "NG1-21-01",
				Images: []ImageMeta{{URL: "/processed/1"}},
				UserAssessment: &UserAssessment{
					Label: LabelNG, Result: "test defect",
					Annotations: []Annotation{{
						AnnotationID: 8001, CreatedAt: factTime(t, "2019-06-10T06:39:51Z"),
						XMin: new(165.0), XMax: new(216.0), YMin: new(625.0), YMax: new(684.0),
					}},
				},
				Assessments: []Assessment{{
					Label: LabelOK, Result: "[DR] Good product!", DetectedObjects: new(0), DetectionAccuracy: new(100.0),
				}},
			},
		},
		{
			"21 24 A6 GetItemSuccess D",
			`{"item_id":"IMG-1006-OK-T","is_training_data":true,"override":{"label":"OK","result":"Upload specific status","detected_objects":null,"detection_accuracy":null},` +
				`"status":"done","images":[{"image_id":1023,"width":759,"height":719,"file_name":"IMG-1006-OK-T.JPG","key":"` + key + `","exif_metadata":{},` +
				`"annotations":[{"annotation_id":4,"for_training":true,"notes":"test","x_max":2,"x_min":1,"y_max":4,"y_min":3}]}]}`,
			Item{
				ItemID: "IMG-1006-OK-T", IsTrainingData: true, Status: ItemStatusDone,
				Images: []ImageMeta{{URL: key, Name: "IMG-1006-OK-T.JPG", Width: 759, Height: 719}},
				UserAssessment: &UserAssessment{
					Label: LabelOK, Result: "Upload specific status",
					Annotations: []Annotation{{AnnotationID: 4, Notes: "test", XMin: new(1.0), XMax: new(2.0), YMin: new(3.0), YMax: new(4.0)}},
				},
			},
		},
		{
			"14 24 A6 GetItemPredictSuccess D",
			`{"item_id":"1001","override":null,"status":"done","models":[{"aggregate":{"detected_objects":2,"label":"NG"},"assessments":[` +
				`{"annotations":[],"computed":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"confirmed":false,` +
				`"final":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"image_id":1001,"model_id":1000},` +
				`{"annotations":[],"computed":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"confirmed":false,` +
				`"final":{"detected_objects":100,"detection_accuracy":50,"label":"OK","result":"good"},"image_id":1002,"model_id":1000}],"model_id":1000}]}`,
			Item{
				ItemID: "1001", Status: ItemStatusDone,
				Assessments: []Assessment{{ModelID: "1000", Label: LabelNG, DetectedObjects: new(2)}}, // "good" is no result of NG
			},
		},
		{
			"19 21 31 A6 GetItemPredictNoLabelUnproccessed D",
			`{"item_id":"1001","models":[],"override":null,"status":"done","images":[{"image_id":1025,"processed":false,"position":"RIGHT","width":480,"height":360,` +
				`"exif_metadata":` + factEXIF + `,"raw_url":"` + key + `","url":"` + key + `"}]}`,
			Item{ItemID: "1001", Status: ItemStatusDone, Images: []ImageMeta{{URL: key, Width: 480, Height: 360}}},
		},
		{
			"17 24 one image that agrees with the aggregate",
			`{"item_id":"1001","models":[{"model_id":"m1","aggregate":{"detected_objects":1,"label":"NG"},"assessments":[` +
				`{"computed":{"label":"OK","result":"good"},"final":{"detected_objects":3,"detection_accuracy":90,"label":"NG","result":"bad"},"anomaly_score":0.75,` +
				`"annotations":[{"annotation_id":1,"image_id":1001,"x_min":620}]},` +
				`{"final":{"detected_objects":0,"label":"OK","result":"good"},"anomaly_score":0.25,"annotations":[{"annotation_id":2,"image_id":1002}]}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{
				ModelID: "m1", Label: LabelNG, Result: "bad", AnomalyScore: "0.75", DetectedObjects: new(1), DetectionAccuracy: new(90.0),
				Annotations: []Annotation{{AnnotationID: 1, XMin: new(620.0)}, {AnnotationID: 2}},
			}}},
		},
		{
			"24 final, then computed, of several models",
			`{"item_id":"1001","models":[` +
				`{"model_id":269,"aggregate":null,"assessments":[{"computed":{"label":"NG","result":"bad"},"final":{"label":"OK","result":"good","detected_objects":0}}]},` +
				`{"model_id":270,"aggregate":{"label":null},"assessments":[{"computed":{"label":"NG","result":"bad"},"final":{"label":null}}]},` +
				`{"model_id":271,"assessments":[{"computed":{"label":"OK","result":"good"},"final":null}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{
				{ModelID: "269", Label: LabelOK, Result: "good", DetectedObjects: new(0)},
				{ModelID: "270", Label: LabelNG, Result: "bad"},
				{ModelID: "271", Label: LabelOK, Result: "good"},
			}},
		},
		{
			"24 without an aggregate, an item is as good as its worst image",
			`{"item_id":"1001","models":[{"model_id":1,"assessments":[{"final":{"label":"OK","result":"good"}},{"final":{"label":"NG","result":"bad"}}]},` +
				`{"model_id":2,"assessments":[{"final":{"label":"OK","result":"good"}},{"final":null,"computed":null}]}]}`,
			Item{ItemID: "1001", Assessments: []Assessment{{ModelID: "1", Label: LabelNG, Result: "bad"}}},
		},
		{
			"21 24 verdicts of nulls are none",
			`{"item_id":"1001","status":"done","good":null,"assessment":null,"detected_objects":0,"override_assessment":true,` +
				`"override":{"label":null,"result":null,"detected_objects":null,"detection_accuracy":null},"manual_assessment":null,` +
				`"computed_assessment":{"good":null,"assessment_result":null},"models":[{"model_id":1000,"aggregate":{"label":null,"detected_objects":null},"assessments":[]}]}`,
			Item{ItemID: "1001", Status: ItemStatusDone},
		},
		{
			"24 boxes without a verdict",
			`{"item_id":"1001","images":[{"annotations":[{"annotation_id":1,"for_training":true}]},{"annotations":[{"annotation_id":2}]},{"annotations":null}]}`,
			Item{
				ItemID: "1001", Images: []ImageMeta{{}, {}, {}},
				UserAssessment: &UserAssessment{Annotations: []Annotation{{AnnotationID: 1}, {AnnotationID: 2}}},
			},
		},
		{
			"today's keys go before the earlier ones",
			`{"override":{"label":"OK"},"models":[{"model_id":1,"aggregate":{"label":"OK"}}],"job_id":"0001","item_id":"1001",` +
				`"user_assessment":{"label":"NG"},"assessments":[{"model_id":"m1","label":"NG"}],` +
				`"images":[{"raw_url":"/raw","url":"/url","file_name":"file","name":"name","key":"k","annotations":[{"annotation_id":1}]}]}`,
			Item{
				ItemID: "1001", Images: []ImageMeta{{URL: "/url", Name: "name"}},
				UserAssessment: &UserAssessment{Label: LabelNG}, Assessments: []Assessment{{ModelID: "m1", Label: LabelNG}},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			item, err := factAnswer(t, 200, `{"data":`+test.body+`}`).GetItem(t.Context(), test.want.ItemID, nil)
			require.NoError(t, err)
			require.Equal(t, &test.want, item)
			if test.want.UserAssessment == nil && test.want.Assessments == nil {
				require.Equal(t, VerdictUnknown, item.Verdict(""))
				require.Equal(t, VerdictUnknown, item.Verdict("1000"), "21: done proves no prediction")
			}

			page, err := factAnswer(t, 200, `{"data":{"items":[`+test.body+`]}}`).ListItems(t.Context(), ListItemsOptions{Type: ItemTypePrediction})
			require.NoError(t, err)
			require.Equal(t, []Item{test.want}, page.Items)
		})
	}
	for name, test := range map[string]struct {
		body  string
		any   Verdict
		model Verdict // 1000's
	}{
		"computed":           {`"computed_assessment":{"good":false}`, VerdictNG, VerdictUnknown},
		"manual, computed":   {`"manual_assessment":{"good":true},"computed_assessment":{"good":false}`, VerdictOK, VerdictOK},
		"manual of nulls":    {`"manual_assessment":{"good":null},"computed_assessment":{"good":false}`, VerdictNG, VerdictUnknown},
		"model":              {`"models":[{"model_id":1000,"aggregate":{"label":"NG"}}]`, VerdictNG, VerdictNG},
		"another model":      {`"models":[{"model_id":1001,"aggregate":{"label":"NG"}}]`, VerdictNG, VerdictUnknown},
		"override, model":    {`"override":{"label":"OK"},"models":[{"model_id":1000,"aggregate":{"label":"NG"}}]`, VerdictOK, VerdictOK},
		"listed by a person": {`"good":true,"override_assessment":true`, VerdictOK, VerdictOK},
		"listed by a model":  {`"good":true,"override_assessment":false`, VerdictOK, VerdictUnknown},
	} {
		t.Run("24 earlier verdicts: "+name, func(t *testing.T) {
			t.Parallel()
			item, err := factAnswer(t, 200, `{"data":{"item_id":"1001",`+test.body+`}}`).GetItem(t.Context(), "1001", nil)
			require.NoError(t, err)
			require.Equal(t, test.any, item.Verdict(""))
			require.Equal(t, test.model, item.Verdict("1000"))
		})
	}
	t.Run("24 the user's label, then the model's", func(t *testing.T) {
		t.Parallel()
		const body = `{"data":{"item_id":"1001","user_assessment":{"label":"OK"},"assessments":[{"model_id":1000,"label":"NG"}]}}`
		item, err := factAnswer(t, 200, body).GetItem(t.Context(), "1001", nil)
		require.NoError(t, err)
		require.Equal(t, VerdictOK, item.Verdict("1000"))
		item.UserAssessment = nil
		require.Equal(t, VerdictNG, item.Verdict("1000"))
	})
}

func TestFactItemLists(t *testing.T) {
	t.Parallel()
	const (
		listsM = `{"data":{"archived":[],"predict":[{"assessment":"Upload specific status","date":"Wed, 19 Jun 2019 05:03:09 GMT",` +
			`"finished_date":"Wed, 19 Jun 2019 07:24:42 GMT","detected_objects":0,"detection_accuracy":0,"good":true,"is_training_data":false,` +
			`"item_id":"0001","label":"Job id is 0001","override_assessment":true,"status":"done"}],"summary":{"title":"Context #1","training":{"defect":0,"good":1}},` +
			`"training":[{"assessment":null,"date":"Mon, 10 Jun 2019 08:22:02 GMT","finished_date":null,"detected_objects":0,"good":null,"is_training_data":true,` +
			`"item_id":"T1-22-01","label":"Job id is T1-22-01","override_assessment":true,"status":"pending"}]}}`
		listsD = `{"data":{"predict":[{"item_id":"1001","models":[{"aggregate":{"detected_objects":2,"label":"NG"},"assessments":[],"model_id":1000}],"override":null,` +
			`"status":"done"},{"item_id":"1000","models":[],"override":{"detected_objects":30,"detection_accuracy":99,"label":"OK","result":"overridden"},"status":"done"},` +
			`{"item_id":"1003","images":[],"models":[],"override":null,"status":"archived"}],` +
			`"summary":{"predict_stats":[{"NG_count":2,"OK_count":4,"done_count":6,"accuracy":0,"model_id":1000}],"training_stats":{"NG_count":0,"OK_count":1}},` +
			`"training":[{"item_id":"IMG-1001-OK-T","is_training_data":true,"override":{"detected_objects":null,"label":"OK","result":"Upload specific status"},"status":"done"}]}}`
	)
	uploaded := &UserAssessment{Label: LabelOK, Result: "Upload specific status"}
	for _, test := range []struct {
		name, body string
		itemType   ItemType
		want       ItemsPage
	}{
		{
			"16 18 24 A6 GetItems M, predict", listsM, ItemTypePrediction,
			ItemsPage{Items: []Item{{ItemID: "0001", Status: ItemStatusDone, UserAssessment: uploaded}}, CurrentPage: 1, EndPage: 1},
		},
		{
			"16 18 24 A6 GetItems M, training", listsM, ItemTypeTraining,
			ItemsPage{Items: []Item{{ItemID: "T1-22-01", Status: ItemStatusPending, IsTrainingData: true}}, CurrentPage: 1, EndPage: 1},
		},
		{
			"14 17 24 A6 GetItems D, predict", listsD, ItemTypePrediction,
			ItemsPage{Items: []Item{
				{ItemID: "1001", Status: ItemStatusDone, Assessments: []Assessment{{ModelID: "1000", Label: LabelNG, DetectedObjects: new(2)}}},
				{ItemID: "1000", Status: ItemStatusDone, UserAssessment: &UserAssessment{Label: LabelOK, Result: "overridden"}},
				{ItemID: "1003", Status: ItemStatusArchived, Images: []ImageMeta{}},
			}, CurrentPage: 1, EndPage: 1},
		},
		{
			"14 17 24 A6 GetItems D, training", listsD, ItemTypeTraining,
			ItemsPage{
				Items:       []Item{{ItemID: "IMG-1001-OK-T", Status: ItemStatusDone, IsTrainingData: true, UserAssessment: uploaded}},
				CurrentPage: 1, EndPage: 1,
			},
		},
		{
			"26 lists without items", `{"data":{"training":[],"predict":[],"archived":[],"summary":{}}}`, ItemTypePrediction,
			ItemsPage{Items: []Item{}, CurrentPage: 1, EndPage: 1},
		},
		{
			"26 D", `{"data":{"items":[{"item_id":"1001"}],"count_per_page":10,"current_page":1,"start_page":1,"end_page":4,"total_count":37}}`,
			ItemTypeTraining, ItemsPage{Items: []Item{{ItemID: "1001"}}, CountPerPage: 10, CurrentPage: 1, EndPage: 4},
		},
		{
			"today's items go before the earlier lists", `{"data":{"training":[{"item_id":"no"}],"items":[],"current_page":1,"end_page":0}}`,
			ItemTypeTraining, ItemsPage{Items: []Item{}, CurrentPage: 1},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := factAnswer(t, 200, test.body)
			page, err := c.ListItems(t.Context(), ListItemsOptions{Type: test.itemType})
			require.NoError(t, err)
			require.Equal(t, &test.want, page)
		})
	}
}

func TestFactPages(t *testing.T) {
	t.Parallel()
	page := func(end int, ids ...string) http.HandlerFunc {
		items := make([]string, len(ids))
		for i, id := range ids {
			items[i] = `{"item_id":"` + id + `"}`
		}
		return ok(fmt.Sprintf(`{"data":{"items":[%s],"end_page":%d}}`, strings.Join(items, ","), end))
	}
	for _, test := range []struct {
		name  string
		pages http.HandlerFunc
		want  []string
		asked []string
	}{
		{"26 to the last page", answers(page(2, "a", "b"), page(2, "c"), page(2, "never")), []string{"a", "b", "c"}, []string{"1", "2"}},
		{"26 to an empty page", answers(page(0, "a"), page(0)), []string{"a"}, []string{"1", "2"}},
		{"26 to a page that repeats", answers(page(3, "a"), page(3, "b")), []string{"a", "b"}, []string{"1", "2", "3"}},
		{"26 nothing", page(0), nil, []string{"1"}},
		{
			"26 lists without pages", ok(`{"data":{"training":[{"item_id":"t"}],"predict":[{"item_id":"a"},{"item_id":"b"}],"archived":[]}}`),
			[]string{"a", "b"}, []string{"1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, &fakeAPI{next: requests.before(t, test.pages)})
			var got, asked []string
			for item, err := range c.AllItems(t.Context(), ListItemsOptions{Type: ItemTypePrediction}) {
				require.NoError(t, err)
				got = append(got, item.ItemID)
			}
			for _, r := range requests.all() {
				asked = append(asked, r.URL.Query().Get("page"))
			}
			require.Equal(t, test.want, got)
			require.Equal(t, test.asked, asked)
		})
	}
}

func TestFactImages(t *testing.T) {
	t.Parallel()
	const key = "5d0e87d0227a3c334d5224541fa14b560f54cf36"
	for _, test := range []struct {
		name, url string
		token     bool
	}{
		{"19 local URL", "http://127.0.0.1:8080/raw/" + key, true},
		{"19 path", "/raw/" + key, true},
		{"19 storage URL", "https://bucket.s3.amazonaws.com/raw/1.jpg?X-Amz-Signature=0f", false},
		{"19 another port", "http://127.0.0.1:9000/raw/" + key, false},
		{"19 another scheme", "https://127.0.0.1:8080/raw/" + key, false},
		{"19 a name that begins alike", "http://127.0.0.1.example:8080/raw/" + key, false},
	} {
		for _, code := range []int{http.StatusOK, http.StatusUnauthorized} {
			t.Run(fmt.Sprintf("%s %d", test.name, code), func(t *testing.T) {
				t.Parallel()
				var requests factRequests
				transport := inMemory(&fakeAPI{next: requests.before(t, status(code, "image"))})
				c := newTestClient(t, "http://127.0.0.1:8080", WithHTTPClient(&http.Client{Transport: transport}))
				_, err := readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: test.url}))
				require.Equal(t, code == http.StatusOK, err == nil, err)
				require.NotEmpty(t, requests.all())
				for _, r := range requests.all() {
					require.Equal(t, test.token, r.Header.Get("Authorization") != "")
					require.True(t, strings.HasSuffix(r.URL.String(), test.url), r.URL)
				}
			})
		}
	}
	for _, url := range []string{key, "", "raw/" + key, "//elsewhere.example/raw/1", "http://127.0.0.1:8080@elsewhere.example/raw/1"} {
		t.Run("19 cannot be fetched "+url, func(t *testing.T) {
			t.Parallel()
			api := &fakeAPI{next: ok("image")}
			_, err := overMemory(t, api).GetImage(t.Context(), ImageMeta{URL: url})
			require.ErrorIs(t, err, ErrInvalidArgument)
			logins, calls := api.counts()
			require.Zero(t, logins+calls)
		})
	}
}

func TestFactRequestBodies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer, want string
		call               func(context.Context, *Client) error
	}{
		{"23 train without anything optional", modelBody, `{}`, func(ctx context.Context, c *Client) error {
			_, err := c.Train(ctx, "AE", TrainRequest{})
			return err
		}},
		{
			"32 override_params", modelBody,
			`{"override_params":[{"algorithm_parameter_id":221,"value":"50"},{"algorithm_parameter_id":919,"value":"[88,88]"}]}`,
			func(ctx context.Context, c *Client) error {
				_, err := c.Train(ctx, "AE", TrainRequest{OverrideParams: []OverrideParam{{221, "50"}, {919, "[88,88]"}}})
				return err
			},
		},
		{"32 ignore_outer", `{"data":{"ignore_outer":"[8, 8]"}}`, `{"ignore_outer":"[8, 8]"}`, func(ctx context.Context, c *Client) error {
			_, err := c.SetPredictParameters(ctx, "m1", PredictParameters{IgnoreOuter: "[8, 8]"})
			return err
		}},
		{"35 delete items", ``, `{"item_ids":["1001"]}`, func(ctx context.Context, c *Client) error { return c.DeleteItems(ctx, "1001") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests factRequests
			c := overMemory(t, &fakeAPI{next: requests.before(t, ok(test.answer))})
			require.NoError(t, test.call(t.Context(), c))
			require.Len(t, requests.all(), 1)
			require.JSONEq(t, test.want, string(requests.all()[0].body))
			require.Equal(t, "application/json", requests.all()[0].Header.Get("Content-Type"))
		})
	}
	t.Run("35 show_annotations", func(t *testing.T) {
		t.Parallel()
		var requests factRequests
		c := overMemory(t, &fakeAPI{next: requests.before(t, ok(`{"data":{"item_id":"1001"}}`))})
		_, err := c.GetItem(t.Context(), "1001", &GetItemOptions{ShowAnnotations: new(true)})
		require.NoError(t, err)
		require.Equal(t, "show_annotations=true", requests.all()[0].URL.RawQuery)
	})
}

// TestFactAnswers holds the answers that differ between the generations.
func TestFactAnswers(t *testing.T) {
	t.Parallel()
	license := FileFromBytes("license0", []byte("-----BEGIN LICENSE-----\n"))
	for _, test := range []struct {
		name   string
		status int
		body   string
		call   func(context.Context, *Client) (any, error)
		want   any
	}{
		{"34 licence M", 200, `{"data":{"status":"ok"}}`, func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{}},
		{
			"34 licence with customer", 200, `{"data":{"status":"ok","customer_id":"line-7"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{},
		},
		{
			"34 licence", 200, `{"data":{"license_expiry":"2027-03-31"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.SetLicense(ctx, license) }, &License{LicenseExpiry: "2027-03-31"},
		},
		{
			"34 A6 DeleteModelSuccess D", 200, `{"data":{"status":"ok"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "m1", "m2") }, []string{"m1", "m2"},
		},
		{
			"34 delete models", 200, `{"data":{"model_ids":["m1"]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "m1", "m2") }, []string{"m1"},
		},
		{
			"34 delete no model", 200, `{"data":{"model_ids":[]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "m1", "m2") }, []string{},
		},
		{
			"14 delete models with numbers", 200, `{"data":{"model_ids":[269,270]}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.DeleteModels(ctx, "269", "270") }, []string{"269", "270"},
		},
		{
			"15 A6 PredictSuccess", 200, `{"data":{"item_ids":["NewItem"],"model_version":"model-2019061101:26:07"}}`,
			func(ctx context.Context, c *Client) (any, error) { return c.PredictItems(ctx, ActiveModel, "NewItem") },
			&PredictItemsResponse{ItemIDs: []string{"NewItem"}, ModelVersion: "model-2019061101:26:07"},
		},
		{
			"30 A6 UploadSuccess with 200", 200, `{"data":{"item_ids":["NewItem"]}}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddItems(ctx, AddItemsRequest{Files: []File{FileFromBytes("NewItem.JPG", []byte("image"))}})
			},
			[]string{"NewItem"},
		},
		{
			"30 A6 UploadSuccess with 201", 201, `{"data":{"item_ids":["NewItem"]}}`,
			func(ctx context.Context, c *Client) (any, error) {
				return c.AddItems(ctx, AddItemsRequest{Files: []File{FileFromBytes("NewItem.JPG", []byte("image"))}})
			},
			[]string{"NewItem"},
		},
		{"35 delete items with 200", 200, ``, func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil},
		{"35 delete items with 204", 204, ``, func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil},
		{
			"35 delete items with a body", 200, `{"data":{"item_ids":["1001"]}}`,
			func(ctx context.Context, c *Client) (any, error) { return nil, c.DeleteItems(ctx, "1001") }, nil,
		},
		{
			"35 annotate with 202", 202, ``,
			func(ctx context.Context, c *Client) (any, error) {
				return nil, c.AnnotateItem(ctx, "1001", RequestAnnotation{Notes: "x"})
			},
			nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := test.call(t.Context(), factAnswer(t, test.status, test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestFactUploads(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		training bool
		good     *bool
		modelID  string
		fields   map[string][]string
	}{
		{"30 good training items", true, new(true), "", map[string][]string{"training": {"true"}, "good": {"true"}}},
		{"30 defective training items", true, new(false), "", map[string][]string{"training": {"true"}, "good": {"false"}}},
		{"30 items to predict", false, nil, "", map[string][]string{"training": {"false"}}},
		{"30 items of a model", false, nil, "1000", map[string][]string{"training": {"false"}, "model_id": {"1000"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := overMemory(t, &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, r.ParseMultipartForm(1<<20))
				assert.Equal(t, test.fields, r.MultipartForm.Value)
				assert.Len(t, r.MultipartForm.File["files"], 2)
				assert.Len(t, r.MultipartForm.File, 1)
				ok(`{"data":{"item_ids":["a","b"]}}`)(w, r)
			}})
			_, err := c.AddItems(t.Context(), AddItemsRequest{
				Files:    []File{FileFromBytes("a.png", []byte("one")), FileFromBytes("b.png", []byte("two"))},
				Training: test.training, Good: test.good, ModelID: test.modelID,
			})
			require.NoError(t, err)
		})
	}
}

// TestFactFileNames loses the reply of an upload: the error tells the ids to look for.
func TestFactFileNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files []string
		ids   []string
	}{
		{"28 ids", []string{"NewItem.JPG", "IMG-1006-OK-T.JPG"}, []string{"NewItem", "IMG-1006-OK-T"}},
		{"28 colliding names are the service's to judge", []string{"NewItem.JPG", "NewItem.png"}, []string{"NewItem", "NewItem"}},
		{"29 names that are rejected", []string{"NewItem invalid.name.png", "2019-05-24 at 3.27.11 PM.png"}, []string{"NewItem invalid.name", "2019-05-24 at 3.27.11 PM"}},
		{"29 Japanese", []string{"部品-0007.tiff"}, []string{"部品-0007"}},
		{"36 sample sets", []string{"IMG-1002-OK-T.JPG", "NG-06-01-demo.jpg"}, []string{"IMG-1002-OK-T", "NG-06-01-demo"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var arrived []string
			c := overMemory(t, &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, r.ParseMultipartForm(1<<20))
				for _, file := range r.MultipartForm.File["files"] {
					arrived = append(arrived, file.Filename)
				}
				w.WriteHeader(http.StatusInternalServerError)
			}})
			var files []File
			for _, name := range test.files {
				files = append(files, FileFromBytes(name, []byte("image")))
			}
			_, err := c.AddItems(t.Context(), AddItemsRequest{Files: files})
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			base := (*BaseError)(nil)
			require.ErrorAs(t, err, &base)
			require.Equal(t, test.ids, base.ItemIDs)
			require.Equal(t, test.files, arrived, "sent once, under their names")
		})
	}
}

// TestFactForeignImageAsksForNoToken holds fact 19 before any login: an image
// elsewhere needs no token, so none is asked for.
func TestFactForeignImageAsksForNoToken(t *testing.T) {
	t.Parallel()
	var requests factRequests
	transport := inMemory(requests.before(t, ok("image")))
	c, err := New("https://sdd-api.hacarus.com", WithHTTPClient(&http.Client{Transport: transport}),
		WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})))
	require.NoError(t, err)
	defer c.Close()
	_, err = readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: "https://bucket.s3.amazonaws.com/raw/1.jpg"}))
	require.NoError(t, err)
	require.Len(t, requests.all(), 1)
	header, err := json.Marshal(requests.all()[0].Header)
	require.NoError(t, err)
	require.NotContains(t, string(header), testToken)
}
