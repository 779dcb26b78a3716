package hacarus

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// getModel is a call of which only the error matters.
func getModel(ctx context.Context, c *Client) error {
	_, err := c.GetModel(ctx, "m1")
	return err
}

func TestLoginRequest(t *testing.T) {
	t.Parallel()
	var requests requestLog
	c := overTCP(t, requests.before(t, ok(`{"access_token":"`+testToken+`"}`)))
	token, err := c.Login(t.Context())
	require.NoError(t, err)
	require.Equal(t, testToken, token.AccessToken)
	require.Equal(t, "Bearer", token.Type())
	require.True(t, token.Valid())

	require.Len(t, requests.all(), 1)
	login := requests.all()[0]
	require.Equal(t, "POST /api/auth/token", login.Method+" "+login.RequestURI)
	require.Equal(t, "application/json", login.Header.Get("Content-Type"))
	require.Empty(t, login.Header.Values("Authorization"))
	require.EqualValues(t, len(login.body), login.ContentLength)
	require.JSONEq(t, `{"client_id":"`+testID+`","client_secret":"`+testSecret+`","grant_type":"client_credentials"}`, string(login.body))
}

// TestTokenRenewal: a token is replaced shortly before it expires, by its
// lifetime and not by the clock: in the bubble it is the year 2000.
func TestTokenRenewal(t *testing.T) {
	t.Parallel()
	const never = 0
	jwt := func(claims string) string { return `{"access_token":"` + factJWT(claims) + `"}` }
	for name, test := range map[string]struct {
		grant string
		after time.Duration
	}{
		"expires, flat":          {`{"access_token":"t","expires":3600}`, 3570 * time.Second},
		"expires, wrapped":       {`{"data":{"access_token":"t","expires":3600}}`, 3570 * time.Second},
		"expires_in":             {`{"access_token":"t","expires_in":"3600"}`, 3570 * time.Second},
		"30 days":                {`{"data":{"access_token":"t","expires":2592000}}`, 2591970 * time.Second},
		"short":                  {`{"access_token":"t","expires":100}`, 90 * time.Second},
		"too short":              {`{"access_token":"t","expires":1}`, 27 * time.Second},
		"JWT":                    {jwt(`{"iat":1646290110,"exp":1646293710}`), 3570 * time.Second},
		"JWT of long ago":        {jwt(`{"iat":0,"exp":3600}`), 3570 * time.Second},
		"JWT without iat":        {jwt(`{"exp":946688400}`), never},
		"JWT that ends at once":  {jwt(`{"iat":1646290110,"exp":1646290110}`), never},
		"JWT with broken claims": {jwt(`{"iat":"x","exp":{}}`), never},
		"JWT that is none":       {`{"access_token":"a.%%%.c"}`, never},
		"none":                   {`{"access_token":"t"}`, never},
		"zero":                   {`{"access_token":"t","expires":0}`, never},
		"negative":               {`{"access_token":"t","expires":-5}`, never},
		"a point in time":        {`{"access_token":"t","expires":1646290110}`, never},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &fakeService{grant: test.grant}
				c := overMemory(t, api)
				require.NoError(t, getModel(t.Context(), c))
				if test.after == never {
					time.Sleep(10 * 365 * 24 * time.Hour)
					require.NoError(t, getModel(t.Context(), c))
					api.requireCounts(t, 1, 2)
					return
				}
				time.Sleep(test.after - time.Second)
				require.NoError(t, getModel(t.Context(), c))
				api.requireCounts(t, 1, 2)
				time.Sleep(time.Second)
				require.NoError(t, getModel(t.Context(), c))
				api.requireCounts(t, 2, 3)
			})
		})
	}
}

func TestOneLoginForAllCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeService{numbered: true, login: time.Second}
		c := overMemory(t, api)
		for _, err := range testkit.Together(100, func(int) error { return getModel(t.Context(), c) }) {
			require.NoError(t, err)
		}
		api.requireCounts(t, 1, 100)
	})
}

