//go:build !windows

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/line/verdicts"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var (
	lineLoad    = flag.Int("line.load", 160, "how many images the line is measured with")
	lineRatio   = flag.Float64("line.ratio", 0.4, "how fast the line has to be, as a part of a bare inspection; 0.9 on a machine that does nothing else")
	lineAdded   = flag.Duration("line.added", time.Second, "how much time it may add to an image's way; 50ms on such a machine")
	lineInspect = flag.Duration("line.inspect", 8*time.Millisecond, "how long the service inspects an image, one at a time")
	lineMinutes = flag.Duration("line.minutes", 0, "for how long 100 stations send an image a second")
	lineQueued  = flag.Int("line.queued", 0, "how many images are queued while the service is away")
)

// follow returns when each verdict was seen, by image, as they come.
func (p *plant) follow(data string) (seen func() map[string]time.Time) {
	c := p.hacarus("line", "tail", "--data", data, "-o", "jsonl")()
	out, err := c.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, c.Start())
	p.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	var mu sync.Mutex
	at := map[string]time.Time{}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line verdicts.Line
			if json.Unmarshal(lines.Bytes(), &line) == nil {
				mu.Lock()
				at[line.ID] = time.Now()
				mu.Unlock()
			}
		}
	}()
	return func() map[string]time.Time {
		mu.Lock()
		defer mu.Unlock()
		copied := make(map[string]time.Time, len(at))
		for id, t := range at {
			copied[id] = t
		}
		return copied
	}
}

// startLine starts all roles in one process, and waits until it listens.
func (p *plant) startLine(args ...string) (url string, w *worker) {
	addr := testkit.FreeAddress()
	w = p.start("line", p.hacarus(append([]string{"line", "--data", p.at("data"), "--model", "m", "--addr", addr, "--min-free", "0"}, args...)...))
	url = "http://" + addr
	awaitHealth(p.t, url)
	return url, w
}

// awaitHealth waits until a process can do its work.
func awaitHealth(t *testing.T, url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get(url + "/healthz") //nolint:noctx // it is this test's
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 10*time.Minute, 10*time.Millisecond)
}

// greet lets the line know the stations, as after a night.
func (p *plant) greet(url string) {
	p.t.Helper()
	for station := range p.stations {
		_, err := product{station, 1_000_000}.send(p.t.Context(), http.DefaultClient, url)
		require.NoError(p.t, err)
	}
	require.Eventually(p.t, func() bool { return len(p.tail("--data", p.at("data"))) >= p.stations }, time.Minute, 200*time.Millisecond)
}

// The line is about as fast as a bare inspection of the same images, and the time
// that it adds to an image's way is short.
func TestLineSpeed(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	p := newPlant(t, 10)
	p.pace = *lineInspect
	var files []hacarus.File
	for n := range *lineLoad {
		o := product{n % p.stations, n / p.stations}
		files = append(files, hacarus.FileFromBytes(fmt.Sprintf("bare-%d.png", n), o.picture()))
	}
	client := p.service.Client()
	t.Cleanup(func() { _ = client.Close() })
	begun := time.Now()
	for i, err := range client.Inspect(t.Context(), hacarus.InspectRequest{ModelID: "m", Files: files, Journal: filepath.Join(t.TempDir(), "journal")}) {
		require.NoError(t, err)
		require.NoError(t, i.Err)
	}
	bare := time.Since(begun)
	url, _ := p.startLine()
	p.greet(url)
	seen := p.follow(p.at("data"))
	await := func(n int) {
		require.Eventually(t, func() bool { return len(seen()) >= n }, 5*time.Minute, 5*time.Millisecond)
	}
	await(p.stations)
	begun = time.Now()
	accepted := p.photograph(url, *lineLoad, func() time.Duration { return 0 })
	took := time.Since(begun)
	await(len(accepted) + p.stations)
	line := time.Since(begun)
	t.Logf("%d images: bare Inspect %v (%.0f/s), accepted in %v, with verdicts in %v (%.0f/s): %.2f", *lineLoad, bare,
		float64(*lineLoad)/bare.Seconds(), took, line, float64(*lineLoad)/line.Seconds(), bare.Seconds()/line.Seconds())
	require.GreaterOrEqual(t, bare.Seconds()/line.Seconds(), *lineRatio)
	// One at a time, in both ways.
	const times = 20
	var direct, added []time.Duration
	for n := range times {
		o := product{n % p.stations, 2_000_000 + n}
		begun := time.Now()
		for _, err := range client.Inspect(t.Context(), hacarus.InspectRequest{
			ModelID: "m", Files: []hacarus.File{hacarus.FileFromBytes(fmt.Sprintf("one-%d.png", n), o.picture())},
			Wait: []hacarus.WaitOption{hacarus.WithPollInterval(20*time.Millisecond, 2*time.Second)},
		}) {
			require.NoError(t, err)
		}
		direct = append(direct, time.Since(begun))
		begun = time.Now()
		id, err := o.send(t.Context(), http.DefaultClient, url)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return !seen()[id].IsZero() }, time.Minute, time.Millisecond)
		added = append(added, seen()[id].Sub(begun))
	}
	slices.Sort(direct)
	slices.Sort(added)
	t.Logf("one image: bare Inspect %v at the median, the line %v from its post to its line in tail", direct[times/2], added[times/2])
	require.Less(t, added[times/2]-direct[times/2], *lineAdded)
}

