package hacarus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		t.Run(op.id, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: ok(op.response())}
			c := overTCP(t, api)
			require.NoError(t, op.invoke(t.Context(), c))
			if op.class != classLogin {
				require.Equal(t, 1, api.count())
			}
			//nolint:staticcheck // a nil context is the point
			require.ErrorIs(t, op.invoke(nil, c), ErrInvalidArgument)
		})
	}
}

func TestIDsAreEscaped(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a b", "検査1", "50%", "a?b", "a#b", "%2e%2e", "a;b", "a+b", "~", "a&b=c", "..."} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			var raw, got string
			c := overTCP(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
				raw, got = r.RequestURI, r.URL.Path
				_, _ = fmt.Fprintf(w, `{"data":{"item_id":%q}}`, id)
			}})
			_, err := c.GetItem(t.Context(), id, nil)
			require.NoError(t, err)
			require.Equal(t, "/api/v1/items/"+id, got)
			require.Equal(t, "/api/v1/items/"+url.PathEscape(id), raw)
		})
	}
}

// parsedByServer is the request's target as a server reads it.
func parsedByServer(t *testing.T, op operation, u *url.URL) *http.Request {
	t.Helper()
	wire := op.method + " " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	require.NoError(t, err)
	return r
}

func fuzzClient(f *testing.F, baseURL string) *Client {
	f.Helper()
	c, err := New(baseURL, WithCredentials(testID, testSecret))
	require.NoError(f, err)
	f.Cleanup(func() { assert.NoError(f, c.Close()) })
	return c
}

// FuzzPathEscape holds that a server finds in the path the very id that was
// asked for, at its place, or that nothing is sent.
func FuzzPathEscape(f *testing.F) {
	for _, id := range []string{"m1", "部品-0007 & #a?", "%2e%2e", "..", "...", "a/b", "a;b", "a%00", "\xff", "{item_id}", "a+b", "*", ":"} {
		f.Add(id)
	}
	const prefix = "/plant-7/check"
	c := fuzzClient(f, "https://gw.example"+prefix)
	ops := []operation{opGetItem, opGetModel, opPredictItems, opTrain}
	mux := http.NewServeMux()
	for _, op := range ops {
		mux.HandleFunc(op.method+" "+prefix+op.path, func(w http.ResponseWriter, r *http.Request) {
			name, _, _ := strings.Cut(strings.SplitN(op.path, "{", 2)[1], "}")
			_, _ = io.WriteString(w, op.id+" "+r.PathValue(name))
		})
	}
	plain := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '-' }
	f.Fuzz(func(t *testing.T, id string) {
		for _, op := range ops {
			u, err := (&request{op: op, params: []string{id}}).url(c.origin)
			if err != nil {
				require.ErrorIs(t, err, ErrInvalidArgument)
				harmless := utf8.ValidString(id) && id != "" && len(id) <= maxID && strings.TrimFunc(id, plain) == ""
				require.False(t, harmless, "%q was refused", id)
				continue
			}
			require.Equal(t, "gw.example", u.Host)
			r := parsedByServer(t, op, &u)
			require.Equal(t, strings.Count(prefix+op.path, "/"), strings.Count(r.URL.EscapedPath(), "/"), "another depth")
			require.Equal(t, r.URL.Path, path.Clean(r.URL.Path), "a path that servers clean")
			require.Empty(t, r.URL.RawQuery)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			require.Equal(t, op.id+" "+id, w.Body.String())
		}
	})
}

// FuzzQuery holds that a server finds in the query what the options say, and
// nothing more.
func FuzzQuery(f *testing.F) {
	f.Add("prediction", 50, 2, "b2b99239", "c5e77995", uint8(3))
	f.Add("training", 0, 0, "", "a&b=c", uint8(8))
	f.Add("部品;#?+ %", 1, 1<<31-1, "a,b", "100%", uint8(6))
	c := fuzzClient(f, "https://gw.example")
	f.Fuzz(func(t *testing.T, itemType string, count, page int, id, other string, flags uint8) {
		want := url.Values{"item_type": {itemType}}
		for name, n := range map[string]int{"count": count, "page": page} {
			if n != 0 {
				want.Set(name, strconv.Itoa(n))
			}
		}
		model := url.Values{}
		if id != "" {
			model.Set("model_id", id)
			want.Set("model_id", id)
		}
		item := GetItemOptions{ModelID: id}
		wantItem := maps.Clone(model)
		for bit, show := range map[uint8]struct {
			name  string
			field **bool
		}{1: {"show_assessments", &item.ShowAssessments}, 4: {"show_annotations", &item.ShowAnnotations}} {
			if flags&bit != 0 {
				value := flags&(bit<<1) != 0
				*show.field = &value
				wantItem.Set(show.name, strconv.FormatBool(value))
			}
		}
		for _, test := range []struct {
			op    operation
			query any
			want  url.Values
		}{
			{opListItems, ListItemsOptions{ItemType(itemType), count, page, id}, want},
			{opListModels, &ListModelsOptions{AlgorithmID: other}, url.Values{"algorithm_id": {other}}},
			{opListModels, (*ListModelsOptions)(nil), url.Values{}},
			{opDeleteModels, modelIDsQuery{[]string{id, other, id}}, url.Values{"model_ids": {id, other, id}}},
			{opGetModelResults, modelIDsQuery{[]string{other}}, url.Values{"model_ids": {other}}},
			{opGetItem, &item, wantItem},
		} {
			if test.op.id == opListModels.id && other == "" {
				test.want = url.Values{}
			}
			r := request{op: test.op, query: test.query}
			if test.op.id == opGetItem.id {
				r.params = []string{"a"}
			}
			u, err := r.url(c.origin)
			require.NoError(t, err)
			got, err := url.ParseQuery(parsedByServer(t, test.op, &u).URL.RawQuery)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		}
	})
}

