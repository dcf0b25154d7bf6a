//go:build unix

package web

import "syscall"

// connectionLimit leaves three quarters of the files that the process may have
// open to everything else.
func connectionLimit() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return maxConnections
	}
	return int(max(4, min(uint64(files.Cur)/4, maxConnections)))
}
