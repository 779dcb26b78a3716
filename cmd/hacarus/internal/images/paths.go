// Package images finds the images that arguments name, and looks at them before
// they are sent.
package images

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// Find returns the paths of the images that the arguments name, each once. An
// argument is a file, a folder, which stands for the images in it, or, where
// there is nothing of that name, a pattern with * and ?, for the shells that do
// not expand them.
func Find(args []string) (paths []string, err error) {
	seen := map[string]bool{}
	for _, arg := range args {
		found, err := find(arg)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			if clean := filepath.Clean(path); !seen[clean] {
				seen[clean] = true
				paths = append(paths, path)
			}
		}
	}
	return paths, nil
}

func find(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		return inFolder(arg)
	case err == nil:
		return []string{arg}, nil
	case !errors.Is(err, fs.ErrNotExist) || !isPattern(arg):
		return nil, err
	}
	found, err := match(arg)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			inside, err := inFolder(path)
			if err != nil {
				return nil, err
			}
			paths = append(paths, inside...)
			continue
		}
		paths = append(paths, path)
	}
	if len(paths) == 0 {
		return nil, language.Errorf("nothing matches %s", arg)
	}
	return paths, nil
}

// inFolder returns the images of a folder. A folder without any is most often
// another one than was meant.
func inFolder(dir string) ([]string, error) {
	files, err := hacarus.FilesFromDir(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, language.Errorf("there is no image in the folder %s", dir)
	}
	return pathsOf(dir, files), nil
}

func pathsOf(dir string, files []hacarus.File) []string {
	paths := make([]string, len(files))
	for i, file := range files {
		paths[i] = filepath.Join(dir, file.Name)
	}
	return paths
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?") }

// match returns what a pattern names, in natural order. Only those parts of it
// are patterns that name nothing as they are.
func match(pattern string) ([]string, error) {
	dir, name := filepath.Split(filepath.Clean(pattern))
	dirs := []string{cleanDir(dir)}
	if _, err := os.Stat(dirs[0]); err != nil && isPattern(dirs[0]) && dirs[0] != pattern {
		if dirs, err = match(dirs[0]); err != nil {
			return nil, err
		}
	}
	var found []string
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
			continue
		}
		matched, err := matchIn(dir, name)
		if err != nil {
			return nil, err
		}
		found = append(found, matched...)
	}
	return found, nil
}

// matchIn returns what a pattern names in a folder: files in natural order, and
// then folders.
func matchIn(dir, pattern string) ([]string, error) {
	files, err := hacarus.FilesFromDir(dir, literal(pattern))
	if err != nil {
		if info, statErr := os.Stat(dir); statErr == nil && !info.IsDir() {
			return nil, nil // a pattern before it has matched a file
		}
		return nil, err
	}
	paths := pathsOf(dir, files)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		matches, err := filepath.Match(literal(pattern), entry.Name())
		if err == nil && matches && entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return slices.Clip(paths), nil
}

// literal makes a pattern in which nothing but * and ? is special.
func literal(pattern string) string {
	pattern = strings.ReplaceAll(pattern, "[", "[[]")
	if runtime.GOOS != "windows" {
		pattern = strings.ReplaceAll(pattern, `\`, `\\`)
	}
	return pattern
}

func cleanDir(dir string) string {
	if dir == "" {
		return "."
	}
	return filepath.Clean(dir)
}

// Files makes files to upload of paths.
func Files(paths []string) []hacarus.File {
	files := make([]hacarus.File, len(paths))
	for i, path := range paths {
		files[i] = hacarus.FileFromPath(path)
	}
	return files
}
