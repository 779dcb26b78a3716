package hacarus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// addFiles uploads files; only the error matters.
func addFiles(ctx context.Context, c *Client, files ...File) error {
	_, err := c.AddItems(ctx, AddItemsRequest{Files: files})
	return err
}

// boundaryOf is the boundary that a request announces.
func boundaryOf(t *testing.T, r *http.Request) string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/form-data", kind)
	return params["boundary"]
}

func TestUploadBytes(t *testing.T) {
	t.Parallel()
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00pixels\r\n", 1000)
	one, two := FileFromBytes("a.png", []byte(png)), FileFromBytes("b.jpg", []byte("\xff\xd8\xff two"))
	zip := FileFromBytes("models.zip", []byte("PK\x03\x04"))
	license := FileFromBytes("license0", []byte("license text\n"))
	for name, test := range map[string]struct {
		answer string
		call   func(context.Context, *Client) error
		want   []string // lines; the boundary is --B
	}{
		"files alone": {idsBody, func(ctx context.Context, c *Client) error { return addFiles(ctx, c, one, two) }, []string{
			"--B", `Content-Disposition: form-data; name="training"`, "", "false",
			"--B", `Content-Disposition: form-data; name="files"; filename="a.png"`, "Content-Type: image/png", "", png,
			"--B", `Content-Disposition: form-data; name="files"; filename="b.jpg"`, "Content-Type: image/jpeg", "", "\xff\xd8\xff two",
			"--B--", "",
		}},
		"all fields": {idsBody, func(ctx context.Context, c *Client) error {
			_, err := c.AddItems(ctx, AddItemsRequest{Files: []File{two}, Training: true, Good: new(false), ModelID: "m 1"})
			return err
		}, []string{
			"--B", `Content-Disposition: form-data; name="training"`, "", "true",
			"--B", `Content-Disposition: form-data; name="good"`, "", "false",
			"--B", `Content-Disposition: form-data; name="model_id"`, "", "m 1",
			"--B", `Content-Disposition: form-data; name="files"; filename="b.jpg"`, "Content-Type: image/jpeg", "", "\xff\xd8\xff two",
			"--B--", "",
		}},
		"models": {`{"data":[]}`, func(ctx context.Context, c *Client) error {
			_, err := c.ImportModels(ctx, zip)
			return err
		}, []string{
			"--B", `Content-Disposition: form-data; name="models"; filename="models.zip"`, "Content-Type: application/zip", "", "PK\x03\x04",
			"--B--", "",
		}},
		"license": {`{"data":{}}`, func(ctx context.Context, c *Client) error {
			_, err := c.SetLicense(ctx, license)
			return err
		}, []string{
			"--B", `Content-Disposition: form-data; name="license_data"; filename="license0"`, "Content-Type: text/plain; charset=utf-8", "",
			"license text\n", "--B--", "",
		}},
		"an empty file": {idsBody, func(ctx context.Context, c *Client) error {
			return addFiles(ctx, c, File{Name: "empty", ContentType: "image/png", Open: one.Open, Size: one.Size}, FileFromBytes("b", nil))
		}, []string{
			"--B", `Content-Disposition: form-data; name="training"`, "", "false",
			"--B", `Content-Disposition: form-data; name="files"; filename="empty"`, "Content-Type: image/png", "", png,
			"--B", `Content-Disposition: form-data; name="files"; filename="b"`, "Content-Type: text/plain; charset=utf-8", "", "",
			"--B--", "",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests requestLog
			c := overTCP(t, &fakeService{next: requests.before(t, ok(test.answer))})
			require.NoError(t, test.call(t.Context(), c))
			require.Len(t, requests.all(), 1)
			sent := requests.all()[0]
			want := strings.ReplaceAll(strings.Join(test.want, "\r\n"), "--B", "--"+boundaryOf(t, sent.Request))
			require.Equal(t, want, string(sent.body))
			require.EqualValues(t, len(want), sent.ContentLength, "the length is announced")
			require.Empty(t, sent.TransferEncoding)
		})
	}
}

func TestUploadedNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.png":                  `filename="a.png"`,
		"部品-0007.tiff":           `filename="部品-0007.tiff"`,
		"a b.c.png":              `filename="a b.c.png"`,
		`say "OK".png`:           `filename="say \"OK\".png"`,
		"a;b=c.png":              `filename="a;b=c.png"`,
		"50%25.png":              `filename="50%25.png"`,
		".hidden":                `filename=".hidden"`,
		"...":                    `filename="..."`,
		strings.Repeat("a", 255): `filename="` + strings.Repeat("a", 255) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests requestLog
			c := overMemory(t, &fakeService{next: requests.before(t, ok(idsBody))})
			require.NoError(t, addFiles(t.Context(), c, FileFromBytes(name, []byte("image"))))
			sent := requests.all()[0]
			require.Contains(t, string(sent.body), `name="files"; `+want+"\r\n")

			form, err := multipart.NewReader(bytes.NewReader(sent.body), boundaryOf(t, sent.Request)).ReadForm(1 << 20)
			require.NoError(t, err)
			require.Equal(t, name, form.File["files"][0].Filename)
		})
	}
}

