package hacarus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hacarus/hacarus-check-go/internal/testkit"
)

// downloads are all ways to a file.
var downloads = map[string]func(context.Context, *Client) (*Download, error){
	"getModelResults":    func(ctx context.Context, c *Client) (*Download, error) { return c.GetModelResults(ctx, "m1") },
	"exportModelsWithId": func(ctx context.Context, c *Client) (*Download, error) { return c.ExportModels(ctx, "m1") },
	"getLogs":            func(ctx context.Context, c *Client) (*Download, error) { return c.GetLogs(ctx) },
	"getImage": func(ctx context.Context, c *Client) (*Download, error) {
		return c.GetImage(ctx, ImageMeta{URL: "/raw/1.png"})
	},
}

// chunked is an answer that does not announce its size.
func chunked(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body[:1])
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, body[1:])
	}
}

// cutLength and cutChunks are answers that break off after body.
func cutLength(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)+1))
		_, _ = io.WriteString(w, body)
	}
}

func cutChunks(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		chunked(body)(w, r)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// getLogs starts a download that must begin well.
func getLogs(t *testing.T, c *Client) *Download {
	t.Helper()
	d, err := c.GetLogs(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	for operation, get := range downloads {
		for name, test := range map[string]struct {
			next http.HandlerFunc
			size int64
		}{
			"size known":   {status(200, "contents", "Content-Type", "application/zip"), 8},
			"size unknown": {chunked("contents"), -1},
		} {
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				var seen observed
				var requests requestLog
				c := overTCP(t, &fakeService{next: requests.before(t, test.next)},
					WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }))
				var info ResponseInfo
				d, err := get(CaptureResponse(t.Context(), &info), c)
				require.NoError(t, err)
				require.Empty(t, seen.of(operation), "it has not ended")
				require.Equal(t, test.size, d.Size)
				require.Equal(t, "identity", requests.all()[0].Header.Get("Accept-Encoding"))

				var written bytes.Buffer
				n, err := d.WriteTo(&written)
				require.NoError(t, err)
				require.EqualValues(t, 8, n)
				require.Equal(t, "contents", written.String())
				_, err = d.Read(make([]byte, 1))
				require.Equal(t, io.EOF, err)
				require.NoError(t, d.Close())
				require.NoError(t, d.Close())

				require.Len(t, seen.of(operation), 1)
				attempt := seen.of(operation)[0]
				require.NoError(t, attempt.Err)
				require.EqualValues(t, 8, attempt.BytesReceived)
				require.Equal(t, 200, info.StatusCode)
				require.Nil(t, info.Body)
			})
		}
	}
}

func TestDownloadNames(t *testing.T) {
	t.Parallel()
	for disposition, want := range map[string]string{
		"":                                  "",
		"attachment":                        "",
		`attachment; filename="models.zip"`: "models.zip",
		`attachment; filename=models.zip`:   "models.zip",
		`inline; filename="models.zip"`:     "models.zip",
		`attachment; filename="a b.zip"`:    "a b.zip",
		`attachment; filename="部品.zip"`:     "部品.zip",
		`attachment; filename*=UTF-8''%E9%83%A8%E5%93%81.zip`: "部品.zip",
		`attachment; filename="../../etc/passwd"`:             "passwd",
		`attachment; filename="/etc/passwd"`:                  "passwd",
		`attachment; filename="..\..\win.ini"`:                "win.ini",
		`attachment; filename="C:\logs\debug.zip"`:            "debug.zip",
		`attachment; filename*=UTF-8''..%2F..%2Fx.zip`:        "x.zip",
		`attachment; filename=".."`:                           "",
		`attachment; filename="a/.."`:                         "",
		`attachment; filename="a/"`:                           "",
		`attachment; filename=""`:                             "",
		`attachment; filename*=UTF-8''a%00b`:                  "",
		`attachment; filename*=UTF-8''a%0Ab`:                  "",
		`attachment; filename*=UTF-8''%FF`:                    "",
		`attachment; filename="a`:                             "",
		`attachment; filename=a; filename=b`:                  "",
		`;;;`:                                                 "",
	} {
		t.Run(disposition, func(t *testing.T) {
			t.Parallel()
			d := getLogs(t, overTCP(t, &fakeService{next: status(200, "zip", "Content-Disposition", disposition, "Content-Type", "application/zip")}))
			require.Equal(t, want, d.Filename)
			require.Equal(t, "application/zip", d.ContentType)
		})
	}
}

