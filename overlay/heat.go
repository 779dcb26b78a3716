package overlay

import (
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// drawHeat lays a heat map over the whole canvas.
func drawHeat(canvas *image.RGBA, heat image.Image) {
	xdraw.BiLinear.Scale(canvas, canvas.Rect, colored(heat), image.Rectangle{Max: heat.Bounds().Size()}, draw.Over, nil)
}

// colored is the heat map in colors, transparent where there is no heat. One that
// has colors keeps them.
func colored(heat image.Image) *image.RGBA {
	layer := image.NewRGBA(image.Rectangle{Max: heat.Bounds().Size()})
	draw.Draw(layer, layer.Rect, heat, heat.Bounds().Min, draw.Src)
	if isGray(layer) {
		for i := 0; i < len(layer.Pix); i += 4 {
			c := warmth[layer.Pix[i]]
			layer.Pix[i], layer.Pix[i+1], layer.Pix[i+2], layer.Pix[i+3] = c.R, c.G, c.B, c.A
		}
		return layer
	}
	for i := range layer.Pix { // alpha is multiplied, so half of it is half of each
		layer.Pix[i] /= 2
	}
	return layer
}

func isGray(img *image.RGBA) bool {
	for i := 0; i < len(img.Pix); i += 4 {
		if img.Pix[i] != img.Pix[i+1] || img.Pix[i] != img.Pix[i+2] {
			return false
		}
	}
	return true
}

// warmth are the colors of heat, with alpha multiplied: from nothing over red,
// where the image can still be seen, to yellow, where the heat is.
var warmth = gradient()

func gradient() (colors [256]color.RGBA) {
	for i := range colors {
		share := float64(i) / 255
		alpha := min(0.75, 1.2*share)
		glow := max(0, 2*share-1)
		colors[i] = color.RGBA{uint8(255 * alpha), uint8(225 * glow * alpha), uint8(40 * (1 - share) * alpha), uint8(255 * alpha)}
	}
	return colors
}
