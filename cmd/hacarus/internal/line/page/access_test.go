package page

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// get asks a page for a path.
func get(t *testing.T, page http.Handler, path string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	r.Host = "192.0.2.7:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w
}

func withCookie(value string) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: tokenCookie(r), Value: value}) }
}

func withHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestAccess(t *testing.T) {
	t.Parallel()
	open, closed, public := Options{}, Options{Token: testToken}, Options{Token: testToken, Public: true}
	for name, c := range map[string]struct {
		opts   Options
		change func(*http.Request)
		looks  bool
		judges bool
	}{
		"no token is asked for":            {open, nil, true, false},
		"no token opens what has none":     {open, withCookie(""), true, false},
		"without the token":                {closed, nil, false, false},
		"with the cookie":                  {closed, withCookie(testToken), true, true},
		"with another cookie":              {closed, withCookie(testToken + "x"), false, false},
		"with an empty cookie":             {closed, withCookie(""), false, false},
		"with the header":                  {closed, withHeader("Authorization", "Bearer "+testToken), true, true},
		"with another header":              {closed, withHeader("Authorization", "Basic "+testToken), false, false},
		"looking is free":                  {public, nil, true, false},
		"looking is free, with the cookie": {public, withCookie(testToken), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := New(newFeed(), c.opts)
			for _, path := range []string{"/", "/images/none"} {
				code := get(t, page, path, c.change).Code
				require.Equal(t, c.looks, code != http.StatusForbidden, "%s: %d", path, code)
			}
			head := func(r *http.Request) {
				r.Method = http.MethodHead
				if c.change != nil {
					c.change(r)
				}
			}
			require.Equal(t, c.looks, get(t, page, "/events", head).Code == http.StatusNoContent)
			code := post(t, page, `{}`, c.change).Code
			require.Equal(t, c.judges, code != http.StatusForbidden, code)
		})
	}
}

// The token stays in the browser and not in the address.
func TestTokenBecomesCookie(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{Token: testToken})
	w := get(t, page, "/?station=CAM+1&token="+testToken, nil)
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "./?station=CAM+1", w.Header().Get("Location"), "wherever the page is mounted")
	require.NotContains(t, w.Body.String(), testToken)
	cookie := w.Result().Cookies()[0]
	require.Equal(t, testToken, cookie.Value)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(t, http.StatusOK, get(t, page, "/?station=CAM+1", func(r *http.Request) { r.AddCookie(cookie) }).Code)
	require.NotContains(t, get(t, page, "/", withCookie(testToken)).Body.String(), testToken)

	another := get(t, page, "/", func(r *http.Request) {
		r.Host = "192.0.2.7:8081"
		r.AddCookie(cookie)
	})
	require.Equal(t, http.StatusForbidden, another.Code, "another line's page on the same computer has a token of its own")

	w = get(t, page, "/?token=wrong", nil)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Empty(t, w.Result().Cookies())
	require.Contains(t, w.Body.String(), "token=…", "it tells what to do")
	require.Equal(t, http.StatusOK, get(t, New(newFeed(), Options{}), "/?token=x", nil).Code, "there is none to be wrong")
}

// A page elsewhere whose name was made to lead here is refused.
func TestHosts(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{Hosts: []string{"Line3.plant.example"}})
	for host, want := range map[string]int{
		"192.0.2.7": http.StatusOK, "192.0.2.7:8080": http.StatusOK, "[::1]:8080": http.StatusOK, "[::1]": http.StatusOK,
		"localhost:8080": http.StatusOK, "line3.plant.example": http.StatusOK, "LINE3.plant.example.:80": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "evil.example:8080": http.StatusMisdirectedRequest, "": http.StatusMisdirectedRequest,
		"localhost.evil.example": http.StatusMisdirectedRequest, "192.0.2.7.evil.example": http.StatusMisdirectedRequest,
	} {
		require.Equal(t, want, get(t, page, "/", func(r *http.Request) { r.Host = host }).Code, host)
	}
}

func TestOtherSitesDoNotJudge(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{Token: testToken})
	for name, header := range map[string][2]string{
		"told by the browser": {"Sec-Fetch-Site", "cross-site"}, "of an older browser": {"Origin", "https://evil.example"},
	} {
		w := post(t, page, `{}`, func(r *http.Request) {
			withCookie(testToken)(r)
			r.Header.Set(header[0], header[1])
		})
		require.Equal(t, http.StatusForbidden, w.Code, name)
	}
}

// Everything comes from the page itself, and nothing stands in the document that
// could be run.
func TestPolicy(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{Title: `</script><script>alert("line")</script>`})
	w := get(t, page, "/", nil)
	policy := w.Header().Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, policy, "http")
	require.NotContains(t, w.Body.String(), `<script>`)
	require.NotContains(t, w.Body.String(), ` style=`)
	require.NotRegexp(t, `\son[a-z]+=`, w.Body.String())
	require.NotRegexp(t, `(src|href)="(https?:)?//`, w.Body.String())
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{})
	chosen := func(value string) func(*http.Request) {
		return func(r *http.Request) {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: value})
			r.Header.Set("Accept-Language", "en")
		}
	}
	for name, c := range map[string]struct {
		path   string
		change func(*http.Request)
		want   string
	}{
		"nothing is wished":       {"/", nil, "en"},
		"the browser's":           {"/", withHeader("Accept-Language", "de-DE,de;q=0.9,ja;q=0.8,en;q=0.7"), "ja"},
		"of nobody":               {"/", withHeader("Accept-Language", "de"), "en"},
		"chosen earlier":          {"/", chosen("ja"), "ja"},
		"chosen now":              {"/?lang=en", chosen("ja"), "en"},
		"chosen now, of nobody's": {"/?lang=xx", chosen("ja"), "ja"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := get(t, page, c.path, c.change).Body.String()
			require.Contains(t, body, `<html lang="`+c.want+`">`)
			require.Contains(t, body, map[string]string{"en": "Recent images", "ja": "最近の画像"}[c.want])
		})
	}
	cookies := get(t, page, "/?lang=ja", nil).Result().Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "ja", cookies[0].Value, "it is remembered")
}

func TestStatic(t *testing.T) {
	t.Parallel()
	page := New(newFeed(), Options{Token: testToken})
	for path, want := range map[string]int{
		"/static/" + assetsVersion + "/main.js":    http.StatusOK,
		"/static/" + assetsVersion + "/page.css":   http.StatusOK,
		"/static/older/main.js":                    http.StatusOK,
		"/static/" + assetsVersion + "/none.js":    http.StatusNotFound,
		"/static/" + assetsVersion + "/index.html": http.StatusNotFound,
		"/static/" + assetsVersion + "/..%2fx":     http.StatusNotFound,
		"/none":                                    http.StatusNotFound,
	} {
		require.Equal(t, want, get(t, page, path, nil).Code, path)
	}
	w := get(t, page, "/static/"+assetsVersion+"/main.js", nil)
	require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Header().Get("Cache-Control"), "immutable")
	require.Equal(t, "no-store", get(t, page, "/static/older/main.js", nil).Header().Get("Cache-Control"), "it is not that version")
}

// The page works below any path.
func TestMounted(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/line/", http.StripPrefix("/line", New(newFeed(), Options{Token: testToken})))
	w := get(t, mux, "/line/?token="+testToken, nil)
	require.Equal(t, "./", w.Header().Get("Location"))
	w = get(t, mux, "/line/", withCookie(testToken))
	require.Equal(t, http.StatusOK, w.Code)
	require.NotRegexp(t, `(src|href)="/`, w.Body.String())
}
