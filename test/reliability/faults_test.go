package reliability

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// effect is what a fault does to a request, as far as the promises go.
type effect int

const (
	served      effect = iota // no fault
	notSent                   // certainly
	lost                      // not executed, but nobody can know
	unwritten                 // not executed, and known where there is a body whose end the service never had
	executed                  // executed, and the response is lost
	cutOff                    // executed, and the response broken off in its body
	stalled                   // as cutOff, but silent
	nonsense                  // executed, and the response makes no sense
	oversized                 // executed, and the response is too large
	overflowing               // as oversized, before the status is known
	redirected                // not executed
	ledAway                   // not executed, but nobody can know: forms redirect so
	refused                   // not executed, for good
	stranger                  // not executed: the token is not good
	declined                  // not executed for now
	failing                   // not executed, but nobody can know
)

// fault is one thing that goes wrong with one request.
type fault struct {
	name    string
	effect  effect
	kind    error             // of the error it causes
	inject  hacarustest.Fault // in the service,
	dial    func() (net.Conn, error)
	virtual bool // it takes time
	always  bool // with each request
}

// isLong says that a fault is many megabytes.
func (f fault) isLong() bool { return f.effect == oversized || f.effect == overflowing }

func dialFault(name string, conn func() (net.Conn, error), kind error) fault {
	return fault{name: name, effect: notSent, kind: kind, dial: conn}
}

func dialError(err error) func() (net.Conn, error) {
	return func() (net.Conn, error) { return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err} }
}

func withStatus(code int, kind error, e effect, header ...string) fault {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	f := fault{name: fmt.Sprint(code), effect: e, kind: kind, inject: hacarustest.Status(code, h, `{"errors":{"title":"x"}}`)}
	f.virtual = h.Get("Retry-After") != ""
	return f
}

func spoilt(name string, e effect, kind error, inject hacarustest.Fault) fault {
	return fault{name: name, effect: e, kind: kind, inject: inject}
}

// resetConn is a connection that the other side reset before it read anything.
// Its Read waits, so that the failure to write comes first.
type resetConn struct{ net.Conn }

func (resetConn) Write([]byte) (int, error) { return 0, syscall.ECONNRESET }

func resetAtAccept() (net.Conn, error) {
	conn, _ := net.Pipe()
	return resetConn{conn}, nil
}

