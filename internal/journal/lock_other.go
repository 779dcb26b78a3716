//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"os"
)

// openLocked has no lock to offer that would end with the process.
func openLocked(path string) (*os.File, bool, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return file, false, err
}

func closeLocked(file *os.File) error { return file.Close() }

// replace closes the old file before the new one takes its name, which some
// systems demand.
func replace(old *os.File, path string, by *os.File, byPath string) (*os.File, error) {
	if err := errors.Join(old.Close(), os.Rename(byPath, path)); err != nil {
		return nil, errors.Join(err, by.Close())
	}
	return by, nil
}

func syncFolder(string) error { return nil }
