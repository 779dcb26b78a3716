package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// bySize is the choice of an algorithm by the images.
const bySize = "auto"

// algorithm finds the algorithm of a name or an id, or the one that suits the
// sizes of the files, and tells which it is and why.
func (j *job) algorithm(ctx context.Context, wanted string, files []hacarus.File) (*hacarus.Algorithm, error) {
	algorithms, err := j.client.ListAlgorithms(ctx)
	if err != nil {
		return nil, err
	}
	found, reason := findAlgorithm(algorithms, wanted), "as -algorithm says"
	if wanted == bySize {
		found, reason = suitable(algorithms, files)
	}
	if found == nil {
		return nil, fmt.Errorf("-algorithm %q: choose one of the service's: %s", wanted, listed(algorithms))
	}
	j.out.step("Algorithm: %s, %s", found.Name, reason)
	return found, found.CheckImages(files...)
}

// suitable is Pattern Matching, which is the most exact, or Reconstructor, where
// that cannot compare the images.
func suitable(algorithms []hacarus.Algorithm, files []hacarus.File) (a *hacarus.Algorithm, reason string) {
	matching := findAlgorithm(algorithms, hacarus.AlgorithmPatternMatching)
	reconstructor := findAlgorithm(algorithms, hacarus.AlgorithmReconstructor)
	if matching == nil {
		return reconstructor, "since the service has no " + hacarus.AlgorithmPatternMatching
	}
	unequal, ok := errors.AsType[*hacarus.ImageSizesError](matching.CheckImages(files...))
	switch {
	case !ok:
		return matching, "since all images have one size"
	case reconstructor == nil:
		return matching, "since the service has no " + hacarus.AlgorithmReconstructor
	}
	odd := unequal.Odd[0]
	return reconstructor, fmt.Sprintf("since the sizes of images differ: most have %dx%d pixels, %s has %dx%d",
		unequal.Size.X, unequal.Size.Y, odd.File, odd.Size.X, odd.Size.Y)
}

func findAlgorithm(algorithms []hacarus.Algorithm, name string) *hacarus.Algorithm {
	for i, a := range algorithms {
		if strings.EqualFold(a.Name, name) || a.AlgorithmID == name {
			return &algorithms[i]
		}
	}
	return nil
}

// listed are the algorithms for people.
func listed(algorithms []hacarus.Algorithm) string {
	if len(algorithms) == 0 {
		return "none"
	}
	texts := make([]string, len(algorithms))
	for i, a := range algorithms {
		texts[i] = fmt.Sprintf("%q (%s)", a.Name, a.AlgorithmID)
	}
	return strings.Join(texts, ", ")
}

// overrides turns the flags' names and values into what training takes.
func overrides(a *hacarus.Algorithm, params []param) ([]hacarus.OverrideParam, error) {
	var list []hacarus.OverrideParam
	for _, p := range params {
		override, err := a.Override(p.name, p.value)
		if err != nil {
			return nil, fmt.Errorf("-param: %w", err)
		}
		list = append(list, override)
	}
	return list, nil
}
