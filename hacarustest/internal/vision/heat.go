package vision

import "image"

// heatScale is how many pixels of an image a pixel of its heat map stands for, along
// each side.
const heatScale = 4

// heat is how odd an image is, place by place.
type heat struct{ *plane }

func newHeat(img image.Point) heat {
	return heat{newPlane((img.X+heatScale-1)/heatScale, (img.Y+heatScale-1)/heatScale)}
}

// raise makes a rectangle of the image at least as odd as the value.
func (h heat) raise(r image.Rectangle, value float64) {
	low, high := r.Min.Div(heatScale), r.Max.Add(image.Pt(heatScale-1, heatScale-1)).Div(heatScale)
	r = image.Rectangle{Min: low, Max: high}.Intersect(image.Rect(0, 0, h.w, h.h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := h.row(y)
		for x := r.Min.X; x < r.Max.X; x++ {
			row[x] = max(row[x], float32(value))
		}
	}
}

// picture is the brighter the odder, and white from the hottest value on.
func (h heat) picture(hottest float64) *image.Gray {
	picture := image.NewGray(image.Rect(0, 0, h.w, h.h))
	if hottest <= 0 {
		return picture
	}
	for i, v := range h.pix {
		picture.Pix[i] = uint8(min(float64(v)/hottest, 1)*255 + 0.5)
	}
	return picture
}

// middle is the middle of a rectangle, of that size.
func middle(r image.Rectangle, size image.Point) image.Rectangle {
	at := r.Min.Add(r.Size().Sub(size).Div(2))
	return image.Rectangle{Min: at, Max: at.Add(size)}
}

// times is a rectangle of cells as one of pixels.
func times(r image.Rectangle, cell int) image.Rectangle {
	return image.Rectangle{Min: r.Min.Mul(cell), Max: r.Max.Mul(cell)}
}
