package hacarustest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type loginRequest struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	GrantType    string `json:"grant_type"`
}

type loginResponse struct {
	AccessToken string `json:"access_token"`
}

func (s *Server) login(r *request) (response, error) {
	var in loginRequest
	if _, err := decodeBody(r, &in); err != nil { // the ledger keeps no secrets
		return response{}, err
	}
	switch {
	case in.GrantType != "client_credentials":
		return response{}, invalid(http.StatusBadRequest, "grant_type", "Must be client_credentials.")
	case in.ClientID != s.ClientID:
		return response{}, refuse(http.StatusUnauthorized, unknownClient)
	case !hmac.Equal([]byte(in.ClientSecret), []byte(s.ClientSecret)):
		return response{}, refuse(http.StatusUnauthorized, wrongSecret)
	}
	return jsonResponse(http.StatusOK, loginResponse{s.issueToken()}), nil
}

// issueToken makes a token that is good from now on. It is a JWT, as the real
// ones are, so that clients can plan with its lifetime.
func (s *Server) issueToken() string {
	now := s.clock.now()
	expiry := now.Add(s.tokenLifetime)
	token := s.signedToken(now, expiry)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.tokens[token] = expiry
	return token
}

func (s *Server) signedToken(issued, expiry time.Time) string {
	claims, _ := json.Marshal(map[string]any{ // texts and integers always have a JSON form
		"sub": s.ClientID,
		"jti": rand.Text(),
		"iat": issued.Unix(),
		"exp": expiry.Unix(),
	})
	part := base64.RawURLEncoding.EncodeToString
	unsigned := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part(claims)
	signature := hmac.New(sha256.New, []byte(s.ClientSecret))
	signature.Write([]byte(unsigned))
	return unsigned + "." + part(signature.Sum(nil))
}

// authorized reports whether a request bears a token that is good now.
func (s *Server) authorized(r *request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	expiry, known := s.state.tokens[token]
	return bearer && known && s.clock.now().Before(expiry)
}
