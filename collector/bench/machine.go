package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is what the figures are true of.
type machine struct{ cpu, kernel string }

// String implements fmt.Stringer.
func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s/%s, Linux %s, %s",
		m.cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, m.kernel, runtime.Version())
}

func describeMachine() (machine, error) {
	m := machine{cpu: "unknown CPU"}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, fmt.Errorf("describe the machine: %w", err)
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.cpu = strings.TrimSpace(value)
			break
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, fmt.Errorf("describe the machine: %w", err)
	}
	m.kernel = strings.TrimSpace(string(kernel))
	return m, nil
}

// load is what the machine has done since it started.
type load struct {
	at           time.Time
	busy, stolen time.Duration // of all cores
	own          time.Duration // of the harness and of what it started and ended
}

func readLoad() (load, error) {
	l := load{at: time.Now()}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l, fmt.Errorf("read the machine's load: %w", err)
	}
	first, _, _ := bytes.Cut(text, []byte("\n"))
	fields := strings.Fields(string(first))
	// cpu user nice system idle iowait irq softirq steal, in hundredths of a second
	for i, field := range fields[1:min(9, len(fields))] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return l, fmt.Errorf("read the machine's load: %w", err)
		}
		d := time.Duration(n) * 10 * time.Millisecond
		switch i {
		case 3, 4: // idle
		case 7:
			l.stolen += d
		default:
			l.busy += d
		}
	}
	l.own, err = ownTime()
	return l, err
}

// since tells how much others have disturbed.
func (l load) since(began load) string {
	took := l.at.Sub(began.at)
	part := func(d time.Duration) float64 {
		return 100 * float64(d) / float64(took) / float64(runtime.NumCPU())
	}
	return fmt.Sprintf("It took %s; meanwhile others used %.1f %% of all cores, and the host took %.1f %%.",
		took.Round(time.Second), max(0, part(l.busy-began.busy-(l.own-began.own))), part(l.stolen-began.stolen))
}
