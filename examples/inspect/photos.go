package main

import (
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the service takes JPEG, PNG and TIFF
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "golang.org/x/image/tiff"
)

// photo is an image file, and the service's item made from it.
type photo struct {
	path   string
	itemID string // what the service is expected to make of the name; once uploaded, what it has made
	size   image.Point
	info   fs.FileInfo
}

func (p photo) name() string { return filepath.Base(p.path) }

func (p photo) bytes() int64 { return p.info.Size() }

// picture is the name of the report's picture of the photo.
func (p photo) picture() string {
	return strings.TrimSuffix(p.name(), filepath.Ext(p.name())) + ".jpg"
}

// findPhotos returns the images that a flag's patterns stand for, each once.
func findPhotos(flagName string, patterns []string) ([]photo, error) {
	var photos []photo
	for _, pattern := range patterns {
		paths, err := expand(pattern)
		if err != nil {
			return nil, fmt.Errorf("-%s: %w", flagName, err)
		}
		for _, path := range paths {
			if slices.ContainsFunc(photos, func(p photo) bool { return p.path == path }) {
				continue
			}
			p, err := newPhoto(path)
			if err != nil {
				return nil, fmt.Errorf("-%s: %w", flagName, err)
			}
			photos = append(photos, p)
		}
	}
	return photos, nil
}

// expand returns the files that a pattern stands for.
func expand(pattern string) ([]string, error) {
	if _, err := os.Stat(pattern); err == nil {
		return []string{pattern}, nil // a file whose name may look like a pattern
	}
	paths, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q: %w", pattern, err)
	case len(paths) > 0:
		return paths, nil
	case pattern == defaultTrain || pattern == defaultInspect:
		return nil, fmt.Errorf("no file matches %s, the default: run this from the root of the repository, or choose your own images", pattern)
	}
	return nil, fmt.Errorf("no file matches %q", pattern)
}

func newPhoto(path string) (photo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return photo{}, err
	}
	if info.IsDir() {
		return photo{}, fmt.Errorf("%s is a folder: give a pattern such as '%s'", path, filepath.Join(path, "*.jpg"))
	}
	// Decoded whole, since a damaged image should be found before anything is sent.
	picture, err := decode(path)
	if err != nil {
		return photo{}, err
	}
	return photo{
		path:   path,
		itemID: strings.TrimSuffix(info.Name(), filepath.Ext(info.Name())),
		size:   picture.Bounds().Size(),
		info:   info,
	}, nil
}

func decode(path string) (image.Image, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	picture, _, err := image.Decode(file)
	switch {
	case errors.Is(err, image.ErrFormat):
		return nil, fmt.Errorf("%s is not a PNG, JPEG or TIFF image", path)
	case err != nil:
		return nil, fmt.Errorf("%s is damaged, or of an unusual kind: %w", path, err)
	}
	return picture, nil
}

// checkItemIDs refuses images that would become one item: the service names
// items after files, without folder and extension.
func checkItemIDs(sets ...[]photo) error {
	paths := map[string]string{}
	for _, p := range slices.Concat(sets...) {
		if other, taken := paths[p.itemID]; taken {
			return fmt.Errorf("%s and %s would both become the service's item %q: rename one", other, p.path, p.itemID)
		}
		paths[p.itemID] = p.path
	}
	return nil
}

// checkPictures refuses a folder in which the report would overwrite images.
func checkPictures(folder string, subjects, train []photo) error {
	for _, p := range subjects {
		path := filepath.Join(folder, p.picture())
		old, err := os.Stat(path)
		if err != nil {
			continue // nothing is there
		}
		for _, other := range slices.Concat(subjects, train) {
			if os.SameFile(old, other.info) {
				return fmt.Errorf("-out %s: the report's picture would overwrite %s", folder, other.path)
			}
		}
	}
	return nil
}
