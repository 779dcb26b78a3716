package reliability

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// uploadOperation is one of those that send files.
type uploadOperation struct {
	id, path, field string
	response        string
	call            func(ctx context.Context, c *hacarus.Client, f hacarus.File) error
}

func uploadOperations() []uploadOperation {
	return []uploadOperation{
		{"addItem", "/api/v1/items/", "files", `{"data":{"item_ids":["a"]}}`, func(ctx context.Context, c *hacarus.Client, f hacarus.File) error {
			return errorOf(c.AddItems(ctx, hacarus.AddItemsRequest{Files: []hacarus.File{f}}))
		}},
		{"importModels", "/api/v1/models/import", "models", `{"data":[]}`, func(ctx context.Context, c *hacarus.Client, f hacarus.File) error {
			return errorOf(c.ImportModels(ctx, f))
		}},
		{"setLicense", "/api/v1/utils/", "license_data", `{"data":{"license_expiry":"2027-01-01"}}`, func(ctx context.Context, c *hacarus.Client, f hacarus.File) error {
			return errorOf(c.SetLicense(ctx, f))
		}},
	}
}

// receipt is a file as it arrived.
type receipt struct {
	name      string
	size      int64
	sum       [sha256.Size]byte
	announced bool // its length was, and not in chunks
	whole     bool // up to the form's end: only then a service can act on it
}

// uploadRecorder is a service that looks at what is uploaded, and keeps a
// receipt of each file.
type uploadRecorder struct {
	uploadOperation
	refuses func() bool // nil: it never does

	mu       sync.Mutex
	receipts []receipt
	refused  int
}

func (r *uploadRecorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if r.refusesNext() {
		w.WriteHeader(http.StatusServiceUnavailable) // the body is not read
		return
	}
	got := receipt{announced: request.ContentLength > 0 && len(request.TransferEncoding) == 0}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.receipts = append(r.receipts, got)
	}()
	if !got.announced || request.URL.Path != r.path {
		w.WriteHeader(http.StatusLengthRequired)
		return
	}
	if got.read(request, r.field) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, r.response)
}

// read reads a form as a service does.
func (r *receipt) read(request *http.Request, field string) error {
	form, err := request.MultipartReader()
	for err == nil {
		part, next := form.NextPart()
		if errors.Is(next, io.EOF) {
			_, err = io.Copy(io.Discard, request.Body)
			r.whole = err == nil
			return err
		}
		if next != nil {
			return next
		}
		if part.FormName() != field {
			continue
		}
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")) // FileName would take the base
		r.name = params["filename"]
		sum := sha256.New()
		r.size, err = io.Copy(sum, part)
		sum.Sum(r.sum[:0])
	}
	return err
}

// refusesNext says whether the next request is refused, and counts it if so.
func (r *uploadRecorder) refusesNext() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuses == nil || !r.refuses() {
		return false
	}
	r.refused++
	return true
}

func (r *uploadRecorder) all() []receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.receipts
}

// guard knows when a call has returned: from then on its source must be left alone.
type guard struct {
	t        *testing.T
	ctx      context.Context //nolint:containedctx // the call's
	cancel   context.CancelFunc
	returned atomic.Bool
	broken   atomic.Bool // the source was not left alone
}

// reader guards r.
func (g *guard) reader(r io.Reader) io.Reader {
	return sourceFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if g.returned.Load() { // before the read, or while it was under way
			g.broken.Store(true)
		}
		return n, err
	})
}

type sourceFunc func([]byte) (int, error)

func (f sourceFunc) Read(p []byte) (int, error) { return f(p) }

// uploadEnd is what is promised of an upload.
type uploadEnd int

const (
	arrives   uploadEnd = iota // as it is
	forbidden                  // nothing is sent
	brokenOff                  // before the service has all of it, and not sent again
)

// uploadCase is a file to upload.
type uploadCase struct {
	name   string
	file   func(g *guard) hacarus.File
	end    uploadEnd
	kind   error // of the error, if it is one that can be told
	size   int64 // that arrives
	sum    func() [sha256.Size]byte
	sparse bool // it is checked in places, and without a network
}

// uploadResult is what came of an upload.
type uploadResult struct {
	err      error
	receipts []receipt
	late     bool // the source was read after the call
}