// TestTruncatedDownloads: a file that breaks off is never taken for a whole one.
func TestTruncatedDownloads(t *testing.T) {
	t.Parallel()
	for operation, get := range downloads {
		for name, next := range map[string]http.HandlerFunc{"length": cutLength("contents"), "chunks": cutChunks("contents")} {
			t.Run(operation+" "+name, func(t *testing.T) {
				t.Parallel()
				var seen observed
				api := &fakeService{next: next}
				c := overTCP(t, api, WithObserver(func(_ context.Context, a Attempt) { seen.add(a) }))
				d, err := get(t.Context(), c)
				require.NoError(t, err)
				got, err := io.ReadAll(d)
				require.Equal(t, "contents", string(got))
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				require.ErrorIs(t, err, ErrDecode)
				var failed *RequestError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, OutcomeExecuted, failed.Outcome)
				require.Equal(t, operation, failed.Operation)

				_, again := d.Read(make([]byte, 1))
				require.Equal(t, err, again, "it stays broken")
				require.NoError(t, d.Close())
				require.Equal(t, 1, api.count())
				require.Len(t, seen.of(operation), 1)
				require.ErrorIs(t, seen.of(operation)[0].Err, io.ErrUnexpectedEOF)
			})
		}
	}
	t.Run("transport that does not count", func(t *testing.T) {
		t.Parallel()
		d := getLogs(t, overMemory(t, &fakeService{next: cutLength("contents")}))
		_, err := io.ReadAll(d)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.ErrorIs(t, err, ErrDecode)
	})
}

func TestDownloadsThatAreNoFile(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]http.HandlerFunc{
		"empty":       status(200, ""),
		"no content":  decline(204),
		"gzip":        status(200, "zip", "Content-Encoding", "gzip"),
		"empty chunk": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: next}
			d, err := overTCP(t, api).GetLogs(t.Context())
			if err == nil {
				_, err = io.ReadAll(d)
				require.NoError(t, d.Close())
			}
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, ErrDecode)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.Equal(t, 1, api.count())
		})
	}
}

func TestDownloadErrors(t *testing.T) {
	t.Parallel()
	for operation, get := range downloads {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: inTurn(status(503, ""), status(422, `{"errors":{"title":"no such model"}}`), ok("contents"))}
			c := overTCP(t, api)
			_, err := get(t.Context(), c)
			var base *BaseError
			require.ErrorAs(t, err, &base)
			require.ErrorIs(t, err, ErrUnprocessable)
			require.Equal(t, operation, base.Operation)
			require.Equal(t, "no such model", base.Errors.Title)
			require.Equal(t, 2, base.Attempts)

			d, err := get(t.Context(), c)
			require.NoError(t, err)
			require.NoError(t, d.Close())
		})
	}
}

func TestClosedDownload(t *testing.T) {
	t.Parallel()
	d := getLogs(t, overTCP(t, &fakeService{next: ok("contents")}))
	_, err := io.ReadFull(d, make([]byte, 3))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	n, err := d.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF, "not a clean end")
	require.Error(t, d.SaveFile(filepath.Join(t.TempDir(), "debug.zip")))
}

// slowBody is an answer whose bytes come with pauses; it ends with its request.
type slowBody struct {
	ctx   context.Context //nolint:containedctx // the request's
	rest  string
	pause time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.pause > 0 {
		select {
		case <-b.ctx.Done():
		case <-time.After(b.pause):
		}
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if b.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:1], b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *slowBody) Close() error { return nil }

// overSlowBody returns a client to whose calls the answer is "contents", with pauses.
func overSlowBody(t *testing.T, pause time.Duration) *Client {
	t.Helper()
	const body = "contents"
	return overTransport(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == opLogin.path {
			return testkit.InMemory(&fakeService{})(r)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(body)),
			Body: &slowBody{r.Context(), body, pause},
		}, nil
	})
}