// TestOneRefreshForAllCalls: a hundred calls are under way when their token is
// revoked. Some refusals come before, some during and some after the refresh.
func TestOneRefreshForAllCalls(t *testing.T) {
	t.Parallel()
	for _, login := range []time.Duration{0, 3 * time.Second} {
		t.Run(login.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &fakeService{numbered: true, login: login, latency: func(call int) time.Duration { return time.Duration(1+call%10) * time.Second }}
				c := overMemory(t, api)
				require.NoError(t, getModel(t.Context(), c))
				api.revoke()
				for _, err := range testkit.Together(100, func(int) error { return getModel(t.Context(), c) }) {
					require.NoError(t, err)
				}
				api.requireCounts(t, 2, 1+200)
			})
		})
	}
}

func TestSecondRefusalIsReturned(t *testing.T) {
	t.Parallel()
	api := &fakeService{next: status(http.StatusUnauthorized, `{"errors":{"title":"No permission to view item!"}}`)}
	c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: 1}))
	_, err := c.PredictItems(t.Context(), "m1", "a")
	var base *BaseError
	require.ErrorAs(t, err, &base)
	require.ErrorIs(t, err, ErrUnauthorized)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	require.Equal(t, "predictItems", base.Operation)
	require.Equal(t, 2, base.Attempts, "the resend is outside of MaxAttempts")
	logins, calls := api.counts()
	require.Equal(t, 2, logins)
	require.Equal(t, 2, calls)
}

// TestWaitersForALogin: each waits for itself only, whoever began the login.
func TestWaitersForALogin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		leave func(context.Context) (context.Context, context.CancelFunc)
		want  error
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		}, context.DeadlineExceeded},
		{"cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Second, cancel)
			return ctx, cancel
		}, context.Canceled},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprint(test.name, " first ", first), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					api := &fakeService{numbered: true, login: 20 * time.Second}
					c := overMemory(t, api)
					start := time.Now()
					errs := testkit.Together(2, func(i int) error {
						impatient := i == 0
						if impatient != first {
							synctest.Wait() // until the other one has begun the login
						}
						if !impatient {
							return getModel(t.Context(), c)
						}
						ctx, cancel := test.leave(t.Context())
						defer cancel()
						err := getModel(ctx, c)
						assert.Equal(t, 5*time.Second, time.Since(start))
						return err
					})
					require.NoError(t, errs[1])
					var failed *RequestError
					require.ErrorAs(t, errs[0], &failed)
					require.ErrorIs(t, errs[0], test.want)
					require.Equal(t, "getModelById", failed.Operation)
					require.Equal(t, OutcomeNotSent, failed.Outcome)
					require.Zero(t, failed.Attempts)
					api.requireCounts(t, 1, 1)
				})
			})
		}
	}
}

// TestRefusedLoginsAreRemembered: a line of many calls with a wrong secret
// must not lock the account.
func TestRefusedLoginsAreRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeService{numbered: true, login: 100 * time.Millisecond, refuse: func(login int) int {
			if login <= 2 {
				return http.StatusUnauthorized
			}
			return 0
		}}
		c := overMemory(t, api)
		for login := 1; login <= 2; login++ {
			for range 3 {
				for _, err := range testkit.Together(50, func(int) error { return getModel(t.Context(), c) }) {
					require.ErrorIs(t, err, ErrUnauthorized)
				}
			}
			api.requireCounts(t, login, 0)
			time.Sleep(refusalMemory)
		}
		require.NoError(t, getModel(t.Context(), c), "a refusal is not remembered for ever")
	})
	t.Run("Login asks anew", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{numbered: true, refuse: func(login int) int { return map[int]int{1: http.StatusForbidden}[login] }}
		c := overMemory(t, api)
		require.ErrorIs(t, getModel(t.Context(), c), ErrForbidden)
		_, err := c.Login(t.Context())
		require.NoError(t, err)
		require.NoError(t, getModel(t.Context(), c))
		api.requireCounts(t, 2, 1)
	})
	t.Run("outages are not remembered", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{numbered: true, refuse: func(login int) int { return map[int]int{1: http.StatusServiceUnavailable}[login] }}
		c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: 1}))
		require.ErrorIs(t, getModel(t.Context(), c), ErrServer)
		require.NoError(t, getModel(t.Context(), c))
	})
}

