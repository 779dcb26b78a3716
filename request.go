package hacarus

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-querystring/query"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/hacarus/hacarus-check-go/internal/redact"
)

const (
	// maxAnswer and maxErrorAnswer bound the decoded bytes of a JSON answer.
	maxAnswer      = 64 << 20
	maxErrorAnswer = 1 << 20
	// maxErrorBody is how much of an error's body is kept.
	maxErrorBody = 4 << 10
	// maxID bounds an id in a path, in bytes.
	maxID = 256
	// maxIDs bounds the ids in one call.
	maxIDs = 100_000
	// stallTimeout ends an attempt that waits for the network without a byte moving.
	stallTimeout = 60 * time.Second
	// errorTime is how long an error's text may take. It counts without it.
	errorTime = 10 * time.Second
	// expectFrom is the body size from which the service is asked before it is sent.
	expectFrom = 1 << 20

	// successGrace is how long a success that has begun to arrive may still
	// take after the caller's context ended: it is not thrown away for that.
	successGrace = 25 * time.Millisecond

	acceptJSON  = "application/json"
	acceptBytes = "application/octet-stream, application/zip, text/csv, application/json;q=0.5, */*;q=0.1"
)

// operation is one row of the API: the documentation's operationId, the Go
// method that makes the call, the HTTP method, the path with its parameters in
// braces, and how it may be repeated.
type operation struct {
	id, name, method, path string
	class                  class
}

// request is what one call asks for.
type request struct {
	op     operation
	params []string // the path's parameters in order
	query  any      // a struct with url tags
	body   *body
	accept string // other than JSON
	// received is called once all of a successful response has arrived, before
	// it is decoded; nil for nobody who waits for that.
	received func()
	// target replaces the operation's path by another URL; foreign says that
	// it is not on the configured origin, where no token may go.
	target  *url.URL
	foreign bool
}

// Attempt tells an observer of one request that was made.
type Attempt struct {
	// Operation is the operationId, "login", or "getImage".
	Operation string
	// Method is the HTTP method.
	Method string
	// Route is the path with its parameters in braces: a label of few values.
	Route string
	// Number counts the call's requests from 1.
	Number int
	// StatusCode of the answer; zero when there was none.
	StatusCode int
	// Duration from the request's start to the end of its answer.
	Duration time.Duration
	// Wait before the call's next request; zero when this was the last one.
	Wait time.Duration
	// BytesSent and BytesReceived count bodies, without headers.
	BytesSent, BytesReceived int64
	// Err is what the request failed with, nil for an answer of status 2xx
	// that could be read.
	Err error
}

// ResponseInfo describes the last answer to one call; see [CaptureResponse].
type ResponseInfo struct {
	// StatusCode of the answer; zero when there was none.
	StatusCode int
	// Header of the answer; nil when there was none.
	Header http.Header
	// RequestID is the answer's X-Request-Id, "" for none.
	RequestID string
	// Attempts counts the requests that were made.
	Attempts int
	// Body is the answer as it came; nil for downloads and for logins.
	Body []byte
}

type captureKey struct{}

// CaptureResponse returns a context with which one call fills info, whether it
// succeeds or fails. A call that is refused with [ErrInvalidArgument] leaves
// info as it was. Calls that run at the same time need an info each.
func CaptureResponse(ctx context.Context, info *ResponseInfo) context.Context {
	return context.WithValue(ctx, captureKey{}, info)
}

// pacer is shared by calls that hold back together.
type pacer interface {
	// hold learns what an attempt failed with before the same call tries again
	// after wait, and returns how long the call has to wait instead.
	hold(err error, wait time.Duration) time.Duration
}

type pacerKey struct{}

// withPacer lets the retries of calls under the context keep to a pacer.
func withPacer(ctx context.Context, p pacer) context.Context {
	return context.WithValue(ctx, pacerKey{}, p)
}

// pacerOf is the pacer that a call keeps to, or nil.
func pacerOf(ctx context.Context) pacer {
	p, _ := ctx.Value(pacerKey{}).(pacer)
	return p
}

