package hacarustest

import (
	"context"
	"image"
	"maps"

	"github.com/hacarus/hacarus-check-go/hacarustest/internal/vision"
)

// Trainer learns from images of good products and returns an [Inspector].
// [PatternMatching], [Reconstructor], [LocalPattern] and [PatternSample] are
// trainers. [WithInspector] makes a [Server] use another one.
type Trainer interface {
	// Train learns from good images what a good product looks like. It must not
	// change them. p holds the parameters that the training overrides; nil means
	// that all have their defaults. An error says, in words for the user, why
	// nothing can be learned; it becomes the StatusText of the failed model. When
	// ctx ends, Train must soon return the context's error.
	Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error)
}

// Inspector decides whether the product on an image is good. It is the result
// of a training and must be safe for concurrent use.
type Inspector interface {
	// Inspect compares an image with what was learned. Parameters in p take
	// precedence over those of the training, one by one; nil changes none. A
	// [Server] passes the overrides of the model's training, replaced by the
	// model's predict parameters where these are set. Inspect returns an error if
	// the image cannot be compared, for example because of its size: a [Server]
	// tells it in an assessment that is neither OK nor NG. With
	// [hacarus.ErrNoAssessment] the item is done without an assessment, as items
	// of the real service were seen. When ctx ends, Inspect must soon return the
	// context's error.
	Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error)
}

// InspectorFunc is an [Inspector] that does not learn: a function that judges
// images by your own rules. It is also a [Trainer], so that it can be passed to
// [WithInspector].
type InspectorFunc func(ctx context.Context, img image.Image, p Parameters) (Finding, error)

// Train returns f itself.
func (f InspectorFunc) Train(context.Context, []image.Image, Parameters) (Inspector, error) {
	return f, nil
}

// Inspect calls f.
func (f InspectorFunc) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	return f(ctx, img, p)
}

// Finding is the result of inspecting one image. The zero value means that the
// product has no defect.
type Finding struct {
	// NG is true if the product is defective.
	NG bool
	// Score says how unusual the worst area of the image is, from 0 (as learned) to
	// about 1; larger is worse. The inspector decides how it relates to NG.
	Score float64
	// Defects are the areas that differ, from top to bottom. Nil means that there
	// are none.
	Defects []Defect
	// HeatMap shows how unusual each place is: the brighter, the more. It may be
	// smaller than the inspected image. Nil means that there is none.
	HeatMap image.Image
}

// Defect is one area of an image that differs from a good product.
type Defect struct {
	// Box is the smallest rectangle around the defect, in pixels of the inspected
	// image. The upper left corner of the image is (0, 0), whatever its bounds.
	Box image.Rectangle
	// Area is the number of pixels of the defect itself: at least 1 and at most
	// the area of Box.
	Area float64
}

// Parameters maps the names of an algorithm's parameters to their values in the
// service's notation: "threshold": "0.1", "min_inspection_size": "[16, 16]". A
// nil map has no values.
type Parameters map[string]string

// Float returns the parameter of that name as a number, or fallback if it is
// missing or not a finite number.
func (p Parameters) Float(name string, fallback float64) float64 {
	return vision.Parameters(p).Float(name, fallback)
}

// Pair returns the parameter of that name as two numbers. The vertical one
// comes first in the service's notation: "[8, 4]" is x 4 and y 8. Parentheses
// may be used instead of brackets, and both may be missing. A single number
// stands for both. Pair returns fallback twice if the parameter is missing or
// anything else.
func (p Parameters) Pair(name string, fallback float64) (x, y float64) {
	return vision.Parameters(p).Pair(name, fallback)
}

// PatternMatching is a [Trainer] after the service's algorithm of that name: its
// inspectors compare an image, pixel by pixel, with a golden one. It learns from
// one or more good images, all of one size. The product may be shifted a little
// (up to an eighth of the image) or rotated (up to five degrees), and the light
// may be brighter (by half) or darker (by a third). The real algorithm forgives
// less: its documentation allows no variation of the position. The zero value is
// ready for use.
//
// It has the documented parameters. A window of min_inspection_size moves over
// the image, less the margin of ignore_outer, in steps of min_inspection_step.
// The window is anomalous if a larger share of its pixels than threshold, from 0
// to 1, has changed. The changed pixels in anomalous windows form the defects;
// those whose Box has fewer pixels than min_detected_area do not count. An image
// with at least one defect is NG. Its Score is the share of changed pixels in
// the worst window, from 0 to 1. The score is above the threshold for every NG
// image, and also where all defects are too small to count. Values out of range
// count as the nearest possible ones.
//
// The score of anomaly_range is white in the HeatMap, so that those of several images
// can be compared. With 0, the default, it is that of the image itself, but at least
// the threshold.
type PatternMatching struct{}

// Train makes the golden image. It fails without images, with an image that has
// no pixels, and with images of different sizes.
func (PatternMatching) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	return train(ctx, vision.PatternMatching{}, good, p)
}

