package vision

import (
	"context"
	"math"
	"math/rand/v2"
)

// nonZeros is how many atoms of a dictionary a window is rebuilt from.
const nonZeros = 3

// dictionary holds atoms, of which the windows of good images are made: vectors
// of length 1, one after the other.
type dictionary struct {
	dims  int
	atoms []float32
	gram  []float32 // the atoms' products with each other
}

func (d *dictionary) len() int { return len(d.atoms) / d.dims }

func (d *dictionary) atom(k int) []float32 { return d.atoms[k*d.dims:][:d.dims] }

// code says how a window is rebuilt: from which atoms, and how much of each.
type code struct {
	n       int
	atoms   [nonZeros]int
	weights [nonZeros]float32
}

// learnDictionary finds atoms for samples, vectors one after the other, by
// approximate K-SVD (Rubinstein, Zibulevsky and Elad, 2008).
func learnDictionary(ctx context.Context, samples []float32, s reconstructorSettings, random *rand.Rand) (*dictionary, error) {
	dims := s.size.X * s.size.Y
	n := len(samples) / dims
	d := &dictionary{dims: dims, atoms: make([]float32, s.components*dims)}
	for k := range s.components {
		copy(d.atom(k), samples[random.IntN(n)*dims:][:dims])
		normalize(d.atom(k))
	}
	d.prepare()
	codes := make([]code, n)
	rest := make([]float32, len(samples))
	for range s.rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		copy(rest, samples)
		inParts(n, func(low, high int) {
			products := make([]float32, s.components)
			for i := low; i < high; i++ {
				codes[i], _ = d.encode(samples[i*dims:][:dims], products)
				for j := range codes[i].n {
					addScaled(rest[i*dims:][:dims], d.atom(codes[i].atoms[j]), -codes[i].weights[j])
				}
			}
		})
		d.improve(codes, rest)
		d.prepare()
	}
	return d, nil
}

// improve moves each atom to where the samples that use it want it. The rest is
// what the codes leave of each sample.
func (d *dictionary) improve(codes []code, rest []float32) {
	for k := range d.len() {
		old, sum := append([]float32{}, d.atom(k)...), make([]float32, d.dims)
		each := func(f func(rest []float32, weight *float32)) {
			for i := range codes {
				for j := range codes[i].n {
					if codes[i].atoms[j] == k {
						f(rest[i*d.dims:][:d.dims], &codes[i].weights[j])
					}
				}
			}
		}
		each(func(rest []float32, weight *float32) {
			addScaled(rest, old, *weight)
			addScaled(sum, rest, *weight)
		})
		if normalize(sum) == 0 {
			continue // nothing uses the atom
		}
		copy(d.atom(k), sum)
		each(func(rest []float32, weight *float32) {
			*weight = dot(sum, rest)
			addScaled(rest, sum, -*weight)
		})
	}
}

// prepare computes the products of the atoms.
func (d *dictionary) prepare() {
	n := d.len()
	d.gram = make([]float32, n*n)
	for i := range n {
		for j := range n {
			d.gram[i*n+j] = dot(d.atom(i), d.atom(j))
		}
	}
}

// encode rebuilds a vector by orthogonal matching pursuit, and returns how much
// of its squared length is rebuilt. Products has room for one number per atom.
func (d *dictionary) encode(v, products []float32) (c code, rebuilt float32) {
	n := d.len()
	for k := range n {
		products[k] = dot(d.atom(k), v)
	}
	for c.n < min(nonZeros, n) {
		best, most := -1, float32(1e-6)
		for k := range n {
			left := products[k]
			for j := range c.n {
				left -= d.gram[k*n+c.atoms[j]] * c.weights[j]
			}
			if left = max(left, -left); left > most {
				best, most = k, left
			}
		}
		if best < 0 {
			break
		}
		next := c
		next.atoms[next.n] = best
		next.n++
		if !d.solve(&next, products) {
			break
		}
		c = next
	}
	for j := range c.n {
		rebuilt += c.weights[j] * products[c.atoms[j]]
	}
	return c, rebuilt
}

// solve finds the best weights of a code's atoms: Gauss's elimination. It is false
// where the atoms are hardly different.
func (d *dictionary) solve(c *code, products []float32) bool {
	var m [nonZeros][nonZeros + 1]float32
	for i := range c.n {
		for j := range c.n {
			m[i][j] = d.gram[c.atoms[i]*d.len()+c.atoms[j]]
		}
		m[i][c.n] = products[c.atoms[i]]
	}
	for i := range c.n {
		if m[i][i] < 1e-4 {
			return false
		}
		for r := i + 1; r < c.n; r++ {
			f := m[r][i] / m[i][i]
			for j := i; j <= c.n; j++ {
				m[r][j] -= f * m[i][j]
			}
		}
	}
	for i := c.n - 1; i >= 0; i-- {
		w := m[i][c.n]
		for j := i + 1; j < c.n; j++ {
			w -= m[i][j] * c.weights[j]
		}
		c.weights[i] = w / m[i][i]
	}
	return true
}

func dot(a, b []float32) (sum float32) {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+3 < len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// addScaled adds f times b to a.
func addScaled(a, b []float32, f float32) {
	for i, v := range b {
		a[i] += f * v
	}
}

// normalize gives a vector the length 1, and returns the one it had.
func normalize(v []float32) float32 {
	length := float32(math.Sqrt(float64(dot(v, v))))
	if length > 0 {
		for i := range v {
			v[i] /= length
		}
	}
	return length
}
