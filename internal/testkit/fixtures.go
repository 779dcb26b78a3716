package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const fixtureFolder = "testdata/fixtures"

// Fixture is one exchange of testdata/fixtures: what a call must send, what the
// service responds with, and what the call must return.
type Fixture struct {
	Request struct {
		Method string            `json:"method"`
		Path   string            `json:"path"` // escaped, without the base URL's prefix
		Query  url.Values        `json:"query"`
		Header map[string]string `json:"header"` // Accept and Content-Type; what is not there must not be sent
		Body   json.RawMessage   `json:"body"`
		Parts  []Part            `json:"parts"` // of a multipart body
	} `json:"request"`
	Response struct {
		Status int               `json:"status"`
		Header map[string]string `json:"header"`
		Body   json.RawMessage   `json:"body"` // of a JSON response
		Text   string            `json:"text"` // or of a file,
		Base64 []byte            `json:"base64"`
	} `json:"response"`
	// Want is the returned value as JSON; of a download all but its content.
	Want json.RawMessage `json:"want"`
}

// Part is one part of a multipart body.
type Part struct {
	Name        string `json:"name"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Text        string `json:"text"`
	Base64      []byte `json:"base64"`
}

// Content is the part's body.
func (p Part) Content() []byte { return append([]byte(p.Text), p.Base64...) }

// ResponseBody is the body of the response, whatever its form.
func (f Fixture) ResponseBody() []byte {
	return slices.Concat(f.Response.Body, []byte(f.Response.Text), f.Response.Base64)
}

// IsFile says whether the response is a file.
func (f Fixture) IsFile() bool { return f.Response.Text != "" || f.Response.Base64 != nil }

// IsSilent says whether the response has no body.
func (f Fixture) IsSilent() bool { return len(f.ResponseBody()) == 0 }

// Fixtures are all fixtures by their operation's id.
var Fixtures = sync.OnceValue(func() map[string]Fixture {
	files, err := filepath.Glob(filepath.Join(Root(), fixtureFolder, "*.json"))
	if err != nil {
		panic(err)
	}
	fixtures := map[string]Fixture{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		var f Fixture
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&f); err != nil {
			panic(fmt.Sprintf("%s: %v", file, err))
		}
		fixtures[strings.TrimSuffix(filepath.Base(file), ".json")] = f
	}
	return fixtures
})