func TestDownloadTiming(t *testing.T) {
	t.Parallel()
	t.Run("a slow network is waited for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			got, err := io.ReadAll(getLogs(t, overSlowBody(t, defaultStallTimeout-time.Second)))
			require.NoError(t, err)
			require.Equal(t, "contents", string(got))
		})
	})
	t.Run("a stalled network is not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := getLogs(t, overSlowBody(t, time.Hour))
			start := time.Now()
			_, err := io.ReadAll(d)
			require.ErrorAs(t, err, new(stallError))
			require.Equal(t, defaultStallTimeout, time.Since(start))
		})
	})
	t.Run("a slow reader may take its time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := getLogs(t, overSlowBody(t, 0))
			var got []byte
			for range 8 {
				p := make([]byte, 1)
				_, err := d.Read(p)
				require.NoError(t, err)
				got = append(got, p...)
				time.Sleep(10 * defaultStallTimeout)
			}
			require.Equal(t, "contents", string(got))
		})
	})
	t.Run("before the first read too", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := getLogs(t, overSlowBody(t, 0))
			time.Sleep(10 * defaultStallTimeout)
			got, err := io.ReadAll(d)
			require.NoError(t, err)
			require.Equal(t, "contents", string(got))
		})
	})
	t.Run("the call's context bounds the reading", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("shift over")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 5500*time.Millisecond, cause)
			defer cancel()
			d, err := overSlowBody(t, time.Second).GetLogs(ctx)
			require.NoError(t, err)
			got, err := io.ReadAll(d)
			require.Equal(t, "conte", string(got))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, cause)
			var failed *RequestError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, OutcomeExecuted, failed.Outcome)
			require.NoError(t, d.Close())
		})
	})
}

// namesIn lists a folder, hidden files included.
func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestSaveFile(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"new": "", "replaced": "what was there before, and longer"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "debug.zip")
			if before != "" {
				require.NoError(t, os.WriteFile(path, []byte(before), 0o644))
			}
			d := getLogs(t, overTCP(t, &fakeService{next: ok("contents")}))
			require.NoError(t, d.SaveFile(path))
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "contents", string(got))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
			require.Equal(t, []string{"debug.zip"}, namesIn(t, dir))
			_, err = d.Read(make([]byte, 1))
			require.Error(t, err, "it is closed")
		})
	}
}

// TestSaveFileNeedsAllOfIt: what was read before would be missing in the file.
func TestSaveFileNeedsAllOfIt(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(*testing.T, *Download){
		"read in part":   func(t *testing.T, d *Download) { _, err := io.ReadFull(d, make([]byte, 3)); require.NoError(t, err) }, //nolint:thelper // one line
		"read":           func(t *testing.T, d *Download) { _, err := io.ReadAll(d); require.NoError(t, err) },                   //nolint:thelper // one line
		"saved":          func(t *testing.T, d *Download) { require.NoError(t, d.SaveFile(filepath.Join(t.TempDir(), "a"))) },    //nolint:thelper // one line
		"closed":         func(t *testing.T, d *Download) { require.NoError(t, d.Close()) },                                      //nolint:thelper // one line
		"no path at all": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "debug.zip")
			require.NoError(t, os.WriteFile(path, []byte("of yesterday"), 0o644))
			d := getLogs(t, overTCP(t, &fakeService{next: ok("contents")}))
			if use == nil {
				path = ""
			} else {
				use(t, d)
			}
			require.ErrorIs(t, d.SaveFile(path), ErrInvalidArgument)
			left, err := os.ReadFile(filepath.Join(dir, "debug.zip"))
			require.NoError(t, err)
			require.Equal(t, "of yesterday", string(left))
			require.Equal(t, []string{"debug.zip"}, namesIn(t, dir))
		})
	}
}

