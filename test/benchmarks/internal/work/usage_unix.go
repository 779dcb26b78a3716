//go:build unix

package work

import (
	"runtime"
	"syscall"
	"time"
)

// usage is the time that this process's threads have run for so far, and the
// most memory it had in RAM, in bytes.
func usage() (cpu time.Duration, rss float64, err error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0, err
	}
	rss = float64(u.Maxrss)
	if runtime.GOOS != "darwin" { // which counts bytes
		rss *= 1024
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), rss, nil
}
