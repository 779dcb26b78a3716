package work

import (
	"syscall"
	"time"
)

// usage is the time that this process's threads have run for so far. The
// memory in RAM is not told here.
func usage() (cpu time.Duration, rss float64, err error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, 0, err
	}
	var created, exited, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &exited, &kernel, &user); err != nil {
		return 0, 0, err
	}
	// Filetime.Nanoseconds is for points in time; these are 100 ns each.
	ticks := func(t syscall.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
	return time.Duration(100 * (ticks(kernel) + ticks(user))), 0, nil
}