// TestSaveFileFails: nothing changes, and nothing is left behind.
func TestSaveFileFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next  http.HandlerFunc
		path  string
		cause error
	}{
		"cut length":     {cutLength("contents"), "debug.zip", io.ErrUnexpectedEOF},
		"cut chunks":     {cutChunks("contents"), "debug.zip", io.ErrUnexpectedEOF},
		"folder":         {ok("contents"), "folder", ErrInvalidArgument},
		"missing folder": {ok("contents"), "missing/debug.zip", os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "debug.zip"), []byte("before"), 0o600))
			require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
			d := getLogs(t, overTCP(t, &fakeService{next: test.next}))
			require.ErrorIs(t, d.SaveFile(filepath.Join(dir, test.path)), test.cause)
			require.Equal(t, []string{"debug.zip", "folder"}, namesIn(t, dir))
			got, err := os.ReadFile(filepath.Join(dir, "debug.zip"))
			require.NoError(t, err)
			require.Equal(t, "before", string(got))
			_, err = d.Read(make([]byte, 1))
			require.Error(t, err, "it is closed")
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			d, err := overSlowBody(t, time.Second).GetLogs(ctx)
			require.NoError(t, err)
			require.ErrorIs(t, d.SaveFile(filepath.Join(dir, "debug.zip")), context.DeadlineExceeded)
			require.Empty(t, namesIn(t, dir))
		})
	})
}

// TestImagesElsewhere fetches an image of another host over TCP: what arrives
// there holds no token, and nothing follows its redirects.
func TestImagesElsewhere(t *testing.T) {
	t.Parallel()
	var hops atomic.Int32
	var requests requestLog
	elsewhere := httptest.NewServer(requests.before(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hop" {
			hops.Add(1)
			return
		}
		ok("pixels")(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	api := &fakeService{next: inTurn(
		func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "Bearer "+testToken, r.Header.Get("Authorization"))
			ok("pixels")(w, r)
		},
		status(302, "", "Location", elsewhere.URL+"/hop?signature=s3cr3t"),
	)}
	c := overTCP(t, api)

	for _, url := range []string{"/raw/1.png", elsewhere.URL + "/raw/1.png?signature=s3cr3t"} {
		d, err := c.GetImage(t.Context(), ImageMeta{URL: url})
		require.NoError(t, err)
		got, err := io.ReadAll(d)
		require.NoError(t, err)
		require.Equal(t, "pixels", string(got))
		require.NoError(t, d.Close())
	}
	require.Len(t, requests.all(), 1)
	require.Empty(t, requests.all()[0].Header.Values("Authorization"))
	require.Equal(t, "signature=s3cr3t", requests.all()[0].URL.RawQuery)

	_, err := c.GetImage(t.Context(), ImageMeta{URL: "/raw/1.png"})
	require.ErrorIs(t, err, ErrRedirect)
	require.NotContains(t, testkit.EveryText(err), "s3cr3t")
	require.Zero(t, hops.Load())
}

// TestForeignRefusalKeepsTheToken: a storage's 401 says nothing about the service's token.
func TestForeignRefusalKeepsTheToken(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(status(401, ""))
	t.Cleanup(elsewhere.Close)
	api := &fakeService{next: ok(modelBody)}
	c := overTCP(t, api)
	require.NoError(t, getModel(t.Context(), c))
	_, err := c.GetImage(t.Context(), ImageMeta{URL: elsewhere.URL})
	require.ErrorIs(t, err, ErrUnauthorized)
	require.NoError(t, getModel(t.Context(), c))
	logins, _ := api.counts()
	require.Equal(t, 1, logins)
}

