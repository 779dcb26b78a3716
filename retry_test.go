package hacarus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestOperationWithoutClassIsNotRepeated(t *testing.T) {
	t.Parallel()
	require.False(t, operation{}.class.repeatable())
}

// TestRetriesByStatus counts executions: what is promised for each class of
// operation when every answer has the same status.
func TestRetriesByStatus(t *testing.T) {
	t.Parallel()
	const attempts = 3
	for _, test := range []struct {
		status            int
		repeatable, once  int // attempts of operations that may be repeated, and of those that may not
		unknown           bool
		kind              error
		changesCredential bool
	}{
		{status: 400, repeatable: 1, once: 1, kind: ErrBadRequest},
		{status: 401, repeatable: 2, once: 2, kind: ErrUnauthorized},
		{status: 403, repeatable: 1, once: 1, kind: ErrForbidden},
		{status: 404, repeatable: 1, once: 1, kind: ErrNotFound},
		{status: 408, repeatable: attempts, once: 1, unknown: true},
		{status: 409, repeatable: 1, once: 1},
		{status: 413, repeatable: 1, once: 1, kind: ErrTooLarge},
		{status: 422, repeatable: 1, once: 1, kind: ErrUnprocessable},
		{status: 425, repeatable: attempts, once: attempts, kind: ErrBusy},
		{status: 429, repeatable: attempts, once: attempts, kind: ErrRateLimited},
		{status: 500, repeatable: attempts, once: 1, unknown: true, kind: ErrServer},
		{status: 501, repeatable: 1, once: 1, kind: ErrServer},
		{status: 502, repeatable: attempts, once: 1, unknown: true, kind: ErrServer},
		{status: 503, repeatable: attempts, once: 1, unknown: true, kind: ErrServer},
		{status: 504, repeatable: attempts, once: 1, unknown: true, kind: ErrServer},
		{status: 599, repeatable: attempts, once: 1, unknown: true, kind: ErrServer},
	} {
		for _, op := range []operation{opGetModel, opSetPredictParameters, opDeleteItems, opTrain} {
			t.Run(fmt.Sprint(test.status, " ", op.id), func(t *testing.T) {
				t.Parallel()
				api := &fakeService{next: status(test.status, `{"errors":{"title":"no","detail":null,"status":418}}`)}
				c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: attempts, MinWait: 1, MaxWait: 1}))
				err := invoke(t.Context(), c, op)
				var base *BaseError
				require.ErrorAs(t, err, &base)
				want := test.repeatable
				if !op.class.repeatable() {
					want = test.once
				}
				require.Equal(t, want, api.count())
				require.Equal(t, want, base.Attempts)
				require.Equal(t, test.status, base.StatusCode)
				require.Equal(t, 418, base.Errors.Status)
				require.Equal(t, op.id, base.Operation)
				if test.kind != nil {
					require.ErrorIs(t, err, test.kind)
				}
				require.Equal(t, test.unknown && !op.class.stateless(), errors.Is(err, ErrOutcomeUnknown))
			})
		}
	}
}

func TestRefusedConnectionsAreRetriedForAll(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		t.Run(op.id, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: ok(op.response())}
			var dials atomic.Int32
			refuse := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				if dials.Add(1)%2 == 1 {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
				}
				return testkit.InMemory(api)(r)
			})
			require.NoError(t, op.invoke(t.Context(), overTransport(t, refuse)))
		})
	}
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		c := overTransport(t, func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		})
		_, err := c.Train(t.Context(), "AE", TrainRequest{})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NotErrorIs(t, err, ErrOutcomeUnknown)
		var failed *RequestError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "login", failed.Operation)
		require.Equal(t, defaultMaxAttempts, failed.Attempts)
		require.Equal(t, OutcomeNotSent, failed.Outcome)
	})
}

func overTransport(t *testing.T, f testkit.RoundTrip) *Client {
	t.Helper()
	return newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: f}))
}

// TestUntracedTransportProvesNothing: a transport of the user's may fail after
// the service executed the request, and report nothing of it.
func TestUntracedTransportProvesNothing(t *testing.T) {
	t.Parallel()
	calls := 0
	c := overTransport(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/api/auth/token" {
			return testkit.InMemory(ok(`{"access_token":"t"}`))(r)
		}
		calls++
		_, _ = io.Copy(io.Discard, r.Body)
		return nil, io.ErrUnexpectedEOF
	})
	_, err := c.Train(t.Context(), "AE", TrainRequest{})
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 1, calls)
}

