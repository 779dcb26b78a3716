package overlay_test

import (
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hacarus/hacarus-check-go/overlay"
)

func TestDrawHeat(t *testing.T) {
	t.Parallel()
	ground := color.RGBA{100, 100, 100, 0xff}
	heated := func(heat image.Image) color.RGBA {
		return overlay.Draw(plain(200, 200, ground), overlay.Findings{Heat: heat}).RGBAAt(150, 150)
	}
	cold, warm, hot := heated(plain(4, 4, color.Black)), heated(plain(9, 2, color.Gray{0x60})), heated(plain(1, 1, color.White))
	require.Equal(t, ground, cold)
	require.Greater(t, warm.R, ground.R)
	require.Less(t, warm.G, ground.G)
	require.Greater(t, hot.R, warm.R)
	require.Greater(t, hot.G, warm.G, "yellow")
	require.Less(t, hot.B, ground.B)

	require.Equal(t, ground, heated(image.NewNRGBA(image.Rect(0, 0, 4, 4))), "what is transparent is no heat")
	blue := heated(plain(4, 4, color.RGBA{0, 0, 200, 0xff}))
	require.InDelta(t, 50, blue.R, 2, "half of the picture")
	require.InDelta(t, 150, blue.B, 2, "half of each")

	// It is stretched, not tiled: the left half alone is hot.
	half := image.NewGray(image.Rect(5, 5, 7, 6))
	half.SetGray(5, 5, color.Gray{0xff})
	marked := overlay.Draw(plain(200, 200, ground), overlay.Findings{Heat: half})
	require.NotEqual(t, ground, marked.RGBAAt(30, 150))
	require.Equal(t, ground, marked.RGBAAt(190, 150))
}

// A heat map of a file that lies on its side is turned with the picture; one that
// the service has turned itself, or whose proportions do not tell, is not.
func TestUpright(t *testing.T) {
	t.Parallel()
	lying := image.NewGray(image.Rect(0, 0, 40, 30)) // of a file of 400 x 300
	lying.SetGray(0, 0, color.Gray{0xff})
	picture := func(orientation int) *overlay.Picture {
		return &overlay.Picture{Image: plain(300, 400, color.White), Orientation: orientation}
	}
	for orientation, hot := range map[int]image.Point{5: {0, 0}, 6: {29, 0}, 7: {29, 39}, 8: {0, 39}} {
		turned := picture(orientation).Upright(lying)
		require.Equal(t, image.Rect(0, 0, 30, 40), turned.Bounds(), orientation)
		red, _, _, _ := turned.At(hot.X, hot.Y).RGBA()
		require.Equal(t, uint32(0xffff), red, orientation)
	}
	for _, orientation := range []int{0, 1, 2, 3, 4, 9} {
		require.Same(t, lying, picture(orientation).Upright(lying), orientation)
	}
	turnedAlready, square := image.NewGray(image.Rect(0, 0, 30, 40)), image.NewGray(image.Rect(0, 0, 16, 16))
	require.Same(t, turnedAlready, picture(6).Upright(turnedAlready))
	require.Same(t, square, picture(6).Upright(square))
	require.Nil(t, picture(6).Upright(nil))
	require.Same(t, lying, (*overlay.Picture)(nil).Upright(lying))
	empty := image.NewGray(image.Rectangle{})
	require.Same(t, empty, picture(6).Upright(empty))
}