func TestLoginErrors(t *testing.T) {
	t.Parallel()
	const attempts = 3
	for _, test := range []struct {
		status, logins int
		kind           error
	}{
		{400, 1, ErrBadRequest},
		{401, 1, ErrUnauthorized},
		{403, 1, ErrForbidden},
		{404, 1, ErrNotFound},
		{422, 1, ErrUnprocessable},
		{429, attempts, ErrRateLimited},
		{500, attempts, ErrServer},
		{501, 1, ErrServer},
		{503, attempts, ErrServer},
	} {
		for name, call := range map[string]func(context.Context, *Client) error{
			"Login":    func(ctx context.Context, c *Client) error { return discardToken(c.Login(ctx)) },
			"GetModel": getModel,
			"Train":    func(ctx context.Context, c *Client) error { return invoke(ctx, c, opTrain) },
		} {
			t.Run(fmt.Sprint(test.status, " ", name), func(t *testing.T) {
				t.Parallel()
				api := &fakeService{numbered: true, refuse: func(int) int { return test.status }}
				c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: attempts, MinWait: 1, MaxWait: 1}))
				err := call(t.Context(), c)
				var base *BaseError
				require.ErrorAs(t, err, &base)
				require.ErrorIs(t, err, test.kind)
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
				require.Equal(t, "login", base.Operation)
				require.Equal(t, test.status, base.StatusCode)
				require.Equal(t, test.logins, base.Attempts)
				require.Equal(t, "Client id and secret mismatch", base.Errors.Title)
				api.requireCounts(t, test.logins, 0)
			})
		}
	}
}

func TestLoginWithoutAnswer(t *testing.T) {
	t.Parallel()
	t.Run("unreadable", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{grant: "<html>sign in</html>"}
		err := getModel(t.Context(), overMemory(t, api))
		var failed *RequestError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, ErrDecode)
		require.Equal(t, "login", failed.Operation)
		api.requireCounts(t, 1, 0)
	})
	t.Run("hanging", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := overTransport(t, func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			start := time.Now()
			err := getModel(t.Context(), c)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "login", failed.Operation)
			require.Equal(t, loginTimeout, time.Since(start))
		})
	})
	t.Run("closed meanwhile", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := overTransport(t, func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			start := time.Now()
			time.AfterFunc(time.Second, func() { assert.NoError(t, c.Close()) })
			require.Error(t, getModel(t.Context(), c))
			require.Equal(t, time.Second, time.Since(start))
		})
	})
}

// TestNoLoginAfterClose: a call that was under way when the client was closed begins no login.
func TestNoLoginAfterClose(t *testing.T) {
	t.Parallel()
	a := newAuthenticator(func(context.Context) (grant, error) {
		t.Error("a login")
		return grant{}, errors.New("closed")
	})
	a.close()
	_, err := a.token(t.Context())
	require.ErrorIs(t, err, ErrInvalidArgument)
}

// TestLoginAfterLostReply: the delete may have happened, whatever a later
// login says.
func TestLoginAfterLostReply(t *testing.T) {
	t.Parallel()
	lost := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	api := &fakeService{next: inTurn(lost, status(http.StatusUnauthorized, ""))}
	logins := inTurn(ok(`{"access_token":"`+testToken+`"}`), status(http.StatusForbidden, `{"errors":{"title":"closed"}}`))
	c := overTCP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == opLogin.path {
			logins(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	_, err := c.DeleteModels(t.Context(), "m1")
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	var base *BaseError
	require.ErrorAs(t, err, &base)
	require.Equal(t, "login", base.Operation)
}

func TestLoginIsAFreshExchange(t *testing.T) {
	t.Parallel()
	var used []string
	api := &fakeService{numbered: true}
	c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != opLogin.path {
			used = append(used, r.Header.Get("Authorization"))
		}
		api.ServeHTTP(w, r)
	}))
	for number := 1; number <= 3; number++ {
		token, err := c.Login(t.Context())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("token-number-%d", number), token.AccessToken)
		require.NoError(t, getModel(t.Context(), c))
		require.NoError(t, getModel(t.Context(), c))
	}
	require.Equal(t, []string{
		"Bearer token-number-1", "Bearer token-number-1",
		"Bearer token-number-2", "Bearer token-number-2",
		"Bearer token-number-3", "Bearer token-number-3",
	}, used)
	api.requireCounts(t, 3, 6)
}

