package reliability

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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

const (
	callbackToken = "tok-7Yq2mZb9RkVw4sXc"
	callbackPath  = "/hacarus/" + callbackToken

	// callbackA says what the service of [newCallbackRig] says of item a.
	callbackA = `{"items":[{"item_id":"a","status":"done","assessments":[{"model_id":"m1","label":"NG","anomaly_score":"0.7"}]}]}`
)

// callbackRig is a handler of callbacks in a bubble, the service behind it, and
// what reached the user.
type callbackRig struct {
	t       *testing.T
	service *hacarustest.Server
	handler *hacarus.CallbackReceiver

	mu    sync.Mutex
	calls [][]hacarus.Item
	fail  func(call int) error // nil: f succeeds
}

// newCallbackRig makes the handler with the options and the token, and a
// service that has the item a, which the model m1 calls NG, the item b, which
// m1 calls OK, and the item c, which nobody has assessed.
func newCallbackRig(t *testing.T, opts ...hacarus.CallbackOption) *callbackRig {
	t.Helper()
	rig := &callbackRig{t: t, service: hacarustest.NewServer()}
	t.Cleanup(rig.service.Close)
	rig.assess("a", hacarus.LabelNG, "0.7")
	rig.assess("b", hacarus.LabelOK, "0.1")
	rig.service.AddItem(hacarus.Item{ItemID: "c"})
	rig.receive(rig.f, opts...)
	t.Cleanup(func() { _ = rig.close() })
	return rig
}

// confirming is a rig whose handler asks the service.
func confirming(t *testing.T) *callbackRig {
	t.Helper()
	rig := newCallbackRig(t)
	rig.receive(rig.f, hacarus.WithCallbackClient(rig.service.Client()))
	return rig
}

// receive makes the handler call f.
func (r *callbackRig) receive(f func(context.Context, []hacarus.Item) error, opts ...hacarus.CallbackOption) {
	r.t.Helper()
	r.handler = newReceiver(r.t, f, append([]hacarus.CallbackOption{hacarus.WithCallbackToken(callbackToken)}, opts...)...)
}

func newReceiver(t *testing.T, f func(context.Context, []hacarus.Item) error, opts ...hacarus.CallbackOption) *hacarus.CallbackReceiver {
	t.Helper()
	receiver, err := hacarus.NewCallbackReceiver(f, opts...)
	require.NoError(t, err)
	return receiver
}

// assess lets the service have an item with an assessment of m1.
func (r *callbackRig) assess(itemID string, label hacarus.Label, score string) {
	r.service.AddItem(hacarus.Item{ItemID: itemID, Assessments: []hacarus.Assessment{{ModelID: "m1", Label: label, AnomalyScore: score}}})
}

func (r *callbackRig) f(_ context.Context, items []hacarus.Item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, items)
	if r.fail == nil {
		return nil
	}
	return r.fail(len(r.calls))
}

func (r *callbackRig) close() error { return r.handler.Close() }

// send sends a request to the handler, and is the response's status.
func (r *callbackRig) send(method, target, body string, header ...string) int {
	return r.respond(method, target, strings.NewReader(body), header...).Code
}

func (r *callbackRig) respond(method, target string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(r.t.Context(), method, target, body)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

func (r *callbackRig) post(body string) int { return r.send(http.MethodPost, callbackPath, body) }

// got is what f was called with when all is quiet, as ids and verdicts.
func (r *callbackRig) got() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []string{}
	for _, items := range r.calls {
		var texts []string
		for _, item := range items {
			texts = append(texts, item.ItemID+":"+string(item.Verdict("")))
		}
		list = append(list, strings.Join(texts, " "))
	}
	return list
}

// later lets time pass, and is got.
func (r *callbackRig) later(d time.Duration) []string {
	time.Sleep(d)
	return r.got()
}

