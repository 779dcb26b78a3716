package vision

import (
	"image"
	"testing"

	"github.com/stretchr/testify/require"
)

func megapixels(n int) (all []image.Image) {
	for seed := range uint64(n) {
		all = append(all, board{w: 1280, h: 1024, light: 1, seed: seed}.draw())
	}
	return all
}

// BenchmarkTrain learns from ten images of 1280 by 1024 pixels.
func BenchmarkTrain(b *testing.B) {
	good := megapixels(10)
	for name, algorithm := range algorithms {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := algorithm.trainer.Train(b.Context(), good, nil)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkInspect inspects an image of 1280 by 1024 pixels: one like the good ones, and
// one that is overexposed, in which hardly anything is known.
func BenchmarkInspect(b *testing.B) {
	good := megapixels(2)
	images := map[string]image.Image{
		"usual":       board{w: 1280, h: 1024, light: 1, seed: 77}.draw(),
		"overexposed": board{w: 1280, h: 1024, light: 1.5, seed: 77}.draw(),
	}
	for name, algorithm := range algorithms {
		inspector, err := algorithm.trainer.Train(b.Context(), good, nil)
		require.NoError(b, err)
		for light, img := range images {
			b.Run(name+"/"+light, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := inspector.Inspect(b.Context(), img, nil)
					require.NoError(b, err)
				}
			})
		}
	}
}