func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	for _, op := range operationTable {
		if op.class == classLogin || len(testkit.Fixtures()[op.id].Response.Body) == 0 {
			continue
		}
		t.Run(op.id, func(t *testing.T) {
			t.Parallel()
			cut := func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Length", strconv.Itoa(len(op.response())+1))
				_, _ = io.WriteString(w, op.response())
			}
			api := &fakeService{next: inTurn(cut, ok(op.response()))}
			err := op.invoke(t.Context(), overTCP(t, api))
			if op.class.repeatable() {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrDecode)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.Equal(t, 1, api.count())
		})
	}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false}, {"soon", 0, false}, {"1.5", 0, false}, {"NaN", 0, false}, {"-", 0, false}, {"--5", 0, false}, {"0x10", 0, false},
		{"0", 0, true}, {"7", 7 * time.Second, true}, {" 7 ", 7 * time.Second, true}, {"+7", 7 * time.Second, true},
		{"-7", -time.Second, true}, {"-99999999999999999999", -time.Second, true},
		{"86400", 24 * time.Hour, true},
		{"9223372037", maxRetryAfter, true}, {"18446744074", maxRetryAfter, true}, {"99999999999999999999", maxRetryAfter, true},
		{now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second, true},
		{now.Add(-90 * time.Second).Format(http.TimeFormat), 0, false},
		{"Fri, 31 Dec 9999 23:59:59 GMT", maxRetryAfter, true},
	} {
		got, ok := parseRetryAfter(http.Header{"Retry-After": {test.value}, "Date": {now.Format(http.TimeFormat)}})
		require.Equal(t, test.ok, ok, test.value)
		require.Equal(t, test.want, got, test.value)
	}
}

// A response without a date, or with one that nobody can read, is taken for written now.
func TestParseRetryAfterWithoutDate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		until := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
		for _, date := range []string{"", "today"} {
			wait, ok := parseRetryAfter(http.Header{"Retry-After": {until}, "Date": {date}})
			require.True(t, ok)
			require.Equal(t, time.Minute, wait)
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "-1", "9223372037", "Tue, 24 Nov 2026 12:00:00 GMT", "1e9", "１", "Sun Nov  6 08:49:37 1994", "Wednesday, 24-Nov-32 12:00:00 GMT", " +7 "} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		d, ok := parseRetryAfter(http.Header{"Retry-After": {value}, "Date": {now.Format(http.TimeFormat)}})
		if !ok && d != 0 || d > maxRetryAfter || d < -time.Second {
			t.Fatalf("%q: %v %v", value, d, ok)
		}
		if date, err := http.ParseTime(strings.TrimSpace(value)); err == nil && date.Before(now.AddDate(9, 0, 0)) && max(0, date.Sub(now)) != d {
			t.Fatalf("%q: %v, not %v", value, d, date.Sub(now))
		}
		if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1000 && d != time.Duration(seconds)*time.Second {
			t.Fatalf("%q: %v", value, d)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		status   int
		value    string
		attempts int
		waited   time.Duration // exactly, unless the backoff decides
		backoff  bool
		carried  time.Duration
	}{
		{name: "425", status: 425, value: "7", attempts: 2, waited: 7 * time.Second},
		{name: "429", status: 429, value: "7", attempts: 2, waited: 7 * time.Second},
		{name: "503", status: 503, value: "60", attempts: 2, waited: time.Minute},
		{name: "above the limit", status: 503, value: "61", attempts: 1, carried: 61 * time.Second},
		{name: "a day", status: 429, value: "86400", attempts: 1, carried: 24 * time.Hour},
		{name: "overflow", status: 429, value: "9223372037", attempts: 1, carried: maxRetryAfter},
		{name: "negative", status: 429, value: "-1", attempts: 1, carried: -time.Second},
		{name: "nonsense", status: 429, value: "soon", attempts: 2, backoff: true},
		{name: "zero", status: 429, value: "0", attempts: 2, backoff: true},
		{name: "past", status: 429, value: "Sun, 06 Nov 1994 08:49:37 GMT", attempts: 2, backoff: true},
		{name: "not on 502", status: 502, value: "50", attempts: 2, backoff: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				api := &fakeService{next: inTurn(status(test.status, "", "Retry-After", test.value), ok(modelBody))}
				c := overMemory(t, api, WithRetry(RetryPolicy{}))
				start := time.Now()
				_, err := c.GetModel(t.Context(), "m1")
				waited := time.Since(start)
				require.Equal(t, test.attempts, api.count())
				if test.attempts == 1 {
					var base *BaseError
					require.ErrorAs(t, err, &base)
					require.Equal(t, test.carried, base.RetryAfter)
					require.Zero(t, waited)
					return
				}
				require.NoError(t, err)
				if test.backoff {
					require.LessOrEqual(t, waited, defaultMinWait)
					return
				}
				require.Equal(t, test.waited, waited)
			})
		})
	}
}

