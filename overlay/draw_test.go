package overlay_test

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/overlay"
)

var verdicts = []hacarus.Verdict{hacarus.VerdictOK, hacarus.VerdictNG, hacarus.VerdictUnknown, "", "MAYBE"}

// plain is a picture of one color.
func plain(width, height int, c color.Color) *image.RGBA {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(picture, picture.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return picture
}

// contrast is that of WCAG, from 1 to 21.
func contrast(a, b color.Color) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		share := float64(v) / 0xffff
		if share <= 0.03928 {
			return share / 12.92
		}
		return math.Pow((share+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

// Whatever is behind a box, something of its line stands out: WCAG asks for 3.
func TestDrawBoxIsSeenOnAnyBackground(t *testing.T) {
	t.Parallel()
	box := image.Rect(60, 50, 90, 80)
	for r := 0; r <= 0xff; r += 85 {
		for g := 0; g <= 0xff; g += 85 {
			for b := 0; b <= 0xff; b += 85 {
				background := color.RGBA{uint8(r), uint8(g), uint8(b), 0xff}
				marked := overlay.Draw(plain(200, 160, background), overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{box}})
				best := 0.0
				for x := range box.Min.X { // over the left side
					best = max(best, contrast(background, marked.At(x, 70)))
				}
				require.Greater(t, best, 4.5, background)
			}
		}
	}
}

// A defect itself is left as it is, and so is all that is neither frame nor badge
// nor box.
func TestDrawLeavesTheDefect(t *testing.T) {
	t.Parallel()
	box, ground := image.Rect(60, 50, 90, 80), color.RGBA{1, 2, 3, 0xff}
	marked := overlay.Draw(plain(200, 160, ground), overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{box}})
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			require.Equal(t, ground, marked.RGBAAt(x, y))
		}
	}
	require.Equal(t, ground, marked.RGBAAt(150, 120))
	require.NotEqual(t, ground, marked.RGBAAt(box.Min.X-3, 70))
	require.NotEqual(t, ground, marked.RGBAAt(0, 100), "the frame")
}

// A box at the image's edge, or over all of it, has all of its sides.
func TestDrawBoxAtTheEdge(t *testing.T) {
	t.Parallel()
	ground := color.RGBA{1, 2, 3, 0xff}
	size := image.Rect(0, 0, 200, 160)
	bare := overlay.Draw(plain(200, 160, ground), overlay.Findings{Verdict: hacarus.VerdictNG})
	for _, box := range []image.Rectangle{size, size.Inset(-50), image.Rect(150, 120, 260, 300), image.Rect(-9, -9, 30, 30)} {
		marked := overlay.Draw(plain(200, 160, ground), overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{box}})
		seen := box.Intersect(size)
		middle := image.Pt((seen.Min.X+seen.Max.X)/2, (seen.Min.Y+seen.Max.Y)/2)
		for _, side := range []image.Rectangle{
			image.Rect(0, middle.Y, middle.X, middle.Y+1), image.Rect(middle.X, middle.Y, 200, middle.Y+1),
			image.Rect(middle.X, 0, middle.X+1, middle.Y), image.Rect(middle.X, middle.Y, middle.X+1, 160),
		} {
			require.True(t, differ(bare, marked, side), "%v of %v", side, box)
		}
	}
}

func differ(a, b *image.RGBA, where image.Rectangle) bool {
	for y := where.Min.Y; y < where.Max.Y; y++ {
		for x := where.Min.X; x < where.Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				return true
			}
		}
	}
	return false
}

// bright is where a picture is nearly white.
func bright(img *image.RGBA) []image.Point {
	var points []image.Point
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if luminance(img.At(x, y)) > 0.7 {
				points = append(points, image.Pt(x, y))
			}
		}
	}
	return points
}

// Letters have the contrast that WCAG asks for, and the verdicts' colors differ in
// lightness too.
func TestDrawColors(t *testing.T) {
	t.Parallel()
	for _, v := range verdicts {
		frame := overlay.Draw(plain(200, 200, color.Black), overlay.Findings{Verdict: v}).At(0, 199)
		require.Greater(t, contrast(frame, color.White), 4.5, v)
	}
}

// The badge goes where it covers no box, if there is such a corner.
func TestDrawBadgeKeepsOffBoxes(t *testing.T) {
	t.Parallel()
	corners := []image.Rectangle{image.Rect(0, 0, 60, 40), image.Rect(140, 0, 200, 40), image.Rect(0, 120, 60, 160), image.Rect(140, 120, 200, 160)}
	for free := range corners {
		var boxes []image.Rectangle
		for i, corner := range corners {
			if i != free {
				boxes = append(boxes, corner.Inset(12))
			}
		}
		with := overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: boxes}
		marked := overlay.Draw(plain(200, 160, color.Black), with)
		with.Verdict = hacarus.VerdictOK
		other := overlay.Draw(plain(200, 160, color.Black), with)
		for i, corner := range corners {
			require.Equal(t, i == free, differ(marked, other, corner.Inset(4).Intersect(image.Rect(6, 6, 194, 154))), "corner %d, %d is free", i, free)
		}
	}
}