// singleFaults are the 40 single faults.
func singleFaults() []fault {
	truncated := hacarustest.Truncated(5)
	always := withStatus(401, hacarus.ErrUnauthorized, stranger)
	always.name, always.always = "401 always", true
	atAccept := dialFault("reset at accept", resetAtAccept, syscall.ECONNRESET)
	atAccept.effect = unwritten
	slow := func(f fault) fault { f.virtual = true; return f }
	return []fault{
		dialFault("refused connection", dialError(syscall.ECONNREFUSED), syscall.ECONNREFUSED),
		dialFault("no such host", dialError(&net.DNSError{Err: "no such host", Name: "h", IsNotFound: true}), nil),
		dialFault("name server away", dialError(&net.DNSError{Err: "server misbehaving", Name: "h", IsTemporary: true}), nil),
		atAccept,
		spoilt("reset after the header", lost, nil, hacarustest.ResetConnection().Before()),
		spoilt("reset in the body", lost, nil, hacarustest.ResetInBody(1)),
		spoilt("reset after execution", executed, nil, hacarustest.ResetConnection()),
		spoilt("close after execution", executed, nil, hacarustest.CloseConnection()),
		spoilt("garbage", executed, nil, hacarustest.Garbage()),
		spoilt("bad status line", executed, nil, hacarustest.Raw([]byte("HTTP/1.1 OK 200\r\n\r\n"))),
		spoilt("two lengths", executed, nil, hacarustest.Raw([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"))),
		spoilt("huge header", overflowing, hacarus.ErrResponseTooLarge, hacarustest.Raw([]byte("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 11<<20)))),
		spoilt("early hints without end", executed, nil, hacarustest.Raw([]byte(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100)))),
		withStatus(300, hacarus.ErrRedirect, redirected),
		withStatus(301, hacarus.ErrRedirect, ledAway, "Location", "/elsewhere"),
		withStatus(302, hacarus.ErrRedirect, ledAway, "Location", "http://other.example/"),
		withStatus(307, hacarus.ErrRedirect, redirected, "Location", "http://127.0.0.1:2/"),
		withStatus(308, hacarus.ErrRedirect, redirected, "Location", "http://127.0.0.1:1/"),
		withStatus(400, hacarus.ErrBadRequest, refused),
		withStatus(401, hacarus.ErrUnauthorized, stranger),
		always,
		withStatus(403, hacarus.ErrForbidden, refused),
		withStatus(404, hacarus.ErrNotFound, refused),
		withStatus(408, nil, failing),
		spoilt("413 early", refused, hacarus.ErrTooLarge, hacarustest.EarlyReply(413)),
		withStatus(422, hacarus.ErrUnprocessable, refused),
		withStatus(425, hacarus.ErrBusy, declined),
		withStatus(429, hacarus.ErrRateLimited, declined, "Retry-After", "2"),
		withStatus(500, hacarus.ErrServer, failing),
		withStatus(501, hacarus.ErrServer, refused),
		spoilt("502 page", failing, hacarus.ErrServer, hacarustest.HTML(502)),
		withStatus(503, hacarus.ErrServer, failing, "Retry-After", "1"),
		withStatus(504, hacarus.ErrServer, failing),
		withStatus(599, hacarus.ErrServer, failing),
		slow(spoilt("stall before the header", executed, nil, hacarustest.Stall())),
		slow(spoilt("stall in the body", stalled, nil, hacarustest.StallInBody(5))),
		spoilt("truncated", cutOff, hacarus.ErrDecode, truncated),
		spoilt("truncated chunks", cutOff, hacarus.ErrDecode, hacarustest.TruncatedChunks(5)),
		spoilt("page in place of the response", nonsense, hacarus.ErrDecode, hacarustest.HTML(200).After()),
		spoilt("bomb", oversized, hacarus.ErrResponseTooLarge, hacarustest.GzipBomb(65<<20)),
	}
}

// promise is what the fault matrix says of a call.
type promise struct {
	ok         bool
	kind       error
	unknown    bool // the outcome, for the caller
	executions int
	attempts   int
}

const maxAttempts = 5 // of a call, by default

// promised is the reference model: the fault matrix, step by step.
func promised(op operation, script []fault) promise {
	var p promise
	maybe, deleted, renewed := false, false, 0
	execute := func() {
		if !deleted {
			p.executions++
		}
		deleted = op.class() == 'D'
	}
	stateful := op.class() != 'R' && op.class() != 'A'
	end := func(kind error, unknown bool) promise {
		p.kind, p.unknown = kind, unknown && stateful
		return p
	}
	for {
		f := fault{}
		if p.attempts < len(script) {
			f = script[p.attempts]
		} else if len(script) > 0 && script[len(script)-1].always {
			f = script[len(script)-1]
		}
		p.attempts++
		e := f.effect
		if deleted && (e == cutOff || e == stalled) {
			f.kind, e = hacarus.ErrNotFound, refused // the service's response is an error
		}
		switch {
		case op.streams() && (e == stalled || e == cutOff):
			e = nonsense // the caller reads it, and gets the error
		case op.streams() && e == oversized:
			f.kind = hacarus.ErrDecode // files are not packed on the way
		case e == stalled:
			e = cutOff
		}
		again := true
		switch e {
		case served:
			if deleted {
				return end(hacarus.ErrNotFound, maybe)
			}
			execute()
			p.ok = true
			return p
		case notSent, declined:
		case unwritten:
			maybe = maybe || !op.sendsBody()
		case lost, failing:
			maybe, again = true, op.class() != 'N'
		case executed:
			execute()
			maybe, again = true, op.class() != 'N'
		case cutOff:
			execute()
			maybe = true
			if op.class() == 'N' {
				return end(f.kind, false) // it was executed, and the error says so
			}
		case nonsense, oversized:
			execute()
			return end(f.kind, false)
		case overflowing:
			execute()
			return end(f.kind, true)
		case redirected, refused:
			return end(f.kind, maybe)
		case ledAway:
			return end(f.kind, true)
		case stranger:
			if op.id == "login" || renewed == 1 {
				return end(f.kind, maybe)
			}
			renewed++
		}
		if !again || p.attempts-renewed >= maxAttempts && e != stranger {
			return end(f.kind, maybe && e != cutOff) // a response that broke off says that it was executed
		}
	}
}

// stage is a service, a client, and what goes wrong between them.
type stage struct {
	server    *hacarustest.Server
	transport *http.Transport
	client    *hacarus.Client
	err       error // of the call
	see       func(hacarus.Attempt)

	mu       sync.Mutex
	dials    []func() (net.Conn, error) // one for each coming connection; nil: as usual
	attempts map[string]int
}

// newStage makes a service and a client that connects anew for each request.
func newStage(virtual bool) *stage {
	s := &stage{server: newServer(), attempts: map[string]int{}}
	transport := &http.Transport{DialContext: new(net.Dialer).DialContext}
	if virtual {
		transport = s.server.Transport().(*http.Transport)
	}
	dial := transport.DialContext
	transport.DisableKeepAlives = true
	transport.MaxResponseHeaderBytes = 1 << 20
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if instead := s.nextDial(); instead != nil {
			return instead()
		}
		return dial(ctx, network, address)
	}
	s.transport = transport
	s.client = s.connect(virtual, transport)
	return s
}

// connect makes a client whose attempts are counted, and which does not wait
// for long unless that takes no time.
func (s *stage) connect(virtual bool, transport http.RoundTripper, opts ...hacarus.Option) *hacarus.Client {
	opts = append(opts, hacarus.WithHTTPClient(&http.Client{Transport: transport}), hacarus.WithObserver(s.count))
	if !virtual {
		opts = append(opts, hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}))
	}
	return s.server.Client(opts...)
}

func (s *stage) count(_ context.Context, a hacarus.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[a.Operation]++
	if s.see != nil {
		s.see(a)
	}
}

func (s *stage) nextDial() func() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dials) == 0 {
		return nil
	}
	next := s.dials[0]
	s.dials = s.dials[1:]
	return next
}

