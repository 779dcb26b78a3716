package hacarus

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/hacarus/hacarus-check-go/internal/redact"
)

const (
	// loginTimeout bounds a login that callers wait for, its retries included.
	loginTimeout = 30 * time.Second
	// refusalMemory is how long a refusal of a login is remembered for others, so
	// that a line with a wrong secret does not hammer the service.
	refusalMemory = 2 * time.Second
	// minLifetime stops a service that announces nearly no lifetime from
	// causing a login per call; a token that did expire is noticed by its 401.
	minLifetime = 30 * time.Second
	// maxLifetime is where a number stops being a lifetime in seconds: a
	// point in time, most likely.
	maxLifetime = 30 * 365 * 24 * time.Hour
	// maxToken bounds an access token, in bytes; servers refuse longer headers.
	maxToken = 64 << 10
)

var opLogin = newOperation("login", "Login", http.MethodPost, "/api/auth/token", classLogin)

// Login exchanges the credentials for a new access token, which later calls
// use. Other methods log in by themselves, so it is needed only to check the
// credentials early. With [WithTokenSource] it returns that source's token.
//
// The token's Expiry is zero when the service does not tell its lifetime, as
// is documented; then it is used until the service refuses it. Wrong
// credentials are [ErrUnauthorized].
//
// Operation login: POST /api/auth/token.
func (c *Client) Login(ctx context.Context) (*oauth2.Token, error) {
	if err := c.usable(ctx, opLogin); err != nil {
		return nil, err
	}
	granted, err := c.auth.exchange(ctx)
	if err != nil {
		return nil, err
	}
	c.auth.adopt(granted)
	return granted.token, nil
}

type loginParams struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	GrantType    string `json:"grant_type"`
}

// grant is an access token with its lifetime from now: zero when unknown,
// negative when over.
type grant struct {
	token    *oauth2.Token
	lifetime time.Duration
}

// tokenExchange returns the way to a new token: the documented login, or the
// user's token source.
func (c *Client) tokenExchange(cfg *config) func(context.Context) (grant, error) {
	if cfg.tokenSource != nil {
		return c.fromSource(cfg.tokenSource)
	}
	return func(ctx context.Context) (grant, error) {
		id, secret := cfg.credentials()
		body, err := jsonBody(opLogin, loginParams{id, secret, "client_credentials"})
		if err != nil {
			return grant{}, err
		}
		var granted grant
		err = c.do(ctx, request{op: opLogin, body: body}, func(raw []byte) (err error) {
			granted, err = decodeGrant(raw)
			return err
		})
		return granted, err
	}
}

func (c *Client) fromSource(source oauth2.TokenSource) func(context.Context) (grant, error) {
	one := make(chan struct{}, 1) // a source may not be safe for concurrent use
	return func(ctx context.Context) (grant, error) {
		token, err := askOne(ctx, one, source)
		if err == nil && token == nil {
			err = errors.New("the token source returned no token")
		}
		if err == nil {
			err = checkToken(token.AccessToken)
		}
		if err != nil {
			return grant{}, &RequestError{Operation: opLogin.id, Outcome: OutcomeNotSent, Err: redact.Error(err, c.auth.secrets.Mask)}
		}
		granted := grant{token: token}
		if !token.Expiry.IsZero() {
			granted.lifetime = cmp.Or(time.Until(token.Expiry), -1) // one that has expired is used once
		}
		return granted, nil
	}
}

// askOne asks the source for a token, one caller at a time. The source knows no
// context, so its token may come when nobody waits any more.
func askOne(ctx context.Context, one chan struct{}, source oauth2.TokenSource) (*oauth2.Token, error) {
	select {
	case one <- struct{}{}:
	case <-ctx.Done():
		return nil, contextError(ctx, nil)
	}
	type result struct {
		token *oauth2.Token
		err   error
	}
	results := make(chan result, 1)
	go func() {
		defer func() { <-one }()
		defer func() {
			if r := recover(); r != nil { // a panic here would end the program: nobody could recover it
				results <- result{nil, fmt.Errorf("panic in the token source: %v", r)}
			}
		}()
		token, err := source.Token()
		results <- result{token, err}
	}()
	select {
	case r := <-results:
		return r.token, r.err
	case <-ctx.Done():
		return nil, contextError(ctx, nil)
	}
}

// decodeGrant reads the response to a login: flat, or wrapped in data as earlier
// services sent it.
func decodeGrant(raw []byte) (grant, error) {
	var flat, wrapped loginResponse
	err := decodeDocument(raw, func(d *decoding, key []byte) error {
		if string(key) == "data" {
			return d.NullableObject(func(key []byte) error { return wrapped.field(d, key) })
		}
		return flat.field(d, key)
	})
	if err != nil {
		return grant{}, err
	}
	if flat.access == "" {
		flat = wrapped
	}
	return newGrant(flat.access, flat.seconds)
}

type loginResponse struct {
	access  string
	seconds float64
}

func (l *loginResponse) field(d *decoding, key []byte) error {
	switch string(key) {
	case "access_token":
		return stringValue(d, &l.access)
	case "expires", "expires_in":
		var seconds *float64
		if err := lenient(d, &seconds, nullableNumber); err == nil && seconds != nil {
			l.seconds = *seconds
		}
		return nil
	}
	return d.Skip()
}

