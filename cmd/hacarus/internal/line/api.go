package line

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/queue"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/localpage"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
)

// mount mounts what each role has: how it is, and for those who may read the line's
// folder what "hacarus line tail" and "status" print.
func (l *process) mount() {
	l.mux.HandleFunc("GET /healthz", l.health)
	l.mux.Handle("GET /metrics", l.metrics.handler())
	l.mux.Handle("GET /v1/verdicts", l.owners(l.serveVerdicts))
	l.mux.Handle("GET /v1/stations", l.owners(l.serveStations))
	l.mux.Handle("GET /v1/positions/{name}", l.owners(l.servePosition))
	l.mux.Handle("PUT /v1/positions/{name}", l.owners(l.movePosition))
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

// serveVerdicts serves verdicts as JSON lines. A response that cannot go on breaks
// off: its end would say that there is nothing more.
func (l *process) serveVerdicts(w http.ResponseWriter, r *http.Request) {
	after, err := l.startOf(r.Context(), r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
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
		var raw []byte
		if err == nil {
			raw, err = output.Marshal(line)
		}
		if err == nil {
			_, err = w.Write(append(raw, '\n'))
		}
		if err == nil {
			err = flusher.Flush()
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// startOf returns the position after which verdicts are asked for.
func (l *process) startOf(ctx context.Context, query url.Values) (uint64, error) {
	if since := query.Get("since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return 0, err
		}
		return verdicts.Before(ctx, l.queue, at)
	}
	return positionIn(query, "after")
}

// positionIn reads a position; one that is missing is 0.
func positionIn(query url.Values, name string) (uint64, error) {
	if !query.Has(name) {
		return 0, nil
	}
	return strconv.ParseUint(query.Get(name), 10, 64)
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

// movePosition notes how far a reader has come from the position ?from=.
func (l *process) movePosition(w http.ResponseWriter, r *http.Request) {
	from, err := positionIn(r.URL.Query(), "from")
	var to uint64
	if err == nil {
		err = json.NewDecoder(r.Body).Decode(&to)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	err = l.queue.MovePosition(r.Context(), readerName(r.PathValue("name")), from, to)
	switch {
	case errors.Is(err, queue.ErrTakenOver):
		http.Error(w, err.Error(), http.StatusConflict)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// readerName keeps the names of consumers apart from those of the roles.
func readerName(name string) string { return "consumer " + name }