// callbackOf is a callback for n items, or for the given ones, that are not assessed.
func callbackOf(ids ...string) string {
	return `{"items":[{"item_id":"` + strings.Join(ids, `"},{"item_id":"`) + `"}]}`
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("plate-", i)
	}
	return ids
}

// padded is a callback for item a of exactly the given size.
func padded(size int) string {
	body := callbackOf("a")
	return body[:1] + strings.Repeat(" ", size-len(body)) + body[1:]
}

func packed(body string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, body); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

const callbackLimit = 8 << 20

// callbackCase is one of the 60; it runs in a bubble of its own.
type callbackCase struct {
	name string
	run  func(t *testing.T)
}

// oneRequest is a case of one request: its status, and what reaches f.
func oneRequest(name string, status int, method, target, body string, reaches []string, header ...string) callbackCase {
	return callbackCase{name, func(t *testing.T) {
		t.Helper()
		rig := newCallbackRig(t, hacarus.WithTrustedPayload())
		require.Equal(t, status, rig.send(method, target, body, header...))
		require.Equal(t, append([]string{}, reaches...), rig.got())
	}}
}

func callbackCases() []callbackCase {
	ng := []string{"a:NG"}
	query := func(name, value string) string { return callbackPath + "?" + url.Values{name: {value}}.Encode() }
	items := strings.TrimSuffix(strings.TrimPrefix(callbackA, `{"items":`), "}")
	cases := []callbackCase{
		// The token.
		oneRequest("token/right", 200, "POST", callbackPath, callbackA, ng),
		oneRequest("token/wrong", 404, "POST", "/hacarus/tok-7Yq2mZb9RkVw4sXd", callbackA, nil),
		oneRequest("token/short", 404, "POST", "/hacarus/tok-7Yq2", callbackA, nil),
		oneRequest("token/empty", 404, "POST", "/hacarus/", callbackA, nil),
		oneRequest("token/not last", 404, "POST", callbackPath+"/more", callbackA, nil),
		oneRequest("token/in the query", 404, "POST", "/hacarus/?token="+callbackToken, callbackA, nil),

		// Methods.
		oneRequest("method/POST", 200, "POST", callbackPath, callbackA, ng),
		oneRequest("method/GET", 200, "GET", callbackPath, callbackA, ng),
	}
	for _, method := range []string{"HEAD", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"} {
		cases = append(cases, callbackCase{"method/" + method, func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			w := rig.respond(method, "http://line7"+callbackPath, strings.NewReader(callbackA))
			require.Equal(t, http.StatusMethodNotAllowed, w.Code)
			require.Equal(t, "GET, POST", w.Header().Get("Allow"))
			require.Empty(t, rig.got())
		}})
	}
	return append(cases,
		// Where the items are.
		oneRequest("form/wrapped", 200, "POST", callbackPath, `{"data":`+callbackA+`}`, ng),
		oneRequest("form/GET, wrapped body", 200, "GET", callbackPath, `{"data":`+callbackA+`}`, ng),
		oneRequest("form/GET, data in the query", 200, "GET", query("data", callbackA), "", ng),
		oneRequest("form/GET, wrapped data in the query", 200, "GET", query("data", `{"data":`+callbackA+`}`), "", ng),
		oneRequest("form/GET, items in the query", 200, "GET", query("items", items), "", ng),
		oneRequest("form/GET, a query of something else", 200, "GET", query("source", "check"), callbackA, ng),
		oneRequest("form/GET, items that are no JSON", 400, "GET", query("items", "a,b"), "", nil),
		oneRequest("form/GET, a broken query", 400, "GET", callbackPath+"?data=%zz", "", nil),
		oneRequest("form/byte order mark", 200, "POST", callbackPath, "\xef\xbb\xbf"+callbackA, ng),
		oneRequest("form/ids that are numbers", 200, "POST", callbackPath, `{"items":[{"item_id":7,"assessments":[{"model_id":270,"label":"ok","anomaly_score":0.1}]}]}`, []string{"7:OK"}),
		oneRequest("form/nothing", 400, "POST", callbackPath, "", nil),
		oneRequest("form/a web page", 400, "POST", callbackPath, "<!DOCTYPE html>", nil),
		oneRequest("form/an id with a path", 400, "POST", callbackPath, callbackOf("..", "a/../b"), nil),

		// How much.
		oneRequest("size/no items", 200, "POST", callbackPath, `{"items":[]}`, nil),
		callbackCase{"size/10,000 items", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			require.Equal(t, 200, rig.post(callbackOf(numbered(10_000)...)))
			rig.got()
			require.Len(t, rig.calls, 1)
			require.Len(t, rig.calls[0], 10_000)
		}},
		oneRequest("size/10,001 items", 413, "POST", callbackPath, callbackOf(numbered(10_001)...), nil),
		oneRequest("size/8 MiB", 200, "POST", callbackPath, padded(callbackLimit), []string{"a:unknown"}),
		oneRequest("size/more than 8 MiB", 413, "POST", callbackPath, padded(callbackLimit+1), nil),
		oneRequest("size/a million empty objects", 413, "POST", callbackPath, `{"items":[{"item_id":"a","assessments":[`+strings.Repeat("{},", 1_000_000)+`{}]}]}`, nil),
		callbackCase{"size/a query that the server does not take", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			status, _ := overConnection(t, rig.handler, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "GET %s?data=%s HTTP/1.1\r\nHost: line7\r\n\r\n", callbackPath, strings.Repeat("x", 1100<<10))
			})
			require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status)
			require.Empty(t, rig.got())
		}},
		oneRequest("gzip/packed", 200, "POST", callbackPath, packed(callbackA), ng, "Content-Encoding", "gzip"),
		oneRequest("gzip/a bomb", 413, "POST", callbackPath, packed(padded(2*callbackLimit)), nil, "Content-Encoding", "gzip"),
		oneRequest("gzip/broken", 400, "POST", callbackPath, packed(callbackA)[:40], nil, "Content-Encoding", "gzip"),
		oneRequest("gzip/another encoding", 400, "POST", callbackPath, callbackA, nil, "Content-Encoding", "br"),
		callbackCase{"slow body", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			status, took := overConnection(t, rig.handler, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: line7\r\nContent-Length: %d\r\n\r\n%s", callbackPath, len(callbackA), callbackA[:20])
			})
			require.Equal(t, http.StatusRequestTimeout, status)
			require.Equal(t, 15*time.Second, took)
			require.Empty(t, rig.got())
		}},

		// Again, and in any order.
		callbackCase{"duplicate/twenty times", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			var senders sync.WaitGroup
			for range 20 {
				senders.Go(func() { rig.post(callbackA) })
			}
			senders.Wait()
			require.Equal(t, ng, rig.got())
			require.Equal(t, 200, rig.post(callbackA))
			require.Equal(t, ng, rig.got())
			require.Len(t, rig.service.Calls("getItemById"), 1)
		}},
		callbackCase{"duplicate/in one callback", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			require.Equal(t, 200, rig.post(callbackOf("a", "b", "a", "a")))
			require.Equal(t, []string{"a:unknown b:unknown"}, rig.got())
		}},
		callbackCase{"duplicate/forgotten after a time", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.post(callbackA)
			require.Len(t, rig.later(9*time.Minute), 1)
			rig.post(callbackA)
			require.Len(t, rig.later(time.Hour), 1)
			rig.post(callbackA)
			require.Equal(t, []string{"a:NG", "a:NG"}, rig.got())
		}},
		callbackCase{"duplicate/not another assessment", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.post(callbackA)
			require.Equal(t, ng, rig.got())
			rig.assess("a", hacarus.LabelOK, "0.2")
			rig.post(strings.NewReplacer("NG", "OK", "0.7", "0.2").Replace(callbackA))
			require.Equal(t, []string{"a:NG", "a:OK"}, rig.got())
		}},
		callbackCase{"order/the older assessment comes last", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.assess("a", hacarus.LabelOK, "0.2")
			rig.post(strings.NewReplacer("NG", "OK", "0.7", "0.2").Replace(callbackA))
			rig.post(callbackA)
			require.Equal(t, []string{"a:OK", "a:OK"}, rig.got())
		}},

		// The queue.
		callbackCase{"queue/full", func(t *testing.T) {
			t.Helper()
			rig, release := blocked(t, hacarus.WithCallbackQueue(2))
			require.Equal(t, 200, rig.post(callbackOf("a", "b")))
			w := rig.respond(http.MethodPost, callbackPath, strings.NewReader(callbackOf("c")))
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, "5", w.Header().Get("Retry-After"))
			require.Equal(t, 200, rig.post(callbackOf("b")), "it is in the queue")
			release()
			require.Equal(t, []string{"a:unknown b:unknown"}, rig.got())
			require.Equal(t, 200, rig.post(callbackOf("c")), "it may come again")
			require.Equal(t, []string{"a:unknown b:unknown", "c:unknown"}, rig.got())
		}},
		callbackCase{"queue/a callback that never fits", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t, hacarus.WithCallbackQueue(2))
			require.Equal(t, http.StatusRequestEntityTooLarge, rig.post(callbackOf("a", "b", "c")))
			require.Empty(t, rig.got())
		}},
		callbackCase{"failure/an error", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			rig.fail = func(call int) error {
				if call < 4 {
					return errors.New("the database is away")
				}
				return nil
			}
			rig.post(callbackOf("a"))
			require.Equal(t, []string{"a:unknown", "a:unknown", "a:unknown", "a:unknown"}, rig.later(time.Hour))
		}},
		callbackCase{"failure/a panic, and others go on", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			rig.fail = func(call int) error {
				if call == 1 {
					panic("a bug")
				}
				return nil
			}
			rig.post(callbackOf("a"))
			rig.post(callbackOf("b"))
			require.Equal(t, []string{"a:unknown", "b:unknown", "a:unknown"}, rig.later(time.Hour))
		}},
		callbackCase{"failure/given up, and it may come again", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t, hacarus.WithTrustedPayload(), hacarus.WithCallbackRetry(hacarus.RetryPolicy{MaxAttempts: 2}))
			rig.fail = func(call int) error {
				if call < 3 {
					return errors.New("never")
				}
				return nil
			}
			rig.post(callbackA)
			require.Len(t, rig.later(time.Minute), 2)
			rig.post(callbackA)
			require.Len(t, rig.later(time.Minute), 3)
		}},
		callbackCase{"shutdown/waits for what is queued", func(t *testing.T) {
			t.Helper()
			rig, release := blocked(t)
			rig.post(callbackOf("a"))
			rig.post(callbackOf("b"))
			time.AfterFunc(time.Second, release)
			require.NoError(t, rig.close())
			require.Equal(t, []string{"a:unknown", "b:unknown"}, rig.got())
			w := rig.respond(http.MethodPost, callbackPath, strings.NewReader(callbackOf("c")))
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}},
		callbackCase{"shutdown/not for ever", func(t *testing.T) {
			t.Helper()
			rig, release := blocked(t)
			defer release()
			rig.post(callbackOf("a"))
			rig.post(callbackOf("b", "c"))
			begun := time.Now()
			err := rig.close()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "3 items")
			require.Equal(t, 5*time.Second, time.Since(begun))
			require.Equal(t, err, rig.close(), "closed once")
		}},
		callbackCase{"shutdown/a callback on its way is refused", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			body, w := io.Pipe()
			status := make(chan int)
			go func() { status <- rig.respond(http.MethodPost, callbackPath, body).Code }()
			_, err := io.WriteString(w, callbackA[:20])
			require.NoError(t, err)
			require.NoError(t, rig.close())
			_, err = io.WriteString(w, callbackA[20:])
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.Equal(t, http.StatusServiceUnavailable, <-status)
			require.Empty(t, rig.got())
		}},

		// What nobody vouches for.
		callbackCase{"forged/unknown item", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			forged := strings.Replace(callbackA, `"a"`, `"nobody"`, 1)
			require.Equal(t, 200, rig.post(forged))
			require.Empty(t, rig.later(time.Minute))
			require.LessOrEqual(t, len(rig.service.Calls("getItemById")), 9, "it is believed before the ten attempts are used up")
			rig.assess("nobody", hacarus.LabelNG, "0.7")
			require.Equal(t, 200, rig.post(forged))
			require.Equal(t, []string{"nobody:NG"}, rig.later(time.Minute), "a forgery does not keep out the truth")
		}},
		callbackCase{"forged/unknown model", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			require.Equal(t, 200, rig.post(strings.Replace(callbackA, "m1", "m9", 1)))
			require.Empty(t, rig.later(time.Hour))
		}},
		callbackCase{"forged/verdict", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.post(strings.Replace(callbackA, "NG", "OK", 1))
			require.Equal(t, ng, rig.got(), "the service's")
		}},
		callbackCase{"forged/not assessed, with true items beside it", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.post(`{"items":[{"item_id":"c"},{"item_id":"a"},{"item_id":"nobody"},{"item_id":"b"}]}`)
			require.Equal(t, []string{"a:NG b:OK"}, rig.later(time.Hour))
		}},
		callbackCase{"early/assessed soon after", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.post(strings.Replace(callbackA, `"a"`, `"c"`, 1))
			require.Empty(t, rig.got())
			rig.assess("c", hacarus.LabelNG, "0.7")
			require.Equal(t, []string{"c:NG"}, rig.later(time.Hour))
		}},
		callbackCase{"untrusted/ids only without a client", func(t *testing.T) {
			t.Helper()
			rig := newCallbackRig(t)
			rig.post(callbackA)
			rig.got()
			require.Equal(t, [][]hacarus.Item{{{ItemID: "a"}}}, rig.calls)
		}},
		callbackCase{"outage/the service is away for a time", func(t *testing.T) {
			t.Helper()
			rig := confirming(t)
			rig.service.Inject("getItemById", hacarustest.Repeat(12, hacarustest.Status(503, nil, "{}"))...)
			rig.post(callbackA)
			require.Equal(t, ng, rig.later(time.Hour))
		}},
	)
}

