package line

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// reloaded is what files say, also when they are changed while the line runs: a
// station gets a token, or a certificate is renewed.
type reloaded[T any] struct {
	paths []string
	read  func() (T, error)
	log   *slog.Logger

	mu     sync.Mutex
	value  T
	state  string    // of the files when they were read
	looked time.Time // at them
}

func newReloaded[T any](log *slog.Logger, read func() (T, error), paths ...string) (*reloaded[T], error) {
	r := &reloaded[T]{paths: paths, read: read, log: log}
	r.state = r.stateOf()
	value, err := read()
	r.value = value
	return r, err
}

// get returns what the files say, and looks at them once a second. What cannot be
// read does not count: a file may be just being written.
func (r *reloaded[T]) get() T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.looked) < time.Second {
		return r.value
	}
	r.looked = time.Now()
	state := r.stateOf()
	if state == r.state {
		return r.value
	}
	r.state = state
	value, err := r.read()
	if err != nil {
		r.log.Error("a file was changed and cannot be used: what it said before counts", "error", err)
		return r.value
	}
	r.value = value
	r.log.Warn("a changed file counts from now on", "files", r.paths)
	return r.value
}

// stateOf changes when the files do.
func (r *reloaded[T]) stateOf() string {
	var b strings.Builder
	for _, path := range r.paths {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&b, info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}
