//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// openLocked opens a file for this process alone, and makes it if it is not
// there. The lock ends with the file, or with the process. Some shares know no
// locks; then it opens the file without one.
func openLocked(path string) (file *os.File, locked bool, err error) {
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return file, true, nil
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EINVAL):
		return file, false, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = ErrLocked
	}
	_ = file.Close()
	return nil, false, err
}

// closeLocked ends the lock, and closes the file. Closing it is not enough while
// a process that was just forked, and that has not come to its own program, has
// it too.
func closeLocked(file *os.File) error {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // there may be none
	return file.Close()
}

// replace renames the new file, whose lock goes with it, and lets go of the old
// one after that: nobody can have the path in between.
func replace(old *os.File, path string, by *os.File, byPath string) (*os.File, error) {
	if err := os.Rename(byPath, path); err != nil {
		return old, errors.Join(err, closeLocked(by))
	}
	_ = closeLocked(old) // nothing in it matters any more
	return by, nil
}

// syncFolder makes sure that the file's name outlasts a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
