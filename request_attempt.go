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
	// defaultStallTimeout ends an attempt that waits for the network without a byte moving.
	defaultStallTimeout = 60 * time.Second
	// successGrace is how long a success that has begun to arrive may still
	// take after the caller's context ended: it is not thrown away for that.
	successGrace = 25 * time.Millisecond
	// expectFrom is the body size from which the service is asked before it is sent.
	expectFrom = 1 << 20
	// expectPatience is how long the question is waited for: as long as the
	// SDK's own transport does.
	expectPatience = time.Second
	// settleTime is what a response may take from the transport's reader to the call.
	settleTime = 25 * time.Millisecond
	// maxHints bounds the informational responses to one request. net/http bounds
	// them only for those who do not look at them.
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

// attemptAccess is what came of asking for a token.
type attemptAccess struct {
	bearer *bearer
	err    error
}

// attach gives the attempt's request its body. If it asks, the service is asked
// first whether it wants it.
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

// receive takes the response that has begun to arrive, whose body the caller
// reads if it streams.
func (a *attempt) receive(response *http.Response, streams bool) {
	if _, err := url.Parse(response.Header.Get("Location")); err != nil {
		response.Header.Del("Location") // at which http.Client would fail, and repeat it
	}
	if response.StatusCode == http.StatusSwitchingProtocols { // nobody asked for it, and no context ends reading it
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

// withheld says whether the request's body waited for a permission that did not
// come: without it the service cannot act.
func (a *attempt) withheld() bool { return a.expect.asked() && a.outgoing.count() == 0 }

// reached is how far the request may have come, unless it certainly did not
// leave. It takes the body away from the transport first, which may go on
// sending it for as long as it can: what it has not taken now, it never will.
//
// A service that lacks the end of a body cannot act on it. Its length is
// announced, so that the service knows that the end is missing; JSON without its
// last byte is no JSON, and a form without its last boundary is no form. The end
// is missing where the transport never took the last byte, and where it took it
// and says that writing the request failed.
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

// end releases the attempt. After it, the body's source is never read again.
func (a *attempt) end() {
	_ = a.outgoing.Close()
	a.clock.end()
}

// attemptClock is the time of an attempt. Its context ends with the caller's, but not
// while a success is arriving, and when nothing moves on the network.
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

// start begins an attempt of the operation, which bears with a silence as long
// as its patience.
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
// which the caller's reader or writer is waited for instead.
func (c *attemptClock) watch() {
	c.stall = time.AfterFunc(c.patience, func() {
		c.stalled.Store(true)
		c.cancel()
	})
}
func (c *attemptClock) pause()  { c.stall.Stop() }
func (c *attemptClock) resume() { c.stall.Reset(c.patience) }

// explain replaces a cancellation that the stall caused by its reason.
func (c *attemptClock) explain(err error) error {
	if c.stalled.Load() {
		return stallError{c.patience}
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

// expectation is the question whether the service wants the body at all, which
// a large upload asks with Expect: 100-continue. The zero expectation does not ask.
type expectation struct {
	granted   chan struct{} // closed when the service says 100 Continue; nil: it is not asked
	hinted    chan struct{} // closed by another informational response, which is no word on the body
	final     chan struct{} // closed when there is a response that ends the call or the attempt
	since     time.Time
	answering atomic.Bool // something has come: a response of whatever kind
}

// ask lets the attempt's trace tell what becomes of the question.
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

// errTooManyHints is worded as net/http words the end of its own patience.
var errTooManyHints = fmt.Errorf("%s %d informational responses", tooLargeHeaders, maxHints)

// responded tells that there is a response, and no permission can follow.
func (e *expectation) responded() {
	if e.asked() {
		close(e.final)
	}
}

// permits says whether the body may be sent: the service said 100 Continue, or
// no word on the body for too long. With any response but an informational one it
// refuses the body. Where the connection stays open net/http sends it all the
// same, so it is held back here until the attempt is over.
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
	// No hook tells that a final response follows on a hint, but the attempt does.
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

// ungranted says whether the service was asked, and has not said 100 Continue.
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

// attemptTrace is what the transport reports of an attempt.
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

// watchBody learns whether writing the body failed. A transport that begins again
// by itself, on another connection, takes that back.
func (t *attemptTrace) watchBody() {
	t.hooks.WroteHeaders = func() {
		t.wrote.Store(true)
		t.unwritten.Store(false)
	}
	t.hooks.WroteRequest = func(written httptrace.WroteRequestInfo) { t.unwritten.Store(written.Err != nil) }
}

// unsent says whether it is certain that a request did not leave which failed
// with err: the transport reported it only up to its head, or it never had a
// connection. The silence of a transport that reports nothing proves nothing.
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
