package journal

import "os"

// systemCalls is the operating system that the process runs on.
type systemCalls struct{}

func (systemCalls) Open(path string) (Handle, bool, error) {
	file, locked, err := openLocked(path)
	if err != nil {
		return nil, false, err
	}
	return file, locked, nil
}

func (systemCalls) Close(file Handle) error { return closeLocked(file.(*os.File)) }

func (systemCalls) Replace(old Handle, path string, by Handle, byPath string) (Handle, error) {
	file, err := replace(old.(*os.File), path, by.(*os.File), byPath)
	if file == nil {
		return nil, err
	}
	return file, err
}

func (systemCalls) Stat(path string) (os.FileInfo, error) { return os.Stat(path) }

func (systemCalls) SyncFolder(path string) error { return syncFolder(path) }
