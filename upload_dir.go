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

// FilesFromDir returns the images of a folder, for uploading, in the order in
// which people count: plate-2 before plate-10. Without patterns these are the
// files whose names end in .png, .jpg, .jpeg, .tif or .tiff, whatever the case.
// With patterns, as [filepath.Match] has them for a base name, they are the files
// that match one of them, whatever they are: what is no image is the service's to
// refuse. An empty list is no error.
//
// Files that begin with a dot are left out, among them the "._" companions that
// macOS writes beside images, and so is all that is no regular file or a link to
// one: folders, which are not looked into, pipes and devices.
//
// The content of the files is not looked at, and they are opened when they are
// uploaded, as with [FileFromPath]. A folder that cannot be read, and a pattern
// that is malformed or has a separator, are [ErrInvalidArgument].
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
		switch info, err := os.Stat(path); { // of what a link leads to
		case errors.Is(err, fs.ErrNotExist): // it has gone since, or leads nowhere
		case err != nil:
			return nil, argumentError("FilesFromDir", "%w", err)
		case info.Mode().IsRegular():
			files = append(files, FileFromPath(path))
		}
	}
	slices.SortFunc(files, func(a, b File) int { return compareNatural(a.Name, b.Name) })
	return files, nil
}

// checkPattern refuses what matches no base name.
func checkPattern(pattern string) error {
	if strings.ContainsAny(pattern, "/"+string(filepath.Separator)) {
		return errors.New("it has a separator, which no base name has")
	}
	_, err := filepath.Match(pattern, "")
	return err
}

// imageExtensions are those of the images that the service takes.
var imageExtensions = []string{".png", ".jpg", ".jpeg", ".tif", ".tiff"}

// matchesAny says whether a name is one of those that are asked for.
func matchesAny(name string, patterns []string) bool {
	if len(patterns) == 0 {
		return slices.Contains(imageExtensions, strings.ToLower(filepath.Ext(name)))
	}
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := filepath.Match(pattern, name)
		return err == nil && matched
	})
}

// compareNatural orders names as people count: runs of digits by their value, and
// all else byte by byte. Names that differ in leading zeros only are ordered as
// strings.
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

// compareDigits orders whole numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

func leadingDigits(s string) string {
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
