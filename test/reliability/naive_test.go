package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// naiveClient is what one writes with the SDK's own dependencies and their
// default settings. The fault suite has to catch it: its figures are the
// baseline of docs/reliability.md.
type naiveClient struct {
	http *retryablehttp.Client
	base string
}

func newNaive(s *stage, virtual bool) naiveClient {
	source := oauth2.ReuseTokenSource(nil, naiveLogin{s})
	return newNaiveWith(s.server.URL, source, s.transport, virtual)
}

func newNaiveWith(base string, source oauth2.TokenSource, transport http.RoundTripper, virtual bool) naiveClient {
	client := retryablehttp.NewClient()
	client.Logger = nil
	if !virtual {
		client.RetryWaitMin, client.RetryWaitMax = time.Millisecond, time.Millisecond
	}
	client.HTTPClient = &http.Client{Transport: &oauth2.Transport{Source: source, Base: transport}}
	return naiveClient{client, base}
}

// logIn gets the token, which oauth2 keeps a mutex locked for: in a bubble,
// those who wait for that would stop the clock.
func (c naiveClient) logIn(t *testing.T) {
	t.Helper()
	_, err := c.http.HTTPClient.Transport.(*oauth2.Transport).Source.Token()
	require.NoError(t, err)
}

// naiveTransport is the one that the naive client's dependencies have by default.
func naiveTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := retryablehttp.NewClient().HTTPClient.Transport.(*http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// naiveLogin logs in once.
type naiveLogin struct{ *stage }

func (l naiveLogin) Token() (*oauth2.Token, error) {
	body, err := json.Marshal(map[string]string{
		"client_id": l.server.ClientID, "client_secret": l.server.ClientSecret, "grant_type": "client_credentials",
	})
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: l.transport}).Post(l.server.URL+"/api/auth/token", "application/json", bytes.NewReader(body)) //nolint:noctx // naive
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var token oauth2.Token
	return &token, json.NewDecoder(response.Body).Decode(&token)
}

// sent is a request as the SDK sends it.
type sent struct {
	method, path, contentType string
	body                      []byte
}

// call sends a request, and reads its response as one does.
func (c naiveClient) call(ctx context.Context, r sent, op operation) error {
	request, err := retryablehttp.NewRequestWithContext(ctx, r.method, c.base+r.path, r.body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", r.contentType)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		return errors.New(response.Status)
	}
	if op.streams() || op.silent() {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	var v map[string]any
	return json.NewDecoder(response.Body).Decode(&v)
}

// drive makes the calls of a load.
func (c naiveClient) drive(t *testing.T) driver {
	t.Helper()
	return func(ctx context.Context, op operation) error { return c.call(ctx, capture(t, op), op) }
}

// addItem uploads an item as one does: as a form that is written to memory first.
func (c naiveClient) addItem(ctx context.Context, name string, content io.Reader) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("files", name)
	if err == nil {
		_, err = io.Copy(part, content)
	}
	if err = errors.Join(err, w.WriteField("training", "false"), w.Close()); err != nil {
		return err
	}
	return c.call(ctx, sent{http.MethodPost, "/api/v1/items/", w.FormDataContentType(), form.Bytes()}, operation{id: "addItem"})
}

// capture is the request that an operation makes, which is not sent.
func capture(t *testing.T, op operation) sent {
	t.Helper()
	identity := hacarus.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-the-suite"}))
	if op.id == "login" {
		identity = hacarus.WithCredentials("id", "a-secret-of-the-suite")
	}
	recorder := &recording{}
	c, err := hacarus.New("http://127.0.0.1:1", identity,
		hacarus.WithHTTPClient(&http.Client{Transport: recorder}), hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}))
	require.NoError(t, err)
	defer c.Close()
	require.ErrorIs(t, op.call(t.Context(), c), errRecorded)
	return recorder.last
}

var errRecorded = errors.New("recorded, not sent")

type recording struct{ last sent }

func (r *recording) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
	}
	r.last = sent{request.Method, request.URL.RequestURI(), request.Header.Get("Content-Type"), body}
	return nil, errRecorded
}

// naiveFailures are the promises that the naive client breaks.
type naiveFailures struct {
	mu                                sync.Mutex
	duplicates, blind, lost, mistaken int
}

func (n *naiveFailures) broken() int { return n.duplicates + n.blind + n.lost + n.mistaken }

func (n *naiveFailures) String() string {
	return fmt.Sprintf("%d executed more than once, %d sent again with the outcome unknown, %d failed without need, %d taken for success",
		n.duplicates, n.blind, n.lost, n.mistaken)
}

// judge compares what the naive client did with the promise.
func (n *naiveFailures) judge(op operation, want promise, executions int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case op.class() == 'N' && executions > want.executions && executions > 1:
		n.duplicates++
	case op.class() == 'N' && want.unknown && err == nil:
		n.blind++
	case want.ok && err != nil:
		n.lost++
	case !want.ok && err == nil:
		n.mistaken++
	}
}