func TestImageErrorsShowNoURL(t *testing.T) {
	t.Parallel()
	c := overMemory(t, &fakeService{next: ok("pixels")})
	for _, url := range []string{
		"https://u:s3cr3t@h/1.png", "https://h/%zz?s3cr3t", "ftp://h/1.png?s3cr3t", "s3cr3t", "//h/1.png?s3cr3t", "https:///1.png?s3cr3t", "?s3cr3t",
	} {
		_, err := c.GetImage(t.Context(), ImageMeta{URL: url})
		require.ErrorIs(t, err, ErrInvalidArgument, url)
		require.NotContains(t, testkit.EveryText(err), "s3cr3t")
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base, image string
		token       bool
	}{
		{"https://h", "https://h/1.png", true},
		{"https://h", "https://h:443/1.png", true},
		{"https://h:443", "https://H/1.png", true},
		{"https://h/check", "https://h/raw/1.png", true},
		{"https://h/check", "/raw/1.png", true},
		{"http://localhost", "http://localhost:80/1.png", true},
		{"https://h", "http://h/1.png", false},
		{"https://h", "https://h:8443/1.png", false},
		{"https://h", "https://h.example/1.png", false},
		{"https://h", "https://h@elsewhere/1.png", false},
		{"http://localhost", "http://127.0.0.1/1.png", false},
		{"http://localhost", "https://localhost:80/1.png", false},
	} {
		t.Run(test.base+" "+test.image, func(t *testing.T) {
			t.Parallel()
			var authorized []bool
			transport := testkit.RoundTrip(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, opLogin.path) {
					return testkit.InMemory(ok(`{"access_token":"` + testToken + `"}`))(r)
				}
				authorized = append(authorized, r.Header.Get("Authorization") != "")
				return testkit.InMemory(ok("pixels"))(r)
			})
			c := newTestClient(t, test.base, WithHTTPClient(&http.Client{Transport: transport}))
			d, err := c.GetImage(t.Context(), ImageMeta{URL: test.image})
			if strings.Contains(test.image, "@") {
				require.ErrorIs(t, err, ErrInvalidArgument)
				require.Empty(t, authorized)
				return
			}
			require.NoError(t, err)
			require.NoError(t, d.Close())
			require.Equal(t, []bool{test.token}, authorized)
		})
	}
}

func TestImageArgumentsAreNeverSent(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *Client) error{}
	for name, address := range map[string]string{
		"key":      "5d0e87d0227a3c334d5224541fa14b560f54cf36",
		"scheme":   "file:///etc/passwd",
		"user":     "https://u:p@h/x",
		"nonsense": "https://h\x00",
	} {
		calls[name] = func(ctx context.Context, c *Client) error {
			_, err := c.GetImage(ctx, ImageMeta{URL: address})
			return err
		}
	}
	neverSent(t, calls)
}

// A part of a file is not the file.
func TestPartialDownloads(t *testing.T) {
	t.Parallel()
	c := overTransport(t, loggedIn(func(r *http.Request) (*http.Response, error) {
		return respond(r, http.StatusPartialContent, strings.NewReader("item_id,la")), nil
	}))
	_, err := c.GetModelResults(t.Context(), "m")
	require.ErrorIs(t, err, ErrDecode)
}

func TestFactImages(t *testing.T) {
	t.Parallel()
	const key = "5d0e87d0227a3c334d5224541fa14b560f54cf36"
	for _, test := range []struct {
		name, url string
		token     bool
	}{
		{"19 local URL", "http://127.0.0.1:8080/raw/" + key, true},
		{"19 path", "/raw/" + key, true},
		{"19 storage URL", "https://bucket.s3.amazonaws.com/raw/1.jpg?X-Amz-Signature=0f", false},
		{"19 another port", "http://127.0.0.1:9000/raw/" + key, false},
		{"19 another scheme", "https://127.0.0.1:8080/raw/" + key, false},
		{"19 a name that begins alike", "http://127.0.0.1.example:8080/raw/" + key, false},
	} {
		for _, code := range []int{http.StatusOK, http.StatusUnauthorized} {
			t.Run(fmt.Sprintf("%s %d", test.name, code), func(t *testing.T) {
				t.Parallel()
				var requests requestLog
				transport := testkit.InMemory(&fakeService{next: requests.before(t, status(code, "image"))})
				c := newTestClient(t, "http://127.0.0.1:8080", WithHTTPClient(&http.Client{Transport: transport}))
				_, err := readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: test.url}))
				require.Equal(t, code == http.StatusOK, err == nil, err)
				require.NotEmpty(t, requests.all())
				for _, r := range requests.all() {
					require.Equal(t, test.token, r.Header.Get("Authorization") != "")
					require.True(t, strings.HasSuffix(r.URL.String(), test.url), r.URL)
				}
			})
		}
	}
	for _, url := range []string{key, "", "raw/" + key, "//elsewhere.example/raw/1", "http://127.0.0.1:8080@elsewhere.example/raw/1"} {
		t.Run("19 cannot be fetched "+url, func(t *testing.T) {
			t.Parallel()
			api := &fakeService{next: ok("image")}
			_, err := overMemory(t, api).GetImage(t.Context(), ImageMeta{URL: url})
			require.ErrorIs(t, err, ErrInvalidArgument)
			logins, calls := api.counts()
			require.Zero(t, logins+calls)
		})
	}
}

