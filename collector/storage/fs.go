package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/gofrs/flock"
)

// An FS is the file system as far as a Folder needs it.
type FS interface {
	MkdirAll(path string, mode fs.FileMode) error
	Lock(file string) (io.Closer, error) // ErrLocked if another process has it
	Create(file string) (File, error)    // with mode 0600; what the file had is lost
	Open(file string) (io.ReadCloser, error)
	Rename(from, to string) error
	Remove(file string) error
	Truncate(file string, size int64) error
	SyncDir(path string) error
	ReadDir(path string) ([]fs.DirEntry, error)
}

// A File is one that is being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// OS is the file system of the operating system.
type OS struct{}

// MkdirAll implements FS.
func (OS) MkdirAll(path string, mode fs.FileMode) error { return os.MkdirAll(path, mode) }

// Lock implements FS. The lock ends with the process, however that ends.
func (OS) Lock(file string) (io.Closer, error) {
	lock := flock.New(file, flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, err
	case !locked:
		return nil, ErrLocked
	}
	return lock, nil
}

// Create implements FS.
func (OS) Create(file string) (File, error) {
	return os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
}

// Open implements FS. What is not a regular file cannot be opened: a pipe has no end.
func (OS) Open(file string) (io.ReadCloser, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &InvalidError{fmt.Sprintf("it is not a regular file but %s", info.Mode().Type())}
	}
	return os.Open(file)
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(file string) error { return os.Remove(file) }

// Truncate implements FS.
func (OS) Truncate(file string, size int64) error { return os.Truncate(file, size) }

// SyncDir implements FS. Windows has no such call; its file systems keep their own
// journals.
func (OS) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadDir implements FS.
func (OS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