// Reconstructor is a [Trainer] after the service's algorithm Reconstructor
// Inspection: its inspectors look for places of an image that good images do not
// have anywhere. It learns from one or more good images of any sizes; two are much
// better than one. Where the product lies does not matter, nor a change of light by
// a tenth, but a rotation by more than ten degrees may. Very faint defects are
// missed. The zero value is ready for use.
//
// It has the documented parameters. Windows of min_inspection_size, in steps of
// min_inspection_step, are rebuilt from n_components features, which are learned
// from train_size windows in max_iter rounds. A window is odd if more of it is left
// than reconstruct_thresh times the usual, and no good image has one like it. This
// is done at several sizes of the image. Where more than a share of threshold of the
// windows in a place are odd, from 0 to 1, the odd ones form defects; those whose Box
// has fewer pixels than min_detected_area, or that lie in the margin of
// ignore_outer, do not count. An image with at least one defect is NG. Its Score is
// the largest share of odd windows in a place, from 0 to 1. Values out of range
// count as the nearest possible ones.
//
// It is this package's own method: the real algorithm gives other verdicts.
type Reconstructor struct{}

// Train learns the features. It fails without images, and with an image that has
// no pixels. For images of a megapixel it takes some seconds.
func (Reconstructor) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	return train(ctx, vision.Reconstructor{}, good, p)
}

// LocalPattern is a [Trainer] after the service's algorithm Local Pattern Inspection:
// its inspectors compare what an image looks like in small cells with what good
// images look like there: how bright a cell is, which way its brightness rises, and
// how rough it is. It learns from one or more good images, all of one size. The
// product may be shifted, rotated and lit as with [PatternMatching]. The zero value
// is ready for use.
//
// It has the documented parameters. Cells have an eighth of min_inspection_size. A
// window of that size moves over the image, less the margin of ignore_outer, in
// steps of min_inspection_step. The window is anomalous if its mean anomaly is above
// threshold; the anomaly of a cell is the square of what it is off beyond the
// usual, as parts of the full range of brightness: 0.001 is 3 % of it. The cells that
// are off in anomalous windows form the defects; those whose Box has fewer pixels
// than min_detected_area do not count. An image with at least one defect is NG. Its
// Score is the anomaly of the worst window. Values out of range count as the nearest
// possible ones.
//
// It is this package's own method: the real algorithm gives other verdicts.
type LocalPattern struct{}

// Train learns the cells. It fails without images, with an image that has no
// pixels, and with images of different sizes.
func (LocalPattern) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	return train(ctx, vision.LocalPattern{}, good, p)
}

// PatternSample is a [Trainer] after the service's algorithm Pattern Sample
// Inspection (Beta): its inspectors look for places of an image that look like none
// in good images, wherever the product lies and however it is turned. It learns from
// one or more good images of any sizes; two are much better than one. The zero value
// is ready for use.
//
// The default threshold finds small dents on products that look alike. Of products
// with a pattern of their own, such as boards with their grain, it calls some good ones
// NG. A threshold of up to 0.2 leaves more of them alone, but misses dents, and scratches
// too if the model has learned from two images only.
//
// It has the documented parameters. What good images look like is kept as 40 samples
// for each of num_features, of places 28 pixels wide; with model_type 1 they have half
// that size, of which there are more. A place is odd if it is farther from all
// samples than good places usually are. Where more than a share of threshold of the
// neighboring places are odd, from 0 to 1, the odd ones form defects; those whose Box
// has fewer pixels than min_detected_area, or that lie in the margin of
// ignore_outer, do not count. An image with at least one defect is NG. Its Score is
// the largest share of odd places, from 0 to 1. Values out of range count as the
// nearest possible ones. The HeatMap is that of [PatternMatching].
//
// It is this package's own method: the real algorithm gives other verdicts.
type PatternSample struct{}

// Train collects the samples. It fails without images, and with an image that has
// no pixels.
func (PatternSample) Train(ctx context.Context, good []image.Image, p Parameters) (Inspector, error) {
	return train(ctx, vision.PatternSample{}, good, p)
}

// learned is an Inspector that an algorithm of package vision has made.
type learned struct {
	inspector vision.Inspector
	params    Parameters // of the training
}

func train(ctx context.Context, algorithm vision.Trainer, good []image.Image, p Parameters) (Inspector, error) {
	inspector, err := algorithm.Train(ctx, good, vision.Parameters(p))
	if err != nil {
		return nil, err
	}
	return learned{inspector, maps.Clone(p)}, nil
}

// Inspect gives the algorithm the training's parameters with p over them.
func (l learned) Inspect(ctx context.Context, img image.Image, p Parameters) (Finding, error) {
	all := vision.Parameters{}
	maps.Copy(all, l.params)
	maps.Copy(all, p)
	seen, err := l.inspector.Inspect(ctx, img, all)
	if err != nil {
		return Finding{}, err
	}
	finding := Finding{NG: seen.NG, Score: seen.Score, HeatMap: seen.Heat}
	for _, d := range seen.Defects {
		finding.Defects = append(finding.Defects, Defect(d))
	}
	return finding, nil
}
