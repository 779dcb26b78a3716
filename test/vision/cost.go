package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// cost is what something took.
type cost struct {
	time   time.Duration
	memory uint64 // the most that the process had from the system, in bytes
}

// spending tells what f costs.
func spending(f func()) (c cost) {
	debug.FreeOSMemory() // what came before does not count
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			c.memory = max(c.memory, memory())
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}()
	begun := time.Now()
	f()
	c.time = time.Since(begun)
	close(stop)
	<-stopped
	return c
}

// memory is what the process has from the system and has not given back.
func memory() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
