package vision

import (
	"image"
	"image/draw"
	"math"
	"slices"
)

// plane is a picture of one number per pixel, row by row from (0, 0).
type plane struct {
	w, h int
	pix  []float32
}

func newPlane(w, h int) *plane {
	return &plane{w: w, h: h, pix: make([]float32, w*h)}
}

// grayPlane is the brightness of an image, from 0 to 255.
func grayPlane(img image.Image) *plane {
	b := img.Bounds()
	switch img := img.(type) {
	case *image.Gray:
		return bytePlane(img.Pix[img.PixOffset(b.Min.X, b.Min.Y):], img.Stride, b.Dx(), b.Dy())
	case *image.YCbCr:
		return bytePlane(img.Y[img.YOffset(b.Min.X, b.Min.Y):], img.YStride, b.Dx(), b.Dy())
	}
	gray := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(gray, gray.Rect, img, b.Min, draw.Src)
	return bytePlane(gray.Pix, gray.Stride, b.Dx(), b.Dy())
}

func bytePlane(pix []byte, stride, w, h int) *plane {
	p := newPlane(w, h)
	for y := range h {
		row := p.row(y)
		for x, v := range pix[y*stride:][:w] {
			row[x] = float32(v)
		}
	}
	return p
}

func (p *plane) row(y int) []float32 { return p.pix[y*p.w:][:p.w] }

// mean is the average of all pixels.
func (p *plane) mean() float64 {
	var sum float64
	for _, v := range p.pix {
		sum += float64(v)
	}
	return sum / float64(len(p.pix))
}

// stride is the distance of n pixels at most, spread evenly over the plane.
func stride(p *plane, n int) int {
	return int(math.Ceil(math.Sqrt(float64(len(p.pix)) / float64(n))))
}

// at is the value at a place between pixels; beyond the border it is the border's.
func (p *plane) at(x, y float64) float32 {
	x = min(max(x, 0), float64(p.w-1))
	y = min(max(y, 0), float64(p.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, p.w-1), min(y0+1, p.h-1)
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	top, bottom := p.pix[y0*p.w:], p.pix[y1*p.w:]
	upper := top[x0] + fx*(top[x1]-top[x0])
	lower := bottom[x0] + fx*(bottom[x1]-bottom[x0])
	return upper + fy*(lower-upper)
}

// turnedOver is the plane turned about its middle, and then seen from its back. What was
// beyond the border mirrors what is inside.
func (p *plane) turnedOver(angle float64) *plane {
	out := newPlane(p.w, p.h)
	locate := pose{angle: angle}.locate(p.w, p.h)
	for y := range out.h {
		row := out.row(y)
		for x := range row {
			u, v := locate(x, y)
			row[x] = p.at(mirrored(float64(p.w-1)-u, p.w), mirrored(v, p.h))
		}
	}
	return out
}

// mirrored is a place within n pixels that stands for one next to them.
func mirrored(at float64, n int) float64 {
	if at < 0 {
		return -at
	}
	return min(at, 2*float64(n-1)-at)
}

// half is the plane at half its size; an odd last row or column is left out.
func (p *plane) half() *plane {
	out := newPlane(p.w/2, p.h/2)
	for y := range out.h {
		row, a, b := out.row(y), p.row(2*y), p.row(2*y+1)
		for x := range row {
			row[x] = (a[2*x] + a[2*x+1] + b[2*x] + b[2*x+1]) / 4
		}
	}
	return out
}

// halfBetween is the plane at half its size, half a pixel of that further.
func (p *plane) halfBetween() *plane {
	out := newPlane((p.w-1)/2, (p.h-1)/2)
	for y := range out.h {
		row, a, b := out.row(y), p.row(2*y+1), p.row(2*y+2)
		for x := range row {
			row[x] = (a[2*x+1] + a[2*x+2] + b[2*x+1] + b[2*x+2]) / 4
		}
	}
	return out
}

// minus takes another plane of the same size off.
func (p *plane) minus(q *plane) *plane {
	out := newPlane(p.w, p.h)
	for i, v := range p.pix {
		out.pix[i] = v - q.pix[i]
	}
	return out
}

// blur averages every pixel with its neighbors up to r away, along rows and
// then along columns. The border's pixels go on beyond the border.
func (p *plane) blur(r int) *plane {
	across := newPlane(p.w, p.h)
	for y := range p.h {
		in, out := p.row(y), across.row(y)
		sum := float64(r) * float64(in[0])
		for x := range r {
			sum += float64(in[min(x, p.w-1)])
		}
		for x := range out {
			sum += float64(in[min(x+r, p.w-1)])
			out[x] = float32(sum / float64(2*r+1))
			sum -= float64(in[max(x-r, 0)])
		}
	}
	return across.blurColumns(r)
}

func (p *plane) blurColumns(r int) *plane {
	out, sums := newPlane(p.w, p.h), make([]float64, p.w)
	add := func(y int, weight float64) {
		for x, v := range p.row(min(max(y, 0), p.h-1)) {
			sums[x] += weight * float64(v)
		}
	}
	for y := -r; y < r; y++ {
		add(y, 1)
	}
	for y := range p.h {
		add(y+r, 1)
		for x, sum := range sums {
			out.row(y)[x] = float32(sum / float64(2*r+1))
		}
		add(y-r, -1)
	}
	return out
}

// dilate gives every pixel the largest value up to r away.
func (p *plane) dilate(r int) *plane {
	return p.slide(r, func(a, b float32) float32 { return max(a, b) })
}

// erode gives every pixel the smallest value up to r away.
func (p *plane) erode(r int) *plane {
	return p.slide(r, func(a, b float32) float32 { return min(a, b) })
}

// slide joins every pixel's neighbors up to r away, along rows and then along
// columns.
func (p *plane) slide(r int, join func(a, b float32) float32) *plane {
	across := newPlane(p.w, p.h)
	for y := range p.h {
		in, out := p.row(y), across.row(y)
		for x := range out {
			out[x] = in[x]
			for i := max(x-r, 0); i <= min(x+r, p.w-1); i++ {
				out[x] = join(out[x], in[i])
			}
		}
	}
	both := newPlane(p.w, p.h)
	for y := range p.h {
		out := both.row(y)
		copy(out, across.row(y))
		for i := max(y-r, 0); i <= min(y+r, p.h-1); i++ {
			for x, v := range across.row(i) {
				out[x] = join(out[x], v)
			}
		}
	}
	return both
}

// window copies the pixels at a place, less their mean, and returns the mean and
// the contrast, which is their standard deviation.
func (p *plane) window(x, y int, size image.Point, into []float32) (mean, contrast float32) {
	for row := range size.Y {
		copy(into[row*size.X:][:size.X], p.row(y + row)[x:])
	}
	for _, v := range into {
		mean += v
	}
	mean /= float32(len(into))
	for i := range into {
		into[i] -= mean
	}
	return mean, float32(math.Sqrt(float64(dot(into, into) / float32(len(into)))))
}

// median is the value in the middle. It sorts the values.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
