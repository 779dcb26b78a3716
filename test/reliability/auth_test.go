package reliability

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// gateway stands between a client and a service. It sees what is sent, and
// what a login is responded to with, it may change.
type gateway struct {
	next     http.RoundTripper
	name     func(n int) string // the n-th token, as the client is to know it; nil: as the service does
	response string             // to logins, with TOKEN in the token's place; "": the service's

	mu     sync.Mutex
	tokens map[string]string // the service's, by the client's
	given  []string
	logins []time.Time
	bodies [][]byte // of uploads
	hosts  map[string]bool
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	login := strings.HasSuffix(r.URL.Path, "/auth/token")
	r = r.Clone(r.Context())
	if r.Body != nil && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		r.Body = &teeBody{ReadCloser: r.Body, gateway: g, n: g.upload()}
	}
	g.mu.Lock()
	g.hosts[r.URL.Host] = true
	if login {
		g.logins = append(g.logins, time.Now())
	}
	if token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); bearer {
		r.Header.Set("Authorization", "Bearer "+g.tokens[token])
	}
	g.mu.Unlock()
	response, err := g.next.RoundTrip(r)
	if err == nil && login && !response.Uncompressed {
		g.rename(response)
	}
	return response, err
}

// rename puts the client's name of a token in the place of the service's. What
// is no grant stays as it is.
func (g *gateway) rename(response *http.Response) {
	raw, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(raw), iotest.ErrReader(cmp.Or(err, io.EOF))))
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(raw, &granted) != nil || granted.AccessToken == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	token := granted.AccessToken
	if g.name != nil {
		token = g.name(len(g.given) + 1)
	}
	g.given = append(g.given, token)
	g.tokens[token] = granted.AccessToken
	quoted, _ := json.Marshal(token) // a text always has a JSON form
	body := strings.ReplaceAll(cmp.Or(g.response, `{"access_token":TOKEN}`), "TOKEN", string(quoted))
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

func (g *gateway) upload() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies = append(g.bodies, nil)
	return len(g.bodies) - 1
}

// teeBody shows the gateway an upload.
type teeBody struct {
	io.ReadCloser
	gateway *gateway
	n       int
}

func (b *teeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.gateway.mu.Lock()
	defer b.gateway.mu.Unlock()
	b.gateway.bodies[b.n] = append(b.gateway.bodies[b.n], p[:n]...)
	return n, err
}

// authStage is a service whose logins go wrong, and its client.
type authStage struct {
	*gateway
	server *hacarustest.Server
	client *hacarus.Client
	see    func(error) // each error of a call
}

func newGateway(next http.RoundTripper, name func(n int) string) *gateway {
	return &gateway{next: next, name: name, tokens: map[string]string{}, hosts: map[string]bool{}}
}

func opaque(n int) string { return fmt.Sprintf("opaque-token-%d", n) }

// newAuthStage makes a stage for a case, which closes its server.
func newAuthStage(server *hacarustest.Server, c authCase, name func(n int) string, opts ...hacarus.Option) *authStage {
	if c.jwt {
		name = nil
	}
	s := &authStage{gateway: newGateway(server.Transport(), name), server: server, see: func(error) {}}
	s.response = c.response
	s.server.Advance(c.clock)
	s.client = s.server.Client(append(opts, hacarus.WithHTTPClient(&http.Client{Transport: s.gateway}))...)
	return s
}

// call fetches a model, of which only the error matters.
func (s *authStage) call(ctx context.Context) error {
	err := errorOf(s.client.GetModel(ctx, "m1"))
	if err != nil {
		s.see(err)
	}
	return err
}

func (s *authStage) loginTimes() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// requireCounts checks how many logins there were, and calls that were executed.
func (s *authStage) requireCounts(t *testing.T, logins, calls int) {
	t.Helper()
	require.Len(t, s.loginTimes(), logins, "logins")
	require.Equal(t, calls, s.server.Executions("getModelById"), "calls")
}

// authCase is one way in which a login or a token goes wrong.
type authCase struct {
	name     string
	response string        // to each login
	jwt      bool          // the token is the service's own
	clock    time.Duration // by which the service's is ahead of the client's
	check    func(t *testing.T, s *authStage)
}

