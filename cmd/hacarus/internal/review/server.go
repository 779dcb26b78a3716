package review

import (
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
)

//go:embed page
var pages embed.FS

// server is the page of a review.
type server struct {
	p      *program.Program
	book   *book
	addr   *net.TCPAddr
	token  string
	pages  fs.FS
	index  *template.Template
	thumbs chan struct{} // has room for those that are made at a time

	sending context.Context //nolint:containedctx // of boxes, which outlives the request that drew them
	senders sync.WaitGroup
}

func newServer(p *program.Program, b *book, addr net.Addr) *server {
	sub, err := fs.Sub(pages, "page")
	if err != nil {
		panic(err) // it is in the program
	}
	return &server{
		p: p, book: b, addr: addr.(*net.TCPAddr), token: rand.Text(), pages: sub,
		index:  template.Must(template.ParseFS(sub, "index.html")),
		thumbs: make(chan struct{}, 2), sending: context.Background(),
	}
}

// url is where the page is, with what lets its reader in.
func (s *server) url() string {
	host := s.addr.IP.String()
	if s.addr.IP.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.addr.Port)) + "/?token=" + s.token
}

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getIndex)
	for _, name := range []string{"page.css", "page.js", "picture.js", "icon.svg"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, s.pages, name) })
	}
	mux.HandleFunc("GET /api/texts", s.getTexts)
	mux.HandleFunc("GET /api/images", s.getImages)
	mux.HandleFunc("GET /api/picture", s.getPicture)
	mux.HandleFunc("GET /api/thumbnail", s.getThumbnail)
	mux.HandleFunc("POST /api/judge", s.postJudge)
	mux.HandleFunc("POST /api/undo", s.postUndo)
	mux.HandleFunc("POST /api/send", s.postSend)
	return localpage.Guard(s.hosts(), "", s.p.Text("This is not the address of the page."), s.letIn(mux))
}

// letIn lets those in who know the token: from the URL at first, and then from a
// cookie.
func (s *server) letIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch cookie, err := r.Cookie(s.cookieName()); {
		case err == nil && localpage.IsToken(cookie.Value, s.token):
		case r.URL.Path == "/" && localpage.IsToken(r.URL.Query().Get("token"), s.token):
			//nolint:gosec // the page has no TLS, so the cookie cannot be for TLS only
			http.SetCookie(w, &http.Cookie{Name: s.cookieName(), Value: s.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		default:
			http.Error(w, s.p.Text("The page opens at the URL that hacarus review has printed."), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// cookieName differs by port, which cookies do not: two reviews do not lock each
// other out.
func (s *server) cookieName() string { return "hacarus-review-" + strconv.Itoa(s.addr.Port) }

// hosts are what the page may be called by.
func (s *server) hosts() localpage.Hosts {
	var names []string
	if !s.addr.IP.IsLoopback() {
		names = localpage.OwnNames()
	}
	return localpage.HostsOf(strconv.Itoa(s.addr.Port), names...)
}

func (s *server) getIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = s.index.Execute(w, map[string]string{"Language": s.p.Language()}) // whoever asked has gone
}
