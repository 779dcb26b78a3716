package hacarus

import (
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
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	oneItem   = `{"items":[{"item_id":"a"}]}`
	hookToken = "hook-token-one-of-a-kind"
)

func TestParseCallback(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, query, body string
		ids                 []string
		err                 error
	}{
		"bare":                   {"POST", "", oneItem, []string{"a"}, nil},
		"wrapped":                {"POST", "", `{"data":` + oneItem + `}`, []string{"a"}, nil},
		"no items":               {"POST", "", `{"items":[]}`, []string{}, nil},
		"null items":             {"POST", "", `{"items":null}`, nil, nil},
		"the older name":         {"POST", "", `{"items":[{"job_id":"a"}]}`, []string{"a"}, nil},
		"other keys":             {"POST", "", `{"event":{"items":1},"items":[{"item_id":"a","x":[{}]}]}`, []string{"a"}, nil},
		"query of a POST":        {"POST", "items=[]", oneItem, []string{"a"}, nil},
		"data in the query":      {"GET", "data=" + url.QueryEscape(oneItem), "", []string{"a"}, nil},
		"items in the query":     {"GET", "items=" + url.QueryEscape(`[{"item_id":"a"},{"item_id":2}]`), "", []string{"a", "2"}, nil},
		"the query goes first":   {"GET", "items=[]", oneItem, []string{}, nil},
		"body of a GET":          {"GET", "", oneItem, []string{"a"}, nil},
		"nothing":                {"POST", "", "", nil, ErrDecode},
		"null":                   {"POST", "", "null", nil, ErrDecode},
		"data is null":           {"POST", "", `{"data":null}`, nil, ErrDecode},
		"data in data":           {"POST", "", `{"data":{"data":` + oneItem + `}}`, nil, ErrDecode},
		"a list":                 {"POST", "", `[{"item_id":"a"}]`, nil, ErrDecode},
		"items are an object":    {"POST", "", `{"items":{"item_id":"a"}}`, nil, ErrDecode},
		"an item without id":     {"POST", "", `{"items":[{"item_id":"a"},{}]}`, nil, ErrDecode},
		"an id that is a path":   {"POST", "", `{"items":[{"item_id":"../a"}]}`, nil, ErrDecode},
		"an id with a line end":  {"POST", "", `{"items":[{"item_id":"a\n"}]}`, nil, ErrDecode},
		"something follows":      {"POST", "", oneItem + "x", nil, ErrDecode},
		"an object for the list": {"GET", "items=" + url.QueryEscape(oneItem), "", nil, ErrDecode},
		"a broken query":         {"GET", "items=%", "", nil, ErrDecode},
		"a long query":           {"GET", "items=" + strings.Repeat("x", maxCallbackBody), "", nil, ErrTooLarge},
		"a long body":            {"POST", "", strings.Repeat(" ", maxCallbackBody) + oneItem, nil, ErrTooLarge},
		"many items":             {"POST", "", `{"items":[` + strings.Repeat(`{"item_id":"a"},`, maxCallbackItems) + `{"item_id":"a"}]}`, nil, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/hook", strings.NewReader(c.body))
			r.URL.RawQuery = c.query
			items, err := ParseCallback(r)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.NoError(t, err)
			}
			var ids []string
			if items != nil {
				ids = []string{}
			}
			for _, item := range items {
				ids = append(ids, item.ItemID)
			}
			require.Equal(t, c.ids, ids)
		})
	}
}

func TestParseCallbackBodies(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := io.WriteString(z, oneItem)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	parse := func(body io.Reader, encoding string) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", body)
		r.Header.Set("Content-Encoding", encoding)
		_, err := ParseCallback(r)
		return err
	}
	require.NoError(t, parse(bytes.NewReader(packed.Bytes()), "GZIP"))
	require.NoError(t, parse(strings.NewReader(oneItem), "identity"))
	require.ErrorIs(t, parse(strings.NewReader(oneItem), "gzip"), ErrDecode)
	require.ErrorIs(t, parse(strings.NewReader(oneItem), "zstd"), ErrDecode)
	require.ErrorIs(t, parse(bytes.NewReader(packed.Bytes()[:packed.Len()-9]), "gzip"), io.ErrUnexpectedEOF)
	broken := errors.New("the line is dead")
	require.ErrorIs(t, parse(iotest.ErrReader(broken), ""), broken)

	_, err = ParseCallback(nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = ParseCallback(&http.Request{Method: http.MethodPost, URL: &url.URL{}})
	require.ErrorIs(t, err, ErrDecode, "no body")
}

