package hacarus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// An endpoint that has no method yet has the login, the retries and the errors of
// those that have one.
func ExampleClient_Call() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client()

	var node struct {
		Hash string `json:"hash_id"`
	}
	err := client.Call(context.Background(), hacarus.Call{
		Operation:  "getHashId",
		Method:     http.MethodPost,
		Path:       "/api/v1/utils/node_hash",
		Idempotent: true, // it only reads
	}, &node)
	fmt.Println(node.Hash != "", err)

	err = client.Call(context.Background(), hacarus.Call{Operation: "getNodeStatus", Method: http.MethodGet, Path: "/api/v1/utils/status"}, nil)
	fmt.Println(errors.Is(err, hacarus.ErrNotFound))
	// Output:
	// true <nil>
	// true
}

// An operator's screen would rather fail soon, and in Japanese, than wait as the
// line does. Both have one login and one pool of connections.
func ExampleClient_With() {
	server := hacarustest.NewServer()
	defer server.Close()
	line := server.Client()
	screen, err := line.With(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}), hacarus.WithLanguage("ja"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := line.GetHashID(context.Background()); err != nil {
		log.Fatal(err)
	}
	if _, err := screen.GetHashID(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(server.Calls("login")), server.Calls("getHashId")[1].Header.Get("Accept-Language"))
	// Output: 1 ja
}

// transport is an http.RoundTripper made of a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A layer around the SDK's own transport sees each request, and may add to a copy
// of it.
func ExampleWithTransport() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithTransport(func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Header.Set("X-Line", "7")
			return next.RoundTrip(r)
		})
	}))

	if _, err := client.GetHashID(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(server.Calls("getHashId")[0].Header.Get("X-Line"))
	// Output: 7
}

// A tracer names what it sees by the operation, and not by a path with ids in it.
func ExampleOperationFromContext() {
	server := hacarustest.NewServer()
	defer server.Close()
	server.AddModel(hacarus.Model{ModelID: "m1"})
	client := server.Client(hacarus.WithTransport(func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) {
			operation, route, _ := hacarus.OperationFromContext(r.Context())
			fmt.Println(operation, r.Method, route)
			return next.RoundTrip(r)
		})
	}))

	if _, err := client.GetModel(context.Background(), "m1"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// login POST /api/auth/token
	// getModelById GET /api/v1/models/{model_id}
}

// A service on a slow computer may work on an upload for longer than a minute.
func ExampleWithStallTimeout() {
	client, err := hacarus.New("https://check.example",
		hacarus.WithCredentials("line7", "the secret of line 7"),
		hacarus.WithStallTimeout(5*time.Minute),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	_, err = hacarus.New("https://check.example",
		hacarus.WithCredentials("line7", "the secret of line 7"),
		hacarus.WithStallTimeout(5*time.Millisecond),
	)
	fmt.Println(err)
	// Output: hacarus: WithStallTimeout: invalid argument: 5ms is less than 1 s
}

// A service on your premises, behind a proxy, may name its images by its inner
// address. Without the option they are fetched without the token.
func ExampleWithImageOrigins() {
	server := hacarustest.NewServer()
	defer server.Close()
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "an image")
	}))
	defer inner.Close()
	image := hacarus.ImageMeta{URL: inner.URL + "/images/plate-0001.png"}

	_, err := server.Client().GetImage(context.Background(), image)
	fmt.Println(errors.Is(err, hacarus.ErrUnauthorized))

	d, err := server.Client(hacarus.WithImageOrigins(inner.URL)).GetImage(context.Background(), image)
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	content, err := io.ReadAll(d)
	fmt.Println(string(content), err)
	// Output:
	// true
	// an image <nil>
}

// What may pass is tried again later; what does not is put aside with its reason.
func ExampleIsTemporary() {
	server := hacarustest.NewServer()
	defer server.Close()
	client := server.Client(hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))

	server.Inject("getItemById", hacarustest.HTML(http.StatusForbidden)) // a gateway that is just being replaced
	for range 2 {
		_, err := client.GetItem(context.Background(), "plate-0001", nil)
		fmt.Println(hacarus.IsTemporary(err), err)
	}
	// Output:
	// true hacarus: GetItem (getItemById): 403: Forbidden
	// false hacarus: GetItem (getItemById): 404: No match for item_id!
}

// Code that takes a download can be tested without a service.
func ExampleNewDownload() {
	countLines := func(d *hacarus.Download) (int, error) {
		defer d.Close()
		text, err := io.ReadAll(d)
		return strings.Count(string(text), "\n"), err
	}

	fmt.Println(countLines(hacarus.NewDownload(io.NopCloser(strings.NewReader("one\ntwo\n")), 8)))
	_, err := countLines(hacarus.NewDownload(io.NopCloser(strings.NewReader("one\n")), 8)) // broken off
	fmt.Println(errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// 2 <nil>
	// true
}