// renewed checks that a token is replaced after a time, and not before.
func renewed(after time.Duration) func(*testing.T, *authStage) {
	return func(t *testing.T, s *authStage) {
		t.Helper()
		require.NoError(t, s.call(t.Context()))
		time.Sleep(after - time.Second)
		require.NoError(t, s.call(t.Context()))
		s.requireCounts(t, 1, 2)
		time.Sleep(time.Second)
		require.NoError(t, s.call(t.Context()))
		s.requireCounts(t, 2, 3)
		require.Len(t, s.server.Calls("getModelById"), 3, "none was refused")
	}
}

// renewedWhenRefused checks that a token whose lifetime is unknown is used
// until the service refuses it, which it does after 30 days.
func renewedWhenRefused(t *testing.T, s *authStage) {
	t.Helper()
	const day = 24 * time.Hour
	require.NoError(t, s.call(t.Context()))
	time.Sleep(29 * day)
	require.NoError(t, s.call(t.Context()))
	s.requireCounts(t, 1, 2)
	time.Sleep(2 * day)
	require.NoError(t, s.call(t.Context()))
	s.requireCounts(t, 2, 3)
	require.Len(t, s.server.Calls("getModelById"), 4, "one was refused")
}

// unusable checks that a login's response is refused, and shown nowhere.
func unusable(t *testing.T, s *authStage) {
	t.Helper()
	err := s.call(t.Context())
	requireLogin(t, s, err)
	require.ErrorIs(t, err, hacarus.ErrDecode)
	require.NotContains(t, testkit.EveryText(err), "bad-token")
	s.requireCounts(t, 1, 0)
	require.Empty(t, s.server.Calls("getModelById"))
}

// requireLogin checks that an error is one of a login.
func requireLogin(t *testing.T, s *authStage, err error) {
	t.Helper()
	require.Error(t, err)
	requireTyped(t, operation{id: "login"}, err, s.server.Executions("login"))
	require.NotErrorIs(t, err, hacarus.ErrOutcomeUnknown)
}

// loginFails checks that a fault of the login ends the call, after one login
// and a time. The next call logs in anew.
func loginFails(kind error, after time.Duration, f hacarustest.Fault) func(*testing.T, *authStage) {
	return func(t *testing.T, s *authStage) {
		t.Helper()
		s.server.Inject("login", f)
		begun := time.Now()
		err := s.call(t.Context())
		require.Equal(t, after, time.Since(begun))
		requireLogin(t, s, err)
		if kind != nil {
			require.ErrorIs(t, err, kind)
		}
		s.requireCounts(t, 1, 0)
		time.Sleep(refusalMemory)
		require.NoError(t, s.call(t.Context()))
		s.requireCounts(t, 2, 1)
	}
}

// loginRepeated checks that a fault of the login passes, at least a time later.
func loginRepeated(after time.Duration, f hacarustest.Fault) func(*testing.T, *authStage) {
	return func(t *testing.T, s *authStage) {
		t.Helper()
		s.server.Inject("login", f)
		require.NoError(t, s.call(t.Context()))
		s.requireCounts(t, 2, 1)
		logins := s.loginTimes()
		require.GreaterOrEqual(t, logins[1].Sub(logins[0]), after)
	}
}

const callers = 256

// refusalMemory is for how long a refused login is not tried again.
const refusalMemory = 2 * time.Second

