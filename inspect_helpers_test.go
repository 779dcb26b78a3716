package hacarus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// firstPixel is an inspector that costs nothing: a picture whose first pixel
// is bright is NG.
func firstPixel(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
	r, _, _, _ := img.At(img.Bounds().Min.X, img.Bounds().Min.Y).RGBA()
	return hacarustest.Finding{NG: r > 0x8000, Score: float64(r) / 0xffff}, nil
}

// picture is a small PNG, another one for each n. Each fifth is bad, from 4 on.
func picture(n int) []byte {
	img := image.NewGray(image.Rect(0, 0, 8, 1))
	if truth(n) == hacarus.VerdictNG {
		img.SetGray(0, 0, color.Gray{Y: 0xff})
	}
	for x := 1; x < 8; x++ {
		img.SetGray(x, 0, color.Gray{Y: byte(n >> (4 * (x - 1)))})
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &encoders}
	if err := encoder.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// encoders are used again: making one costs a megabyte.
var encoders encoderPool

type encoderPool struct{ sync.Pool }

func (p *encoderPool) Get() *png.EncoderBuffer {
	buffer, _ := p.Pool.Get().(*png.EncoderBuffer)
	return buffer
}

func (p *encoderPool) Put(buffer *png.EncoderBuffer) { p.Pool.Put(buffer) }

// truth is what firstPixel says of a picture.
func truth(n int) hacarus.Verdict {
	if n%5 == 4 {
		return hacarus.VerdictNG
	}
	return hacarus.VerdictOK
}

// gauge counts the requests that are under way.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) around(next http.RoundTripper) http.RoundTripper { return g.of("", next) }

// of counts the POSTs to a path; "" is any request.
func (g *gauge) of(path string, next http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if path != "" && (r.Method != http.MethodPost || r.URL.Path != path) {
			return next.RoundTrip(r)
		}
		now := g.now.Add(1)
		defer g.now.Add(-1)
		for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
		}
		return next.RoundTrip(r)
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// predictedIDs are the items of a prediction.
func predictedIDs(t *testing.T, call hacarustest.Call) []string {
	t.Helper()
	var body struct {
		ItemIDs []string `json:"item_ids"`
	}
	require.NoError(t, json.Unmarshal(call.Body, &body))
	return body.ItemIDs
}
