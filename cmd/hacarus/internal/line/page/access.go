package page

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
)

// tokenCookie is the name of the cookie that keeps the token. It has the port, which
// browsers do not tell cookies apart by: two lines may run on one computer.
func tokenCookie(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "hacarus_line_" + port
}

// guarded refuses what does not come from the page itself, and says what the page
// may do.
func (page *Page) guarded(next http.Handler) http.Handler {
	hosts := localpage.HostsOf("", append(localpage.OwnNames(), page.opts.Hosts...)...)
	return localpage.Guard(hosts, "; require-trusted-types-for 'script'; trusted-types 'none'", "this page does not go by that name", next)
}

// looking is for what shows something of the line.
func (page *Page) looking(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.URL.Query().Get("token"); token != "" && page.opens(token) {
			page.letIn(w, r, token)
			return
		}
		if page.opts.Token != "" && !page.opts.Public && !page.mayJudge(r) {
			page.refuse(w, r)
			return
		}
		next(w, r)
	})
}

// judgingOnly is for what changes something.
func (page *Page) judgingOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !page.mayJudge(r) {
			http.Error(w, "judging needs the page's token", http.StatusForbidden)
			return
		}
		next(w, r)
	})
}

// mayJudge says whether a request comes with the token.
func (page *Page) mayJudge(r *http.Request) bool {
	if cookie, err := r.Cookie(tokenCookie(r)); err == nil && page.opens(cookie.Value) {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && page.opens(token)
}

// opens says whether a token is the page's.
func (page *Page) opens(token string) bool { return localpage.IsToken(token, page.opts.Token) }

// letIn gives the browser the token to keep, and takes it out of the address, which
// others see. The cookie is for this page's path alone, and follows a link from
// elsewhere: what changes something does not rest on it alone.
func (page *Page) letIn(w http.ResponseWriter, r *http.Request, token string) {
	//nolint:gosec // on http there is no cookie for https only
	http.SetCookie(w, &http.Cookie{
		Name: tokenCookie(r), Value: token, MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
	query := r.URL.Query()
	query.Del("token")
	address := url.URL{Path: "./", RawQuery: query.Encode()}
	w.Header().Set("Location", address.String()) // relative to wherever the page is mounted
	w.WriteHeader(http.StatusSeeOther)
}
