package vision

// cellTraits is how many numbers describe a cell: its brightness, how much it rises to
// the right, to the left, downward and upward, and its roughness. All are averages
// of its pixels, as parts of the full range.
const cellTraits = 6

// traitsOf describes a plane in square cells, each trait a plane of its own. The last
// cells of a row or column may be cut off by the border.
func traitsOf(p *plane, cell int) (traits [cellTraits]*plane) {
	w, h := p.w/cell, p.h/cell
	for i := range traits {
		traits[i] = newPlane(w, h)
	}
	smooth := p.blur(cell)
	for y := range h * cell {
		row, below, even := p.row(y), p.row(min(y+1, p.h-1)), smooth.row(y)
		at := y / cell * w
		for x, v := range row[:w*cell] {
			i := at + x/cell
			dx, dy, off := row[min(x+1, p.w-1)]-v, below[x]-v, v-even[x]
			traits[0].pix[i] += v
			traits[1].pix[i] += max(dx, 0)
			traits[2].pix[i] += max(-dx, 0)
			traits[3].pix[i] += max(dy, 0)
			traits[4].pix[i] += max(-dy, 0)
			traits[5].pix[i] += max(off, -off)
		}
	}
	for _, trait := range traits {
		for i := range trait.pix {
			trait.pix[i] /= 255 * float32(cell*cell)
		}
	}
	return traits
}
