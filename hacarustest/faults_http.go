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
)

// ResetConnection breaks the connection without a response after the request
// was executed, or, with [Fault.Before], after all of it has arrived. Over TCP,
// the client sees a reset.
func ResetConnection() Fault {
	return Fault{send: func(x exchange) {
		x.takeBody()
		x.reset()
	}}
}

// ResetInBody breaks the connection after the first after bytes of the
// request's body, or all of a shorter body, were read. The request is not
// executed.
func ResetInBody(after int64) Fault {
	return Fault{instead: true, send: func(x exchange) {
		_, _ = io.CopyN(io.Discard, x.r.Body, after) // a shorter body is as good
		x.reset()
	}}
}

// CloseConnection closes the connection without a response after the request
// was executed, or, with [Fault.Before], after all of it has arrived.
func CloseConnection() Fault { return Raw(nil) }

// Raw sends b instead of an HTTP response after the request was executed, and
// closes the connection.
func Raw(b []byte) Fault {
	return Fault{send: func(x exchange) {
		x.takeBody()
		x.raw(b)
	}}
}

// takeBody reads the rest of the request's body, as a service does before it
// acts. A client that could not send all of it knows that nothing was executed.
func (x exchange) takeBody() { _, _ = io.Copy(io.Discard, x.r.Body) }

// Garbage sends bytes that are not HTTP after the request was executed, and
// closes the connection.
func Garbage() Fault { return Raw([]byte("\x16\x03\x01\x02\x00\x01 no HTTP at all\r\n\r\n")) }

// Status responds with this status, header and body instead of executing the
// request. The body is sent unchanged; if the header has no Content-Type, it is
// application/json.
func Status(code int, header http.Header, body string) Fault {
	return Fault{instead: true, send: func(x exchange) {
		x.takeBody() // unlike EarlyReply
		statusResponse(code, header, body).write(x.w)
	}}
}

func statusResponse(code int, header http.Header, body string) response {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	return response{status: code, header: header, body: []byte(body)}
}

// HTML responds with this status and a proxy's error page instead of executing
// the request.
func HTML(code int) Fault {
	page := fmt.Sprintf("<!DOCTYPE html><html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>", code, http.StatusText(code))
	return Status(code, http.Header{"Content-Type": {"text/html"}}, page)
}

// Func is a fault of your own. f is called instead of executing the request and
// may write any response. service executes the request that it is called with,
// r or a clone of it, each time that it is called. With [Fault.After], the
// request has been executed before, and service only writes the response. Func
// panics if f is nil.
func Func(f func(w http.ResponseWriter, r *http.Request, service http.Handler)) Fault {
	if f == nil {
		panic("hacarustest: Func: nil function")
	}
	return Fault{instead: true, send: func(x exchange) { f(x.w, x.r, x.service) }}
}

// EarlyReply responds with this status before the request's body is read, and
// closes the connection. The request is not executed.
func EarlyReply(code int) Fault {
	return Fault{instead: true, send: func(x exchange) {
		x.w.Header().Set("Connection", "close")
		statusResponse(code, nil, "{}").write(x.w)
	}}
}

// Truncated closes the connection after the first after bytes of the response's
// body, at the latest before its last byte. The request was executed. The
// header announces the full length.
func Truncated(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, true); panic(http.ErrAbortHandler) }}
}

// TruncatedChunks is like [Truncated], with a response whose length is not
// announced.
func TruncatedChunks(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, false); panic(http.ErrAbortHandler) }}
}

// Stall sends nothing for as long as the client waits. The request was
// executed.
func Stall() Fault {
	return Fault{send: func(x exchange) {
		x.takeBody()
		x.stall()
	}}
}

// StallInBody sends the first after bytes of the response's body, but never the
// last one, and then nothing for as long as the client waits. The request was
// executed.
func StallInBody(after int) Fault {
	return Fault{send: func(x exchange) { x.part(after, true); x.stall() }}
}

// GzipBomb responds with a small body that decompresses to a JSON string of
// size bytes. The request was executed.
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

// exchange is a request whose response a fault may spoil.
type exchange struct {
	w        http.ResponseWriter
	r        *http.Request
	running  context.Context  // until the server closes
	response response         // empty if the request was not executed
	service  http.HandlerFunc // writes that response, or else executes a request first
}

// happen serves the request, or lets the fault do it.
func (f Fault) happen(x exchange) {
	if f.send == nil {
		x.service(x.w, x.r)
		return
	}
	f.send(x)
}

// connection takes the connection from the server.
func (x exchange) connection() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // it is gone already
	}
	return conn
}

// raw sends bytes that are not a response and closes the connection.
func (x exchange) raw(b []byte) {
	conn := x.connection()
	_, _ = conn.Write(b)
	_ = conn.Close()
}

// reset breaks the connection: TCP resets a connection that does not linger.
func (x exchange) reset() {
	conn := x.connection()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// part sends the response's header and the first bytes of its body.
func (x exchange) part(bytes int, announced bool) {
	for name, values := range x.response.header {
		x.w.Header()[name] = values
	}
	body := x.response.body
	if announced {
		x.w.Header().Set("Content-Length", strconv.Itoa(max(len(body), 1)))
	}
	x.w.WriteHeader(max(x.response.status, http.StatusOK))
	_, _ = x.w.Write(body[:min(bytes, max(len(body)-1, 0))])
	_ = http.NewResponseController(x.w).Flush()
}

// stall waits until the client or the server is gone.
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

// spaces is white space without end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = ' '
	}
	return len(p), nil
}
