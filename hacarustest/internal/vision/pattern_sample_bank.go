package vision

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
)

const (
	commonShare  = 0.5 // of the samples are of any places, the others of rare ones
	choice       = 3   // times as many samples are chosen from
	rareQuantile = 0.9 // of the places are nearer to common samples than rare ones are

	bankQuantile  = 0.98 // of the places of one energy are as near to other images' samples as is usual
	bankTolerance = 0.92 // of that is near enough
	mostReach     = 2.5  // times the usual is the most that a single sample has
	leastDistance = 1    // usual differences; good places are never nearer than this
	crossChecked  = 6000 // places of all images that are compared with other images
	energyBins    = 6
)

// banked is a sample, of which image it is, and how near to it a place is like it.
type banked struct {
	sample
	image int
	reach float32
}

// learnBank chooses n samples that are spread over all there is to see, and learns
// how near to those of the other images a good place is. Corners and holes are rare:
// samples of any places alone would hardly ever show them.
func learnBank(ctx context.Context, pictures []*samples, n int, random *rand.Rand) (*clusters, error) {
	common := int(commonShare * float64(n))
	chosen, err := spreadOut(ctx, someSamples(pictures, choice*common, random), common, random)
	if err != nil {
		return nil, err
	}
	rare, err := rareSamples(ctx, pictures, newClusters(chosen), choice*(n-common), random)
	if err != nil {
		return nil, err
	}
	rare, err = spreadOut(ctx, rare, n-common, random)
	if err != nil {
		return nil, err
	}
	bank := newClusters(append(chosen, rare...))
	return bank, bank.learnReach(ctx, someSamples(pictures, crossChecked, random))
}

// someSamples are n random samples at most, as many of each picture.
func someSamples(pictures []*samples, n int, random *rand.Rand) (some []banked) {
	for _, p := range pictures {
		for range min(n/len(pictures), len(p.all)) {
			some = append(some, banked{sample: p.all[random.IntN(len(p.all))], image: p.image})
		}
	}
	return some
}

// rareSamples are n samples at most of places that are farther from the common samples
// than most.
func rareSamples(ctx context.Context, pictures []*samples, common *clusters, n int, random *rand.Rand) ([]banked, error) {
	var usual []float32
	for _, s := range someSamples(pictures, crossChecked, random) {
		usual = append(usual, common.nearest(&s.sample, noImage))
	}
	if len(usual) == 0 {
		return nil, nil
	}
	limit := quantile(usual, rareQuantile)
	common.setReach(func(*banked) float32 { return limit })
	var rare []banked
	for _, p := range pictures {
		last := 0
		for i := range p.all {
			if i%checkEvery == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if !common.knows(&p.all[i], &last) {
				rare = append(rare, banked{sample: p.all[i], image: p.image})
			}
		}
	}
	random.Shuffle(len(rare), func(i, j int) { rare[i], rare[j] = rare[j], rare[i] })
	return rare[:min(len(rare), n)], nil
}

// spreadOut chooses n samples, each the likelier the farther it is from those chosen
// before (Arthur and Vassilvitskii, 2007).
func spreadOut(ctx context.Context, from []banked, n int, random *rand.Rand) ([]banked, error) {
	far, total := make([]float32, len(from)), 0.0
	for i := range far {
		far[i] = 1e6
		total += 1e6
	}
	var chosen []banked
	for len(chosen) < min(n, len(from)) && total > 0 {
		if len(chosen)%100 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at, i := random.Float64()*total, 0
		for ; i < len(from)-1 && at >= float64(far[i]); i++ {
			at -= float64(far[i])
		}
		chosen = append(chosen, from[i])
		total = 0
		for j := range from {
			far[j] = min(far[j], distance(&from[j].sample, &from[i].sample, far[j]))
			total += float64(far[j])
		}
	}
	return chosen, nil
}

// learnReach learns how far good places are from samples of other images: most of
// those of one energy, and the samples themselves. Around a sample that has none like
// it in other images, such as a knot, more is forgiven.
func (c *clusters) learnReach(ctx context.Context, places []banked) error {
	if len(places) == 0 {
		return nil
	}
	usual := newEnergyCurve(places)
	var bins [energyBins][]float32
	for i := range places {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p := &places[i]
		k := usual.bin(&p.sample)
		bins[k] = append(bins[k], c.nearest(&p.sample, p.image))
	}
	for k := range bins {
		usual.distance[k] = max(quantile(nearestBin(bins[:], k), bankQuantile), leastDistance)
	}
	c.setReach(func(s *banked) float32 {
		d := usual.distance[usual.bin(&s.sample)]
		return bankTolerance * min(max(c.nearest(&s.sample, s.image), d), mostReach*d)
	})
	return nil
}

// energyCurve is the usual distance of places to samples of other images by their energy.
type energyCurve struct {
	low, width float32 // of the bins
	distance   [energyBins]float32
}

func newEnergyCurve(places []banked) *energyCurve {
	lower := func(a, b banked) int { return cmp.Compare(a.sample[0], b.sample[0]) }
	low, high := slices.MinFunc(places, lower).sample[0], slices.MaxFunc(places, lower).sample[0]
	return &energyCurve{low: low, width: max((high-low)/energyBins, 1e-3)}
}

func (e *energyCurve) bin(s *sample) int {
	return int(min(max((s[0]-e.low)/e.width, 0), energyBins-1))
}
