package reliability

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The load levels run short in every test run, and with -full at the size that
// docs/reliability.md has figures of. Those that measure connections, times or
// memory are not parallel: other tests would be measured too.

// sized is a level's size: short, or full.
func sized(short, full int) int {
	if *testkit.Full {
		return full
	}
	return short
}

// baseline is what the naive client did, where it takes part.
func baseline(measure func() string) string {
	if !*withNaive {
		return ""
	}
	return measure()
}

// driver makes calls with one client or the other.
type driver func(ctx context.Context, op operation) error

func sdkDriver(c *hacarus.Client) driver {
	return func(ctx context.Context, op operation) error { return op.call(ctx, c) }
}

// naiveDriver makes calls with a naive client that keeps its connections, as
// its dependencies do by default.
func naiveDriver(t *testing.T, s *hacarustest.Server) driver {
	t.Helper()
	return newNaive(&stage{server: s, transport: naiveTransport(t)}, false).drive(t)
}

// spread makes n calls with so many workers.
func spread(workers, n int, call func(worker, n int)) {
	var next atomic.Int64
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				call(worker, i)
			}
		})
	}
	work.Wait()
}

// countConnections returns a context whose requests count the connections
// that are made for them.
func countConnections(ctx context.Context) (context.Context, *atomic.Int64) {
	var made atomic.Int64
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, _ string, err error) {
		if err == nil {
			made.Add(1)
		}
	}}), &made
}

// warmUp makes as many calls at the same time as a load does, so that their
// connections are there. In a burst a transport begins more of them than it
// needs, the more the busier the machine is.
func warmUp(ctx context.Context, t *testing.T, s *hacarustest.Server, workers int, drive driver) {
	t.Helper()
	hash := named("getHashId")
	require.NoError(t, drive(ctx, hash)) // logs in
	s.Inject(hash.id, hacarustest.Repeat(workers, hacarustest.Delay(time.Hour))...)
	var work sync.WaitGroup
	for range workers {
		work.Go(func() { assert.NoError(t, drive(ctx, hash)) })
	}
	require.Eventually(t, func() bool { return len(s.Calls(hash.id)) == workers+1 }, time.Minute, time.Millisecond)
	s.Advance(time.Hour)
	work.Wait()
}

// loadFigures are what a load measures.
type loadFigures struct {
	errors      atomic.Int64
	connections int64
	took        time.Duration
	times       []time.Duration
}

// idleTime is after what time the SDK closes a connection that nobody uses.
const idleTime = 1500 * time.Millisecond

// mayConnect is how many connections a load of the SDK may make: one for each
// worker and a few, and as many again for each time that they can have idled
// out. Slow calls are a sign of a busy machine, which may take as many once
// more: net/http does not keep a connection whose writer it waits for longer
// than 50 ms, and while a new one is slow to come, it begins others.
func (f *loadFigures) mayConnect(workers, few int) int {
	rounds := 1 + int(f.took/idleTime)
	if len(f.times) > 0 && slices.Max(f.times) > 50*time.Millisecond {
		rounds++
	}
	return workers*rounds + few
}

// percentile is the time that so many of a hundred do not exceed.
func percentile(times []time.Duration, percent int) time.Duration {
	return slices.Sorted(slices.Values(times))[len(times)*percent/100]
}

func (f *loadFigures) String() string {
	return fmt.Sprintf("%d errors, %d connections, p99 %v", f.errors.Load(), f.connections, percentile(f.times, 99).Round(100*time.Microsecond))
}

// shift is what a line does with one plate: the operations of the table, with
// an item of its own, and without those that change or list all of the service.
func shift(plate string) []operation {
	own := seeded
	own.item = plate
	ofPlate := map[string]operation{}
	var between []operation
	for _, op := range operationsOn(own) {
		switch op.id {
		case "login", "train", "deleteModels", "importModels", "setLicense", "getLogs":
		case "addItem", "predictItems", "getItemById", "annotate", "delItem":
			ofPlate[op.id] = op
		default:
			between = append(between, op)
		}
	}
	first := []operation{addItem(plate, platePNG), ofPlate["predictItems"], ofPlate["getItemById"], ofPlate["annotate"]}
	return slices.Concat(first, between, []operation{ofPlate["delItem"]})
}

