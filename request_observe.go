package hacarus

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Attempt describes one request to an observer. See [WithObserver].
type Attempt struct {
	// Operation is the operationId of the documentation, "login", "getImage", or
	// the Operation of a [Call].
	Operation string
	// Method is the HTTP method.
	Method string
	// Route is the path with its parameters in braces, which makes it a label with
	// few values.
	Route string
	// Number is the number of the request within its call, counted from 1.
	Number int
	// StatusCode is the status of the response, or 0 if there was none.
	StatusCode int
	// Duration is the time from the start of the request to the end of its
	// response.
	Duration time.Duration
	// Wait is the time until the call's next request. It is 0 if that follows at
	// once, as after a refused token, and if this was the last one.
	Wait time.Duration
	// Final says that this was the call's last request.
	Final bool
	// RequestID is the response's X-Request-Id, with known secrets masked, or "" if
	// it has none.
	RequestID string
	// BytesSent and BytesReceived are the sizes of the bodies in bytes, without
	// headers.
	BytesSent, BytesReceived int64
	// Err is the error of the request. It is nil for a readable response with a
	// status of 2xx.
	Err error
}

// ResponseInfo describes the last response to a call. See [CaptureResponse].
type ResponseInfo struct {
	// StatusCode is the status of the response, or 0 if there was none.
	StatusCode int
	// Header is the header of the response, or nil if there was none.
	Header http.Header
	// RequestID is the response's X-Request-Id, or "" if it has none.
	RequestID string
	// Attempts is the number of requests that were made.
	Attempts int
	// Body is the body of the response as it was received. It is nil for downloads
	// and logins.
	Body []byte
}

type captureKey struct{}

// CaptureResponse returns a context that makes one call fill info, whether it
// succeeds or fails. A call that is refused with [ErrInvalidArgument] leaves
// info unchanged. Calls that run at the same time each need an info of their
// own.
//
// Methods that make several calls one after the other, such as
// [Client.WaitForModel] and [Client.TrainAndWait], leave the last response in
// info. Methods that make several calls at a time leave info unchanged:
// [Client.AllItems], [Client.WaitForItems] and [Client.Inspect], among others.
func CaptureResponse(ctx context.Context, info *ResponseInfo) context.Context {
	return context.WithValue(ctx, captureKey{}, info)
}

// withoutCapture returns the context for requests that the SDK makes by itself,
// inside of another call or at the same time as others.
func withoutCapture(ctx context.Context) context.Context {
	return context.WithValue(ctx, captureKey{}, nil)
}

// capture fills the ResponseInfo that the caller's context asks for, on the
// goroutine of the call.
func (x *exchange) capture(ctx context.Context, response *http.Response) {
	if info, ok := ctx.Value(captureKey{}).(*ResponseInfo); ok && info != nil {
		*info = x.info(response)
	}
}

// info describes the call's last response, nil for none.
func (x *exchange) info(response *http.Response) ResponseInfo {
	info := ResponseInfo{Attempts: x.attempts}
	if response == nil {
		return info
	}
	info.StatusCode = response.StatusCode
	info.Header = response.Header.Clone()
	info.RequestID = response.Header.Get("X-Request-Id")
	if x.op.class != classLogin {
		info.Body = bytes.Clone(x.payload.raw)
	}
	return info
}

// attemptReport is what an observer is told about an attempt, once.
type attemptReport struct {
	number  int // of the call's requests; 0: none was made
	started time.Time
	status  int
	// requestID is the service's. It is masked before anybody sees it.
	requestID string
	told      atomic.Bool
}

func (r *attemptReport) start(number int) { r.number, r.started = number, time.Now() }

// tell reports the current attempt, which has ended, with the wait before the
// next one unless it was the last.
func (x *exchange) tell(err error, wait time.Duration, final bool) {
	a := x.current
	if a.report.number == 0 || a.report.told.Swap(true) || !x.client.isWatched() {
		return
	}
	x.client.observe(a.clock.ctx, Attempt{
		Operation: x.op.id, Method: x.op.method, Route: x.op.path,
		Number: a.report.number, StatusCode: a.report.status, Duration: time.Since(a.report.started), Wait: wait, Final: final,
		RequestID: x.mask(a.report.requestID),
		BytesSent: a.outgoing.count(), BytesReceived: a.incoming.received, Err: err,
	})
}

// isWatched reports whether anybody observes attempts.
func (c *Client) isWatched() bool { return c.observer != nil || c.logger != nil }

func (c *Client) observe(ctx context.Context, a Attempt) {
	if c.observer != nil {
		c.observer(ctx, a)
	}
	if c.logger == nil {
		return
	}
	level := slog.LevelDebug
	if !a.Final && pacerOf(ctx) == nil { // a pacer warns of an outage once, and not of each attempt
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("operation", a.Operation), slog.Int("attempt", a.Number), slog.Int("status", a.StatusCode),
		slog.Duration("duration", a.Duration), slog.Int64("sent", a.BytesSent), slog.Int64("received", a.BytesReceived),
	}
	if a.RequestID != "" {
		attrs = append(attrs, slog.String("request_id", a.RequestID))
	}
	if a.Err != nil {
		attrs = append(attrs, slog.Any("error", a.Err), slog.Duration("wait", a.Wait))
	}
	c.logger.LogAttrs(ctx, level, "hacarus request", attrs...)
}
