package hacarus

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCall(t *testing.T) {
	t.Parallel()
	type status struct {
		NodeID string `json:"node_id"`
	}
	const enveloped, bare = `{"data": {"node_id":"line-7"} }`, `{"node_id":"line-7"}`
	var raw json.RawMessage
	for name, test := range map[string]struct {
		response     string
		result, want any
	}{
		"data":         {enveloped, &status{}, &status{"line-7"}},
		"all of it":    {bare, &status{}, &status{"line-7"}},
		"a list":       {`[{"node_id":"line-7"}]`, &[]status{}, &[]status{{"line-7"}}},
		"as it came":   {enveloped, &json.RawMessage{}, rawMessage(`{"node_id":"line-7"}`)},
		"all as it is": {bare, &raw, rawMessage(bare)},
		"nothing":      {``, nil, nil},
		"not wanted":   {`{"data":1}`, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var request *http.Request
			var body []byte
			c := overMemory(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
				request = r
				body, _ = io.ReadAll(r.Body)
				_, _ = io.WriteString(w, test.response)
			}})
			require.NoError(t, c.Call(t.Context(), Call{
				Operation: "setNode", Method: http.MethodPut, Path: "/api/v1/utils/nodes/a%3Fb%20c", Query: url.Values{"all": {"1", "2"}},
				Body: map[string]int{"free": 1},
			}, test.result))
			require.Equal(t, test.want, test.result)
			require.Equal(t, "/api/v1/utils/nodes/a%3Fb%20c?all=1&all=2", request.URL.RequestURI())
			require.Equal(t, "Bearer "+testToken, request.Header.Get("Authorization"))
			require.JSONEq(t, `{"free":1}`, string(body))
		})
	}
}

func rawMessage(text string) *json.RawMessage {
	raw := json.RawMessage(text)
	return &raw
}

// What comes of a call hangs on whether it may be repeated, and on nothing else.
func TestCallClasses(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		for _, idempotent := range []bool{false, true} {
			for _, body := range []any{nil, 1} {
				api := &fakeService{next: func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					panic(http.ErrAbortHandler)
				}}
				var seen observed
				c := overTCP(t, api, WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }))
				err := c.Call(t.Context(), Call{Operation: "restart", Method: method, Path: "/api/v1/restart/7", Body: body, Idempotent: idempotent}, nil)
				require.ErrorIs(t, err, ErrOutcomeUnknown)
				require.ErrorContains(t, err, "hacarus: Call (restart): ")
				want := 1
				if idempotent {
					want = defaultMaxAttempts
				}
				attempts := seen.of("restart")
				require.Len(t, attempts, want)
				require.Equal(t, "/api/v1/restart/7", attempts[0].Route)
				if !idempotent {
					require.Equal(t, 1, api.count(), "net/http sends nothing again by itself")
				}
			}
		}
	}
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	var nothing *int
	neverSent(t, map[string]func(context.Context, *Client) error{
		"no method": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Path: "/x"}, nil) },
		"other method": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "CONNECT", Path: "/x"}, nil)
		},
		"lower case": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "get", Path: "/x"}, nil) },
		"no path":    func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "GET"}, nil) },
		"no JSON": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "PUT", Path: "/x", Body: func() {}}, nil)
		},
		"no pointer": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "GET", Path: "/x"}, 7) },
		"nil pointer": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/x"}, nothing)
		},
		"no context": func(_ context.Context, c *Client) error { return c.Call(nil, Call{Method: "GET", Path: "/x"}, nil) }, //nolint:staticcheck // on purpose
		"other host": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "//evil/x"}, nil)
		},
		"absolute": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "https://evil/x"}, nil)
		},
		"relative": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "GET", Path: "x"}, nil) },
		"query": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/x?a=1"}, nil)
		},
		"fragment": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "GET", Path: "/x#a"}, nil) },
		"dots": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/a/../x"}, nil)
		},
		"escaped dots": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/a/%2e%2e/x"}, nil)
		},
		"empty segment": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/a//x"}, nil)
		},
		"bad escape": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/a%zz"}, nil)
		},
		"control": func(ctx context.Context, c *Client) error { return c.Call(ctx, Call{Method: "GET", Path: "/a\n"}, nil) },
		"escaped line": func(ctx context.Context, c *Client) error {
			return c.Call(ctx, Call{Method: "GET", Path: "/a%0a"}, nil)
		},
	})
	for name, response := range map[string]string{"another type": `{"data":{"a":1}}`, "nothing": ``, "no JSON": `{`, "a page": `<html>`} {
		err := overMemory(t, &fakeService{next: ok(response)}).Call(t.Context(), Call{Method: "GET", Path: "/x"}, new(int))
		require.ErrorIs(t, err, ErrDecode, name)
		require.NotErrorIs(t, err, ErrOutcomeUnknown, name)
	}
	err := overMemory(t, &fakeService{next: ok(" \n<html>")}).Call(t.Context(), Call{Method: "GET", Path: "/x"}, nil)
	require.ErrorIs(t, err, ErrDecode)
	require.ErrorContains(t, err, "hacarus: Call: unreadable response: a web page, not the API: check the base URL")
	err = overMemory(t, &fakeService{next: status(404, `{"errors":{"title":"no such node"}}`)}).Call(t.Context(), Call{Operation: "getNode", Method: "GET", Path: "/x"}, nil)
	require.ErrorIs(t, err, ErrNotFound)
	require.EqualError(t, err, "hacarus: Call (getNode): 404: no such node")
}

func FuzzCallPath(f *testing.F) {
	for _, seed := range []string{"/api/v1/utils/status", "/a%2Fb/", "//h/x", "/..", "/%2e", "/a?b", "/a#b", "/検査", "/", "/a:b"} {
		f.Add(seed)
	}
	origin, err := url.Parse("https://h/prefix")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, path string) {
		r, err := Call{Method: http.MethodGet, Path: path}.request(origin)
		if err != nil {
			return
		}
		sent, err := url.Parse(r.target.String())
		require.NoError(t, err)
		require.Equal(t, "h", sent.Host)
		require.True(t, strings.HasPrefix(sent.Path, "/prefix/"), sent.Path)
		require.Empty(t, sent.RawQuery+sent.Fragment)
	})
}