func FuzzParseCallback(f *testing.F) {
	f.Add("POST", "", oneItem)
	f.Add("POST", "", `{"data":`+oneItem+`}`)
	f.Add("GET", "data="+url.QueryEscape(oneItem), "")
	f.Add("GET", "items=[]", "")
	f.Fuzz(func(t *testing.T, method, query, body string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/hook", RawQuery: query}, Body: io.NopCloser(strings.NewReader(body))}
		items, err := ParseCallback(r)
		if err != nil {
			require.Nil(t, items)
			return
		}
		require.LessOrEqual(t, len(items), maxCallbackItems)
		for _, item := range items {
			require.NoError(t, checkID("item_id", item.ItemID))
		}
	})
}

func noCallback(context.Context, []Item) error { return nil }

func TestCallbackHandlerRefuses(t *testing.T) {
	t.Parallel()
	client := overMemory(t, ok(modelBody))
	for name, refused := range map[string]func(){
		"no function":      func() { CallbackHandler(nil) },
		"nil option":       func() { CallbackHandler(noCallback, nil) },
		"empty token":      func() { CallbackHandler(noCallback, WithCallbackToken("")) },
		"short token":      func() { CallbackHandler(noCallback, WithCallbackToken("fifteen-letters")) },
		"token with slash": func() { CallbackHandler(noCallback, WithCallbackToken("line7/"+hookToken)) },
		"nil client":       func() { CallbackHandler(noCallback, WithCallbackClient(nil)) },
		"client and trust": func() { CallbackHandler(noCallback, WithCallbackClient(client), WithTrustedPayload()) },
		"nil logger":       func() { CallbackHandler(noCallback, WithCallbackLogger(nil)) },
		"no queue":         func() { CallbackHandler(noCallback, WithCallbackQueue(0)) },
		"negative retry":   func() { CallbackHandler(noCallback, WithCallbackRetry(RetryPolicy{MaxAttempts: -1})) },
		"reversed retry":   func() { CallbackHandler(noCallback, WithCallbackRetry(RetryPolicy{MinWait: 2, MaxWait: 1})) },
		"negative drain":   func() { CallbackHandler(noCallback, WithCallbackDrain(-1)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				err, isError := recover().(error)
				require.True(t, isError)
				require.ErrorIs(t, err, ErrInvalidArgument)
				require.NotContains(t, err.Error(), hookToken)
			}()
			refused()
		})
	}
}

// Neither the token nor the payload is printed or logged, whatever happens.
func TestCallbackHandlerKeepsSecrets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		handler := CallbackHandler(func(context.Context, []Item) error { panic("a bug") },
			WithCallbackToken(hookToken), WithTrustedPayload(), WithCallbackRetry(RetryPolicy{MaxAttempts: 2}),
			WithCallbackLogger(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		for _, body := range []string{`{"items":[{"item_id":"a","name":"canary"}]}`, `{"canary":1`} {
			for _, target := range []string{"/x/" + hookToken, "/x/" + hookToken + "?canary=1", "/" + hookToken + "/canary"} {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body)))
			}
		}
		time.Sleep(time.Hour)
		require.NoError(t, handler.(io.Closer).Close())
		printed := fmt.Sprintf("%v %+v %#v %s %q %x", handler, handler, handler, handler, handler, handler)
		require.Equal(t, strings.Repeat("hacarus.CallbackHandler ", 6), printed+" ")
		for _, what := range []string{"callback taken", "callback refused", "panicked", "callback failed", "given up"} {
			require.Contains(t, logged.String(), what)
		}
		require.NotContains(t, logged.String(), hookToken)
		require.NotContains(t, logged.String(), "canary")
	})
}

// A function that ends its goroutine, as a failed assertion of a test does,
// ends nothing else.
func TestCallbackFunctionThatExits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		handler := CallbackHandler(func(context.Context, []Item) error {
			if calls++; calls == 1 {
				runtime.Goexit()
			}
			return nil
		})
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		time.Sleep(time.Minute)
		require.NoError(t, handler.(io.Closer).Close())
		require.Equal(t, 2, calls)
	})
}

// The waits between tries double from one second to one minute, with jitter.
func TestCallbackRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		handler := CallbackHandler(func(context.Context, []Item) error {
			tries = append(tries, time.Now())
			return errors.New("never")
		})
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, tries, 10)
		bound := time.Second
		for i := 1; i < len(tries); i++ {
			require.LessOrEqual(t, tries[i].Sub(tries[i-1]), bound)
			bound = min(2*bound, time.Minute)
		}
		require.NoError(t, handler.(io.Closer).Close(), "nothing is left")
	})
}