// doData makes a call whose response holds data in the documented envelope.
func doData[T any](ctx context.Context, c *Client, r request, decode decoder[T]) (*T, error) {
	var v *T
	err := c.do(ctx, r, func(raw []byte) (err error) {
		v, err = decodeEnvelope(raw, decode)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// doValue is doData for methods that return a value: a list or a text.
func doValue[T any](ctx context.Context, c *Client, r request, decode decoder[T]) (T, error) {
	v, err := doData(ctx, c, r, decode)
	if err != nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// do makes a call whose response is JSON, which consume reads.
func (c *Client) do(ctx context.Context, r request, consume func(raw []byte) error) error {
	x := newExchange(c, r, consume)
	_, err := x.run(ctx) //nolint:bodyclose // closed when consume has read it
	return err
}

// doDownload makes a call whose response is a file.
func (c *Client) doDownload(ctx context.Context, r request) (*Download, error) {
	x := newExchange(c, r, nil)
	answer, err := x.run(ctx) //nolint:bodyclose // the download closes it
	if err != nil {
		return nil, err
	}
	return newDownload(answer, x.current), nil
}

// exchange is one call on its way: the retry loop's state.
type exchange struct {
	client *Client
	request
	consume func(raw []byte) error // nil: the answer is streamed

	attempts  int  // requests made
	resends   int  // of these, those that followed at once on a refusal: of the token, or of Expect
	renewed   bool // the token was refused, and renewed
	left      bool // a request of this call has left the process
	mayBeDone bool
	waiting   bool // the loop is in a backoff
	wait      time.Duration
	current   *attempt
	err       error // what the last attempt ended with
	raw       []byte

	// What every call needs, in one allocation with it.
	first  attempt
	sender http.Client
	loop   retryablehttp.Client
	outer  retryablehttp.Request
	where  url.URL
	answer *[]byte // the buffer of answers, lent from answerBuffers
}

func newExchange(c *Client, r request, consume func([]byte) error) *exchange {
	x := &exchange{client: c, request: r, consume: consume}
	x.current = &x.first
	return x
}

// run sends the request until it succeeds or may not be sent again. For a
// streamed answer it returns the response with its body open.
func (x *exchange) run(ctx context.Context) (*http.Response, error) {
	if err := x.client.usable(ctx, x.op); err != nil {
		return nil, err
	}
	req, err := x.build(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, x.requestError(OutcomeNotSent, contextError(ctx, nil))
	}
	x.sender = *x.client.http
	x.sender.Transport = x
	x.loop.HTTPClient = &x.sender
	x.loop.RetryMax = math.MaxInt // checkRetry counts
	x.loop.CheckRetry = x.checkRetry
	x.loop.Backoff = x.backoff
	x.loop.ErrorHandler = retryablehttp.PassthroughErrorHandler
	x.outer.Request = req
	answer, _ := x.loop.Do(&x.outer)
	if x.waiting {
		x.err = x.requestError(x.outcomeNow(), contextError(ctx, x.err))
	}
	x.capture(ctx, answer)
	if x.err != nil || x.consume != nil {
		x.current.end()
	}
	x.returnBuffer()
	return answer, x.err
}

func (x *exchange) backoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return x.wait }

// build makes the request without what each attempt adds: header, token and body.
func (x *exchange) build(ctx context.Context) (*http.Request, error) {
	target := x.target
	if target == nil {
		var err error
		if target, err = x.url(); err != nil {
			return nil, err
		}
	}
	req := http.Request{
		Method: x.op.method, URL: target, Host: target.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	return req.WithContext(ctx), nil
}

// url fills the operation's path with escaped parameters, and adds the query.
func (x *exchange) url() (*url.URL, error) {
	origin := x.client.origin
	plain, escaped := origin.Path, origin.EscapedPath()
	rest := x.op.path
	for _, value := range x.params {
		before, after, _ := strings.Cut(rest, "{")
		name, tail, _ := strings.Cut(after, "}")
		if err := checkID(name, value); err != nil {
			return nil, argumentError(x.op.id, "%w", err)
		}
		plain += before + value
		escaped += before + url.PathEscape(value)
		rest = tail
	}
	x.where = url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: plain + rest}
	if escaped != plain {
		x.where.RawPath = escaped + rest
	}
	if x.query != nil {
		values, err := query.Values(x.query)
		if err != nil {
			return nil, argumentError(x.op.id, "%w", err)
		}
		x.where.RawQuery = values.Encode()
	}
	return &x.where, nil
}

// checkID refuses ids that would change a path's meaning or that no service
// can have made.
func checkID(name, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("empty %s", name)
	case id == "." || id == "..":
		return fmt.Errorf("%s is %q", name, id)
	case len(id) > maxID:
		return fmt.Errorf("%s has %d bytes, more than %d", name, len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%s is not valid UTF-8", name)
	case strings.ContainsAny(id, `/\`):
		return fmt.Errorf("%s %q has a separator", name, id)
	case strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%s %q has a control character", name, id)
	}
	return nil
}

// checkIDs is checkID for a list.
func checkIDs(op operation, name string, ids []string) error {
	if len(ids) > maxIDs {
		return argumentError(op.id, "%d ids in %s, more than %d", len(ids), name, maxIDs)
	}
	for i, id := range ids {
		if err := checkID(fmt.Sprintf("%s[%d]", name, i), id); err != nil {
			return argumentError(op.id, "%w", err)
		}
	}
	return nil
}

// checkFilter is checkID for an id that may be left out.
func checkFilter(op operation, name, id string) error {
	if id == "" {
		return nil
	}
	if err := checkID(name, id); err != nil {
		return argumentError(op.id, "%w", err)
	}
	return nil
}

// checkText refuses a text that JSON cannot carry: encoding/json would replace
// what is broken in it, and send another text.
func checkText(name, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s is not valid UTF-8", name)
	}
	return nil
}

// needIDs is checkIDs for a list that must not be empty: an absent filter
// might mean all.
func needIDs(op operation, name string, ids []string) error {
	if len(ids) == 0 {
		return argumentError(op.id, "no %s", name)
	}
	return checkIDs(op, name, ids)
}

// body is a request's body: of known length, and made anew for each attempt.
type body struct {
	contentType string
	length      int64
	open        func() (io.ReadCloser, error)
	once        bool // cannot be opened a second time
	secrets     *redact.Set
}

// jsonBody encodes value, which must fit the operation's schema.
func jsonBody(op operation, value any) (*body, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, argumentError(op.id, "%w", err)
	}
	return &body{
		contentType: acceptJSON,
		length:      int64(len(raw)),
		open:        func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}, nil
}

// attempt is one request on its way.
type attempt struct {
	exchange   *exchange
	caller     context.Context //nolint:containedctx // an attempt belongs to one call
	ctx        context.Context //nolint:containedctx // the attempt's own: it may outlive caller a little
	cancel     context.CancelFunc
	unlink     func() bool // takes the attempt off the caller's context
	trace      httptrace.ClientTrace
	stall      *time.Timer
	stalled    atomic.Bool
	traced     atomic.Bool // the transport reports what it does
	wrote      atomic.Bool // the request's head went out
	answering  atomic.Bool // something of an answer has come
	succeeding atomic.Bool // a success is being read
	expects    bool
	continued  chan struct{} // the service said 100 Continue; nil where it is not asked
	generation uint64        // of the token
	body       *outgoing
	received   int64
	status     int
	started    time.Time
	report     sync.Once
	tokenErr   error
}

// RoundTrip sends one attempt. The exchange stands between the retry loop and
// the transport, and hides that one's CloseIdleConnections, which the loop
// would call whenever a call fails, at the cost of every other call's connection.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	a, req, err := x.begin(req)
	if err != nil {
		return nil, err
	}
	answer, err := x.client.http.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(answer.Header.Get("Location")); err != nil {
		answer.Header.Del("Location") // at which http.Client would fail, and repeat it
	}
	if answer.StatusCode == http.StatusSwitchingProtocols { // nobody asked for it, and no context ends reading it
		_ = answer.Body.Close()
		answer.Body = http.NoBody
	}
	a.status = answer.StatusCode
	a.succeeding.Store(x.consume != nil && a.status >= 200 && a.status <= 299)
	answer.Body = &incoming{ReadCloser: answer.Body, attempt: a}
	if x.consume == nil {
		a.networkIdle() // until the caller reads
	}
	return answer, nil
}

// begin makes an attempt: header, token, body and trace on a copy of the request.
func (x *exchange) begin(req *http.Request) (*attempt, *http.Request, error) {
	x.waiting, x.raw = false, nil
	x.current.end() // before the body's source is opened again
	a := &x.first
	if a.exchange != nil { // not the first time
		a = &attempt{}
	}
	a.exchange = x
	x.current = a
	header := x.header(req.Header)
	if x.op.class != classLogin && !x.foreign {
		authorization, generation, err := x.client.auth.token(req.Context())
		if err != nil {
			a.tokenErr = err
			return nil, nil, err
		}
		a.generation = generation
		header["Authorization"] = authorization
	}
	x.attempts++
	a.started = time.Now()
	a.link(req.Context())
	a.trace.GetConn = func(string) { a.traced.Store(true) }
	a.trace.WroteHeaders = func() { a.wrote.Store(true) }
	out := req.WithContext(httptrace.WithClientTrace(a.ctx, &a.trace))
	out.Header = header
	if x.body != nil {
		if err := a.attach(out, x.body); err != nil {
			return nil, nil, err
		}
	}
	a.stall = time.AfterFunc(stallTimeout, a.giveUp)
	return a, out, nil
}

var (
	acceptsJSON = []string{"application/json"}
	identity    = []string{"identity"}
)

// header is that of one attempt, without its token. Its values are shared:
// those of the client, and what an http.Client adds, such as cookies.
func (x *exchange) header(added http.Header) http.Header {
	header := make(http.Header, 8)
	maps.Copy(header, x.client.header)
	maps.Copy(header, added)
	header["Accept"] = acceptsJSON
	if x.consume == nil {
		header["Accept"] = []string{x.accept}
		header["Accept-Encoding"] = identity // sizes must be the file's
	}
	return header
}

// attach gives the attempt's request its body.
func (a *attempt) attach(req *http.Request, body *body) error {
	source, err := body.open()
	if err != nil {
		a.body = &outgoing{attempt: a, sourceErr: err}
		return err
	}
	a.body = &outgoing{attempt: a, source: source}
	req.Body, req.ContentLength = a.body, body.length
	if body.length == 0 {
		req.Body = http.NoBody
	}
	req.Header["Content-Type"] = []string{body.contentType}
	if a.expects = body.length >= expectFrom && !a.exchange.client.ignoresExpect.Load(); a.expects {
		req.Header["Expect"] = []string{"100-continue"}
		a.continued = make(chan struct{})
		a.trace.Got100Continue = sync.OnceFunc(func() { close(a.continued) })
		a.trace.GotFirstResponseByte = func() { a.answering.Store(true) }
	}
	return nil
}

// giveUp ends an attempt in which nothing moves any more.
func (a *attempt) giveUp() {
	a.stalled.Store(true)
	a.cancel()
}

// link ends the attempt with the caller's context, unless a success is arriving.
func (a *attempt) link(ctx context.Context) {
	a.caller = ctx
	a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	a.unlink = context.AfterFunc(ctx, func() {
		if a.succeeding.Load() {
			time.AfterFunc(successGrace, a.cancel)
			return
		}
		a.cancel()
	})
}

// networkBusy and networkIdle bracket the time in which the network, and not
// the caller's reader or writer, is waited for.
func (a *attempt) networkBusy() { a.stall.Reset(stallTimeout) }
func (a *attempt) networkIdle() { a.stall.Stop() }

// end releases the attempt. After it, the body's source is never read again.
func (a *attempt) end() {
	if a.body != nil {
		_ = a.body.Close()
	}
	if a.stall != nil {
		a.stall.Stop()
	}
	if a.cancel != nil {
		a.unlink()
		a.cancel()
	}
}

// done reports the attempt to the observer and the log, once.
func (a *attempt) done(err error, wait time.Duration) {
	a.report.Do(func() {
		if a.started.IsZero() {
			return // no request was made
		}
		x := a.exchange
		x.client.observe(a.ctx, Attempt{
			Operation: x.op.id, Method: x.op.method, Route: x.op.path,
			Number: x.attempts, StatusCode: a.status, Duration: time.Since(a.started), Wait: wait,
			BytesSent: a.body.count(), BytesReceived: a.received, Err: err,
		})
	})
}

func (c *Client) observe(ctx context.Context, a Attempt) {
	if c.observer != nil {
		c.observer(ctx, a)
	}
	if c.logger == nil {
		return
	}
	level := slog.LevelDebug
	if a.Wait > 0 {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("operation", a.Operation), slog.Int("attempt", a.Number), slog.Int("status", a.StatusCode),
		slog.Duration("duration", a.Duration), slog.Int64("sent", a.BytesSent), slog.Int64("received", a.BytesReceived),
	}
	if a.Err != nil {
		attrs = append(attrs, slog.Any("error", a.Err), slog.Duration("wait", a.Wait))
	}
	c.logger.LogAttrs(ctx, level, "hacarus request", attrs...)
}

// outgoing is the body of one attempt. It can be taken away from the
// transport, which may go on reading after it has returned an answer.
type outgoing struct {
	attempt   *attempt
	begun     atomic.Bool
	mu        sync.Mutex
	source    io.ReadCloser
	closed    bool
	sent      int64
	sourceErr error
}

var errDetached = errors.New("hacarus: the call has ended")

func (o *outgoing) Read(p []byte) (n int, err error) {
	if !o.begun.Load() && !o.attempt.permits() {
		return 0, errDetached
	}
	o.begun.Store(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, errDetached
	}
	o.attempt.networkIdle()
	defer o.attempt.networkBusy()
	defer func() {
		if r := recover(); r != nil { // a panic here would end the program: the goroutine is the transport's
			n, err = 0, fmt.Errorf("panic while reading: %v", r)
		}
		o.sent += int64(n)
		if err != nil && err != io.EOF { //nolint:errorlint // a reader ends with io.EOF itself, any other is a failure
			o.sourceErr = err
		}
	}()
	return o.source.Read(p)
}

// permits says whether the body may be sent: the service said 100 Continue, or
// nothing for too long. With any other answer it refuses the body. Where the
// connection stays open net/http sends it all the same, so it is held back here
// until the attempt has ended.
func (a *attempt) permits() bool {
	if !a.expects || !a.answering.Load() {
		return true
	}
	select {
	case <-a.continued:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// Close waits for a read in flight, and lets none follow.
func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.source == nil {
		return nil
	}
	o.closed = true
	return o.source.Close()
}

func (o *outgoing) count() int64 {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent
}

// failure is the error of the body's source, if that is what ended the attempt.
func (o *outgoing) failure() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sourceErr
}

// incoming is an answer's body: it counts, and ends when the network stalls.
type incoming struct {
	io.ReadCloser
	attempt *attempt
}

func (i *incoming) Read(p []byte) (int, error) {
	i.attempt.networkBusy()
	n, err := i.ReadCloser.Read(p)
	i.attempt.networkIdle()
	i.attempt.received += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // as above
		err = i.attempt.explain(err)
	}
	return n, err
}

// stallError says that nothing moved on the network for too long.
type stallError struct{}

func (stallError) Error() string   { return fmt.Sprintf("no byte moved for %v", stallTimeout) }
func (stallError) Timeout() bool   { return true }
func (stallError) Temporary() bool { return true }

// explain replaces a cancellation that the stall timer caused by its reason.
// It names what net/http has only a text for.
func (a *attempt) explain(err error) error {
	if a.stalled.Load() {
		return stallError{}
	}
	if strings.Contains(err.Error(), headerTooLarge) {
		return fmt.Errorf("%w: %w", ErrResponseTooLarge, err)
	}
	return err
}

// headerTooLarge is a part of net/http's error, which has no type.
const headerTooLarge = "server response headers exceeded"

// contextError is why a context ended, with the error before that.
func contextError(ctx context.Context, last error) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, err) {
		err = errors.Join(err, cause)
	} else if cause != nil {
		err = cause
	}
	if last == nil {
		return err
	}
	return &contextEndError{err: err, last: last}
}

// contextEndError joins the end of a context with the last failure before it, in one line.
type contextEndError struct{ err, last error }

func (e *contextEndError) Error() string   { return e.err.Error() + "; before that: " + e.last.Error() }
func (e *contextEndError) Unwrap() []error { return []error{e.err, e.last} }

// verdict is what an attempt's end means for the next one.
type verdict struct {
	err        error
	retry      bool // the same request may succeed, and repeating it is safe
	resend     bool // without the old token, or without a question, it may succeed at once
	retryAfter time.Duration
	stop       bool // the service asks for a wait that is not waited
}

// checkRetry is the retry loop's question after each attempt. All of an
// answer is read here, so that a broken one can be retried.
func (x *exchange) checkRetry(ctx context.Context, answer *http.Response, err error) (bool, error) {
	v := x.judge(ctx, answer, err)
	x.err, x.wait = v.err, 0
	again := false
	switch {
	case v.err == nil && !x.foreign:
		x.client.budget.earn()
	case v.resend:
		x.resends++
		again = true
	case v.retry && !v.stop:
		again = x.mayWait(ctx, v)
	}
	if v.err != nil || x.consume != nil {
		x.current.done(v.err, x.wait)
	}
	x.waiting = again
	return again, nil
}

// mayWait decides on a retry that is safe, and sets its wait.
func (x *exchange) mayWait(ctx context.Context, v verdict) bool {
	policy := x.client.policy
	if x.attempts-x.resends >= policy.MaxAttempts || x.exhausted() || ctx.Err() != nil {
		return false
	}
	wait := v.retryAfter
	if wait == 0 {
		wait = policy.backoff(x.attempts - x.resends)
	}
	if shared := pacerOf(ctx); shared != nil {
		wait = shared.hold(v.err, wait)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		if v.retryAfter == 0 {
			x.err = x.requestError(x.outcomeNow(), &contextEndError{context.DeadlineExceeded, v.err})
		}
		return false
	}
	if !x.foreign && !x.client.budget.take() { // what another host fails in says nothing of the service
		return false
	}
	x.wait = wait
	return true
}

// exhausted says whether the body was read and cannot be read again.
func (x *exchange) exhausted() bool {
	return x.body != nil && x.body.once && x.current.body.count() > 0
}

// judge tells success from failure, and what kind of failure it is.
func (x *exchange) judge(ctx context.Context, answer *http.Response, err error) verdict {
	if err != nil {
		return x.judgeSilence(ctx, stripURL(err))
	}
	x.left = true
	x.noteExpect()
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode <= 299:
		return x.judgeSuccess(ctx, answer)
	case answer.StatusCode >= 300 && answer.StatusCode <= 399:
		return x.judgeRedirect(answer)
	}
	return x.judgeRefusal(ctx, answer)
}

// judgeSilence handles an attempt without an answer.
func (x *exchange) judgeSilence(ctx context.Context, err error) verdict {
	a := x.current
	if a.tokenErr != nil {
		return verdict{err: x.tokenFailure(ctx, a.tokenErr)}
	}
	if source := a.body.failure(); source != nil {
		err = sourceError{source}
		if ctx.Err() != nil {
			err = contextError(ctx, err)
		}
		return verdict{err: x.requestError(x.outcome(OutcomeNotExecuted), err)}
	}
	outcome := OutcomeUnknown
	switch {
	case a.unsent(err):
		outcome = OutcomeNotSent
	case a.withheld():
		outcome = OutcomeNotExecuted
	case x.op.class.stateless():
		outcome = OutcomeNotExecuted
	}
	x.left = x.left || outcome != OutcomeNotSent
	if outcome == OutcomeUnknown {
		x.mayBeDone = true
	}
	err = a.explain(err)
	if ctx.Err() != nil {
		err = contextError(ctx, lastCause(ctx, x.err, err))
	}
	return verdict{
		err:   x.requestError(x.outcome(outcome), err),
		retry: ctx.Err() == nil && !permanent(err) && (outcome != OutcomeUnknown || x.op.class.repeatable()),
	}
}

// sourceError is the failure of a file that was to be sent, not of the service.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// unsent says whether it is certain that the request did not leave: the
// transport traced it only up to its head, or it never had a connection. The
// silence of a transport that traces nothing proves nothing.
func (a *attempt) unsent(err error) bool {
	if a.traced.Load() {
		return !a.wrote.Load()
	}
	var dial *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &dns)
}

// withheld says whether the request's body waited for a permission that did not
// come: without it the service cannot act.
func (a *attempt) withheld() bool { return a.expects && a.body.count() == 0 }

// lastCause is the failure before the context ended, if it says more than that.
func lastCause(ctx context.Context, previous, err error) error {
	if errors.Is(err, ctx.Err()) || errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)) {
		return previous
	}
	return err
}

// tokenFailure is a failed login's own error, or the end of this call's context.
func (x *exchange) tokenFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return x.requestError(x.outcome(OutcomeNotSent), contextError(ctx, x.err))
	}
	if x.outcome(OutcomeNotSent) == OutcomeUnknown { // of an attempt before
		return x.requestError(OutcomeUnknown, err)
	}
	return err
}

// judgeSuccess reads an answer of status 2xx.
func (x *exchange) judgeSuccess(ctx context.Context, answer *http.Response) verdict {
	if x.consume == nil {
		if err := checkDownload(answer); err != nil {
			_ = answer.Body.Close()
			return verdict{err: x.requestError(OutcomeExecuted, err)}
		}
		return verdict{}
	}
	raw, err := x.read(answer, maxAnswer)
	switch {
	case errors.Is(err, ErrResponseTooLarge):
		return verdict{err: x.requestError(OutcomeExecuted, err)}
	case err != nil:
		x.mayBeDone = true
		err = fmt.Errorf("%w: %w", ErrDecode, err)
		if ctx.Err() != nil {
			err = contextError(ctx, err)
		}
		return verdict{
			err:   x.requestError(OutcomeExecuted, err),
			retry: ctx.Err() == nil && x.op.class.repeatable(),
		}
	}
	if x.received != nil {
		x.received()
	}
	if err := x.consume(raw); err != nil {
		return verdict{err: x.requestError(OutcomeExecuted, err)}
	}
	return verdict{}
}

// judgeRedirect refuses a redirect: following one could turn a POST into a
// GET, or carry the token elsewhere.
func (x *exchange) judgeRedirect(answer *http.Response) verdict {
	_, _ = x.read(answer, maxErrorAnswer)
	outcome := OutcomeNotExecuted
	if x.mayHaveActed(answer.StatusCode) {
		outcome = OutcomeUnknown
	}
	return verdict{err: x.requestError(x.outcome(outcome), fmt.Errorf("%w: status %d%s",
		ErrRedirect, answer.StatusCode, redactLocation(x.mask(answer.Header.Get("Location")))))}
}

// redactLocation keeps the host of a redirect's target, whose rest may hold a
// secret. A host in which one was masked does not parse.
func redactLocation(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return " to " + u.Scheme + "://" + u.Host
}

// judgeRefusal reads an error that the service answered with.
func (x *exchange) judgeRefusal(ctx context.Context, answer *http.Response) verdict {
	slow := time.AfterFunc(errorTime, x.current.cancel)
	raw, err := x.read(answer, maxErrorAnswer) // a broken error page is still an error
	slow.Stop()
	base := &BaseError{
		StatusCode: answer.StatusCode,
		Operation:  x.op.id,
		RequestID:  x.mask(answer.Header.Get("X-Request-Id")),
		Attempts:   x.attempts,
		Outcome:    OutcomeNotExecuted,
	}
	masked := x.mask(string(raw))
	base.Errors = decodeErrorDetails([]byte(masked), x.mask)
	base.Body = []byte(masked[:min(len(masked), maxErrorBody)])
	if x.mayHaveActed(base.StatusCode) {
		base.Outcome = OutcomeUnknown
		x.mayBeDone = true
	}
	if err != nil && ctx.Err() != nil {
		return verdict{err: x.requestError(base.Outcome, contextError(ctx, base))}
	}
	v := verdict{err: base}
	if after, ok := parseRetryAfter(answer.Header.Get("Retry-After"), time.Now()); ok {
		base.RetryAfter = after
		if retryAfterStatus(base.StatusCode) {
			v.retryAfter = after
			v.stop = after < 0 || after > x.client.policy.MaxRetryAfter
		}
	}
	v.retry = transientStatus(base.StatusCode) && (base.Outcome == OutcomeNotExecuted || x.op.class.repeatable())
	if base.StatusCode == http.StatusUnauthorized && !x.renewed { // a refused resend says nothing against its token
		x.renewed = true
		x.client.auth.invalidate(x.current.generation)
		v.resend = x.op.class != classLogin && !x.foreign && !x.exhausted()
	}
	if base.StatusCode == http.StatusExpectationFailed && x.current.withheld() {
		x.client.ignoresExpect.Store(true)
		v.resend = true
	}
	base.Outcome = x.outcome(base.Outcome) // an earlier, lost attempt may have done it
	return v
}

// mayHaveActed says whether the service may have acted on a request that it
// answered with an error of that status.
func (x *exchange) mayHaveActed(status int) bool {
	return !declinedStatus(status) && !x.op.class.stateless() && !x.current.withheld()
}

// outcome is what this attempt's outcome means after the earlier ones.
func (x *exchange) outcome(last Outcome) Outcome {
	switch {
	case x.mayBeDone && !x.op.class.stateless() && last != OutcomeExecuted:
		return OutcomeUnknown
	case x.left && last == OutcomeNotSent:
		return OutcomeNotExecuted
	}
	return last
}

// outcomeNow is the outcome when the call ends before another attempt.
func (x *exchange) outcomeNow() Outcome {
	if base := (*BaseError)(nil); errors.As(x.err, &base) {
		return base.Outcome
	}
	if lost := (*RequestError)(nil); errors.As(x.err, &lost) {
		return lost.Outcome
	}
	return x.outcome(OutcomeNotSent)
}

func (x *exchange) requestError(outcome Outcome, err error) *RequestError {
	return &RequestError{Operation: x.op.id, Attempts: x.attempts, Outcome: outcome, Err: redact.Error(err, x.mask)}
}

// mask replaces the client's secrets, and those of the request, in a text.
func (x *exchange) mask(text string) string {
	text = x.client.auth.secrets.Mask(text)
	if x.body != nil {
		text = x.body.secrets.Mask(text)
	}
	return text
}

// noteExpect remembers a service that does not answer Expect: 100-continue, at
// the cost of a second each time.
func (x *exchange) noteExpect() {
	a := x.current
	if !a.expects || a.body.count() == 0 {
		return
	}
	select {
	case <-a.continued:
	default:
		x.client.ignoresExpect.Store(true)
	}
}

// capture fills the ResponseInfo that the caller's context asks for.
func (x *exchange) capture(ctx context.Context, answer *http.Response) {
	info, ok := ctx.Value(captureKey{}).(*ResponseInfo)
	if !ok || info == nil {
		return
	}
	*info = ResponseInfo{Attempts: x.attempts}
	if answer == nil {
		return
	}
	info.StatusCode = answer.StatusCode
	info.Header = answer.Header.Clone()
	info.RequestID = answer.Header.Get("X-Request-Id")
	if x.op.class != classLogin {
		info.Body = bytes.Clone(x.raw)
	}
}

// answerBuffers holds buffers between calls. What is read of an answer is
// copied, so that its buffer can serve the next one. Of large ones it keeps
// one: pages of a list are read one after the other, and a pool would keep one
// for each processor.
var answerBuffers struct {
	small sync.Pool
	large atomic.Pointer[[]byte]
}

const (
	// smallBuffer is what most answers fit in.
	smallBuffer = 64 << 10
	// maxKept bounds what a large answer leaves behind.
	maxKept = 8 << 20
	// maxTrusted bounds what a false length costs before its bytes have come.
	maxTrusted = 4 << 20
)

// takeBuffer returns a buffer for an answer of about that size.
func takeBuffer(size int) *[]byte {
	if size > smallBuffer {
		if b := answerBuffers.large.Swap(nil); b != nil {
			return b
		}
	}
	if b, ok := answerBuffers.small.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// giveBuffer puts a buffer back. Nothing of it may be in use any more.
func giveBuffer(b *[]byte) {
	switch {
	case cap(*b) <= smallBuffer:
		answerBuffers.small.Put(b)
	case cap(*b) <= maxKept:
		answerBuffers.large.Store(b)
	}
}

// read reads an answer's body to its end and closes it, so that the connection
// can be used again. It returns what it has, with an error if that is not all;
// both are good until the exchange reads again or ends.
func (x *exchange) read(answer *http.Response, limit int64) ([]byte, error) {
	defer answer.Body.Close()
	x.raw = nil
	if answer.ContentLength > limit {
		return nil, fmt.Errorf("%w: %d bytes announced, limit %d", ErrResponseTooLarge, answer.ContentLength, limit)
	}
	expected := int(min(max(answer.ContentLength, 0), maxTrusted)) + bytes.MinRead
	if x.answer == nil {
		x.answer = takeBuffer(expected)
	}
	raw := slices.Grow((*x.answer)[:0], expected)
	var err error
	for err == nil && int64(len(raw)) <= limit {
		if cap(raw)-len(raw) < bytes.MinRead {
			raw = slices.Grow(raw, len(raw)+bytes.MinRead)
		}
		var n int
		n, err = answer.Body.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
	}
	*x.answer = raw
	x.raw = raw[:min(int64(len(raw)), limit)]
	switch {
	case int64(len(raw)) > limit:
		return x.raw, fmt.Errorf("%w: more than %d bytes", ErrResponseTooLarge, limit)
	case err == io.EOF:
		return x.raw, nil
	}
	return x.raw, err
}

// returnBuffer gives the buffer back.
func (x *exchange) returnBuffer() {
	if x.answer != nil {
		giveBuffer(x.answer)
	}
	x.answer, x.raw = nil, nil
}

// stripURL takes the URL, whose path and query say nothing about the failure,
// off an error of net/http.
func stripURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// permanent says whether the same connection would fail the same way again.
func permanent(err error) bool {
	var (
		unknownCA   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		invalid     x509.CertificateInvalidError
		systemRoots x509.SystemRootsError
		verify      *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		network     *net.OpError
		dns         *net.DNSError
	)
	switch {
	case errors.As(err, &network) && network.Op == "remote error": // a TLS alert, whose own type is not exported
		return true
	case errors.As(err, &unknownCA), errors.As(err, &hostname), errors.As(err, &invalid),
		errors.As(err, &systemRoots), errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert):
		return true
	case errors.As(err, &dns):
		return false
	case errors.Is(err, http.ErrSchemeMismatch):
		return true
	}
	text := err.Error()
	return strings.HasPrefix(text, "unsupported protocol scheme") || strings.HasPrefix(text, "tls: ") ||
		errors.Is(err, ErrResponseTooLarge)
}