// do uploads with a client, and returns what came of it when all is over.
func (c uploadCase) do(t *testing.T, op uploadOperation, upload func(ctx context.Context, base string, f hacarus.File) error) uploadResult {
	t.Helper()
	r := &uploadRecorder{uploadOperation: op}
	server := httptest.NewServer(r)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := &guard{t: t, ctx: ctx, cancel: cancel}
	err := upload(ctx, server.URL, c.file(g))
	g.returned.Store(true)
	server.Close() // what reads too late, has by now
	return uploadResult{err, r.all(), g.broken.Load()}
}

// run uploads with the SDK.
func (c uploadCase) run(t *testing.T, op uploadOperation) {
	t.Helper()
	if c.sparse {
		c.runSparse(t, op)
		return
	}
	result := c.do(t, op, func(ctx context.Context, base string, f hacarus.File) error {
		client := uploadClient(t, base)
		defer client.Close()
		return op.call(ctx, client, f)
	})
	require.False(t, result.late)
	receipts, err := result.receipts, result.err
	switch c.end {
	case arrives:
		require.NoError(t, err)
		require.Len(t, receipts, 1)
		require.True(t, receipts[0].announced)
		require.True(t, c.matches(receipts[0]), "%+v", receipts[0])
	case forbidden:
		require.ErrorIs(t, err, hacarus.ErrInvalidArgument)
		require.Empty(t, receipts)
	case brokenOff:
		require.Error(t, err)
		require.LessOrEqual(t, len(receipts), 1, "it is not sent again")
		for _, got := range receipts {
			require.False(t, got.whole)
		}
		requireTyped(t, operation{id: op.id}, err, 0)
		if c.kind != nil {
			require.ErrorIs(t, err, c.kind)
		}
	}
}

func (c uploadCase) matches(got receipt) bool {
	return got.whole && got.size == c.size && got.sum == c.sum() && (got.name == c.name || got.name == uploadName)
}

// uploadClient is a client that has its token.
func uploadClient(t *testing.T, base string, opts ...hacarus.Option) *hacarus.Client {
	t.Helper()
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token-of-the-suite"})
	client, err := hacarus.New(base, append(opts, hacarus.WithTokenSource(source))...)
	require.NoError(t, err)
	return client
}

const (
	uploadName = "upload-1.bin"
	uploadSize = 96 << 10 // of what is sent to try names and sources
)

// pattern is content of any size that does not repeat in steps of a buffer.
func pattern(size int64) io.Reader {
	return io.LimitReader(&endlessPattern{}, size)
}

// patternBlock repeats in pattern; its length is a prime number.
var patternBlock = func() []byte {
	var block []byte
	for n := 0; len(block) < 65521; n++ {
		sum := sha256.Sum256(fmt.Append(nil, n))
		block = append(block, sum[:]...)
	}
	return block[:65521]
}()

type endlessPattern struct{ at int }

func (e *endlessPattern) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], patternBlock[e.at:])
		e.at = (e.at + c) % len(patternBlock)
		n += c
	}
	return n, nil
}

// patternSum is the sum of pattern(size), which is computed once.
func patternSum(size int64) func() [sha256.Size]byte {
	return sync.OnceValue(func() (sum [sha256.Size]byte) {
		h := sha256.New()
		_, _ = io.Copy(h, pattern(size))
		h.Sum(sum[:0])
		return sum
	})
}

// uploadNames are those that a service may see, and those that it must not.
func uploadNames() []uploadCase {
	long := strings.Repeat("部", 85) // of three bytes each
	names := map[uploadEnd][]string{
		arrives: {
			`say "OK".png`, "部品-0007.png", "a b.c.png", // and those of ours
			long, ".hidden", "a;b=c.png", "50%25.png", "filename*=UTF-8''x.png", "👷\u200d🔧.png", "e\u0301.png", "-rf.png",
		},
		forbidden: {
			`a\b.png`, "a\r\nX-Injected: 1.png", "a\x00b.png", "\xff.png", "\u202egnp.exe", "../../etc/passwd", long + "x", // and those of ours
			"", ".", "..", "/etc/passwd", `C:\images\a.png`, "\u0085.png", "a\x7f.png",
		},
	}
	content, err := io.ReadAll(pattern(uploadSize))
	if err != nil {
		panic(err)
	}
	sum := patternSum(uploadSize)
	var cases []uploadCase
	for end, list := range names {
		for _, name := range list {
			cases = append(cases, uploadCase{
				name: name, end: end, size: uploadSize, sum: sum,
				file: func(*guard) hacarus.File { return hacarus.FileFromBytes(name, content) },
			})
		}
	}
	return cases
}

