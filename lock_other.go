//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package hacarus

import (
	"errors"
	"fmt"
	"os"
)

// openLocked has no lock to offer that would end with the process.
func openLocked(string) (*os.File, error) {
	return nil, fmt.Errorf("journals need a file lock: %w", errors.ErrUnsupported)
}

// unlock does nothing: the lock ends when the file is closed.
func unlock(*os.File) error { return nil }
