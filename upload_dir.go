package hacarus

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FilesFromDir returns the images of a folder for an upload, in natural order:
// plate-2 comes before plate-10. Without patterns, it returns the files whose
// names end in .png, .jpg, .jpeg, .tif or .tiff, in upper or lower case. With
// patterns, which are those of [filepath.Match] for base names, it returns the
// files that match at least one of them, whatever they contain: the service
// refuses what is not an image. If no file matches, the list is empty and there
// is no error.
//
// Files whose names begin with a dot are left out, including the "._" files
// that macOS writes beside images. So is everything other than regular files
// and links to them: subfolders, which are not searched, pipes and devices.
//
// The files are opened only when they are uploaded, as with [FileFromPath]. If
// the folder cannot be read, or a pattern is malformed or contains a separator,
// the error is [ErrInvalidArgument].
func FilesFromDir(dir string, patterns ...string) ([]File, error) {
	for _, pattern := range patterns {
		if err := checkPattern(pattern); err != nil {
			return nil, argumentError("FilesFromDir", "pattern %q: %w", pattern, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, argumentError("FilesFromDir", "%w", err)
	}
	files := []File{}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") || !matchesAny(entry.Name(), patterns) {
			continue
		}
		switch info, err := os.Stat(path); { // follows links
		case errors.Is(err, fs.ErrNotExist): // it is gone by now, or the link leads nowhere
		case err != nil:
			return nil, argumentError("FilesFromDir", "%w", err)
		case info.Mode().IsRegular():
			files = append(files, FileFromPath(path))
		}
	}
	slices.SortFunc(files, func(a, b File) int { return compareNatural(a.Name, b.Name) })
	return files, nil
}

// checkPattern refuses patterns that cannot match a base name.
func checkPattern(pattern string) error {
	if strings.ContainsAny(pattern, "/"+string(filepath.Separator)) {
		return errors.New("it has a separator, which no base name has")
	}
	_, err := filepath.Match(pattern, "")
	return err
}

// imageExtensions are the extensions of images that the service accepts.
var imageExtensions = []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"}

// matchesAny reports whether a name is one of the requested ones.
func matchesAny(name string, patterns []string) bool {
	if len(patterns) == 0 {
		return slices.Contains(imageExtensions, strings.ToLower(filepath.Ext(name)))
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := filepath.Match(pattern, name)
		return err == nil && matched
	})
}

// compareNatural orders names as people count: sequences of digits by their
// value, everything else byte by byte. Names that differ only in leading zeros
// are ordered as strings.
func compareNatural(a, b string) int {
	restA, restB := a, b
	for restA != "" && restB != "" {
		digitsA, digitsB := leadingDigits(restA), leadingDigits(restB)
		if digitsA == "" || digitsB == "" {
			if restA[0] != restB[0] {
				return cmp.Compare(restA[0], restB[0])
			}
			restA, restB = restA[1:], restB[1:]
			continue
		}
		if order := compareDigits(digitsA, digitsB); order != 0 {
			return order
		}
		restA, restB = restA[len(digitsA):], restB[len(digitsB):]
	}
	return cmp.Or(cmp.Compare(len(restA), len(restB)), cmp.Compare(a, b))
}

// compareDigits orders integers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
