package proxies

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// newHTTP2 is a proxy of HTTP/2, frame by frame: no server library lets one
// send the frames that matter here.
func newHTTP2(t *testing.T, id identity, service *hacarustest.Server, s script) *proxy {
	t.Helper()
	p := &proxy{service: service, script: s}
	config := &tls.Config{Certificates: []tls.Certificate{id.pair}, NextProtos: []string{"h2"}}
	p.address = listen(t, func(accepted net.Conn) {
		raw, served := p.track(accepted)
		defer served()
		c := &conn2{proxy: p, raw: raw, conn: tls.Server(raw, config), open: map[uint32]*exchange2{}}
		c.serve()
	})
	return p
}

// conn2 is a connection of HTTP/2.
type conn2 struct {
	proxy  *proxy
	raw    net.Conn
	conn   net.Conn
	framer *http2.Framer
	open   map[uint32]*exchange2

	mu      sync.Mutex // guards what is written
	headers bytes.Buffer
	encoder *hpack.Encoder
	work    sync.WaitGroup
}

func (c *conn2) serve() {
	defer c.work.Wait()
	defer func() {
		for _, x := range c.open {
			x.end()
		}
	}()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.conn, preface); err != nil {
		return
	}
	c.framer = http2.NewFramer(c.conn, c.conn)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder = hpack.NewEncoder(&c.headers)
	_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
	_ = c.framer.WriteWindowUpdate(0, 1<<30)
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				c.locked(func() { _ = c.framer.WriteSettingsAck() })
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				c.locked(func() { _ = c.framer.WritePing(true, f.Data) })
			}
		case *http2.MetaHeadersFrame:
			c.begin(f)
		case *http2.DataFrame:
			if x := c.open[f.StreamID]; x != nil {
				x.receive(f.Data(), f.StreamEnded())
			}
		case *http2.RSTStreamFrame:
			if x := c.open[f.StreamID]; x != nil {
				x.end()
			}
		}
	}
}

func (c *conn2) locked(write func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	write()
}

// begin is a request whose head has come.
func (c *conn2) begin(f *http2.MetaHeadersFrame) {
	target, err := url.ParseRequestURI(f.PseudoValue("path"))
	if err != nil {
		panic(err)
	}
	r := &http.Request{Method: f.PseudoValue("method"), URL: target, Header: http.Header{}}
	for _, field := range f.RegularFields() {
		r.Header.Add(field.Name, field.Value)
	}
	reader, writer := io.Pipe()
	x := &exchange2{conn: c, id: f.StreamID, request: r, incoming: reader, input: make(chan []byte, 1<<12)}
	c.open[f.StreamID] = x
	c.work.Go(func() {
		for data := range x.input {
			if _, err := writer.Write(data); err != nil {
				return // nobody reads any more
			}
		}
		if x.whole {
			_ = writer.Close()
		} else {
			_ = writer.CloseWithError(io.ErrUnexpectedEOF)
		}
	})
	if f.StreamEnded() {
		x.receive(nil, true)
	}
	c.work.Go(c.proxy.work(x.serve))
}

// exchange2 is an exchange of HTTP/2.
type exchange2 struct {
	conn     *conn2
	id       uint32
	request  *http.Request
	input    chan []byte
	whole    bool // all of the body has come
	over     bool // the input is closed
	incoming *io.PipeReader
	body     []byte
	done     bool
}

func (x *exchange2) receive(data []byte, last bool) {
	if x.over {
		return
	}
	if len(data) > 0 {
		x.input <- bytes.Clone(data)
	}
	if last {
		x.whole = true
		x.end()
	}
}

func (x *exchange2) end() {
	if !x.over {
		x.over = true
		close(x.input)
	}
}

func (x *exchange2) serve() {
	defer func() { _ = x.incoming.Close() }()
	n := 0
	if !isLogin(x.request) {
		n = int(x.conn.proxy.number.Add(1))
	}
	s := x.conn.proxy.script
	if n > 0 && s.head != nil && s.head(x, n) {
		return
	}
	if x.request.Header.Get("Expect") != "" && !s.silent {
		x.inform(http.StatusContinue, nil)
	}
	rest, err := io.ReadAll(x.incoming)
	if err != nil {
		return
	}
	x.body = append(x.body, rest...)
	if x.done || n > 0 && s.whole != nil && s.whole(x, n) {
		return
	}
	x.pass()
}

func (x *exchange2) writeHead(status int, header http.Header, end bool) (err error) {
	c := x.conn
	c.locked(func() {
		c.headers.Reset()
		_ = c.encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)})
		for name, values := range header {
			if name == "Connection" || name == "Transfer-Encoding" {
				continue
			}
			for _, v := range values {
				_ = c.encoder.WriteField(hpack.HeaderField{Name: strings.ToLower(name), Value: v})
			}
		}
		err = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: x.id, BlockFragment: c.headers.Bytes(), EndHeaders: true, EndStream: end})
	})
	return err
}

func (x *exchange2) inform(status int, header http.Header) bool {
	return x.writeHead(status, header, false) == nil
}

func (x *exchange2) respond(status int, header http.Header, body string) {
	x.done = true
	_ = x.writeHead(status, header, body == "")
	for len(body) > 0 {
		piece := body[:min(len(body), 16<<10)]
		body = body[len(piece):]
		x.conn.locked(func() { _ = x.conn.framer.WriteData(x.id, body == "", []byte(piece)) })
	}
}

func (x *exchange2) execute() { _, _, _ = x.conn.proxy.forward(x.request, x.body) }

func (x *exchange2) pass() { x.respond(x.conn.proxy.forward(x.request, x.body)) }

func (x *exchange2) cut() { _ = x.conn.conn.Close() }

func (x *exchange2) reset() { breakConnection(x.conn.raw) }

func (x *exchange2) halfClose() { endOutput(x.conn.raw) }

func (x *exchange2) readBody(n int) {
	part := make([]byte, n)
	read, _ := io.ReadFull(x.incoming, part)
	x.body = append(x.body, part[:read]...)
}

func (x *exchange2) refuse(code uint32) {
	x.done = true
	x.conn.locked(func() { _ = x.conn.framer.WriteRSTStream(x.id, http2.ErrCode(code)) })
}

func (x *exchange2) goAway(last uint32) {
	x.conn.locked(func() { _ = x.conn.framer.WriteGoAway(last, http2.ErrCodeNo, nil) })
}

func (x *exchange2) stream() uint32 { return x.id }
