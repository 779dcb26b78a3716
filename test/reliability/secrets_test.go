package reliability

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The eight canaries of S9 are secrets with a word in them that nothing else
// has. They hold characters that are written differently in JSON, HTML and URLs.
const (
	canary = "kanarie"

	canarySecret   = `kanarieA"\&<é>/+= 1`
	canaryToken    = `kanarieB/+=&"<'>\`
	canaryOldToken = `kanarieC/+=&"<'>\`
	canaryPassword = `kanarieD-of-the-base-URL`
	canaryCallback = `http://127.0.0.1:1/hooks/kanarieE-path?token=kanarieE%2F%22%26&x=1`
	canaryLicense  = "-----BEGIN LICENSE-----\nkanarieF+one/line==&\"<é>\nkanarieF-another-line\n-----END LICENSE-----\n"
	canaryProxy    = `kanarieG:/+&of the proxy`
)

// canaryJWT is a token that says so.
func canaryJWT(n int) string {
	claims := fmt.Sprintf(`{"sub":"kanarieH","jti":"%d","iat":1646290110,"exp":1646293710}`, n)
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256"}`)) + "." + part([]byte(claims)) + ".kanarieHsignature" + strconv.Itoa(n)
}

// canaryName is what a client knows its n-th token as.
func canaryName(n int) string {
	switch n {
	case 1:
		return canaryOldToken
	case 2:
		return canaryToken
	}
	return canaryJWT(n)
}

// canaryMarks are what a canary leaves in a text: itself, in hexadecimal, and
// in the base64 of whatever it is part of.
var canaryMarks = func() []string {
	marks := []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary)))}
	for shift := range 3 {
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
		marks = append(marks, coded[(4*shift+2)/3:(shift+len(canary))*8/6])
	}
	return marks
}()

// leak is a part of the text around a canary, or "".
func leak(text string) string {
	for _, mark := range canaryMarks {
		if at := strings.Index(text, mark); at >= 0 {
			return text[max(0, at-200):min(len(text), at+200)]
		}
	}
	return ""
}

// witness keeps all that can be seen of a client: its log, its attempts, and
// the values it returns.
type witness struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *witness) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

// logger logs everything, in both of slog's forms.
func (w *witness) logger() hacarus.Option {
	all := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	return hacarus.WithLogger(slog.New(slog.NewMultiHandler(slog.NewTextHandler(w, all), slog.NewJSONHandler(w, all))))
}

func (w *witness) see(v any) {
	_, _ = io.WriteString(w, testkit.EveryPrint(v))
}

func (w *witness) seeError(err error) {
	if err != nil {
		_, _ = io.WriteString(w, testkit.EveryText(err))
	}
}

func (w *witness) seeAttempt(a hacarus.Attempt) {
	w.see(a)
	w.seeError(a.Err)
}

func (w *witness) observer() hacarus.Option {
	return hacarus.WithObserver(func(_ context.Context, a hacarus.Attempt) { w.seeAttempt(a) })
}

func (w *witness) requireNoLeak(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Positive(t, w.text.Len())
	require.Empty(t, leak(w.text.String()))
}

// secretCase is a situation in which a secret could come out.
type secretCase struct {
	name string
	run  func(t *testing.T, w *witness)
}

// secretOperations are those that send a canary of their own, and others.
func secretOperations() []operation {
	var chosen []operation
	for _, op := range operations() {
		switch op.id {
		case "setModelPredictCallback":
			op.do = func(ctx context.Context, c *hacarus.Client) (any, error) {
				return c.SetPredictCallback(ctx, "m1", hacarus.PredictCallback{URL: canaryCallback, Method: hacarus.CallbackPost})
			}
		case "setLicense":
			op.do = func(ctx context.Context, c *hacarus.Client) (any, error) {
				return c.SetLicense(ctx, hacarus.FileFromBytes("license0", []byte(canaryLicense)))
			}
		case "login", "getModelById", "exportModelsWithId", "addItem":
		default:
			continue
		}
		chosen = append(chosen, op)
	}
	return chosen
}

