//go:build !unix

package journal

import (
	"os"
	"time"
)

// makePipe makes something else than a file: there are no pipes in folders here.
func makePipe(path string) error { return os.Mkdir(path, 0o700) }

var processStart = time.Now()

// processorTime is the time that has passed.
func processorTime() time.Duration { return time.Since(processStart) }
