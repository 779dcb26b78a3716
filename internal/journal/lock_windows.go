package journal

import (
	"errors"
	"os"
	"syscall"
)

// errSharingViolation is ERROR_SHARING_VIOLATION.
const errSharingViolation = syscall.Errno(32)

// openLocked opens a file for this process alone, and makes it if it is not
// there. Others may read it, but not open it for writing. That ends with the
// file, or with the process.
func openLocked(path string) (file *os.File, locked bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, false, ErrLocked
	}
	if err != nil {
		return nil, false, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), true, nil
}

func closeLocked(file *os.File) error { return file.Close() }

// replace closes both files, since open ones cannot be renamed here, and opens
// the new one again. Another process may come first, and is then its owner.
func replace(old *os.File, path string, by *os.File, byPath string) (*os.File, error) {
	if err := errors.Join(by.Close(), old.Close(), os.Rename(byPath, path)); err != nil {
		return nil, err
	}
	file, _, err := openLocked(path)
	return file, err
}

// syncFolder has nothing to do: the file system keeps the names of files itself.
func syncFolder(string) error { return nil }
