// Package plates holds pictures of plates for tests, with an inspector that
// costs nothing.
package plates

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

// FirstPixel takes a picture whose first pixel is bright for NG.
var FirstPixel = hacarustest.InspectorFunc(func(_ context.Context, img image.Image, _ hacarustest.Parameters) (hacarustest.Finding, error) {
	r, _, _, _ := img.At(img.Bounds().Min.X, img.Bounds().Min.Y).RGBA()
	return hacarustest.Finding{NG: r > 0x8000, Score: float64(r) / 0xffff}, nil
})

// Picture is a small PNG, another one for each n. Each fifth is bad, from 4 on.
func Picture(n int) []byte {
	img := image.NewGray(image.Rect(0, 0, 8, 1))
	if Verdict(n) == hacarus.VerdictNG {
		img.SetGray(0, 0, color.Gray{Y: 0xff})
	}
	for x := 1; x < 8; x++ {
		img.SetGray(x, 0, color.Gray{Y: byte(n >> (4 * (x - 1)) & 0xff)})
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

// Verdict is what FirstPixel says of a picture.
func Verdict(n int) hacarus.Verdict {
	if n%5 == 4 {
		return hacarus.VerdictNG
	}
	return hacarus.VerdictOK
}

// Uploads counts how often each file was uploaded.
func Uploads(s *hacarustest.Server) map[string]int {
	counts := map[string]int{}
	for _, call := range s.Calls("addItem") {
		if call.Executed {
			for _, name := range call.Files {
				counts[name]++
			}
		}
	}
	return counts
}

// Predictions counts how often each item was predicted.
func Predictions(t *testing.T, s *hacarustest.Server) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, call := range s.Calls("predictItems") {
		if !call.Executed {
			continue
		}
		var body struct {
			ItemIDs []string `json:"item_ids"`
		}
		require.NoError(t, json.Unmarshal(call.Body, &body))
		for _, id := range body.ItemIDs {
			counts[id]++
		}
	}
	return counts
}

// RequireOnce checks that n things were done, each once.
func RequireOnce(t *testing.T, n int, counts map[string]int) {
	t.Helper()
	require.Len(t, counts, n)
	for name, count := range counts {
		require.Equal(t, 1, count, name)
	}
}
