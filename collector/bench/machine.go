package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// machine describes what the figures are true of.
func machine() string {
	cpu := "unknown CPU"
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if infos, err := fs.CPUInfo(); err == nil && len(infos) > 0 {
			cpu = infos[0].ModelName
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// load is the CPU time in seconds since the machine started.
type load struct {
	at           time.Time
	busy, stolen float64 // of all cores
	own          float64 // of the benchmark and of what it started and stopped
}

func readLoad() (load, error) {
	l := load{at: time.Now()}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return l, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return l, err
	}
	c := stat.CPUTotal
	l.busy, l.stolen = c.User+c.Nice+c.System+c.IRQ+c.SoftIRQ, c.Steal
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return l, err
		}
		l.own += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	return l, nil
}

// since tells how much others have disturbed the measurement.
func (l load) since(began load) string {
	took := l.at.Sub(began.at)
	percent := func(seconds float64) float64 { return 100 * seconds / took.Seconds() / float64(runtime.NumCPU()) }
	return fmt.Sprintf("It took %s; other processes used %.1f %% of all cores, and the host took %.1f %%.",
		took.Round(time.Second), max(0, percent(l.busy-began.busy-(l.own-began.own))), percent(l.stolen-began.stolen))
}