// authCases are the 30 cases of S4.
func authCases() []authCase {
	const (
		lifetime = 30*24*time.Hour - 30*time.Second // of the service's tokens, less what they are renewed early
		hour     = time.Hour - 30*time.Second
		year     = 365 * 24 * time.Hour
	)
	elsewhere := http.Header{"Location": {"https://elsewhere.example/api/auth/token"}}
	return []authCase{
		{name: "flat, without a lifetime", response: `{"access_token":TOKEN}`, check: renewedWhenRefused},
		{name: "wrapped, expires a number", response: `{"data":{"access_token":TOKEN,"expires":3600}}`, check: renewed(hour)},
		{name: "flat and wrapped", response: `{"access_token":TOKEN,"expires":3600,"data":{"access_token":"bad-token","expires":60}}`, check: renewed(hour)},
		{name: "neither flat nor wrapped", response: `{"token":TOKEN,"data":{}}`, check: unusable},
		{name: "expires_in a text", response: `{"access_token":TOKEN,"expires_in":"3600"}`, check: renewed(hour)},
		{name: "expires zero", response: `{"access_token":TOKEN,"expires":0}`, check: renewedWhenRefused},
		{name: "expires_in negative", response: `{"access_token":TOKEN,"expires_in":-3600}`, check: renewedWhenRefused},
		{name: "expires huge", response: `{"access_token":TOKEN,"expires":9223372036854775807}`, check: renewedWhenRefused},

		{name: "JWT", jwt: true, check: renewed(lifetime)},
		{name: "JWT, clock an hour fast", jwt: true, clock: -time.Hour, check: renewed(lifetime)},
		{name: "JWT, clock an hour slow", jwt: true, clock: time.Hour, check: renewed(lifetime)},
		{name: "JWT, clock ten years fast", jwt: true, clock: -10 * year, check: renewed(lifetime)},
		{name: "JWT, clock ten years slow", jwt: true, clock: 10 * year, check: renewed(lifetime)},

		{name: "token with a line end", response: `{"access_token":"bad-token\r\nX-Injected: 1"}`, check: unusable},
		{name: "token with a space", response: `{"access_token":"bad-token and more"}`, check: unusable},
		{name: "token of 1 MiB", response: `{"access_token":"bad-token` + strings.Repeat("x", 1<<20) + `"}`, check: unusable},

		{name: "login 401", check: loginFails(hacarus.ErrUnauthorized, 0, hacarustest.Status(401, nil, "{}"))},
		{name: "login 403", check: loginFails(hacarus.ErrForbidden, 0, hacarustest.Status(403, nil, "{}"))},
		{name: "login 429", check: loginRepeated(2*time.Second, hacarustest.Status(429, http.Header{"Retry-After": {"2"}}, "{}"))},
		{name: "login 500", check: loginRepeated(0, hacarustest.Status(500, nil, "{}"))},
		{name: "login a page", check: loginFails(hacarus.ErrDecode, 0, hacarustest.HTML(200).After())},
		{name: "login hangs", check: loginFails(nil, 30*time.Second, hacarustest.Stall().Before())},
		{name: "login redirected", check: loginFails(hacarus.ErrRedirect, 0, hacarustest.Status(307, elsewhere, ""))},

		{name: "stale token", check: staleToken},
		{name: "wrong secret", check: wrongSecret},
		{name: "impatient callers", check: impatientCallers},
		{name: "the first caller leaves", check: firstCallerLeaves},
		{name: "revoked in mid upload", check: revokedInUpload},
		{name: "late refusal of the old token", check: lateRefusal},
		{name: "refused for good", check: refusedForGood},
	}
}

// staleToken: many callers find that their token was revoked, and one of them
// fetches another.
func staleToken(t *testing.T, s *authStage) {
	t.Helper()
	require.NoError(t, s.call(t.Context()))
	s.server.RevokeTokens()
	for _, err := range testkit.Together(callers, func(int) error { return s.call(t.Context()) }) {
		require.NoError(t, err)
	}
	s.requireCounts(t, 2, 1+callers)
}

// wrongSecret: many callers, over ten seconds, do not hammer the service.
func wrongSecret(t *testing.T, s *authStage) {
	t.Helper()
	client := s.server.Client(hacarus.WithHTTPClient(&http.Client{Transport: s.gateway}),
		hacarus.WithCredentials(s.server.ClientID, "not-the-secret-of-it"))
	for _, err := range testkit.Together(callers, func(n int) error {
		time.Sleep(time.Duration(n) * 40 * time.Millisecond)
		return errorOf(client.GetModel(t.Context(), "m1"))
	}) {
		s.see(err)
		requireLogin(t, s, err)
		require.ErrorIs(t, err, hacarus.ErrUnauthorized)
	}
	logins := s.loginTimes()
	require.Greater(t, len(logins), 1, "a refusal is not remembered for ever")
	for n := range logins[1:] {
		require.GreaterOrEqual(t, logins[n+1].Sub(logins[n]), refusalMemory)
	}
	require.Zero(t, s.server.Executions("getModelById"))
}

// impatientCallers leave a login when their time is over, and it goes on.
func impatientCallers(t *testing.T, s *authStage) {
	t.Helper()
	s.server.Inject("login", hacarustest.Delay(20*time.Second))
	errs := testkit.Together(callers, func(n int) error {
		if n == 0 {
			return s.call(t.Context())
		}
		patience := time.Duration(n) * 50 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		begun := time.Now()
		err := s.call(ctx)
		assert.LessOrEqual(t, time.Since(begun), patience+50*time.Millisecond)
		return err
	})
	require.NoError(t, errs[0])
	for _, err := range errs[1:] {
		requireLeft(t, err, context.DeadlineExceeded)
	}
	s.requireCounts(t, 1, 1)
}

