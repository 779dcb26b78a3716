package hacarus_test

// Tests of inspect_pace.go against the service in process, which is away for hours.

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
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
				var mu sync.Mutex
				requests := 0
				begun := time.Now()
				away := func() bool { d := time.Since(begun); return d > 40*time.Second && d < 3*time.Hour }
				next := s.Transport()
				c := s.Client(
					hacarus.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))),
					hacarus.WithHTTPClient(&http.Client{Transport: testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
						if !away() {
							return next.RoundTrip(r)
						}
						mu.Lock()
						requests++
						mu.Unlock()
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