// prepare lets the script go wrong with the operation's next requests. Logins
// in between connect as usual.
func (s *stage) prepare(op operation, script []fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range script {
		s.dials = append(s.dials, f.dial)
		if f.effect == stranger && op.id != "login" {
			s.dials = append(s.dials, nil) // the login that follows
		}
		if f.dial != nil {
			continue
		}
		if f.always {
			s.server.Inject(op.id, hacarustest.Repeat(2*maxAttempts, f.inject)...)
			continue
		}
		s.server.Inject(op.id, f.inject)
	}
}

func (s *stage) attemptsOf(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts[operation]
}

// perform logs in, calls the operation through the script, and compares what
// came of it with the promise.
func perform(ctx context.Context, t *testing.T, s *stage, op operation, script []fault) {
	t.Helper()
	defer s.server.Close()
	if testing.Short() && op.id != "getItems" && slices.ContainsFunc(script, fault.isLong) {
		t.Skip("so many bytes go the same way with each operation")
	}
	if op.id != "login" {
		_, err := s.client.Login(ctx)
		require.NoError(t, err)
	}
	s.prepare(op, script)
	begun := time.Now()
	err := op.call(ctx, s.client)
	took := time.Since(begun)
	s.err = err
	want := promised(op, script)

	require.Equal(t, want.ok, err == nil, "%v", err)
	require.Equal(t, want.executions, s.server.Executions(op.id), "executions: %v", err)
	require.Equal(t, want.attempts, s.attemptsOf(op.id), "attempts: %v", err)
	require.Less(t, took, 6*time.Minute)
	if err == nil {
		return
	}
	if want.kind != nil {
		require.ErrorIs(t, err, want.kind)
	}
	require.Equal(t, want.unknown, errors.Is(err, hacarus.ErrOutcomeUnknown), "unknown: %v", err)
	requireTyped(t, op, err, s.server.Executions(op.id))
	require.NotContains(t, fmt.Sprintf("%+v", err), s.server.ClientSecret)
}

