package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/exit"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/output"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/program"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/settings"
)

// patience is how long a check may take.
const patience = 10 * time.Second

// examination makes the checks, one after the other: what a later one needs, an
// earlier one has found good.
type examination struct {
	p      *program.Program
	checks []Check

	settings settings.Settings
	base     *url.URL
	proxied  bool
	client   *hacarus.Client
}

func (e *examination) good(name, title, detail, hint string) bool {
	e.checks = append(e.checks, Check{Name: name, OK: true, title: title, Detail: output.JSONString(detail), Hint: hint})
	return true
}

func (e *examination) bad(name, title string, err error, hint string) bool {
	e.checks = append(e.checks, Check{Name: name, title: title, Detail: output.JSONString(e.p.Explain(err)), Hint: hint})
	return false
}

// all makes all checks that can be made.
func (e *examination) all(ctx context.Context, cmd *cli.Command) {
	if !e.checkSettings(ctx, cmd) || !e.checkProxy(ctx) || !e.checkAddress(ctx) || !e.checkService(ctx) {
		return
	}
	defer e.client.Close()
	if e.checkLogin(ctx) {
		e.checkLicense(ctx)
		e.checkAlgorithms(ctx)
		e.checkModels(ctx)
		e.checkSpeed(ctx)
	}
}

func (e *examination) checkSettings(ctx context.Context, cmd *cli.Command) bool {
	p, title := e.p, e.p.Text("Settings")
	s, err := settings.Resolve(ctx, p, cmd)
	if err != nil {
		return e.bad("settings", title, err, p.Text("correct the file or the flag"))
	}
	e.settings = s
	client, err := s.Client(p, hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 2, MaxRetryAfter: time.Second}))
	if err != nil {
		return e.bad("settings", title, err, p.Text("set the variables, or write a profile"))
	}
	e.client = client
	if e.base, err = url.Parse(s.BaseURL); err != nil {
		return e.bad("settings", title, err, "")
	}
	var origins []string
	for _, setting := range []string{"base-url", "client-id", "client-secret", "ca-file"} {
		if origin := s.Origins[setting]; origin != "" {
			origins = append(origins, setting+": "+origin)
		}
	}
	return e.good("settings", title, e.base.Redacted()+" ("+p.Join(origins)+")", "")
}

// checkProxy tells which proxy the requests take.
func (e *examination) checkProxy(ctx context.Context) bool {
	p, title := e.p, e.p.Text("Proxy")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.settings.BaseURL, nil)
	if err != nil {
		return e.bad("proxy", title, err, p.Text("correct the base URL"))
	}
	proxy, err := http.ProxyFromEnvironment(request)
	switch {
	case err != nil:
		return e.bad("proxy", title, err, p.Text("correct HTTPS_PROXY and HTTP_PROXY"))
	case proxy == nil:
		return e.good("proxy", title, p.Text("none"), "")
	}
	e.proxied = true
	return e.good("proxy", title, proxy.Redacted(), "")
}

// checkAddress looks the host up, unless a proxy does that.
func (e *examination) checkAddress(ctx context.Context) bool {
	p, title, host := e.p, e.p.Text("Address"), e.base.Hostname()
	if e.proxied {
		return e.good("dns", title, p.Text("looked up by the proxy"), "")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return e.bad("dns", title, err, p.Text("check the name in the base URL, and this computer's name server"))
	}
	return e.good("dns", title, host+": "+p.Join(addresses), "")
}

// checkService asks for what needs a login, without one: that the API refuses it
// shows that it is the API.
func (e *examination) checkService(ctx context.Context) bool {
	p := e.p
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	response, err := e.get(ctx)
	if err != nil {
		return e.bad("connection", p.Text("Connection"), err, e.connectionHint(err))
	}
	defer response.Body.Close()
	took := time.Since(begun)
	e.good("connection", p.Text("Connection"), p.Text("%s after %d ms", response.Proto, took.Milliseconds()), "")
	e.checkCertificate(response.TLS)
	e.checkClock(response.Header.Get("Date"), begun.Add(took/2))
	return e.checkAPI(response)
}

