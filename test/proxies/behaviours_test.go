package proxies

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// How a call may end.
const (
	ok          = "ok"
	notExecuted = "not executed"
	unknown     = "unknown"
	either      = "not executed or unknown" // it depends on what arrived first
	anyEnd      = "anything that is true"
)

// want is how the calls of each class have to end, uploads by themselves:
// reads, overwrites, deletes, predictions, an upload of 4 KiB and one of 1 MiB,
// before which the SDK asks with Expect.
type want struct{ read, overwrite, remove, predict, upload, large string }

func always(end string) want { return want{end, end, end, end, end, end} }

// lost is for a response that is: what repeats well is repeated.
func lost() want { return want{ok, ok, ok, unknown, unknown, unknown} }

// behaviour is something that intermediaries do.
type behaviour struct {
	name string
	// does is done to the first request, or to all of them where it says so.
	does script
	// within bounds each call; zero is patience.
	within time.Duration
	// only is the protocol in which it exists; "" is both.
	only string
	want want
}

const page = "<html><head><title>Sorry</title></head><body><center>nginx</center></body></html>"

var html = http.Header{"Content-Type": {"text/html"}}

// head and whole act on the first request alone.
func head(act func(x exchange)) script {
	return script{head: func(x exchange, n int) bool { return n == 1 && done(x, act) }}
}

func whole(act func(x exchange)) script {
	return script{whole: func(x exchange, n int) bool { return n == 1 && done(x, act) }}
}

func done(x exchange, act func(x exchange)) bool {
	act(x)
	return true
}

// hints writes informational responses, and leaves the request alone.
func hints(silent bool, statuses ...int) script {
	return script{silent: silent, head: func(x exchange, _ int) bool {
		for _, status := range statuses {
			x.inform(status, http.Header{"Link": {"</style.css>; rel=preload"}})
		}
		return false
	}}
}

func respond(status int, header http.Header) func(exchange) {
	return func(x exchange) { x.respond(status, header, page) }
}

// behind is a header of a service whose clock is five minutes slow.
func behind(header http.Header) http.Header {
	header.Set("Date", time.Now().Add(-5*time.Minute).UTC().Format(http.TimeFormat))
	return header
}

