package hacarus

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-querystring/query"
)

const (
	acceptJSON  = "application/json"
	acceptBytes = "application/octet-stream, application/zip, text/csv, application/json;q=0.5, */*;q=0.1"
)

// operation describes one operation of the API: the documentation's
// operationId, the Go method that makes the call, the HTTP method, the path
// with its parameters in braces, and how the call may be repeated.
type operation struct {
	id, name, method, path string
	class                  class
}

// methodNames are the methods of all operations by the operations' ids: an error
// bears only the id, and shows both. Nothing is added once the program runs.
var methodNames = map[string]string{}

// newOperation is an operation of the API, of which there is one variable each,
// in the file of its tag.
func newOperation(id, name, method, path string, c class) operation {
	methodNames[id] = name
	return operation{id, name, method, path, c}
}

// request is what one call sends.
type request struct {
	op     operation
	params []string // the path's parameters in order
	query  any      // a struct with url tags
	body   *body
	accept string // of a response that is a file; "" for JSON
	// received is called once a successful response has arrived completely, before
	// it is decoded. It is nil if nobody waits for that.
	received func()
	// target replaces the operation's path with another URL. foreign says that the
	// URL is not on the configured origin, so the token must not be sent there.
	target  *url.URL
	foreign bool
}

// doData makes a call whose response contains data in the documented envelope.
func doData[T any](ctx context.Context, c *Client, r request, decode decoder[T]) (*T, error) {
	var v *T
	err := c.do(ctx, r, func(raw []byte) (err error) {
		v, err = decodeEnvelope(raw, decode)
		return err
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// doValue is doData for methods that return a value: a list or a string.
func doValue[T any](ctx context.Context, c *Client, r request, decode decoder[T]) (T, error) {
	v, err := doData(ctx, c, r, decode)
	if err != nil {
		var zero T
		return zero, err
	}
	return *v, nil
}

// do makes a call whose response is JSON, which decode reads. decode must not
// keep any part of raw.
func (c *Client) do(ctx context.Context, r request, decode func(raw []byte) error) error {
	x := newExchange(c, r)
	defer x.release()
	if _, err := x.run(ctx); err != nil { //nolint:bodyclose // run has read it
		return err
	}
	if r.received != nil {
		r.received()
	}
	return x.finish(decode(x.payload.raw))
}

// doDownload makes a call whose response is a file.
func (c *Client) doDownload(ctx context.Context, r request) (*Download, error) {
	x := newExchange(c, r)
	response, err := x.run(ctx) //nolint:bodyclose // the download closes it
	x.payload.release()         // of refusals before
	if err != nil {
		x.current.end()
		return nil, err
	}
	return newDownload(response, x), nil
}

// streams reports whether the caller reads the response's body.
func (r *request) streams() bool { return r.accept != "" }

// authorized reports whether the request carries the access token.
func (r *request) authorized() bool { return r.op.class != classLogin && !r.foreign }

// url returns the URL of the request: the origin, the operation's path with
// escaped parameters, and the query.
func (r *request) url(origin *url.URL) (url.URL, error) {
	if r.target != nil {
		return *r.target, nil
	}
	plain, escaped := origin.Path, origin.EscapedPath()
	rest := r.op.path
	for _, value := range r.params {
		before, after, _ := strings.Cut(rest, "{")
		name, tail, _ := strings.Cut(after, "}")
		if err := checkID(name, value); err != nil {
			return url.URL{}, argumentError(r.op.id, "%w", err)
		}
		plain += before + value
		escaped += before + url.PathEscape(value)
		rest = tail
	}
	u := url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: plain + rest}
	if escaped != plain {
		u.RawPath = escaped + rest
	}
	if r.query != nil {
		values, err := query.Values(r.query)
		if err != nil {
			return url.URL{}, argumentError(r.op.id, "%w", err)
		}
		u.RawQuery = values.Encode()
	}
	return u, nil
}

// newRequest returns the request without what each attempt adds: header, token
// and body.
func (r *request) newRequest(ctx context.Context, target *url.URL) *http.Request {
	req := http.Request{
		Method: r.op.method, URL: target, Host: target.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	return req.WithContext(ctx)
}

// pacer is shared by calls that hold back together.
type pacer interface {
	// hold is told the error of an attempt before the same call tries again after
	// wait, and returns how long the call must wait instead.
	hold(err error, wait time.Duration) time.Duration
}

type pacerKey struct{}

// withPacer makes calls with the returned context follow a pacer when they
// retry.
func withPacer(ctx context.Context, p pacer) context.Context {
	return context.WithValue(ctx, pacerKey{}, p)
}

// pacerOf returns the pacer that a call follows, or nil.
func pacerOf(ctx context.Context) pacer {
	p, _ := ctx.Value(pacerKey{}).(pacer)
	return p
}
