package reliability

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// The load levels L5 to L7 are about time, and run in bubbles: their seconds
// are exact, and take no time.

// latency is how long a byte is on its way, in each direction.
const latency = 3 * time.Millisecond

// distant lets a transport reach the server over a network with a latency.
func distant(t *testing.T, s *hacarustest.Server, transport *http.Transport) *http.Transport {
	t.Helper()
	network := &testkit.Network{Latency: latency, Dial: s.Transport().(*http.Transport).DialContext}
	transport.DialContext = network.DialContext
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		network.Wait()
	})
	return transport
}

// distantSDK is a client over the transport that its user's other clients have, too.
func distantSDK(t *testing.T, s *hacarustest.Server) (drive driver, resends *atomic.Int64) {
	t.Helper()
	transport := distant(t, s, naiveTransport(t))
	resends = new(atomic.Int64)
	return sdkDriver(s.Client(
		hacarus.WithHTTPClient(&http.Client{Transport: transport}),
		hacarus.WithObserver(func(_ context.Context, a hacarus.Attempt) {
			if a.Number > 1 {
				resends.Add(1)
			}
		}))), resends
}

func distantNaive(t *testing.T, s *hacarustest.Server) (drive driver, resends *atomic.Int64) {
	t.Helper()
	client := newNaive(&stage{server: s, transport: distant(t, s, naiveTransport(t))}, true)
	client.logIn(t)
	resends = new(atomic.Int64)
	client.http.RequestLogHook = func(_ retryablehttp.Logger, _ *http.Request, attempt int) {
		if attempt > 0 {
			resends.Add(1)
		}
	}
	return client.drive(t), resends
}

var getModel = operation{"getModelById", func(ctx context.Context, c *hacarus.Client) (any, error) { return c.GetModel(ctx, "m1") }}

// revokedFigures are what L5 measures.
type revokedFigures struct {
	calls, failed atomic.Int64
	logins        int
}

func (f *revokedFigures) String() string {
	return fmt.Sprintf("%d logins, %d of %d calls failed with 401", f.logins, f.failed.Load(), f.calls.Load())
}

// revokedLoad reads while all tokens are revoked every 50 ms.
func revokedLoad(t *testing.T, workers, revocations int, newDriver func(*testing.T, *hacarustest.Server) (driver, *atomic.Int64)) *revokedFigures {
	t.Helper()
	figures := &revokedFigures{}
	synctest.Test(t, func(t *testing.T) {
		const period = 50 * time.Millisecond
		s := newServer()
		defer s.Close()
		drive, _ := newDriver(t, s)
		end := time.Now().Add(time.Duration(revocations)*period + period/2)
		var work sync.WaitGroup
		for range workers {
			work.Go(func() {
				for time.Now().Before(end) {
					time.Sleep(rand.N(2 * period))
					figures.calls.Add(1)
					if drive(t.Context(), getModel) != nil {
						figures.failed.Add(1)
					}
				}
			})
		}
		for range revocations {
			time.Sleep(period)
			s.RevokeTokens()
		}
		work.Wait()
		figures.logins = len(s.Calls("login"))
	})
	return figures
}

// L5: the token is revoked again and again.
func TestLoadRevokedToken(t *testing.T) {
	t.Parallel()
	workers, revocations := sized(64, 256), sized(20, 100)
	sdk := revokedLoad(t, workers, revocations, distantSDK)
	require.Zero(t, sdk.failed.Load())
	require.LessOrEqual(t, sdk.logins, revocations+1)
	require.Greater(t, sdk.logins, revocations/2)
	naive := baseline(func() string {
		naive := revokedLoad(t, workers, revocations, distantNaive)
		require.Positive(t, naive.failed.Load(), "a level that the naive client passes is too weak")
		return naive.String()
	})
	recordLoad(t, "L5", fmt.Sprintf("%d revocations of the token, one every 50 ms, %d callers", revocations, workers), sdk.String(), naive)
}

