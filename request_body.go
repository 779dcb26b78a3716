package hacarus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hacarus/hacarus-check-go/internal/redact"
)

// body is a request's body. Its length is known, and it is made anew for each
// attempt.
type body struct {
	contentType string
	length      int64
	open        func() (io.ReadCloser, error)
	once        bool // cannot be opened a second time
	secrets     *redact.Set
	form        *form // nil for JSON
}

// emptyBody is an empty body whose length is not announced. It keeps net/http
// from sending a request again by itself, as it does with requests that have no
// body.
func emptyBody() *body {
	return &body{length: -1, open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }}
}

// jsonBody encodes value, which must fit the operation's schema.
func jsonBody(op operation, value any) (*body, error) {
	b, err := encodedBody(value)
	if err != nil {
		return nil, argumentError(op.id, "%w", err)
	}
	return b, nil
}

func encodedBody(value any) (*body, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &body{
		contentType: acceptJSON,
		length:      int64(len(raw)),
		open:        func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil },
	}, nil
}

// outgoing is the body of one attempt; the zero outgoing is no body. It can be
// taken away from the transport, which may continue to read after it has
// returned a response. While the source is being read, silence on the network
// is not a stall.
type outgoing struct {
	clock  *attemptClock
	expect *expectation
	length int64

	mu     sync.Mutex
	source io.ReadCloser
	sent   int64
	err    error // the source's
	begun  atomic.Bool
	closed bool
}

var errDetached = errors.New("hacarus: the call has ended")

// open opens the source.
func (o *outgoing) open(b *body) error {
	o.source, o.err = b.open()
	return o.err
}

func (o *outgoing) Read(p []byte) (int, error) {
	if !o.begun.Load() && !o.expect.permits(o.clock.ctx.Done()) {
		return 0, errDetached
	}
	o.begun.Store(true)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return 0, errDetached
	}
	o.clock.pause()
	defer o.clock.resume()
	n, err := readSafely(o.source, p)
	o.sent += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // a reader ends with io.EOF itself, any other is a failure
		o.err = err
	}
	return n, err
}

// openSafely, readSafely and closeSafely turn a panic of a file into its error.
// On a goroutine of the transport, nobody could recover the panic, and it would
// end the program.
func openSafely(open func() (io.ReadCloser, error)) (content io.ReadCloser, err error) {
	defer func() {
		if r := recover(); r != nil {
			content, err = nil, fmt.Errorf("panic while opening: %v", r)
		}
	}()
	return open()
}

func readSafely(r io.Reader, p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, fmt.Errorf("panic while reading: %v", r)
		}
	}()
	return r.Read(p)
}

func closeSafely(c io.Closer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while closing: %v", r)
		}
	}()
	return c.Close()
}

// Close waits for a read in progress and permits no other one.
func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.source == nil {
		return nil
	}
	o.closed = true
	return closeSafely(o.source)
}

// count returns how many bytes the transport has taken.
func (o *outgoing) count() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent
}

// isCut reports whether the transport was given less than the whole body. Once
// the body is closed, that does not change.
func (o *outgoing) isCut() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.source != nil && o.sent < o.length
}

// failure returns the error of the source, if that ended the attempt.
func (o *outgoing) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
