package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/folder"
)

// metrics are the figures of a line, in the text form of Prometheus.
type metrics struct {
	now func() time.Time

	mu            sync.Mutex
	results       map[string]int // images, by what became of them
	away          bool           // the folder
	left          int
	waiting       map[*folder.Image]bool
	uploads       int
	uploadSeconds float64
	failures      int // of requests, one after the other
}

func newMetrics(now func() time.Time) *metrics {
	return &metrics{now: now, waiting: map[*folder.Image]bool{}, results: map[string]int{}}
}

// observe counts uploads, and requests that fail.
func (m *metrics) observe(_ context.Context, a hacarus.Attempt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.Operation == "addItem" && a.Err == nil {
		m.uploads++
		m.uploadSeconds += a.Duration.Seconds()
	}
	if m.failures++; a.Err == nil {
		m.failures = 0
	}
}

// waits counts an image that waits for its verdict.
func (m *metrics) waits(image *folder.Image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting[image] = true
}

// forget is for an image that is to be found again.
func (m *metrics) forget(image *folder.Image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiting, image)
}

// settled counts an outcome.
func (m *metrics) settled(image *folder.Image, i *hacarus.Inspection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiting, image)
	m.results[resultOf(i)]++
}

// What may become of an image. A failed one was not inspected at all, as far as is
// known: the service does not take it, or it cannot be read.
const (
	resultNone   = "none"
	resultFailed = "failed"
)

func resultOf(i *hacarus.Inspection) string {
	switch {
	case i.Err == nil:
		return string(i.Verdict)
	case errors.Is(i.Err, hacarus.ErrNoVerdict), errors.Is(i.Err, hacarus.ErrNoAssessment):
		return resultNone
	}
	return resultFailed
}

// folder says whether the folder is away.
func (m *metrics) folder(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// undone says how many images are still to be put aside.
func (m *metrics) undone(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = n
}

// backlog is how many images wait for a verdict, and for how long the first of them.
func (m *metrics) backlog() (waiting int, oldest time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting), m.oldestLocked()
}

func (m *metrics) oldestLocked() (oldest time.Duration) {
	for image := range m.waiting {
		oldest = max(oldest, m.now().Sub(image.Since))
	}
	return oldest
}

func (m *metrics) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	write := func(name, kind, help, format string, args ...any) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		fmt.Fprintf(&b, format, args...)
	}
	const images = "hacarus_watch_images_total"
	counts := ""
	for _, result := range []string{string(hacarus.VerdictOK), string(hacarus.VerdictNG), resultNone, resultFailed} {
		counts += fmt.Sprintf("%s{verdict=%q} %d\n", images, result, m.results[result])
	}
	write(images, "counter", "Images by their verdict: none if the service gave none, failed if they could not be inspected.", "%s", counts)
	write("hacarus_watch_waiting", "gauge", "Images that wait for a verdict.", "hacarus_watch_waiting %d\n", len(m.waiting))
	write("hacarus_watch_oldest_waiting_seconds", "gauge", "Age of the image that waits longest.", "hacarus_watch_oldest_waiting_seconds %g\n", m.oldestLocked().Seconds())
	write("hacarus_watch_undone", "gauge", "Images that could not be put aside yet.", "hacarus_watch_undone %d\n", m.left)
	write("hacarus_watch_upload_seconds", "summary", "Time that uploads took.",
		"hacarus_watch_upload_seconds_sum %g\nhacarus_watch_upload_seconds_count %d\n", m.uploadSeconds, m.uploads)
	return b.String()
}

// unhealthy is how many requests may fail one after the other.
const unhealthy = 10

// trouble is what is wrong; "" for nothing.
func (m *metrics) trouble() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.away:
		return "the folder cannot be read"
	case m.failures >= unhealthy:
		return "the service cannot be reached"
	}
	return ""
}

// serve serves the figures until stop.
func (m *metrics) serve(ctx context.Context, addr string) (stop func(), err error) {
	listener, err := listen(ctx, addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write([]byte(m.String()))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if trouble := m.trouble(); trouble != "" {
			http.Error(w, trouble, http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Close
	}()
	return func() {
		_ = server.Close()
		<-done
	}, nil
}
