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
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

func TestNewBaseURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, want string }{
		{"https://sdd-api.hacarus.com", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/api", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/api/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://SDD-API.hacarus.com:8443", "https://sdd-api.hacarus.com:8443/api/v1/models/m1"},
		{"https://gw.example/check", "https://gw.example/check/api/v1/models/m1"},
		{"https://gw.example/check/api/", "https://gw.example/check/api/v1/models/m1"},
		{"http://localhost:8080", "http://localhost:8080/api/v1/models/m1"},
		{"http://127.0.0.1", "http://127.0.0.1/api/v1/models/m1"},
		{"http://[::1]:8080", "http://[::1]:8080/api/v1/models/m1"},
	} {
		t.Run(test.base, func(t *testing.T) {
			t.Parallel()
			var got string
			api := &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) { ok(modelBody)(w, r) }}
			record := roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r.URL.String()
				r.URL.Path = r.URL.Path[len(r.URL.Path)-len("/api/v1/models/m1"):]
				return inMemory(api)(r)
			})
			c, err := New(test.base, WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})),
				WithHTTPClient(&http.Client{Transport: record}))
			require.NoError(t, err)
			defer c.Close()
			_, err = c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestNewRefusesBaseURLs(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", " ", "sdd-api.hacarus.com", "//sdd-api.hacarus.com", "https://", "https:///x", "https:sdd-api.hacarus.com",
		"ftp://sdd-api.hacarus.com", "HTTPS//x", "https://:443", "https://h:0", "https://h:99999", "https://h:port", "https://h:",
		"https://user:hunter2secret@h", "https://user@h", "https://h?x=1", "https://h?", "https://h#top", "https://h#",
		"http://sdd-api.hacarus.com", "http://10.0.0.1", "https://h/a/../b", "https://h/a//b", "https://h/%2e%2e/x", "https://h/a%2fb",
		"https://h\x00/", "https://h\xff/", "https://[::1%25\x84]",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			_, err := New(base, WithCredentials(testID, testSecret))
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2secret")
		})
	}
}

// FuzzBaseURL holds that a base URL is refused without being repeated, or that
// requests go to its host, under its path, however it is written.
func FuzzBaseURL(f *testing.F) {
	for _, seed := range []string{
		"https://sdd-api.hacarus.com/api/", "https://gw.example/check", "http://[::1]:8080", "http://127.0.0.1", "https://u:hunter2secret@h",
		"https://h/a/../b", "https://h/%2e%2e", "https:///x", "https://H:443//", "https://h/api/api", " https://h ", "https://h/検査", "http://localhost.",
		"https://h/a b", "https://[fe80::1%25en0]/", "https://h:0443",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, base string, insecure bool) {
		origin, err := parseBaseURL(base, insecure)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.NotContains(t, err.Error(), "hunter2secret")
			return
		}
		require.True(t, origin.User == nil && origin.RawQuery == "" && origin.Fragment == "" && origin.Hostname() != "")
		require.True(t, origin.Scheme == "https" || origin.Scheme == "http" && (insecure || isLoopback(origin.Hostname())))
		for _, suffix := range []string{"", "/", "/api", "/api/"} {
			if strings.HasSuffix(origin.Path, "/api") && !strings.HasPrefix(suffix, "/api") {
				continue // of two, the last one is the API's
			}
			again, err := parseBaseURL(origin.String()+suffix, insecure)
			require.NoError(t, err)
			require.Equal(t, origin, again)
		}
		u, err := (&request{op: opGetModel, params: []string{"m1"}}).url(origin)
		require.NoError(t, err)
		sent, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
		require.NoError(t, err)
		require.Equal(t, origin.Host, sent.URL.Host)
		require.Equal(t, origin.Path+"/api/v1/models/m1", sent.URL.Path)
		require.Equal(t, sent.URL.Path, path.Clean(sent.URL.Path))
		r := parsedByServer(t, opGetModel, &u)
		require.Equal(t, sent.URL.Path, r.URL.Path)
		require.Equal(t, origin.Host, r.Host)
	})
}

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
	api := &fakeAPI{next: func(w http.ResponseWriter, r *http.Request) {
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
	server := httptest.NewUnstartedServer(&fakeAPI{next: ok(modelBody)})
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
	api := &fakeAPI{next: ok(modelBody)}
	c := overMemory(t, api)
	require.NoError(t, c.Close())
	_, err := c.GetModel(t.Context(), "m1")
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = c.Login(t.Context())
	require.ErrorIs(t, err, ErrInvalidArgument)
	logins, calls := api.counts()
	require.Zero(t, logins+calls)
}

func TestClientNotMadeByNew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*Client{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations() {
				require.ErrorIs(t, invoke(t.Context(), c, op), ErrInvalidArgument)
			}
			_, err := c.GetImage(t.Context(), ImageMeta{URL: "/images/1"})
			require.ErrorIs(t, err, ErrInvalidArgument)
			for _, err := range c.AllItems(t.Context(), ListItemsOptions{Type: ItemTypeTraining}) {
				require.ErrorIs(t, err, ErrInvalidArgument)
			}
			require.NoError(t, c.Close(), "the deferred Close of a client that New refused")
		})
	}
}

