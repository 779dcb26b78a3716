package line

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// mount mounts what each role has.
func (l *process) mount() {
	l.mux.HandleFunc("GET /healthz", l.health)
	l.mux.Handle("GET /metrics", l.metrics.handler())
	l.mux.Handle("GET /v1/verdicts", l.owners(l.serveVerdicts))
	l.mux.Handle("GET /v1/stations", l.owners(l.serveStations))
	l.mux.Handle("GET /v1/positions/{name}", l.owners(l.servePosition))
	l.mux.Handle("PUT /v1/positions/{name}", l.owners(l.notePosition))
}

// owners is for those who may read the line's folder: they have its token.
func (l *process) owners(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !localpage.IsToken(r.Header.Get("Authorization"), "Bearer "+l.token) {
			http.Error(w, "the token is not the line's", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// health says whether the roles can do their work.
func (l *process) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	state := map[string]string{"queue": "ok"}
	status := http.StatusOK
	if !l.queue.IsThere(ctx) {
		state["queue"] = "away"
		if !l.roles.intake { // which goes on without
			status = http.StatusServiceUnavailable
		}
	}
	if l.spool != nil {
		state["intake"] = "ok"
		if err := l.spool.Room(0); err != nil {
			state["intake"], status = err.Error(), http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(state)
}

// serveVerdicts serves verdicts as JSON lines.
func (l *process) serveVerdicts(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if since := r.URL.Query().Get("since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err == nil {
			after, err = verdicts.Before(r.Context(), l.queue, at)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	read := verdicts.All
	if r.URL.Query().Has("once") {
		read = verdicts.There
	}
	w.Header().Set("Content-Type", "application/jsonl")
	w.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(w)
	_ = flusher.Flush()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(l.work, cancel)()
	for line, err := range read(ctx, l.queue, after) {
		if err != nil {
			return
		}
		raw, err := output.Marshal(line)
		if err != nil {
			return
		}
		if _, err := w.Write(append(raw, '\n')); err != nil {
			return
		}
		if err := flusher.Flush(); err != nil {
			return
		}
	}
}

func (l *process) serveStations(w http.ResponseWriter, r *http.Request) {
	stations, err := statusOf(r.Context(), l.feed)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(stations)
}

func (l *process) servePosition(w http.ResponseWriter, r *http.Request) {
	seq, err := l.queue.Position(r.Context(), readerName(r.PathValue("name")))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(seq)
}

func (l *process) notePosition(w http.ResponseWriter, r *http.Request) {
	var seq uint64
	if err := json.NewDecoder(r.Body).Decode(&seq); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := l.queue.SetPosition(r.Context(), readerName(r.PathValue("name")), seq); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// readerName keeps the names of consumers apart from those of the roles.
func readerName(name string) string { return "consumer " + name }

// address is where a running line is, for those who may read its folder.
type address struct {
	URL         string `json:"url"`
	Token       string `json:"token"`
	Certificate string `json:"certificate,omitempty"` // the path of its file
}

// addressFile is where it stands.
func addressFile(data string) string { return filepath.Join(data, "line.json") }

// listen serves until shut is called.
func (l *process) listen(ctx context.Context) (url string, shut func(), err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.cmd.String("addr"))
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: l.mux, ReadHeaderTimeout: 10 * time.Second}
	cert, key := l.cmd.String("tls-cert"), l.cmd.String("tls-key")
	scheme := "http"
	serve := func() error { return server.Serve(listener) }
	if cert != "" || key != "" {
		scheme = "https"
		serve = func() error { return server.ServeTLS(listener, cert, key) }
	}
	url = scheme + "://" + reachable(listener.Addr().String())
	if l.ownsFolder() {
		raw, _ := json.Marshal(address{url, l.token, cert})
		if err := os.WriteFile(addressFile(l.data), raw, 0o600); err != nil {
			return "", nil, errors.Join(err, listener.Close())
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	}()
	if err := l.announce(url); err != nil {
		return "", nil, errors.Join(err, server.Close())
	}
	return url, sync.OnceFunc(func() {
		if l.ownsFolder() {
			_ = os.Remove(addressFile(l.data))
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 300*time.Millisecond)
		defer cancel()
		if server.Shutdown(closing) != nil { // a page's stream never ends by itself
			_ = server.Close()
		}
		<-done
	}), nil
}

// reachable is an address at which this computer reaches itself.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip, parsed := netip.ParseAddr(host); err == nil && parsed == nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// announce tells where the process is: a line with nothing but the page's URL, or
// JSON.
func (l *process) announce(url string) error {
	shown := url
	if l.roles.page {
		shown = strings.TrimSuffix(url, "/") + "/?token=" + l.token
	}
	if l.p.Out.Format() == output.Table {
		return l.p.Out.Text(shown)
	}
	return l.p.Out.Value(map[string]string{"url": shown, "base_url": url},
		[]output.Column{{Name: "url"}, {Name: "base_url"}}, output.Text(shown), output.Text(url))
}
