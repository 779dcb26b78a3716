package hacarustest

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is a whole answer before it is sent.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have gone
}

// envelope is the documented wrapper of answers.
type envelope struct {
	Data any `json:"data"`
}

// data is the usual answer of success.
func data(v any) (answer, error) { return jsonAnswer(http.StatusOK, envelope{v}), nil }

// accepted is an answer without a body, as the documentation has them.
func accepted() (answer, error) { return answer{status: http.StatusAccepted}, nil }

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic("hacarustest: " + err.Error()) // a value of this package that has no JSON form
	}
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// download is an answer that is a file.
func download(contentType, name string, content []byte) (answer, error) {
	return answer{
		status: http.StatusOK,
		header: http.Header{
			"Content-Type":        {contentType},
			"Content-Disposition": {`attachment; filename="` + name + `"`},
		},
		body: content,
	}, nil
}
