package hacarus

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestNewRefusesOptions(t *testing.T) {
	t.Parallel()
	credentials := WithCredentials(testID, testSecret)
	source := WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken}))
	for name, opts := range map[string][]Option{
		"no credentials":         {},
		"nil option":             {credentials, nil},
		"empty id":               {WithCredentials("", "x")},
		"empty secret":           {WithCredentials("x", "")},
		"secret that is no text": {WithCredentials("x", "\xff")},
		"nil token source":       {WithTokenSource(nil)},
		"credentials and source": {credentials, source},
		"nil http client":        {credentials, WithHTTPClient(nil)},
		"negative timeout":       {credentials, WithHTTPClient(&http.Client{Timeout: -1})},
		"negative attempts":      {credentials, WithRetry(RetryPolicy{MaxAttempts: -1})},
		"negative wait":          {credentials, WithRetry(RetryPolicy{MinWait: -1})},
		"min above max":          {credentials, WithRetry(RetryPolicy{MinWait: time.Minute, MaxWait: time.Second})},
		"nil logger":             {credentials, WithLogger(nil)},
		"nil observer":           {credentials, WithObserver(nil)},
		"empty language":         {credentials, WithLanguage("")},
		"language injection":     {credentials, WithLanguage("ja\r\nX: y")},
		"empty product":          {credentials, WithUserAgent(" ")},
		"product injection":      {credentials, WithUserAgent("a\r\nX: y")},
		"nil pool":               {credentials, WithRootCAs(nil)},
		"pool and http client":   {credentials, WithRootCAs(x509.NewCertPool()), WithHTTPClient(&http.Client{})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New("https://h", opts...)
			require.ErrorIs(t, err, ErrInvalidArgument)
		})
	}
}

func TestWithInsecureHTTP(t *testing.T) {
	t.Parallel()
	c, err := New("http://10.1.2.3", WithCredentials(testID, testSecret), WithInsecureHTTP())
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestNewFromEnv(t *testing.T) {
	for _, name := range []string{"HACARUS_BASE_URL", "HACARUS_CLIENT_ID", "HACARUS_CLIENT_SECRET", "HACARUS_LANGUAGE"} {
		t.Setenv(name, "")
	}
	_, err := NewFromEnv()
	require.ErrorIs(t, err, ErrInvalidArgument)
	require.ErrorContains(t, err, "HACARUS_CLIENT_SECRET")

	var language string
	api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		language = r.Header.Get("Accept-Language")
		ok(modelBody)(w, r)
	}}
	server := httptest.NewServer(api)
	defer server.Close()
	t.Setenv("HACARUS_BASE_URL", server.URL)
	t.Setenv("HACARUS_CLIENT_ID", testID)
	t.Setenv("HACARUS_CLIENT_SECRET", testSecret)
	t.Setenv("HACARUS_LANGUAGE", "ja")
	c, err := NewFromEnv()
	require.NoError(t, err)
	defer c.Close()
	_, err = c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
	require.Equal(t, "ja", language)
}

// TestNewFromEnvWithAToken: the credentials' variables are not needed then.
func TestNewFromEnvWithAToken(t *testing.T) {
	for _, name := range []string{"HACARUS_CLIENT_ID", "HACARUS_CLIENT_SECRET", "HACARUS_LANGUAGE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HACARUS_BASE_URL", "https://h")
	c, err := NewFromEnv(WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = NewFromEnv(nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
	t.Setenv("HACARUS_LANGUAGE", "no tag\n")
	_, err = NewFromEnv(WithCredentials(testID, testSecret))
	require.ErrorIs(t, err, ErrInvalidArgument)
}

func TestGivenHTTPClientIsCopied(t *testing.T) {
	t.Parallel()
	transport := &http.Transport{}
	given := &http.Client{Transport: transport, Timeout: time.Minute}
	c, err := New("https://h", WithCredentials(testID, testSecret), WithHTTPClient(given))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Same(t, transport, given.Transport)
	require.Nil(t, given.CheckRedirect)
}

func TestWithRootCAs(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(&fakeService{next: ok(modelBody)})
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())

	c := newTestClient(t, server.URL, WithRootCAs(pool))
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)

	stranger := newTestClient(t, server.URL)
	_, err = stranger.GetModel(t.Context(), "m1")
	var failed *RequestError
	require.ErrorAs(t, err, &failed)
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
	require.Equal(t, OutcomeNotSent, failed.Outcome)
	require.Equal(t, 1, failed.Attempts, "an unknown authority is not retried")
}