// requireTyped checks that an error is one of the SDK's, names its operation,
// and has an outcome that the ledger bears out.
func requireTyped(t *testing.T, op operation, err error, executions int) {
	t.Helper()
	var base *hacarus.BaseError
	var failed *hacarus.RequestError
	var outcome hacarus.Outcome
	switch {
	case errors.As(err, &base):
		require.Equal(t, op.id, base.Operation)
		outcome = base.Outcome
	case errors.As(err, &failed):
		require.Equal(t, op.id, failed.Operation)
		outcome = failed.Outcome
	default:
		require.True(t, op.streams(), "an error of reading a file: %v", err)
		return
	}
	switch outcome {
	case hacarus.OutcomeNotSent, hacarus.OutcomeNotExecuted:
		if op.class() != 'R' && op.class() != 'A' { // what reads left behind is nothing
			require.Zero(t, executions, "%v", err)
		}
	case hacarus.OutcomeExecuted:
		require.Positive(t, executions, "%v", err)
	case hacarus.OutcomeUnknown:
		if op.class() == 'N' { // the others may be repeated
			require.LessOrEqual(t, executions, 1, "%v", err)
		}
	default:
		require.Fail(t, "no outcome", "%v", err)
	}
}

// S1: every single fault with every operation.
func TestSuiteSingleFaults(t *testing.T) {
	t.Parallel()
	faults := singleFaults()
	requireCount(t, 40, len(faults))
	s1 := part{name: "S1", what: "one fault, each with each operation"}
	t.Run("all", func(t *testing.T) {
		for _, op := range operations() {
			for _, f := range faults {
				t.Run(op.id+"/"+f.name, func(t *testing.T) {
					s1.count(t)
					t.Parallel()
					if !f.virtual {
						perform(t.Context(), t, newStage(false), op, []fault{f})
						return
					}
					synctest.Test(t, func(t *testing.T) { perform(t.Context(), t, newStage(true), op, []fault{f}) })
				})
			}
		}
	})
	s1.done(t)
}

