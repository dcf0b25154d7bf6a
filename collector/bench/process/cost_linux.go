package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supported is an error on systems that do not tell what another process costs.
func Supported() error { return nil }

// CPU is the time that all threads of the process have spent on any core, those
// that have ended included.
func (p *Process) CPU() (time.Duration, error) {
	// The kernel numbers the clocks of processes so: the complement of the
	// process's number, and two bits for the clock that counts what the
	// scheduler gave, in nanoseconds.
	const scheduler = 2
	clock := ^p.PID()<<3 | scheduler
	var t unix.Timespec
	if err := unix.ClockGettime(int32(clock), &t); err != nil {
		return 0, fmt.Errorf("read the CPU time of %s: %w", p.Name, err)
	}
	return time.Duration(t.Nano()), nil
}

// Memory reads what the process takes.
func (p *Process) Memory() (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of %s: %w", p.Name, err)
	}
	var m Memory
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		var to *int64
		switch string(fields[0]) {
		case "VmRSS:":
			to = &m.Resident
		case "VmHWM:":
			to = &m.Peak
		default:
			continue
		}
		kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("read the memory of %s: %w", p.Name, err)
		}
		*to = kilobytes * 1024
	}
	return m, nil
}

// dieWithParent has the kernel kill the process when the harness ends, however
// that comes.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