// Nothing tells a repeated callback without assessments from the next one, so
// it is left out only while the first waits. That of an item which had another
// assessment as well is told by the new one.
func TestCallbackRepetitions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		handler := CallbackHandler(func(context.Context, []Item) error {
			calls++
			time.Sleep(time.Second)
			return nil
		})
		r := handler.(*receiver)
		for _, c := range []struct {
			assessments []Assessment
			calls       int
		}{
			{nil, 1},
			{nil, 2},
			{[]Assessment{{ModelID: "m1"}}, 3},
			{[]Assessment{{ModelID: "m1"}}, 3},
			{[]Assessment{{ModelID: "m1"}, {ModelID: "m2"}}, 4},
			{[]Assessment{{ModelID: "m2"}}, 4},
		} {
			require.NoError(t, r.accept([]Item{{ItemID: "a", Assessments: c.assessments}}, 1))
			require.NoError(t, r.accept([]Item{{ItemID: "a", Assessments: c.assessments}}, 1), "while the first waits")
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, c.calls, calls)
		}
	})
}

// A client that is denied an item says so, and never hands it on.
func TestCallbackOfForbiddenItem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{next: status(http.StatusForbidden, `{"errors":{"title":"no"}}`)}
		client := overMemory(t, api)
		handler := CallbackHandler(func(context.Context, []Item) error {
			t.Error("an item that is not ours")
			return nil
		}, WithCallbackClient(client))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(oneItem)))
		time.Sleep(time.Hour)
		require.Equal(t, 1, api.count())
	})
}

func TestRecent(t *testing.T) {
	t.Parallel()
	keys := make([]eventKey, 3*callbackMemory)
	for n := range keys {
		keys[n] = newEventKey(fmt.Sprint(n), nil)
	}
	var m recent
	now := time.Unix(1e9, 0)
	m.age(now)
	for n, key := range keys {
		m.age(now)
		added := m.add([]eventKey{keys[max(0, n-1)], key})
		bounded := len(m.young)+len(m.old) <= 2*callbackMemory
		if !slices.Equal(added, []eventKey{key}) || !m.knows(keys[max(0, n-callbackMemory+1)]) || !bounded {
			require.Failf(t, "the new one is added, the last ones are known, the rest is forgotten", "%d: %v", n, added)
		}
	}
	require.False(t, m.knows(keys[0]), "it is bounded")

	last := keys[len(keys)-1]
	m.age(now.Add(callbackMemoryTime))
	require.True(t, m.knows(last))
	m.age(now.Add(2 * callbackMemoryTime))
	require.False(t, m.knows(last))

	m.add([]eventKey{last})
	m.age(now.Add(4 * callbackMemoryTime))
	require.False(t, m.knows(last), "however long nothing came")
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	hub := NewCallbacks()
	received := func(ids ...string) {
		items := make([]Item, len(ids))
		for i, id := range ids {
			items[i].ItemID = id
		}
		require.NoError(t, hub.Received(t.Context(), items))
	}
	woken := func(from <-chan string) (ids []string) {
		for {
			select {
			case id := <-from:
				ids = append(ids, id)
			default:
				return ids
			}
		}
	}
	received("a") // nobody waits
	first, cancelFirst := hub.subscribe([]string{"a", "b"})
	second, cancelSecond := hub.subscribe([]string{"b", "c"})
	received("b", "x", "a")
	require.Equal(t, []string{"b", "a"}, woken(first))
	require.Equal(t, []string{"b"}, woken(second))
	received("b", "b", "b", "b", "b") // more than a channel holds: never blocks
	require.Equal(t, []string{"b", "b"}, woken(first))
	cancelFirst()
	cancelFirst()
	received("a", "b")
	require.Empty(t, woken(first))
	require.Equal(t, []string{"b", "b"}, woken(second))
	cancelSecond()
	require.Empty(t, hub.waiters)
}

func TestCallbacksAtOnce(t *testing.T) {
	t.Parallel()
	hub := NewCallbacks()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				woken, cancel := hub.subscribe([]string{"a", "b"})
				_ = hub.Received(t.Context(), []Item{{ItemID: "a"}})
				if id := <-woken; id != "a" {
					t.Errorf("woken for %q", id)
				}
				cancel()
			}
		})
	}
	all.Wait()
	require.Empty(t, hub.waiters)
}

// The callbacks that wait are bounded in bytes, too.
func TestCallbackQueueBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		handler := CallbackHandler(func(context.Context, []Item) error { <-release; return nil })
		r := handler.(*receiver)
		require.NoError(t, r.accept([]Item{{ItemID: "a"}}, maxCallbackBytes/2))
		require.NoError(t, r.accept([]Item{{ItemID: "b"}}, maxCallbackBytes/2))
		require.ErrorIs(t, r.accept([]Item{{ItemID: "c"}}, 1), errQueueFull)
		close(release)
		synctest.Wait()
		require.NoError(t, r.accept([]Item{{ItemID: "c"}}, 1))
		require.NoError(t, handler.(io.Closer).Close())
		require.Zero(t, r.bytes)
		require.Zero(t, r.items)
	})
}
