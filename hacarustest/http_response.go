package hacarustest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// response is a whole response before it is sent.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (r response) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	if r.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // the client may have gone
}

// envelope is the documented wrapper of what a service returns.
type envelope struct {
	Data any `json:"data"`
}

// dataResponse is the usual response of success.
func dataResponse(v any) (response, error) { return jsonResponse(http.StatusOK, envelope{v}), nil }

// acceptedResponse has no body, as the documentation has it for some operations.
func acceptedResponse() (response, error) { return response{status: http.StatusAccepted}, nil }

func jsonResponse(status int, v any) response {
	body, err := json.Marshal(v)
	if err != nil {
		panic("hacarustest: " + err.Error()) // a value of this package that has no JSON form
	}
	return response{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// downloadResponse is a file.
func downloadResponse(contentType, name string, content []byte) (response, error) {
	return response{
		status: http.StatusOK,
		header: http.Header{
			"Content-Type":        {contentType},
			"Content-Disposition": {`attachment; filename="` + name + `"`},
		},
		body: content,
	}, nil
}
