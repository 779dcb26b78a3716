package vision

import (
	"fmt"
	"image"
)

// imageSizes are the sizes of the images that an algorithm learns from: at least
// one, each with pixels.
func imageSizes(algorithm string, good []image.Image) ([]image.Point, error) {
	if len(good) == 0 {
		return nil, fmt.Errorf("%s needs at least one good image", algorithm)
	}
	sizes := make([]image.Point, len(good))
	for i, img := range good {
		sizes[i] = img.Bounds().Size()
		if sizes[i].X == 0 || sizes[i].Y == 0 {
			return nil, fmt.Errorf("%s cannot learn from an image without pixels", algorithm)
		}
	}
	return sizes, nil
}

// commonSize is the size that all images must have for an algorithm that compares
// them place by place.
func commonSize(algorithm string, good []image.Image) (image.Point, error) {
	sizes, err := imageSizes(algorithm, good)
	if err != nil {
		return image.Point{}, err
	}
	for i, size := range sizes {
		if size != sizes[0] {
			return image.Point{}, fmt.Errorf("all images must have one size: image 1 is %v, image %d is %v", sizes[0], i+1, size)
		}
	}
	return sizes[0], nil
}

// sameSize tells a user that an image has another size than was learned.
func sameSize(learned, got image.Point) error {
	if got != learned {
		return fmt.Errorf("the model learned from images of size %v, this one is %v", learned, got)
	}
	return nil
}