// mixedLoad lets workers call one operation of their shifts after the other.
func mixedLoad(t *testing.T, workers, calls int, newDriver func(*hacarustest.Server) driver) *loadFigures {
	t.Helper()
	s := newServer()
	defer s.Close()
	drive := newDriver(s)
	ctx, connections := countConnections(t.Context())
	begun := time.Now()
	warmUp(ctx, t, s, workers, drive)
	figures := &loadFigures{times: make([]time.Duration, calls)}
	ahead, rounds := make([][]operation, workers), make([]int, workers)
	spread(workers, calls, func(worker, n int) {
		if len(ahead[worker]) == 0 {
			rounds[worker]++
			ahead[worker] = shift(fmt.Sprintf("plate-%d-%d", worker, rounds[worker]))
		}
		op := ahead[worker][0]
		ahead[worker] = ahead[worker][1:]
		called := time.Now()
		err := drive(ctx, op)
		figures.times[n] = time.Since(called)
		if !assert.NoError(t, err, op.id) {
			figures.errors.Add(1)
		}
	})
	figures.connections, figures.took = connections.Load(), time.Since(begun)
	return figures
}

// L1: many calls at the same time, and nothing goes wrong.
func TestLoadMixed(t *testing.T) { //nolint:paralleltest // it measures
	const workers = 64
	calls := sized(1_000, 10_000)
	sdk := mixedLoad(t, workers, calls, func(s *hacarustest.Server) driver { return sdkDriver(s.Client()) })
	require.Zero(t, sdk.errors.Load())
	require.LessOrEqual(t, int(sdk.connections), sdk.mayConnect(workers, 2))
	naive := baseline(func() string {
		naive := mixedLoad(t, workers, calls, func(s *hacarustest.Server) driver { return naiveDriver(t, s) })
		require.Greater(t, int(naive.connections), 2*workers, "a level that the naive client passes is too weak")
		return naive.String()
	})
	recordLoad(t, "L1", fmt.Sprintf("%d calls of %d operations, %d at a time", calls, len(shift("")), workers), sdk.String(), naive)
}

// mishap is what goes wrong with a request of L2.
type mishap struct {
	fault    hacarustest.Fault
	executed bool // the request, in spite of it
	breaks   bool // the connection
}

// mishaps are drawn for n requests: 16 of 100 go wrong.
func mishaps(random *rand.Rand, n int) []mishap {
	drawn := make([]mishap, n)
	for i := range drawn {
		switch p := random.IntN(100); {
		case p < 5:
			drawn[i].fault = hacarustest.Status(429, nil, "{}")
		case p < 8:
			drawn[i].fault = hacarustest.Status(425, nil, "{}")
		case p < 11:
			drawn[i] = mishap{hacarustest.ResetConnection(), true, true}
		case p < 14:
			drawn[i] = mishap{hacarustest.HTML(502).After(), true, false}
		case p < 16:
			drawn[i] = mishap{hacarustest.Truncated(5), true, true}
		}
	}
	return drawn
}

// inject lets the drawn ones happen to the operation's next requests.
func inject(s *hacarustest.Server, operation string, drawn []mishap) {
	for _, m := range drawn {
		s.Inject(operation, m.fault)
	}
}

// happened counts those of the drawn that came to pass.
func happened(s *hacarustest.Server, operation string, drawn []mishap) (executed, broken int) {
	for _, m := range drawn[:len(s.Calls(operation))] {
		if m.executed {
			executed++
		}
		if m.breaks {
			broken++
		}
	}
	return executed, broken
}

// flakyFigures are what L2 measures.
type flakyFigures struct {
	loadFigures
	failedReads      atomic.Int64
	duplicates, lost int // uploads
	executed, broken int // mishaps that came to pass: of uploads, and of connections
}

func (f *flakyFigures) String() string {
	return fmt.Sprintf("%d duplicates, %d lost, %d GETs failed, %d POSTs with an error of %d executed without a response, %d connections for %d broken ones",
		f.duplicates, f.lost, f.failedReads.Load(), f.errors.Load(), f.executed, f.connections, f.broken)
}

