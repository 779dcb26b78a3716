package hacarus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
	model := readFixture(b, "getModelById").answer()
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
	model := readFixture(b, "getModelById").answer()
	header := http.Header{"Content-Type": {"application/json"}}
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
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