func behaviours() []behaviour {
	code := func(c http2.ErrCode) func(exchange) { return func(x exchange) { x.refuse(uint32(c)) } }
	executed := func(then func(exchange)) func(exchange) {
		return func(x exchange) {
			x.execute()
			then(x)
		}
	}
	return []behaviour{
		// 1xx: a hint is no response, and no permission either.
		{"103 before the body, and nobody knows Expect", hints(true, 103), 0, "", always(ok)},
		{"103 before the body, then 100", hints(false, 103), 0, "", always(ok)},
		{"102, 103, 103, 103 before the body", hints(true, 102, 103, 103, 103), 0, "", always(ok)},
		{"100 though nobody asked", hints(false, 100), 0, "", always(ok)},
		{"102 after the body", script{whole: func(x exchange, _ int) bool { x.inform(102, nil); return false }}, 0, "", always(ok)},
		{"1xx without end", script{silent: true, head: func(x exchange, _ int) bool {
			hint := http.Header{"Link": {strings.Repeat("x", 400)}}
			for n := 0; n < 50_000 && x.inform(103, hint); n++ { // longer than the client may bear
			}
			x.cut()
			return true
		}}, 0, "", want{notExecuted, either, either, either, either, either}},

		// What HTTP/2 proves.
		{"GOAWAY that leaves the request out, before the body", head(func(x exchange) { x.goAway(x.stream() - 2) }), 0, "HTTP/2", always(ok)},
		{"GOAWAY that leaves the request out, after the body", whole(func(x exchange) { x.goAway(x.stream() - 2) }), 0, "HTTP/2", always(ok)},
		{"GOAWAY with the request, which is answered", script{whole: func(x exchange, n int) bool {
			if n == 1 {
				x.goAway(x.stream())
			}
			return false
		}}, 0, "HTTP/2", always(ok)},
		{"GOAWAY with the request, and the end of the connection", whole(func(x exchange) { x.goAway(x.stream()); x.execute(); x.cut() }), 0, "HTTP/2", lost()},
		{"REFUSED_STREAM before the body", head(code(http2.ErrCodeRefusedStream)), 0, "HTTP/2", always(ok)},
		{"REFUSED_STREAM after the body", whole(code(http2.ErrCodeRefusedStream)), 0, "HTTP/2", always(ok)},
		// The call's time may be over while an attempt waits for its refusal.
		{"REFUSED_STREAM for ever", script{whole: func(x exchange, _ int) bool { x.refuse(uint32(http2.ErrCodeRefusedStream)); return true }}, 2 * time.Second, "HTTP/2", want{notExecuted, either, either, either, either, either}},
		{"PROTOCOL_ERROR after the execution", whole(executed(code(http2.ErrCodeProtocol))), 0, "HTTP/2", lost()},
		{"INTERNAL_ERROR after the execution", whole(executed(code(http2.ErrCodeInternal))), 0, "HTTP/2", lost()},
		{"CANCEL after the execution", whole(executed(code(http2.ErrCodeCancel))), 0, "HTTP/2", lost()},
		{"ENHANCE_YOUR_CALM after the execution", whole(executed(code(http2.ErrCodeEnhanceYourCalm))), 0, "HTTP/2", lost()},

		// Connections.
		{"the end of the connection after the execution", whole(executed(exchange.cut)), 0, "", lost()},
		{"a reset after the execution", whole(executed(exchange.reset)), 0, "", lost()},
		// The buffers of sockets and the windows of HTTP/2 may take all of the body before the connection breaks.
		{"a reset within a large body", head(func(x exchange) { x.inform(100, nil); x.readBody(16 << 10); x.reset() }), 0, "", want{ok, ok, ok, either, either, anyEnd}},
		{"a socket half closed before the body", head(func(x exchange) { x.inform(100, nil); x.halfClose() }), 0, "", always(anyEnd)},
		{"a socket half closed within the body, which is executed", script{head: func(x exchange, n int) bool {
			if n == 1 {
				x.inform(100, nil)
				x.readBody(1 << 10)
				x.halfClose()
			}
			return false
		}}, 0, "", always(anyEnd)},
		{"a socket half closed after the execution", whole(executed(exchange.halfClose)), 0, "", lost()},
		{"a connection that is closed at random after each response", script{whole: func(x exchange, _ int) bool {
			x.pass()
			time.AfterFunc(time.Duration(rand.Int64N(int64(2*time.Millisecond))), x.cut)
			return true
		}}, 0, "", always(anyEnd)},
		{"a connection that is closed after each response", script{whole: func(x exchange, _ int) bool { x.pass(); x.cut(); return true }}, 0, "HTTP/1.1", always(anyEnd)},
		{"408 on an idle connection", whole(func(x exchange) { x.pass(); x.respond(408, http.Header{"Connection": {"close"}}, "") }), 0, "HTTP/1.1", always(ok)},

		// A proxy's own responses.
		{"407 from a proxy that wants credentials", whole(respond(407, http.Header{"Proxy-Authenticate": {"Basic"}})), 0, "", always(notExecuted)},
		// Where the connection is closed at once, its end may overtake the response.
		{"413 before the body, with close", head(respond(413, http.Header{"Connection": {"close"}})), 0, "", want{notExecuted, notExecuted, notExecuted, anyEnd, anyEnd, anyEnd}},
		{"413 before the body, without close", head(respond(413, html)), 0, "", always(notExecuted)},
		{"413 within the body, with close", head(func(x exchange) {
			x.inform(100, nil)
			x.readBody(16 << 10)
			x.respond(413, http.Header{"Connection": {"close"}}, page)
		}), 0, "", want{notExecuted, notExecuted, notExecuted, anyEnd, anyEnd, anyEnd}},
		{"499 in place of a response", whole(executed(respond(499, html))), 0, "", lost()},
		{"502 in place of a response", whole(executed(respond(502, html))), 0, "", lost()},
		{"503 in place of a response", whole(executed(respond(503, html))), 0, "", lost()},
		{"504 in place of a response", whole(executed(respond(504, html))), 0, "", lost()},

		// Waits, by a clock that is wrong.
		{"429 with Retry-After in seconds", whole(respond(429, http.Header{"Retry-After": {"1"}})), 0, "", always(ok)},
		{"429 with Retry-After as a date, by a slow clock", script{whole: func(x exchange, n int) bool {
			return n == 1 && done(x, respond(429, behind(http.Header{"Retry-After": {time.Now().Add(-5*time.Minute + time.Second).UTC().Format(http.TimeFormat)}})))
		}}, 0, "", always(ok)},

		// Forms of a response.
		{"a response in gzip", script{whole: func(x exchange, _ int) bool { zip(x); return true }}, 0, "", always(ok)},
		{"a chunked response with trailers", script{whole: func(x exchange, _ int) bool { trail(x); return true }}, 0, "HTTP/1.1", always(ok)},
	}
}

// zip passes on the service's response in gzip.
func zip(x exchange) {
	rewrite(x, func(status int, header http.Header, body string) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(body))
		_ = w.Close()
		header.Set("Content-Encoding", "gzip")
		header.Del("Content-Length")
		x.respond(status, header, b.String())
	})
}

// trail passes on the service's response in two chunks, with a trailer.
func trail(x exchange) {
	rewrite(x, func(status int, header http.Header, body string) {
		header.Set("Transfer-Encoding", "chunked")
		header.Set("Trailer", "X-Checksum")
		header.Del("Content-Length")
		middle := len(body) / 2
		var b strings.Builder
		for _, piece := range []string{body[:middle], body[middle:]} {
			if piece != "" {
				fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
			}
		}
		x.respond(status, header, b.String()+"0\r\nX-Checksum: 1\r\n\r\n")
	})
}

func rewrite(x exchange, respond func(status int, header http.Header, body string)) {
	switch x := x.(type) {
	case *exchange1:
		respond(x.proxy.forward(x.request, x.body))
	case *exchange2:
		respond(x.conn.proxy.forward(x.request, x.body))
	}
}

