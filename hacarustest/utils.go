package hacarustest

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
)

func (s *Server) setLicense(r *request) (response, error) {
	form, err := s.readForm(r)
	if err != nil {
		return response{}, err
	}
	license := form.content("license_data")
	if len(bytes.TrimSpace(license)) == 0 {
		return response{}, refuse(http.StatusForbidden, invalidLicense)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := hash(license)
	if s.state.licenses[key] {
		p := refuse(http.StatusForbidden, invalidLicense)
		p.detail = licenseExists
		return response{}, p
	}
	s.state.licenses[key] = true
	s.state.licenseExpiry = s.clock.now().Add(licenseTerm)
	return dataResponse(hacarus.License{LicenseExpiry: s.state.licenseExpiry.UTC().Format(time.DateOnly)})
}

// getLogs makes a log of the calls so far.
func (s *Server) getLogs(*request) (response, error) {
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	log, err := archive.Create("logs/requests.log")
	for _, call := range s.ledger.of("") {
		if err == nil {
			_, err = fmt.Fprintln(log, call.Method, call.Path, call.Operation, call.StatusCode)
		}
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return response{}, err
	}
	return downloadResponse("application/octet-stream", "logs.zip", content.Bytes())
}

func (s *Server) getHashID(*request) (response, error) {
	sum := sha256.Sum256([]byte("node of " + s.ClientID))
	return dataResponse(struct {
		HashID string `json:"hash_id"`
	}{hex.EncodeToString(sum[:])})
}