// flakyLoad uploads so many items and reads as often, over a network that breaks.
func flakyLoad(t *testing.T, workers, uploads int, newDriver func(*hacarustest.Server) driver) *flakyFigures {
	t.Helper()
	s := newServer()
	defer s.Close()
	drive := newDriver(s)
	ctx, connections := countConnections(t.Context())
	begun := time.Now()
	warmUp(ctx, t, s, workers, drive)
	random := rand.New(rand.NewPCG(2026, 2))
	posts, gets := mishaps(random, 6*uploads), mishaps(random, 6*uploads)
	inject(s, "addItem", posts)
	inject(s, "getItemById", gets)
	get := named("getItemById")
	figures := &flakyFigures{}
	succeeded := make([]bool, uploads)
	spread(workers, 2*uploads, func(_, n int) {
		if n%2 == 1 {
			if drive(ctx, get) != nil {
				figures.failedReads.Add(1)
			}
			return
		}
		if drive(ctx, addItem(fmt.Sprint("plate-", n/2), platePNG)) != nil {
			figures.errors.Add(1)
			return
		}
		succeeded[n/2] = true
	})
	figures.connections, figures.took = connections.Load(), time.Since(begun)
	executions := map[string]int{}
	for _, call := range s.Calls("addItem") {
		if call.Executed {
			executions[call.Files[0]]++
		}
	}
	for n, ok := range succeeded {
		times := executions[fmt.Sprintf("plate-%d.png", n)]
		figures.duplicates += max(times-1, 0)
		if ok && times == 0 {
			figures.lost++
		}
	}
	figures.executed, figures.broken = happened(s, "addItem", posts)
	_, broken := happened(s, "getItemById", gets)
	figures.broken += broken
	return figures
}

// loadRetries are more than the default: of 10,000 reads of which 16 in 100 go
// wrong, one fails five times in a row.
var loadRetries = hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 10})

// L2: a network and a service that fail often.
func TestLoadFlaky(t *testing.T) { //nolint:paralleltest // it measures
	// Of the first wave of 256 calls so many fail at once that a busy machine,
	// whose responses are late, may have spent the retry budget before they come.
	workers, uploads := sized(64, 256), sized(600, 10_000)
	sdk := flakyLoad(t, workers, uploads, func(s *hacarustest.Server) driver { return sdkDriver(s.Client(loadRetries)) })
	require.Zero(t, sdk.duplicates)
	require.Zero(t, sdk.lost)
	require.Zero(t, sdk.failedReads.Load())
	require.Positive(t, sdk.executed)
	require.EqualValues(t, sdk.executed, sdk.errors.Load(), "an error for each upload whose response was lost, and for no other")
	naive := baseline(func() string {
		naive := flakyLoad(t, workers, uploads, func(s *hacarustest.Server) driver { return naiveDriver(t, s) })
		require.Positive(t, naive.duplicates, "a level that the naive client passes is too weak")
		require.Less(t, 2*sdk.connections, naive.connections)
		return naive.String()
	})
	// While a connection is being made, others' requests may ask for one too: on a
	// busy machine that is more than a short load has room for.
	if *testkit.Full {
		require.LessOrEqual(t, int(sdk.connections), sdk.mayConnect(workers, 44+sdk.broken))
	}
	recordLoad(t, "L2", fmt.Sprintf("%d POST and %d GET, %d at a time, 16 %% of the requests go wrong", uploads, uploads, workers),
		sdk.String(), naive)
}

// peakHeap is how much the heap grows while f runs, client and service
// together. What levels before it have left is not counted, nor does it allow
// more garbage: the collector runs often.
func peakHeap(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var peak int64
	done := make(chan struct{})
	var sampling sync.WaitGroup
	runtime.GC()
	runtime.GC() // of what pools hold
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before := int64(sample[0].Value.Uint64())
	sampling.Go(func() {
		ticks := time.NewTicker(time.Millisecond)
		defer ticks.Stop()
		for {
			metrics.Read(sample)
			peak = max(peak, int64(sample[0].Value.Uint64())-before)
			select {
			case <-ticks.C:
			case <-done:
				return
			}
		}
	})
	f()
	close(done)
	sampling.Wait()
	return peak
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// noise is content that differs for each n.
func noise(n int, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}), size)
}

// uploader uploads what a reader gives.
type uploader func(ctx context.Context, name string, size int64, open func() io.Reader) error

func sdkUploader(t *testing.T, base string) uploader {
	t.Helper()
	c, err := hacarus.New(base, anyToken(), loadRetries)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close()) })
	return func(ctx context.Context, name string, size int64, open func() io.Reader) error {
		return errorOf(c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{{
			Name: name, Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(open()), nil },
		}}}))
	}
}

func naiveUploader(t *testing.T, base string) uploader {
	t.Helper()
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-the-suite"})
	client := newNaiveWith(base, source, naiveTransport(t), false)
	return func(ctx context.Context, name string, _ int64, open func() io.Reader) error {
		return client.addItem(ctx, name, open())
	}
}

func anyToken() hacarus.Option {
	return hacarus.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-the-suite"}))
}

// uploadFigures are what L3 measures.
type uploadFigures struct {
	failed, wrong, duplicates, refused int
	heap                               int64
}

