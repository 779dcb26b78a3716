package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Target is the service to call.
type Target struct {
	URL, TLSURL string
	CA          []byte // PEM
	ID, Secret  string
	ModelID     string
	PageBytes   int // of a page of PageItems items
}

// Factory makes a client of the service at baseURL that has not called yet.
type Factory func(baseURL string, t Target) (Client, error)

// Figures are what one measurement found. All but the peaks are for one call.
type Figures struct {
	Time        time.Duration
	CPU         time.Duration // of the client's process, user and system
	Allocations float64
	Allocated   float64 // bytes
	PeakHeap    float64 // bytes of objects more than before; 0: not watched
	Page        float64 // bytes of a page of PageItems items as JSON, if the heap was watched
	PeakRSS     float64 // bytes of the process
	Logins      float64
	Connections float64
}

// Run measures one client at one work, in this process. It reads the target
// from in and writes the figures to out, both as JSON.
func Run(ctx context.Context, name string, factory Factory, in io.Reader, out io.Writer) error {
	var target Target
	if err := json.NewDecoder(in).Decode(&target); err != nil {
		return err
	}
	for _, w := range All() {
		if w.Name == name {
			figures, err := w.measure(ctx, factory, target)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return json.NewEncoder(out).Encode(figures)
		}
	}
	return fmt.Errorf("no work is named %q", name)
}

func (w Work) measure(ctx context.Context, factory Factory, target Target) (_ *Figures, err error) {
	folder, err := os.MkdirTemp("", "hacarus-benchmarks-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	do, err := w.prepare(folder)
	if err != nil {
		return nil, err
	}
	clients, err := w.clients(ctx, factory, target, do)
	if err != nil {
		return nil, err
	}
	runtime.GC()
	before, err := take()
	if err != nil {
		return nil, err
	}
	for _, c := range clients {
		if err := do(ctx, c); err != nil {
			return nil, err
		}
	}
	after, err := take()
	if err != nil {
		return nil, err
	}
	f := after.since(before, float64(w.times*w.calls))
	if w.Heap {
		f.Page = float64(target.PageBytes)
		f.PeakHeap, err = heap(ctx, clients[0], do)
	}
	return f, err
}

// heap does the work again, and watches what is in use of the heap. The
// collector runs often for that.
func heap(ctx context.Context, c Client, do func(context.Context, Client) error) (peak float64, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before := inUse()
	watch := newWatcher()
	err = do(ctx, c)
	return watch.stop() - before, err
}

// inUse are the bytes of the heap that the last collection found in use.
func inUse() float64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return float64(sample[0].Value.Uint64())
}

// clients are those of each do: new ones, or one that has called before.
func (w Work) clients(ctx context.Context, factory Factory, target Target, do func(context.Context, Client) error) ([]Client, error) {
	baseURL := target.URL
	if w.TLS {
		baseURL = target.TLSURL
	}
	clients := make([]Client, w.times)
	for i := range clients {
		if i > 0 && !w.Cold {
			clients[i] = clients[0]
			continue
		}
		var err error
		if clients[i], err = factory(baseURL, target); err != nil {
			return nil, err
		}
	}
	if w.Cold {
		return clients, nil
	}
	if err := clients[0].GetModel(ctx); err != nil || w.times == 1 {
		return clients, err
	}
	return clients, do(ctx, clients[0])
}

// reading is what the process has used so far.
type reading struct {
	time   time.Time
	cpu    time.Duration
	rss    float64
	memory runtime.MemStats
}

func take() (r reading, err error) {
	runtime.ReadMemStats(&r.memory)
	r.cpu, r.rss, err = usage()
	r.time = time.Now()
	return r, err
}

func (r reading) since(earlier reading, calls float64) *Figures {
	return &Figures{
		Time:        time.Duration(float64(r.time.Sub(earlier.time)) / calls),
		CPU:         time.Duration(float64(r.cpu-earlier.cpu) / calls),
		Allocations: float64(r.memory.Mallocs-earlier.memory.Mallocs) / calls,
		Allocated:   float64(r.memory.TotalAlloc-earlier.memory.TotalAlloc) / calls,
		PeakRSS:     r.rss,
	}
}

// watcher samples the heap every millisecond.
type watcher struct {
	done chan struct{}
	peak chan float64
}

func newWatcher() *watcher {
	w := &watcher{make(chan struct{}), make(chan float64)}
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		peak := 0.0
		for {
			peak = max(peak, inUse())
			select {
			case <-tick.C:
			case <-w.done:
				w.peak <- peak
				return
			}
		}
	}()
	return w
}

func (w *watcher) stop() float64 {
	close(w.done)
	return <-w.peak
}