// sourceFunc is a token source made of a function.
type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func overSource(t *testing.T, h http.Handler, source sourceFunc) *Client {
	t.Helper()
	c, err := New("http://127.0.0.1", WithTokenSource(source), WithHTTPClient(&http.Client{Transport: testkit.InMemory(h)}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// numberedSource gives out the tokens of a fakeService.
func numberedSource(asked *atomic.Int32, lifetime time.Duration) sourceFunc {
	return func() (*oauth2.Token, error) {
		token := &oauth2.Token{AccessToken: fmt.Sprintf("token-number-%d", asked.Add(1))}
		if lifetime > 0 {
			token.Expiry = time.Now().Add(lifetime)
		}
		return token, nil
	}
}

func TestTokenSource(t *testing.T) {
	t.Parallel()
	t.Run("asked rarely", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		api := &fakeService{numbered: true}
		c := overSource(t, api, numberedSource(&asked, 0))
		for _, err := range testkit.Together(100, func(int) error { return getModel(t.Context(), c) }) {
			require.NoError(t, err)
		}
		require.EqualValues(t, 1, asked.Load())
		api.requireCounts(t, 0, 100)
	})
	t.Run("asked again before expiry", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			c := overSource(t, &fakeService{numbered: true}, numberedSource(&asked, 100*time.Second))
			for i, wait := range []time.Duration{0, 89 * time.Second, time.Second} {
				time.Sleep(wait)
				require.NoError(t, getModel(t.Context(), c))
				require.EqualValues(t, 1+i/2, asked.Load())
			}
		})
	})
	t.Run("asked again after a refusal", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		api := &fakeService{numbered: true, revoked: 1}
		require.NoError(t, getModel(t.Context(), overSource(t, api, numberedSource(&asked, 0))))
		require.EqualValues(t, 2, asked.Load())
		api.requireCounts(t, 0, 2)
	})
	t.Run("the same token again", func(t *testing.T) {
		t.Parallel()
		api := &fakeService{numbered: true, revoked: 1}
		c := overSource(t, api, func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "token-number-1"}, nil })
		err := getModel(t.Context(), c)
		require.ErrorIs(t, err, ErrUnauthorized)
		api.requireCounts(t, 0, 2)
	})
	t.Run("Login returns its token", func(t *testing.T) {
		t.Parallel()
		token := &oauth2.Token{AccessToken: "token-number-1", TokenType: "custom", Expiry: time.Now().Add(time.Hour)}
		api := &fakeService{numbered: true}
		c := overSource(t, api, func() (*oauth2.Token, error) { return token, nil })
		got, err := c.Login(t.Context())
		require.NoError(t, err)
		require.Same(t, token, got)
		api.requireCounts(t, 0, 0)
	})
}

// TestTokenSourceExpiry: a token is used until it expires, however soon that is.
// A source that has none but an expired one is asked for each call, and once.
func TestTokenSourceExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		lifetime := 2 * time.Second
		source := sourceFunc(func() (*oauth2.Token, error) {
			asked++
			return &oauth2.Token{AccessToken: fmt.Sprint("token-number-", asked), Expiry: time.Now().Add(lifetime)}, nil
		})
		var used []string
		transport := testkit.InMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			used = append(used, r.Header.Get("Authorization"))
			ok(modelBody)(w, r)
		}))
		c, err := New("http://127.0.0.1", WithTokenSource(source), WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)
		defer c.Close()
		for _, wait := range []time.Duration{0, time.Second, 1500 * time.Millisecond} {
			time.Sleep(wait) // of the bubble's clock
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
		}
		require.Equal(t, []string{"Bearer token-number-1", "Bearer token-number-1", "Bearer token-number-2"}, used)
		lifetime = -time.Hour
		time.Sleep(time.Minute)
		for range 3 {
			_, err := c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
		}
		require.Equal(t, 5, asked)
	})
}

// TestCloseEndsALogin: who waits for it learns why.
func TestCloseEndsALogin(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	transport := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		close(begun)
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	c, err := New("http://127.0.0.1", WithCredentials(testID, testSecret), WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	failed := make(chan error, 1)
	go func() {
		_, err := c.GetModel(t.Context(), "m1")
		failed <- err
	}()
	<-begun
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-failed, ErrInvalidArgument)
}

func TestTokenSourceFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("vault is sealed")
	for name, source := range map[string]sourceFunc{
		"error":    func() (*oauth2.Token, error) { return nil, broken },
		"nothing":  func() (*oauth2.Token, error) { return nil, nil },
		"empty":    func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
		"line end": func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "bad-token\r\nX: y"}, nil },
		"too large": func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: strings.Repeat("bad-token", 10_000)}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{numbered: true}
			c := overSource(t, api, source)
			_, loginErr := c.Login(t.Context())
			for _, err := range []error{getModel(t.Context(), c), loginErr} {
				var failed *RequestError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, "login", failed.Operation)
				require.Equal(t, OutcomeNotSent, failed.Outcome)
				require.Equal(t, name == "error", errors.Is(err, broken))
				require.NotContains(t, testkit.EveryText(err), "bad-token")
			}
			api.requireCounts(t, 0, 0)
		})
	}
}

// TestTokenSourceIsAskedByOneAtATime holds what WithTokenSource promises, for Login too.
func TestTokenSourceIsAskedByOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asking, most atomic.Int32
		c := overSource(t, &fakeService{numbered: true}, func() (*oauth2.Token, error) {
			if n := asking.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer asking.Add(-1)
			time.Sleep(time.Second)
			return &oauth2.Token{AccessToken: "token-number-1"}, nil
		})
		for _, err := range testkit.Together(10, func(i int) error {
			if i%2 == 0 {
				return getModel(t.Context(), c)
			}
			return discardToken(c.Login(t.Context()))
		}) {
			require.NoError(t, err)
		}
		require.EqualValues(t, 1, most.Load())
	})
}

// TestLoginEndsWithItsContext: a token source knows no context, but a caller
// of Login does not wait longer than its own.
func TestLoginEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *Client) error{
		"Login":    func(ctx context.Context, c *Client) error { return discardToken(c.Login(ctx)) },
		"GetModel": getModel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := overSource(t, &fakeService{numbered: true}, func() (*oauth2.Token, error) {
					time.Sleep(time.Hour)
					return &oauth2.Token{AccessToken: "token-number-1"}, nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				defer time.Sleep(time.Hour) // until the source is back
				start := time.Now()
				require.ErrorIs(t, call(ctx, c), context.DeadlineExceeded)
				require.Equal(t, time.Second, time.Since(start))
			})
		})
	}
}

