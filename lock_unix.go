//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package hacarus

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// openLocked opens a file for this process alone, and makes it if it is not
// there. The lock ends with the file, or with the process.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		err = syncFolder(path)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrJournalLocked
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// unlock ends the lock. Closing the file is not enough while a process that
// was just forked, and that has not come to its own program, has it too.
func unlock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
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
