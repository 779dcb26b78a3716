package hacarustest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Callback is the operation under which [Server.Inject] takes what goes wrong
// with callbacks: [MissedCallback], [RepeatedCallback], [Delay].
const Callback = "callback"

// Fault is what goes wrong with one request or callback. Its zero value is
// nothing: the request is served as usual.
//
// Faults that refuse a request, such as [Status], come in place of its
// execution. Faults that spoil an answer, such as [ResetConnection], come after it.
// [Fault.Before] and [Fault.After] say otherwise.
type Fault struct {
	delay   time.Duration
	revoke  bool           // the tokens given out so far
	send    func(exchange) // nil: as usual
	instead bool           // of the execution
	repeats int            // of a callback
	missed  bool           // a callback
}

// exchange is a request whose answer a fault spoils.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	running context.Context // until the server closes
	answer  answer          // empty if the request was not executed
}

// Before puts the fault in place of the request's execution.
func (f Fault) Before() Fault {
	f.instead = true
	return f
}

// After lets the request be executed, and then the fault happen.
func (f Fault) After() Fault {
	f.instead = false
	return f
}

// Delayed puts a wait before the request is served, by the server's clock.
func (f Fault) Delayed(d time.Duration) Fault {
	f.delay += d
	return f
}

// Delay serves the request, or sends the callback, d later.
func Delay(d time.Duration) Fault { return Fault{}.Delayed(d) }

// Repeat is a fault n times. A service that is busy for three requests is
// s.Inject("predictItems", Repeat(3, Status(425, nil, "{}"))...).
func Repeat(n int, f Fault) []Fault {
	faults := make([]Fault, n)
	for i := range faults {
		faults[i] = f
	}
	return faults
}

// RevokedToken makes all tokens given out so far invalid when the request
// arrives, so that it is answered with status 401.
func RevokedToken() Fault { return Fault{revoke: true} }

// ResetConnection breaks the connection off once the request was executed. Over TCP the
// client sees a reset.
func ResetConnection() Fault { return Fault{send: reset} }

// ResetInBody breaks the connection off when that many bytes of the request's
// body were read, or all of a shorter one. The request is not executed.
func ResetInBody(after int64) Fault {
	return Fault{instead: true, send: func(x exchange) {
		_, _ = io.CopyN(io.Discard, x.r.Body, after) // a shorter body is as good
		reset(x)
	}}
}

// CloseConnection closes the connection without an answer once the request was executed.
func CloseConnection() Fault { return Fault{send: func(x exchange) { x.raw(nil) }} }

// Raw sends bytes in place of an HTTP answer once the request was executed, and
// closes the connection.
func Raw(b []byte) Fault { return Fault{send: func(x exchange) { x.raw(b) }} }

// Garbage sends what is no HTTP once the request was executed.
func Garbage() Fault { return Raw([]byte("\x16\x03\x01\x02\x00\x01 no HTTP at all\r\n\r\n")) }

// Status answers with a status, header and body in place of the execution. The
// body is sent as it is; without a Content-Type in the header it is JSON.
func Status(code int, header http.Header, body string) Fault {
	return Fault{instead: true, send: func(x exchange) {
		_, _ = io.Copy(io.Discard, x.r.Body) // as a service does, unlike EarlyReply
		statusAnswer(code, header, body).write(x.w)
	}}
}

func statusAnswer(code int, header http.Header, body string) answer {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	return answer{status: code, header: header, body: []byte(body)}
}

// HTML answers with a proxy's error page in place of the execution.
func HTML(code int) Fault {
	page := fmt.Sprintf("<!DOCTYPE html><html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>", code, http.StatusText(code))
	return Status(code, http.Header{"Content-Type": {"text/html"}}, page)
}

// EarlyReply answers with a status before the request's body is read, and
// closes the connection. The request is not executed.
func EarlyReply(code int) Fault {
	return Fault{instead: true, send: func(x exchange) {
		x.w.Header().Set("Connection", "close")
		statusAnswer(code, nil, "{}").write(x.w)
	}}
}

// Truncated executes the request, announces its answer's length, and closes
// the connection after that many bytes of it, before the last one at the latest.
func Truncated(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, true); panic(http.ErrAbortHandler) }}
}