// requireLeft checks the error of a call that did not wait for its login.
func requireLeft(t *testing.T, err, kind error) {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var failed *hacarus.RequestError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, hacarus.OutcomeNotSent, failed.Outcome)
	require.Zero(t, failed.Attempts)
}

// firstCallerLeaves: the login it began serves the others.
func firstCallerLeaves(t *testing.T, s *authStage) {
	t.Helper()
	s.server.Inject("login", hacarustest.Delay(20*time.Second))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	errs := testkit.Together(callers, func(n int) error {
		if n == 0 {
			return s.call(ctx)
		}
		time.Sleep(500 * time.Millisecond)
		return s.call(t.Context())
	})
	requireLeft(t, errs[0], context.Canceled)
	for _, err := range errs[1:] {
		require.NoError(t, err)
	}
	s.requireCounts(t, 1, callers-1)
}

// noisePNG is an image that hardly packs.
func noisePNG(t *testing.T) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(2026, 4))
	noise := image.NewGray(image.Rect(0, 0, 512, 512))
	for n := range noise.Pix {
		noise.Pix[n] = byte(random.Uint32())
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, noise))
	return b.Bytes()
}

// revokedInUpload: the file is opened again, and sent as it was.
func revokedInUpload(t *testing.T, s *authStage) {
	t.Helper()
	content := noisePNG(t)
	s.server.Inject("addItem", hacarustest.Status(401, nil, `{"errors":{"title":"No permission to access this resource"}}`))
	ids, err := s.client.AddItems(t.Context(), hacarus.AddItemsRequest{
		Files: []hacarus.File{hacarus.FileFromBytes("b.png", content)},
		Progress: func(sent, total int64) {
			if sent >= total/2 && sent < total && len(s.loginTimes()) == 1 {
				s.server.RevokeTokens()
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, ids)
	require.Equal(t, 1, s.server.Executions("addItem"))
	require.Len(t, s.loginTimes(), 2)
	require.Len(t, s.bodies, 2)
	require.Contains(t, string(s.bodies[0]), string(content))
	require.Equal(t, s.bodies[0], s.bodies[1])
}

// lateRefusal: a response to the old token comes when there is a new one.
func lateRefusal(t *testing.T, s *authStage) {
	t.Helper()
	require.NoError(t, s.call(t.Context()))
	s.server.Inject("getModelById", hacarustest.Delay(10*time.Second))
	errs := testkit.Together(2, func(n int) error {
		if n == 1 {
			time.Sleep(time.Second) // the other request waits in the service
			s.server.RevokeTokens()
		}
		return s.call(t.Context())
	})
	require.NoError(t, errors.Join(errs...))
	require.NoError(t, s.call(t.Context()))
	s.requireCounts(t, 2, 4)
	require.Len(t, s.server.Calls("getModelById"), 6, "two were refused")
}

// refusedForGood: somebody else's item is refused with every token
// (wire-facts.md 6), which says nothing against the token.
func refusedForGood(t *testing.T, s *authStage) {
	t.Helper()
	require.NoError(t, s.call(t.Context()))
	notYours := hacarustest.Status(401, nil, `{"errors":{"title":"No permission to view item!"}}`)
	s.server.Inject("getItemById", hacarustest.Repeat(10, notYours)...)
	_, err := s.client.GetItem(t.Context(), "a", nil)
	s.see(err)
	require.ErrorIs(t, err, hacarus.ErrUnauthorized)
	var base *hacarus.BaseError
	require.ErrorAs(t, err, &base)
	require.Equal(t, "getItemById", base.Operation)
	require.Equal(t, "No permission to view item!", base.Errors.Title)
	require.Len(t, s.server.Calls("getItemById"), 2)
	require.NoError(t, s.call(t.Context()))
	s.requireCounts(t, 2, 2)
}

// run performs a case on its stage.
func (c authCase) run(t *testing.T, s *authStage) {
	t.Helper()
	defer s.server.Close()
	c.check(t, s)
	require.Len(t, s.hosts, 1, "only the service hears of it")
}

// S4: logins and tokens that go wrong.
func TestSuiteAuth(t *testing.T) {
	t.Parallel()
	cases := authCases()
	requireCount(t, 30, len(cases))
	s4 := part{name: "S4", what: "logins and tokens that go wrong"}
	t.Run("all", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				s4.count(t)
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { c.run(t, newAuthStage(newServer(), c, opaque)) })
			})
		}
	})
	s4.done(t)
}