func TestUnreadableSuccess(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"html": "<html><body>welcome</body></html>", "empty": "", "junk after": modelBody + "<html>", "list": "[]", "null": "null",
		"no data": "{}", "null data": `{"data":null}`, "cut": modelBody[:20], "no id": `{"data":{"name":"x"}}`,
		"two objects": modelBody + modelBody, "text": `"m1"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: ok(body)}
			_, err := overMemory(t, api).GetModel(t.Context(), "m1")
			require.ErrorIs(t, err, ErrDecode)
			require.NotErrorIs(t, err, ErrOutcomeUnknown)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.Equal(t, "getModelById", failed.Operation)
			require.Equal(t, 1, api.count(), "reading it again would not help")
		})
	}
}

func TestTooLargeAnswers(t *testing.T) {
	t.Parallel()
	t.Run("announced", func(t *testing.T) {
		t.Parallel()
		c := overTCP(t, &fakeService{next: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(maxResponse+1))
			_, _ = io.WriteString(w, "{")
		}})
		_, err := c.GetModel(t.Context(), "m1")
		require.ErrorIs(t, err, ErrResponseTooLarge)
	})
	t.Run("sent", func(t *testing.T) {
		t.Parallel()
		c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
			return respond(r, http.StatusOK, io.LimitReader(endless{}, maxResponse+10)), nil
		}))
		_, err := c.GetModel(t.Context(), "m1")
		require.ErrorIs(t, err, ErrResponseTooLarge)
	})
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308} {
		for _, op := range []operation{opGetModel, opAddItems, opDeleteItems, opLogin} {
			t.Run(fmt.Sprint(code, " ", op.id), func(t *testing.T) {
				t.Parallel()
				redirect := status(code, "", "Location", other.URL+"/?token=abc")
				handler := http.Handler(&fakeService{next: redirect})
				if op.class == classLogin {
					handler = redirect
				}
				err := invoke(t.Context(), overTCP(t, handler), op)
				require.ErrorIs(t, err, ErrRedirect)
				require.NotContains(t, err.Error(), "abc")
				mayFollowAForm := code >= 301 && code <= 303
				require.Equal(t, mayFollowAForm && !op.class.stateless(), errors.Is(err, ErrOutcomeUnknown))
			})
		}
	}
	require.Zero(t, elsewhere.Load())
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := overListener(t, &fakeService{next: status(http.StatusNotFound, strings.Repeat("x", 100_000))})
		require.NoError(t, discardToken(c.Login(t.Context())))
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			assert.True(t, info.Reused)
		}})
		for range 20 {
			_, err := c.GetModel(ctx, "m1")
			require.ErrorIs(t, err, ErrNotFound)
		}
	})
}

func TestStalledAnswerIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return testkit.InMemory(ok(`{"access_token":"t"}`))(r)
			}
			pr, pw := io.Pipe()
			context.AfterFunc(r.Context(), func() { pw.CloseWithError(r.Context().Err()) })
			return &http.Response{StatusCode: http.StatusOK, Body: pr, Header: http.Header{}, ContentLength: -1}, nil
		})
		c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: hang}), WithRetry(RetryPolicy{MaxAttempts: 2}))
		start := time.Now()
		_, err := c.GetModel(t.Context(), "m1")
		require.ErrorAs(t, err, new(stallError))
		require.ErrorIs(t, err, ErrDecode)
		require.InDelta(t, 2*defaultStallTimeout.Seconds(), time.Since(start).Seconds(), 1)
	})
}

func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{next: ok(modelBody)}
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("shift over")
		cancel(cause)
		_, err := overMemory(t, api).GetModel(ctx, "m1")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		logins, calls := api.counts()
		require.Zero(t, logins+calls)
	})
	t.Run("in backoff", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := overMemory(t, &fakeService{next: status(http.StatusServiceUnavailable, `{"errors":{"title":"tea"}}`, "Retry-After", "30")})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Second, cancel)
			start := time.Now()
			_, err := c.GetModel(ctx, "m1")
			require.Equal(t, 10*time.Second, time.Since(start))
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, ErrServer)
			var base *BaseError
			require.ErrorAs(t, err, &base)
			require.Equal(t, "tea", base.Errors.Title)
			require.ErrorAs(t, err, new(*RequestError))
		})
	})
	t.Run("wait beyond the deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := overMemory(t, &fakeService{next: status(http.StatusServiceUnavailable, "", "Retry-After", "30")})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			start := time.Now()
			_, err := c.GetModel(ctx, "m1")
			require.Zero(t, time.Since(start), "the answer comes at once")
			require.ErrorIs(t, err, ErrServer)
		})
	})
	t.Run("unanswered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := overListener(t, &fakeService{next: func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Train(ctx, "AE", TrainRequest{})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err = c.GetModel(ctx, "m1")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, ErrOutcomeUnknown)
		})
	})
	t.Run("after a success", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		c := overTCP(t, &fakeService{next: ok(modelBody)})
		next := c.http.Transport
		c.http.Transport = testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/train") {
				cancel()
			}
			return answer, err
		})
		model, err := c.Train(ctx, "AE", TrainRequest{})
		require.NoError(t, err, "a success that arrived is not thrown away")
		require.Equal(t, "m1", model.ModelID)
	})
}

func discardToken(_ any, err error) error { return err }

func TestSecretsAreMaskedInErrors(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "r-"+testToken)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"errors":{"title":"you sent %s","detail":"%s","message":[{"key":"k","errors":["%s"]}]}}`,
			testSecret, strings.Replace(testSecret, "h", `\u0068`, 1), r.Header.Get("Authorization"))
	}
	c := overMemory(t, &fakeService{next: echo})
	_, err := c.GetModel(t.Context(), "m1")
	var base *BaseError
	require.ErrorAs(t, err, &base)
	var texts bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		fmt.Fprintf(&texts, verb, err)
		fmt.Fprintf(&texts, verb, *base)
	}
	texts.Write(base.Body)
	texts.WriteString(base.LogValue().String())
	assert.NotContains(t, texts.String(), testSecret)
	assert.NotContains(t, texts.String(), testToken)
	assert.Contains(t, base.Errors.Title, "you sent ")
}