// TruncatedChunks is as Truncated, in an answer whose length is not announced.
func TruncatedChunks(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, false); panic(http.ErrAbortHandler) }}
}

// Stall executes the request and sends nothing, for as long as the client waits.
func Stall() Fault { return Fault{send: func(x exchange) { x.stall() }} }

// StallInBody executes the request, sends that many bytes of the answer, all but
// the last one at most, and then nothing, for as long as the client waits.
func StallInBody(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, true); x.stall() }}
}

// GzipBomb executes the request, and answers with few bytes that unpack to a
// JSON text: a string of that many bytes.
func GzipBomb(size int64) Fault {
	return Fault{send: func(x exchange) {
		x.w.Header().Set("Content-Type", "application/json")
		x.w.Header().Set("Content-Encoding", "gzip")
		_, _ = x.w.Write(gzipped(strings.NewReader(`{"data":"`)))
		for range size / bombBlock {
			if _, err := x.w.Write(zippedBlock()); err != nil {
				return // the client has gone
			}
		}
		_, _ = x.w.Write(gzipped(io.MultiReader(io.LimitReader(spaces{}, size%bombBlock), strings.NewReader(`"}`))))
	}}
}

// bombBlock is packed once: a file of gzip may have any number of parts.
const bombBlock = 1 << 20

var zippedBlock = sync.OnceValue(func() []byte { return gzipped(io.LimitReader(spaces{}, bombBlock)) })

func gzipped(content io.Reader) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := io.Copy(z, content)
	if err = errors.Join(err, z.Close()); err != nil {
		panic("hacarustest: " + err.Error()) // memory takes everything
	}
	return packed.Bytes()
}

// MissedCallback does not send a callback. It is for [Callback] only.
func MissedCallback() Fault { return Fault{missed: true} }

// RepeatedCallback sends a callback n times more than once. It is for [Callback]
// only.
func RepeatedCallback(n int) Fault { return Fault{repeats: n} }

// Inject makes things go wrong with the next requests of an operation, one
// fault for each of them; then it is served as usual again. The operation is
// an operationId such as "train", "getImage", or [Callback]; faults of any other
// name wait for ever. Faults that are injected while others wait come after them.
func (s *Server) Inject(operation string, faults ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if s.faults.waiting == nil {
		s.faults.waiting = map[string][]Fault{}
	}
	s.faults.waiting[operation] = append(s.faults.waiting[operation], faults...)
}

// faults are those that wait for a request, by operation.
type faults struct {
	mu      sync.Mutex
	waiting map[string][]Fault
}

// next takes the fault of the next request.
func (f *faults) next(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	waiting := f.waiting[operation]
	if len(waiting) == 0 {
		return Fault{}
	}
	f.waiting[operation] = waiting[1:]
	return waiting[0]
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = ' '
	}
	return len(p), nil
}

// connection takes the connection from the server.
func (x exchange) connection() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // it is gone already
	}
	return conn
}

// raw sends bytes that are no answer, and closes the connection.
func (x exchange) raw(b []byte) {
	conn := x.connection()
	_, _ = conn.Write(b)
	_ = conn.Close()
}

// reset breaks the connection off: without lingering, TCP resets it.
func reset(x exchange) {
	conn := x.connection()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// part sends the answer's header and the first bytes of its body.
func (x exchange) part(bytes int, announced bool) {
	for name, values := range x.answer.header {
		x.w.Header()[name] = values
	}
	body := x.answer.body
	if announced {
		x.w.Header().Set("Content-Length", strconv.Itoa(max(len(body), 1)))
	}
	x.w.WriteHeader(max(x.answer.status, http.StatusOK))
	_, _ = x.w.Write(body[:min(bytes, max(len(body)-1, 0))])
	_ = http.NewResponseController(x.w).Flush()
}

// stall waits until the client, or the server, has gone.
func (x exchange) stall() {
	_, err := io.Copy(io.Discard, x.r.Body) // until it is read, a client that goes is not noticed
	if err != nil && !errors.Is(err, http.ErrBodyReadAfterClose) {
		panic(http.ErrAbortHandler)
	}
	select {
	case <-x.r.Context().Done():
	case <-x.running.Done():
	}
	panic(http.ErrAbortHandler)
}