// outage is a service that a proxy cannot reach for some time.
type outage struct {
	next     http.RoundTripper
	from, to time.Time

	mu       sync.Mutex
	requests int
	resends  map[time.Duration]int // by their time, less the calls that began then
	calls    int
	recovery time.Duration // from its end to the last effect of it on a call
	late     int           // calls that began after it, and failed
}

const slot = 10 * time.Millisecond

func (o *outage) during(t time.Time) bool { return !t.Before(o.from) && t.Before(o.to) }

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	if !o.during(now) {
		return o.next.RoundTrip(r)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests++
	o.resends[now.Sub(o.from)/slot]++
	return &http.Response{
		StatusCode: http.StatusServiceUnavailable, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: io.NopCloser(strings.NewReader("<h1>no upstream</h1>")),
	}, nil
}

// call makes a call, and notes what the outage did to it.
func (o *outage) call(ctx context.Context, drive driver) {
	begun := time.Now()
	o.mu.Lock()
	if o.during(begun) {
		o.calls++
		o.resends[begun.Sub(o.from)/slot]--
	}
	o.mu.Unlock()
	err := drive(ctx, getModel)
	o.mu.Lock()
	defer o.mu.Unlock()
	if begun.Before(o.to) || err != nil {
		o.recovery = max(o.recovery, time.Since(o.to))
	}
	if !begun.Before(o.to) && err != nil {
		o.late++
	}
}

func (o *outage) amplification() float64 { return float64(o.requests) / float64(o.calls) }

// crowd is the most requests that were sent again at the same time.
func (o *outage) crowd() int {
	most := 0
	for _, n := range o.resends {
		most = max(most, n)
	}
	return most
}

func (o *outage) String() string {
	return fmt.Sprintf("%.2f requests a call, %d sent again within the same %v at most, back after %v, %d failed then",
		o.amplification(), o.crowd(), slot, o.recovery.Round(time.Millisecond), o.late)
}

// outageLoad lets all callers call every second, with an outage of 10 s.
func outageLoad(t *testing.T, workers int, newDriver func(*testing.T, *hacarustest.Server, http.RoundTripper) driver) *outage {
	t.Helper()
	o := &outage{resends: map[time.Duration]int{}}
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		defer s.Close()
		o.next = s.Transport()
		begun := time.Now()
		o.from, o.to = begun.Add(2*time.Second), begun.Add(12*time.Second)
		drive := newDriver(t, s, o)
		var work sync.WaitGroup
		for range workers {
			work.Go(func() {
				for time.Since(begun) < 20*time.Second {
					o.call(t.Context(), drive)
					time.Sleep(time.Second - time.Since(begun)%time.Second)
				}
			})
		}
		work.Wait()
	})
	return o
}

// L6: the service is away, and comes back.
func TestLoadOutage(t *testing.T) {
	t.Parallel()
	workers := sized(64, 256)
	sdk := outageLoad(t, workers, func(_ *testing.T, s *hacarustest.Server, transport http.RoundTripper) driver {
		return sdkDriver(s.Client(hacarus.WithHTTPClient(&http.Client{Transport: transport})))
	})
	require.GreaterOrEqual(t, sdk.calls, 10*workers)
	require.LessOrEqual(t, sdk.amplification(), 1.2)
	require.Positive(t, sdk.crowd())
	require.LessOrEqual(t, sdk.crowd(), 15, "of 50 resends within 250 ms")
	require.Less(t, sdk.recovery, 2*250*time.Millisecond)
	require.Zero(t, sdk.late)
	naive := baseline(func() string {
		naive := outageLoad(t, workers, naiveOver)
		require.Greater(t, naive.amplification(), 2.0, "a level that the naive client passes is too weak")
		return naive.String()
	})
	recordLoad(t, "L6", fmt.Sprintf("10 s of status 503, %d callers, each once a second", workers), sdk.String(), naive)
}

