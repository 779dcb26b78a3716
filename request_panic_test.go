package hacarus

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { panic("no disk") }
func (h brokenHandler) WithAttrs([]slog.Attr) slog.Handler      { return h }
func (h brokenHandler) WithGroup(string) slog.Handler           { return h }

// What an observer or a logger panics with reaches the goroutine of the call,
// also where it is told of a login, or of a request that runs beside others.
func TestPanicsReachTheCaller(t *testing.T) {
	t.Parallel()
	brokenAt := func(operation string) Option {
		return WithObserver(func(_ context.Context, a Attempt) {
			if a.Operation == operation {
				panic("no disk")
			}
		})
	}
	page := ok(`{"data":{"items":[{"item_id":"a","assessments":[{"model_id":"m1","label":"OK"}]}],"end_page":9}}`)
	for name, test := range map[string]struct {
		option Option
		next   http.HandlerFunc
		call   func(*Client) error
	}{
		"observer":            {brokenAt("getModelById"), ok(modelBody), func(c *Client) error { _, err := c.GetModel(t.Context(), "m1"); return err }},
		"observer of a login": {brokenAt("login"), ok(modelBody), func(c *Client) error { _, err := c.GetModel(t.Context(), "m1"); return err }},
		"Login":               {brokenAt("login"), ok(modelBody), func(c *Client) error { _, err := c.Login(t.Context()); return err }},
		"logger":              {WithLogger(slog.New(brokenHandler{})), ok(modelBody), func(c *Client) error { _, err := c.GetModel(t.Context(), "m1"); return err }},
		"pages": {brokenAt("getItemsByType"), page, func(c *Client) error {
			for _, err := range c.AllItems(t.Context(), ListItemsOptions{Type: ItemTypeTraining}) {
				return err
			}
			return nil
		}},
		"items": {brokenAt("getItemById"), ok(`{"data":{"item_id":"a"}}`), func(c *Client) error {
			for _, err := range c.WaitForItems(t.Context(), "m1", []string{"a", "b"}) {
				return err
			}
			return nil
		}},
		"a download": {brokenAt("getLogs"), ok("a file"), func(c *Client) error {
			d, err := c.GetLogs(t.Context())
			require.NoError(t, err)
			_, err = io.ReadAll(d)
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := overMemory(t, &fakeService{next: test.next}, test.option)
			require.PanicsWithValue(t, "no disk", func() { _ = test.call(c) })
		})
	}
}

// All calls that wait for a login hear of its panic, and the next one may succeed.
func TestPanicOfASharedLogin(t *testing.T) {
	t.Parallel()
	broken := true
	c := overMemory(t, &fakeService{next: ok(modelBody)}, WithObserver(func(_ context.Context, a Attempt) {
		if a.Operation == "login" && broken {
			panic("no disk")
		}
	}))
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			assert.Panics(t, func() { _, _ = c.GetModel(t.Context(), "m1") })
		})
	}
	calls.Wait()
	broken = false
	_, err := c.GetModel(t.Context(), "m1")
	require.NoError(t, err)
}

// What is read from has failed: its panic is its error.
func TestPanicsOfTokenSources(t *testing.T) {
	t.Parallel()
	c, err := New("http://127.0.0.1", WithTokenSource(sourceFunc(func() (*oauth2.Token, error) { panic("no vault") })))
	require.NoError(t, err)
	_, err = c.GetModel(t.Context(), "m1")
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.ErrorContains(t, err, "no vault")
	require.NoError(t, c.Close())
}

func TestGuard(t *testing.T) {
	t.Parallel()
	require.NoError(t, guard(func() {}))
	cause := errors.New("no disk")
	err := guard(func() { panic(cause) })
	require.EqualError(t, err, "panic: no disk")
	require.PanicsWithValue(t, cause, func() { rethrow(err) })
	rethrow(nil)
	rethrow(cause)
}

// A function of the user's that ends its goroutine, as a failed assertion does,
// keeps nobody waiting.
func TestFunctionsThatEndTheirGoroutine(t *testing.T) {
	t.Parallel()
	file := func() File { return FileFromBytes("a.png", []byte("a")) }
	leave := func(context.Context, Attempt) { runtime.Goexit() }
	inspect := func(req InspectRequest) func(context.Context, *Client) error {
		return func(ctx context.Context, c *Client) (failed error) {
			for result, err := range c.Inspect(ctx, req) {
				if failed = err; err == nil {
					failed = result.Err
				}
			}
			return failed
		}
	}
	for name, test := range map[string]struct {
		observer func(context.Context, Attempt)
		source   oauth2.TokenSource
		call     func(context.Context, *Client) error
	}{
		"observer of a login": {leave, nil, getModel},
		"token source":        {nil, leavingSource{}, getModel},
		"file":                {nil, nil, inspect(InspectRequest{Files: []File{{Name: "a.png", Open: func() (io.ReadCloser, error) { runtime.Goexit(); return nil, nil }}}})},
		"source":              {nil, nil, inspect(InspectRequest{Source: func(func(File) bool) { runtime.Goexit() }})},
		"store":               {nil, nil, inspect(InspectRequest{Files: []File{file()}, Store: &leavingStore{JournalStore: NewMemoryJournal()}})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var opts []Option
				if test.observer != nil {
					opts = append(opts, WithObserver(test.observer))
				}
				c := overMemory(t, &fakeService{next: ok(modelBody)}, opts...)
				if test.source != nil {
					c.auth.exchange = c.fromSource(test.source)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var err error
				if panicked := guard(func() { err = test.call(ctx, c) }); panicked != nil {
					err = panicked
				}
				require.ErrorContains(t, err, errGoexit.Error())
				require.NoError(t, ctx.Err())
			})
		})
	}
}

type leavingSource struct{}

func (leavingSource) Token() (*oauth2.Token, error) { runtime.Goexit(); return nil, nil }

// leavingStore ends the goroutine of its second Append, which is a stage's.
type leavingStore struct {
	JournalStore
	appends atomic.Int64
}

func (s *leavingStore) Append(ctx context.Context, durable bool, lines ...[]byte) error {
	if s.appends.Add(1) == 2 {
		runtime.Goexit()
	}
	return s.JournalStore.Append(ctx, durable, lines...)
}
