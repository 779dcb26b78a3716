// Package work is what the clients are compared in: the work itself, the goals
// that the SDK has for it, and the measuring of one client at it.
package work

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// Pages is how many pages the whole list has.
	Pages = 100
	// PageItems is how many items each of them has.
	PageItems = 1000
	// ExportSize is the size of the downloaded file, in bytes.
	ExportSize = 256 << 20
	// hands is how many goroutines call at once where several do.
	hands = 64
)

// Client does the work. Each implementation is one way to call the service.
type Client interface {
	GetModel(ctx context.Context) error
	// ListItems returns a page of count items, and how many there were.
	ListItems(ctx context.Context, count int) (page any, items int, err error)
	// AllItems returns how many items there were on all pages.
	AllItems(ctx context.Context) (items int, err error)
	AddItems(ctx context.Context, files []File) error
	// Export writes the file to w and returns its size.
	Export(ctx context.Context, w io.Writer) (int64, error)
	// Save leaves the whole file at path, on the disk, or none.
	Save(ctx context.Context, path string) error
}

// File is a file to upload.
type File struct {
	Name string
	Size int64
	Open func() io.Reader
}

// Work is one row of the table.
type Work struct {
	Name  string // a short one, for the command line
	Title string
	Goals []Goal
	// TLS says that the service is called over TLS 1.3.
	TLS bool
	// Heap says that the work is done once more, with an eye on the heap.
	Heap bool
	// Cold says that no client has called before, and that each does so once.
	Cold bool
	// Few says that only the SDK and the baseline do it.
	Few bool

	times   int // that do is called in one measurement
	calls   int // in one do
	prepare func(folder string) (do func(context.Context, Client) error, err error)
}

// All is the table.
func All() []Work {
	gets := []Goal{{CPU, Ratio, 0.95}, {Allocations, Absolute, 115}}
	lists := []Goal{{Time, Ratio, 0.30}, {Allocated, Ratio, 0.60}}
	uploads := []Goal{{Time, Ratio, 1.05}, {Allocated, Absolute, 150e3}}
	downloads := []Goal{{Time, Ratio, 1.05}, {Allocated, Absolute, 64e3}}
	return []Work{
		{Name: "get", Title: "small GET, one by one", Goals: gets, times: 3000, calls: 1, prepare: ready(get)},
		{Name: "get64", Title: "small GET, 64 at once", Goals: gets, times: 4, calls: hands * 25, prepare: ready(atOnce(25))},
		{Name: "list100", Title: "ListItems, 100 items", Goals: lists, times: 400, calls: 1, prepare: ready(list(100))},
		{Name: "list1000", Title: "ListItems, 1000 items", Goals: lists, times: 50, calls: 1, prepare: ready(list(PageItems))},
		{Name: "all", Title: "AllItems, 100 pages of 1000", Heap: true, times: 1, calls: 1, prepare: ready(all),
			Goals: []Goal{{Time, Ratio, 0.25}, {PeakHeap, PerPage, 3}}},
		{Name: "add1", Title: "AddItems, 1 × 64 MiB", Goals: uploads, times: 8, calls: 1, prepare: upload(1, 64<<20)},
		{Name: "add64", Title: "AddItems, 64 × 1 MiB", Goals: uploads, times: 8, calls: 1, prepare: upload(64, 1<<20)},
		{Name: "tls1", Title: "AddItems, 1 × 64 MiB, TLS 1.3", Goals: uploads[:1], TLS: true, times: 6, calls: 1, prepare: upload(1, 64<<20)},
		{Name: "tls64", Title: "AddItems, 64 × 1 MiB, TLS 1.3", Goals: uploads[:1], TLS: true, times: 6, calls: 1, prepare: upload(64, 1<<20)},
		{Name: "add4g", Title: "AddItems, 1 × 4 GiB", Heap: true, Few: true, times: 1, calls: 1, prepare: ready(sparse(4 << 30)),
			Goals: []Goal{{PeakHeap, Absolute, 16 << 20}}},
		{Name: "export", Title: "ExportModels, 256 MiB to a writer", Goals: downloads, times: 6, calls: 1, prepare: ready(export)},
		{Name: "save", Title: "ExportModels, 256 MiB to a file", Goals: downloads, Few: true, times: 5, calls: 1, prepare: save},
		{Name: "cold", Title: "64 goroutines on a cold client", Cold: true, times: 10, calls: 1, prepare: ready(atOnce(1)),
			Goals: []Goal{{Logins, Absolute, 1}, {Time, Ratio, 1}}},
	}
}

// ready is work that needs nothing prepared.
func ready(do func(context.Context, Client) error) func(string) (func(context.Context, Client) error, error) {
	return func(string) (func(context.Context, Client) error, error) { return do, nil }
}

func get(ctx context.Context, c Client) error { return c.GetModel(ctx) }

// atOnce lets each hand get the model n times.
func atOnce(n int) func(context.Context, Client) error {
	return func(ctx context.Context, c Client) error {
		errs := make(chan error, hands)
		start := make(chan struct{})
		for range hands {
			go func() {
				<-start
				var err error
				for i := 0; i < n && err == nil; i++ {
					err = c.GetModel(ctx)
				}
				errs <- err
			}()
		}
		close(start)
		var err error
		for range hands {
			err = errors.Join(err, <-errs)
		}
		return err
	}
}

func list(count int) func(context.Context, Client) error {
	return func(ctx context.Context, c Client) error {
		_, items, err := c.ListItems(ctx, count)
		return expect(int64(items), int64(count), err)
	}
}

func all(ctx context.Context, c Client) error {
	items, err := c.AllItems(ctx)
	return expect(int64(items), Pages*PageItems, err)
}

func expect(got, want int64, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%d in place of %d", got, want)
	}
	return err
}

// upload sends n files of the same content, which is in memory.
func upload(n int, size int64) func(string) (func(context.Context, Client) error, error) {
	return func(string) (func(context.Context, Client) error, error) {
		content := bytes.Repeat([]byte("\x89PNG and what follows"), int(size)/21+1)[:size]
		files := make([]File, n)
		for i := range files {
			files[i] = File{
				Name: fmt.Sprintf("plate-%04d.png", i), Size: size,
				Open: func() io.Reader { return bytes.NewReader(content) },
			}
		}
		return func(ctx context.Context, c Client) error { return c.AddItems(ctx, files) }, nil
	}
}

// sparse sends one file that nobody has in memory.
func sparse(size int64) func(context.Context, Client) error {
	files := []File{Sparse("plate.png", size)}
	return func(ctx context.Context, c Client) error { return c.AddItems(ctx, files) }
}

// Sparse is a file that takes no memory, whatever its size.
func Sparse(name string, size int64) File {
	return File{Name: name, Size: size, Open: func() io.Reader { return io.LimitReader(endless{}, size) }}
}

// endless reads as many bytes as are wanted, whatever they are.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// sink is a writer that cannot do more than write.
type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func export(ctx context.Context, c Client) error {
	size, err := c.Export(ctx, sink{})
	return expect(size, ExportSize, err)
}

// save writes the file into a folder that is gone afterwards.
func save(folder string) (func(context.Context, Client) error, error) {
	path := filepath.Join(folder, "models.zip")
	return func(ctx context.Context, c Client) error {
		if err := c.Save(ctx, path); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		return expect(info.Size(), ExportSize, nil)
	}, nil
}

// Clients is how many clients one measurement makes.
func (w Work) Clients() int {
	if w.Cold {
		return w.times
	}
	return 1
}
