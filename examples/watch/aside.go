package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errReplaced is the error of an image in whose place there is another one.
var errReplaced = errors.New("it was replaced")

// putAside copies or moves an image into a folder. Another image of that name
// stays; the same image is not put there twice.
func putAside(image found, folder string, move bool) error {
	path := image.path
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !image.isThere() {
		return errReplaced
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := store(content, folder, filepath.Base(path)); err != nil {
		return err
	}
	if move {
		return os.Remove(path)
	}
	return nil
}

// store writes an image under the first name that is free. Whoever looks into
// the folder sees whole files only.
func store(content []byte, folder, name string) error {
	extension := filepath.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	for n := 1; ; n++ {
		path := filepath.Join(folder, name)
		if n > 1 {
			path = filepath.Join(folder, fmt.Sprintf("%s-%d%s", stem, n, extension))
		}
		old, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(old, content):
			return nil
		case err == nil:
			continue
		case !os.IsNotExist(err):
			return err
		}
		return writeWhole(path, content)
	}
}

func writeWhole(path string, content []byte) error {
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	if err := os.WriteFile(temporary, content, 0o644); err != nil { //nolint:gosec // others look at it
		return err
	}
	return os.Rename(temporary, path)
}
