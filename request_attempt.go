package hacarus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// defaultStallTimeout ends an attempt if no byte has moved on the network for
	// this long.
	defaultStallTimeout = 60 * time.Second
	// successGrace is how long a successful response that has begun to arrive may
	// continue after the caller's context has ended, so that it is not thrown away.
	successGrace = 25 * time.Millisecond
	// expectFrom is the body size from which the service is asked for permission
	// before the body is sent.
	expectFrom = 1 << 20
	// expectPatience is how long to wait for the permission: as long as the SDK's
	// own transport does.
	expectPatience = time.Second
	// settleTime is how long a response may take from the transport's reader to the
	// call.
	settleTime = 25 * time.Millisecond
	// maxHints bounds the number of informational responses to one request.
	// net/http bounds it only for callers that do not look at them.
	maxHints = 100
)

// attempt is one request of a call on its way.
type attempt struct {
	access   attemptAccess
	clock    attemptClock
	trace    attemptTrace
	expect   expectation
	outgoing outgoing
	incoming incoming
	report   attemptReport
}

// attemptAccess is the result of asking for a token.
type attemptAccess struct {
	bearer *bearer
	err    error
}

// attach adds the body to the attempt's request. If asks is true, the request
// asks for permission to send it.
func (a *attempt) attach(req *http.Request, b *body, asks bool) error {
	a.outgoing.clock, a.outgoing.expect, a.outgoing.length = &a.clock, &a.expect, b.length
	a.trace.watchBody()
	if err := a.outgoing.open(b); err != nil {
		return err
	}
	req.Body, req.ContentLength = &a.outgoing, b.length
	if b.length == 0 {
		req.Body = http.NoBody
	}
	if b.contentType != "" {
		req.Header["Content-Type"] = []string{b.contentType}
	}
	if asks {
		req.Header["Expect"] = []string{"100-continue"}
		a.expect.ask(&a.trace.hooks)
	}
	return nil
}

// receive takes the response that has begun to arrive. If it streams, the
// caller reads its body.
func (a *attempt) receive(response *http.Response, streams bool) {
	if _, err := url.Parse(response.Header.Get("Location")); err != nil {
		response.Header.Del("Location") // http.Client would fail because of it and repeat it
	}
	if response.StatusCode == http.StatusSwitchingProtocols { // nobody asked for it, and no context would end reading it
		_ = response.Body.Close()
		response.Body = http.NoBody
	}
	a.expect.responded()
	a.report.status, a.report.requestID = response.StatusCode, response.Header.Get("X-Request-Id")
	a.incoming = incoming{ReadCloser: response.Body, clock: &a.clock}
	response.Body = &a.incoming
	if streams {
		a.clock.pause()
		return
	}
	a.clock.arriving.Store(isSuccess(response.StatusCode))
}

// withheld reports whether the request's body waited for a permission that did
// not come. Without the body, the service cannot act.
func (a *attempt) withheld() bool { return a.expect.asked() && a.outgoing.count() == 0 }

// reached returns how far the request may have come. It first takes the body
// away from the transport, which might otherwise continue to send it: what the
// transport has not taken yet, it will never take.
//
// A service that has not received the end of a body cannot act on it. The
// length is announced, so the service knows that the end is missing; JSON
// without its last byte is not JSON, and a form without its last boundary is
// not a form. The end is missing if the transport never took the last byte, or
// if it took the byte and reports that writing the request failed.
func (a *attempt) reached() reach {
	_ = a.outgoing.Close()
	switch {
	case a.withheld():
		return reachedHead
	case a.outgoing.isCut(), a.trace.unwritten.Load():
		return reachedInPart
	}
	return reachedService
}

// end releases the attempt. After it, the body's source is not read any more.
func (a *attempt) end() {
	_ = a.outgoing.Close()
	a.clock.end()
}

// attemptClock bounds the time of an attempt. Its context ends with the
// caller's context, but not while a success is arriving, and when nothing moves
// on the network.
type attemptClock struct {
	values   attemptValues
	caller   context.Context //nolint:containedctx // the call's, with values
	ctx      context.Context //nolint:containedctx // the attempt's own: it may outlive caller a little
	cancel   context.CancelFunc
	unlink   func() bool // takes the attempt off the caller's context
	patience time.Duration
	stall    *time.Timer
	stalled  atomic.Bool
	arriving atomic.Bool // a success
}

// start begins an attempt of the operation. The network may be silent for as
// long as patience.
func (c *attemptClock) start(caller context.Context, op *operation, patience time.Duration) {
	c.values = attemptValues{caller, op}
	c.caller, c.patience = &c.values, patience
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(c.caller))
	c.unlink = context.AfterFunc(caller, c.callerEnded)
}

func (c *attemptClock) callerEnded() {
	if c.arriving.Load() {
		time.AfterFunc(successGrace, c.cancel)
		return
	}
	c.cancel()
}

// watch begins to wait for the network. pause and resume bracket the time in
// which the caller's reader or writer is being waited for instead.
func (c *attemptClock) watch() {
	c.stall = time.AfterFunc(c.patience, func() {
		c.stalled.Store(true)
		c.cancel()
	})
}
func (c *attemptClock) pause()  { c.stall.Stop() }
func (c *attemptClock) resume() { c.stall.Reset(c.patience) }