// FuzzMultipart holds that a form is refused, or has the announced length and
// gives back its fields and files byte by byte.
func FuzzMultipart(f *testing.F) {
	f.Add("a.png", "b.png", "", "b2b99239", []byte("\x89PNG\r\n\x1a\n"), []byte{})
	f.Add("部品 \"7\".tiff", `a;b=c%22.png`, "image/png; q=\"a\"", "a\r\n--x\r\n", []byte("II*\x00"), []byte("--\r\n"))
	f.Add("a\r\nX: y", "..", "text/html\r\nX: y", "", []byte("x"), []byte("y"))
	f.Add("%0d%0a.png", "\u202egnp.a", "image/", "é", []byte("MM\x00*"), bytes.Repeat([]byte("\r\n--"), 200))
	f.Fuzz(func(t *testing.T, name, other, contentType, text string, content, more []byte) {
		first, second := FileFromBytes(name, content), FileFromBytes(other, more)
		first.ContentType = contentType
		form, err := multipartBody(opAddItems, []field{{"model_id", text}}, "files", []File{first, second}, nil)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidArgument)
			harmless := func(name string) bool {
				return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-_ 0123456789") == ""
			}
			require.False(t, harmless(name) && harmless(other) && name != other && contentType == "", err)
			return
		}
		reader, err := form.open()
		require.NoError(t, err)
		raw, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, reader.Close())
		require.Len(t, raw, int(form.length))
		_, params, err := mime.ParseMediaType(form.contentType)
		require.NoError(t, err)
		parts := multipart.NewReader(bytes.NewReader(raw), params["boundary"])
		next := func(wantName, wantFile string, wantContent []byte) *multipart.Part {
			part, err := parts.NextRawPart()
			require.NoError(t, err)
			_, disposition, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
			require.NoError(t, err)
			require.Equal(t, wantName, disposition["name"])
			require.Equal(t, wantFile, disposition["filename"])
			got, err := io.ReadAll(part)
			require.NoError(t, err)
			require.True(t, bytes.Equal(wantContent, got))
			return part
		}
		require.Len(t, next("model_id", "", []byte(text)).Header, 1)
		part := next("files", name, content)
		require.Len(t, part.Header, 2)
		if contentType != "" {
			require.Equal(t, strings.TrimSpace(contentType), part.Header.Get("Content-Type"))
		}
		next("files", other, more)
		_, err = parts.NextRawPart()
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestRefusedFilesAreNeverSent(t *testing.T) {
	t.Parallel()
	data := []byte("image")
	broken := errors.New("disk gone")
	opens := func(content io.Reader) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(content), nil }
	}
	opensData := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	tests := map[string]struct {
		files []File
		cause error
	}{
		"equal names":       {files: []File{FileFromBytes("a.png", data), FileFromBytes("b.png", data), FileFromBytes("a.png", data)}},
		"second name bad":   {files: []File{FileFromBytes("a.png", data), FileFromBytes("", data)}},
		"zero file":         {files: []File{{}}},
		"nothing to open":   {files: []File{{Name: "a.png"}}},
		"nil reader":        {files: []File{FileFromReader("a.png", nil, 5)}},
		"reader, no size":   {files: []File{FileFromReader("a.png", io.LimitReader(endless{}, 5), -1)}},
		"source, no size":   {files: []File{{Name: "a.png", Size: -1, Open: opens(io.LimitReader(endless{}, 5))}}},
		"content type":      {files: []File{{Name: "a.png", Size: 5, ContentType: "image/", Open: opensData}}},
		"header injection":  {files: []File{{Name: "a.png", Size: 5, ContentType: "image/png\r\nX: y", Open: opensData}}},
		"missing path":      {files: []File{FileFromPath(filepath.Join(t.TempDir(), "missing.png"))}, cause: fs.ErrNotExist},
		"missing in FS":     {files: []File{FileFromFS(fstest.MapFS{}, "missing.png")}, cause: fs.ErrNotExist},
		"folder":            {files: []File{FileFromPath(t.TempDir())}},
		"open fails":        {files: []File{{Name: "a.png", Open: func() (io.ReadCloser, error) { return nil, broken }}}, cause: broken},
		"read fails":        {files: []File{{Name: "a.png", Size: 5, Open: opens(failingReader{broken})}}, cause: broken},
		"read panics":       {files: []File{{Name: "a.png", Size: 5, Open: opens(readerFunc(func([]byte) (int, error) { panic("no camera") }))}}},
		"open panics":       {files: []File{{Name: "a.png", Open: func() (io.ReadCloser, error) { panic("no camera") }}}},
		"reader panics":     {files: []File{FileFromReader("a.png", readerFunc(func([]byte) (int, error) { panic("no camera") }), 5)}},
		"reader fails":      {files: []File{FileFromReader("a.png", failingReader{broken}, 5)}, cause: broken},
		"seeker fails":      {files: []File{FileFromReader("a.png", &failingSeeker{ReadSeeker: bytes.NewReader(data), err: broken, good: 1}, 5)}, cause: broken},
		"shorter than said": {files: []File{{Name: "a.png", Size: 6, Open: opensData}}, cause: io.ErrUnexpectedEOF},
	}
	for _, name := range []string{
		"", ".", "..", "a/b.png", `a\b.png`, "/etc/passwd", "../a.png", "a\x00.png", "a\r\nX: y", "a\nb", "\t", "a\x7f", "\u0085", "\xff.png",
		"\u202egnp.exe", "a\u2066.png", strings.Repeat("a", 256),
	} {
		tests[fmt.Sprintf("name %q", name)] = struct {
			files []File
			cause error
		}{files: []File{FileFromBytes(name, data)}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: ok(idsBody)}
			c := overMemory(t, api)
			err := addFiles(t.Context(), c, test.files...)
			require.ErrorIs(t, err, ErrInvalidArgument)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
			if len(test.files) == 1 {
				_, err = c.ImportModels(t.Context(), test.files[0])
				require.ErrorIs(t, err, ErrInvalidArgument)
			}
			logins, calls := api.counts()
			require.Zero(t, logins+calls)
		})
	}
}

