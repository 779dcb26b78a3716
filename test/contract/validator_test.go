package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const description = "../../testdata/openapi.yaml"

func init() {
	// Files, as parts and as responses, that the validator does not know as such.
	for _, contentType := range []string{"application/zip", "image/png", "image/jpeg", "image/tiff"} {
		openapi3filter.RegisterBodyDecoder(contentType, openapi3filter.FileBodyDecoder)
	}
}

// silences are the statuses with which the service must respond somehow, but
// for which its documentation of the operation has no place: neither a row nor
// a default. An error response must still have the documented form.
var silences = map[string][]int{
	"getModelResults":    {http.StatusUnauthorized, http.StatusNotFound},
	"exportModelsWithId": {http.StatusUnauthorized, http.StatusNotFound},
	"delItem":            {http.StatusAccepted, http.StatusUnauthorized, http.StatusNotFound},
	"getItemById":        {http.StatusUnauthorized, http.StatusNotFound},
	"getLogs":            {http.StatusUnauthorized},
}

// validator is a transport that compares all that passes with the description.
type validator struct {
	t      *testing.T
	next   http.RoundTripper
	router routers.Router
	errors *openapi3.SchemaRef

	mu   sync.Mutex
	seen map[string][]int // statuses by operation
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromFile(description)
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	return document
}

func newValidator(t *testing.T, baseURL string, next http.RoundTripper) *validator {
	t.Helper()
	document := load(t)
	document.Servers = openapi3.Servers{{URL: baseURL}}
	router, err := gorillamux.NewRouter(document)
	require.NoError(t, err)
	return &validator{
		t:      t,
		next:   next,
		router: router,
		errors: document.Components.Schemas["BaseError"],
		seen:   map[string][]int{},
	}
}

func (v *validator) RoundTrip(r *http.Request) (*http.Response, error) {
	request, err := v.request(r)
	if err != nil {
		return nil, err
	}
	answer, err := v.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return answer, v.answer(request, answer)
}

// request validates a request, which stays as it is for those after it.
func (v *validator) request(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	body, err := take(&r.Body)
	if err != nil {
		return nil, err
	}
	route, params, err := v.router.FindRoute(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
	}
	clone := r.Clone(r.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	input := &openapi3filter.RequestValidationInput{
		Request:    clone,
		PathParams: params,
		Route:      route,
		Options: &openapi3filter.Options{
			AuthenticationFunc:                authenticated,
			RejectWhenRequestBodyNotSpecified: true,
			IncludeResponseStatus:             true,
			MultiError:                        true,
		},
	}
	assert.NoError(v.t, openapi3filter.ValidateRequest(r.Context(), input), route.Operation.OperationID)
	assert.Equal(v.t, int64(len(body)), max(r.ContentLength, 0), "the length of %s", route.Operation.OperationID)
	return input, nil
}

// authenticated requires a bearer token where the description has security.
func authenticated(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if in.RequestValidationInput.Request.Header.Get("Authorization") == "" {
		return in.NewError(errors.New("no authorization"))
	}
	return nil
}

func (v *validator) answer(request *openapi3filter.RequestValidationInput, answer *http.Response) error {
	body, err := take(&answer.Body)
	if err != nil {
		return err
	}
	operation := request.Route.Operation.OperationID
	v.mu.Lock()
	v.seen[operation] = append(v.seen[operation], answer.StatusCode)
	v.mu.Unlock()
	if slices.Contains(silences[operation], answer.StatusCode) {
		v.undocumented(operation, answer, body)
		return nil
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 answer.StatusCode,
		Header:                 answer.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                request.Options,
	}
	err = openapi3filter.ValidateResponse(request.Request.Context(), input)
	assert.NoError(v.t, err, "%s: %d %s", operation, answer.StatusCode, body)
	return nil
}

// undocumented validates a response of which only the form of errors is known.
func (v *validator) undocumented(operation string, answer *http.Response, body []byte) {
	if answer.StatusCode < 300 {
		assert.Empty(v.t, body, operation)
		return
	}
	value, err := openapi3filter.JSONBodyDecoder(bytes.NewReader(body), answer.Header, v.errors, nil)
	if assert.NoError(v.t, err, operation) {
		assert.NoError(v.t, v.errors.Value.VisitJSON(value), operation)
	}
}

// take reads a body and puts an equal one in its place.
func take(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	raw, err := io.ReadAll(*body)
	_ = (*body).Close()
	*body = io.NopCloser(bytes.NewReader(raw))
	return raw, err
}

func (v *validator) statuses(operation string) []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.seen[operation])
}
