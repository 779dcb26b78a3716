package hacarus

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Call describes a call of an endpoint that has no method of its own. See
// [Client.Call].
type Call struct {
	// Operation names the call in errors and for observers. If it is "", the name
	// is "Call".
	Operation string
	// Method is the HTTP method: GET, POST, PUT, PATCH or DELETE.
	Method string
	// Path is the endpoint's path below the base URL, such as
	// "/api/v1/utils/status". It begins with a slash; ids in it must be escaped
	// with [url.PathEscape]. Observers get it as the route.
	Path string
	// Query holds the query parameters. Nil means that there are none.
	Query url.Values
	// Body is sent as JSON, encoded by [json.Marshal]. With nil, no body is sent.
	Body any
	// Idempotent says that executing the call twice has the same effect as
	// executing it once, so that it may be sent again if its response was lost. If
	// it is false, the call is treated like one that creates something: whatever
	// its Method, it is sent again only if the service provably did not act, and
	// otherwise the error is [ErrOutcomeUnknown].
	Idempotent bool
}

const callName = "Call" // in errors

// Call calls an endpoint of the service that has no method of its own yet. It
// logs in, retries, limits sizes, returns errors and masks secrets like all
// other methods.
//
// If the response has a status of 2xx, result receives the value of its field
// "data", or all of it if there is no such field. result is a pointer that
// [json.Unmarshal] decodes into, a *[json.RawMessage], which receives the bytes
// unchanged, or nil. With nil, the content of the response is ignored unless it
// is a web page. A response that cannot be decoded is [ErrDecode].
//
// A call that cannot be made is [ErrInvalidArgument]: one with another method,
// with a path that leads elsewhere, with a body that cannot be encoded as JSON,
// or with a result that is not a pointer.
//
// Operation: the method and the path of call.
func (c *Client) Call(ctx context.Context, call Call, result any) error {
	if err := c.usable(ctx, operation{id: callName}); err != nil {
		return err
	}
	r, err := call.request(c.origin)
	if err != nil {
		return argumentError(callName, "%w", err)
	}
	if v := reflect.ValueOf(result); result != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return argumentError(callName, "the result is a %T, and not a pointer to what is to be filled", result)
	}
	return c.do(ctx, r, func(raw []byte) error { return fillFromData(raw, result) })
}

func (call Call) request(origin *url.URL) (request, error) {
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	if !slices.Contains(methods, call.Method) {
		return request{}, fmt.Errorf("method %q is none of %s", call.Method, strings.Join(methods, ", "))
	}
	path, err := parsePath(call.Path)
	if err != nil {
		return request{}, err
	}
	target := *origin
	target.Path += path.Path
	target.RawPath = origin.EscapedPath() + path.EscapedPath()
	target.RawQuery = call.Query.Encode()
	op := operation{cmp.Or(call.Operation, callName), callName, call.Method, call.Path, classNonIdempotent}
	if call.Idempotent {
		op.class = classOverwrite
	}
	r := request{op: op, target: &target}
	switch {
	case call.Body != nil:
		if r.body, err = encodedBody(call.Body); err != nil {
			return request{}, err
		}
	case !call.Idempotent:
		r.body = emptyBody()
	}
	return r, nil
}

// parsePath parses a path whose special characters are escaped. It accepts only
// paths that stay below the origin.
func parsePath(path string) (*url.URL, error) {
	u, err := url.Parse(path)
	switch {
	case err != nil:
		return nil, errors.New("the path does not parse")
	case u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return nil, errors.New("the path does not begin with one slash")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(path, "#"):
		return nil, errors.New("the path has a query or a fragment")
	}
	for segment := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || checkID("segment", plain) != nil {
			return nil, fmt.Errorf("the path has a segment %q", segment)
		}
	}
	return u, nil
}

// fillFromData fills result from the field "data", or from the whole response
// if there is no such field.
func fillFromData(raw []byte, result any) error {
	if result == nil {
		return nil
	}
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(raw, &envelope); err == nil && envelope["data"] != nil {
		raw = envelope["data"]
	}
	if err := json.Unmarshal(bytes.TrimSpace(raw), result); err != nil {
		return fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return nil
}