func TestBackoffDoublesWithFullJitter(t *testing.T) {
	t.Parallel()
	p := RetryPolicy{}.withDefaults()
	for attempts, bound := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 3: time.Second, 7: 16 * time.Second, 8: 20 * time.Second, math.MaxInt32: 20 * time.Second,
	} {
		low, high := time.Duration(math.MaxInt64), time.Duration(0)
		for range 2000 {
			wait := p.backoff(attempts)
			low, high = min(low, wait), max(high, wait)
		}
		require.LessOrEqual(t, high, bound)
		require.Greater(t, high, bound*9/10, "the whole range is used")
		require.Less(t, low, bound/10, "the whole range is used")
	}
}

func TestRetryPolicyDefaults(t *testing.T) {
	t.Parallel()
	require.Equal(t, RetryPolicy{5, 250 * time.Millisecond, 20 * time.Second, time.Minute}, RetryPolicy{}.withDefaults())
	require.Equal(t, RetryPolicy{1, time.Minute, time.Minute, time.Minute}, RetryPolicy{MaxAttempts: 1, MinWait: time.Minute}.withDefaults())
	require.Equal(t, RetryPolicy{5, 1, 1, time.Minute}, RetryPolicy{MaxWait: 1}.withDefaults())
}

func TestMaxAttemptsOneNeverRetries(t *testing.T) {
	t.Parallel()
	api := &fakeService{next: status(503, "")}
	c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: 1}))
	_, err := c.GetModel(t.Context(), "m1")
	require.ErrorIs(t, err, ErrServer)
	require.Equal(t, 1, api.count())
}

func TestBudgetEndsRetryStorms(t *testing.T) {
	t.Parallel()
	api := &fakeService{next: status(503, "")}
	c := overMemory(t, api, WithRetry(RetryPolicy{MinWait: 1, MaxWait: 1}))
	const calls = 500
	for range calls {
		_, err := c.GetModel(t.Context(), "m1")
		require.ErrorIs(t, err, ErrServer)
	}
	require.Equal(t, calls+budgetCapacity/budgetCost, api.count())

	api.next = inTurn(ok(modelBody), ok(modelBody), status(503, ""), ok(modelBody))
	for range 3 {
		_, err := c.GetModel(t.Context(), "m1")
		require.NoError(t, err, "successes earn retries again")
	}
}

func TestPermanentFailuresAreNotRetried(t *testing.T) {
	t.Parallel()
	attempts := 0
	c := overTransport(t, func(*http.Request) (*http.Response, error) {
		attempts++
		return nil, http.ErrSchemeMismatch
	})
	_, err := c.GetModel(t.Context(), "m1")
	require.ErrorIs(t, err, http.ErrSchemeMismatch)
	require.Equal(t, 1, attempts)
}

func TestDeadlineNearerThanBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeService{next: status(503, "")}
		c := overMemory(t, api, WithRetry(RetryPolicy{MaxAttempts: 100, MinWait: time.Hour, MaxWait: time.Hour}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.GetModel(ctx, "m1")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, ErrServer)
		require.LessOrEqual(t, time.Since(start), time.Millisecond)
	})
}

// Another host's failures do not use up the retries of the service.
func TestForeignFailuresSpareTheBudget(t *testing.T) {
	t.Parallel()
	failed := false
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "storage.example" || !failed {
			failed = failed || r.URL.Host != "storage.example"
			return respond(r, http.StatusServiceUnavailable, strings.NewReader("{}")), nil
		}
		return respond(r, http.StatusOK, strings.NewReader(`{"data":{"hash_id":"h"}}`)), nil
	}))
	for range 50 {
		_, err := c.GetImage(t.Context(), ImageMeta{URL: "http://storage.example/a.png"})
		require.ErrorIs(t, err, ErrServer)
	}
	_, err := c.GetHashID(t.Context())
	require.NoError(t, err)
}

// Waits that no clock can count are refused.
func TestEndlessWaitsAreRefused(t *testing.T) {
	t.Parallel()
	_, err := New("https://example.com", WithCredentials(testID, testSecret),
		WithRetry(RetryPolicy{MinWait: math.MaxInt64, MaxWait: math.MaxInt64}))
	require.ErrorIs(t, err, ErrInvalidArgument)
}
