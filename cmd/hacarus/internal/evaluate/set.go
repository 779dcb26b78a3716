package evaluate

import (
	"os"

	"github.com/hacarus/hacarus-check-go/evaluation"
)

// readSet reads the images and their truth: two folders, or one path for both.
func readSet(good, bad, path string) (evaluation.Set, error) {
	if path == "" {
		return evaluation.ReadFolders(good, bad)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return evaluation.ReadDir(path)
	}
	return evaluation.ReadCSV(path)
}

func filesOf(set evaluation.Set) []string {
	files := make([]string, len(set))
	for i, image := range set {
		files[i] = image.File
	}
	return files
}