// secretStage is a stage whose client has had all kinds of tokens.
func secretStage(t *testing.T, w *witness, virtual bool) *stage {
	t.Helper()
	s := newStage(virtual)
	s.server.ClientSecret = canarySecret
	s.see = w.seeAttempt
	s.client = s.connect(virtual, newGateway(s.transport, canaryName), w.logger())
	for range 3 {
		_, err := s.client.Login(t.Context())
		require.NoError(t, err)
	}
	s.server.ResetCalls()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.attempts)
	return s
}

// faultSecrets are the faults of S1.
func faultSecrets() []secretCase {
	var cases []secretCase
	for _, op := range secretOperations() {
		for _, f := range singleFaults() {
			run := func(t *testing.T, w *witness, virtual bool) {
				t.Helper()
				s := secretStage(t, w, virtual)
				perform(t.Context(), t, s, op, []fault{f})
				w.seeError(s.err)
				w.see(s.client)
			}
			cases = append(cases, secretCase{"fault/" + op.id + "/" + f.name, func(t *testing.T, w *witness) {
				t.Helper()
				if !f.virtual {
					run(t, w, false)
					return
				}
				synctest.Test(t, func(t *testing.T) { run(t, w, true) })
			}})
		}
	}
	return cases
}

// authSecrets are the cases of S4.
func authSecrets() []secretCase {
	var cases []secretCase
	for _, c := range authCases() {
		cases = append(cases, secretCase{"auth/" + c.name, func(t *testing.T, w *witness) {
			t.Helper()
			synctest.Test(t, func(t *testing.T) {
				server := newServer()
				server.ClientSecret = canarySecret
				s := newAuthStage(server, c, canaryName, w.logger(), w.observer())
				s.see = w.seeError
				c.run(t, s)
				w.see(s.client)
				for _, token := range s.given {
					assert.NotContains(t, w.text.String(), token[strings.LastIndex(token, ".")+1:])
				}
			})
		}})
	}
	return cases
}