// failingReader fails at its first read.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// failingSeeker fails to seek after some good seeks.
type failingSeeker struct {
	io.ReadSeeker
	err  error
	good int
}

func (s *failingSeeker) Seek(offset int64, whence int) (int64, error) {
	if s.good--; s.good < 0 {
		return 0, s.err
	}
	return s.ReadSeeker.Seek(offset, whence)
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ given, head, want string }{
		"PNG":              {"", "\x89PNG\r\n\x1a\nrest", "image/png"},
		"JPEG":             {"", "\xff\xd8\xff\xe0rest", "image/jpeg"},
		"TIFF of Intel":    {"", "II*\x00rest", "image/tiff"},
		"TIFF of Motorola": {"", "MM\x00*rest", "image/tiff"},
		"nearly TIFF":      {"", "II*", "text/plain; charset=utf-8"},
		"BMP":              {"", "BMrest", "image/bmp"},
		"ZIP":              {"", "PK\x03\x04rest", "application/zip"},
		"binary":           {"", "\x00\x01\x02", "application/octet-stream"},
		"empty":            {"", "", "text/plain; charset=utf-8"},
		"given":            {"image/x-raw", "\x89PNG\r\n\x1a\n", "image/x-raw"},
		"given, of a kind": {"jpg", "II*\x00", "jpg"},
		"with parameters":  {`image/png; a="b c"`, "x", `image/png; a="b c"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for source, file := range map[string]File{
				"bytes":  FileFromBytes("a", []byte(test.head)),
				"seeker": FileFromReader("a", strings.NewReader(test.head), -1),
				"reader": FileFromReader("a", io.MultiReader(strings.NewReader(test.head)), int64(len(test.head))),
			} {
				file.ContentType = test.given
				var requests requestLog
				c := overMemory(t, &fakeService{next: requests.before(t, ok(idsBody))})
				require.NoError(t, addFiles(t.Context(), c, file), source)
				require.Contains(t, string(requests.all()[0].body), "\r\nContent-Type: "+test.want+"\r\n\r\n"+test.head+"\r\n--", source)
			}
		})
	}
}

// TestFileSources sends the same content from every kind of source.
func TestFileSources(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 5000)
	path := filepath.Join(t.TempDir(), "a.png")
	require.NoError(t, os.WriteFile(path, []byte("header"+content), 0o600))
	standing, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, standing.Close(), "the SDK does not close it") })
	_, err = standing.Seek(6, io.SeekStart)
	require.NoError(t, err)
	skipped := strings.NewReader("header" + content)
	_, err = skipped.Seek(6, io.SeekStart)
	require.NoError(t, err)
	whole := filepath.Join(t.TempDir(), "a.png")
	require.NoError(t, os.WriteFile(whole, []byte(content), 0o600))

	opens := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
	for name, test := range map[string]struct {
		file File
		once bool
	}{
		"path":            {file: FileFromPath(whole)},
		"FS":              {file: FileFromFS(fstest.MapFS{"line/a.png": {Data: []byte(content)}}, "line/a.png")},
		"folder FS":       {file: FileFromFS(os.DirFS(filepath.Dir(whole)), "a.png")},
		"bytes":           {file: FileFromBytes("a.png", []byte(content))},
		"seeker":          {file: FileFromReader("a.png", strings.NewReader(content), -1)},
		"seeker, offset":  {file: FileFromReader("a.png", skipped, -1)},
		"seeker, size":    {file: FileFromReader("a.png", strings.NewReader(content), int64(len(content)))},
		"open file":       {file: FileFromReader("a.png", standing, -1)},
		"reader":          {file: FileFromReader("a.png", io.MultiReader(strings.NewReader(content)), int64(len(content))), once: true},
		"halting reader":  {file: FileFromReader("a.png", &haltingReader{r: strings.NewReader(content)}, int64(len(content))), once: true},
		"literal, size":   {file: File{Name: "a.png", Size: int64(len(content)), Open: opens}},
		"literal, length": {file: File{Name: "a.png", Open: func() (io.ReadCloser, error) { return lengthReader{strings.NewReader(content)}, nil }}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // a File may be used for several calls, if its source can
				var requests requestLog
				c := overMemory(t, &fakeService{next: requests.before(t, inTurn(status(http.StatusTooEarly, ""), ok(idsBody)))})
				err := addFiles(t.Context(), c, test.file)
				for _, sent := range requests.all() {
					form, err := multipart.NewReader(bytes.NewReader(sent.body), boundaryOf(t, sent.Request)).ReadForm(1 << 20)
					require.NoError(t, err)
					require.Equal(t, "a.png", form.File["files"][0].Filename)
					got, err := form.File["files"][0].Open()
					require.NoError(t, err)
					raw, err := io.ReadAll(got)
					require.NoError(t, err)
					require.Equal(t, content, string(raw))
				}
				if test.once {
					require.ErrorIs(t, err, ErrBusy)
					require.Len(t, requests.all(), 1)
					return
				}
				require.NoError(t, err)
				require.Len(t, requests.all(), 2)
			}
		})
	}
}

// lengthReader tells its length as bytes.Buffer does, and cannot seek.
type lengthReader struct{ r *strings.Reader }

func (r lengthReader) Read(p []byte) (int, error) { return r.r.Read(p) }
func (r lengthReader) Len() int                   { return r.r.Len() }
func (r lengthReader) Close() error               { return nil }

// haltingReader gives one byte, then nothing, then one byte, and so on.
type haltingReader struct {
	r    io.Reader
	halt bool
}

func (h *haltingReader) Read(p []byte) (int, error) {
	if h.halt = !h.halt; h.halt {
		return 0, nil
	}
	return h.r.Read(p[:min(1, len(p))])
}

// uploadLog keeps what was read of every upload, also of those that broke off.
type uploadLog struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (w *uploadLog) over(t *testing.T, h http.Handler, opts ...Option) *Client {
	t.Helper()
	record := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == opLogin.path {
			return testkit.InMemory(h)(r)
		}
		raw, err := io.ReadAll(r.Body)
		w.mu.Lock()
		w.bodies = append(w.bodies, raw)
		w.mu.Unlock()
		if err != nil {
			_ = r.Body.Close()
			return nil, err
		}
		body := r.Body
		r.Body = io.NopCloser(bytes.NewReader(raw))
		defer body.Close()
		return testkit.InMemory(h)(r)
	})
	return newTestClient(t, "http://127.0.0.1", append([]Option{WithHTTPClient(&http.Client{Transport: record})}, opts...)...)
}

// requireBroken requires that the last of n bodies has no end that a service could accept.
func (w *uploadLog) requireBroken(t *testing.T, n int) {
	t.Helper()
	require.Len(t, w.bodies, n)
	last := w.bodies[n-1]
	boundary, _, found := bytes.Cut(last, []byte("\r\n"))
	require.True(t, found)
	require.NotContains(t, string(last), string(boundary)+"--")
}

// TestChangedFilesAreNeverAccepted changes a file at a moment of its upload.
func TestChangedFilesAreNeverAccepted(t *testing.T) {
	t.Parallel()
	const size = 256 << 10
	later := time.Now().Add(time.Hour)
	grow := func(path string) error {
		return os.WriteFile(path, bytes.Repeat([]byte("x"), size+1), 0o600)
	}
	shrink := func(path string) error { return os.Truncate(path, size/2) }
	rewrite := func(path string) error {
		return errors.Join(os.WriteFile(path, bytes.Repeat([]byte("y"), size), 0o600), os.Chtimes(path, later, later))
	}
	touch := func(path string) error { return os.Chtimes(path, later, later) }
	// replace puts another file of the same size and time in the place.
	replace := func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		other := path + ".new"
		return errors.Join(
			os.WriteFile(other, bytes.Repeat([]byte("y"), size), 0o600),
			os.Chtimes(other, info.ModTime(), info.ModTime()),
			os.Rename(other, path),
		)
	}
	for _, test := range []struct {
		name   string
		change func(path string) error
		when   func(sent int64, resend bool) bool
		bodies int
		cause  error
	}{
		{"grows before it is sent", grow, func(sent int64, _ bool) bool { return sent == 0 }, 1, errSourceChanged},
		{"grows while it is sent", grow, func(sent int64, _ bool) bool { return sent > 0 }, 1, errSourceChanged},
		{"grows at the end", grow, func(sent int64, _ bool) bool { return sent == size }, 1, errSourceChanged},
		{"grows between attempts", grow, func(_ int64, resend bool) bool { return resend }, 2, errSourceChanged},
		{"shrinks before it is sent", shrink, func(sent int64, _ bool) bool { return sent == 0 }, 1, errSourceChanged},
		{"shrinks while it is sent", shrink, func(sent int64, _ bool) bool { return sent > 0 }, 1, errSourceChanged},
		{"shrinks between attempts", shrink, func(_ int64, resend bool) bool { return resend }, 2, errSourceChanged},
		{"rewritten before it is sent", rewrite, func(sent int64, _ bool) bool { return sent == 0 }, 1, errSourceChanged},
		{"rewritten while it is sent", rewrite, func(sent int64, _ bool) bool { return sent > 0 }, 1, errSourceChanged},
		{"rewritten between attempts", rewrite, func(_ int64, resend bool) bool { return resend }, 2, errSourceChanged},
		{"touched between attempts", touch, func(_ int64, resend bool) bool { return resend }, 2, errSourceChanged},
		{"replaced between attempts", replace, func(_ int64, resend bool) bool { return resend }, 2, errSourceChanged},
		{"gone between attempts", os.Remove, func(_ int64, resend bool) bool { return resend }, 2, fs.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.png")
			require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), size), 0o600))
			steps := []http.HandlerFunc{ok(idsBody)}
			if test.bodies == 2 {
				steps = []http.HandlerFunc{status(http.StatusTooEarly, ""), ok(idsBody)}
			}
			var record uploadLog
			api := &fakeService{next: inTurn(steps...)}
			attempts, changed := 0, false
			_, err := record.over(t, api).AddItems(t.Context(), AddItemsRequest{
				Files: []File{FileFromPath(path)},
				Progress: func(sent, _ int64) {
					if sent == 0 {
						attempts++
					}
					if !changed && test.when(sent, attempts == 2) {
						changed = true
						assert.NoError(t, test.change(path))
					}
				},
			})
			require.True(t, changed)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, test.cause)
			require.NotErrorIs(t, err, ErrOutcomeUnknown)
			require.Equal(t, OutcomeNotExecuted, failed.Outcome)
			require.Equal(t, test.bodies, failed.Attempts)
			require.Equal(t, test.bodies-1, api.count(), "the service never had it whole")
			record.requireBroken(t, test.bodies)
		})
	}
}

// TestBrokenSources: a reader that misbehaves while it is sent fails the call,
// which is not sent again.
func TestBrokenSources(t *testing.T) {
	t.Parallel()
	broken := errors.New("camera unplugged")
	lead := strings.Repeat("x", sniffLength) // what is read before the call
	with := func(rest io.Reader, size int64) File {
		return FileFromReader("a.png", io.MultiReader(strings.NewReader(lead), rest), sniffLength+size)
	}
	idle := &idleReader{limit: 10_000}
	for _, test := range []struct {
		name  string
		file  File
		cause error
	}{
		{"error", with(failingReader{broken}, 10), broken},
		{"error after some bytes", with(io.MultiReader(strings.NewReader("12345"), failingReader{broken}), 10), broken},
		{"end too early", with(strings.NewReader("12345"), 10), errSourceChanged},
		{"end at once", with(strings.NewReader(""), 10), errSourceChanged},
		{"too long", with(strings.NewReader("12345678901"), 10), errSourceChanged},
		{"endless", with(endless{}, 10), errSourceChanged},
		{"panic", with(readerFunc(func([]byte) (int, error) { panic("no camera") }), 10), nil},
		{"claims too much", with(readerFunc(func(p []byte) (int, error) { return len(p) + 1, nil }), 10), nil},
		{"claims less than nothing", with(readerFunc(func([]byte) (int, error) { return -1, nil }), 10), nil},
		{"never gives anything", with(idle, 10), io.ErrNoProgress},
		{"panic at the beginning", File{Name: "a.png", Size: 3, Open: func() func() (io.ReadCloser, error) {
			looks := 0
			return func() (io.ReadCloser, error) {
				if looks++; looks > 1 {
					panic("no camera")
				}
				return io.NopCloser(strings.NewReader("abc")), nil
			}
		}()}, nil},
		{"panic in the end", File{Name: "a.png", Size: 3, Open: func() func() (io.ReadCloser, error) {
			looks := 0
			return func() (io.ReadCloser, error) {
				looks++
				return closer{strings.NewReader("abc"), func() error {
					if looks > 1 {
						panic("no camera")
					}
					return nil
				}}, nil
			}
		}()}, nil},
		{"close fails", File{Name: "a.png", Size: 3, Open: func() (io.ReadCloser, error) {
			return closer{strings.NewReader("abc"), func() error { return broken }}, nil
		}}, broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var record uploadLog
			api := &fakeService{next: ok(idsBody)}
			err := addFiles(t.Context(), record.over(t, api), FileFromBytes("first.png", []byte("image")), test.file)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			if test.cause != nil {
				require.ErrorIs(t, err, test.cause)
			}
			require.Equal(t, OutcomeNotExecuted, failed.Outcome)
			require.Zero(t, api.count())
			record.requireBroken(t, 1)
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type closer struct {
	io.Reader
	close func() error
}

func (c closer) Close() error { return c.close() }

// idleReader gives nothing, and no error, until its limit ends the test.
type idleReader struct{ reads, limit int }

func (r *idleReader) Read([]byte) (int, error) {
	if r.reads++; r.reads > r.limit {
		return 0, io.EOF
	}
	return 0, nil
}

// TestIdleReadersEndTheCall: a reader that gives nothing for ever must not
// keep a call, which could not be cancelled, for ever.
func TestIdleReadersEndTheCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ lead, size int }{
		"at the first bytes": {0, 10},
		"in the middle":      {sniffLength + 5, sniffLength + 10},
		"at the end":         {sniffLength + 10, sniffLength + 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			idle := &idleReader{limit: 100_000}
			r := io.MultiReader(strings.NewReader(strings.Repeat("x", test.lead)), idle)
			err := addFiles(t.Context(), overMemory(t, &fakeService{next: ok(idsBody)}), FileFromReader("a.png", r, int64(test.size)))
			if test.lead < test.size {
				require.Error(t, err)
			}
			require.Less(t, idle.reads, idle.limit)
		})
	}
}

// countedFiles opens files and counts them.
type countedFiles struct{ opened, open, most atomic.Int32 }

func (c *countedFiles) file(name, content string) File {
	return File{Name: name, Open: func() (io.ReadCloser, error) {
		c.opened.Add(1)
		if n := c.open.Add(1); n > c.most.Load() {
			c.most.Store(n)
		}
		var once sync.Once
		return struct {
			io.ReadSeeker
			io.Closer
		}{strings.NewReader(content), closer{nil, func() error { once.Do(func() { c.open.Add(-1) }); return nil }}}, nil
	}}
}

func TestFilesAreOpenedOneAtATime(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next     http.HandlerFunc
		attempts int32
		err      error
	}{
		"at once":      {ok(idsBody), 1, nil},
		"busy":         {inTurn(status(425, ""), ok(idsBody)), 2, nil},
		"rate limited": {inTurn(status(429, ""), status(429, ""), ok(idsBody)), 3, nil},
		"revoked":      {inTurn(status(401, ""), ok(idsBody)), 2, nil},
		"always busy":  {status(425, ""), defaultMaxAttempts, ErrBusy},
		"failed":       {status(500, ""), 1, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var counted countedFiles
			var record uploadLog
			files := []File{counted.file("a.png", "one"), counted.file("b.png", "two"), counted.file("c.png", "three")}
			err := addFiles(t.Context(), record.over(t, &fakeService{next: test.next}), files...)
			require.ErrorIs(t, err, test.err)
			require.EqualValues(t, 1, counted.most.Load())
			require.Zero(t, counted.open.Load(), "all are closed")
			require.Equal(t, 3*(1+test.attempts), counted.opened.Load(), "once for a look, and once for each attempt")
			for _, body := range record.bodies[1:] {
				require.Equal(t, record.bodies[0], body)
			}
		})
	}
	t.Run("broken off", func(t *testing.T) {
		t.Parallel()
		var counted countedFiles
		files := []File{counted.file("a.png", "one"), counted.file("b.png", "two"), FileFromReader("c.png", strings.NewReader("three"), 5)}
		c := overTransport(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == opLogin.path {
				return testkit.InMemory(&fakeService{})(r)
			}
			for counted.opened.Load() < 4 { // the second file is open
				_, err := io.CopyN(io.Discard, r.Body, 1)
				assert.NoError(t, err)
			}
			return nil, io.ErrUnexpectedEOF // without closing the body
		})
		err := addFiles(t.Context(), c, files...)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NotErrorIs(t, err, ErrOutcomeUnknown, "the end was never sent")
		require.EqualValues(t, 4, counted.opened.Load(), "a reader is sent once")
		require.Zero(t, counted.open.Load())
	})
}

func TestReadersAreSentOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		kind   error
	}{{401, ErrUnauthorized}, {425, ErrBusy}, {429, ErrRateLimited}, {500, ErrServer}} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: status(test.status, `{"errors":{"title":"no"}}`)}
			c := overMemory(t, api)
			for _, err := range []error{
				addFiles(t.Context(), c, FileFromBytes("a.png", []byte("image")), FileFromReader("b.png", io.LimitReader(endless{}, 9), 9)),
				discardToken(c.ImportModels(t.Context(), FileFromReader("m.zip", io.LimitReader(endless{}, 9), 9))),
			} {
				var base *BaseError
				require.ErrorAs(t, err, &base)
				require.ErrorIs(t, err, test.kind)
				require.Equal(t, 1, base.Attempts)
			}
			require.Equal(t, 2, api.count())
		})
	}
}

// TestReadersAreNotClosed: they are the caller's.
func TestReadersAreNotClosed(t *testing.T) {
	t.Parallel()
	closed := func() error { t.Error("closed"); return nil }
	seeker := struct {
		io.ReadSeeker
		io.Closer
	}{strings.NewReader("image"), closer{nil, closed}}
	c := overTCP(t, &fakeService{next: ok(idsBody)})
	require.NoError(t, addFiles(t.Context(), c,
		FileFromReader("a.png", seeker, -1), FileFromReader("b.png", closer{io.LimitReader(endless{}, 5), closed}, 5)))
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next   http.HandlerFunc
		starts int
	}{
		"at once": {ok(idsBody), 1},
		"busy":    {inTurn(status(425, ""), status(429, ""), ok(idsBody)), 3},
		"revoked": {inTurn(status(401, ""), ok(idsBody)), 2},
		"failed":  {status(500, ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const total = 3 + 100_000
			last, starts, returned := int64(-1), 0, false
			_, err := overMemory(t, &fakeService{next: test.next}).AddItems(t.Context(), AddItemsRequest{
				Files: []File{FileFromBytes("a.png", []byte("abc")), FileFromBytes("b.png", make([]byte, 100_000))},
				Progress: func(sent, all int64) {
					assert.False(t, returned)
					assert.EqualValues(t, total, all)
					if sent == 0 {
						starts++
						assert.Contains(t, []int64{-1, total}, last)
					} else {
						assert.Greater(t, sent, last)
					}
					last = sent
				},
			})
			returned = true
			require.Equal(t, name == "failed", err != nil)
			require.EqualValues(t, total, last)
			require.Equal(t, test.starts, starts)
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]*Client{
			"in memory": overMemory(t, &fakeService{next: ok(idsBody)}),
			"over TCP":  overTCP(t, &fakeService{next: ok(idsBody)}),
		} {
			for _, at := range []int64{0, 3} {
				require.PanicsWithValue(t, "no display", func() {
					_, _ = c.AddItems(t.Context(), AddItemsRequest{
						Files: []File{FileFromBytes("a.png", []byte("abc"))},
						Progress: func(sent, _ int64) {
							if sent == at {
								panic("no display")
							}
						},
					})
				}, name)
			}
			require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", []byte("abc"))), "the client goes on")
		}
	})
}

// TestUploadMemory counts what is allocated, so it runs alone.
func TestUploadMemory(t *testing.T) { //nolint:paralleltest // other tests would allocate too
	const size = 64 << 20
	var received atomic.Int64
	c := overTCP(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		received.Add(n)
		_, _ = io.WriteString(w, idsBody)
	}})
	for name, file := range map[string]File{
		"reader": FileFromReader("a.png", io.LimitReader(endless{}, size), size),
		"source": {Name: "a.png", Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(endless{}, size)), nil }},
	} {
		t.Run(name, func(t *testing.T) {
			received.Store(0)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			require.NoError(t, addFiles(t.Context(), c, file))
			runtime.ReadMemStats(&after)
			require.Greater(t, received.Load(), int64(size))
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
		})
	}
}

// TestReaderIsLeftAloneAfterTheCall uses a transport that goes on reading, as
// net/http does when an answer comes early.
func TestReaderIsLeftAloneAfterTheCall(t *testing.T) {
	t.Parallel()
	var reads atomic.Int32
	reading, answered, proceed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var returned atomic.Bool
	slow := readerFunc(func(p []byte) (int, error) {
		if reads.Add(1) == 1 {
			close(reading)
		}
		<-answered
		for range 1000 { // by when a call that does not wait has returned
			runtime.Gosched()
		}
		assert.False(t, returned.Load(), "the call returned while its reader was read")
		return len(p), nil
	})
	var transport sync.WaitGroup
	c := overTransport(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == opLogin.path {
			return testkit.InMemory(&fakeService{})(r)
		}
		body := r.Body
		transport.Go(func() {
			_, err := io.CopyN(io.Discard, body, 1000)
			assert.NoError(t, err, "a read in flight ends well")
			<-proceed
			_, err = body.Read(make([]byte, 1))
			assert.ErrorIs(t, err, errDetached)
		})
		<-reading
		defer close(answered)
		r.Body = http.NoBody
		return testkit.InMemory(status(http.StatusRequestEntityTooLarge, ""))(r)
	})
	file := FileFromReader("a.png", slow, 1<<19)
	file.ContentType = "image/png" // so that nothing is read to find it
	err := addFiles(t.Context(), c, file)
	returned.Store(true)
	require.ErrorIs(t, err, ErrTooLarge)
	before := reads.Load()
	close(proceed)
	transport.Wait()
	require.Equal(t, before, reads.Load())
}

// decline answers without reading the body.
func decline(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// TestLargeUploadsAskFirst: where the service declines, whatever its status, not
// a byte is sent, so that it cannot have acted, and even what can be read only
// once can be sent again.
func TestLargeUploadsAskFirst(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	for name, test := range map[string]struct {
		next     http.HandlerFunc
		attempts int
		err      error
	}{
		"too large":         {decline(413), 1, ErrTooLarge},
		"forbidden":         {decline(403), 1, ErrForbidden},
		"busy, then not":    {inTurn(decline(425), ok(idsBody)), 2, nil},
		"revoked, then not": {inTurn(decline(401), ok(idsBody)), 2, nil},
		"both, then not":    {inTurn(decline(401), decline(429), ok(idsBody)), 3, nil},
		"away, then not":    {inTurn(decline(503), ok(idsBody)), 2, nil},
		"failing, then not": {inTurn(decline(500), ok(idsBody)), 2, nil},
		"away for good":     {decline(503), 5, ErrServer},
		"cannot do it":      {decline(501), 1, ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // by whose clock no response is late
				var sent []int64
				c := overListener(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "100-continue", r.Header.Get("Expect"))
					test.next(w, r)
				}})
				ids, err := c.AddItems(t.Context(), AddItemsRequest{
					Files: []File{FileFromReader("a.png", io.LimitReader(endless{}, size), size)},
					Progress: func(n, total int64) {
						assert.EqualValues(t, size, total)
						sent = append(sent, n)
					},
				})
				require.ErrorIs(t, err, test.err)
				if test.err != nil {
					require.Equal(t, make([]int64, test.attempts), sent)
					var refused *BaseError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, OutcomeNotExecuted, refused.Outcome)
					return
				}
				require.Equal(t, []string{"a"}, ids)
				require.Equal(t, make([]int64, test.attempts), sent[:test.attempts], "nothing was sent before")
				require.EqualValues(t, size, sent[len(sent)-1])
			})
		})
	}
	t.Run("small ones do not ask", func(t *testing.T) {
		t.Parallel()
		var requests requestLog
		c := overTCP(t, &fakeService{next: requests.before(t, ok(idsBody))})
		require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", make([]byte, 1<<19))))
		require.Empty(t, requests.all()[0].Header.Get("Expect"))
	})
}

// TestServiceThatIgnoresExpect costs a second once, not for every upload.
func TestServiceThatIgnoresExpect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var expects []string
		c := overListener(t, &fakeService{next: func(w http.ResponseWriter, r *http.Request) {
			expects = append(expects, r.Header.Get("Expect"))
			// Hijacked, so that reading the body says no 100 Continue.
			connection, buffered, err := http.NewResponseController(w).Hijack()
			if !assert.NoError(t, err) {
				return
			}
			defer func() { assert.NoError(t, connection.Close()) }()
			_, err = io.CopyN(io.Discard, buffered, r.ContentLength)
			assert.NoError(t, err)
			_, err = fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(idsBody), idsBody)
			assert.NoError(t, err)
		}})
		start := time.Now()
		for range 2 {
			require.NoError(t, addFiles(t.Context(), c, FileFromBytes("a.png", make([]byte, 2<<20))))
		}
		require.Equal(t, []string{"100-continue", ""}, expects)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// An upload whose answer cannot be read was executed: its error has the ids to look for.
func TestUnreadableAnswersOfUploadsNameTheItems(t *testing.T) {
	t.Parallel()
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return respond(r, http.StatusOK, strings.NewReader("<html>")), err
	}))
	err := addFiles(t.Context(), c, FileFromBytes("a.png", []byte("\x89PNG")))
	var lost *RequestError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, OutcomeExecuted, lost.Outcome)
	require.Equal(t, []string{"a"}, lost.ItemIDs)
}
