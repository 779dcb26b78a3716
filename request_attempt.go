package hacarus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// stallTimeout ends an attempt that waits for the network without a byte moving.
	stallTimeout = 60 * time.Second
	// successGrace is how long a success that has begun to arrive may still
	// take after the caller's context ended: it is not thrown away for that.
	successGrace = 25 * time.Millisecond
	// expectFrom is the body size from which the service is asked before it is sent.
	expectFrom = 1 << 20
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
	a.outgoing.clock, a.outgoing.expect = &a.clock, &a.expect
	if err := a.outgoing.open(b); err != nil {
		return err
	}
	req.Body, req.ContentLength = &a.outgoing, b.length
	if b.length == 0 {
		req.Body = http.NoBody
	}
	req.Header["Content-Type"] = []string{b.contentType}
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
	a.report.status = response.StatusCode
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

// reached is how far the request may have come, unless it certainly did not leave.
func (a *attempt) reached() reach {
	if a.withheld() {
		return reachedHead
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
	caller   context.Context //nolint:containedctx // an attempt belongs to one call
	ctx      context.Context //nolint:containedctx // the attempt's own: it may outlive caller a little
	cancel   context.CancelFunc
	unlink   func() bool // takes the attempt off the caller's context
	stall    *time.Timer
	stalled  atomic.Bool
	arriving atomic.Bool // a success
}

func (c *attemptClock) start(caller context.Context) {
	c.caller = caller
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(caller))
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
	c.stall = time.AfterFunc(stallTimeout, func() {
		c.stalled.Store(true)
		c.cancel()
	})
}
func (c *attemptClock) pause()  { c.stall.Stop() }
func (c *attemptClock) resume() { c.stall.Reset(stallTimeout) }

// explain replaces a cancellation that the stall caused by its reason.
func (c *attemptClock) explain(err error) error {
	if c.stalled.Load() {
		return stallError{}
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
type stallError struct{}

func (stallError) Error() string   { return fmt.Sprintf("no byte moved for %v", stallTimeout) }
func (stallError) Timeout() bool   { return true }
func (stallError) Temporary() bool { return true }

// expectation is the question whether the service wants the body at all, which
// a large upload asks with Expect: 100-continue. The zero expectation does not ask.
type expectation struct {
	granted    chan struct{} // closed when the service says 100 Continue; nil: it is not asked
	responding atomic.Bool   // something of a response has come
}

// ask lets the attempt's trace tell what becomes of the question.
func (e *expectation) ask(hooks *httptrace.ClientTrace) {
	e.granted = make(chan struct{})
	hooks.Got100Continue = sync.OnceFunc(func() { close(e.granted) })
	hooks.GotFirstResponseByte = func() { e.responding.Store(true) }
}

// permits says whether the body may be sent: the service said 100 Continue, or
// nothing for too long. With any other response it refuses the body. Where the
// connection stays open net/http sends it all the same, so it is held back here
// until the attempt is over.
func (e *expectation) permits(over <-chan struct{}) bool {
	if !e.asked() || !e.responding.Load() {
		return true
	}
	select {
	case <-e.granted:
		return true
	case <-over:
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
	hooks   httptrace.ClientTrace
	tracing atomic.Bool // the transport reports at all
	wrote   atomic.Bool // the request's head went out
}

func (t *attemptTrace) start() {
	t.hooks.GetConn = func(string) { t.tracing.Store(true) }
	t.hooks.WroteHeaders = func() { t.wrote.Store(true) }
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