func TestClosedClientRefusesCalls(t *testing.T) {
	t.Parallel()
	api := &fakeService{next: ok(modelBody)}
	c := overMemory(t, api)
	require.NoError(t, c.Close())
	_, err := c.GetModel(t.Context(), "m1")
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = c.Login(t.Context())
	require.ErrorIs(t, err, ErrInvalidArgument)
	logins, calls := api.counts()
	require.Zero(t, logins+calls)
}

// Every method of a client that New did not make says so, whatever it is given.
func TestClientNotMadeByNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*Client{"nil": nil, "zero": {}} {
		v := reflect.ValueOf(c)
		for i := range v.NumMethod() {
			method := v.Type().Method(i)
			t.Run(name+"/"+method.Name, func(t *testing.T) {
				t.Parallel()
				switch method.Name {
				case "String", "Format":
					require.Equal(t, "hacarus.Client{}", fmt.Sprint(c))
				case "Close":
					require.NoError(t, c.Close(), "the deferred Close of a client that New refused")
				default:
					require.ErrorIs(t, zeroCall(t, v.Method(i)), ErrInvalidArgument)
				}
			})
		}
	}
}

// zeroCall calls a method with zero values, and with a context where it wants one,
// and returns its error: the last result, or that of the sequence.
func zeroCall(t *testing.T, method reflect.Value) error {
	t.Helper()
	var in []reflect.Value
	for i := range method.Type().NumIn() {
		kind := method.Type().In(i)
		switch {
		case method.Type().IsVariadic() && i == method.Type().NumIn()-1:
		case kind == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		default:
			in = append(in, reflect.Zero(kind))
		}
	}
	out := method.Call(in)
	last := out[len(out)-1]
	if last.Kind() == reflect.Func {
		for _, err := range last.Seq2() {
			last = err
		}
	}
	err, _ := last.Interface().(error)
	return err
}

func TestHeadersOfEveryRequest(t *testing.T) {
	t.Parallel()
	var seen []http.Header
	record := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header)
		return testkit.InMemory(&fakeService{next: ok(modelBody)})(r)
	})
	c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: record}),
		WithLanguage("ja"), WithUserAgent("line7/1.2"))
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
	require.Len(t, seen, 2)
	for _, header := range seen {
		require.Equal(t, "ja", header.Get("Accept-Language"))
		require.Equal(t, "application/json", header.Get("Accept"))
		require.Regexp(t, `^line7/1\.2 hacarus-check-go/`, header.Get("User-Agent"))
		require.Empty(t, header.Get("Idempotency-Key"))
	}
	require.Empty(t, seen[0].Get("Authorization"), "a login has no token")
	require.Equal(t, "Bearer "+testToken, seen[1].Get("Authorization"))
}

func TestClientPrintsNoSecret(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeService{next: ok(modelBody)})
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
	type wrapper struct {
		client *Client
		Public *Client
	}
	raw, err := json.Marshal(c) //nolint:staticcheck // that nothing is written of it is the point
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "client", c, "wrapped", wrapper{c, c})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "client", c, "wrapped", wrapper{c, c})
	texts := []string{string(raw), log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, c), fmt.Sprintf(verb, wrapper{c, c}), fmt.Sprintf(verb, &wrapper{c, c}))
	}
	for _, text := range texts {
		for _, secret := range []string{testSecret, testToken} {
			assert.NotContains(t, text, secret)
			assert.NotContains(t, text, fmt.Sprintf("%x", secret))
		}
	}
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
			transport := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				urls = append(urls, r.URL.String())
				return testkit.InMemory(&fakeService{next: ok(modelBody)})(r)
			})
			c := newTestClient(t, test.base, WithHTTPClient(&http.Client{Transport: transport}))
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			login := strings.Replace(test.want, "/v1/models/m1", "/auth/token", 1)
			require.Equal(t, []string{login, test.want}, urls)
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
			var requests requestLog
			login := ok(`{"access_token":"` + testToken + `"}`)
			c := overMemory(t, requests.before(t, inTurn(login, ok(modelBody), ok(idsBody), ok("zip"))), test.opts...)
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
