package hacarus

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Attempt tells an observer of one request that was made; see [WithObserver].
type Attempt struct {
	// Operation is the operationId, "login", or "getImage".
	Operation string
	// Method is the HTTP method.
	Method string
	// Route is the path with its parameters in braces: a label of few values.
	Route string
	// Number counts the call's requests from 1.
	Number int
	// StatusCode of the response; zero when there was none.
	StatusCode int
	// Duration from the request's start to the end of its response.
	Duration time.Duration
	// Wait before the call's next request; zero when it follows at once, as after
	// a token that was refused, and when this was the last one.
	Wait time.Duration
	// Final says that no further request of the call follows.
	Final bool
	// RequestID is the response's X-Request-Id, with known secrets masked; "" for
	// none.
	RequestID string
	// BytesSent and BytesReceived count bodies, without headers.
	BytesSent, BytesReceived int64
	// Err is what the request failed with, nil for a response of status 2xx
	// that could be read.
	Err error
}

// ResponseInfo describes the last response to one call; see [CaptureResponse].
type ResponseInfo struct {
	// StatusCode of the response; zero when there was none.
	StatusCode int
	// Header of the response; nil when there was none.
	Header http.Header
	// RequestID is the response's X-Request-Id, "" for none.
	RequestID string
	// Attempts counts the requests that were made.
	Attempts int
	// Body is the response's body as it came; nil for downloads and for logins.
	Body []byte
}

type captureKey struct{}

// CaptureResponse returns a context with which one call fills info, whether it
// succeeds or fails. A call that is refused with [ErrInvalidArgument] leaves
// info as it was. Calls that run at the same time need an info each.
//
// Methods that make one call after the other, [Client.WaitForModel] and
// [Client.TrainAndWait], leave the last response there. Those that have several
// under way at a time leave info as it was: [Client.AllItems],
// [Client.WaitForItems] and [Client.Inspect].
func CaptureResponse(ctx context.Context, info *ResponseInfo) context.Context {
	return context.WithValue(ctx, captureKey{}, info)
}

// withoutCapture is the context for requests of the SDK's own, within another
// call or at the same time as others.
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

// attemptReport is what an observer hears of an attempt, once.
type attemptReport struct {
	number  int // of the call's requests; 0: none was made
	started time.Time
	status  int
	// requestID as the service gave it: masked before anybody sees it.
	requestID string
	told      atomic.Bool
}

func (r *attemptReport) start(number int) { r.number, r.started = number, time.Now() }

// tell reports the current attempt, which has ended, with the wait before the
// next one, unless it was the final one.
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

// isWatched says whether anybody wants to know of attempts.
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
