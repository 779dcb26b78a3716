package hacarus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestCredentialsAreChecked(t *testing.T) {
	t.Parallel()
	const good = "correct-horse-battery-staple"
	for name, broken := range map[string]string{
		"empty": "", "a newline": good + "\n", "a carriage return": good + "\r\n", "a space before": " " + good, "a tab": good + "\t",
		"a wide space": "\u3000" + good, "not UTF-8": good + "\xff", "a control character": "correct\x00horse",
	} {
		for _, option := range []Option{WithCredentials(broken, good), WithCredentials(good, broken)} {
			_, err := New("https://h", option)
			require.ErrorIs(t, err, ErrInvalidArgument, name)
			require.NotContains(t, err.Error(), "horse", name)
		}
	}
	_, err := New("https://h", WithCredentials("line 7", "a secret with spaces"))
	require.NoError(t, err)
}

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]Option{
		"language":           WithLanguage(" en"),
		"no language":        WithLanguage(" "),
		"nil transport":      WithTransport(nil),
		"no transport":       WithTransport(func(http.RoundTripper) http.RoundTripper { return nil }),
		"no stall":           WithStallTimeout(0),
		"short stall":        WithStallTimeout(time.Second - 1),
		"no origins":         WithImageOrigins(),
		"no URL":             WithImageOrigins("https://ok", "10.0.0.5"),
		"plain http":         WithImageOrigins("http://10.0.0.5:8000"),
		"user information":   WithImageOrigins("https://u:hunter2-hunter2@h"),
		"path of an image":   WithImageOrigins("https://h/api/v1/items/1"),
		"path of the logins": WithImageOrigins("https://h/api/auth/token"),
	} {
		_, err := New("https://h", WithCredentials(testID, testSecret), option)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
	_, err := New("https://h", WithCredentials(testID, testSecret), WithImageOrigins("http://10.0.0.5:8000"), WithInsecureHTTP())
	require.NoError(t, err)
}

func TestBaseURLWithThePathOfAnOperation(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/auth/token", "/api/auth/token/", "/api/auth", "/check/api/auth/token", "/api/v1/items/", "/api/v1/models", "/api/v1"} {
		_, err := New("https://h"+path, WithCredentials(testID, testSecret))
		require.ErrorIs(t, err, ErrInvalidArgument, path)
		require.ErrorContains(t, err, "leave out", path)
	}
}

// recorder is a transport that notes what it is asked for.
func recorder(note func(operationID, route string)) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			operationID, route, ok := OperationFromContext(r.Context())
			if !ok {
				return nil, errors.New("no operation")
			}
			note(operationID, route)
			return next.RoundTrip(r)
		})
	}
}

func TestWithTransport(t *testing.T) {
	t.Parallel()
	var seen []string
	note := func(who string) Option {
		return WithTransport(recorder(func(operationID, route string) { seen = append(seen, who+" "+operationID+" "+route) }))
	}
	for name, c := range map[string]*Client{
		"own":       overTCP(t, &fakeService{next: ok(modelBody)}, note("inner"), note("outer")),
		"another's": overMemory(t, &fakeService{next: ok(modelBody)}, note("inner"), note("outer")),
	} {
		seen = nil
		_, err := c.GetModel(t.Context(), "m1")
		require.NoError(t, err, name)
		require.Equal(t, []string{
			"outer login /api/auth/token", "inner login /api/auth/token",
			"outer getModelById /api/v1/models/{model_id}", "inner getModelById /api/v1/models/{model_id}",
		}, seen, name)
		require.NoError(t, c.Close())
	}
}

func TestOperationFromOtherContexts(t *testing.T) {
	t.Parallel()
	for _, ctx := range []context.Context{nil, t.Context()} {
		operationID, route, ok := OperationFromContext(ctx)
		require.False(t, ok)
		require.Empty(t, operationID+route)
	}
	type key struct{}
	var value any
	c := overMemory(t, &fakeService{next: ok(modelBody)}, WithObserver(func(ctx context.Context, _ Attempt) { value = ctx.Value(key{}) }))
	_, err := c.GetModel(context.WithValue(t.Context(), key{}, "mine"), "m1")
	require.NoError(t, err)
	require.Equal(t, "mine", value, "what the caller's context holds stays there")
}

