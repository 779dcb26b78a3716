package hacarus

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// politeService refuses uploads before their bodies, and keeps the connection
// open to take them all the same, as HTTP/1.1 allows. Transports then send them.
type politeService struct {
	mu       sync.Mutex
	statuses []int // of uploads that ask first, in turn; after them all are taken
	asked    int   // uploads that asked
	refused  int64 // bytes of bodies that were refused
	taken    int   // uploads
}

func (p *politeService) start(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		connections.Wait()
	})
	return "http://" + listener.Addr().String()
}

func (p *politeService) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	requests := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		if err := p.answer(conn, req); err != nil {
			return
		}
	}
}

func (p *politeService) answer(conn net.Conn, req *http.Request) error {
	if req.URL.Path == opLogin.path {
		_, _ = io.Copy(io.Discard, req.Body)
		return reply(conn, http.StatusOK, `{"access_token":"`+testToken+`"}`)
	}
	if status := p.next(req.Header.Get("Expect") != ""); status != 0 {
		if err := reply(conn, status, ""); err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, req.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused += n
		return err
	}
	if req.Header.Get("Expect") != "" {
		if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return err
	}
	p.mu.Lock()
	p.taken++
	p.mu.Unlock()
	return reply(conn, http.StatusOK, idsBody)
}

func (p *politeService) next(asks bool) (status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !asks {
		return 0
	}
	p.asked++
	if len(p.statuses) > 0 {
		status, p.statuses = p.statuses[0], p.statuses[1:]
	}
	return status
}

func reply(conn net.Conn, status int, body string) error {
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n%s", status, len(body), body)
	return err
}

// An upload that is refused before its body was never made, also where the
// service keeps the connection open for it.
func TestRefusedUploadsKeepTheirBody(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	for name, source := range map[string]func() File{
		"a reader": func() File { return FileFromReader("a.png", io.LimitReader(endless{}, size), size) },
		"bytes":    func() File { return FileFromBytes("a.png", make([]byte, size)) },
	} {
		for _, status := range []int{401, 425, 429, 500, 503, 417} {
			t.Run(fmt.Sprint(status, " for ", name), func(t *testing.T) {
				t.Parallel()
				service := &politeService{statuses: []int{status}}
				c := newTestClient(t, service.start(t))
				require.NoError(t, addFiles(t.Context(), c, source()))
				require.NoError(t, c.Close())
				service.mu.Lock()
				defer service.mu.Unlock()
				require.Equal(t, 1, service.taken)
				require.Zero(t, service.refused, "bytes of the refused body were sent")
				if status == http.StatusExpectationFailed {
					require.Equal(t, 1, service.asked, "the second one must not ask")
				} else {
					require.Equal(t, 2, service.asked)
				}
			})
		}
		t.Run("for good, "+name, func(t *testing.T) {
			t.Parallel()
			service := &politeService{statuses: []int{403, 0}}
			c := newTestClient(t, service.start(t))
			err := addFiles(t.Context(), c, source())
			require.ErrorIs(t, err, ErrForbidden)
			require.NotErrorIs(t, err, ErrOutcomeUnknown)
			require.NoError(t, addFiles(t.Context(), c, source()))
			service.mu.Lock()
			defer service.mu.Unlock()
			require.Equal(t, 2, service.asked, "later uploads still ask first")
			require.Zero(t, service.refused)
		})
	}
}