func naiveOver(t *testing.T, s *hacarustest.Server, transport http.RoundTripper) driver {
	t.Helper()
	source := naiveLogin{&stage{server: s, transport: s.Transport().(*http.Transport)}}
	client := newNaiveWith(s.URL, oauth2.ReuseTokenSource(nil, source), transport, true)
	client.logIn(t)
	return client.drive(t)
}

// keepAlive is how long the servers of L7 keep a connection that nobody uses:
// no common one does so for a shorter time.
const keepAlive = 2 * time.Second

// pauses between the calls of L7, on one connection: in the first, the request
// and the server's close cross on their way. In the others it comes in time,
// or too late, or when the client itself closes the connection.
var pauses = []time.Duration{keepAlive - latency, idleTime, keepAlive - 3*latency, idleTime - latency, keepAlive + latency}

// raceFigures are what L7 measures.
type raceFigures struct {
	failed, resends    atomic.Int64
	duplicates, absent int
}

func (f *raceFigures) String() string {
	return fmt.Sprintf("%d failed, %d sent again, %d duplicates, %d never arrived", f.failed.Load(), f.resends.Load(), f.duplicates, f.absent)
}

// raceLoad lets callers call at the same time, pause, and call again.
func raceLoad(t *testing.T, calls int, call func(n int) operation, newDriver func(*testing.T, *hacarustest.Server) (driver, *atomic.Int64)) *raceFigures {
	t.Helper()
	const workers = 3 // the naive client keeps no more connections, on two cores
	figures := &raceFigures{}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(hacarustest.WithKeepAlive(keepAlive))
		defer s.Close()
		drive, resends := newDriver(t, s)
		for n := 0; n < calls; n += workers {
			var work sync.WaitGroup
			for worker := range workers {
				work.Go(func() {
					if !assert.NoError(t, drive(t.Context(), call(n+worker))) {
						figures.failed.Add(1)
					}
				})
			}
			work.Wait()
			time.Sleep(pauses[n/workers%len(pauses)])
		}
		figures.resends.Store(resends.Load())
		executions := map[string]int{}
		for _, c := range s.Calls("") {
			if c.Executed {
				executions[nonce(c)]++
			}
		}
		for n := range calls {
			times := executions[fmt.Sprint(n)]
			figures.duplicates += max(times-1, 0)
			if times == 0 {
				figures.absent++
			}
		}
	})
	return figures
}

// nonce is the number of the call that a request belongs to.
func nonce(c hacarustest.Call) string {
	if len(c.Files) > 0 {
		return strings.TrimSuffix(c.Files[0], ".png")
	}
	_, after, _ := strings.Cut(string(c.Body), `"notes":"`)
	before, _, _ := strings.Cut(after, `"`)
	return before
}

// annotation is a call of class N with a small body.
func annotation(n int) operation { return annotate(seeded.item, fmt.Sprint(n)) }

// largeUpload is a call of class N that asks before it sends its body.
func largeUpload(n int) operation {
	return addItem(fmt.Sprint(n), slices.Concat(platePNG, make([]byte, 1<<20)))
}

// L7: a connection is closed while a request is on its way. Large uploads ask
// first, so that it is known that none was executed. The SDK's own transport
// closes a connection before the server does, which the SDK's own tests show.
func TestLoadKeepAliveRace(t *testing.T) {
	t.Parallel()
	large, small := sized(60, 300), sized(300, 1500)
	sdk := raceLoad(t, large, largeUpload, distantSDK)
	require.Zero(t, sdk.failed.Load())
	require.Zero(t, sdk.duplicates)
	require.Zero(t, sdk.absent)
	require.Positive(t, sdk.resends.Load(), "there was no race")
	naive := baseline(func() string {
		naive := raceLoad(t, small, annotation, distantNaive)
		require.Positive(t, naive.resends.Load(), "a level that the naive client passes is too weak")
		return fmt.Sprintf("%d small POST: %v", small, naive)
	})
	recordLoad(t, "L7", fmt.Sprintf("%d uploads of 1 MiB when the server closes idle connections, over a transport that keeps them longer than it", large),
		sdk.String(), naive)
}
