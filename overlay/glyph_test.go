package overlay_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/overlay"
)

// Without any color, the three verdicts still differ.
func TestDrawVerdictsDifferInShape(t *testing.T) {
	t.Parallel()
	for _, size := range []int{12, 24, 60, 200, 400} {
		shapes := map[string]hacarus.Verdict{}
		for _, v := range verdicts[:3] {
			marked := overlay.Draw(plain(size, size, color.Gray{0x60}), overlay.Findings{Verdict: v})
			shape := fmt.Sprint(bright(marked))
			require.NotContains(t, shapes, shape, "%v at %d pixels", v, size)
			shapes[shape] = v
		}
	}
}

// Each digit is another one, and boxes keep their place in the list.
func TestDrawNumbers(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for n := 1; n <= 10; n++ {
		boxes := make([]image.Rectangle, n)
		for i := range boxes {
			boxes[i] = image.Rect(-50, -50, -40, -40) // outside, and not drawn
		}
		boxes[n-1] = image.Rect(100, 100, 140, 140)
		marked := overlay.Draw(plain(400, 400, color.Black), overlay.Findings{Boxes: boxes})
		tag := fmt.Sprint(bright(crop(marked, image.Rect(80, 60, 160, 92)))) // above the box
		require.NotContains(t, seen, tag, "%d looks like %d", n, seen[tag])
		seen[tag] = n
	}
}

func crop(img *image.RGBA, r image.Rectangle) *image.RGBA {
	part := image.NewRGBA(image.Rectangle{Max: r.Size()})
	draw.Draw(part, part.Rect, img, r.Min, draw.Src)
	return part
}