func (e *examination) get(ctx context.Context) (*http.Response, error) {
	target := strings.TrimSuffix(strings.TrimRight(e.settings.BaseURL, "/"), "/api") + "/api/v1/algorithms/"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	if e.settings.CAFile != "" {
		pool, err := settings.Trusted(e.settings.CAFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(request)
}

func (e *examination) connectionHint(err error) string {
	p := e.p
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return p.Text("give the certificate of the service's authority with --ca-file, and check this computer's clock")
	}
	return p.Text("check the base URL, the firewall, and that the service runs")
}

// soon is how early the end of a certificate is told of.
const soon = 14 * 24 * time.Hour

func (e *examination) checkCertificate(state *tls.ConnectionState) {
	p, title := e.p, e.p.Text("Certificate")
	if state == nil {
		e.good("tls", title, p.Text("none: http is not encrypted"), "")
		return
	}
	end, hint := state.PeerCertificates[0].NotAfter, ""
	names := make([]string, len(state.PeerCertificates))
	for i, certificate := range state.PeerCertificates {
		names[i] = cmp.Or(certificate.Subject.CommonName, certificate.Subject.String())
		if certificate.NotAfter.Before(end) {
			end = certificate.NotAfter
		}
	}
	if time.Until(end) < soon {
		hint = p.Text("have it renewed")
	}
	e.good("tls", title, p.Text("%s, valid until %s", strings.Join(names, " < "), end.Local().Format(time.DateTime)), hint)
}

// maxOffset is how far clocks may be apart before that spoils certificates and
// records.
const maxOffset = time.Minute

func (e *examination) checkClock(date string, at time.Time) {
	p, title := e.p, e.p.Text("Clock")
	served, err := http.ParseTime(date)
	if err != nil {
		e.good("clock", title, p.Text("the service does not tell its time"), "")
		return
	}
	offset := offsetOf(at, served)
	detail := p.Text("this computer's is %s off the service's", offset.String())
	if offset.Abs() > maxOffset {
		e.bad("clock", title, errors.New(detail), p.Text("set the clock, by NTP for instance"))
		return
	}
	e.good("clock", title, detail, "")
}

// offsetOf is how far this computer's time is off the service's, which is told
// without fractions of a second.
func offsetOf(here, served time.Time) time.Duration {
	return here.Sub(served).Truncate(time.Second)
}

// checkAPI tells the API from a web page.
func (e *examination) checkAPI(response *http.Response) bool {
	p, title := e.p, "API"
	start, _ := io.ReadAll(io.LimitReader(response.Body, 512)) // what came tells enough
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	detail := p.Text("%s, %s", response.Status, cmp.Or(kind, http.DetectContentType(start)))
	if response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusOK || kind == "text/html" {
		hint := p.Text("check the base URL: this is something else, or a proxy's page")
		if location := response.Header.Get("Location"); location != "" {
			hint = p.Text("it redirects to %s; check the base URL", location)
		}
		return e.bad("api", title, errors.New(detail), hint)
	}
	if strings.HasPrefix(response.Header.Get("Server"), "hacarustest") {
		detail += p.Text("; a stand-in, not the service")
	}
	return e.good("api", title, detail, "")
}

func (e *examination) checkLogin(ctx context.Context) bool {
	p, title := e.p, e.p.Text("Login")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := e.client.Login(ctx)
	if err != nil {
		e.bad("login", title, err, p.Text("check the client id and its secret"))
		e.checks[len(e.checks)-1].denied = exit.Code(ctx, err) == exit.Denied
		return false
	}
	if token.Expiry.IsZero() {
		return e.good("login", title, p.Text("the token's lifetime is not told"), "")
	}
	return e.good("login", title, p.Text("the token is valid until %s", token.Expiry.Local().Format(time.DateTime)), "")
}

// nobody is a name that no model and no item has.
const nobody = "hacarus-doctor-asks-for-nothing"

// checkLicense asks for a prediction of nothing by nobody: nothing else of the API
// needs a license and changes nothing. That it is refused is what is wanted; the
// reason tells.
func (e *examination) checkLicense(ctx context.Context) {
	p, title := e.p, e.p.Text("License")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := e.client.PredictItems(ctx, nobody, nobody)
	switch {
	case exit.Code(ctx, err) == exit.Denied:
		e.bad("license", title, err, p.Text("install one: hacarus license install FILE"))
		e.checks[len(e.checks)-1].denied = true
	case err == nil || errors.Is(err, hacarus.ErrBadRequest) || errors.Is(err, hacarus.ErrNotFound) || errors.Is(err, hacarus.ErrUnprocessable):
		e.good("license", title, p.Text("nothing is refused for want of one"), "")
	default:
		e.bad("license", title, err, p.Text("try again; the service did not say"))
	}
}

func (e *examination) checkAlgorithms(ctx context.Context) {
	p, title := e.p, e.p.Text("Algorithms")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := e.client.ListAlgorithms(ctx)
	if err != nil {
		e.bad("algorithms", title, err, p.Text("try again; if it stays, ask the service's operator"))
		return
	}
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	e.good("algorithms", title, e.p.Join(names), "")
}

func (e *examination) checkModels(ctx context.Context) {
	p, title := e.p, e.p.Text("Models")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := e.client.ListModels(ctx, nil)
	if err != nil {
		e.bad("models", title, err, p.Text("try again; if it stays, ask the service's operator"))
		return
	}
	active := 0
	for _, m := range list {
		if m.Active {
			active++
		}
	}
	hint := ""
	if active == 0 {
		hint = p.Text("train one: hacarus train")
	}
	e.good("models", title, p.Text("%d, of which active: %d", len(list), active), hint)
}

// checkSpeed tells how long a small request takes.
func (e *examination) checkSpeed(ctx context.Context) {
	p, title := e.p, e.p.Text("Round trip")
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var times []time.Duration
	for range 5 {
		begun := time.Now()
		if _, err := e.client.ListInspectionTargets(ctx); err != nil {
			e.bad("round_trip", title, err, p.Text("try again; if it stays, ask the service's operator"))
			return
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	e.good("round_trip", title, p.Text("%d ms, at worst %d ms", times[len(times)/2].Milliseconds(), times[len(times)-1].Milliseconds()), "")
}