// TestFactForeignImageAsksForNoToken holds fact 19 before any login: an image
// elsewhere needs no token, so none is asked for.
func TestFactForeignImageAsksForNoToken(t *testing.T) {
	t.Parallel()
	var requests requestLog
	transport := testkit.InMemory(requests.before(t, ok("image")))
	c, err := New("https://sdd-api.hacarus.com", WithHTTPClient(&http.Client{Transport: transport}),
		WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: testToken})))
	require.NoError(t, err)
	defer c.Close()
	_, err = readFixtureDownload(c.GetImage(t.Context(), ImageMeta{URL: "https://bucket.s3.amazonaws.com/raw/1.jpg"}))
	require.NoError(t, err)
	require.Len(t, requests.all(), 1)
	header, err := json.Marshal(requests.all()[0].Header)
	require.NoError(t, err)
	require.NotContains(t, string(header), testToken)
}

const deviceFull = "/dev/full"

// A disk that is full leaves what was there before.
func TestSaveFileOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, get := range map[string]func(*Client) (*Download, error){
		"results": func(c *Client) (*Download, error) { return c.GetModelResults(t.Context(), "m1") },
		"export":  func(c *Client) (*Download, error) { return c.ExportModels(t.Context(), "m1") },
		"logs":    func(c *Client) (*Download, error) { return c.GetLogs(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "saved")
			require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))
			d, err := get(overMemory(t, &fakeService{next: ok("contents")}))
			require.NoError(t, err)
			err = d.saveFile(path, fullDisk)
			require.Error(t, err)
			if _, missing := os.Stat(deviceFull); missing == nil {
				require.ErrorIs(t, err, syscall.ENOSPC)
			}
			require.Equal(t, []string{"saved"}, namesIn(t, filepath.Dir(path)))
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "before", string(left))
		})
	}
}

// fullDisk makes temporary files that take nothing: their writes end on a
// device that is always full, or, where there is none, fail otherwise.
func fullDisk(dir, pattern string) (*os.File, error) {
	made, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	name := made.Name()
	if _, err := os.Stat(deviceFull); err != nil {
		return os.Open(name)
	}
	if err := errors.Join(made.Close(), os.Remove(name), os.Symlink(deviceFull, name)); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_WRONLY, 0)
}

// A download that no call has made, for tests of code that takes one, does as
// others do.
func TestNewDownload(t *testing.T) {
	t.Parallel()
	closed := 0
	body := func(text string) io.ReadCloser {
		return struct {
			io.Reader
			io.Closer
		}{strings.NewReader(text), closeFunc(func() error { closed++; return nil })}
	}
	path := filepath.Join(t.TempDir(), "logs.zip")
	d := NewDownload(body("logs"), 4)
	require.NoError(t, d.SaveFile(path))
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "logs", string(saved))
	require.Equal(t, 1, closed)
	_, err = d.Read(make([]byte, 1))
	require.Error(t, err)

	for size, want := range map[int64]error{-1: nil, 4: nil, 5: io.ErrUnexpectedEOF} {
		raw, err := io.ReadAll(NewDownload(body("logs"), size))
		require.ErrorIs(t, err, want)
		require.Equal(t, "logs", string(raw))
	}
	_, err = io.ReadAll(NewDownload(body(""), 0))
	require.ErrorIs(t, err, ErrDecode, "an empty file")
	require.ErrorIs(t, NewDownload(body("PK\x03\x04, and no end"), -1).SaveFile(path), io.ErrUnexpectedEOF)
}

// A file may have any name that the disk takes, the longest too.
func TestSaveFileWithALongName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 251)+".zip")
	require.NoError(t, os.WriteFile(path, nil, 0o600), "the disk takes the name")
	require.NoError(t, NewDownload(io.NopCloser(strings.NewReader("abc")), 3).SaveFile(path))
	saved, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "abc", string(saved))
}
