package hacarus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The ceilings of what calls allocate: docs/performance.md has the figures, and
// these tests keep them from creeping up. They count what the whole process
// allocates, so none of them runs beside others.

// responder is a service that allocates nothing while it answers, so that what
// is allocated during a call is the client's. It serves one operation.
type responder struct {
	answers [][]byte // in turn, each a JSON body
	file    int64    // in place of answers, the size of a file

	ready [][]byte // the answers with their heads
	next  atomic.Int64
}

func answerHead(contentType string, length int64) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", contentType, length)
}

func withHead(body []byte) []byte {
	return append(answerHead("application/json", int64(len(body))), body...)
}

// start returns a client of the responder, which has logged in.
func (r *responder) start(t *testing.T, opts ...Option) *Client {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	for _, body := range r.answers {
		r.ready = append(r.ready, withHead(body))
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	t.Cleanup(func() {
		assert.NoError(t, listener.Close())
		<-done
	})
	c := newTestClient(t, "http://"+listener.Addr().String(), append([]Option{WithObserver(func(context.Context, Attempt) {})}, opts...)...)
	_, err = c.Login(t.Context())
	require.NoError(t, err)
	return c
}

func (r *responder) serve(conn net.Conn) {
	defer conn.Close()
	login, file := withHead([]byte(`{"access_token":"`+testToken+`"}`)), answerHead("application/zip", r.file)
	buffer := make([]byte, 256<<10)
	for {
		request, err := receive(conn, buffer)
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(request, []byte("POST "+opLogin.path+" ")):
			_, err = conn.Write(login)
		case r.file > 0:
			_, err = conn.Write(file)
			for left := r.file; left > 0 && err == nil; left -= int64(len(buffer)) {
				_, err = conn.Write(buffer[:min(left, int64(len(buffer)))])
			}
		default:
			_, err = conn.Write(r.ready[int(r.next.Add(1)-1)%len(r.ready)])
		}
		if err != nil {
			return
		}
	}
}

// receive reads a request to the end of its body, and returns its head.
func receive(conn net.Conn, buffer []byte) ([]byte, error) {
	const line = "\r\n"
	n, end := 0, -1
	for end < 0 {
		got, err := conn.Read(buffer[n:])
		if err != nil {
			return nil, err
		}
		n += got
		end = bytes.Index(buffer[:n], []byte(line+line))
	}
	head := buffer[:end+len(line)]
	if bytes.Contains(head, []byte(line+"Expect: 100-continue"+line)) {
		if _, err := conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return nil, err
		}
	}
	var length int
	if _, after, ok := bytes.Cut(head, []byte(line+"Content-Length: ")); ok {
		for i := 0; after[i] >= '0' && after[i] <= '9'; i++ {
			length = 10*length + int(after[i]-'0')
		}
	}
	rest := buffer[len(head):] // the head stays as it is
	for left := length - (n - end - len(line+line)); left > 0; {
		got, err := conn.Read(rest[:min(left, len(rest))])
		if err != nil {
			return nil, err
		}
		left -= got
	}
	return head, nil
}

// allocatedBytes is what a call of f allocates, as the mean of some.
func allocatedBytes(t *testing.T, f func() error) uint64 {
	t.Helper()
	const calls = 5
	require.NoError(t, f(), "and connections and pools are warm")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		require.NoError(t, f())
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / calls
}

func TestAllocationsOfDownloads(t *testing.T) { //nolint:paralleltest // counts what the process allocates
	const size = 64 << 20
	c := (&responder{file: size}).start(t)
	got := allocatedBytes(t, func() error {
		download, err := c.ExportModels(t.Context(), "m1")
		if err != nil {
			return err
		}
		defer download.Close()
		n, err := download.WriteTo(struct{ io.Writer }{io.Discard})
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	const ceiling = 64_000
	require.LessOrEqual(t, got, uint64(ceiling), "ExportModels allocates %d bytes, at most %d are meant", got, ceiling)
}

// heap is what is in the heap, live or not collected yet.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

func TestHeapOfLargeUploads(t *testing.T) { //nolint:paralleltest // watches the process's heap
	const size = 256 << 20
	c := (&responder{answers: [][]byte{[]byte(idsBody)}}).start(t)
	runtime.GC()
	before := heap()
	peak, reads := int64(0), 0
	content := io.LimitReader(readerFunc(func(p []byte) (int, error) {
		if reads++; reads%64 == 0 {
			peak = max(peak, heap())
		}
		return len(p), nil
	}), size)
	err := addFiles(t.Context(), c, FileFromReader("a.png", content, size))
	require.NoError(t, err)
	require.Positive(t, peak)
	const ceiling = 16 << 20
	require.Less(t, peak-before, int64(ceiling), "AddItems of %d bytes takes %d bytes of heap, less than %d are meant", size, peak-before, ceiling)
}
