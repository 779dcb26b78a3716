package hacarus_test

// Tests of inspect_pace.go against the service in process, which is away for hours.

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
	"github.com/hacarus/hacarus-check-go/internal/testkit/plates"
)

// An outage is waited out, however long: no file is lost, none is uploaded twice,
// the log has a warning at its beginning and one at its end, and the service that
// comes back is not overrun.
func TestInspectRidesOutOutages(t *testing.T) {
	t.Parallel()
	const files = 100
	for name, fails := range map[string]func(r *http.Request) (*http.Response, error){
		"503":     func(r *http.Request) (*http.Response, error) { return page(r, http.StatusServiceUnavailable), nil },
		"refused": func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t, hacarustest.WithPredictionTime(30*time.Second))
				s.AddModel(hacarus.Model{})
				var log lockedBuffer
				requests := 0
				begun := time.Now()
				away := func() bool { d := time.Since(begun); return d > 40*time.Second && d < 3*time.Hour }
				c := s.Client(
					hacarus.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))),
					hacarus.WithHTTPClient(&http.Client{Transport: testkit.Proxy(s.Transport(), func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
						if !away() {
							return next.RoundTrip(r)
						}
						requests++
						return fails(r)
					})}),
				)
				source := func(yield func(hacarus.File) bool) {
					for _, file := range pictures(0, files) {
						if !yield(file) {
							return
						}
						time.Sleep(time.Second)
					}
				}
				n := 0
				for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Source: source, Journal: filepath.Join(t.TempDir(), "journal")}) {
					require.NoError(t, err)
					require.NoError(t, result.Err)
					require.Equal(t, plates.Verdict(result.Index), result.Verdict)
					n++
				}
				require.Equal(t, files, n)
				plates.RequireOnce(t, files, plates.Uploads(s))
				plates.RequireOnce(t, files, plates.Predictions(t, s))
				require.Less(t, time.Since(begun), 3*time.Hour+15*time.Minute)
				require.Less(t, requests, 2000, "in three hours")
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				require.LessOrEqual(t, len(lines), 2, log.String())
				require.Contains(t, lines[0], "the service is away")
				require.Contains(t, lines[len(lines)-1], "the service is back")
			})
		})
	}
}

// Only the context bounds that.
func TestInspectOutageEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		c := proxied(s, func(*http.Request, http.RoundTripper) (*http.Response, error) { return nil, syscall.ECONNREFUSED })
		const shift = 8 * time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), shift)
		defer cancel()
		begun := time.Now()
		results, err := outcomesIn(ctx, t, c, hacarus.InspectRequest{Files: pictures(0, 10)})
		require.Equal(t, shift, time.Since(begun))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, syscall.ECONNREFUSED, "what it waited out")
		require.ErrorIs(t, results[0].Err, context.DeadlineExceeded)
	})
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// An outage uses up none of the patience with what follows on it while the service
// starts: a proxy's page, the absence of an active model, or a login that is none.
func TestInspectDoubtsAfterAnOutage(t *testing.T) {
	t.Parallel()
	says := func(r *http.Request, status int, word string) *http.Response {
		response := page(r, status)
		response.Body = io.NopCloser(strings.NewReader(word))
		return response
	}
	isPredict := func(r *http.Request) bool { return path.Base(r.URL.Path) == "predict" }
	for name, test := range map[string]struct {
		begins func(r *http.Request) bool // the outage
		starts func(r *http.Request) *http.Response
	}{
		"a page for an upload":    {isUpload, func(r *http.Request) *http.Response { return page(r, http.StatusForbidden) }},
		"a page for a prediction": {isPredict, func(r *http.Request) *http.Response { return page(r, http.StatusForbidden) }},
		"no model": {isPredict, func(r *http.Request) *http.Response {
			switch {
			case isPredict(r):
				return says(r, http.StatusBadRequest, `{"errors":{"title":"There is no available model"}}`)
			case path.Base(r.URL.Path) == "models":
				return says(r, http.StatusOK, `{"data":[]}`)
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := newService(t)
				s.AddModel(hacarus.Model{})
				var begun, over time.Time
				c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if begun.IsZero() && test.begins(r) {
						begun = time.Now()
					}
					switch {
					case begun.IsZero():
					case time.Since(begun) < 20*time.Minute:
						return says(r, http.StatusTooManyRequests, `{"errors":{"title":"later"}}`), nil
					case over.IsZero():
						over = time.Now()
					}
					if !over.IsZero() && time.Since(over) < 2*time.Second {
						if response := test.starts(r); response != nil {
							return response, nil
						}
					}
					return next.RoundTrip(r)
				})
				all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
				require.NoError(t, err)
				requireVerdicts(t, 0, all)
				plates.RequireOnce(t, 5, plates.Uploads(s))
			})
		})
	}
}

// A proxy's page of an hour ago says nothing of today's, where the service has
// spoken in between, and be it to refuse a file.
func TestInspectForgetsFormerPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		uploads := 0
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if isUpload(r) {
				switch uploads++; uploads {
				case 1, 3:
					return page(r, http.StatusForbidden), nil
				case 2:
					refused := page(r, http.StatusBadRequest)
					refused.Body = io.NopCloser(strings.NewReader(`{"errors":{"title":"Invalid Request"}}`))
					return refused, nil
				}
			}
			return next.RoundTrip(r)
		})
		source := func(yield func(hacarus.File) bool) {
			files := pictures(0, 2)
			if yield(files[0]) {
				time.Sleep(time.Hour)
				yield(files[1])
			}
		}
		var all []*hacarus.Inspection
		var ended error
		for result, err := range c.Inspect(t.Context(), hacarus.InspectRequest{Source: source}) {
			if ended = err; err == nil {
				all = append(all, result)
			}
		}
		time.Sleep(time.Hour) // the source does not look at the context
		require.NoError(t, ended)
		require.Len(t, all, 2)
		require.ErrorIs(t, all[0].Err, hacarus.ErrBadRequest)
		requireVerdicts(t, 1, all[1:])
	})
}

// A login that is no login is waited out, wherever the token was refused.
func TestInspectUnreadableLogins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := newService(t)
		s.AddModel(hacarus.Model{})
		var begun time.Time
		c := proxied(s, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if r.Method == http.MethodGet && begun.IsZero() {
				begun = time.Now()
			}
			if begun.IsZero() || time.Since(begun) >= 5*time.Minute {
				return next.RoundTrip(r)
			}
			response := page(r, http.StatusUnauthorized)
			response.Body = io.NopCloser(strings.NewReader(`{"errors":{"title":"expired"}}`))
			if r.URL.Path == "/api/auth/token" {
				response = page(r, http.StatusOK)
				response.Body = io.NopCloser(strings.NewReader(`{"status":"maintenance"}`))
			}
			return response, nil
		})
		all, err := outcomes(t, c, hacarus.InspectRequest{Files: pictures(0, 5)})
		require.NoError(t, err)
		requireVerdicts(t, 0, all)
	})
}
