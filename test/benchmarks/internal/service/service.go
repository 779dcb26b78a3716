// Package service is the service that the clients are measured against. Its
// responses are made in advance, and it does no more than a client can notice.
package service

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

const (
	clientID     = "line-7"
	clientSecret = "correct-horse-battery-staple"
	token        = "a-token-of-the-length-that-a-service-gives-out-0123456789"
	modelID      = "b2b99239-bdf4-5616-a531-f50546e8e32a"
)

// Counts are what the service has seen.
type Counts struct{ Logins, Requests, Connections int64 }

// Serve runs the service on two loopback ports until in ends. It writes its
// [work.Target] to out, and for each line of in the [Counts] since the one
// before, all as JSON. The items are those of the file, one a line.
func Serve(in io.Reader, out io.Writer, items, model []byte) error {
	s := &service{model: model}
	s.render(items)
	certificate, ca, err := certify()
	if err != nil {
		return err
	}
	plain, err := s.listen(nil)
	if err != nil {
		return err
	}
	defer plain.Close()
	secure, err := s.listen(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}})
	if err != nil {
		return err
	}
	defer secure.Close()
	answers := json.NewEncoder(out)
	err = answers.Encode(work.Target{
		URL: "http://" + plain.address, TLSURL: "https://" + secure.address, CA: ca, ID: clientID, Secret: clientSecret, ModelID: modelID,
		PageBytes: len(s.pages[0]),
	})
	for lines := bufio.NewScanner(in); err == nil && lines.Scan(); {
		err = answers.Encode(Counts{s.logins.Swap(0), s.requests.Swap(0), s.connections.Swap(0)})
	}
	return err
}

type service struct {
	model []byte
	small []byte   // a page of 100 items
	pages [][]byte // of 1000 items

	logins, requests, connections atomic.Int64
}

// render makes the pages. No two have an item in common.
func (s *service) render(items []byte) {
	s.small = Page(items, 1, 100)
	for i := range work.Pages {
		s.pages = append(s.pages, Page(items, i+1, work.PageItems))
	}
}

// Page is a response with a page of count items: those given, one a line, in
// turn, each with a number of its own.
func Page(items []byte, number, count int) []byte {
	kinds := bytes.Split(bytes.TrimSpace(items), []byte("\n"))
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"data": {"end_page": %d, "current_page": %d, "count_per_page": %d, "items": [`, work.Pages, number, count)
	for i := range count {
		if i > 0 {
			b.WriteString(", ")
		}
		b.Write(bytes.ReplaceAll(kinds[i%len(kinds)], []byte("0001"), fmt.Appendf(nil, "%02d%04d", number, i)))
	}
	b.WriteString("]}}\n")
	return b.Bytes()
}

// listening is a server on its port.
type listening struct {
	io.Closer
	address string
}

// listen serves HTTP/1.1, with TLS if there is a config.
func (s *service) listen(config *tls.Config) (*listening, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/token", s.login)
	mux.HandleFunc("GET /api/v1/models/{id}", s.authorized(s.getModel))
	mux.HandleFunc("GET /api/v1/items/", s.authorized(s.listItems))
	mux.HandleFunc("POST /api/v1/items/", s.authorized(s.addItems))
	mux.HandleFunc("POST /api/v1/models/export", s.authorized(s.export))
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: mux, Protocols: &protocols, ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				s.connections.Add(1)
			}
		},
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return &listening{server, listener.Addr().String()}, nil
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, status int, detail string) {
	answer(w, status, fmt.Appendf(nil, `{"errors": {"status": %d, "title": %q, "detail": %q}}`, status, http.StatusText(status), detail))
}

func (s *service) login(w http.ResponseWriter, r *http.Request) {
	s.logins.Add(1)
	var params struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.NewDecoder(r.Body).Decode(&params); err != nil || params.ID != clientID || params.Secret != clientSecret {
		refuse(w, http.StatusUnauthorized, "wrong credentials")
		return
	}
	answer(w, http.StatusOK, []byte(`{"access_token": "`+token+`"}`))
}

func (s *service) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if r.Header.Get("Authorization") != "Bearer "+token {
			refuse(w, http.StatusUnauthorized, "no token")
			return
		}
		next(w, r)
	}
}

func (s *service) getModel(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.model)
}

func (s *service) listItems(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page, err := strconv.Atoi(query.Get("page"))
	switch {
	case query.Get("item_type") == "":
		refuse(w, http.StatusUnprocessableEntity, "no item_type")
	case query.Get("count") == "100":
		answer(w, http.StatusOK, s.small)
	case err != nil || page < 1 || page > len(s.pages):
		refuse(w, http.StatusNotFound, "no such page")
	default:
		answer(w, http.StatusOK, s.pages[page-1])
	}
}

// buffers are large, so that the service is not what limits an upload.
var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// addItems reads a form, and looks only at both of its ends: looking for
// boundaries would take longer than what is measured.
func (s *service) addItems(w http.ResponseWriter, r *http.Request) {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	boundary := "--" + params["boundary"]
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	start, end, err := ends(r.Body, buffer[:], len(boundary)+len("--\r\n"))
	if err != nil || !strings.HasPrefix(start, boundary+"\r\n") || !strings.HasSuffix(end, boundary+"--\r\n") {
		refuse(w, http.StatusBadRequest, "not a whole form")
		return
	}
	answer(w, http.StatusCreated, []byte(`{"data": {"item_ids": ["plate-0000"]}}`))
}

// ends reads all of r, and returns its first and its last n bytes.
func ends(r io.Reader, buffer []byte, n int) (start, end string, err error) {
	tail := make([]byte, 0, 2*n)
	for {
		got, err := r.Read(buffer)
		if len(start) < n {
			start += string(buffer[:min(got, n-len(start))])
		}
		tail = append(tail, buffer[max(0, got-n):got]...)
		tail = tail[:copy(tail, tail[max(0, len(tail)-n):])]
		switch err {
		case nil:
		case io.EOF:
			return start, string(tail), nil
		default:
			return "", "", err
		}
	}
}

func (s *service) export(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", "attachment; filename=models.zip")
	w.Header().Set("Content-Length", strconv.Itoa(work.ExportSize))
	chunk := make([]byte, 256<<10)
	for range work.ExportSize / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// certify makes a certificate for the loopback address, and returns it as its
// own authority too.
func certify() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "benchmarks"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, ca, nil
}
