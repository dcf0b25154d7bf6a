package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ownTime is the CPU time of the harness, and of the processes that it has
// started and that have ended.
func ownTime() (time.Duration, error) {
	var all time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return 0, fmt.Errorf("read the harness's own CPU time: %w", err)
		}
		all += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return all, nil
}
