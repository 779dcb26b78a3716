package hacarus

// The ceilings of what calls allocate, whatever file they are in: docs/performance.md
// has the figures, and these tests keep them from creeping up. They count what the
// whole process allocates, so none of them runs beside others.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// loggedIn returns a client that has logged in, and which is observed as clients
// of a factory are.
func (s *fakeHTTP1) loggedIn(t *testing.T, opts ...Option) *Client {
	t.Helper()
	testkit.NotWithRace(t, "the race detector allocates too")
	c := newTestClient(t, s.start(t), append([]Option{WithObserver(func(context.Context, Attempt) {})}, opts...)...)
	_, err := c.Login(t.Context())
	require.NoError(t, err)
	return c
}

// allocatedBytes is what a call of f allocates, as the mean of some.
func allocatedBytes(t *testing.T, f func() error) uint64 {
	t.Helper()
	const calls = 5
	require.NoError(t, f(), "and connections and pools are warm")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		require.NoError(t, f())
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / calls
}

func TestAllocationsOfSmallCalls(t *testing.T) { //nolint:paralleltest // counts what the process allocates
	c := (&fakeHTTP1{bodies: [][]byte{readFixture(t, "getModelById").ResponseBody()}}).loggedIn(t)
	var err error
	got := testing.AllocsPerRun(200, func() {
		if _, e := c.GetModel(t.Context(), ActiveModel); e != nil {
			err = e
		}
	})
	require.NoError(t, err)
	const ceiling = 115
	require.LessOrEqual(t, got, float64(ceiling), "GetModel makes %v allocations, at most %d are meant", got, ceiling)
}

func TestAllocationsOfPages(t *testing.T) { //nolint:paralleltest // counts what the process allocates
	for _, items := range []int{100, 1000} {
		t.Run(fmt.Sprint(items), func(t *testing.T) {
			page := itemsPage(t, items)
			c := (&fakeHTTP1{bodies: [][]byte{page}}).loggedIn(t)
			got := allocatedBytes(t, func() error {
				_, err := c.ListItems(t.Context(), ListItemsOptions{Type: ItemTypePrediction})
				return err
			})
			baseline := allocatedBytes(t, func() error { return rawPage(t.Context(), c.transport, c.origin.String()) })
			const ceiling = 0.60
			ratio := float64(got) / float64(baseline)
			require.LessOrEqual(t, ratio, ceiling, "ListItems allocates %d bytes, net/http and encoding/json %d: %.2f of them, at most %.2f are meant",
				got, baseline, ratio, ceiling)
		})
	}
}

