package vision

const (
	coarseSide = 40 // pixels of the longer side that the last plane has at most
	leastSide  = 16 // pixels of the shorter side below which nothing is halved
)

// pyramid holds a plane at full size, half size and so on.
type pyramid []*plane

func newPyramid(p *plane) pyramid {
	levels := pyramid{p}
	for max(p.w, p.h) > coarseSide && min(p.w, p.h)/2 >= leastSide {
		p = p.half()
		levels = append(levels, p)
	}
	return levels
}
