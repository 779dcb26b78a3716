package decoders

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-faster/jx"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	goccy "github.com/goccy/go-json"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/raw"
	"github.com/hacarus/hacarus-check-go/test/benchmarks/internal/service"
)

// decoder is one way to decode a page of items.
type decoder struct {
	name   string
	decode func([]byte) (*raw.ItemsPage, error)
}

// decoders are those that are compared.
var decoders = []decoder{
	{"encoding/json", reflected(stdjson.Unmarshal)},
	{"encoding/json, by token", func(page []byte) (*raw.ItemsPage, error) {
		return walkPage(&standardTokens{d: stdjson.NewDecoder(bytes.NewReader(page))})
	}},
	{"go-json-experiment/json v2", reflected(func(page []byte, v any) error { return jsonv2.Unmarshal(page, v) })},
	{"go-json-experiment/json/jsontext, by hand", func(page []byte) (*raw.ItemsPage, error) {
		return walkPage(&jsontextTokens{d: jsontext.NewDecoder(bytes.NewBuffer(page))})
	}},
	{"go-faster/jx, by hand", func(page []byte) (*raw.ItemsPage, error) { return walkPage(&jxTokens{d: jx.DecodeBytes(page)}) }},
	{"goccy/go-json", reflected(goccy.Unmarshal)},
	{"bytedance/sonic", reflected(sonic.Unmarshal)},
}

// reflected decodes into a whole structure at once.
func reflected(unmarshal func([]byte, any) error) func([]byte) (*raw.ItemsPage, error) {
	return func(page []byte) (*raw.ItemsPage, error) {
		var envelope struct {
			Data raw.ItemsPage `json:"data"`
		}
		return &envelope.Data, unmarshal(page, &envelope)
	}
}

// page is a page of items as the benchmarks' service writes it.
func page(tb testing.TB) []byte {
	tb.Helper()
	items, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "items.jsonl"))
	require.NoError(tb, err)
	return service.Page(items, 1, 1000)
}

// TestDecodersAgree makes sure that all of them do the same work.
func TestDecodersAgree(t *testing.T) {
	t.Parallel()
	page := page(t)
	want, err := decoders[0].decode(page)
	require.NoError(t, err)
	require.Len(t, want.Items, 1000)
	for _, d := range decoders[1:] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			got, err := d.decode(page)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	t.Run("the SDK", func(t *testing.T) {
		t.Parallel()
		got, err := throughSDK(t, page)()
		require.NoError(t, err)
		text, err := stdjson.Marshal(got)
		require.NoError(t, err)
		wanted, err := stdjson.Marshal(want)
		require.NoError(t, err)
		require.JSONEq(t, string(wanted), string(text))
	})
}

// throughSDK lists items without a connection.
func throughSDK(tb testing.TB, page []byte) func() (*hacarus.ItemsPage, error) {
	tb.Helper()
	client, err := hacarus.New("http://127.0.0.1", hacarus.WithHTTPClient(&http.Client{Transport: memory(page)}),
		hacarus.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "a-token"})))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, client.Close()) })
	return func() (*hacarus.ItemsPage, error) {
		return client.ListItems(context.Background(), hacarus.ListItemsOptions{Type: hacarus.ItemTypePrediction})
	}
}

// memory is a transport that has one response.
type memory []byte

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(m)), ContentLength: int64(len(m)), Request: r,
	}, nil
}

// BenchmarkDecoders is what docs/performance.md shows. The names of the
// subtests have no spaces, so that their table can be made of the output.
func BenchmarkDecoders(b *testing.B) {
	page := page(b)
	measure := func(name string, decode func() error) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(page)))
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, d := range decoders {
		measure(d.name, func() error {
			v, err := d.decode(page)
			if err == nil && len(v.Items) != 1000 {
				err = fmt.Errorf("%d items", len(v.Items))
			}
			return err
		})
	}
	list := throughSDK(b, page)
	measure("the SDK, ListItems", func() error {
		_, err := list()
		return err
	})
	measure("go-faster/jx, skipping only", func() error {
		return jx.DecodeBytes(page).Skip()
	})
}
