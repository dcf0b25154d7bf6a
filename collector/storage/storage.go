// Package storage keeps a file for each of some names in a folder, so that a process
// can continue where another one ended. It does not know what is in the files.
//
// A file is replaced as a whole: after a crash at any moment it is the old one or the
// new one. It is one line of text, which has the format's version and the length and
// CRC-32C of what follows, and then the payload.
package storage

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// format is the version of the files. It grows when payloads change in a way that
	// their readers do not notice.
	format = 1
	// maxSize bounds a file, and so the memory that it takes to read it.
	maxSize = 1 << 30 // bytes
)

const (
	extension  = ".state"
	temporary  = ".tmp"        // a file that is being written
	unreadable = ".unreadable" // a file that was set aside
	lockName   = "lock"
)

// A Folder is a folder of files that no other process uses. It is safe for concurrent
// use.
type Folder struct {
	fs   FS
	path string
	lock io.Closer

	mu      sync.Mutex
	writing map[string]*sync.Mutex // by name
}

// ErrLocked is the error of a folder that another process uses.
var ErrLocked = errors.New("another process uses this folder")

// Open makes the folder if it is not there, with mode 0700, locks it, and finds out
// whether it can be written to. Close unlocks it.
func Open(fs FS, path string) (*Folder, error) {
	if err := fs.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := fs.Lock(filepath.Join(path, lockName))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &Folder{fs: fs, path: path, lock: lock, writing: make(map[string]*sync.Mutex)}
	probe := f.file("probe" + temporary)
	err = f.create(probe, "probe", nil)
	if removed := fs.Remove(probe); err == nil {
		err = removed
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return f, nil
}

// Close unlocks the folder.
func (f *Folder) Close() error { return f.lock.Close() }

// Name is the name of a file for something with this identity, of which it shows
// nothing.
func Name(identity string) string {
	return fmt.Sprintf("%.16x", sha256.Sum256([]byte(identity)))
}

func (f *Folder) file(name string) string { return filepath.Join(f.path, name) }

// Write replaces the file of a name. When it returns without an error, the new one
// outlives a crash of the machine. It returns the file's size in bytes. After an error,
// the file may be the old one or the new one, and Forget should be called if the old
// one would mislead.
func (f *Folder) Write(name string, payload []byte) (size int64, err error) {
	defer f.exclusive(name)()
	head := header(payload)
	file := f.file(name + extension)
	if err := f.create(file+temporary, head, payload); err != nil {
		_ = f.fs.Remove(file + temporary)
		return 0, err
	}
	if err := f.fs.Rename(file+temporary, file); err != nil {
		_ = f.fs.Remove(file + temporary)
		return 0, err
	}
	return int64(len(head) + len(payload)), f.fs.SyncDir(f.path)
}

// exclusive lets one writer at a time use a name.
func (f *Folder) exclusive(name string) (unlock func()) {
	f.mu.Lock()
	m := f.writing[name]
	if m == nil {
		m = new(sync.Mutex)
		f.writing[name] = m
	}
	f.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// create writes a new file and waits until it is on the disk.
func (f *Folder) create(file, head string, payload []byte) error {
	w, err := f.fs.Create(file)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(w, head); err == nil {
		_, err = w.Write(payload)
	}
	if err == nil {
		err = w.Sync()
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

// Forget removes the file of a name. Where the folder does not allow that, it empties
// the file, so that it is not taken for a valid one.
func (f *Folder) Forget(name string) error {
	defer f.exclusive(name)()
	file := f.file(name + extension)
	err := f.fs.Remove(file)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return f.fs.Truncate(file, 0)
}

// Read returns what was written for a name. The error is fs.ErrNotExist if nothing was,
// and an *InvalidError if the file is not one that this version of the program wrote.
func (f *Folder) Read(name string) ([]byte, error) {
	file, err := f.fs.Open(f.file(name + extension))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, err
	}
	return parse(content)
}

// SetAside renames the file of a name, so that it is not read again, and returns its
// new path. It replaces one that was set aside before.
func (f *Folder) SetAside(name string) (path string, err error) {
	path = f.file(name + unreadable)
	return path, f.fs.Rename(f.file(name+extension), path)
}

// Path is the path of the file of a name.
func (f *Folder) Path(name string) string { return f.file(name + extension) }

// Prune removes files that were last written before a moment, and reports how many.
func (f *Folder) Prune(before time.Time) (removed int, err error) {
	entries, err := f.fs.ReadDir(f.path)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case extension, unreadable, temporary:
		default:
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
			continue
		}
		if err := f.fs.Remove(f.file(e.Name())); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// An InvalidError says why a file is not one that this version of the program wrote.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalidf(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

const magic = "twilio_exporter state"

// header is the line before a payload.
func header(payload []byte) string {
	return fmt.Sprintf("%s %d %d %08x\n", magic, format, len(payload), checksum(payload))
}

func checksum(payload []byte) uint32 {
	return crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
}

// parse returns the payload of a file.
func parse(content []byte) ([]byte, error) {
	const longest = 80 // bytes of a header
	line, _, found := strings.Cut(string(content[:min(len(content), longest)]), "\n")
	fields, ours := strings.CutPrefix(line, magic+" ")
	version, fields, _ := strings.Cut(fields, " ")
	number, err := strconv.Atoi(version)
	switch {
	case len(content) == 0:
		return nil, invalidf("it is empty")
	case len(content) > maxSize:
		return nil, invalidf("it is larger than %d MiB", maxSize>>20)
	case !ours || err != nil:
		return nil, invalidf("it is not a state of twilio_exporter")
	case number > format:
		return nil, invalidf("a newer version of the program wrote it (format %d, this one reads %d)", number, format)
	case number < format:
		return nil, invalidf("an older version of the program wrote it (format %d, this one reads %d)", number, format)
	case !found:
		return nil, invalidf("its first line is damaged")
	}
	payload := content[len(line)+1:]
	length, sum, _ := strings.Cut(fields, " ")
	if n, err := strconv.ParseInt(length, 10, 64); err != nil || n != int64(len(payload)) {
		return nil, invalidf("it has %d bytes after the first line, which names %s", len(payload), strconv.Quote(length))
	}
	if sum != fmt.Sprintf("%08x", checksum(payload)) {
		return nil, invalidf("its checksum is wrong")
	}
	return payload, nil
}
