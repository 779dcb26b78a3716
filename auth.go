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
	// loginTimeout bounds a login, including its retries, that calls are waiting
	// for.
	loginTimeout = 30 * time.Second
	// refusalMemory is how long a refused login is remembered for other calls, so
	// that a line with a wrong secret does not flood the service with logins.
	refusalMemory = 2 * time.Second
	// minLifetime keeps a service that announces hardly any lifetime from causing a
	// login for every call. A token that did expire is noticed by its 401.
	minLifetime = 30 * time.Second
	// maxLifetime is the largest number that is taken for a lifetime. A larger one
	// is most likely a point in time.
	maxLifetime = 30 * 365 * 24 * time.Hour
	// maxToken bounds the length of an access token, in bytes. Servers refuse
	// longer headers.
	maxToken = 64 << 10
)

var opLogin = newOperation("login", "Login", http.MethodPost, "/api/auth/token", classLogin)

// Login exchanges the credentials for a new access token, which later calls
// use. Other methods log in by themselves, so Login is needed only to check the
// credentials early. With [WithTokenSource], it returns a token of that source.
//
// The token's Expiry is the zero time if the service does not send a lifetime,
// which the documented form of the response lacks; the token is then used until
// the service refuses it. Wrong credentials are [ErrUnauthorized].
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

// grant is an access token with its remaining lifetime: zero if it is not
// known, negative if the token has expired.
type grant struct {
	token    *oauth2.Token
	lifetime time.Duration
}

// tokenExchange returns the function that gets a new token: by the documented
// login, or from the user's token source.
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
			granted.lifetime = cmp.Or(time.Until(token.Expiry), -1) // a token that has expired is used once
		}
		return granted, nil
	}
}

// askOne asks the source for a token; one caller at a time does so. The source
// does not know the context, so its token may arrive when nobody is waiting any
// more.
func askOne(ctx context.Context, one chan struct{}, source oauth2.TokenSource) (*oauth2.Token, error) {
	select {
	case one <- struct{}{}:
	case <-ctx.Done():
		return nil, contextError(ctx, nil)
	}
	return within(ctx, func() (token *oauth2.Token, err error) {
		defer func() { <-one }()
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic in the token source: %v", p)
			}
		}()
		return source.Token()
	})
}

// decodeGrant reads the response to a login. It is flat, or wrapped in "data"
// as earlier services sent it.
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

// newGrant returns the token of a login. Its lifetime is the one that the
// service sent, in seconds, or else the one in the token itself.
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

// checkToken refuses a token that a header cannot hold. Its error does not
// repeat the token.
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

// lifetimeOf converts seconds into a lifetime. It returns zero if they cannot
// be one.
func lifetimeOf(seconds float64) time.Duration {
	if !(seconds > 0) || seconds > maxLifetime.Seconds() {
		return 0
	}
	return max(time.Duration(seconds*float64(time.Second)), minLifetime)
}

// jwtLifetime returns the lifetime that a JSON Web Token states. The token's
// times are compared only with each other, because the local clock may be
// wrong.
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

// authenticator holds the access token. One goroutine at a time fetches a new
// one while all others wait for it.
type authenticator struct {
	exchange func(context.Context) (grant, error)
	secrets  *redact.Set

	ctx    context.Context //nolint:containedctx // bounds background logins; Close cancels it
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	bearer  *bearer   // nil if there is no token
	renewal time.Time // when to fetch the next token; the zero time means not before a 401
	flight  *flight
	refusal refusal
}

// refusal is the service's last refusal of the credentials, with its time.
type refusal struct {
	err error
	at  time.Time
}

// bearer is the value of the Authorization header. It is behind a pointer of
// its own because printing a surrounding value does not follow that pointer.
type bearer struct{ header []string }

// flight is a login in progress, and its result.
type flight struct {
	// landed lets the waiting calls continue one by one. If all of them started at
	// once, each would open a connection of its own before the first one is free
	// again.
	landed chan struct{}
	bearer *bearer
	err    error
}

func newAuthenticator(exchange func(context.Context) (grant, error)) *authenticator {
	a := &authenticator{exchange: exchange, secrets: &redact.Set{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// close ends a login in progress and waits for its end.
func (a *authenticator) close() {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.work.Wait()
}

// token returns the access token and logs in first if there is none. The login
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
		// Its token is used even if it is short-lived; asking again would never
		// end.
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
	// The login keeps the caller's values, such as a trace, but neither its end nor
	// its ResponseInfo.
	ctx = withoutCapture(context.WithoutCancel(ctx))
	ctx, cancel := withOwnTimeout(ctx, loginTimeout, slowLoginError{})
	ctx, abandon := context.WithCancelCause(ctx)
	stop := context.AfterFunc(a.ctx, func() { abandon(errClosed(opLogin)) })
	a.work.Go(func() {
		defer cancel()
		defer stop()
		defer abandon(nil)
		var granted grant
		err := errGoexit
		defer func() { a.land(f, granted, err) }()
		if p := guard(func() { granted, err = a.exchange(ctx) }); p != nil {
			err = p
		}
	})
	return f
}

// slowLoginError is the end of a login by its own time, which is no caller's.
type slowLoginError struct{}

func (slowLoginError) Error() string   { return fmt.Sprintf("no token within %v", loginTimeout) }
func (slowLoginError) Timeout() bool   { return true }
func (slowLoginError) Temporary() bool { return true }

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

// adopt makes the granted token the one that calls use.
func (a *authenticator) adopt(granted grant) *bearer {
	a.secrets.AddToken(granted.token.AccessToken)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bearer = &bearer{[]string{"Bearer " + granted.token.AccessToken}}
	a.refusal = refusal{}
	a.renewal = time.Time{}
	if granted.lifetime != 0 {
		// The token is renewed a little early, so that it does not expire on its
		// way.
		a.renewal = time.Now().Add(granted.lifetime - min(granted.lifetime/10, 30*time.Second))
	}
	return a.bearer
}

// invalidate drops a token if it is still in use: the late refusal of an
// earlier token says nothing about its successor.
func (a *authenticator) invalidate(refused *bearer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bearer == refused {
		a.bearer = nil
	}
}
