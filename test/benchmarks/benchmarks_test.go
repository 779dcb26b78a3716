package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/raw"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/service"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/work"
)

// startTestService runs the service in this process.
func startTestService(t *testing.T) (work.Target, func() service.Counts) {
	t.Helper()
	l := &lab{root: filepath.Join("..", ".."), folder: t.TempDir()}
	path, err := l.model()
	require.NoError(t, err)
	model, err := os.ReadFile(path)
	require.NoError(t, err)
	items, err := os.ReadFile(filepath.Join("..", "..", "testdata", "items.jsonl"))
	require.NoError(t, err)
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- service.Serve(in, out, items, model) }()
	t.Cleanup(func() {
		require.NoError(t, ask.Close())
		require.NoError(t, <-done)
	})
	decoder := json.NewDecoder(answers)
	var target work.Target
	require.NoError(t, decoder.Decode(&target))
	return target, func() (c service.Counts) {
		_, err := io.WriteString(ask, "counts\n")
		require.NoError(t, err)
		require.NoError(t, decoder.Decode(&c))
		return c
	}
}

// TestClientsDoTheSameWork makes sure that what is compared is comparable.
func TestClientsDoTheSameWork(t *testing.T) { //nolint:paralleltest // the service counts for one client at a time
	target, counts := startTestService(t)
	baseline, err := raw.New(target.URL, target)
	require.NoError(t, err)
	sdk, err := newSDK(target.URL, target)
	require.NoError(t, err)
	secure, err := newSDK(target.TLSURL, target)
	require.NoError(t, err)
	files := []work.File{work.Sparse("a.png", 3<<20), work.Sparse("b.png", 1)}
	for name, client := range map[string]work.Client{"raw": baseline, "sdk": sdk, "sdk over TLS": secure} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, client.GetModel(t.Context()))
			_, items, err := client.ListItems(t.Context(), 100)
			require.NoError(t, err)
			require.Equal(t, 100, items)
			require.NoError(t, client.AddItems(t.Context(), files))
			size, err := client.Export(t.Context(), io.Discard)
			require.NoError(t, err)
			require.EqualValues(t, work.ExportSize, size)
			require.Equal(t, service.Counts{Logins: 1, Requests: 4, Connections: 1}, counts())
		})
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{4}, 4}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3},
	} {
		require.Equal(t, c.want, median(c.values))
	}
}

// TestGoals makes sure that a ratio is one of the same round, and that a limit
// is what is compared with.
func TestGoals(t *testing.T) {
	t.Parallel()
	w := work.Work{Name: "get", Title: "GET", Goals: []work.Goal{
		{Metric: work.Time, Unit: work.Ratio, Limit: 0.5}, {Metric: work.Allocations, Limit: 115}, {Metric: work.PeakHeap, Unit: work.PerPage, Limit: 3},
	}}
	o := &outcome{options: &options{works: []work.Work{w}}, figures: results{"get": {
		"raw": {{Time: 10}, {Time: 100}, {Time: 1000}},
		"sdk": {{Time: 4, Allocations: 116, PeakHeap: 40, Page: 10}, {Time: 50, Allocations: 116, PeakHeap: 30, Page: 10}, {Time: 900, Allocations: 1, PeakHeap: 20, Page: 10}},
	}}}
	require.Equal(t, "| Work | Figure | Goal | Measured | |\n|---|---|---:|---:|---|\n"+
		"| GET | time to raw | ≤ 0.50 | 0.50 | reached |\n"+
		"| GET | allocations | ≤ 115 | 116 | **not reached** |\n"+
		"| GET | peak heap | ≤ 3.0 pages | 3.0 pages | reached |\n", o.goals())
}

func TestParseBenchmarks(t *testing.T) {
	t.Parallel()
	decoders, err := parseBenchmarks(`goos: linux
BenchmarkDecoders/encoding/json-2             25  43519315 ns/op   30.00 MB/s  100 B/op  7 allocs/op
BenchmarkDecoders/go-faster/jx,_by_hand-2    100  12277156 ns/op  126.07 MB/s  200 B/op  8 allocs/op
BenchmarkDecoders/encoding/json-2             25  43519315 ns/op   40.00 MB/s  100 B/op  9 allocs/op
PASS`)
	require.NoError(t, err)
	require.Equal(t, []decoder{{"encoding/json", 35, 100, 8}, {"go-faster/jx, by hand", 126.07, 200, 8}}, decoders)
	_, err = parseBenchmarks("PASS")
	require.Error(t, err)
}

// TestTheReportHasItsPlaces writes into the page as the command does.
func TestTheReportHasItsPlaces(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "performance.md"))
	require.NoError(t, err)
	for _, part := range []string{"machine", "goals", "figures", "decoders"} {
		changed, err := replacePart(document, part, "a table\n")
		require.NoError(t, err)
		require.Contains(t, string(changed), "<!-- "+part+" -->\na table\n<!-- /"+part+" -->")
	}
	_, err = replacePart(document, "weather", "")
	require.Error(t, err)
}
