package hacarus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// The load levels run short in every test run, and with -full at the size that
// docs/reliability.md has figures of. Those that measure connections, times or
// memory are not parallel: other tests would be measured too.

// sized is a level's size: short, or full.
func sized(short, full int) int {
	if hacarus.Full() {
		return full
	}
	return short
}

// driver makes calls with one client or the other.
type driver func(ctx context.Context, op suiteOperation) error

func sdkDriver(c *hacarus.Client) driver {
	return func(ctx context.Context, op suiteOperation) error { return op.call(ctx, c) }
}

// naiveDriver makes calls with a naive client that keeps its connections, as
// its dependencies do by default.
func naiveDriver(t *testing.T, s *hacarustest.Server) driver {
	t.Helper()
	transport := retryablehttp.NewClient().HTTPClient.Transport.(*http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	client := newNaive(&stage{server: s, transport: transport}, false)
	return func(ctx context.Context, op suiteOperation) error { return client.call(ctx, capture(t, op), op) }
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
	hash := suiteOperation{id: "getHashId", class: 'R', call: func(ctx context.Context, c *hacarus.Client) error { return only(c.GetHashID(ctx)) }}
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
	calls       int
	errors      atomic.Int64
	connections int64
	took        time.Duration
	times       []time.Duration
}

// idleTime is after what time the SDK closes a connection that nobody uses.
const idleTime = 1500 * time.Millisecond

// mayConnect is how many connections a load of the SDK may make: one for each
// worker and a few, and as many again for each time that they can have idled out.
func (f *loadFigures) mayConnect(workers, few int) int {
	return workers + few + workers*int(f.took/idleTime)
}

// p99 is the time that 99 of 100 calls do not exceed.
func (f *loadFigures) p99() time.Duration {
	times := slices.Sorted(slices.Values(f.times))
	return times[len(times)*99/100].Round(100 * time.Microsecond)
}

func (f *loadFigures) String() string {
	return fmt.Sprintf("%d errors, %d connections, p99 %v", f.errors.Load(), f.connections, f.p99())
}

// shift is what a line does with one plate: the operations of the table, with
// an item of its own, and without those that change or list all of the service.
func shift(plate string) []suiteOperation {
	first := []suiteOperation{
		{"addItem", 'N', true, func(ctx context.Context, c *hacarus.Client) error {
			return only(c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{hacarus.FileFromBytes(plate+".png", suitePNG)}}))
		}},
		{"predictItems", 'N', true, func(ctx context.Context, c *hacarus.Client) error { return only(c.PredictItems(ctx, "m1", plate)) }},
		{"getItemById", 'R', false, func(ctx context.Context, c *hacarus.Client) error { return only(c.GetItem(ctx, plate, nil)) }},
		{"annotate", 'N', true, func(ctx context.Context, c *hacarus.Client) error {
			return c.AnnotateItem(ctx, plate, hacarus.RequestAnnotation{Notes: "chip"})
		}},
	}
	last := suiteOperation{"delItem", 'D', true, func(ctx context.Context, c *hacarus.Client) error { return c.DeleteItems(ctx, plate) }}
	between := slices.DeleteFunc(suiteOperations(nil), func(op suiteOperation) bool {
		return slices.Contains([]string{
			"login", "train", "deleteModels", "importModels", "setLicense", "getLogs",
			"addItem", "predictItems", "getItemById", "annotate", "delItem",
		}, op.id)
	})
	return slices.Concat(first, between, []suiteOperation{last})
}

// mixedLoad lets workers call one operation of their shifts after the other.
func mixedLoad(t *testing.T, workers, calls int, newDriver func(*hacarustest.Server) driver) *loadFigures {
	t.Helper()
	s := suiteServer()
	defer s.Close()
	drive := newDriver(s)
	ctx, connections := countConnections(t.Context())
	warmUp(ctx, t, s, workers, drive)
	figures := &loadFigures{calls: calls, times: make([]time.Duration, calls)}
	begun := time.Now()
	ahead, rounds := make([][]suiteOperation, workers), make([]int, workers)
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
	naive := mixedLoad(t, workers, calls, func(s *hacarustest.Server) driver { return naiveDriver(t, s) })
	require.Greater(t, int(naive.connections), naive.mayConnect(workers, 2), "a level that the naive client passes is too weak")
	hacarus.RecordLoad(t, "L1", fmt.Sprintf("%d calls of %d operations, %d at a time", calls, len(shift("")), workers), sdk.String(), naive.String())
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
			drawn[i] = mishap{hacarustest.Reset(), true, true}
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
	return fmt.Sprintf("%d duplicates, %d lost, %d GETs failed, %d POSTs with an error of %d executed without an answer, %d connections for %d broken ones",
		f.duplicates, f.lost, f.failedReads.Load(), f.errors.Load(), f.executed, f.connections, f.broken)
}

// flakyLoad uploads so many items and reads as often, over a network that breaks.
func flakyLoad(t *testing.T, workers, uploads int, newDriver func(*hacarustest.Server) driver) *flakyFigures {
	t.Helper()
	s := suiteServer()
	defer s.Close()
	drive := newDriver(s)
	ctx, connections := countConnections(t.Context())
	warmUp(ctx, t, s, workers, drive)
	random := rand.New(rand.NewPCG(2026, 2))
	posts, gets := mishaps(random, 6*uploads), mishaps(random, 6*uploads)
	inject(s, "addItem", posts)
	inject(s, "getItemById", gets)
	get := suiteOperation{id: "getItemById", class: 'R', call: func(ctx context.Context, c *hacarus.Client) error { return only(c.GetItem(ctx, "a", nil)) }}
	figures, begun := &flakyFigures{}, time.Now()
	succeeded := make([]bool, uploads)
	spread(workers, 2*uploads, func(_, n int) {
		if n%2 == 1 {
			if drive(ctx, get) != nil {
				figures.failedReads.Add(1)
			}
			return
		}
		if drive(ctx, shift(fmt.Sprint("plate-", n/2))[0]) != nil {
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
	const workers = 256
	uploads := sized(600, 10_000)
	sdk := flakyLoad(t, workers, uploads, func(s *hacarustest.Server) driver { return sdkDriver(s.Client(loadRetries)) })
	require.Zero(t, sdk.duplicates)
	require.Zero(t, sdk.lost)
	require.Zero(t, sdk.failedReads.Load())
	require.Positive(t, sdk.executed)
	require.EqualValues(t, sdk.executed, sdk.errors.Load(), "an error for each upload whose answer was lost, and for no other")
	require.LessOrEqual(t, int(sdk.connections), sdk.mayConnect(workers, 44+sdk.broken))
	naive := flakyLoad(t, workers, uploads, func(s *hacarustest.Server) driver { return naiveDriver(t, s) })
	require.Positive(t, naive.duplicates, "a level that the naive client passes is too weak")
	hacarus.RecordLoad(t, "L2", fmt.Sprintf("%d POST and %d GET, %d at a time, 16 %% of the requests go wrong", uploads, uploads, workers),
		sdk.String(), naive.String())
}