// 100 stations send an image a second: no image waits for long, and memory does not
// grow.
func TestLineHundredStations(t *testing.T) {
	t.Parallel()
	if *lineMinutes == 0 {
		t.Skip("takes its time: -line.minutes 10m")
	}
	p := newPlant(t, 100)
	url, w := p.startLine()
	p.greet(url)
	seen := p.follow(p.at("data"))
	ctx, cancel := context.WithTimeout(t.Context(), *lineMinutes)
	defer cancel()
	var sent atomic.Int64
	var cameras sync.WaitGroup
	for station := range p.stations {
		cameras.Go(func() {
			time.Sleep(time.Duration(station) * 10 * time.Millisecond)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for serial := 0; ctx.Err() == nil; serial++ {
				if _, err := (product{station, serial}).send(ctx, http.DefaultClient, url); err == nil {
					sent.Add(1)
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	oldest := 0.0
	for tick := time.NewTicker(5 * time.Second); ctx.Err() == nil; <-tick.C {
		age := metric(url, "hacarus_line_oldest_seconds")
		oldest = max(oldest, age)
		t.Logf("sent %d, verdicts %d, oldest %.2f s, memory %d MiB", sent.Load(), len(seen()), age, memoryOf(w)>>20)
		p.service.ResetCalls()
	}
	cameras.Wait()
	require.Eventually(t, func() bool { return len(seen()) >= int(sent.Load())+p.stations }, time.Minute, 10*time.Millisecond)
	require.Less(t, oldest, 5.0)
}

// metric is a figure of a process; -1 if it cannot be had.
func metric(url, name string) float64 {
	response, err := http.Get(url + "/metrics") //nolint:noctx // it is this test's
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			figure, _ := strconv.ParseFloat(value, 64)
			return figure
		}
	}
	return -1
}

// memoryOf is the resident memory of a process in bytes.
func memoryOf(w *worker) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// perImage tells what some images cost a process, from now on until it is called.
func perImage(w *worker, images int) func() string {
	begun, used := time.Now(), processorOf(w)
	return func() string {
		per := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(images) }
		return fmt.Sprintf("%.2f ms each and %.2f ms of a processor, memory %d MiB", per(time.Since(begun)), per(processorOf(w)-used), memoryOf(w)>>20)
	}
}

// processorOf is the time that a process has had of a processor.
func processorOf(w *worker) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.process.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(raw), ") ")
	ticks := 0
	for _, field := range strings.Fields(after)[11:13] { // utime and stime, in hundredths of a second
		n, _ := strconv.Atoi(field)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// While the service is away, images are taken in all the same, and the last ones
// cost what the first ones did. A line that is killed meanwhile is there again within
// seconds. When the service is back, all get their verdicts, in the order of their
// stations, and the last ones cost what the first ones did.
func TestLineServiceAway(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	images := max(*lineQueued, 100)
	p := newPlant(t, 10)
	away := p.instead(images, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "away", http.StatusServiceUnavailable) })
	url, w := p.startLine("--hold", "5m", "--grace", "10s")
	accepted := map[string]product{}
	for part := range 10 {
		each := perImage(w, images/10)
		for id, o := range p.photographFrom(url, part*images/10, images/10) {
			accepted[id] = o
		}
		t.Logf("%d accepted, %s", len(accepted), each())
	}
	require.Len(t, accepted, images)
	begun := time.Now()
	w.kill(t)
	awaitHealth(t, url)
	t.Logf("%v from kill -9 to a line that takes images in, memory %d MiB", time.Since(begun), memoryOf(w)>>20)
	require.Less(t, time.Since(begun), 30*time.Second+time.Duration(images)*time.Millisecond/2)
	require.Eventually(t, func() bool { return strings.Contains(p.status(p.at("data")), "503") }, time.Minute, 100*time.Millisecond, "it is told that the service is away")
	t.Logf("%v until it says again that the service is away", time.Since(begun))
	seen := p.follow(p.at("data"))
	away.Store(false)
	for part := range 10 {
		each := perImage(w, images/10)
		wanted := (part + 1) * images / 10
		require.Eventually(t, func() bool { return len(seen()) >= wanted }, 2*time.Minute+time.Duration(images)*10*time.Millisecond, 50*time.Millisecond+time.Duration(images)*10*time.Microsecond)
		t.Logf("%d verdicts, %s", wanted, each())
	}
	p.requireOnce(accepted, p.tail("--data", p.at("data")))
}

