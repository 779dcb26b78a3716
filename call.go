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

// Call is a call of an endpoint that has no method; see [Client.Call].
type Call struct {
	// Operation names the call in errors, and for observers; "" is "Call".
	Operation string
	// Method is the HTTP method: GET, POST, PUT, PATCH or DELETE.
	Method string
	// Path is where the endpoint is below the base URL, such as
	// "/api/v1/utils/status". It begins with a slash, and ids in it are escaped
	// with [url.PathEscape]. For observers it is the route.
	Path string
	// Query is what follows the path; nil for nothing.
	Query url.Values
	// Body is sent as JSON, by [json.Marshal]; nil for no body.
	Body any
	// Idempotent says that a second execution leaves the state of the first, so
	// that the call is sent again when its response is lost. False, it is sent again only
	// when the service provably did not act, whatever its Method, as those calls
	// are that create something; see [ErrOutcomeUnknown].
	Idempotent bool
}

const callName = "Call" // in errors

// Call calls an endpoint of the service that has no method yet, with all that
// methods have: the login, retries, limits, errors and the masking of secrets.
//
// Of a response of status 2xx, result is filled with what stands under "data",
// or with all of it where there is no such field: by [json.Unmarshal] into what
// the pointer result points to, or as it came into a *[json.RawMessage]. With a
// nil result the response's content does not matter, unless it is a web page.
// What does not fit is [ErrDecode].
//
// A call that cannot be made is [ErrInvalidArgument]: another method, a path that
// leads elsewhere, a body that has no JSON, or a result that is no pointer.
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

// parsePath reads a path that is escaped where it has to be. It can lead nowhere
// but below the origin.
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

// fillFromData fills result from what stands under "data", or from all of it.
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
