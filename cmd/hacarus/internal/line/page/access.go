package page

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
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

// namesOf are the names that requests may call this computer by. A page of
// somebody else whose name was made to lead here has another one.
func namesOf(hosts []string) map[string]bool {
	names := map[string]bool{"localhost": true}
	if own, err := os.Hostname(); err == nil {
		names[strings.ToLower(own)] = true
		names[strings.ToLower(own)+".local"] = true
	}
	for _, host := range hosts {
		names[strings.ToLower(host)] = true
	}
	return names
}

// guarded refuses what does not come from the page itself, and says what the page
// may do.
func (page *Page) guarded(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		localpage.Restrict(w.Header(), "; require-trusted-types-for 'script'; trusted-types 'none'")
		if !page.knows(r.Host) {
			http.Error(w, "this page does not go by that name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows says whether the page goes by a name, with a port or without.
func (page *Page) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	_, err := netip.ParseAddr(host)
	return err == nil || page.names[host]
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
func (page *Page) opens(token string) bool {
	return page.opts.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(page.opts.Token)) == 1
}

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