// TestNoErrorShowsASecret lets the service and the network say back what they were sent.
func TestNoErrorShowsASecret(t *testing.T) {
	t.Parallel()
	const secret = `pa"ss\word & more/than+8`
	grant := ok(`{"access_token":"` + testToken + `"}`)
	echo := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			raw := fmt.Sprintf("%s\n%s\n%s", body, r.Header.Get("Authorization"), secret)
			status(code, raw, header...)(w, r)
		}
	}
	failing := func(err error) http.HandlerFunc { return func(http.ResponseWriter, *http.Request) { panic(err) } }
	for name, test := range map[string]struct{ login, call http.HandlerFunc }{
		"login refused":      {echo(401), nil},
		"login as HTML":      {echo(200), nil},
		"login redirected":   {echo(302, "Location", "https://h/?secret="+secret), nil},
		"login cut off":      {failing(errors.New("proxy saw " + secret)), nil},
		"call refused":       {grant, echo(400, "X-Request-Id", testToken)},
		"call failed":        {grant, echo(500)},
		"call unreadable":    {grant, ok(`{"data":{"` + testToken + `":nul}}`)},
		"call redirected":    {grant, echo(307, "Location", "https://"+testToken+"/")},
		"call cut off":       {grant, failing(errors.New("proxy saw Bearer " + testToken))},
		"token cannot stand": {ok(`{"access_token":"bad ` + testToken + `"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := testkit.RoundTrip(func(r *http.Request) (response *http.Response, err error) {
				defer func() {
					if failure, ok := recover().(error); ok {
						err = failure
					}
				}()
				if r.URL.Path == opLogin.path {
					return testkit.InMemory(test.login)(r)
				}
				return testkit.InMemory(test.call)(r)
			})
			var log bytes.Buffer
			c, err := New("http://127.0.0.1", WithCredentials(testID, secret), WithHTTPClient(&http.Client{Transport: transport}),
				WithRetry(RetryPolicy{MaxAttempts: 2, MinWait: 1, MaxWait: 1}),
				WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			require.NoError(t, err)
			defer c.Close()
			err = getModel(t.Context(), c)
			require.Error(t, err)
			text := testkit.EveryText(err) + log.String() + fmt.Sprintf("%v %+v %#v", c, c, c)
			asJSON, err := json.Marshal(secret)
			require.NoError(t, err)
			known := []string{
				secret, string(asJSON[1 : len(asJSON)-1]), html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret),
				hex.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)), "word & more", "word \\u0026 more",
			}
			if name != "token cannot stand" { // where the service never gave a token, it is not known to be one
				known = append(known, testToken)
			}
			for _, form := range known {
				assert.NotContains(t, text, form)
			}
		})
	}
}

// TestTokenSourceErrorShowsNoToken: the error of a source may name the token that it gave out before.
func TestTokenSourceErrorShowsNoToken(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	broken := errors.New("cannot renew token-number-1")
	c := overSource(t, &fakeService{numbered: true, revoked: 1}, func() (*oauth2.Token, error) {
		if asked.Add(1) == 1 {
			return &oauth2.Token{AccessToken: "token-number-1"}, nil
		}
		return nil, broken
	})
	err := getModel(t.Context(), c)
	require.ErrorIs(t, err, broken)
	require.NotContains(t, testkit.EveryText(err), "token-number-1")
}

type panickingSource struct{}

func (panickingSource) Token() (*oauth2.Token, error) { panic("the vault is sealed") }

// A token source that panics fails the calls, and not the program.
func TestTokenSourcePanics(t *testing.T) {
	t.Parallel()
	c, err := New("http://127.0.0.1", WithTokenSource(panickingSource{}))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.GetHashID(t.Context())
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeNotSent, lost.Outcome)
	require.ErrorContains(t, err, "the vault is sealed")
}

// A login that takes longer than the http.Client of the user allows an attempt is
// an error of the kind that all calls have.
func TestLoginLongerThanATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: slow, Timeout: time.Second}))
		err := getModel(t.Context(), c)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		failed, ok := errors.AsType[*RequestError](err)
		require.True(t, ok, "%T", err)
		require.Equal(t, OutcomeNotSent, failed.Outcome)
		require.Equal(t, opLogin.id, failed.Operation)
	})
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
			var requests requestLog
			c := overMemory(t, requests.before(t, inTurn(ok(test.body), ok(modelBody))))
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
		{"06 not logged in any more", inTurn(expired, ok(`{"data":{"item_id":"0001"}}`)), nil, 2, 2},
		{"06 someone else's item after a stale token", inTurn(expired, refused), ErrUnauthorized, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: test.next}
			_, err := overMemory(t, api).GetItem(t.Context(), "0001", nil)
			require.ErrorIs(t, err, test.err)
			logins, calls := api.counts()
			require.Equal(t, test.logins, logins)
			require.Equal(t, test.calls, calls)
		})
	}
	t.Run("06 bad credentials", func(t *testing.T) {
		t.Parallel()
		var requests requestLog
		c := overMemory(t, requests.before(t, status(http.StatusUnauthorized, `{"errors":{"title":"Client id and secret mismatch"}}`)))
		_, err := c.GetItem(t.Context(), "0001", nil)
		base := (*BaseError)(nil)
		require.ErrorAs(t, err, &base)
		require.ErrorIs(t, err, ErrUnauthorized)
		require.Equal(t, "login", base.Operation)
		require.Len(t, requests.all(), 1, "no loop")
	})
}

func TestDecodeGrantRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html></html>", "no token": `{}`, "null token": `{"access_token":null}`, "empty token": `{"access_token":""}`,
		"number": `{"access_token":1}`, "null data": `{"data":null}`, "list": `{"data":[{"access_token":"t"}]}`, "line end": `{"access_token":"a\r\nX: y"}`,
		"space": `{"access_token":"a b"}`, "not ASCII": `{"access_token":"トークン"}`, "two answers": `{"access_token":"t"}{"access_token":"u"}`,
		"too long": `{"access_token":"` + strings.Repeat("a", maxToken+1) + `"}`, "too deep": `{"access_token":"t","x":` + decodeNested(10_001) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeGrant([]byte(body))
			require.ErrorIs(t, err, ErrDecode)
		})
	}
}

// TestDecodeLifetimes holds that no form of a lifetime makes a login fail.
func TestDecodeLifetimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		expires string
		seconds float64
	}{
		{`3600`, 3600},
		{`3600.5`, 3600.5},
		{`"3600"`, 3600},
		{`1`, minLifetime.Seconds()},
		{`null`, 0},
		{`0`, 0},
		{`-1`, 0},
		{`1e400`, 0},
		{`1646290110`, 0},
		{`"NaN"`, 0},
		{`"2022-03-03T06:48:30Z"`, 0},
		{`{"in":3600}`, 0},
		{`[3600]`, 0},
		{`true`, 0},
	} {
		t.Run(test.expires, func(t *testing.T) {
			t.Parallel()
			for _, key := range []string{"expires", "expires_in"} {
				granted, err := decodeGrant([]byte(`{"` + key + `":` + test.expires + `,"access_token":"t"}`))
				require.NoError(t, err)
				require.Equal(t, "t", granted.token.AccessToken)
				require.InDelta(t, test.seconds, granted.lifetime.Seconds(), 0)
			}
		})
	}
}

// FuzzLogin holds that a token of a login can stand in a header, that its
// lifetime is none or one that makes sense, and that no error shows it.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(`{"access_token":"t","expires":3600}`), int64(1), int64(3601))
	f.Add([]byte(`{"data":{"access_token":"GeneratedAccessToken","expires":2592000}}`), int64(0), int64(0))
	f.Add([]byte(`{"access_token":"a b","expires_in":"1e400"}`), int64(math.MaxInt64), int64(math.MinInt64))
	f.Add([]byte(`{"access_token":"e30.eyJpYXQiOjEsImV4cCI6MzYwMX0.s"}`), int64(1700000000), int64(1700086400))
	sane := func(t *testing.T, lifetime time.Duration) {
		t.Helper()
		require.True(t, lifetime == 0 || lifetime >= minLifetime && lifetime <= maxLifetime, lifetime)
	}
	f.Fuzz(func(t *testing.T, raw []byte, issued, expires int64) {
		granted, err := decodeGrant(raw)
		if err != nil {
			require.ErrorIs(t, err, ErrDecode)
		} else {
			access := granted.token.AccessToken
			require.True(t, len(access) > 0 && len(access) <= maxToken)
			require.Equal(t, -1, strings.IndexFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }))
			sane(t, granted.lifetime)
			require.Equal(t, granted.lifetime == 0, granted.token.Expiry.IsZero())
		}
		payload := base64.RawURLEncoding.EncodeToString(raw)
		sane(t, jwtLifetime("e30."+payload+".s"))
		claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"exp":%d}`, issued, expires))
		lifetime := jwtLifetime("e30." + claims + ".s")
		sane(t, lifetime)
		if seconds := expires - issued; issued >= 0 && expires > issued && expires < 1<<40 && seconds >= 30 && seconds <= 1e8 {
			require.Equal(t, time.Duration(seconds)*time.Second, lifetime)
		}
		_, err = newGrant(string(raw), 0)
		if len(raw) >= 8 && err != nil {
			require.NotContains(t, err.Error(), string(raw))
		}
	})
}