// S2: what goes wrong more than once in a call.
func TestSuiteSequences(t *testing.T) {
	t.Parallel()
	reset := spoilt("reset", executed, nil, hacarustest.ResetConnection())
	cut := spoilt("cut", cutOff, hacarus.ErrDecode, hacarustest.Truncated(5))
	stall := spoilt("stall", stalled, nil, hacarustest.StallInBody(5))
	busy := withStatus(425, hacarus.ErrBusy, declined)
	away := withStatus(503, hacarus.ErrServer, failing)
	bad := withStatus(400, hacarus.ErrBadRequest, refused)
	slow := withStatus(429, hacarus.ErrRateLimited, declined)
	unknown := withStatus(401, hacarus.ErrUnauthorized, stranger)
	scripts := map[string]struct {
		faults []fault
		login  []hacarustest.Fault // of the login that follows a 401
	}{
		"503, 503":        {faults: []fault{away, away}},
		"reset, reset":    {faults: []fault{reset, reset}},
		"reset, 503":      {faults: []fault{reset, away}},
		"503, 400":        {faults: []fault{away, bad}},
		"reset, 401":      {faults: []fault{reset, unknown}},
		"401, 503":        {faults: []fault{unknown, away}},
		"429, 429":        {faults: []fault{slow, slow}},
		"425 three times": {faults: []fault{busy, busy, busy}},
		"401, login 503":  {faults: []fault{unknown}, login: []hacarustest.Fault{hacarustest.Status(503, nil, "{}")}},
		"cut":             {faults: []fault{cut}},
		"stall":           {faults: []fault{stall}},
		"503 for ever":    {faults: slices.Repeat([]fault{away}, 2*maxAttempts)},
	}
	requireCount(t, 12, len(scripts))
	s2 := part{name: "S2", what: "several faults in one call"}
	t.Run("all", func(t *testing.T) {
		for _, op := range operations() {
			for name, script := range scripts {
				t.Run(op.id+"/"+name, func(t *testing.T) {
					s2.count(t)
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						s := newStage(true)
						if op.id != "login" {
							s.server.Inject("login", append([]hacarustest.Fault{{}}, script.login...)...)
						}
						perform(t.Context(), t, s, op, script.faults)
					})
				})
			}
		}
	})
	s2.done(t)
}

// phases are when a call's context ends.
var phases = map[string]struct {
	prepare func(t *testing.T, s *stage, op operation, cancel context.CancelFunc)
	sent    bool // the request, or a part of it
	succeed bool
}{
	"before the call": {prepare: func(_ *testing.T, _ *stage, _ operation, cancel context.CancelFunc) { cancel() }},
	"waiting for a token": {prepare: func(_ *testing.T, s *stage, _ operation, cancel context.CancelFunc) {
		s.server.Inject("login", hacarustest.Stall().Before())
		time.AfterFunc(time.Second, cancel)
	}},
	"connecting": {prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
		s.dials = append(s.dials, blockedDial(t))
		time.AfterFunc(time.Second, cancel)
	}},
	"TLS handshake": {prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		s.client = handshakeClient(t, op)
		time.AfterFunc(time.Second, cancel)
	}},
	"sending": {sent: true, prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
		s.dials = append(s.dials, deafDial(t))
		time.AfterFunc(time.Second, cancel)
	}},
	"waiting for the response": {sent: true, prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
		s.server.Inject(op.id, hacarustest.Stall())
		time.AfterFunc(time.Second, cancel)
	}},
	"reading the response": {sent: true, prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
		s.server.Inject(op.id, hacarustest.StallInBody(5))
		time.AfterFunc(time.Second, cancel)
	}},
	"backoff": {prepare: func(t *testing.T, s *stage, op operation, cancel context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
		s.server.Inject(op.id, hacarustest.Status(429, http.Header{"Retry-After": {"30"}}, "{}"))
		time.AfterFunc(time.Second, cancel)
	}},
	"after the response": {succeed: true, prepare: func(t *testing.T, s *stage, op operation, _ context.CancelFunc) {
		t.Helper()
		loggedIn(t, s, op)
	}},
}

func loggedIn(t *testing.T, s *stage, op operation) {
	t.Helper()
	if op.id != "login" {
		_, err := s.client.Login(t.Context())
		require.NoError(t, err)
	}
}

// handshakeClient is a client whose connections begin with a handshake that
// the other side does not take part in.
func handshakeClient(t *testing.T, op operation) *hacarus.Client {
	t.Helper()
	dial := deafDial(t)
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dial() }}
	identity := hacarus.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-the-suite"}))
	if op.id == "login" {
		identity = hacarus.WithCredentials("id", "a-secret-of-the-suite")
	}
	c, err := hacarus.New("https://127.0.0.1:1", identity, hacarus.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return c
}

// deafDial is a connection that nobody reads from.
func deafDial(t *testing.T) func() (net.Conn, error) {
	t.Helper()
	return func() (net.Conn, error) {
		conn, other := net.Pipe()
		t.Cleanup(func() { assert.NoError(t, other.Close()) })
		return conn, nil
	}
}