func (f *uploadFigures) String() string {
	return fmt.Sprintf("%d failed, %d arrived changed, %d duplicates, %d refused early, heap %s",
		f.failed, f.wrong, f.duplicates, f.refused, mebibytes(f.heap))
}

// uploadLoad uploads so many files of that size.
func uploadLoad(t *testing.T, workers, files int, size int64, newUploader func(*testing.T, string) uploader) *uploadFigures {
	t.Helper()
	random := rand.New(rand.NewPCG(2026, 3))
	service := &uploadRecorder{uploadOperation: uploadOperations()[0], refuses: func() bool { return random.IntN(10) == 0 }}
	server := httptest.NewServer(service)
	defer server.Close()
	upload := newUploader(t, server.URL)
	figures := &uploadFigures{}
	var failed atomic.Int64
	figures.heap = peakHeap(func() {
		spread(workers, files, func(_, n int) {
			if upload(t.Context(), fmt.Sprintf("plate-%d.png", n), size, func() io.Reader { return noise(n, size) }) != nil {
				failed.Add(1)
			}
		})
	})
	figures.failed, figures.refused = int(failed.Load()), service.refused
	arrived := map[string][]receipt{}
	for _, r := range service.all() {
		if r.whole {
			arrived[r.name] = append(arrived[r.name], r)
		}
	}
	for n := range files {
		sum := sha256.New()
		_, err := io.Copy(sum, noise(n, size))
		require.NoError(t, err)
		receipts := arrived[fmt.Sprintf("plate-%d.png", n)]
		figures.duplicates += max(len(receipts)-1, 0)
		for _, r := range receipts {
			if !bytes.Equal(r.sum[:], sum.Sum(nil)) {
				figures.wrong++
			}
		}
	}
	return figures
}

// L3: large uploads, of which the service refuses some before it reads them.
func TestLoadUploads(t *testing.T) { //nolint:paralleltest // it measures
	workers, files, size := sized(16, 64), sized(32, 200), int64(sized(2<<20, 8<<20))
	var sdk *uploadFigures
	running := goleak.IgnoreCurrent()
	t.Run("SDK", func(t *testing.T) { sdk = uploadLoad(t, workers, files, size, sdkUploader) })
	goleak.VerifyNone(t, running)
	require.Zero(t, sdk.failed)
	require.Zero(t, sdk.wrong)
	require.Zero(t, sdk.duplicates)
	require.Positive(t, sdk.refused)
	require.Less(t, sdk.heap, int64(64<<20))
	naive := baseline(func() string {
		var naive *uploadFigures
		t.Run("naive", func(t *testing.T) { naive = uploadLoad(t, workers, files, size, naiveUploader) })
		require.Greater(t, naive.heap, int64(workers)*size, "a level that the naive client passes is too weak")
		return naive.String()
	})
	recordLoad(t, "L3", fmt.Sprintf("%d uploads of %s, %d at a time, one in ten refused early", files, mebibytes(size), workers),
		sdk.String()+", 0 goroutines left", naive)
}

// zeros is a sparse file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// streamLoad uploads one file, checks its length, and returns the peak of the heap.
func streamLoad(t *testing.T, size int64, newUploader func(*testing.T, string) uploader) (heap int64) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		assert.Equal(t, r.ContentLength, n)
		assert.Greater(t, n, size)
		assert.Less(t, n, size+1024, "a form of one small field around the file")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"data":{"item_ids":["plate"]}}`)
	}))
	defer server.Close()
	upload := newUploader(t, server.URL)
	return peakHeap(func() {
		assert.NoError(t, upload(t.Context(), "plate.png", size, func() io.Reader { return io.LimitReader(zeros{}, size) }))
	})
}

// L4: one stream.
func TestLoadStream(t *testing.T) { //nolint:paralleltest // it measures
	size, naiveSize := int64(sized(64<<20, 4<<30)), int64(sized(16<<20, 256<<20))
	heap := streamLoad(t, size, sdkUploader)
	require.Less(t, heap, int64(16<<20))
	naive := baseline(func() string {
		naive := streamLoad(t, naiveSize, naiveUploader)
		require.Greater(t, naive, naiveSize, "a level that the naive client passes is too weak")
		return fmt.Sprintf("at %s, heap %s: %.1f times the file", mebibytes(naiveSize), mebibytes(naive), float64(naive)/float64(naiveSize))
	})
	recordLoad(t, "L4", "one upload of "+mebibytes(size), "exact length, heap "+mebibytes(heap), naive)
}