// Whatever the service says in place of inspecting, images are taken in, and it is told
// of what kind that is. When the service inspects again, all get their verdicts.
func TestLineServiceRefuses(t *testing.T) {
	t.Parallel()
	testkit.NotWithRace(t, "the tests of each role look at what its goroutines share")
	for trouble, response := range map[string]struct {
		status int
		title  string
	}{
		"license": {http.StatusForbidden, "Invalid license!"},
		"login":   {http.StatusUnauthorized, "Unauthorized"},
		"model":   {http.StatusNotFound, "Not found"},
		"failing": {http.StatusTooManyRequests, "Too many requests"},
	} {
		t.Run(trouble, func(t *testing.T) {
			t.Parallel()
			const images = 20
			p := newPlant(t, 2)
			refuses := p.instead(images, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(response.status)
				_, _ = fmt.Fprintf(w, `{"errors":{"title":%q}}`, response.title)
			})
			url, w := p.startLine("--hold", "5m", "--grace", "10s")
			accepted := p.photographFrom(url, 0, images)
			require.Len(t, accepted, images)
			require.Eventually(t, func() bool { return strings.Contains(p.status(p.at("data")), `"trouble":"`+trouble+`"`) }, time.Minute, 20*time.Millisecond)
			w.kill(t)
			awaitHealth(t, url)
			seen := p.follow(p.at("data"))
			refuses.Store(false)
			require.Eventually(t, func() bool { return len(seen()) >= images }, time.Minute, 20*time.Millisecond)
			p.requireOnce(accepted, p.tail("--data", p.at("data")))
		})
	}
}

// instead has something else respond in place of the service, until that is false.
func (p *plant) instead(images int, something http.HandlerFunc) *atomic.Bool {
	responds := new(atomic.Bool)
	responds.Store(true)
	for _, operation := range []string{"addItem", "getModelById", "predictItems", "getItemById"} {
		p.service.Inject(operation, hacarustest.Repeat(max(images, 1000), hacarustest.Func(func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			if responds.Load() {
				something(w, r)
				return
			}
			service.ServeHTTP(w, r)
		}))...)
	}
	return responds
}

// status is what the line tells of its stations.
func (p *plant) status(data string) string {
	raw, _ := p.hacarus("line", "status", "--data", data, "-o", "json")().Output()
	return string(raw)
}

// photographFrom has the cameras send images with serial numbers from one on.
func (p *plant) photographFrom(url string, first, images int) map[string]product {
	accepted := map[string]product{}
	var mu sync.Mutex
	var cameras sync.WaitGroup
	for station := range p.stations {
		cameras.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			defer client.CloseIdleConnections()
			for n := range images / p.stations {
				o := product{station, first + n}
				if id, err := o.send(p.t.Context(), client, url); err == nil {
					mu.Lock()
					accepted[id] = o
					mu.Unlock()
				}
			}
		})
	}
	cameras.Wait()
	return accepted
}
