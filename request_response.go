package hacarus

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxResponse and maxErrorResponse bound the decoded bytes of a response
	// that is JSON, and of one that tells an error.
	maxResponse      = 64 << 20
	maxErrorResponse = 1 << 20
	// maxErrorBody is how much of an error's body is kept.
	maxErrorBody = 4 << 10
	// errorTime bounds reading the body of an error. After it, the error is
	// returned with what has arrived.
	errorTime = 10 * time.Second

	// smallBuffer is a size that is enough for most responses.
	smallBuffer = 64 << 10
	// maxKept bounds the size of a large buffer that is kept.
	maxKept = 8 << 20
	// maxTrusted bounds what is allocated for an announced length before the bytes
	// have arrived.
	maxTrusted = 4 << 20
)

// responseBuffers holds a client's buffers between calls. Everything that is
// decoded from a response is copied, so its buffer can be used for the next
// one. Only one large buffer is kept: the pages of a list are read one after
// the other, and a pool would keep one for each processor.
type responseBuffers struct {
	small sync.Pool
	large atomic.Pointer[[]byte]
}

// take returns a buffer for a response of about that size.
func (b *responseBuffers) take(size int) *[]byte {
	if size > smallBuffer {
		if buffer := b.large.Swap(nil); buffer != nil {
			return buffer
		}
	}
	if buffer, ok := b.small.Get().(*[]byte); ok {
		return buffer
	}
	return new([]byte)
}

// give takes a buffer back. No part of it may be in use any more.
func (b *responseBuffers) give(buffer *[]byte) {
	switch {
	case cap(*buffer) <= smallBuffer:
		b.small.Put(buffer)
	case cap(*buffer) <= maxKept:
		b.large.Store(buffer)
	}
}

// drop releases the large buffer.
func (b *responseBuffers) drop() { b.large.Store(nil) }

// payload is the body of a call's last response, in a buffer that is lent for
// as long as the call lasts.
type payload struct {
	buffers *responseBuffers
	lent    *[]byte
	raw     []byte // what came of the body, within its limit
}

// read reads a response's body to its end and closes it, so that the
// connection can be used again. What has come is in raw, until the next read,
// with an error if that is not all.
func (p *payload) read(response *http.Response, limit int64) error {
	defer response.Body.Close()
	p.raw = nil
	if response.ContentLength > limit {
		return fmt.Errorf("%w: %d bytes announced, limit %d", ErrResponseTooLarge, response.ContentLength, limit)
	}
	expected := int(min(max(response.ContentLength, 0), maxTrusted)) + bytes.MinRead
	if p.lent == nil {
		p.lent = p.buffers.take(expected)
	}
	raw, err := appendAll(slices.Grow((*p.lent)[:0], expected), response.Body, limit)
	*p.lent = raw
	p.raw = raw[:min(int64(len(raw)), limit)]
	if int64(len(raw)) > limit {
		return fmt.Errorf("%w: more than %d bytes", ErrResponseTooLarge, limit)
	}
	return err
}

// appendAll reads to the end, or to where there is more than the limit.
func appendAll(raw []byte, r io.Reader, limit int64) ([]byte, error) {
	for int64(len(raw)) <= limit {
		if cap(raw)-len(raw) < bytes.MinRead {
			raw = slices.Grow(raw, len(raw)+bytes.MinRead)
		}
		n, err := r.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		if err == io.EOF {
			return raw, nil
		}
		if err != nil {
			return raw, err
		}
	}
	return raw, nil
}

// release gives the buffer back.
func (p *payload) release() {
	if p.lent != nil {
		p.buffers.give(p.lent)
	}
	p.lent, p.raw = nil, nil
}

func isSuccess(status int) bool { return status >= 200 && status <= 299 }

// observe examines the result of an attempt and reads the response. The error
// is why the attempt failed, or nil for a success.
func (x *exchange) observe(response *http.Response, err error) (observation, error) {
	if err != nil {
		return x.observeSilence(err)
	}
	o := observation{status: response.StatusCode}
	switch {
	case isSuccess(o.status) && x.streams():
		o.failure, err = observeStream(response)
	case isSuccess(o.status):
		o.failure, err = x.observeSuccess(response)
	case o.status >= 300 && o.status <= 399:
		err = x.observeRedirect(response)
	default:
		err = x.observeRefusal(&o, response)
	}
	if !isSuccess(o.status) { // only now: a transport whose body is taken away closes the connection
		o.reach, o.spent = x.current.reached(), x.spent()
	}
	return o, err
}