// blocked is a rig whose f waits for release, or for the end of its context.
func blocked(t *testing.T, opts ...hacarus.CallbackOption) (rig *callbackRig, release func()) {
	t.Helper()
	released := make(chan struct{})
	rig = newCallbackRig(t)
	f := rig.f
	rig.receive(func(ctx context.Context, items []hacarus.Item) error {
		select {
		case <-released:
		case <-ctx.Done():
			return ctx.Err()
		}
		return f(ctx, items)
	}, opts...)
	return rig, sync.OnceFunc(func() { close(released) })
}

// overConnection serves a handler on a connection in memory, by a server
// without timeouts, and is the status of its response to what write writes.
func overConnection(t *testing.T, h http.Handler, write func(io.Writer)) (status int, took time.Duration) {
	t.Helper()
	listener := testkit.NewListener()
	s := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = s.Serve(listener) }()
	client, err := listener.Dial(t.Context(), "", "")
	require.NoError(t, err)
	defer time.Sleep(time.Minute) // the server lingers after an error
	defer func() { assert.NoError(t, errors.Join(client.Close(), s.Close())) }()
	begun := time.Now()
	go write(client)
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode, time.Since(begun)
}

func TestSuiteCallbacks(t *testing.T) {
	t.Parallel()
	cases := callbackCases()
	requireCount(t, 60, len(cases))
	s10 := part{name: "S10", what: "callbacks: tokens, methods, forms, sizes, repetitions, a full queue, failures, forgeries"}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s10.count(t)
			synctest.Test(t, c.run)
		})
	}
	s10.done(t)
}
