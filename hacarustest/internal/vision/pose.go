package vision

import "math"

// pose says where the pixels of an image lie in the reference: turned about the
// center by angle (radians), then moved by dx and dy (pixels).
type pose struct{ dx, dy, angle float64 }

// locate gives the function from places of a w by h image to places in the
// reference.
func (p pose) locate(w, h int) func(x, y int) (float64, float64) {
	sin, cos := math.Sincos(p.angle)
	cx, cy := float64(w-1)/2, float64(h-1)/2
	return func(x, y int) (float64, float64) {
		u, v := float64(x)-cx, float64(y)-cy
		return cos*u - sin*v + cx + p.dx, sin*u + cos*v + cy + p.dy
	}
}

// places gives for each pixel of a w by h image the nearest one of the
// reference, as an index, or -1 for none.
func (p pose) places(w, h int) []int {
	locate, all := p.locate(w, h), make([]int, 0, w*h)
	for y := range h {
		for x := range w {
			fx, fy := locate(x, y)
			i, j := int(math.Round(fx)), int(math.Round(fy))
			if i < 0 || j < 0 || i >= w || j >= h {
				all = append(all, -1)
				continue
			}
			all = append(all, j*w+i)
		}
	}
	return all
}

// inverse is the pose of the reference in the image.
func (p pose) inverse() pose {
	sin, cos := math.Sincos(p.angle)
	return pose{dx: -cos*p.dx - sin*p.dy, dy: sin*p.dx - cos*p.dy, angle: -p.angle}
}

func (p pose) neighbors(step, turn float64) [6]pose {
	return [6]pose{
		{p.dx - step, p.dy, p.angle}, {p.dx + step, p.dy, p.angle},
		{p.dx, p.dy - step, p.angle}, {p.dx, p.dy + step, p.angle},
		{p.dx, p.dy, p.angle - turn}, {p.dx, p.dy, p.angle + turn},
	}
}
