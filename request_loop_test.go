package hacarus

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a loop's steps as a test writes them.
type script struct {
	responses []any // each a status or an error
	waits     []time.Duration
	seen      []any
}

func (s *script) send(r *http.Request) (*http.Response, error) {
	response := s.responses[0]
	s.responses = s.responses[1:]
	if err, ok := response.(error); ok {
		return nil, err
	}
	return respond(r, response.(int), http.NoBody), nil
}

func (s *script) next(_ context.Context, response *http.Response, err error) (time.Duration, bool) {
	if err != nil {
		s.seen = append(s.seen, stripURL(err))
	} else {
		s.seen = append(s.seen, response.StatusCode)
	}
	if len(s.waits) == 0 {
		return 0, false
	}
	wait := s.waits[0]
	s.waits = s.waits[1:]
	return wait, true
}

func runScript(ctx context.Context, s *script) (response *http.Response, interrupted bool) {
	r := request{op: opGetModel, params: []string{"m"}}
	target := &url.URL{Scheme: "https", Host: "h", Path: "/api"}
	return new(retryLoop).run(&http.Client{}, r.newRequest(ctx, target), s)
}

func TestLoopRepeatsItsSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reset := errors.New("reset")
		s := &script{responses: []any{503, reset, 200}, waits: []time.Duration{time.Second, time.Minute}}
		began := time.Now()
		response, interrupted := runScript(t.Context(), s)
		require.False(t, interrupted)
		require.Equal(t, 200, response.StatusCode)
		require.NoError(t, response.Body.Close())
		require.Equal(t, []any{503, reset, 200}, s.seen)
		require.Equal(t, time.Minute+time.Second, time.Since(began))
	})
}

func TestLoopEndsWhereTheStepsDo(t *testing.T) {
	t.Parallel()
	s := &script{responses: []any{500}}
	response, interrupted := runScript(t.Context(), s)
	require.False(t, interrupted)
	require.Equal(t, 500, response.StatusCode, "the loop knows no status")
	require.NoError(t, response.Body.Close())

	s = &script{responses: []any{io.ErrUnexpectedEOF}}
	response, interrupted = runScript(t.Context(), s) //nolint:bodyclose // there is none
	require.False(t, interrupted)
	require.Nil(t, response)
}

func TestLoopIsInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, interrupted := runScript(ctx, &script{responses: []any{503}, waits: []time.Duration{time.Hour}}) //nolint:bodyclose // there is none
		require.True(t, interrupted)
		require.Equal(t, time.Second, time.Since(began))
	})
}

// slowPacer makes each wait an hour.
type slowPacer struct{ held []error }

func (p *slowPacer) hold(err error, wait time.Duration) time.Duration {
	p.held = append(p.held, err)
	return wait + time.Hour
}

func TestTakeRetry(t *testing.T) {
	t.Parallel()
	busy := &BaseError{StatusCode: http.StatusTooManyRequests}
	pacer := &slowPacer{}
	for name, test := range map[string]struct {
		before  callProgress
		ctx     func(context.Context) context.Context
		foreign bool
		spent   bool // the budget
		asked   time.Duration
		ok      bool
		wait    time.Duration
		paid    int
	}{
		"asked for":           {before: callProgress{attempts: 1}, asked: time.Second, ok: true, wait: time.Second, paid: budgetCost},
		"the last attempt":    {before: callProgress{attempts: 3}, asked: time.Second},
		"with a resend":       {before: callProgress{attempts: 3, resends: 1}, asked: time.Second, ok: true, wait: time.Second, paid: budgetCost},
		"beyond the deadline": {before: callProgress{attempts: 1}, ctx: deadlineIn(time.Second), asked: time.Second},
		"within the deadline": {before: callProgress{attempts: 1}, ctx: deadlineIn(2 * time.Second), asked: time.Second, ok: true, wait: time.Second, paid: budgetCost},
		"after the context":   {before: callProgress{attempts: 1}, ctx: deadlineIn(0), asked: time.Second},
		"an empty budget":     {before: callProgress{attempts: 1}, spent: true, asked: time.Second},
		"another host":        {before: callProgress{attempts: 1}, spent: true, foreign: true, asked: time.Second, ok: true, wait: time.Second},
		"in step with others": {before: callProgress{attempts: 1}, ctx: func(ctx context.Context) context.Context { return withPacer(ctx, pacer) }, asked: time.Second, ok: true, wait: time.Hour + time.Second, paid: budgetCost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := overMemory(t, ok(modelBody), WithRetry(RetryPolicy{MaxAttempts: 3}))
				if test.spent {
					c.budget.spent = budgetCapacity
				}
				x := newExchange(c, request{op: opGetModel, foreign: test.foreign})
				x.callProgress, x.err = test.before, busy
				ctx := t.Context()
				if test.ctx != nil {
					ctx = test.ctx(ctx)
				}
				before := c.budget.spent
				wait, ok := x.takeRetry(ctx, test.asked)
				require.Equal(t, test.ok, ok)
				require.Equal(t, test.wait, wait)
				require.Equal(t, test.paid, c.budget.spent-before)
				require.Same(t, busy, x.err, "what was asked for in vain is the call's error as it is")
			})
		})
	}
	t.Cleanup(func() { require.Equal(t, []error{busy}, pacer.held) })
}

// deadlineIn gives a context a deadline. Its end releases it.
func deadlineIn(d time.Duration) func(context.Context) context.Context {
	return func(ctx context.Context) context.Context {
		ctx, cancel := context.WithTimeout(ctx, d)
		context.AfterFunc(ctx, cancel)
		return ctx
	}
}

// countedIdle counts how often a transport is told to close idle connections.
type countedIdle struct {
	http.RoundTripper
	closed atomic.Int32
}

func (c *countedIdle) CloseIdleConnections() { c.closed.Add(1) }

// A call that fails leaves the connections of others alone.
func TestFailuresCloseNoConnections(t *testing.T) {
	t.Parallel()
	transport := &countedIdle{RoundTripper: loggedIn(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusServiceUnavailable, strings.NewReader("{}")), nil
	})}
	c := newTestClient(t, "http://127.0.0.1", WithHTTPClient(&http.Client{Transport: transport}))
	_, err := c.GetHashID(t.Context())
	require.ErrorIs(t, err, ErrServer)
	require.Zero(t, transport.closed.Load())
}
