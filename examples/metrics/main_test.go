package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/examples/internal/program"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

func TestMain(m *testing.M) { program.Main(m, main) }

// scrape fetches metrics as Prometheus does; "" as long as there are none.
func scrape(t *testing.T, addr string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

// span is what is read of one.
type span struct {
	Name                string
	SpanContext, Parent struct{ TraceID, SpanID string }
	Attributes          []struct {
		Key   string
		Value struct{ Value any }
	}
}

// Verdicts and requests are counted, also one that had to be repeated, and each request
// is a span of the inspection. No secret is told of.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	s.Inject("predictItems", hacarustest.Status(http.StatusTooEarly, nil, "{}"))
	addr := testkit.FreeAddress()
	p := program.Start(t, s, "", "-addr", addr)
	var metrics string
	require.Eventually(t, func() bool {
		metrics = scrape(t, addr)
		return strings.Contains(metrics, `hacarus_images_total{verdict="OK"} 11`)
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, metrics, `hacarus_request_seconds_count{operation="predictItems",status="425"} 1`)
	require.Contains(t, metrics, `hacarus_request_seconds_count{operation="predictItems",status="200"} 1`)
	require.Contains(t, metrics, `hacarus_request_seconds_count{operation="login",status="200"} 1`)
	if runtime.GOOS == "windows" { // which has no signals
		return
	}
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Zero(t, p.End(), p.Complaints())

	spans := map[string][]span{}
	lines := bufio.NewScanner(strings.NewReader(p.Complaints()))
	for lines.Scan() {
		var s span
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s), lines.Text())
		spans[s.Name] = append(spans[s.Name], s)
	}
	require.NoError(t, lines.Err())
	require.Len(t, spans["inspection"], 1)
	require.Len(t, spans["predictItems"], 2)
	for _, request := range spans["predictItems"] {
		require.Equal(t, spans["inspection"][0].SpanContext, request.Parent)
		attributes := map[string]any{}
		for _, a := range request.Attributes {
			attributes[a.Key] = a.Value.Value
		}
		require.Equal(t, "POST", attributes["http.request.method"])
		require.Equal(t, "/api/v1/models/{model_id}/predict", attributes["url.template"])
		require.Contains(t, []any{425.0, 200.0}, attributes["http.response.status_code"])
	}
	require.NotContains(t, p.Complaints()+metrics, s.ClientSecret)
}

// A trace has the error of a request that got no response, and an image without a verdict
// is counted as such.
func TestFailures(t *testing.T) {
	t.Parallel()
	s := hacarustest.NewServer()
	t.Cleanup(s.Close)
	s.AddModel(hacarus.Model{})
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/text.jpg", []byte("no image"), 0o600))
	s.Inject("login", hacarustest.CloseConnection())
	addr := testkit.FreeAddress()
	p := program.Start(t, s, "", "-addr", addr, dir)
	require.Eventually(t, func() bool {
		return strings.Contains(scrape(t, addr), `hacarus_images_total{verdict="unknown"} 1`)
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, scrape(t, addr), `hacarus_request_seconds_count{operation="login",status="0"} 1`)
	require.Contains(t, p.Complaints(), "text.jpg has no verdict: ")
	if runtime.GOOS == "windows" {
		return
	}
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Zero(t, p.End(), p.Complaints())
	require.Regexp(t, `"Name":"login".*"Status":\{"Code":"Error","Description":"[^"]`, p.Complaints())
}
