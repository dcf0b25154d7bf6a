// Package lifecycle ends a program in a bounded time, whatever hangs: a file on a
// dead mount, for example, cannot be waited for.
package lifecycle

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/oklog/run"
)

// How long a process waits for what has to end, from the signal on.
const (
	GroupTimeout   = 8 * time.Second // then what hangs is named
	ProcessTimeout = 9 * time.Second // even if the log accepts no line
)

// ExitStatus is that of f, or 0 if f does not return within a time after the
// context has ended.
func ExitStatus(ctx context.Context, timeout time.Duration, f func() int) int {
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

// ErrInterrupted is the error of what the end of the context has cut short.
var ErrInterrupted = errors.New("interrupted")

// Await returns what f returns, or ErrInterrupted once the context has ended,
// whether or not f returns.
func Await[T any](ctx context.Context, f func() (T, error)) (T, error) {
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
		return none, ErrInterrupted
	}
}

// AwaitError is Await for a function that returns an error alone.
func AwaitError(ctx context.Context, f func() error) error {
	_, err := Await(ctx, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// A Group runs actors until the first of them returns, as a run.Group does, but does
// not wait for ever until the others have.
type Group struct {
	group run.Group

	mu      sync.Mutex
	running []string
	err     error // of the first one that returned
	first   chan struct{}
}

// Add adds an actor: a function that runs, and one that makes it return.
func (g *Group) Add(name string, execute func() error, interrupt func(error)) {
	if g.first == nil {
		g.first = make(chan struct{})
	}
	g.running = append(g.running, name)
	g.group.Add(func() error {
		err := execute()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.running = slices.DeleteFunc(g.running, func(n string) bool { return n == name })
		select {
		case <-g.first:
		default:
			g.err = err
			close(g.first)
		}
		return err
	}, interrupt)
}

// Run returns the error of the first actor that returned, and the names of those
// that have not returned within a time after it.
func (g *Group) Run(timeout time.Duration) (hanging []string, err error) {
	all := make(chan struct{})
	go func() {
		defer close(all)
		_ = g.group.Run() // the error is that of the first one
	}()
	<-g.first
	select {
	case <-all:
	case <-time.After(timeout):
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.running), g.err
}
