package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// A process is a server that is measured.
type process struct {
	name    string
	address string // host and port
	command *exec.Cmd
	ended   chan struct{} // closed then
}

// longest is how long anything may take before it counts as stuck.
const longest = 10 * time.Minute

// start starts a server on a free port and waits until it is ready. It is killed
// when the context ends and when the benchmark dies.
func start(ctx context.Context, name string, output io.Writer, path string, args func(address string) []string) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close()

	p := &process{name: name, address: address, command: exec.CommandContext(ctx, path, args(address)...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = output, output
	p.command.WaitDelay = time.Second
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait() // it is always killed
		close(p.ended)
	}()
	for deadline := time.Now().Add(longest); ; {
		if _, err = request(ctx, http.MethodGet, address, "/-/ready"); err == nil {
			return p, nil
		}
		if e := p.alive(); e != nil {
			return nil, e
		}
		if e := sleep(ctx, 50*time.Millisecond); e != nil || time.Now().After(deadline) {
			p.stop()
			return nil, fmt.Errorf("wait for %s: %w", name, errors.Join(err, e))
		}
	}
}

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.ended
}

// alive returns an error once the process has ended.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended: %s", p.name, p.command.ProcessState)
	default:
		return nil
	}
}

// cpu returns the CPU time of all threads that the process ever had. /proc gives it
// in hundredths of a second; the clock of the process has nanoseconds. Linux numbers
// such a clock by the complement of the process ID and, in the last three bits, 2 for
// the time that the scheduler counts (linux/posix-timers.h, CPUCLOCK_SCHED).
func (p *process) cpu() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p.command.Process.Pid<<3|2), &t); err != nil {
		return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
	}
	return time.Duration(t.Nano()), nil
}

// spent returns the CPU time that the process spends on something, with what that
// leaves to be done in the background.
func (p *process) spent(ctx context.Context, do func() error) (float64, error) {
	if err := p.rest(ctx); err != nil {
		return 0, err
	}
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	if err := p.rest(ctx); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return float64(after - before), err
}

// memory returns the resident memory in bytes, now and at its peak.
func (p *process) memory() (resident, peak float64, err error) {
	proc, err := procfs.NewProc(p.command.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	status, err := proc.NewStatus()
	return float64(status.VmRSS), float64(status.VmHWM), err
}

// rest waits until the process has used next to no CPU twice in a row: it has then
// done what it was asked to, in the background too.
func (p *process) rest(ctx context.Context) error {
	const step, calm = 100 * time.Millisecond, 4 * time.Millisecond
	deadline := time.Now().Add(time.Minute)
	for quiet := 0; quiet < 2; {
		before, err := p.cpu()
		if err != nil {
			return err
		}
		if err := sleep(ctx, step); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		quiet++
		if after-before > calm {
			quiet = 0
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not come to rest", p.name)
		}
	}
	return nil
}

// sleep waits for d or for the end of the context, which is an error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request sends a request and returns the body of its response.
func request(ctx context.Context, method, address, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, body)
	}
	return body, err
}
