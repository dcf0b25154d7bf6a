//go:build unix

package config

import "syscall"

// writable returns the error of this user's access to make files in a folder.
func writable(folder string) error {
	const writeAndSearch = 2 | 1
	return syscall.Access(folder, writeAndSearch)
}
