// Package parallel does the same for many things, as many at a time as there are
// processors.
package parallel

import (
	"context"
	"runtime"
	"sync"
)

// Each calls do with each number below n. When the context ends, it calls no more, and
// the error is why it has ended.
func Each(ctx context.Context, n int, do func(i int)) error {
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i := range numbers {
				do(i)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	return context.Cause(ctx)
}