// spent reports whether the body was read and cannot be read again.
func (x *exchange) spent() bool {
	return x.body != nil && x.body.once && x.current.outgoing.count() > 0
}

// observeStream examines a response that the caller will read.
func observeStream(response *http.Response) (fault, error) {
	if err := checkDownload(response); err != nil {
		_ = response.Body.Close()
		return failedContent, err
	}
	return failedNothing, nil
}

// observeSuccess reads a response of status 2xx.
func (x *exchange) observeSuccess(response *http.Response) (fault, error) {
	err := x.payload.read(response, maxResponse)
	switch {
	case err == nil && isWebPage(x.payload.raw):
		return failedContent, fmt.Errorf("%w: %w", ErrDecode, errWebPage)
	case err == nil:
		return failedNothing, nil
	case errors.Is(err, ErrResponseTooLarge):
		return failedContent, err
	}
	return failedTransfer, transferError{err}
}

// transferError is the error of a successful response that did not arrive
// completely.
type transferError struct{ error }

func (e transferError) Error() string   { return ErrDecode.Error() + ": " + e.error.Error() }
func (e transferError) Unwrap() []error { return []error{ErrDecode, e.error} }

// errWebPage is a web page in place of a value: of a proxy, a portal, or the
// service's own website.
var errWebPage = errors.New("a web page, not the API: check the base URL")

// hintOfOrigin explains that the token was not sent to an image's origin, or
// returns "".
func (x *exchange) hintOfOrigin(status int) string {
	if x.foreign && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
		return fmt.Sprintf("the image is at %s, and the access token is for %s alone: if it may be sent there too, use WithImageOrigins",
			originOf(x.target), originOf(x.client.origin))
	}
	return ""
}

// errFilePage is a web page in place of a file, which may be anywhere.
var errFilePage = errors.New("a web page in place of a file")

// isWebPage reports whether a body is markup, with which no JSON begins.
func isWebPage(raw []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("<")) }

// observeRedirect refuses a redirect: following one could turn a POST into a
// GET, or carry the token elsewhere.
func (x *exchange) observeRedirect(response *http.Response) error {
	_ = x.payload.read(response, maxErrorResponse)
	return fmt.Errorf("%w: status %d%s", ErrRedirect, response.StatusCode, redactLocation(x.mask(response.Header.Get("Location"))))
}

// redactLocation keeps only the host of a redirect's target, because the rest
// may contain a secret. A host in which something was masked cannot be parsed.
func redactLocation(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return " to " + u.Scheme + "://" + u.Host
}

// observeRefusal reads an error that the service responded with. A broken
// description of it is still an error.
func (x *exchange) observeRefusal(o *observation, response *http.Response) error {
	slow := time.AfterFunc(errorTime, x.current.clock.cancel)
	if err := x.payload.read(response, maxErrorResponse); err != nil {
		o.failure = failedTransfer
	}
	slow.Stop()
	masked := x.mask(string(x.payload.raw))
	base := &BaseError{
		Errors:     decodeErrorDetails([]byte(masked), x.mask),
		StatusCode: response.StatusCode,
		Operation:  x.op.id,
		RequestID:  x.mask(response.Header.Get("X-Request-Id")),
		Attempts:   x.attempts,
		Body:       []byte(masked[:min(len(masked), maxErrorBody)]),
		Hint:       x.mask(cmp.Or(x.hintOfOrigin(o.status), x.hint(o.status))),
	}
	if after, ok := parseRetryAfter(response.Header); ok {
		base.RetryAfter = after
		if retryAfterStatus(o.status) {
			o.retryAfter, o.overlong = after, after < 0 || after > x.client.policy.MaxRetryAfter
		}
	}
	o.tokenRefused = o.status == http.StatusUnauthorized && x.authorized() && !x.renewed
	return base
}
