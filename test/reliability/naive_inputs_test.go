package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// change makes an operation's good request a bad one, as one who does not
// check writes it: ids are escaped, values encoded, files read.
type change func(good *sent) error

func (f change) send(ctx context.Context, c naiveClient, good sent) error {
	if err := f(&good); err != nil {
		return err
	}
	return c.call(ctx, good, operation{})
}

// inQuery sets pairs of names and values; a name alone leaves the query empty.
func inQuery(namesAndValues ...string) change {
	return func(good *sent) error {
		good.path, _, _ = strings.Cut(good.path, "?")
		if len(namesAndValues) == 1 {
			return nil
		}
		query := url.Values{}
		for i := 0; i+1 < len(namesAndValues); i += 2 {
			query.Add(namesAndValues[i], namesAndValues[i+1])
		}
		good.path += "?" + query.Encode()
		return nil
	}
}

// inList repeats a name for each value in the query.
func inList(name string, values []string) change {
	return func(good *sent) error {
		path, _, _ := strings.Cut(good.path, "?")
		good.path = path + "?" + url.Values{name: values}.Encode()
		return nil
	}
}

func inBody(v any) change {
	return func(good *sent) (err error) {
		good.body, err = json.Marshal(v)
		return err
	}
}

// inForm reads all files into memory.
func inForm(field, modelID string, files ...hacarus.File) change {
	return func(good *sent) error {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		if modelID != "" {
			if err := form.WriteField("model_id", modelID); err != nil {
				return err
			}
		}
		for _, f := range files {
			content, err := f.Open()
			if err != nil {
				return err
			}
			part, err := form.CreateFormFile(field, f.Name)
			if err != nil {
				return err
			}
			if _, err = io.Copy(part, content); err != nil {
				return err
			}
			content.Close()
		}
		good.contentType, good.body = form.FormDataContentType(), nil
		err := form.Close()
		good.body = b.Bytes()
		return err
	}
}

// withID puts an id where the operation has it: into the path, or into the
// list of what is to be deleted.
func withID(operation, id string) change {
	switch operation {
	case "deleteModels":
		return inList("model_ids", []string{id})
	case "delItem":
		return inBody(map[string]any{"item_ids": []string{id}})
	}
	return func(good *sent) error {
		parts := strings.Split(good.path, "/") // "", api, v1, items, {item_id}, …
		parts[4] = url.PathEscape(id)
		good.path = strings.Join(parts, "/")
		return nil
	}
}

// naiveSends are bad inputs that the naive client does not stop.
type naiveSends struct {
	mu             sync.Mutex
	sent, panicked int
}

func (n *naiveSends) broken() int { return n.sent + n.panicked }

func (n *naiveSends) String() string {
	return fmt.Sprintf("%d sent, %d ended in a panic", n.sent, n.panicked)
}

// try calls f, and counts what it sent on the wire.
func (n *naiveSends) try(w *outlet, f func() error) {
	defer func() {
		panicked := recover() != nil
		n.mu.Lock()
		defer n.mu.Unlock()
		if panicked {
			n.panicked++
		} else if w.dials.Load() > 0 {
			n.sent++
		}
	}()
	_ = f() // its error comes too late, if something was sent
}

// S7 with the naive client.
func TestNaiveBadInputs(t *testing.T) {
	needsNaive(t)
	t.Parallel()
	server := newServer()
	defer server.Close()
	anything := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"access_token":"t"}`)
	}))
	defer anything.Close()
	toAnything := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, anything.Listener.Addr().String())
	}
	sends := &naiveSends{}
	good := map[string]sent{}
	for _, op := range operations() {
		good[op.id] = capture(t, op)
	}
	t.Run("naive", func(t *testing.T) {
		for _, input := range badInputs(t) {
			t.Run(input.operation+"/"+input.name, func(t *testing.T) {
				t.Parallel()
				w := newOutlet(toAnything)
				s := &stage{server: server, transport: w.transport}
				sends.try(w, func() error { return input.naive(t.Context(), newNaive(s, false), good[input.operation]) })
			})
		}
		for _, base := range badBaseURLs {
			t.Run(fmt.Sprintf("New/%q", base), func(t *testing.T) {
				t.Parallel()
				w := newOutlet(unreachable)
				client := newNaive(&stage{server: server, transport: w.transport}, false)
				client.http.HTTPClient = &http.Client{Transport: w.transport} // the first request is the login
				client.base = base
				sends.try(w, func() error { return client.call(t.Context(), good["login"], operation{}) })
			})
		}
	})
	require.Positive(t, sends.sent, "a suite that the naive client passes is too weak")
	recordNaive(t, "S7", sends.broken(), sends)
}