// jsonText is a text within JSON, without or with the escapes that Go adds for HTML.
func jsonText(text string, forHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	if err := e.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

func asciiJSON(text string) string {
	var b strings.Builder
	for _, r := range jsonText(text, false) {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// echoForms are the ways in which a service says a secret back.
var echoForms = map[string]func(string) string{
	"plain":         func(s string) string { return s },
	"JSON":          func(s string) string { return jsonText(s, false) },
	"JSON for HTML": func(s string) string { return jsonText(s, true) },
	"ASCII JSON":    asciiJSON,
	"JSON of PHP":   func(s string) string { return strings.ReplaceAll(asciiJSON(s), "/", `\/`) },
	"HTML":          html.EscapeString,
	"query":         url.QueryEscape,
	"path":          url.PathEscape,
	"base64":        func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"hexadecimal":   func(s string) string { return hex.EncodeToString([]byte(s)) },
	"base64 of URL": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
}

// echoPlaces are where it says them.
var echoPlaces = map[string]func(text string) hacarustest.Fault{
	"error": func(text string) hacarustest.Fault {
		return hacarustest.Status(400, nil, strings.ReplaceAll(
			`{"errors":{"title":"T","detail":"T","message":[{"key":"T","errors":["T"]}],"source":{"pointer":"T"}}}`, "T", text))
	},
	"page": func(text string) hacarustest.Fault {
		return hacarustest.Status(502, http.Header{"Content-Type": {"text/html"}}, "<html>"+text+"</html>")
	},
	"response": func(text string) hacarustest.Fault {
		return hacarustest.Status(200, nil, `{"data":"`+text+`","access_token":["`+text+`"]}`)
	},
	"redirect": func(text string) hacarustest.Fault {
		return hacarustest.Status(302, http.Header{"Location": {"https://" + text + ".example/" + text}}, "")
	},
	"request id": func(text string) hacarustest.Fault {
		return hacarustest.Status(422, http.Header{"X-Request-Id": {text}}, "{}")
	},
}

// echoSecrets are services that say back what they were sent.
func echoSecrets() []secretCase {
	var cases []secretCase
	for _, op := range secretOperations() {
		secrets := []string{canarySecret, canaryOldToken, canaryToken, canaryJWT(3)}
		switch op.id {
		case "setModelPredictCallback":
			u, err := url.Parse(canaryCallback)
			if err != nil {
				panic(err)
			}
			secrets = append(secrets, canaryCallback, u.RequestURI(), u.Path, u.Query().Get("token"))
		case "setLicense":
			secrets = append(secrets, canaryLicense, strings.Split(canaryLicense, "\n")[1])
		}
		for form, encode := range echoForms {
			var text []string
			for _, secret := range secrets {
				text = append(text, encode(secret))
			}
			for place, response := range echoPlaces {
				if op.streams() && place == "response" {
					response = echoPlaces["error"] // what comes with success is the file
				}
				cases = append(cases, secretCase{"echo/" + op.id + "/" + form + "/" + place, func(t *testing.T, w *witness) {
					t.Helper()
					synctest.Test(t, func(t *testing.T) {
						s := secretStage(t, w, true)
						defer s.server.Close()
						s.server.Inject(op.id, hacarustest.Repeat(2*maxAttempts, response(strings.Join(text, "|")))...)
						value, err := op.do(t.Context(), s.client)
						if op.id == "setLicense" && err == nil { // a success, however the service says so
							require.Equal(t, "response", place)
							require.Equal(t, &hacarus.License{}, value)
							return
						}
						require.Error(t, err)
						w.seeError(err)
					})
				}})
			}
		}
	}
	return cases
}

// eavesdropper is a host that is not the service, and all that it hears.
type eavesdropper struct {
	net.Listener
	mu    sync.Mutex
	heard bytes.Buffer
}

func (e *eavesdropper) Accept() (net.Conn, error) {
	conn, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return heardConn{conn, e}, nil
}

func (e *eavesdropper) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard.String()
}

type heardConn struct {
	net.Conn
	by *eavesdropper
}

func (c heardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.by.mu.Lock()
	defer c.by.mu.Unlock()
	c.by.heard.Write(p[:n])
	return n, err
}

// eavesdrop starts a host that is not the service.
func eavesdrop(t *testing.T, h http.HandlerFunc) (*eavesdropper, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	e := &eavesdropper{Listener: server.Listener}
	server.Listener = e
	server.Start()
	t.Cleanup(server.Close)
	return e, server.URL
}

// foreignSecrets are hosts other than the service.
func foreignSecrets() []secretCase {
	cases := []secretCase{{"host of an image", func(t *testing.T, w *witness) {
		t.Helper()
		host, base := eavesdrop(t, func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, "pixels") })
		s := secretStage(t, w, false)
		t.Cleanup(s.server.Close)
		d, err := s.client.GetImage(t.Context(), hacarus.ImageMeta{URL: base + "/1.png?signature=x"})
		require.NoError(t, err)
		w.see(d)
		require.NoError(t, d.SaveFile(filepath.Join(t.TempDir(), "1.png")))
		require.Contains(t, host.all(), "/1.png")
		require.Empty(t, leak(host.all()))
	}}}
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, operation := range []string{"login", "getModelById"} {
			cases = append(cases, secretCase{fmt.Sprint("target of a redirect/", code, " ", operation), func(t *testing.T, w *witness) {
				t.Helper()
				host, base := eavesdrop(t, func(http.ResponseWriter, *http.Request) {})
				s := secretStage(t, w, false)
				t.Cleanup(s.server.Close)
				s.server.RevokeTokens()
				s.server.Inject(operation, hacarustest.Status(code, http.Header{"Location": {base + "/api/auth/token?secret=" + url.QueryEscape(canarySecret)}}, ""))
				err := errorOf(s.client.GetModel(t.Context(), "m1"))
				require.ErrorIs(t, err, hacarus.ErrRedirect)
				w.seeError(err)
				require.Empty(t, host.all())
			}})
		}
	}
	return append(cases, proxySecrets()...)
}

