package hacarustest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// operation is one row of the API: where it is, and what executes it.
type operation struct {
	id      string
	pattern string // of http.ServeMux
	execute func(*Server, *request) (response, error)
}

// request is a request on its way through the server.
type request struct {
	*http.Request
	call *Call // its entry in the ledger
}

const opLogin = "login"

func operations() []operation {
	return []operation{
		{opLogin, "POST /api/auth/token", (*Server).login},

		{"getInspectionTargets", "GET /api/v1/targets/{$}", (*Server).getTargets},
		{"getInspectionTargetById", "GET /api/v1/targets/{target_id}", (*Server).getTarget},
		{"setInspectionTargetById", "POST /api/v1/targets/{target_id}", (*Server).setTarget},
		{"getModelResults", "POST /api/v1/targets/model/results", (*Server).getResults},

		{"getAlgorithms", "GET /api/v1/algorithms/{$}", (*Server).getAlgorithms},
		{"getAlgorithmById", "GET /api/v1/algorithms/{algorithm_id}", (*Server).getAlgorithm},
		{"train", "POST /api/v1/algorithms/{algorithm_id}/train", (*Server).train},

		{"getModels", "GET /api/v1/models/{$}", (*Server).getModels},
		{"deleteModels", "DELETE /api/v1/models/{$}", (*Server).deleteModels},
		{"getModelById", "GET /api/v1/models/{model_id}", (*Server).getModel},
		{"exportModelsWithId", "POST /api/v1/models/export", (*Server).exportModels},
		{"importModels", "POST /api/v1/models/import", (*Server).importModels},
		{"setModelPredictParameters", "POST /api/v1/models/{model_id}/update_predict_parameters", (*Server).setParameters},
		{"setModelPredictCallback", "POST /api/v1/models/{model_id}/update_predict_callback", (*Server).setCallback},
		{"predictItems", "POST /api/v1/models/{model_id}/predict", (*Server).predict},

		{"getItemsByType", "GET /api/v1/items/{$}", (*Server).getItems},
		{"addItem", "POST /api/v1/items/{$}", (*Server).addItems},
		{"delItem", "DELETE /api/v1/items/{$}", (*Server).deleteItems},
		{"getItemById", "GET /api/v1/items/{item_id}", (*Server).getItem},
		{"annotate", "PATCH /api/v1/items/{item_id}", (*Server).annotate},
		{"getImage", "GET /raw/{key}", (*Server).getImage},

		{"setLicense", "POST /api/v1/utils/{$}", (*Server).setLicense},
		{"getLogs", "POST /api/v1/utils/debug", (*Server).getLogs},
		{"getHashId", "POST /api/v1/utils/node_hash", (*Server).getHashID},
	}
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, op := range operations() {
		mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) { s.handle(w, r, op) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(http.StatusNotFound, noRoute).response(r).write(w)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.during(func(context.Context) { mux.ServeHTTP(w, r) }) {
			panic(http.ErrAbortHandler) // closed: so is the connection, without a response
		}
	})
}

// handle is the one way of a request through the server.
func (s *Server) handle(w http.ResponseWriter, r *http.Request, op operation) {
	arrival := s.clock.now() // before the ledger shows the call, so that whoever sees it can move the clock past its delay
	call := s.ledger.arrived(op.id, r)
	f := s.faults.next(op.id)
	if f.delay > 0 && s.clock.sleepUntil(r.Context(), arrival.Add(f.delay)) != nil {
		panic(http.ErrAbortHandler)
	}
	if f.revoke {
		s.RevokeTokens()
	}
	w.Header().Set("Server", "hacarustest") // nobody should take it for the real one
	w.Header().Set("X-Request-Id", fmt.Sprintf("request-%06d", s.requests.Add(1)))
	f.happen(s.exchange(w, r, op, call, f.instead))
}

// exchange executes a request, unless something else is to happen instead.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, op operation, call *Call, instead bool) exchange {
	execute := func(r *http.Request) response { return s.respond(&request{r, call}, op) }
	x := exchange{w: &recorder{w, s, call}, r: r, running: s.running}
	if instead {
		x.service = func(w http.ResponseWriter, r *http.Request) { execute(r).write(w) }
		return x
	}
	x.response = execute(r)
	x.service = func(w http.ResponseWriter, _ *http.Request) { x.response.write(w) }
	return x
}

// baseURL is where the client has reached the server, by its own name or that of
// a proxy.
func (s *Server) baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return cmp.Or(r.Header.Get("X-Forwarded-Proto"), scheme) + "://" + cmp.Or(r.Header.Get("X-Forwarded-Host"), r.Host, s.host)
}

// recorder notes the status of a response in the ledger.
type recorder struct {
	http.ResponseWriter
	server *Server
	call   *Call
}

func (w *recorder) WriteHeader(status int) {
	w.server.ledger.update(func() { w.call.StatusCode = status })
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.server.ledger.update(func() {
		if w.call.StatusCode < http.StatusOK { // none yet, or that of an informational response
			w.call.StatusCode = http.StatusOK
		}
	})
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// respond executes an operation if it is allowed and its request is right.
func (s *Server) respond(r *request, op operation) response {
	a, err := s.execute(r, op)
	var p *problem
	if errors.As(err, &p) {
		return p.response(r.Request)
	}
	if err != nil { // the request could not be read
		return refuse(http.StatusBadRequest, invalidRequest).response(r.Request)
	}
	return a
}

func (s *Server) execute(r *request, op operation) (response, error) {
	if s.uploadLimit > 0 && r.ContentLength > s.uploadLimit {
		return response{}, refuse(http.StatusRequestEntityTooLarge, tooLarge)
	}
	if op.id != opLogin && !s.authorized(r) {
		return response{}, refuse(http.StatusUnauthorized, noPermission)
	}
	a, err := op.execute(s, r)
	if err == nil {
		s.ledger.update(func() { r.call.Executed = true })
		if r.Method != http.MethodGet {
			s.saving.changed.Store(true)
		}
	}
	return a, err
}

// maxJSONBody bounds what is read of a JSON request.
const maxJSONBody = 64 << 20

// decode reads a JSON body into v and shows it in the ledger.
func (s *Server) decode(r *request, v any) error {
	body, err := decodeBody(r, v)
	s.ledger.update(func() { r.call.Body = body })
	return err
}

func decodeBody(r *request, v any) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxJSONBody))
	if err != nil {
		return body, err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return body, invalid(http.StatusBadRequest, "body", "Not the documented JSON.")
	}
	return body, nil
}

// licensed refuses what needs a license while there is none. The caller holds the lock.
func (s *Server) licensed() error {
	if !s.clock.now().Before(s.state.licenseExpiry) {
		return refuse(http.StatusForbidden, invalidLicense)
	}
	return nil
}

// someIDs refuses an empty list of ids.
func someIDs(field string, ids []string) error {
	if len(ids) == 0 {
		return invalid(http.StatusUnprocessableEntity, field, "Missing data for required field.")
	}
	return nil
}