// uploadSources are those that give what they said, and those that do not.
func uploadSources(t *testing.T) []uploadCase {
	t.Helper()
	content, err := io.ReadAll(pattern(uploadSize))
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, uploadName)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	sum := patternSum(uploadSize)

	good := func(name string, file func(g *guard) hacarus.File) uploadCase {
		return uploadCase{name: name, size: uploadSize, sum: sum, file: file}
	}
	// half gives the first half, and then what comes.
	half := func(name string, kind error, rest func(g *guard) io.Reader) uploadCase {
		return uploadCase{name: name, end: brokenOff, kind: kind, file: func(g *guard) hacarus.File {
			return hacarus.FileFromReader(uploadName, g.reader(io.MultiReader(pattern(uploadSize/2), rest(g))), uploadSize)
		}}
	}
	broken := errors.New("camera unplugged")
	return []uploadCase{
		good("bytes", func(*guard) hacarus.File { return hacarus.FileFromBytes(uploadName, content) }),
		good("file", func(*guard) hacarus.File { return hacarus.FileFromPath(path) }),
		good("fs.File", func(*guard) hacarus.File { return hacarus.FileFromFS(os.DirFS(dir), uploadName) }),
		good("reader", func(g *guard) hacarus.File {
			return hacarus.FileFromReader(uploadName, g.reader(pattern(uploadSize)), uploadSize)
		}),
		half("fails", broken, func(*guard) io.Reader { return iotest.ErrReader(broken) }),
		half("panics", nil, func(*guard) io.Reader {
			return sourceFunc(func([]byte) (int, error) { panic("no camera") })
		}),
		half("blocks", context.Canceled, blockedReader),
		half("counts short", nil, func(*guard) io.Reader { return strings.NewReader("") }),
		half("gives nothing", io.ErrNoProgress, func(*guard) io.Reader {
			reads := 0
			return sourceFunc(func([]byte) (int, error) {
				if reads++; reads > 100_000 { // for a client that waits for ever
					return 0, io.EOF
				}
				return 0, nil
			})
		}),
		changing(t, "grows", func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		}),
		changing(t, "shrinks", func(path string) error { return os.Truncate(path, uploadSize/2) }),
		{name: "fails to close", end: brokenOff, kind: broken, file: func(g *guard) hacarus.File {
			return hacarus.File{Name: uploadName, Size: uploadSize, Open: func() (io.ReadCloser, error) {
				return closing{g.reader(pattern(uploadSize)), broken}, nil
			}}
		}},
	}
}

// blockedReader gives nothing until the call's context has ended, as a camera
// that nobody triggers.
func blockedReader(g *guard) io.Reader {
	return sourceFunc(func([]byte) (int, error) {
		g.cancel()
		<-g.ctx.Done()
		return 0, g.ctx.Err()
	})
}

type closing struct {
	io.Reader
	err error
}

func (c closing) Close() error { return c.err }

// changing is a file that changes when half of it was read.
func changing(t *testing.T, name string, change func(path string) error) uploadCase {
	t.Helper()
	dir := t.TempDir()
	var files atomic.Int32
	return uploadCase{name: name, end: brokenOff, file: func(g *guard) hacarus.File {
		content, err := io.ReadAll(pattern(uploadSize))
		assert.NoError(g.t, err)
		path := filepath.Join(dir, fmt.Sprint(files.Add(1)))
		assert.NoError(g.t, os.WriteFile(path, content, 0o600))
		file := hacarus.FileFromPath(path)
		file.Name = uploadName
		file.Open = func() (io.ReadCloser, error) {
			f, err := os.Open(path)
			return &changingFile{File: f, guard: g, left: uploadSize / 2, change: func() error { return change(path) }}, err
		}
		return file
	}}
}

type changingFile struct {
	*os.File
	guard  *guard
	left   int // to read before it changes
	change func() error
}

func (f *changingFile) Read(p []byte) (int, error) {
	n, err := f.guard.reader(f.File).Read(p[:min(len(p), 4<<10)])
	if f.left > 0 && f.left <= n {
		assert.NoError(f.guard.t, f.change())
	}
	f.left -= n
	return n, err
}

// uploadSizes are sizes around those of buffers, and beyond 32 bits.
func uploadSizes() []uploadCase {
	var cases []uploadCase
	for _, size := range []int64{0, 1, 4095, 4096, 4097, 1<<20 - 1, 1 << 20, 1<<20 + 1, 64 << 20, 4<<30 + 1} {
		cases = append(cases, uploadCase{
			name: fmt.Sprint(size, " bytes"), size: size, sum: patternSum(size), sparse: size > 1<<30 && !*testkit.Full,
			file: func(g *guard) hacarus.File {
				return hacarus.File{Name: uploadName, Size: size, Open: func() (io.ReadCloser, error) {
					return io.NopCloser(g.reader(pattern(size))), nil
				}}
			},
		})
	}
	return cases
}

