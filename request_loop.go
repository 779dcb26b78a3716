package hacarus

import (
	"cmp"
	"context"
	"maps"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// exchange is one call on its way, from its request to the last response.
type exchange struct {
	client *Client
	request
	callProgress
	err     error      // what the last attempt ended with
	refusal *BaseError // the last response that reported something temporary
	current *attempt
	payload payload

	// These are what every call needs; they are allocated together with it.
	where url.URL
	room  struct {
		first attempt
		loop  retryLoop
	}
}

// callProgress is how far a call has come.
type callProgress struct {
	attempts int     // requests made
	resends  int     // those among them that followed a refusal at once
	renewed  bool    // the token was refused and has been replaced
	outcome  Outcome // of all attempts so far
}

func newExchange(c *Client, r request) *exchange {
	x := &exchange{client: c, request: r, callProgress: callProgress{outcome: OutcomeNotSent}}
	x.current = &x.room.first
	return x
}

// run sends the request until it succeeds or must not be sent again. The
// payload then contains the response if it is JSON; the body of a stream is
// open.
func (x *exchange) run(ctx context.Context) (response *http.Response, err error) {
	if err := x.client.usable(ctx, x.op); err != nil {
		return nil, err
	}
	if x.where, err = x.url(x.client.origin); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, x.requestError(contextError(ctx, nil))
	}
	x.payload.buffers = &x.client.responses
	response, interrupted := x.room.loop.run(x.client.http, x.newRequest(ctx, &x.where), x)
	if interrupted {
		x.err = x.requestError(contextError(ctx, x.err))
	}
	x.capture(ctx, response)
	return response, x.err
}

// send makes one attempt.
func (x *exchange) send(req *http.Request) (*http.Response, error) {
	x.current.end() // it may hold the body's source open
	x.payload.raw = nil
	if x.attempts > 0 {
		x.current = &attempt{}
	}
	out, err := x.start(x.current, req)
	if err != nil {
		return nil, err
	}
	response, err := x.client.http.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	x.current.receive(response, x.streams())
	return response, nil
}

// start makes an attempt's request: header, token, body and trace on a copy of
// the call's.
func (x *exchange) start(a *attempt, req *http.Request) (*http.Request, error) {
	header := x.header(req.Header)
	if x.authorized() {
		token, err := x.client.auth.token(req.Context())
		if a.access = (attemptAccess{token, err}); err != nil {
			return nil, err
		}
		header["Authorization"] = token.header
	}
	x.attempts++
	a.report.start(x.attempts)
	a.clock.start(req.Context(), &x.op, x.client.stall)
	a.trace.start()
	out := req.WithContext(httptrace.WithClientTrace(a.clock.ctx, &a.trace.hooks))
	out.Header = header
	if x.body != nil {
		asks := x.body.length >= expectFrom && !x.client.ignoresExpect.Load()
		if err := a.attach(out, x.body, asks); err != nil {
			return nil, err
		}
	}
	a.clock.watch()
	return out, nil
}

var (
	acceptsJSON = []string{acceptJSON}
	identity    = []string{"identity"}
)

// header returns the header of one attempt without its token. Its values are
// shared: those of the client, and what an http.Client adds, such as cookies.
func (x *exchange) header(added http.Header) http.Header {
	header := make(http.Header, 8)
	maps.Copy(header, x.client.header)
	maps.Copy(header, added)
	header["Accept"] = acceptsJSON
	if x.streams() {
		header["Accept"] = []string{x.accept}
		header["Accept-Encoding"] = identity // sizes must be the file's
	}
	return header
}

// next examines the result of an attempt and returns whether another one
// follows, and after which wait.
func (x *exchange) next(ctx context.Context, response *http.Response, err error) (wait time.Duration, again bool) {
	rethrow(x.current.outgoing.failure())
	seen, cause := x.observe(response, err)
	x.learn(seen)
	d := judge(x.op.class, seen)
	x.outcome = afterwards(x.op.class, x.outcome, d.outcome)
	x.err = x.errorOf(ctx, seen, cause)
	if refusal, ok := cause.(*BaseError); ok && d.again == repeatLater { //nolint:errorlint // one within a file's error is not this call's
		x.refusal = refusal
	}
	switch {
	case x.err == nil:
		x.earn()
		return 0, false
	case d.again == repeatAtOnce:
		x.resends++
		again = true
	case d.again == repeatLater:
		wait, again = x.takeRetry(ctx, d.wait)
	}
	x.tell(x.err, wait, !again)
	if d.again == repeatAtOnce {
		x.err = nil // it failed at nothing: if the call ends before the next attempt, that is all
	}
	return wait, again
}