// proxySecrets are proxies that want a password, and say back what they hear.
func proxySecrets() []secretCase {
	// refused makes the proxy respond with what it was sent.
	refused := func(code int) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(rw).Hijack()
			if err != nil {
				return
			}
			sent := r.Header.Get("Proxy-Authorization")
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(sent, "Basic "))
			_, password, _ := strings.Cut(string(raw), ":")
			fmt.Fprintf(conn, "HTTP/1.1 %d no, %s, %s\r\nContent-Type: text/html\r\n\r\n%[2]s %[3]s", code, sent, password)
			_ = conn.Close()
		}
	}
	var cases []secretCase
	for name, proxy := range map[string]http.HandlerFunc{
		"passes":          connect,
		"wants another":   refused(407),
		"is broken":       refused(502),
		"breaks off":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"speaks nonsense": func(rw http.ResponseWriter, _ *http.Request) { hijackedNonsense(rw) },
	} {
		cases = append(cases, secretCase{"proxy " + name, func(t *testing.T, w *witness) {
			t.Helper()
			host, base := eavesdrop(t, proxy)
			through, err := url.Parse(base)
			require.NoError(t, err)
			through.User = url.UserPassword("line7", canaryProxy)
			s := newServer()
			t.Cleanup(s.Close)
			s.ClientSecret = canarySecret
			origin := secureFront(t, s)
			roots := x509.NewCertPool()
			roots.AddCert(origin.Certificate())
			transport := &http.Transport{Proxy: http.ProxyURL(through)}
			transport.TLSClientConfig = origin.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			transport.TLSClientConfig.RootCAs = roots
			t.Cleanup(transport.CloseIdleConnections)
			c, err := hacarus.New(origin.URL, hacarus.WithCredentials(s.ClientID, canarySecret), w.logger(), w.observer(),
				hacarus.WithHTTPClient(&http.Client{Transport: transport}),
				hacarus.WithRetry(hacarus.RetryPolicy{MinWait: time.Millisecond, MaxWait: time.Millisecond}))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, c.Close()) })
			token, err := c.Login(t.Context())
			require.Equal(t, name == "passes", err == nil, "%v", err)
			w.seeError(err)
			w.seeError(errorOf(c.GetModel(t.Context(), "m1")))
			require.NoError(t, c.Close()) // printing reads what a login may be changing
			w.see(c)

			heard := host.all()
			require.Contains(t, heard, "CONNECT ")
			heard = regexp.MustCompile(`Proxy-Authorization: .*\r\n`).ReplaceAllString(heard, "") // it is the proxy's own
			require.Empty(t, leak(heard))
			if token != nil {
				require.NotContains(t, heard, token.AccessToken)
			}
		}})
	}
	return cases
}

func hijackedNonsense(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "no HTTP\r\n\r\n")
	_ = conn.Close()
}

// connect is a proxy's CONNECT.
func connect(rw http.ResponseWriter, r *http.Request) {
	target, err := new(net.Dialer).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	conn, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		_ = target.Close()
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(conn, target)
		_ = conn.Close()
	}()
	_, _ = io.Copy(target, bufio.NewReader(io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), conn)))
	_ = target.Close()
}

// secureFront is the service behind TLS.
func secureFront(t *testing.T, s *hacarustest.Server) *httptest.Server {
	t.Helper()
	service, err := url.Parse(s.URL)
	require.NoError(t, err)
	inner := &http.Transport{}
	front := httptest.NewTLSServer(&httputil.ReverseProxy{
		Transport: inner,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(service) },
	})
	t.Cleanup(inner.CloseIdleConnections)
	t.Cleanup(front.Close)
	return front
}

