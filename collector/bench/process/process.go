// Package process runs the programs that are measured, each as a process of its
// own, and reads what they cost.
package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A Command says what to run.
type Command struct {
	Name    string
	Path    string
	Args    []string
	Env     []string       // beside the harness's own
	Address *regexp.Regexp // finds in a line of output where it listens
}

// A Process is a program that runs, and what it writes.
type Process struct {
	Name    string
	Address string // host and port
	Started time.Time

	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// A Line is one of a process's output.
type Line struct {
	At   time.Time
	Text string
}

// Start runs a program and waits until it listens. It is killed when the context
// ends, and when the harness dies.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{
		Name: c.Name,
		cmd:  exec.CommandContext(ctx, c.Path, c.Args...),
		out:  &output{more: make(chan struct{})},
		done: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.WaitDelay = time.Second
	dieWithParent(p.cmd)
	p.Started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		_ = p.cmd.Wait() // it is killed, which is no news
		close(p.done)
	}()
	line, err := p.Wait(ctx, 0, time.Minute, c.Address.MatchString)
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	found := c.Address.FindStringSubmatch(line.Text)
	p.Address = found[len(found)-1]
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process and returns when it is gone.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Wait waits for a line that matches, from the given one on.
func (p *Process) Wait(ctx context.Context, from int, most time.Duration, match func(string) bool) (Line, error) {
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	for {
		lines, more := p.out.since(from)
		for _, line := range lines {
			if match(line.Text) {
				return line, nil
			}
		}
		from += len(lines)
		select {
		case <-more:
		case <-ctx.Done():
			return Line{}, ctx.Err()
		case <-p.done:
			return Line{}, p.died()
		case <-timeout.C:
			return Line{}, fmt.Errorf("%s did not say what was waited for within %s: %s", p.Name, most, p.tail())
		}
	}
}

// Lines are those from the given one on.
func (p *Process) Lines(from int) []Line {
	lines, _ := p.out.since(from)
	return lines
}

// Alive is an error once the process has ended.
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return p.died()
	default:
		return nil
	}
}

func (p *Process) died() error { return fmt.Errorf("%s ended: %s", p.Name, p.tail()) }

// tail is the end of the output.
func (p *Process) tail() string {
	lines, _ := p.out.since(0)
	var texts []string
	for _, line := range lines[max(0, len(lines)-5):] {
		texts = append(texts, line.Text)
	}
	return strings.Join(texts, " | ")
}

// Quiet waits until the process uses no more than the given part of a core, two
// times in a row: what it was asked has been done then, in the background too.
func (p *Process) Quiet(ctx context.Context, step time.Duration, part float64, most time.Duration) error {
	deadline := time.Now().Add(most)
	before, err := p.CPU()
	if err != nil {
		return err
	}
	for calm := 0; calm < 2; {
		start := time.Now()
		if err := Sleep(ctx, step); err != nil {
			return err
		}
		now, err := p.CPU()
		if err != nil {
			return err
		}
		if float64(now-before) <= part*float64(time.Since(start)) {
			calm++
		} else {
			calm = 0
		}
		before = now
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not come to rest within %s", p.Name, most)
		}
	}
	return nil
}

// Sleep waits.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// output keeps the lines that a process writes.
type output struct {
	mu      sync.Mutex
	partial []byte
	lines   []Line
	more    chan struct{} // closed when there are more lines
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, b...)
	now, grown := time.Now(), false
	for {
		line, rest, ok := bytes.Cut(o.partial, []byte("\n"))
		if !ok {
			break
		}
		o.lines = append(o.lines, Line{now, string(line)})
		o.partial, grown = rest, true
	}
	if grown {
		close(o.more)
		o.more = make(chan struct{})
	}
	return len(b), nil
}

func (o *output) since(from int) ([]Line, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Line(nil), o.lines[min(from, len(o.lines)):]...), o.more
}
