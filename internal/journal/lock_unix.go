//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// openLocked opens a file for this process alone, and makes it if it is not
// there. The lock ends with the file, or with the process.
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
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	if err != nil {
		_ = file.Close()
		return nil, false, err
	}
	return file, true, nil
}

// closeLocked ends the lock, and closes the file. Closing it is not enough while
// a process that was just forked, and that has not come to its own program, has
// it too.
func closeLocked(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}

// replace renames the new file, whose lock goes with it, and lets go of the old
// one after that: nobody can have the path in between.
func replace(old *os.File, path string, by *os.File, byPath string) (*os.File, error) {
	if err := os.Rename(byPath, path); err != nil {
		return nil, errors.Join(err, closeLocked(by))
	}
	return by, errors.Join(syncFolder(path), closeLocked(old))
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