// call is a call of one class.
type call struct {
	operation string
	repeats   bool // may be executed more than once
	want      func(want) string
	make      func(ctx context.Context, c *hacarus.Client, s *hacarustest.Server, n int) error
}

func calls() map[string]call {
	upload := func(size int) func(context.Context, *hacarus.Client, *hacarustest.Server, int) error {
		return func(ctx context.Context, c *hacarus.Client, _ *hacarustest.Server, n int) error {
			image := append(slices.Clip(blank), make([]byte, size)...)
			_, err := c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes(fmt.Sprintf("plate-%d.png", n), image)}})
			return err
		}
	}
	return map[string]call{
		"read": {"getModels", true, func(w want) string { return w.read }, func(ctx context.Context, c *hacarus.Client, _ *hacarustest.Server, _ int) error {
			_, err := c.ListModels(ctx, nil)
			return err
		}},
		"overwrite": {"setModelPredictParameters", true, func(w want) string { return w.overwrite }, func(ctx context.Context, c *hacarus.Client, _ *hacarustest.Server, _ int) error {
			_, err := c.SetPredictParameters(ctx, "plates", hacarus.PredictParameters{Threshold: new(0.5)})
			return err
		}},
		"delete": {"delItem", true, func(w want) string { return w.remove }, func(ctx context.Context, c *hacarus.Client, s *hacarustest.Server, n int) error {
			id := s.AddItem(hacarus.Item{ItemID: fmt.Sprintf("old-%d", n)}).ItemID
			err := c.DeleteItems(ctx, id)
			if errors.Is(err, hacarus.ErrNotFound) && errors.Is(err, hacarus.ErrOutcomeUnknown) {
				return nil // an attempt whose response was lost has deleted it
			}
			return err
		}},
		"predict": {"predictItems", false, func(w want) string { return w.predict }, func(ctx context.Context, c *hacarus.Client, s *hacarustest.Server, n int) error {
			id := s.AddItem(hacarus.Item{ItemID: fmt.Sprintf("new-%d", n)}, blank).ItemID
			_, err := c.PredictItems(ctx, "plates", id)
			return err
		}},
		"upload": {"addItem", false, func(w want) string { return w.upload }, upload(4 << 10)},
		"large":  {"addItem", false, func(w want) string { return w.large }, upload(1 << 20)},
	}
}

// TestBehaviours puts calls of all classes behind proxies that do what proxies
// do. What the SDK says of a call is what the service did.
func TestBehaviours(t *testing.T) {
	t.Parallel()
	id := newIdentity(t)
	protocols := map[string]func(*testing.T, identity, *hacarustest.Server, script) *proxy{"HTTP/1.1": newHTTP1, "HTTP/2": newHTTP2}
	for protocol, start := range protocols {
		for _, b := range behaviours() {
			if b.only != "" && b.only != protocol {
				continue
			}
			for name, c := range calls() {
				t.Run(protocol+"/"+b.name+"/"+name, func(t *testing.T) {
					t.Parallel()
					b.run(t, id, start, c)
				})
			}
		}
	}
}

func (b behaviour) run(t *testing.T, id identity, start func(*testing.T, identity, *hacarustest.Server, script) *proxy, c call) {
	t.Helper()
	service := hacarustest.NewServer()
	defer service.Close()
	service.AddModel(hacarus.Model{ModelID: "plates"})
	proxy := start(t, id, service, b.does)
	client, err := hacarus.New("https://"+proxy.address, hacarus.WithCredentials(service.ClientID, service.ClientSecret),
		hacarus.WithRootCAs(id.roots), hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 4, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond}))
	require.NoError(t, err)
	defer client.Close()
	_, err = client.Login(t.Context())
	require.NoError(t, err)

	for n := range 3 { // the first meets the behaviour, the others what it leaves behind
		before := service.Executions(c.operation)
		err := b.bounded(t.Context(), func(ctx context.Context) error { return c.make(ctx, client, service, n) })
		proxy.settle(t) // what a lost call may still be executed by
		executions := service.Executions(c.operation) - before
		end := endOf(err)
		if !c.repeats {
			require.LessOrEqual(t, executions, 1, "executed twice: %v", err)
		}
		switch end {
		case ok:
			require.GreaterOrEqual(t, executions, 1, "reported as done")
		case notExecuted:
			require.Zero(t, executions, "reported as not done: %v", err)
		}
		if n == 0 {
			expected := c.want(b.want)
			require.True(t, expected == anyEnd || end == expected || expected == either && end != ok, "%s, and not %s: %v", end, expected, err)
		}
	}
}

// patience is more than any of these calls needs, and less than it takes to give up a stalled one.
const patience = 30 * time.Second

func (b behaviour) bounded(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(b.within, patience))
	defer cancel()
	return call(ctx)
}

func endOf(err error) string {
	switch {
	case err == nil:
		return ok
	case errors.Is(err, hacarus.ErrOutcomeUnknown):
		return unknown
	}
	return notExecuted
}