// sparseStep is the distance of the bytes that matter in a sparse file.
const sparseStep = 1 << 20

func sparseByte(at int64) byte { return byte(at/sparseStep*31 + 7) }

// sparseFile is a file of which only one byte in sparseStep is written.
type sparseFile struct{ at, size int64 }

func (f *sparseFile) Read(p []byte) (int, error) {
	if f.at == f.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), f.size-f.at)]
	for mark := range marks(f.at, len(p)) {
		p[mark-f.at] = sparseByte(mark)
	}
	f.at += int64(len(p))
	return len(p), nil
}

// marks are the places that matter among n bytes from a place on.
func marks(from int64, n int) func(yield func(int64) bool) {
	return func(yield func(int64) bool) {
		for at := (from + sparseStep - 1) / sparseStep * sparseStep; at < from+int64(n); at += sparseStep {
			if !yield(at) {
				return
			}
		}
	}
}

// sparseSink checks the bytes that matter, and keeps the last ones.
type sparseSink struct {
	size  int64 // of the file; what follows is kept only
	at    int64
	found int // bytes that matter, and are right
	last  []byte
}

func (s *sparseSink) Write(p []byte) (int, error) {
	for mark := range marks(s.at, len(p)) {
		if mark < s.size && p[mark-s.at] == sparseByte(mark) {
			s.found++
		}
	}
	s.at += int64(len(p))
	s.last = append(s.last, p[max(0, len(p)-256):]...)
	s.last = s.last[max(0, len(s.last)-256):]
	return len(p), nil
}

// runSparse uploads a file that would take long, to a transport that looks at
// the form's frame, its length, and the bytes that matter.
func (c uploadCase) runSparse(t *testing.T, op uploadOperation) {
	t.Helper()
	sink := &sparseSink{size: c.size}
	client := uploadClient(t, "http://127.0.0.1:1", hacarus.WithHTTPClient(&http.Client{Transport: testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		defer r.Body.Close()
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		require.NoError(t, err)
		body := bufio.NewReaderSize(r.Body, 256<<10)
		start, err := body.Peek(1 << 10)
		require.NoError(t, err)
		head, rest, found := strings.Cut(string(start), fmt.Sprintf("name=%q; filename=%q\r\n", op.field, uploadName))
		require.True(t, found)
		n, err := body.Discard(len(start) - len(rest) + strings.Index(rest, "\r\n\r\n") + 4)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(head, "--"+params["boundary"]+"\r\n"))

		_, err = io.Copy(sink, body)
		require.NoError(t, err)
		end := "\r\n--" + params["boundary"] + "--\r\n"
		require.True(t, bytes.HasSuffix(sink.last, []byte(end)))
		require.Equal(t, c.size+int64(len(end)), sink.at)
		require.Equal(t, r.ContentLength, int64(n)+sink.at)
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: -1,
			Body: io.NopCloser(strings.NewReader(op.response)), Request: r,
		}, nil
	})}))
	defer client.Close()
	require.NoError(t, op.call(t.Context(), client, hacarus.File{Name: uploadName, Size: c.size, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&sparseFile{size: c.size}), nil
	}}))
	require.EqualValues(t, c.size/sparseStep+1, sink.found)
}

func uploadCases(t *testing.T) []uploadCase {
	t.Helper()
	names, sources, sizes := uploadNames(), uploadSources(t), uploadSizes()
	requireCount(t, 25, len(names))
	requireCount(t, 12, len(sources))
	requireCount(t, 10, len(sizes))
	return slices.Concat(names, sources, sizes)
}

// S5: files whose names, sources and sizes are hard.
func TestSuiteUploads(t *testing.T) {
	t.Parallel()
	cases := uploadCases(t)
	s5 := part{name: "S5", what: "uploads of 25 names, 12 sources and 10 sizes; the 4 GiB in memory, checked in places"}
	t.Run("all", func(t *testing.T) {
		for _, op := range uploadOperations() {
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s/%q", op.id, c.name), func(t *testing.T) {
					s5.count(t)
					t.Parallel()
					c.run(t, op)
				})
			}
		}
	})
	require.EqualValues(t, 141, s5.cases.Load())
	s5.done(t)
}
