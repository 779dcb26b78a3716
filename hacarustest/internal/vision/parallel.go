package vision

import (
	"runtime"
	"sync"
)

// inParts calls f for parts of the numbers below n, each on a processor of its own,
// and waits for all of them. What f makes of a number must not depend on the parts.
func inParts(n int, f func(low, high int)) {
	parts := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	for k := range parts {
		group.Go(func() { f(k*n/parts, (k+1)*n/parts) })
	}
	group.Wait()
}
