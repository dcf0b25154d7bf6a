//go:build unix

package web

import "syscall"

// connectionLimit is how many connections are kept: a quarter of the files that the
// process may have open, and at most maxConnections.
func connectionLimit() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return maxConnections
	}
	return int(max(4, min(uint64(files.Cur)/4, maxConnections))) //nolint:unconvert // signed on some systems
}