// The time that a login may take is the SDK's own: no context of the caller's has
// ended, and the error claims none. It tells what the login met before.
func TestSlowLoginClaimsNoDeadline(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]http.HandlerFunc{
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"before a wait": func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(loginTimeout - time.Millisecond)
			status(503, servicesWord)(w, r)
		},
		"after a response": inTurn(status(503, servicesWord), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := overMemory(t, respond, WithRetry(RetryPolicy{MinWait: 20 * time.Second, MaxWait: 20 * time.Second}))
				err := getModel(context.WithoutCancel(t.Context()), c)
				require.ErrorContains(t, err, "no token within 30s")
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, context.Canceled)
				require.True(t, IsTemporary(err))
				if name != "silence" {
					require.ErrorIs(t, err, ErrServer)
				}
			})
		})
	}
}

// A token that has to be renewed is no failure: when the context ends meanwhile,
// that is what the call failed with.
func TestContextEndsDuringARenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		login := inTurn(ok(`{"access_token":"`+testToken+`"}`), func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		c := overMemory(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == opLogin.path {
				login(w, r)
				return
			}
			status(http.StatusUnauthorized, servicesWord)(w, r)
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := getModel(ctx, c)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, ErrUnauthorized)
		require.True(t, IsTemporary(err))
	})
}
