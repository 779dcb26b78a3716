package vision

import "math"

const (
	shiftShare  = 8   // the search goes as far as this part of the shorter side
	maxAngle    = 0.1 // radians to either side, almost six degrees
	costSamples = 20000
)

// register finds how the image lies in the reference: a search over all poses
// on the smallest planes, refined on the larger ones. Both have one size.
func register(image, reference pyramid) pose {
	last := len(image) - 1
	c := newComparison(image[last], reference[last])
	best := c.climb(c.search())
	for level := last - 1; level >= 0; level-- {
		best.dx *= 2
		best.dy *= 2
		best = newComparison(image[level], reference[level]).climb(best)
	}
	return best
}

// comparison measures how well an image fits a reference in a pose.
type comparison struct {
	image, reference *plane
	gain             float32
	stride           int
}

func newComparison(image, reference *plane) comparison {
	return comparison{
		image: image, reference: reference,
		gain:   float32(reference.mean() / max(image.mean(), 1)),
		stride: stride(image, costSamples),
	}
}

// cost is the summed difference of image and reference, or some number from the
// limit on if it is that much.
func (c comparison) cost(p pose, limit float64) float64 {
	locate := p.locate(c.image.w, c.image.h)
	var sum float64
	for y := 0; y < c.image.h && sum < limit; y += c.stride {
		row := c.image.row(y)
		for x := 0; x < len(row); x += c.stride {
			d := row[x]*c.gain - c.reference.at(locate(x, y))
			sum += math.Abs(float64(d))
		}
	}
	return sum
}

// radius is how far the corners are from the center: one pixel there is a turn
// by 1/radius.
func (c comparison) radius() float64 {
	return max(1, math.Hypot(float64(c.image.w), float64(c.image.h))/2)
}

// reach is how many pixels the image may be shifted.
func (c comparison) reach() float64 {
	return float64(min(c.image.w, c.image.h)) / shiftShare
}

// allows tells whether a pose is within the range of the search.
func (c comparison) allows(p pose) bool {
	return max(math.Abs(p.dx), math.Abs(p.dy)) <= c.reach() && math.Abs(p.angle) <= maxAngle
}

// search tries all poses in steps of a pixel. Of equals, no movement wins.
func (c comparison) search() pose {
	best, least := pose{}, c.cost(pose{}, math.Inf(1))
	turn := 1 / c.radius()
	turns, reach := int(maxAngle/turn), int(c.reach())
	for a := -turns; a <= turns; a++ {
		for dy := -reach; dy <= reach; dy++ {
			for dx := -reach; dx <= reach; dx++ {
				p := pose{float64(dx), float64(dy), float64(a) * turn}
				if cost := c.cost(p, least); cost < least {
					best, least = p, cost
				}
			}
		}
	}
	return best
}

// climb goes downhill from a pose in steps of a pixel, then of half and of a
// quarter.
func (c comparison) climb(best pose) pose {
	least := c.cost(best, math.Inf(1))
	for step := 1.0; step >= 0.25; step /= 2 {
		for moved := true; moved; {
			moved = false
			for _, p := range best.neighbors(step, step/c.radius()) {
				if cost := c.cost(p, least); cost < least && c.allows(p) {
					best, least, moved = p, cost, true
				}
			}
		}
	}
	return best
}
