package hacarus

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestNewBaseURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, want string }{
		{"https://sdd-api.hacarus.com", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/api", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://sdd-api.hacarus.com/api/", "https://sdd-api.hacarus.com/api/v1/models/m1"},
		{"https://SDD-API.hacarus.com:8443", "https://sdd-api.hacarus.com:8443/api/v1/models/m1"},
		{"https://gw.example/check", "https://gw.example/check/api/v1/models/m1"},
		{"https://gw.example/check/api/", "https://gw.example/check/api/v1/models/m1"},
		{"http://localhost:8080", "http://localhost:8080/api/v1/models/m1"},
		{"http://127.0.0.1", "http://127.0.0.1/api/v1/models/m1"},
		{"http://[::1]:8080", "http://[::1]:8080/api/v1/models/m1"},
	} {
		t.Run(test.base, func(t *testing.T) {
			t.Parallel()
			var got string
			api := &fakeService{next: func(w http.ResponseWriter, r *http.Request) { ok(modelBody)(w, r) }}
			record := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				got = r.URL.String()
				r.URL.Path = r.URL.Path[len(r.URL.Path)-len("/api/v1/models/m1"):]
				return testkit.InMemory(api)(r)
			})
			c, err := New(test.base, WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})),
				WithHTTPClient(&http.Client{Transport: record}))
			require.NoError(t, err)
			defer c.Close()
			_, err = c.GetModel(t.Context(), "m1")
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestNewRefusesBaseURLs(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", " ", "sdd-api.hacarus.com", "//sdd-api.hacarus.com", "https://", "https:///x", "https:sdd-api.hacarus.com",
		"ftp://sdd-api.hacarus.com", "HTTPS//x", "https://:443", "https://h:0", "https://h:99999", "https://h:port", "https://h:",
		"https://user:hunter2secret@h", "https://user@h", "https://h?x=1", "https://h?", "https://h#top", "https://h#",
		"http://sdd-api.hacarus.com", "http://10.0.0.1", "https://h/a/../b", "https://h/a//b", "https://h/%2e%2e/x", "https://h/a%2fb",
		"https://h\x00/", "https://h\xff/", "https://[::1%25\x84]",
	} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			_, err := New(base, WithCredentials(testID, testSecret))
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "hunter2secret")
		})
	}
}

// FuzzBaseURL holds that a base URL is refused without being repeated, or that
// requests go to its host, under its path, however it is written.
func FuzzBaseURL(f *testing.F) {
	for _, seed := range []string{
		"https://sdd-api.hacarus.com/api/", "https://gw.example/check", "http://[::1]:8080", "http://127.0.0.1", "https://u:hunter2secret@h",
		"https://h/a/../b", "https://h/%2e%2e", "https:///x", "https://H:443//", "https://h/api/api", " https://h ", "https://h/検査", "http://localhost.",
		"https://h/a b", "https://[fe80::1%25en0]/", "https://h:0443",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, base string, insecure bool) {
		origin, err := parseBaseURL("New", base, insecure)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.NotContains(t, err.Error(), "hunter2secret")
			return
		}
		require.True(t, origin.User == nil && origin.RawQuery == "" && origin.Fragment == "" && origin.Hostname() != "")
		require.True(t, origin.Scheme == "https" || origin.Scheme == "http" && (insecure || isLoopback(origin.Hostname())))
		for _, suffix := range []string{"", "/", "/api", "/api/"} {
			if strings.HasSuffix(origin.Path, "/api") && !strings.HasPrefix(suffix, "/api") {
				continue // of two, the last one is the API's
			}
			again, err := parseBaseURL("New", origin.String()+suffix, insecure)
			require.NoError(t, err)
			require.Equal(t, origin, again)
		}
		u, err := (&request{op: opGetModel, params: []string{"m1"}}).url(origin)
		require.NoError(t, err)
		sent, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
		require.NoError(t, err)
		require.Equal(t, origin.Host, sent.URL.Host)
		require.Equal(t, origin.Path+"/api/v1/models/m1", sent.URL.Path)
		require.Equal(t, sent.URL.Path, path.Clean(sent.URL.Path))
		r := parsedByServer(t, opGetModel, &u)
		require.Equal(t, sent.URL.Path, r.URL.Path)
		require.Equal(t, origin.Host, r.Host)
	})
}
