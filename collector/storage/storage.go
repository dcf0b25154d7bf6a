// Package storage keeps the states of some names in a folder, so that a process can
// continue where another one ended. It does not know what is in them.
//
// A state is a head, which is small, and rows. A file with both is replaced as a whole:
// after a crash at any moment it is the old one or the new one. Where only the head has
// changed since, a file beside it has the newer head; it is replaced in the same way, and
// counts as long as the rows that it belongs to are there.
//
// A file is one line of text, which has the format's version, the name of its rows, the
// lengths of head and rows and the CRC-32C of both, and then the head and the rows.
package storage

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// format is the version of the files. It grows when states change in a way that
	// their readers do not notice.
	format = 2
	// maxSize bounds a file, and so the memory that it takes to read it.
	maxSize = 1 << 30 // bytes
)

const (
	extension  = ".state"
	newerHead  = ".head"       // a head that was written after the state
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

	seed maphash.Seed
	mu   sync.Mutex
	last map[string]*lastWrite // by name
}

// State is what a file contains.
type State struct{ Head, Rows []byte }

// lastWrite is the state of a name that was written last. Who holds it writes.
type lastWrite struct {
	sync.Mutex
	rows string // the name of the rows in the file; "": not known
	hash uint64 // of the rows
	size int64  // of the file
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
	f := &Folder{fs: fs, path: path, lock: lock, seed: maphash.MakeSeed(), last: make(map[string]*lastWrite)}
	probe := f.file("probe" + temporary)
	err = f.create(probe, "probe", State{})
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

// Write replaces the state of a name. When it returns without an error, the new one
// outlives a crash of the machine. Rows are written only if they are not those that this
// Folder wrote last. It returns the size of what is there now, in bytes. After an error,
// the state may be the old one or the new one, and Forget should be called if the old one
// would mislead.
func (f *Folder) Write(name string, s State) (size int64, err error) {
	last, unlock := f.exclusive(name)
	defer unlock()
	hash := maphash.Bytes(f.seed, s.Rows)
	if last.rows != "" && last.hash == hash && f.has(name, last.rows) {
		size, err := f.replace(name+newerHead, last.rows, State{Head: s.Head})
		return last.size + size, err
	}
	last.rows = ""
	rows := rand.Text()
	size, err = f.replace(name+extension, rows, s)
	if err == nil {
		last.rows, last.hash, last.size = rows, hash, size
	}
	return size, err
}

// has reports whether the rows of a name are those: somebody may have removed them.
func (f *Folder) has(name, rows string) bool {
	file, err := f.fs.Open(f.file(name + extension))
	if err != nil {
		return false
	}
	defer file.Close()
	want := startOfLine(rows)
	have := make([]byte, len(want))
	_, err = io.ReadFull(file, have)
	return err == nil && string(have) == want
}

// replace writes a file, and returns its size in bytes.
func (f *Folder) replace(name, rows string, s State) (size int64, err error) {
	line := firstLine(rows, s)
	file := f.file(name)
	if err := f.create(file+temporary, line, s); err != nil {
		_ = f.fs.Remove(file + temporary)
		return 0, err
	}
	if err := f.fs.Rename(file+temporary, file); err != nil {
		_ = f.fs.Remove(file + temporary)
		return 0, err
	}
	return int64(len(line) + len(s.Head) + len(s.Rows)), f.fs.SyncDir(f.path)
}

// exclusive lets one writer at a time use a name.
func (f *Folder) exclusive(name string) (last *lastWrite, unlock func()) {
	f.mu.Lock()
	last = f.last[name]
	if last == nil {
		last = new(lastWrite)
		f.last[name] = last
	}
	f.mu.Unlock()
	last.Lock()
	return last, last.Unlock
}

// create writes a new file and waits until it is on the disk.
func (f *Folder) create(file, line string, s State) error {
	w, err := f.fs.Create(file)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{[]byte(line), s.Head, s.Rows} {
		if err == nil && len(part) > 0 {
			_, err = w.Write(part)
		}
	}
	if err == nil {
		err = w.Sync()
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

// Forget removes the state of a name. Where the folder does not allow that, it empties
// the file, so that it is not taken for a valid one.
func (f *Folder) Forget(name string) error {
	last, unlock := f.exclusive(name)
	defer unlock()
	last.rows = ""
	file := f.file(name + extension)
	err := f.fs.Remove(file)
	_ = f.fs.Remove(f.file(name + newerHead)) // of no use without the state
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return f.fs.Truncate(file, 0)
}

// Read returns what was written for a name. The error is fs.ErrNotExist if nothing was,
// and an *InvalidError if a file is not one that this version of the program wrote.
func (f *Folder) Read(name string) (State, error) {
	rows, s, err := f.read(name + extension)
	if err != nil {
		return State{}, err
	}
	of, newer, err := f.read(name + newerHead)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		if invalid, ok := errors.AsType[*InvalidError](err); ok {
			err = invalidf("its newer head (%s): %s", f.file(name+newerHead), invalid.Reason)
		}
		return State{}, err
	case of == rows:
		s.Head = newer.Head
	}
	return s, nil
}

// read returns what is in a file, and the name of its rows.
func (f *Folder) read(name string) (rows string, s State, err error) {
	file, err := f.fs.Open(f.file(name))
	if err != nil {
		return "", State{}, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return "", State{}, err
	}
	return parse(content)
}

// SetAside renames the file of a name, so that it is not read again, and returns its
// new path. It replaces one that was set aside before.
func (f *Folder) SetAside(name string) (path string, err error) {
	path = f.file(name + unreadable)
	err = f.fs.Rename(f.file(name+extension), path)
	if removed := f.fs.Remove(f.file(name + newerHead)); err == nil && !errors.Is(removed, fs.ErrNotExist) {
		err = removed
	}
	return path, err
}

// Path is the path of the file of a name.
func (f *Folder) Path(name string) string { return f.file(name + extension) }

// Prune removes the states that were last written before a moment, and reports how many
// files that were.
func (f *Folder) Prune(before time.Time) (removed int, err error) {
	entries, err := f.fs.ReadDir(f.path)
	if err != nil {
		return 0, err
	}
	var old []string
	recent := make(map[string]bool) // by name, without extension
	for _, e := range entries {
		name, ext := base(e.Name())
		switch ext {
		case extension, newerHead, unreadable, temporary:
		default:
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if info.ModTime().Before(before) {
			old = append(old, e.Name())
		} else if ext == newerHead {
			recent[name] = true
		}
	}
	for _, file := range old {
		if name, ext := base(file); ext == extension && recent[name] {
			continue
		}
		if err := f.fs.Remove(f.file(file)); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// base splits the name of a file.
func base(file string) (name, ext string) {
	ext = filepath.Ext(file)
	return strings.TrimSuffix(file, ext), ext
}

// An InvalidError says why a file is not one that this version of the program wrote.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalidf(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

const magic = "twilio_exporter state"

// firstLine is the line before head and rows.
func firstLine(rows string, s State) string {
	return fmt.Sprintf("%s%d %d %08x\n", startOfLine(rows), len(s.Head), len(s.Rows), s.checksum())
}

func startOfLine(rows string) string { return fmt.Sprintf("%s %d %s ", magic, format, rows) }

func (s State) checksum() uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(s.Head, table), table, s.Rows)
}

// parse returns what is in a file, and the name of its rows.
func parse(content []byte) (rows string, s State, err error) {
	const longest = 120 // bytes of the first line
	line, _, found := strings.Cut(string(content[:min(len(content), longest)]), "\n")
	fields, ours := strings.CutPrefix(line, magic+" ")
	version, fields, _ := strings.Cut(fields, " ")
	number, err := strconv.Atoi(version)
	switch {
	case len(content) == 0:
		return "", State{}, invalidf("it is empty")
	case len(content) > maxSize:
		return "", State{}, invalidf("it is larger than %d MiB", maxSize>>20)
	case !ours || err != nil:
		return "", State{}, invalidf("it is not a state of twilio_exporter")
	case number > format:
		return "", State{}, invalidf("a newer version of the program wrote it (format %d, this one reads %d)", number, format)
	case number < format:
		return "", State{}, invalidf("an older version of the program wrote it (format %d, this one reads %d)", number, format)
	}
	var head, length int
	if _, err := fmt.Sscanf(fields, "%s %d %d", &rows, &head, &length); !found || err != nil {
		return "", State{}, invalidf("its first line is damaged")
	}
	rest := content[len(line)+1:]
	if head < 0 || length < 0 || head > len(rest) || length != len(rest)-head {
		return "", State{}, invalidf("it has %d bytes after the first line, which names %d and %d", len(rest), head, length)
	}
	s = State{rest[:head:head], rest[head:]}
	if firstLine(rows, s) != line+"\n" {
		return "", State{}, invalidf("its checksum is wrong")
	}
	return rows, s, nil
}
