package exporter_test

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/twilio-exporter/twilio_exporter/collector/storage"
)

var errKilled = errors.New("the process was killed")

// disk is a file system whose process can be killed, or which fails, at any call.
type disk struct {
	storage.OS

	mu      sync.Mutex
	calls   int
	killAt  int   // the call from which on nothing happens any more; 0: none
	failing error // of every call that changes something
}

// kill ends all changes.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killAt = 1
}

// fail makes every change fail; nil ends that.
func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = err
}

// change counts a call that changes something, and returns its error.
func (d *disk) change() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.killAt > 0 && d.calls >= d.killAt {
		return errKilled
	}
	return d.failing
}

func (d *disk) MkdirAll(path string, mode fs.FileMode) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.OS.MkdirAll(path, mode)
}

func (d *disk) Create(file string) (storage.File, error) {
	if err := d.change(); err != nil {
		return nil, err
	}
	f, err := d.OS.Create(file)
	return diskFile{f, d}, err
}

func (d *disk) Rename(from, to string) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.OS.Rename(from, to)
}

func (d *disk) Remove(file string) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.OS.Remove(file)
}

func (d *disk) Truncate(file string, size int64) error {
	if err := d.change(); err != nil {
		return err
	}
	return d.OS.Truncate(file, size)
}

func (d *disk) SyncDir(string) error { return d.change() }

// diskFile is a file on it. Half of what is written when the process is killed is there.
type diskFile struct {
	storage.File
	disk *disk
}

func (f diskFile) Write(b []byte) (int, error) {
	if err := f.disk.change(); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f diskFile) Sync() error { return f.disk.change() }

var _ io.Closer = diskFile{}