// explain replaces a cancellation caused by a stall with the stall. The attempt's
// context has no deadline: an error that claims one tells of a limit of the
// transport's own.
func (c *attemptClock) explain(err error) error {
	switch {
	case c.stalled.Load():
		return stallError{c.patience}
	case errors.Is(err, context.DeadlineExceeded):
		return lateError{err}
	}
	return err
}

func (c *attemptClock) end() {
	if c.stall != nil {
		c.stall.Stop()
	}
	if c.cancel != nil {
		c.unlink()
		c.cancel()
	}
}

// stallError says that nothing moved on the network for too long.
type stallError struct{ after time.Duration }

func (e stallError) Error() string { return fmt.Sprintf("no byte moved for %v", e.after) }
func (stallError) Timeout() bool   { return true }
func (stallError) Temporary() bool { return true }

// lateError is the end of a time limit of the transport's own, such as that of a
// dial, which package net has look like the end of a context.
type lateError struct{ error }

func (e lateError) As(target any) bool { return errors.As(e.error, target) }
func (e lateError) Is(target error) bool {
	return target != context.DeadlineExceeded && errors.Is(e.error, target)
}

// expectation is the request for permission to send the body, which a large
// upload makes with Expect: 100-continue. The zero expectation does not ask.
type expectation struct {
	granted   chan struct{} // closed when the service says 100 Continue; nil: it is not asked
	hinted    chan struct{} // closed by another informational response, which is no word on the body
	final     chan struct{} // closed when there is a response that ends the call or the attempt
	since     time.Time
	answering atomic.Bool // something has come: a response of whatever kind
}

// ask makes the attempt's trace report what becomes of the request for
// permission.
func (e *expectation) ask(hooks *httptrace.ClientTrace) {
	e.granted, e.hinted, e.final = make(chan struct{}), make(chan struct{}), make(chan struct{})
	e.since = time.Now()
	hooks.Got100Continue = sync.OnceFunc(func() { close(e.granted) })
	hooks.GotFirstResponseByte = func() { e.answering.Store(true) }
	hints := 0
	hooks.Got1xxResponse = func(status int, _ textproto.MIMEHeader) error {
		if hints++; hints > maxHints {
			return errTooManyHints
		}
		if hints == 1 && status != http.StatusContinue {
			close(e.hinted)
		}
		return nil
	}
}

// errTooManyHints has the wording of net/http's error for the same situation.
var errTooManyHints = fmt.Errorf("%s %d informational responses", tooLargeHeaders, maxHints)

// responded says that there is a response, so that no permission can follow.
func (e *expectation) responded() {
	if e.asked() {
		close(e.final)
	}
}

// permits reports whether the body may be sent: because the service responded
// with 100 Continue, or did not respond for too long. Any final response
// refuses the body. net/http sends the body all the same if the connection
// stays open, so it is held back here until the attempt is over.
func (e *expectation) permits(over <-chan struct{}) bool {
	if !e.asked() || !e.answering.Load() {
		return true
	}
	select {
	case <-e.granted:
		return true
	case <-over:
		return false
	case <-e.hinted:
	}
	// No hook reports a final response that follows an informational one, but the
	// attempt does.
	patience := time.NewTimer(max(expectPatience-time.Since(e.since), settleTime))
	defer patience.Stop()
	select {
	case <-e.granted:
		return true
	case <-over:
		return false
	case <-patience.C:
		return true
	case <-e.final:
		<-over
		return false
	}
}

func (e *expectation) asked() bool { return e.granted != nil }

// ungranted reports whether the service was asked and has not responded with
// 100 Continue.
func (e *expectation) ungranted() bool {
	if !e.asked() {
		return false
	}
	select {
	case <-e.granted:
		return false
	default:
		return true
	}
}

// attemptTrace is what the transport reports about an attempt.
type attemptTrace struct {
	hooks     httptrace.ClientTrace
	tracing   atomic.Bool // the transport reports at all
	wrote     atomic.Bool // the request's head went out
	unwritten atomic.Bool // the rest of it did not
}

func (t *attemptTrace) start() {
	t.hooks.GetConn = func(string) { t.tracing.Store(true) }
	t.hooks.WroteHeaders = func() { t.wrote.Store(true) }
}

// watchBody records whether writing the body failed. A transport that starts
// again by itself, on another connection, takes that back.
func (t *attemptTrace) watchBody() {
	t.hooks.WroteHeaders = func() {
		t.wrote.Store(true)
		t.unwritten.Store(false)
	}
	t.hooks.WroteRequest = func(written httptrace.WroteRequestInfo) { t.unwritten.Store(written.Err != nil) }
}

// unsent reports whether it is certain that a request that failed with err was
// not sent: the transport reported at most its head, or it never had a
// connection. If the transport reports nothing, nothing is certain.
func (t *attemptTrace) unsent(err error) bool {
	if t.tracing.Load() {
		return !t.wrote.Load()
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return true
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// incoming is a response's body: it counts, and ends when the network stalls.
type incoming struct {
	io.ReadCloser
	clock    *attemptClock
	received int64
}

func (i *incoming) Read(p []byte) (int, error) {
	i.clock.resume()
	n, err := i.ReadCloser.Read(p)
	i.clock.pause()
	i.received += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // a reader ends with io.EOF itself, any other is a failure
		err = i.clock.explain(err)
	}
	return n, err
}