func TestHeadersOfEveryRequest(t *testing.T) {
	t.Parallel()
	var seen []http.Header
	record := roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Header)
		return inMemory(&fakeAPI{next: ok(modelBody)})(r)
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
	c := overMemory(t, &fakeAPI{next: ok(modelBody)})
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
	type wrapper struct {
		client *Client
		Public *Client
	}
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "client", c)
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

func TestObserverAndLoggerSeeEveryAttempt(t *testing.T) {
	t.Parallel()
	var seen observed
	var log bytes.Buffer
	c := overMemory(t, &fakeAPI{next: answers(status(http.StatusServiceUnavailable, "busy"), ok(modelBody))},
		WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }),
		WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)

	require.Len(t, seen.of("login"), 1)
	attempts := seen.of("getModelById")
	require.Len(t, attempts, 2)
	require.Equal(t, []int{1, 2}, []int{attempts[0].Number, attempts[1].Number})
	require.Equal(t, []int{503, 200}, []int{attempts[0].StatusCode, attempts[1].StatusCode})
	require.ErrorIs(t, attempts[0].Err, ErrServer)
	require.NoError(t, attempts[1].Err)
	require.Equal(t, "/api/v1/models/{model_id}", attempts[1].Route)
	require.EqualValues(t, len(modelBody), attempts[1].BytesReceived)
	require.Zero(t, attempts[1].Wait)
	require.Contains(t, log.String(), "operation=getModelById")
	require.NotContains(t, log.String(), testToken)
}

// TestCaptureResponseIsTheLastAnswers: nothing of an attempt before is left in it.
func TestCaptureResponseIsTheLastAnswers(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeAPI{next: answers(status(http.StatusServiceUnavailable, "busy"), ok("PK, or so"),
		status(http.StatusServiceUnavailable, "busy"), status(http.StatusFound, "elsewhere", "Location", "/"))})
	var info ResponseInfo
	d, err := c.GetLogs(CaptureResponse(t.Context(), &info))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, http.StatusOK, info.StatusCode)
	require.Equal(t, 2, info.Attempts)
	require.Empty(t, info.Body, "that of a download is the caller's to read")
	_, err = c.GetModel(CaptureResponse(t.Context(), &info), "m1")
	require.ErrorIs(t, err, ErrRedirect)
	require.Equal(t, "elsewhere", string(info.Body))
}

func TestCaptureResponse(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeAPI{next: answers(
		status(http.StatusServiceUnavailable, ""),
		status(http.StatusOK, modelBody, "X-Request-Id", "r-42"),
		status(http.StatusNotFound, `{"errors":{}}`),
	)})
	var info ResponseInfo
	ctx := CaptureResponse(t.Context(), &info)
	_, err := c.GetModel(ctx, "m1")
	require.NoError(t, err)
	require.Equal(t, 200, info.StatusCode)
	require.Equal(t, "r-42", info.RequestID)
	require.Equal(t, 2, info.Attempts)
	require.Equal(t, []byte(modelBody), info.Body)
	require.NotNil(t, info.Header)

	_, err = c.GetModel(ctx, "m1")
	require.ErrorIs(t, err, ErrNotFound)
	require.Equal(t, 404, info.StatusCode)
	require.Equal(t, 1, info.Attempts)
}
