package exporter

import "sync"

// Coalesce makes of a function one that may be called from many sides: while it
// runs, all further calls together are one, which runs after it and so sees what
// its callers have written before. Every caller gets the error of its run.
func Coalesce(f func() error) func() error {
	type call struct {
		done chan struct{}
		err  error
	}
	running := make(chan struct{}, 1)
	var mu sync.Mutex
	var next *call // waits for the one that runs
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
			next = nil // whoever calls from now on may want something newer
			mu.Unlock()
			c.err = f()
			<-running
			close(c.done)
		}
		<-c.done
		return c.err
	}
}
