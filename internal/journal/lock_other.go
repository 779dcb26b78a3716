//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"fmt"
	"os"
)

// openLocked has no lock to offer that would end with the process.
func openLocked(string) (*os.File, bool, error) {
	return nil, false, fmt.Errorf("journals need a file lock: %w", errors.ErrUnsupported)
}

func closeLocked(file *os.File) error { return file.Close() }

// replace closes the old file before the new one takes its name, which some
// systems demand.
func replace(old *os.File, path string, by *os.File, byPath string) (*os.File, error) {
	return by, errors.Join(old.Close(), os.Rename(byPath, path))
}

func syncFolder(string) error { return nil }