// learn records what an attempt says about the token and the service.
func (x *exchange) learn(seen observation) {
	if seen.tokenRefused {
		x.renewed = true // a refused resend says nothing against its token
		x.client.auth.invalidate(x.current.access.bearer)
	}
	// A service that ignores Expect costs a second each time.
	ignored := seen.status != 0 && x.current.expect.ungranted() && !x.current.withheld()
	if ignored || seen.expectRefused() {
		x.client.ignoresExpect.Store(true)
	}
}

// takeRetry takes another attempt from the policy, the remaining time and the
// budget, if all of them permit one, and returns the wait before it.
func (x *exchange) takeRetry(ctx context.Context, asked time.Duration) (wait time.Duration, ok bool) {
	policy, counted := x.client.policy, x.attempts-x.resends
	if counted >= policy.MaxAttempts || ctx.Err() != nil {
		return 0, false
	}
	wait = cmp.Or(asked, policy.backoff(counted))
	if shared := pacerOf(ctx); shared != nil {
		wait = shared.hold(x.err, wait)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		if asked == 0 {
			x.err = x.requestError(&sequel{deadlineError(ctx, context.DeadlineExceeded), x.err})
		}
		return 0, false
	}
	if !x.foreign && !x.client.budget.take() {
		return 0, false
	}
	return wait, true
}

// earn credits a success to the budget. The response of another host says
// nothing about the service.
func (x *exchange) earn() {
	if !x.foreign {
		x.client.budget.earn()
	}
}

// finish ends a call whose response has been read, and returns its error.
func (x *exchange) finish(err error) error {
	if err != nil {
		err = x.requestError(err)
	}
	x.tell(err, 0, true)
	return err
}

// release returns what the call holds.
func (x *exchange) release() {
	x.current.end()
	x.payload.release()
}

// retrySteps are what a loop goes through.
type retrySteps interface {
	// send makes one attempt.
	send(req *http.Request) (*http.Response, error)
	// next says whether another attempt follows on one, and after what wait.
	next(ctx context.Context, response *http.Response, err error) (wait time.Duration, again bool)
}

// retryLoop runs the steps with go-retryablehttp, which repeats them and waits
// in between. All decisions are left to the steps. It takes the place of the
// transport but does not have CloseIdleConnections, which would be called
// whenever a call fails, at the expense of the connections of all other calls.
type retryLoop struct {
	steps  retrySteps
	wait   time.Duration
	again  bool
	sender http.Client
	engine retryablehttp.Client
	outer  retryablehttp.Request
}

// run returns the last response; interrupted says that the request's context
// ended in a wait.
func (l *retryLoop) run(sender *http.Client, req *http.Request, s retrySteps) (response *http.Response, interrupted bool) {
	l.steps, l.sender, l.outer.Request = s, *sender, req
	l.sender.Transport = l
	l.engine.HTTPClient = &l.sender
	l.engine.RetryMax = math.MaxInt // next counts
	l.engine.CheckRetry = l.checkRetry
	l.engine.Backoff = l.backoff
	l.engine.ErrorHandler = retryablehttp.PassthroughErrorHandler
	response, _ = l.engine.Do(&l.outer) // the steps have kept the error
	return response, l.again
}

// RoundTrip is what the http.Client in the loop sends through.
func (l *retryLoop) RoundTrip(req *http.Request) (*http.Response, error) { return l.steps.send(req) }

func (l *retryLoop) checkRetry(ctx context.Context, response *http.Response, err error) (bool, error) {
	l.wait, l.again = l.steps.next(ctx, response, err)
	return l.again, nil
}

func (l *retryLoop) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return l.wait }
