package hacarustest_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/hacarustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a server that the test closes.
func start(t *testing.T, opts ...hacarustest.Option) *hacarustest.Server {
	t.Helper()
	s := hacarustest.NewServer(opts...)
	t.Cleanup(s.Close)
	return s
}

// once makes a client that never retries.
func once() hacarus.Option { return hacarus.WithRetry(hacarus.RetryPolicy{MaxAttempts: 1}) }

// plate is an image of a plate in one gray, with dark spots.
func plate(gray uint8, spots ...image.Rectangle) []byte {
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for n := range img.Pix {
		img.Pix[n] = gray
	}
	for _, spot := range spots {
		for y := spot.Min.Y; y < spot.Max.Y; y++ {
			for x := spot.Min.X; x < spot.Max.X; x++ {
				img.SetGray(x, y, color.Gray{})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func plateFile(name string, spots ...image.Rectangle) hacarus.File {
	return hacarus.FileFromBytes(name, plate(180, spots...))
}

// byBrightness is an inspector for tests: what is dark in the middle is bad.
func byBrightness(_ context.Context, img image.Image, p hacarustest.Parameters) (hacarustest.Finding, error) {
	b := img.Bounds()
	r, _, _, _ := img.At((b.Min.X+b.Max.X)/2, (b.Min.Y+b.Max.Y)/2).RGBA()
	score := 1 - float64(r)/0xffff
	if score <= p.Float("threshold", 0.5) {
		return hacarustest.Finding{Score: score}, nil
	}
	box := image.Rect(10, 11, 20, 22)
	return hacarustest.Finding{NG: true, Score: score, Defects: []hacarustest.Defect{{Box: box, Area: 42}}}, nil
}

// eventually calls f until it is true. It is for servers outside of a bubble,
// whose jobs end by themselves.
func eventually(t *testing.T, f func() bool) {
	t.Helper()
	require.Eventually(t, f, 20*time.Second, 2*time.Millisecond)
}

func modelWith(ctx context.Context, t *testing.T, c *hacarus.Client, id string, status hacarus.ModelStatus) *hacarus.Model {
	t.Helper()
	var m *hacarus.Model
	eventually(t, func() bool {
		var err error
		m, err = c.GetModel(ctx, id)
		return assert.NoError(t, err) && m.Status == status
	})
	return m
}

func itemDone(ctx context.Context, t *testing.T, c *hacarus.Client, id string) *hacarus.Item {
	t.Helper()
	var i *hacarus.Item
	eventually(t, func() bool {
		var err error
		i, err = c.GetItem(ctx, id, nil)
		return assert.NoError(t, err) && i.Status == hacarus.ItemStatusDone
	})
	return i
}
