package vision

import "math"

// clusters are samples in groups of near ones, so that most of them need not be looked
// at: what is far from the middle of a group is far from all of it.
type clusters struct {
	groups  []cluster
	samples []banked // group by group
}

type cluster struct {
	middle    sample
	radius    float32
	reach     float32 // the largest of its samples
	low, high int     // of its samples
}

// newClusters groups samples around the first of them, which have to be spread out.
func newClusters(all []banked) *clusters {
	c := &clusters{groups: make([]cluster, int(math.Sqrt(float64(len(all)))))}
	members := make([][]banked, len(c.groups))
	for i := range c.groups {
		c.groups[i].middle = all[i].sample
	}
	for _, s := range all {
		best, least := 0, float32(math.MaxFloat32)
		for i := range c.groups {
			if d := distance(&c.groups[i].middle, &s.sample, least); d < least {
				best, least = i, d
			}
		}
		c.groups[best].radius = max(c.groups[best].radius, root(least))
		members[best] = append(members[best], s)
	}
	for i := range c.groups {
		c.groups[i].low = len(c.samples)
		c.samples = append(c.samples, members[i]...)
		c.groups[i].high = len(c.samples)
	}
	return c
}

// setReach tells for each sample how near to it a place is like it.
func (c *clusters) setReach(of func(*banked) float32) {
	for i := range c.groups {
		g := &c.groups[i]
		g.reach = 0
		for j := g.low; j < g.high; j++ {
			c.samples[j].reach = of(&c.samples[j])
			g.reach = max(g.reach, c.samples[j].reach)
		}
	}
}

// knows tells whether a place is like some sample. The one of that number is tried
// first, and the number becomes that of the one found.
func (c *clusters) knows(s *sample, last *int) bool {
	if *last < len(c.samples) && c.samples[*last].isLike(s) {
		return true
	}
	for i := range c.groups {
		g := &c.groups[i]
		far := (g.radius + g.reach) * (g.radius + g.reach)
		if distance(&g.middle, s, far) >= far {
			continue
		}
		for j := g.low; j < g.high; j++ {
			if c.samples[j].isLike(s) {
				*last = j
				return true
			}
		}
	}
	return false
}

func (b *banked) isLike(s *sample) bool {
	return distance(&b.sample, s, b.reach*b.reach) < b.reach*b.reach
}

// nearest is the distance to the nearest sample, or 0 where there is none. Those of one
// image may be left out.
func (c *clusters) nearest(s *sample, but int) float32 {
	best, square := float32(math.MaxFloat32), float32(math.MaxFloat32)
	for i := range c.groups {
		g := &c.groups[i]
		far := (g.radius + best) * (g.radius + best)
		if distance(&g.middle, s, far) >= far {
			continue
		}
		for j := g.low; j < g.high; j++ {
			if o := &c.samples[j]; but == noImage || o.image != but {
				square = min(square, distance(&o.sample, s, square))
			}
		}
		best = root(square)
	}
	if square == math.MaxFloat32 {
		return 0
	}
	return best
}

// distance is the squared distance of two samples, or some number from the limit on
// if it is that much.
func distance(a, b *sample, limit float32) (sum float32) {
	for k := 0; k < sampleLen && sum < limit; k += 4 {
		d0, d1, d2, d3 := a[k]-b[k], a[k+1]-b[k+1], a[k+2]-b[k+2], a[k+3]-b[k+3]
		sum += d0*d0 + d1*d1 + d2*d2 + d3*d3
	}
	return sum
}

func root(v float32) float32 { return float32(math.Sqrt(float64(v))) }
