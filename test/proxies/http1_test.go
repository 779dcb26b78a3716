package proxies

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// newHTTP1 is a proxy of HTTP/1.1.
func newHTTP1(t *testing.T, id identity, service *hacarustest.Server, s script) *proxy {
	t.Helper()
	p := &proxy{service: service, script: s}
	config := &tls.Config{Certificates: []tls.Certificate{id.pair}, NextProtos: []string{"http/1.1"}}
	p.address = listen(t, func(accepted net.Conn) {
		raw, served := p.track(accepted)
		defer served()
		conn := tls.Server(raw, config)
		input := bufio.NewReader(conn)
		for {
			r, err := http.ReadRequest(input)
			if err != nil {
				return
			}
			x := &exchange1{proxy: p, raw: raw, conn: conn, request: r}
			p.work(x.serve)()
			if x.closed.Load() {
				return
			}
		}
	})
	return p
}

// exchange1 is an exchange of HTTP/1.1.
type exchange1 struct {
	proxy   *proxy
	raw     net.Conn
	conn    net.Conn
	request *http.Request
	body    []byte
	done    bool // there was a final response
	closed  atomic.Bool
}

func (x *exchange1) serve() {
	n := 0
	if !isLogin(x.request) {
		n = int(x.proxy.number.Add(1))
	}
	s := x.proxy.script
	if n > 0 && s.head != nil && s.head(x, n) {
		return
	}
	if x.request.Header.Get("Expect") != "" && !s.silent {
		x.inform(http.StatusContinue, nil)
	}
	rest, err := io.ReadAll(x.request.Body)
	if err != nil {
		x.closed.Store(true)
		return
	}
	x.body = append(x.body, rest...)
	if x.done || n > 0 && s.whole != nil && s.whole(x, n) {
		return
	}
	x.pass()
}

func (x *exchange1) inform(status int, header http.Header) bool {
	return x.write(status, header, "") == nil
}

func (x *exchange1) respond(status int, header http.Header, body string) {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Transfer-Encoding") == "" {
		header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	_ = x.write(status, header, body)
	x.done = true
	if strings.EqualFold(header.Get("Connection"), "close") {
		x.cut()
	}
}

func (x *exchange1) write(status int, header http.Header, body string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&b)
	b.WriteString("\r\n" + body)
	_, err := io.WriteString(x.conn, b.String())
	return err
}

func (x *exchange1) execute() { _, _, _ = x.proxy.forward(x.request, x.body) }

func (x *exchange1) pass() {
	x.respond(x.proxy.forward(x.request, x.body))
}

func (x *exchange1) cut() {
	x.closed.Store(true)
	_ = x.conn.Close()
}

func (x *exchange1) reset() {
	x.closed.Store(true)
	breakConnection(x.raw)
}

func (x *exchange1) halfClose() { endOutput(x.raw) }

func (x *exchange1) readBody(n int) {
	part := make([]byte, n)
	read, _ := io.ReadFull(x.request.Body, part)
	x.body = append(x.body, part[:read]...)
}

func (x *exchange1) refuse(uint32)  { panic("a frame of HTTP/2") }
func (x *exchange1) goAway(uint32)  { panic("a frame of HTTP/2") }
func (x *exchange1) stream() uint32 { panic("a stream of HTTP/2") }