// S1 with the naive client.
func TestNaiveSingleFaults(t *testing.T) {
	needsNaive(t)
	t.Parallel()
	failures := &naiveFailures{}
	t.Run("naive", func(t *testing.T) {
		for _, op := range operations() {
			request := capture(t, op)
			for _, f := range singleFaults() {
				t.Run(op.id+"/"+f.name, func(t *testing.T) {
					t.Parallel()
					if !f.virtual {
						naiveCase(t.Context(), t, failures, op, request, f, false)
						return
					}
					synctest.Test(t, func(t *testing.T) { naiveCase(t.Context(), t, failures, op, request, f, true) })
				})
			}
		}
	})
	require.Positive(t, failures.duplicates, "a suite that the naive client passes is too weak")
	recordNaive(t, "S1", failures.broken(), failures)
}

func naiveCase(ctx context.Context, t *testing.T, failures *naiveFailures, op operation, request sent, f fault, virtual bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // it knows no timeout of its own
	defer cancel()
	s := newStage(virtual)
	defer s.server.Close()
	s.stayHome(t)
	client := newNaive(s, virtual)
	if op.id == "login" {
		client.http.HTTPClient = &http.Client{Transport: s.transport}
		request.body = fmt.Appendf(nil, `{"client_id":%q,"client_secret":%q,"grant_type":"client_credentials"}`, s.server.ClientID, s.server.ClientSecret)
	} else {
		client.logIn(t)
	}
	s.prepare(op, []fault{f})
	err := client.call(ctx, request, op)
	failures.judge(op, promised(op, []fault{f}), s.server.Executions(op.id), err)
}

// stayHome refuses connections to other hosts, which redirects may lead to.
func (s *stage) stayHome(t *testing.T) {
	t.Helper()
	home, err := url.Parse(s.server.URL)
	require.NoError(t, err)
	dial := s.transport.DialContext
	s.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != home.Host {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("another host")}
		}
		return dial(ctx, network, address)
	}
}

// upload sends a file as one does: the form in memory, or through a pipe when
// it is too large for that.
func (c naiveClient) upload(ctx context.Context, op uploadOperation, file hacarus.File) error {
	var body any
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if file.Size > 32<<20 {
		body = retryablehttp.ReaderFunc(func() (io.Reader, error) {
			r, end := io.Pipe()
			piped := multipart.NewWriter(end)
			if err := piped.SetBoundary(w.Boundary()); err != nil {
				return nil, err
			}
			go func() { end.CloseWithError(naiveForm(piped, op.field, file)) }()
			return r, nil
		})
	} else {
		if err := naiveForm(w, op.field, file); err != nil {
			return err
		}
		body = &form
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, c.base+op.path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", w.FormDataContentType())
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		return errors.New(response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func naiveForm(w *multipart.Writer, field string, file hacarus.File) error {
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	part, err := w.CreateFormFile(field, file.Name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, content); err != nil {
		return err
	}
	return w.Close()
}

// naiveUploadFailures are the promises about uploads that the naive client breaks.
type naiveUploadFailures struct {
	mu                                  sync.Mutex
	unchecked, mangled, taken, panicked int
}

func (n *naiveUploadFailures) broken() int { return n.unchecked + n.mangled + n.taken + n.panicked }

func (n *naiveUploadFailures) String() string {
	return fmt.Sprintf("%d dangerous names sent, %d good files not sent as they are, %d broken files sent as whole, %d panics",
		n.unchecked, n.mangled, n.taken, n.panicked)
}

// judge compares what arrived with what is promised of the case. That a source
// is read after the call is not counted: it is a matter of chance.
func (n *naiveUploadFailures) judge(c uploadCase, result uploadResult, panicked bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	receipts := result.receipts
	executed := slices.ContainsFunc(receipts, func(r receipt) bool { return r.whole })
	switch {
	case panicked:
		n.panicked++
	case c.end == forbidden && len(receipts) > 0:
		n.unchecked++
	case c.end == arrives && (result.err != nil || len(receipts) != 1 || !receipts[0].announced || !c.matches(receipts[0])):
		n.mangled++
	case c.end == brokenOff && executed:
		n.taken++
	}
}

// S5 with the naive client.
func TestNaiveUploads(t *testing.T) {
	needsNaive(t)
	t.Parallel()
	cases := uploadCases(t)
	failures := &naiveUploadFailures{}
	t.Run("naive", func(t *testing.T) {
		for _, op := range uploadOperations() {
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s/%q", op.id, c.name), func(t *testing.T) {
					t.Parallel()
					panicked := false
					result := c.do(t, op, func(ctx context.Context, base string, f hacarus.File) error {
						defer func() { panicked = recover() != nil }()
						client := retryablehttp.NewClient()
						client.Logger = nil
						client.RetryWaitMin, client.RetryWaitMax = time.Millisecond, time.Millisecond
						defer client.HTTPClient.CloseIdleConnections()
						return naiveClient{client, base}.upload(ctx, op, f)
					})
					failures.judge(c, result, panicked)
				})
			}
		}
	})
	require.Positive(t, failures.taken, "a suite that the naive client passes is too weak")
	recordNaive(t, "S5", failures.broken(), failures)
}