// argumentSecrets are secrets in arguments, good and bad.
func argumentSecrets() []secretCase {
	var cases []secretCase
	for _, base := range []string{
		"https://line7:%s@check.example", "http://line7:%s@127.0.0.1:1", "https://line7:%s@check.example:99999",
		"https://line7:%s@check.example/%%zz", "https://line7:%s@", "//line7:%s@check.example", "https://line7:%s@check.example\x7f",
	} {
		cases = append(cases, secretCase{"base URL/" + base, func(t *testing.T, w *witness) {
			t.Helper()
			_, err := hacarus.New(fmt.Sprintf(base, canaryPassword), hacarus.WithCredentials("id", canarySecret))
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
			w.seeError(err)
		}})
	}
	for _, callback := range []string{"ftp://h/kanarieE", "http://h/kanarieE path", "http://h/%zz/kanarieE", "kanarieE", "http://h:0/kanarieE"} {
		cases = append(cases, secretCase{"callback/" + callback, func(t *testing.T, w *witness) {
			t.Helper()
			s := newServer()
			t.Cleanup(s.Close)
			_, err := s.Client().SetPredictCallback(t.Context(), "m1", hacarus.PredictCallback{URL: callback, Method: hacarus.CallbackGet})
			require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
			w.seeError(err)
		}})
	}
	return append(cases, secretCase{"values", func(t *testing.T, w *witness) {
		t.Helper()
		s := secretStage(t, w, false)
		t.Cleanup(s.server.Close)
		require.NoError(t, errorOf(s.client.GetModel(t.Context(), "m1")))
		d, err := s.client.GetLogs(t.Context())
		require.NoError(t, err)
		for _, v := range []any{
			s.client, d, hacarus.WithCredentials("id", canarySecret), w.logger(), hacarus.RetryPolicy{},
			[]hacarus.Option{hacarus.WithCredentials("id", canarySecret)}, hacarus.FileFromBytes("license0", []byte(canaryLicense)),
		} {
			w.see(v)
		}
		require.NoError(t, d.Close())
	}})
}

// silence takes what the process says by itself, until the returned function.
func silence(t *testing.T) func() string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = file
	log.SetOutput(file)
	return func() string {
		os.Stderr = stderr
		log.SetOutput(stderr)
		require.NoError(t, file.Close())
		said, err := os.ReadFile(file.Name())
		require.NoError(t, err)
		return string(said)
	}
}

// S9: eight secrets, through every way out. It runs alone, since it takes the
// process's stderr.
func TestSuiteSecrets(t *testing.T) {
	for _, planted := range []string{
		canarySecret, canaryToken, canaryOldToken, canaryPassword, canaryCallback, canaryLicense, canaryProxy, canaryJWT(1),
	} {
		for name, encode := range echoForms {
			require.NotEmpty(t, leak("... "+encode(planted)), "a test that finds no %s of %s finds nothing", name, planted)
		}
		require.NotEmpty(t, leak(fmt.Sprintf("%x", planted)))
	}
	said := silence(t)
	s9 := part{name: "S9", what: "eight secrets in errors, logs, hooks, prints and at other hosts, also where they are said back"}
	cases := slices.Concat(faultSecrets(), authSecrets(), echoSecrets(), foreignSecrets(), argumentSecrets())
	t.Run("all", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				s9.count(t)
				t.Parallel()
				w := &witness{}
				c.run(t, w)
				w.requireNoLeak(t)
			})
		}
	})
	t.Setenv("HACARUS_BASE_URL", "https://line7:"+canaryPassword+"@check.example")
	t.Setenv("HACARUS_CLIENT_ID", "id")
	t.Setenv("HACARUS_CLIENT_SECRET", canarySecret)
	_, err := hacarus.NewFromEnv()
	require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
	require.Empty(t, leak(testkit.EveryText(err)))
	require.Empty(t, said())
	requireCount(t, 240+30+330+16+13, len(cases))
	s9.done(t)
}
