package evaluation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// Image is an image whose truth is known.
type Image struct {
	// File is where the image lies. It identifies the image in the set.
	File string `json:"file"`
	// Bad is true for an image that should be NG, false for one that should be OK.
	Bad bool `json:"bad"`
	// Kind is the kind of defect of a bad image, "" where it is not told.
	Kind string `json:"kind,omitempty"`
}

// Set is what is known about images: what a model is judged by. It should hold no
// image that the model was trained with.
type Set []Image

// Files returns the images for [hacarus.InspectRequest], in the set's order. Each
// is tagged with its [Image], which [ResultOf] reads.
func (s Set) Files() []hacarus.File {
	files := make([]hacarus.File, len(s))
	for i, image := range s {
		files[i] = hacarus.FileFromPath(image.File)
		files[i].Tag = image
	}
	return files
}

// check tells what makes a set useless.
func (s Set) check() error {
	if len(s) == 0 {
		return errors.New("no images")
	}
	seen := map[string]bool{}
	for _, image := range s {
		switch {
		case image.File == "":
			return errors.New("an image without a name")
		case seen[image.File]:
			return fmt.Errorf("%q is in the set twice", image.File)
		case !image.Bad && image.Kind != "":
			return fmt.Errorf("%q is good, and has a defect of the kind %q", image.File, image.Kind)
		}
		seen[image.File] = true
	}
	return nil
}

// checked is check for who called the package.
func (s Set) checked() error {
	if err := s.check(); err != nil {
		return fmt.Errorf("evaluation: %w", err)
	}
	return nil
}

// ReadDir reads a set from a folder in which the images lie by label, in one of
// these layouts:
//
//	good/ and bad/             all that lies in bad/, with its subfolders as kinds
//	good/ and one folder a kind
//	test/good/ and so on       as MVTec AD has it; only test/ is read
//
// The folders ok/ and ng/ are taken as good/ and bad/, in any case of letters.
// Images are the files that [hacarus.FilesFromDir] takes, at any depth, in natural
// order. Folders named train and ground_truth, and those that begin with a dot, are
// left out. Anything else whose label cannot be told is an error: an image beside
// the folders, another folder beside both good/ and bad/, or folders with other
// names where there is no good/.
func ReadDir(dir string) (Set, error) {
	if test := filepath.Join(dir, "test"); hasGood(test) {
		dir = test
	}
	loose, folders, err := imagesAndFolders(dir)
	switch {
	case err != nil:
		return nil, err
	case len(loose) > 0:
		return nil, fmt.Errorf("evaluation: %s lies in no folder that tells whether it is good or bad", loose[0])
	}
	folders = slices.DeleteFunc(folders, func(f string) bool { return isNamed(f, "train", "ground_truth") })
	byKind := slices.ContainsFunc(folders, isGood) && !slices.ContainsFunc(folders, isBad)
	var set Set
	for _, folder := range folders {
		images, err := readLabelled(folder, byKind)
		if err != nil {
			return nil, err
		}
		set = append(set, images...)
	}
	return set.orNone(dir)
}

// readLabelled reads a folder whose name tells what its images are.
func readLabelled(folder string, byKind bool) (Set, error) {
	switch {
	case isGood(folder):
		return readTree(folder, Image{})
	case isBad(folder):
		return readBad(folder)
	case byKind:
		return readTree(folder, Image{Bad: true, Kind: filepath.Base(folder)})
	}
	return nil, fmt.Errorf("evaluation: %s is neither good nor bad: a kind of defect belongs below bad", folder)
}

// ReadFolders reads a set from a folder of good images and one of bad images,
// whose subfolders are kinds of defect. Otherwise it is as [ReadDir].
func ReadFolders(good, bad string) (Set, error) {
	set, err := readTree(good, Image{})
	if err != nil {
		return nil, err
	}
	defective, err := readBad(bad)
	if err != nil {
		return nil, err
	}
	return append(set, defective...).orNone(good)
}

func (s Set) orNone(dir string) (Set, error) {
	if len(s) == 0 {
		return nil, fmt.Errorf("evaluation: no images in %s", dir)
	}
	return s, s.checked()
}

// readBad reads bad images, whose folders name their kinds.
func readBad(dir string) (Set, error) {
	files, folders, err := imagesAndFolders(dir)
	if err != nil {
		return nil, err
	}
	set := alike(files, Image{Bad: true})
	for _, folder := range folders {
		images, err := readTree(folder, Image{Bad: true, Kind: filepath.Base(folder)})
		if err != nil {
			return nil, err
		}
		set = append(set, images...)
	}
	return set, nil
}

// readTree reads all images below a folder, which are all alike.
func readTree(dir string, like Image) (Set, error) {
	files, folders, err := imagesAndFolders(dir)
	if err != nil {
		return nil, err
	}
	set := alike(files, like)
	for _, folder := range folders {
		images, err := readTree(folder, like)
		if err != nil {
			return nil, err
		}
		set = append(set, images...)
	}
	return set, nil
}

func alike(files []string, like Image) Set {
	var set Set
	for _, file := range files {
		like.File = file
		set = append(set, like)
	}
	return set
}

// imagesAndFolders returns the paths of a folder's images and of its folders.
func imagesAndFolders(dir string) (files, folders []string, err error) {
	images, err := hacarus.FilesFromDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluation: %w", err)
	}
	for _, image := range images {
		files = append(files, filepath.Join(dir, image.Name))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluation: %w", err)
	}
	for _, entry := range entries {
		if path := filepath.Join(dir, entry.Name()); !strings.HasPrefix(entry.Name(), ".") && isFolder(path) {
			folders = append(folders, path)
		}
	}
	return files, folders, nil
}

// isFolder is true for a link to a folder too.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// hasGood says whether one of a folder's folders holds the good images.
func hasGood(dir string) bool {
	_, folders, err := imagesAndFolders(dir)
	return err == nil && slices.ContainsFunc(folders, isGood)
}

func isGood(folder string) bool { return isNamed(folder, "good", "ok") }
func isBad(folder string) bool  { return isNamed(folder, "bad", "ng") }

func isNamed(folder string, names ...string) bool {
	return slices.Contains(names, strings.ToLower(filepath.Base(folder)))
}
