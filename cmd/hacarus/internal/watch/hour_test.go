package watch

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/record"
	"github.com/hacarus/hacarus-check-go/hacarustest"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

var hour = flag.Bool("hour", false, "let TestWatchHour have as many images as half a busy hour has")

const (
	imageSize  = 1_500_000
	uplinkRate = 3_000_000 // bytes a second
	perImage   = imageSize * time.Second / uplinkRate
	// beside is what three other batches take that share the line with an image, which
	// may have come later, and then the prediction.
	beside = 3*20*perImage + 15*time.Second
)

// uplink is a transport all of whose requests share a slow line.
type uplink struct {
	next http.RoundTripper

	mu   sync.Mutex
	free time.Time // when the line is
}

func (u *uplink) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r = r.Clone(r.Context())
		r.Body = &paced{r.Body, u}
	}
	return u.next.RoundTrip(r)
}

type paced struct {
	io.ReadCloser
	line *uplink
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	p.line.mu.Lock()
	if now := time.Now(); p.line.free.Before(now) {
		p.line.free = now
	}
	p.line.free = p.line.free.Add(time.Duration(n) * time.Second / uplinkRate)
	rest := time.Until(p.line.free)
	p.line.mu.Unlock()
	time.Sleep(rest)
	return n, err
}

// camera writes large images, one after the other.
type camera struct {
	w     *watching
	plain []byte
	n     int
}

func (c *camera) shoot(t *testing.T, images int, pause time.Duration) {
	t.Helper()
	for range images {
		part := filepath.Join(c.w.opts.Dir, ".part")
		name := filepath.Join(c.w.opts.Dir, fmt.Sprintf("%05d.png", c.n))
		c.n++
		assert.NoError(t, os.WriteFile(part, fmt.Appendf(c.plain[:len(c.plain):len(c.plain)], "%d", c.n), 0o600))
		assert.NoError(t, os.Truncate(part, imageSize)) // zeros, which need no room on the disk
		assert.NoError(t, os.Rename(part, name))
		time.Sleep(pause)
	}
}

// forgetful removes the items that the record tells of, as a service does after a
// time: otherwise the memory of this test would be that of all images.
type forgetful struct {
	server *hacarustest.Server
	client *hacarus.Client
	known  int
}

func (f *forgetful) forget(t *testing.T, path string) {
	t.Helper()
	var ids []string
	n := 0
	for e, err := range record.Entries(path) {
		assert.NoError(t, err)
		if n++; n > f.known {
			ids = append(ids, e.ItemID)
		}
	}
	f.known = n
	f.server.ResetCalls()
	if len(ids) > 0 {
		assert.NoError(t, f.client.DeleteItems(t.Context(), ids...))
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An hour in which images come faster than a slow line takes them, then more slowly,
// then not at all: each gets its verdict, none waits longer than those before it
// take, and nothing is kept of those that are done with.
func TestWatchHour(t *testing.T) { //nolint:paralleltest // it measures the heap of the process
	testkit.NotWithRace(t, "it measures memory, and TestWatchBacklog passes the same way")
	fast, slow := 40, 20
	if *hour {
		fast, slow = 1000, 1500
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWatching(t)
		w.opts.move, w.opts.done = true, filepath.Join(filepath.Dir(w.opts.Dir), "done")
		w.clientOptions = []hacarus.Option{hacarus.WithTransport(func(next http.RoundTripper) http.RoundTripper { return &uplink{next: next} })}
		service := &forgetful{server: w.server, client: w.server.Client()}
		camera := &camera{w: w, plain: picture(t, 0)}
		var before, after int64
		longest, most := time.Duration(0), 0
		var work sync.WaitGroup
		work.Go(func() {
			camera.shoot(t, 20, 600*time.Millisecond)
			time.Sleep(2 * time.Minute)
			before = heapInUse()
			camera.shoot(t, fast, 300*time.Millisecond) // the line takes one in 0.5 s
			camera.shoot(t, slow, 600*time.Millisecond)
		})
		work.Go(func() {
			var before []int // how many waited at each look
			for range 59 * 12 {
				time.Sleep(5 * time.Second)
				waiting, oldest := w.metrics.backlog()
				before = append(before, waiting)
				ahead := slices.Max(before[max(0, len(before)-2-int(oldest/(5*time.Second))):]) // since the oldest came
				assert.Less(t, oldest, time.Duration(ahead)*perImage+beside, "with %d that waited", ahead)
				longest, most = max(longest, oldest), max(most, waiting)
				service.forget(t, w.opts.record)
			}
			after = heapInUse()
		})
		w.watch(t, time.Hour)
		work.Wait()
		require.Equal(t, 20+fast+slow, camera.n)
		require.Len(t, w.entries(t), camera.n)
		require.Len(t, testkit.Names(t, w.opts.done), camera.n)
		require.Empty(t, testkit.Names(t, w.opts.Dir))
		require.Less(t, after-before, int64(4<<20), "bytes more after %d images", camera.n)
		t.Logf("%d images; at most %d waited, and none longer than %v; %d KiB more in the end", camera.n, most, longest, (after-before)>>10)
	})
}
