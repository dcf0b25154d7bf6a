package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/oklog/run"
)

// How long the process waits for what has to end, from the signal on.
const (
	actorsTimeout  = 8 * time.Second // what hangs is named then
	processTimeout = 9 * time.Second // not even the log takes a line
)

// exitStatus is that of f, or 0 if f does not return within a time after the
// context has ended.
func exitStatus(ctx context.Context, timeout time.Duration, f func() int) int {
	status := make(chan int, 1)
	go func() { status <- f() }()
	select {
	case s := <-status:
		return s
	case <-ctx.Done():
	}
	select {
	case s := <-status:
		return s
	case <-time.After(timeout):
		return 0
	}
}

// errInterrupted is the error of what the end of the context has cut short.
var errInterrupted = errors.New("interrupted")

// await returns what f returns, or errInterrupted once the context has ended,
// whether or not f returns.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, errInterrupted
	}
}

// actors run until the first of them returns, as those of a run.Group do, but do
// not wait for ever until the others have.
type actors struct {
	group run.Group

	mu      sync.Mutex
	running []string
	err     error // of the first one that returned
	first   chan struct{}
}

func (a *actors) add(name string, execute func() error, interrupt func(error)) {
	if a.first == nil {
		a.first = make(chan struct{})
	}
	a.running = append(a.running, name)
	a.group.Add(func() error {
		err := execute()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.running = slices.DeleteFunc(a.running, func(n string) bool { return n == name })
		select {
		case <-a.first:
		default:
			a.err = err
			close(a.first)
		}
		return err
	}, interrupt)
}

// run returns the error of the first actor that returned, and the names of those
// that have not returned within a time after it.
func (a *actors) run(timeout time.Duration) (hanging []string, err error) {
	all := make(chan struct{})
	go func() {
		defer close(all)
		_ = a.group.Run() // the error is that of the first one
	}()
	<-a.first
	select {
	case <-all:
	case <-time.After(timeout):
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.running), a.err
}