// newGrant is the token of a login, with its lifetime in seconds if the
// service told one, or else as the token itself tells it.
func newGrant(access string, seconds float64) (grant, error) {
	if err := checkToken(access); err != nil {
		return grant{}, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	lifetime := lifetimeOf(seconds)
	if lifetime == 0 {
		lifetime = jwtLifetime(access)
	}
	token := &oauth2.Token{AccessToken: access, TokenType: "Bearer"}
	if lifetime > 0 {
		token.Expiry = time.Now().Add(lifetime)
		token.ExpiresIn = int64(lifetime / time.Second)
	}
	return grant{token, lifetime}, nil
}

// checkToken refuses what cannot stand in a header, without repeating it.
func checkToken(access string) error {
	switch {
	case access == "":
		return errors.New("no access token")
	case len(access) > maxToken:
		return fmt.Errorf("access token of %d bytes", len(access))
	case !validHeaderValue(access) || strings.Contains(access, " "):
		return errors.New("access token with a character that no header may hold")
	}
	return nil
}

// lifetimeOf turns seconds into a lifetime, zero where they cannot be one.
func lifetimeOf(seconds float64) time.Duration {
	if !(seconds > 0) || seconds > maxLifetime.Seconds() {
		return 0
	}
	return max(time.Duration(seconds*float64(time.Second)), minLifetime)
}

// jwtLifetime is how long a JSON Web Token says it is good for. Its times are
// compared with each other only: the local clock may be wrong.
func jwtLifetime(access string) time.Duration {
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		return 0
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return 0
	}
	var claims struct {
		IssuedAt *float64 `json:"iat"`
		Expiry   *float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.IssuedAt == nil || claims.Expiry == nil {
		return 0
	}
	return lifetimeOf(*claims.Expiry - *claims.IssuedAt)
}

// authenticator holds the access token, and lets one goroutine at a time fetch
// a new one while all others wait for it.
type authenticator struct {
	exchange func(context.Context) (grant, error)
	secrets  *redact.Set

	ctx    context.Context //nolint:containedctx // the lifetime of background logins: until Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	bearer  *bearer   // nil without a token
	renewal time.Time // when to fetch the next token; zero: not before a 401
	flight  *flight
	refusal refusal
}

// refusal is the service's last word on the credentials, with its time.
type refusal struct {
	err error
	at  time.Time
}

// bearer is the Authorization header's value with the token. It has its own
// pointer because printing another value does not follow that.
type bearer struct{ header []string }

// flight is a login that is under way, and what came of it.
type flight struct {
	// landed lets those that wait pass one by one: if they set off all at once,
	// each would make a connection of its own before the first one is free again.
	landed chan struct{}
	bearer *bearer
	err    error
}

func newAuthenticator(exchange func(context.Context) (grant, error)) *authenticator {
	a := &authenticator{exchange: exchange, secrets: &redact.Set{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// close ends a login that is under way, and waits for it.
func (a *authenticator) close() {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.work.Wait()
}

// token returns the access token, after a login if there is none. The login
// does not depend on ctx, which only ends the waiting.
func (a *authenticator) token(ctx context.Context) (*bearer, error) {
	a.mu.Lock()
	if a.bearer != nil && (a.renewal.IsZero() || time.Now().Before(a.renewal)) {
		defer a.mu.Unlock()
		return a.bearer, nil
	}
	if a.refusal.err != nil && time.Since(a.refusal.at) < refusalMemory {
		defer a.mu.Unlock()
		return nil, a.refusal.err
	}
	waitFor := a.flight
	if waitFor == nil {
		waitFor = a.takeOff(ctx)
	}
	a.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, &RequestError{Operation: opLogin.id, Outcome: OutcomeNotSent, Err: ctx.Err()}
	case <-waitFor.landed:
		waitFor.landed <- struct{}{} // to the next one
		rethrow(waitFor.err)
		// Its token is used even if it is short-lived: asking again would not end.
		return waitFor.bearer, waitFor.err
	}
}

// takeOff starts a login. The caller holds the lock.
func (a *authenticator) takeOff(ctx context.Context) *flight {
	f := &flight{landed: make(chan struct{}, 1)}
	a.flight = f
	if a.ctx.Err() != nil {
		a.flight = nil
		f.err = errClosed(opLogin)
		f.landed <- struct{}{}
		return f
	}
	// The caller's values, such as a trace, but neither its end nor its ResponseInfo.
	ctx = withoutCapture(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	ctx, abandon := context.WithCancelCause(ctx)
	stop := context.AfterFunc(a.ctx, func() { abandon(errClosed(opLogin)) })
	a.work.Go(func() {
		defer cancel()
		defer stop()
		defer abandon(nil)
		var granted grant
		var err error
		if p := guard(func() { granted, err = a.exchange(ctx) }); p != nil {
			err = p
		}
		a.land(f, granted, err)
	})
	return f
}

func (a *authenticator) land(f *flight, granted grant, err error) {
	if err == nil {
		f.bearer = a.adopt(granted)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f.err = err
	if base := (*BaseError)(nil); errors.As(err, &base) && !transientStatus(base.StatusCode) {
		a.refusal = refusal{err, time.Now()}
	}
	a.flight = nil
	f.landed <- struct{}{}
}

// adopt makes a granted token the one that calls use.
func (a *authenticator) adopt(granted grant) *bearer {
	a.secrets.AddToken(granted.token.AccessToken)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bearer = &bearer{[]string{"Bearer " + granted.token.AccessToken}}
	a.refusal = refusal{}
	a.renewal = time.Time{}
	if granted.lifetime != 0 {
		// A little early, so that a token does not expire on its way.
		a.renewal = time.Now().Add(granted.lifetime - min(granted.lifetime/10, 30*time.Second))
	}
	return a.bearer
}

// invalidate drops a token, if it is still in use: a late refusal of an earlier
// one says nothing of its successor.
func (a *authenticator) invalidate(refused *bearer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bearer == refused {
		a.bearer = nil
	}
}
