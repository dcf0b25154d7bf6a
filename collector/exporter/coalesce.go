package exporter

import "sync"

// Coalesce makes a function safe for concurrent callers. All calls that come while f
// runs share one run, which starts after it and so sees whatever these callers have
// written before. Every caller gets the error of its run.
func Coalesce(f func() error) func() error {
	type call struct {
		done chan struct{}
		err  error
	}
	running := make(chan struct{}, 1)
	var mu sync.Mutex
	var next *call // waits until the current run ends
	return func() error {
		mu.Lock()
		c, first := next, next == nil
		if first {
			c = &call{done: make(chan struct{})}
			next = c
		}
		mu.Unlock()
		if first {
			running <- struct{}{}
			mu.Lock()
			next = nil // later callers may have written something newer
			mu.Unlock()
			c.err = f()
			<-running
			close(c.done)
		}
		<-c.done
		return c.err
	}
}
