package localpage

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// A page goes by addresses and its own names only, whatever leads there.
func TestHosts(t *testing.T) {
	t.Parallel()
	each, own := HostsOf("", "Wall.example"), HostsOf("8080", "wall.example")
	for host, want := range map[string][2]bool{
		"127.0.0.1:8080":            {true, true},
		"192.0.2.7:8080":            {true, true},
		"[::1]:8080":                {true, true},
		"LocalHost:8080":            {true, true},
		"localhost.:8080":           {true, true},
		"WALL.example:8080":         {true, true},
		"wall.example:8081":         {true, false},
		"wall.example":              {true, false},
		"[::1]":                     {true, false},
		"127.0.0.1:80":              {true, false},
		"evil.example:8080":         {},
		"127.0.0.1.evil.example":    {},
		"localhost.evil.example":    {},
		"wall.example.evil.example": {},
		"":                          {},
		":8080":                     {},
	} {
		require.Equal(t, want, [2]bool{each.Has(host), own.Has(host)}, host)
	}
	require.True(t, HostsOf("80").Has("[::1]"), "browsers leave that port out")
	for _, name := range OwnNames() {
		require.True(t, HostsOf("", OwnNames()...).Has(name))
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	page := Guard(HostsOf(""), "; more", "not here", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for want, change := range map[int]func(*http.Request){
		http.StatusOK:                 func(r *http.Request) { r.Host = "localhost" },
		http.StatusMisdirectedRequest: func(r *http.Request) { r.Host = "evil.example" },
		http.StatusForbidden:          func(r *http.Request) { r.Host = "localhost"; r.Header.Set("Origin", "http://evil.example") },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		change(r)
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		require.Equal(t, want, w.Code)
		require.Equal(t, Policy+"; more", w.Header().Get("Content-Security-Policy"))
	}
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	require.True(t, IsToken("a", "a"))
	for _, c := range [][2]string{{"", ""}, {"", "a"}, {"a", ""}, {"a", "ab"}, {"ab", "a"}} {
		require.False(t, IsToken(c[0], c[1]), c)
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:0": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, ":1": false, "wall:1": false, "127.0.0.1": false,
	} {
		require.Equal(t, want, IsLoopback(addr), addr)
	}
}