func TestWithStallTimeout(t *testing.T) {
	t.Parallel()
	for _, patience := range []time.Duration{time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c := newTestClient(t, "http://127.0.0.1", WithStallTimeout(patience), WithRetry(RetryPolicy{MaxAttempts: 1}),
				WithHTTPClient(&http.Client{Transport: loggedIn(func(r *http.Request) (*http.Response, error) {
					_, _ = io.Copy(io.Discard, r.Body)
					<-r.Context().Done()
					return nil, r.Context().Err()
				})}))
			require.NoError(t, discardToken(c.Login(t.Context())))
			began := time.Now()
			_, err := c.PredictItems(t.Context(), ActiveModel, "a")
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			require.ErrorContains(t, err, "no byte moved for "+patience.String())
			require.Equal(t, patience, time.Since(began))
		})
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	var first, second observed
	var agents, languages []string
	api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		agents, languages = append(agents, r.UserAgent()), append(languages, r.Header.Get("Accept-Language"))
		status(http.StatusServiceUnavailable, `{}`)(w, r)
	}}
	c := overMemory(t, api, WithObserver(func(_ context.Context, a Attempt) { first.add(a) }), WithUserAgent("line7/1.0"), WithLanguage("en"))
	var log bytes.Buffer
	derived, err := c.With(WithRetry(RetryPolicy{MaxAttempts: 1}), WithLanguage("ja"), WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		WithObserver(func(_ context.Context, a Attempt) { second.add(a) }))
	require.NoError(t, err)
	for _, client := range []*Client{c, derived} {
		_, err = client.GetModel(t.Context(), "m1")
		require.ErrorIs(t, err, ErrServer)
	}
	logins, calls := api.counts()
	require.Equal(t, 1, logins, "both use one token")
	require.Equal(t, defaultMaxAttempts+1, calls)
	require.Len(t, first.of("getModelById"), defaultMaxAttempts)
	require.Len(t, second.of("getModelById"), 1)
	require.NotEmpty(t, first.of("login"))
	require.Equal(t, "en", languages[0])
	require.Equal(t, "ja", languages[defaultMaxAttempts])
	require.True(t, strings.HasPrefix(agents[defaultMaxAttempts], "line7/1.0 "), "what is not given stays")
	require.Same(t, &c.budget, &derived.budget)

	same, err := derived.With()
	require.NoError(t, err)
	require.Equal(t, derived.policy, same.policy)

	for name, option := range map[string]Option{
		"credentials": WithCredentials(testID, testSecret), "http": WithInsecureHTTP(), "client": WithHTTPClient(&http.Client{}), "nil": nil,
		"transport": WithTransport(recorder(nil)), "origins": WithImageOrigins("https://h"), "broken": WithLanguage("?"),
	} {
		_, err := c.With(option)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
	}
	require.NoError(t, derived.Close())
	_, err = c.GetModel(t.Context(), "m1")
	require.ErrorIs(t, err, ErrInvalidArgument, "both are closed")
	_, err = c.With()
	require.ErrorIs(t, err, ErrInvalidArgument)
}

// An image where the token may not go is fetched without, and its refusal says so.
func TestImageOrigins(t *testing.T) {
	t.Parallel()
	var tokens []string
	images := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "" {
			return respond(r, http.StatusUnauthorized, strings.NewReader(`{}`)), nil
		}
		return respond(r, http.StatusOK, strings.NewReader("image")), nil
	})
	client := func(opts ...Option) *Client {
		return newTestClient(t, "https://check.example", append(opts, WithHTTPClient(&http.Client{Transport: loggedIn(images)}))...)
	}
	image := ImageMeta{URL: "https://10.0.0.5:8443/images/1.png?signature=hunter2-hunter2"}
	_, err := client().GetImage(t.Context(), image)
	require.ErrorIs(t, err, ErrUnauthorized)
	for _, text := range []string{"https://10.0.0.5:8443", "https://check.example", "WithImageOrigins"} {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, testkit.EveryText(err), "hunter2")
	require.Equal(t, []string{""}, tokens)

	d, err := client(WithImageOrigins("https://other", "https://10.0.0.5:8443/api")).GetImage(t.Context(), image)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, "Bearer "+testToken, tokens[1])

	_, err = client(WithImageOrigins("https://10.0.0.5")).GetImage(t.Context(), image)
	require.ErrorIs(t, err, ErrUnauthorized, "another port is another origin")
	require.NotContains(t, client().DeleteItems(t.Context()).Error(), "WithImageOrigins")
}
