//go:build unix

package journal

import (
	"syscall"
	"time"
)

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }

// processorTime is what the process has used of its processors, which is less
// than the time that passes where they are shared with others.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
