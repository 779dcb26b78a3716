package hacarustest_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestWithAddr(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddress()
	s := start(t, hacarustest.WithAddr(addr))
	require.Equal(t, "http://"+addr, s.URL)
	_, err := s.Client().GetHashID(t.Context())
	require.NoError(t, err)
	require.Panics(t, func() { hacarustest.NewServer(hacarustest.WithAddr(addr)) }, "the address is taken")

	for _, everywhere := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		s := start(t, hacarustest.WithAddr(everywhere))
		u, err := url.Parse(s.URL)
		require.NoError(t, err)
		require.True(t, net.ParseIP(u.Hostname()).IsLoopback(), "%s is %s", everywhere, s.URL)
		_, err = s.Client().GetHashID(t.Context())
		require.NoError(t, err, everywhere)
	}
}

// In a bubble there is no port, but the address is that of the URL.
func TestWithAddrInABubble(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddress()
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hacarustest.WithAddr(addr))
		require.Equal(t, "http://"+addr, s.URL)
		_, err := s.Client().GetHashID(t.Context())
		require.NoError(t, err)
	})
}

func TestWithClient(t *testing.T) {
	t.Parallel()
	s := start(t, hacarustest.WithClient("line-7", "a secret"))
	require.Equal(t, "line-7", s.ClientID)
	require.Equal(t, "a secret", s.ClientSecret)
	c, err := hacarus.New(s.URL, hacarus.WithCredentials("line-7", "a secret"))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.GetHashID(t.Context())
	require.NoError(t, err)
	_, err = s.Client(hacarus.WithCredentials("hacarustest", "a secret")).GetHashID(t.Context())
	require.ErrorIs(t, err, hacarus.ErrUnauthorized)

	s = start(t, hacarustest.WithClient("", ""))
	require.Equal(t, "hacarustest", s.ClientID)
	require.NotEmpty(t, s.ClientSecret)
}

// Under whatever name the server is reached, an image is fetched from there,
// and so with the token.
func TestImagesAreWhereTheServerIsReached(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.AddModel(hacarus.Model{ModelID: "m"})
	s.AddItem(hacarus.Item{ItemID: "a", Images: []hacarus.ImageMeta{{URL: "https://elsewhere.example/b.png"}}}, plate(180))
	inner, err := url.Parse(s.URL)
	require.NoError(t, err)
	fronts := map[string]http.Handler{
		"another server":       s.Handler(),
		"a proxy":              httputil.NewSingleHostReverseProxy(inner),
		"a proxy that renames": &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(inner); r.SetXForwarded() }},
	}
	for name, handler := range fronts {
		for _, listen := range []func(http.Handler) *httptest.Server{httptest.NewServer, httptest.NewTLSServer} {
			front := listen(handler)
			t.Cleanup(front.Close)
			if front.TLS != nil && name == "a proxy" {
				continue // it does not tell what it listens for
			}
			c, err := hacarus.New(front.URL, hacarus.WithCredentials(s.ClientID, s.ClientSecret), hacarus.WithHTTPClient(front.Client()))
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			item, err := c.GetItem(t.Context(), "a", nil)
			require.NoError(t, err)
			require.Len(t, item.Images, 2)
			require.Equal(t, "https://elsewhere.example/b.png", item.Images[1].URL)
			image, err := c.GetImage(t.Context(), item.Images[0])
			require.NoError(t, err, "%s: %s", name, item.Images[0].URL)
			require.NoError(t, image.Close())
		}
	}
}