// blockedDial is a connection that never comes, until the test ends.
func blockedDial(t *testing.T) func() (net.Conn, error) {
	t.Helper()
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	return func() (net.Conn, error) {
		<-ended
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	}
}

// S3: the context ends in each phase of each operation.
func TestSuiteCancellations(t *testing.T) {
	t.Parallel()
	s3 := part{name: "S3", what: "the context ends, in nine phases"}
	requireCount(t, 9, len(phases))
	t.Run("all", func(t *testing.T) {
		for _, op := range operations() {
			for name, phase := range phases {
				t.Run(op.id+"/"+name, func(t *testing.T) {
					s3.count(t)
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						s := newStage(true)
						defer s.server.Close()
						if phase.succeed {
							transport := cancelAfter{s.server.Transport(), op.id == "login", cancel}
							s.client = s.server.Client(hacarus.WithHTTPClient(&http.Client{Transport: transport}))
						}
						phase.prepare(t, s, op, cancel)
						begun := time.Now()
						err := op.call(ctx, s.client)
						checkCancelled(t, s, op, phase.sent, phase.succeed, time.Since(begun), err)
					})
				})
			}
		}
	})
	s3.done(t)
}

func checkCancelled(t *testing.T, s *stage, op operation, sent, succeed bool, took time.Duration, err error) {
	t.Helper()
	if succeed {
		require.NoError(t, err, "a response that came is not thrown away")
		return
	}
	require.ErrorIs(t, err, context.Canceled)
	require.LessOrEqual(t, took, time.Second+50*time.Millisecond)
	executions := s.server.Executions(op.id)
	requireTyped(t, op, err, executions)
	unknown := errors.Is(err, hacarus.ErrOutcomeUnknown)
	if !sent {
		require.Zero(t, executions)
		require.False(t, unknown, "%v", err)
	}
	if op.class() == 'R' || op.class() == 'A' {
		require.False(t, unknown, "%v", err)
	}
}

// cancelAfter ends the caller's context when a whole response has arrived, that
// of a login or of another operation, before the caller sees it.
type cancelAfter struct {
	next   http.RoundTripper
	login  bool
	cancel context.CancelFunc
}

func (c cancelAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(strings.NewReader(string(raw)))
	if strings.HasSuffix(r.URL.Path, "/auth/token") == c.login {
		c.cancel()
	}
	return response, err
}

// S12: random scripts of random faults, against the model.
func TestSuiteModel(t *testing.T) {
	t.Parallel()
	all := operations()
	faults := slices.DeleteFunc(singleFaults(), func(f fault) bool {
		// Long ones stand alone in S1, and whether an early response is seen is the network's chance.
		return f.always || f.isLong() || f.name == "413 early"
	})
	scripts, workers := 2000, 8
	if *testkit.Full {
		scripts = 20000
	}
	s12 := part{name: "S12", what: "random scripts of up to six faults, against a model of the promises"}
	t.Run("all", func(t *testing.T) {
		for worker := range workers {
			t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
				t.Parallel()
				for n := worker; n < scripts; n += workers {
					random := rand.New(rand.NewPCG(2026, uint64(n)))
					op := all[random.IntN(len(all))]
					var script []fault
					names := []string{op.id}
					for range 1 + random.IntN(6) {
						f := faults[random.IntN(len(faults))]
						script = append(script, f)
						names = append(names, f.name)
					}
					ok := t.Run(fmt.Sprint(n, " ", strings.Join(names, ", ")), func(t *testing.T) {
						s12.count(t)
						synctest.Test(t, func(t *testing.T) { perform(t.Context(), t, newStage(true), op, script) })
					})
					if !assert.True(t, ok) {
						return
					}
				}
			})
		}
	})
	s12.done(t)
}
