//go:build !windows

package intake

import "golang.org/x/sys/unix"

// freeBytes is how much room there is on the disk of a folder.
func freeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert,gosec // of other types elsewhere, and smaller than that
}
