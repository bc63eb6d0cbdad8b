// Package parallel spreads independent work over the cores.
package parallel

import (
	"context"
	"runtime"
	"sync"
)

// Map calls load for 0..n-1 on every core and returns what came out, in order. When ctx ends, what was not begun is left out:
// ask ctx.Err afterwards.
func Map[T any](ctx context.Context, n int, load func(i int) (T, error)) ([]T, []error) {
	results, errs := make([]T, n), make([]error, n)
	var wg sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				results[i], errs[i] = load(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	return results, errs
}
