package hacarus

// A service on connections of HTTP/1.1, byte by byte.

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeHTTP1 is a service that speaks HTTP/1.1 on its connections without net/http. It
// allocates nothing while it responds, so that what is allocated during a call is
// the client's. And it can refuse uploads before their bodies, and keep the
// connection open to take them all the same, as HTTP/1.1 allows: transports then
// send them.
type fakeHTTP1 struct {
	bodies   [][]byte // of the responses, in turn, each JSON
	file     int64    // in place of bodies, the size of a file
	refusals []int    // of uploads that ask first, in turn; for 0 and after them all are taken

	ready [][]byte // the bodies with their heads
	next  atomic.Int64

	mu      sync.Mutex
	asked   int   // uploads that asked
	taken   int   // uploads that were taken, and other calls
	refused int64 // bytes of bodies that were refused
}

const http1Line = "\r\n"

func http1Head(contentType string, length int64) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", contentType, length)
}

func http1JSON(body []byte) []byte {
	return append(http1Head("application/json", int64(len(body))), body...)
}

// start returns the URL of the service.
func (s *fakeHTTP1) start(t *testing.T) (baseURL string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.startOn(t, listener)
	return "http://" + listener.Addr().String()
}

func (s *fakeHTTP1) startOn(t *testing.T, listener net.Listener) {
	t.Helper()
	for _, body := range s.bodies {
		s.ready = append(s.ready, http1JSON(body))
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		connections.Wait()
	})
}

func (s *fakeHTTP1) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	c := http1Conn{Conn: conn, buffer: make([]byte, 256<<10)}
	login, file := http1JSON([]byte(`{"access_token":"`+testToken+`"}`)), http1Head("application/zip", s.file)
	for {
		err := c.readHead()
		if err != nil {
			return
		}
		asks := bytes.Contains(c.head, []byte(http1Line+"Expect: 100-continue"+http1Line))
		if status := s.refusal(asks); status != 0 {
			err = s.turnAway(&c, status)
		} else if err = c.take(asks); err == nil {
			err = s.respond(&c, login, file)
		}
		if err != nil {
			return
		}
	}
}

// refusal is the status with which a request is refused; 0 for none.
func (s *fakeHTTP1) refusal(asks bool) (status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !asks {
		return 0
	}
	s.asked++
	if len(s.refusals) > 0 {
		status, s.refusals = s.refusals[0], s.refusals[1:]
	}
	return status
}

// turnAway refuses a request, and counts what comes of its body all the same.
func (s *fakeHTTP1) turnAway(c *http1Conn, status int) error {
	if _, err := fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n", status); err != nil {
		return err
	}
	n, err := c.readBody()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused += n
	return err
}

func (s *fakeHTTP1) respond(c *http1Conn, login, file []byte) error {
	if bytes.HasPrefix(c.head, []byte("POST "+opLogin.path+" ")) {
		_, err := c.Write(login)
		return err
	}
	s.mu.Lock()
	s.taken++
	s.mu.Unlock()
	if s.file == 0 {
		_, err := c.Write(s.ready[int(s.next.Add(1)-1)%len(s.ready)])
		return err
	}
	_, err := c.Write(file)
	for left := s.file; left > 0 && err == nil; left -= int64(len(c.buffer)) {
		_, err = c.Write(c.buffer[:min(left, int64(len(c.buffer)))])
	}
	return err
}

// http1Conn is a connection of a fakeHTTP1, with the request that is on it.
type http1Conn struct {
	net.Conn
	buffer []byte
	head   []byte // with the end of its last line
	read   int    // bytes of the request
}

func (c *http1Conn) readHead() error {
	c.read = 0
	for {
		n, err := c.Read(c.buffer[c.read:])
		if err != nil {
			return err
		}
		c.read += n
		if end := bytes.Index(c.buffer[:c.read], []byte(http1Line+http1Line)); end >= 0 {
			c.head = c.buffer[:end+len(http1Line)]
			return nil
		}
	}
}

// take reads the body, after permission for it where the request asks.
func (c *http1Conn) take(asks bool) error {
	if asks {
		if _, err := c.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	_, err := c.readBody()
	return err
}

// readBody reads to the end of the body, and says how much there was of it. The
// head stays as it is.
func (c *http1Conn) readBody() (n int64, err error) {
	var length int64
	if _, after, ok := bytes.Cut(c.head, []byte(http1Line+"Content-Length: ")); ok {
		for i := 0; after[i] >= '0' && after[i] <= '9'; i++ {
			length = 10*length + int64(after[i]-'0')
		}
	}
	n = int64(c.read - len(c.head) - len(http1Line))
	for rest := c.buffer[len(c.head):]; n < length; {
		got, err := c.Read(rest[:min(length-n, int64(len(rest)))])
		n += int64(got)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