// A badge keeps off the numbers too: that of this box is where the badge would be.
func TestDrawBadgeKeepsOffNumbers(t *testing.T) {
	t.Parallel()
	with := overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{image.Rect(60, 90, 100, 130)}}
	marked := overlay.Draw(plain(700, 500, color.Black), with)
	with.Verdict = hacarus.VerdictOK
	require.False(t, differ(marked, overlay.Draw(plain(700, 500, color.Black), with), image.Rect(10, 10, 200, 200)))
}

// A number hides neither another defect's box nor its number: what is drawn for the
// first box, its number above it, stays as it is whatever else there is.
func TestDrawNumbersKeepOffEachOther(t *testing.T) {
	t.Parallel()
	first := image.Rect(200, 150, 230, 180)
	bare := overlay.Draw(plain(500, 400, color.Black), overlay.Findings{Verdict: hacarus.VerdictNG})
	alone := overlay.Draw(plain(500, 400, color.Black), overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{first}})
	for name, others := range map[string][]image.Rectangle{
		"below it":             {image.Rect(204, 200, 280, 300)},
		"at the same place":    {first},
		"often":                {first, first, first, first, first, first},
		"to its right":         {image.Rect(250, 150, 280, 180)},
		"above, at the edge":   {image.Rect(200, 0, 230, 90)},
		"on all sides":         {image.Rect(190, 200, 240, 240), image.Rect(250, 140, 290, 190), image.Rect(140, 140, 180, 190), image.Rect(190, 60, 240, 100)},
		"around it":            {image.Rect(100, 50, 400, 350)},
		"beside each other":    {image.Rect(150, 300, 180, 330), image.Rect(190, 300, 220, 330), image.Rect(230, 300, 260, 330)},
		"larger than it":       {image.Rect(300, 150, 460, 380)},
		"too far out, with it": {image.Rect(600, 500, 700, 600), image.Rect(204, 200, 280, 300)},
	} {
		all := overlay.Draw(plain(500, 400, color.Black), overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: append([]image.Rectangle{first}, others...)})
		for y := range 400 {
			for x := range 500 {
				if alone.RGBAAt(x, y) != bare.RGBAAt(x, y) {
					require.Equal(t, alone.RGBAAt(x, y), all.RGBAAt(x, y), "%s: at %d,%d", name, x, y)
				}
			}
		}
	}
}

// Any size and any boxes: no panic, the same size, and the picture is not touched.
func TestDrawOddities(t *testing.T) {
	t.Parallel()
	boxes := []image.Rectangle{
		{}, image.Rect(3, 3, 3, 3), {image.Pt(9, 9), image.Pt(2, 2)}, image.Rect(-1<<31, -1<<31, 1<<31-1, 1<<31-1), image.Rect(1<<30, 1<<30, 1<<31-1, 1<<31-1),
	}
	for _, size := range []image.Point{{}, {0, 5}, {1, 1}, {2, 3}, {1, 300}, {300, 1}, {7, 7}, {23, 19}, {64, 48}, {1000, 30}} {
		for _, v := range verdicts {
			picture := plain(size.X, size.Y, color.RGBA{9, 9, 9, 0xff})
			before := append([]byte{}, picture.Pix...)
			marked := overlay.Draw(picture, overlay.Findings{Verdict: v, Boxes: boxes, Heat: plain(3, 3, color.White)})
			require.Equal(t, image.Rectangle{Max: size}, marked.Rect)
			require.Equal(t, before, picture.Pix)
		}
	}
}

// Bounds that do not begin at 0, 0 are no other picture, and boxes count from
// the corner.
func TestDrawOfPartOfAPicture(t *testing.T) {
	t.Parallel()
	whole := plain(300, 300, color.White)
	draw.Draw(whole, image.Rect(100, 100, 200, 200), image.NewUniform(color.Black), image.Point{}, draw.Src)
	findings := overlay.Findings{Verdict: hacarus.VerdictNG, Boxes: []image.Rectangle{image.Rect(40, 40, 60, 60)}}
	require.Equal(t, overlay.Draw(plain(100, 100, color.Black), findings), overlay.Draw(whole.SubImage(image.Rect(100, 100, 200, 200)), findings))
}

func TestDrawTransparentPictureIsWhite(t *testing.T) {
	t.Parallel()
	marked := overlay.Draw(image.NewNRGBA(image.Rect(0, 0, 100, 100)), overlay.Findings{})
	require.Equal(t, color.RGBA{0xff, 0xff, 0xff, 0xff}, marked.RGBAAt(70, 70))
}
