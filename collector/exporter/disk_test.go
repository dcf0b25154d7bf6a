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

	mu       sync.Mutex
	dead     bool
	killAt   int           // calls until the process is killed; 0: it is not
	killed   chan struct{} // closed at that call, which then waits
	released chan struct{} // closed when it may return
	failing  error         // of every call that changes something
	removes  bool          // but for removing files
}

func newDisk() *disk { return &disk{killed: make(chan struct{}), released: make(chan struct{})} }

// kill ends all changes.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

// killFrom kills the process at a call from now on, counted from 1: the call does not
// return before release.
func (d *disk) killFrom(call int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killAt = call
}

func (d *disk) release() {
	d.kill()
	close(d.released)
}

// fail makes every change fail, but for removing files if they can be removed; nil ends
// that.
func (d *disk) fail(err error, removes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.removes = err, removes
}

// change counts a call that changes something, and returns its error.
func (d *disk) change() error { return d.call(false) }

func (d *disk) call(removes bool) error {
	d.mu.Lock()
	if d.killAt > 0 && !d.dead {
		if d.killAt--; d.killAt == 0 {
			d.dead = true
			close(d.killed)
			d.mu.Unlock()
			<-d.released
			return errKilled
		}
	}
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return errKilled
	case removes && d.removes:
		return nil
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
	if err := d.call(true); err != nil {
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