// TestRedirectsThatLeadNowhere: net/http fails at a Location that does not
// parse; it is a redirect all the same, and its text stays unsaid.
func TestRedirectsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"https://%zz/s3cr3t", "http://[::1/s3cr3t", "\x7fs3cr3t", "https://h:port/s3cr3t"} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: status(http.StatusTemporaryRedirect, "", "Location", location)}
			_, err := overMemory(t, api).Train(t.Context(), "PM", TrainRequest{})
			require.ErrorIs(t, err, ErrRedirect)
			require.NotErrorIs(t, err, ErrOutcomeUnknown)
			require.NotContains(t, testkit.EveryText(err), "s3cr3t")
			require.Equal(t, 1, api.count())
		})
	}
}

// respond is an answer of a transport that a test makes.
func respond(r *http.Request, status int, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

// loggedIn answers logins, and leaves other requests to next.
func loggedIn(next testkit.RoundTrip) testkit.RoundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == opLogin.path {
			return respond(r, http.StatusOK, strings.NewReader(`{"access_token":"`+testToken+`"}`)), nil
		}
		return next(r)
	}
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

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
			var requests requestLog
			c := overMemory(t, &fakeService{next: requests.before(t, ok(test.answer))})
			require.NoError(t, test.call(t.Context(), c))
			require.Len(t, requests.all(), 1)
			require.JSONEq(t, test.want, string(requests.all()[0].body))
			require.Equal(t, "application/json", requests.all()[0].Header.Get("Content-Type"))
		})
	}
	t.Run("35 show_annotations", func(t *testing.T) {
		t.Parallel()
		var requests requestLog
		c := overMemory(t, &fakeService{next: requests.before(t, ok(`{"data":{"item_id":"1001"}}`))})
		_, err := c.GetItem(t.Context(), "1001", &GetItemOptions{ShowAnnotations: new(true)})
		require.NoError(t, err)
		require.Equal(t, "show_annotations=true", requests.all()[0].URL.RawQuery)
	})
}

// TestOperationNames: the operations are those of the table, and each has the
// name of the method that makes its call.
func TestOperationNames(t *testing.T) {
	t.Parallel()
	known, methods := []string{opGetImage.id}, map[string]bool{} // getImage is none of the contract
	for _, op := range operationTable {
		known = append(known, op.id)
	}
	require.ElementsMatch(t, known, slices.Collect(maps.Keys(methodNames)))
	for id, name := range methodNames {
		_, exists := reflect.TypeFor[*Client]().MethodByName(name)
		require.True(t, exists, "%s: no method %s", id, name)
		require.False(t, methods[name], "%s stands twice", name)
		methods[name] = true
	}
}