// rawPage gets a page as one does by hand.
func rawPage(ctx context.Context, transport *http.Transport, baseURL string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+opListItems.path, nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	envelope := reflect.New(reflect.StructOf([]reflect.StructField{
		{Name: "Data", Type: bare(reflect.TypeFor[ItemsPage]()), Tag: `json:"data"`},
	}))
	if err := json.NewDecoder(answer.Body).Decode(envelope.Interface()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// bare is a type with the same fields and no method of ours, so that
// encoding/json is not slowed down by what the SDK tolerates.
func bare(t reflect.Type) reflect.Type {
	switch {
	case t == reflect.TypeFor[Time]():
		return reflect.TypeFor[time.Time]()
	case t.Kind() == reflect.Pointer:
		return reflect.PointerTo(bare(t.Elem()))
	case t.Kind() == reflect.Slice:
		return reflect.SliceOf(bare(t.Elem()))
	case t.Kind() != reflect.Struct:
		return t
	}
	var fields []reflect.StructField
	for field := range t.Fields() {
		fields = append(fields, reflect.StructField{Name: field.Name, Type: bare(field.Type), Tag: field.Tag})
	}
	return reflect.StructOf(fields)
}

func TestAllocationsOfUploads(t *testing.T) { //nolint:paralleltest // counts what the process allocates
	for name, files := range map[string][]File{"1x64MiB": zeroFiles(1, 64<<20), "64x1MiB": zeroFiles(64, 1<<20)} {
		t.Run(name, func(t *testing.T) {
			c := (&fakeHTTP1{bodies: [][]byte{[]byte(idsBody)}}).loggedIn(t)
			got := allocatedBytes(t, func() error { return addFiles(t.Context(), c, files...) })
			const ceiling = 150_000
			require.LessOrEqual(t, got, uint64(ceiling), "AddItems allocates %d bytes, at most %d are meant", got, ceiling)
		})
	}
}

func TestAllocationsOfDownloads(t *testing.T) { //nolint:paralleltest // counts what the process allocates
	const size = 64 << 20
	c := (&fakeHTTP1{file: size}).loggedIn(t)
	got := allocatedBytes(t, func() error {
		download, err := c.ExportModels(t.Context(), "m1")
		if err != nil {
			return err
		}
		defer download.Close()
		n, err := download.WriteTo(struct{ io.Writer }{io.Discard})
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	const ceiling = 64_000
	require.LessOrEqual(t, got, uint64(ceiling), "ExportModels allocates %d bytes, at most %d are meant", got, ceiling)
}

// heap is what is in the heap, live or not collected yet.
func heap() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

func TestHeapOfLargeUploads(t *testing.T) { //nolint:paralleltest // watches the process's heap
	const size = 256 << 20
	c := (&fakeHTTP1{bodies: [][]byte{[]byte(idsBody)}}).loggedIn(t)
	runtime.GC()
	before := heap()
	peak, reads := int64(0), 0
	content := io.LimitReader(readerFunc(func(p []byte) (int, error) {
		if reads++; reads%64 == 0 {
			peak = max(peak, heap())
		}
		return len(p), nil
	}), size)
	err := addFiles(t.Context(), c, FileFromReader("a.png", content, size))
	require.NoError(t, err)
	require.Positive(t, peak)
	const ceiling = 16 << 20
	require.Less(t, peak-before, int64(ceiling), "AddItems of %d bytes takes %d bytes of heap, less than %d are meant", size, peak-before, ceiling)
}

// TestHeapOfAllItems looks at the heap when a page is handed out while the next
// one has come: there is never more in memory. A page is counted as long as its
// JSON is. What the rest of the process leaves only adds to it, so the walk that
// took least is right.
func TestHeapOfAllItems(t *testing.T) { //nolint:paralleltest // watches the process's heap
	const walks, ceiling = 3, 3
	least := math.Inf(1)
	for range walks {
		least = min(least, heapOfAllItems(t))
	}
	require.LessOrEqual(t, least, float64(ceiling), "AllItems keeps %.2f pages; at most %d are meant", least, ceiling)
	t.Logf("%.2f pages", least)
}

// heapOfAllItems is the largest number of pages in the heap during a walk over all items.
func heapOfAllItems(t *testing.T) float64 {
	t.Helper()
	const pages, items = 5, 1000
	s := &fakeHTTP1{}
	for n := range pages {
		page := bytes.ReplaceAll(itemsPage(t, items), []byte("plate"), fmt.Appendf(nil, "plate-%d", n))
		s.bodies = append(s.bodies, bytes.Replace(page, []byte(`"end_page": 100`), fmt.Appendf(nil, `"end_page": %d`, pages), 1))
	}
	arrival := make(chan struct{}, pages)
	c := s.loggedIn(t, WithObserver(func(_ context.Context, a Attempt) {
		if a.Operation == opListItems.id {
			arrival <- struct{}{}
		}
	}))
	before := live()
	var peak int64
	read, seen := 0, 0
	for _, err := range c.AllItems(t.Context(), ListItemsOptions{Type: ItemTypePrediction}) {
		require.NoError(t, err)
		if read++; read%items != 1 {
			continue
		}
		for next := min(read/items+2, pages); seen < next; seen++ {
			<-arrival
		}
		peak = max(peak, live()-before)
	}
	require.Equal(t, pages*items, read)
	return float64(peak) / float64(len(s.bodies[0]))
}

// live is what is in use of the heap.
func live() int64 {
	runtime.GC()
	return heap()
}

// itemsPage is a page of n items as the service writes it: those of
// testdata/items.jsonl in turn, each with a number of its own.
func itemsPage(tb testing.TB, n int) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "items.jsonl"))
	require.NoError(tb, err)
	kinds := strings.Split(strings.TrimSpace(string(raw)), "\n")
	var page bytes.Buffer
	page.WriteString(`{"data": {"end_page": 100, "current_page": 1, "count_per_page": 1000, "items": [`)
	for i := range n {
		if i > 0 {
			page.WriteString(", ")
		}
		page.WriteString(strings.ReplaceAll(kinds[i%len(kinds)], "0001", fmt.Sprintf("%04d", i)))
	}
	page.WriteString("]}}\n")
	return page.Bytes()
}

func BenchmarkDecode(b *testing.B) {
	model := readFixture(b, "getModelById").ResponseBody()
	refusal := []byte(`{"errors": {"status": 422, "title": "Unprocessable Entity", "detail": "bad item_ids", ` +
		`"source": {"pointer": "/api/v1/items/"}, "message": [{"key": "item_ids", "errors": ["not found", "archived"]}]}}`)
	unmasked := func(text string) string { return text }
	b.Run("page", func(b *testing.B) {
		page := itemsPage(b, 1000)
		benchmarkDecode(b, page, func() error {
			v, err := decodeEnvelope(page, decodeItemsPage(ItemTypePrediction))
			if err == nil && len(v.Items) != 1000 {
				err = fmt.Errorf("%d items", len(v.Items))
			}
			return err
		})
	})
	b.Run("model", func(b *testing.B) {
		benchmarkDecode(b, model, func() error {
			_, err := decodeEnvelope(model, decodeModel)
			return err
		})
	})
	b.Run("error", func(b *testing.B) {
		benchmarkDecode(b, refusal, func() error {
			if v := decodeErrorDetails(refusal, unmasked); v.Status != http.StatusUnprocessableEntity {
				return fmt.Errorf("status %d", v.Status)
			}
			return nil
		})
	})
}

func benchmarkDecode(b *testing.B, raw []byte, decode func() error) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := decode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	train := TrainRequest{Name: "plates 2022-03", OverrideParams: []OverrideParam{{919, "[88, 88]"}, {920, "0.5"}}}
	for i := range 200 {
		train.ItemIDs = append(train.ItemIDs, fmt.Sprintf("plate-%04d", i))
	}
	encoded, err := jsonBody(opTrain, train)
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(encoded.length)
	for b.Loop() {
		if _, err := jsonBody(opTrain, train); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMultipart(b *testing.B) {
	for name, files := range map[string][]File{
		"1x64MiB": zeroFiles(1, 64<<20),
		"64x1MiB": zeroFiles(64, 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			buffer := make([]byte, 32<<10)
			b.ReportAllocs()
			b.SetBytes(64 << 20)
			for b.Loop() {
				if err := sendForm(files, buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sendForm reads a form as a transport does.
func sendForm(files []File, buffer []byte) error {
	form, err := multipartBody(opAddItems, []field{{"training", "false"}}, "files", files, nil)
	if err != nil {
		return err
	}
	content, err := form.open()
	if err != nil {
		return err
	}
	defer content.Close()
	// Hidden, so that the buffer is used whatever the form and io.Discard can do.
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{content}, buffer)
	if err == nil && n != form.length {
		err = fmt.Errorf("%d bytes of %d", n, form.length)
	}
	return err
}

// zeroFiles are files whose content costs next to nothing to make.
func zeroFiles(n int, size int64) []File {
	files := make([]File, n)
	for i := range files {
		files[i] = File{
			Name: fmt.Sprintf("plate-%04d.png", i), Size: size,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(endless{}, size)), nil },
		}
	}
	return files
}

// BenchmarkRequest is a call without a connection: what the SDK itself costs.
func BenchmarkRequest(b *testing.B) {
	model := readFixture(b, "getModelById").ResponseBody()
	header := http.Header{"Content-Type": {"application/json"}}
	transport := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		raw := model
		if r.URL.Path == opLogin.path {
			raw = []byte(`{"access_token":"` + testToken + `"}`)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
			Body: io.NopCloser(bytes.NewReader(raw)), ContentLength: int64(len(raw)), Request: r,
		}, nil
	})
	c, err := New("http://127.0.0.1", WithCredentials(testID, testSecret), WithHTTPClient(&http.Client{Transport: transport}),
		WithObserver(func(context.Context, Attempt) {}))
	require.NoError(b, err)
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.GetModel(b.Context(), ActiveModel); err != nil {
			b.Fatal(err)
		}
	}
}
