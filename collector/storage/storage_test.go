package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/storage"
)

func open(t *testing.T, fs storage.FS, path string) *storage.Folder {
	t.Helper()
	f, err := storage.Open(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func state(head, rows string) storage.State {
	return storage.State{Head: []byte(head), Rows: []byte(rows)}
}

// write returns the size that Write reports.
func write(t *testing.T, f *storage.Folder, name, head, rows string) int64 {
	t.Helper()
	size, err := f.Write(name, state(head, rows))
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// want compares the state of a name, which is its head, a slash and its rows; "" is no
// state.
func want(t *testing.T, f *storage.Folder, name, state string) {
	t.Helper()
	have, err := read(f, name)
	switch {
	case state == "" && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		t.Errorf("%s: %v", name, err)
	case have != state:
		t.Errorf("%s: want %q, have %q", name, state, have)
	}
}

func read(f *storage.Folder, name string) (string, error) {
	s, err := f.Read(name)
	return string(s.Head) + "/" + string(s.Rows), err
}

// newerHead is the path of the file with a newer head.
func newerHead(f *storage.Folder, name string) string {
	return strings.TrimSuffix(f.Path(name), ".state") + ".head"
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "of", "accounts")
	f := open(t, storage.OS{}, path)
	name := storage.Name("account")
	want(t, f, name, "")
	write(t, f, name, "1", "first")
	write(t, f, name, "2", "second")
	want(t, f, name, "2/second")
	want(t, f, storage.Name("another account"), "")
	for file, mode := range map[string]fs.FileMode{path: 0o700, f.Path(name): 0o600, filepath.Join(path, "lock"): 0o600} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: want mode %o, have %v, %v", file, mode, info.Mode(), err)
		}
	}
	if err := f.Forget(name); err != nil {
		t.Error(err)
	}
	want(t, f, name, "")
	if err := f.Forget(name); err != nil {
		t.Error(err)
	}
}

// TestRowsAreWrittenOnce: rows that are there are not written again, whatever becomes of
// the head.
func TestRowsAreWrittenOnce(t *testing.T) {
	path := t.TempDir()
	f := open(t, storage.OS{}, path)
	sizes := func() (sum int64) {
		files, err := filepath.Glob(filepath.Join(path, "a.*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			sum += info.Size()
		}
		return sum
	}
	file := func() string {
		content, err := os.ReadFile(f.Path("a"))
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	write(t, f, "a", "1", "rows")
	first := file()
	if size := write(t, f, "a", "second", "rows"); file() != first {
		t.Error("the same rows were written again")
	} else if size != sizes() {
		t.Errorf("want a size of %d, have %d", sizes(), size)
	}
	want(t, f, "a", "second/rows")
	if mode, err := os.Stat(newerHead(f, "a")); err != nil || mode.Mode().Perm() != 0o600 {
		t.Errorf("want mode 600, have %v, %v", mode.Mode(), err)
	}

	// A head counts for its own rows only, even if others are the same by their bytes.
	write(t, f, "a", "3", "other rows")
	want(t, f, "a", "3/other rows")
	write(t, f, "a", "4", "rows")
	want(t, f, "a", "4/rows")

	// What somebody removed or replaced is written again.
	for _, change := range []func() error{
		func() error { return os.Remove(f.Path("a")) },
		func() error { return os.Truncate(f.Path("a"), 0) },
		func() error { return os.WriteFile(f.Path("a"), []byte(first), 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		write(t, f, "a", "5", "rows")
		want(t, f, "a", "5/rows")
	}

	// The next process writes everything once.
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, storage.OS{}, path)
	before := file()
	write(t, f, "a", "6", "rows")
	if file() == before {
		t.Error("rows that this process has not written were taken for its own")
	}
	want(t, f, "a", "6/rows")

	write(t, f, "a", "7", "rows")
	if err := f.Forget("a"); err != nil {
		t.Fatal(err)
	}
	want(t, f, "a", "")
	if size := sizes(); size != 0 {
		t.Errorf("a state that was removed left %d bytes", size)
	}
	write(t, f, "a", "8", "rows")
	want(t, f, "a", "8/rows")
}

// TestLock: a folder belongs to one process at a time.
func TestLock(t *testing.T) {
	path := t.TempDir()
	f := open(t, storage.OS{}, path)
	if _, err := storage.Open(storage.OS{}, path); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("want %v, have %v", storage.ErrLocked, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	open(t, storage.OS{}, path)
}

// TestInvalidFiles: what this program did not write is not taken, and it is said why.
func TestInvalidFiles(t *testing.T) {
	f := open(t, storage.OS{}, t.TempDir())
	name := storage.Name("account")
	write(t, f, name, "head", "the rows of an account")
	valid, err := os.ReadFile(f.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, by string) []byte { return bytes.Replace(valid, []byte(old), []byte(by), 1) }
	fields := strings.Fields(string(valid))
	rows := fields[3]
	for _, x := range []struct {
		name    string
		content []byte
		reason  string
	}{
		{"empty", nil, "it is empty"},
		{"foreign", []byte("#!/bin/sh\n"), "it is not a state of twilio_exporter"},
		{"binary", make([]byte, 4096), "it is not a state of twilio_exporter"},
		{"no version", []byte("twilio_exporter state\n"), "it is not a state of twilio_exporter"},
		{"newer", replace("state 2", "state 3"), "a newer version of the program wrote it (format 3, this one reads 2)"},
		{"older", []byte("twilio_exporter state 1 5 00000000\n12345"), "an older version of the program wrote it (format 1, this one reads 2)"},
		{"truncated in the header", valid[:len("twilio_exporter state 2 A")], "its first line is damaged"},
		{"truncated", valid[:len(valid)-1], "it has 25 bytes after the first line, which names 4 and 22"},
		{"longer", append(bytes.Clone(valid), 0), "it has 27 bytes after the first line, which names 4 and 22"},
		{"longer head", replace(" 4 22 ", " 4 23 "), "it has 26 bytes after the first line, which names 4 and 23"},
		{"negative", replace(" 4 22 ", " -4 30 "), "it has 26 bytes after the first line, which names -4 and 30"},
		{"huge", replace(" 4 22 ", " 9223372036854775807 9223372036854775807 "), "it has 26 bytes after the first line, which names 9223372036854775807 and 9223372036854775807"},
		{"no number", replace(" 4 22 ", " 4 x "), "its first line is damaged"},
		{"a bit", replace("account", "accounu"), "its checksum is wrong"},
		{"other spelling", replace(" 4 22 ", " 4 +22 "), "its checksum is wrong"},
	} {
		if err := os.WriteFile(f.Path(name), x.content, 0o600); err != nil {
			t.Fatal(err)
		}
		invalid, ok := errors.AsType[*storage.InvalidError](func() error { _, err := f.Read(name); return err }())
		if !ok || invalid.Reason != x.reason {
			t.Errorf("%s: want %q, have %v", x.name, x.reason, invalid)
		}
	}
	// A newer head is as strict, if it is of these rows or of others.
	if err := os.WriteFile(f.Path(name), valid, 0o600); err != nil {
		t.Fatal(err)
	}
	head := newerHead(f, name)
	for _, x := range []struct{ name, content, want string }{
		{"of these rows", "twilio_exporter state 2 " + rows + " 5 0 890b89eb\nnewer", "newer/the rows of an account"},
		{"of others", "twilio_exporter state 2 A 5 0 890b89eb\nnewer", "head/the rows of an account"},
		{"damaged", "twilio_exporter state 2 " + rows + " 5 0 890b89eb\nnewes", "its newer head (" + head + "): its checksum is wrong"},
		{"empty", "", "its newer head (" + head + "): it is empty"},
	} {
		if err := os.WriteFile(head, []byte(x.content), 0o600); err != nil {
			t.Fatal(err)
		}
		have, err := read(f, name)
		if invalid, ok := errors.AsType[*storage.InvalidError](err); ok {
			have = invalid.Reason
		}
		if have != x.want {
			t.Errorf("newer head %s: want %q, have %q", x.name, x.want, have)
		}
	}
	aside, err := f.SetAside(name)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, name, "")
	if _, err := os.Stat(head); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the newer head is still there: %v", err)
	}
	if _, err := os.Stat(aside); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(f.Path(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

// TestPrune: what nobody has written for long goes, and nothing else.
func TestPrune(t *testing.T) {
	path := t.TempDir()
	f := open(t, storage.OS{}, path)
	write(t, f, "old", "1", "")
	write(t, f, "old", "2", "")
	write(t, f, "new", "3", "")
	write(t, f, "unchanged", "4", "rows")
	write(t, f, "unchanged", "5", "rows")
	write(t, f, "aside", "6", "")
	aside, err := f.SetAside("aside")
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(path, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	for _, file := range []string{f.Path("old"), newerHead(f, "old"), f.Path("unchanged"), aside, foreign, filepath.Join(path, "lock")} {
		if err := os.Chtimes(file, before, before); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.Prune(before.Add(time.Minute)); n != 3 || err != nil {
		t.Errorf("want 3 files removed, have %d, %v", n, err)
	}
	want(t, f, "old", "")
	want(t, f, "new", "3/")
	want(t, f, "unchanged", "5/rows")
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

// TestCrashes: a process that ends, or a disk that fails, at any call of a write leaves
// the old state or the new one, whole.
func TestCrashes(t *testing.T) {
	for _, rows := range []string{"rows", "new rows"} { // those that are there, and others
		for _, failure := range []error{nil, syscall.ENOSPC, syscall.EROFS, syscall.EIO} { // nil: the process is killed
			for call := 1; ; call++ {
				path, disk := t.TempDir(), &unreliable{}
				f, err := storage.Open(disk, path)
				if err != nil {
					t.Fatal(err)
				}
				write(t, f, "a", "older", "rows")
				write(t, f, "a", "old", "rows")
				disk.calls, disk.failAt, disk.failure = 0, call, failure
				_, err = f.Write("a", state("new", rows))
				_ = f.Close()
				after := open(t, storage.OS{}, path)
				have, readErr := read(after, "a")
				switch written := "new/" + rows; {
				case readErr != nil:
					t.Errorf("%v at call %d (%s): %v", failure, call, disk.failed, readErr)
				case have != "old/rows" && have != written:
					t.Errorf("%v at call %d (%s): have %q", failure, call, disk.failed, have)
				case err == nil && have != written:
					t.Errorf("%v at call %d (%s): the write succeeded, and the state is %q", failure, call, disk.failed, have)
				case err == nil && disk.failed == "":
					if call < 7 {
						t.Errorf("a write makes only %d calls", call-1)
					}
				}
				// The next process writes as if nothing had happened, and so does this one.
				write(t, after, "a", "next", "rows")
				want(t, after, "a", "next/rows")
				disk.failAt = 0
				write(t, f, "a", "last", rows)
				want(t, f, "a", "last/"+rows)
				if err == nil && disk.failed == "" {
					break
				}
			}
		}
	}
}

// TestForget: where the folder can no longer be changed, the file is emptied.
func TestForget(t *testing.T) {
	path, disk := t.TempDir(), &unreliable{}
	f := open(t, disk, path)
	write(t, f, "a", "old", "")
	disk.calls, disk.failAt, disk.failure = 0, 1, syscall.EACCES
	disk.only = "remove"
	if err := f.Forget("a"); err != nil {
		t.Error(err)
	}
	if _, err := f.Read("a"); err == nil || err.Error() != "it is empty" {
		t.Errorf("the state before is still there: %v", err)
	}
}

// TestUnusable: a folder that cannot be written to is found out when it is opened.
func TestUnusable(t *testing.T) {
	for _, failure := range []error{syscall.ENOSPC, syscall.EROFS} {
		if _, err := storage.Open(&unreliable{failAt: 2, failure: failure}, t.TempDir()); !errors.Is(err, failure) {
			t.Errorf("want %v, have %v", failure, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Open(storage.OS{}, file); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// unreliable is a file system that fails at a call, or, without a failure, does nothing
// from then on.
type unreliable struct {
	storage.OS
	calls, failAt int
	failure       error
	only          string // the only call that fails
	failed        string // the call that failed
}

var errKilled = errors.New("the process was killed")

func (u *unreliable) call(name string) error {
	u.calls++
	switch {
	case u.failAt == 0 || u.only != "" && u.only != name:
		return nil
	case u.failure != nil && u.calls == u.failAt:
		u.failed = name
		return fmt.Errorf("%s: %w", name, u.failure)
	case u.failure == nil && u.calls >= u.failAt:
		if u.calls == u.failAt {
			u.failed = name
		}
		return errKilled
	}
	return nil
}

func (u *unreliable) MkdirAll(path string, mode fs.FileMode) error {
	if err := u.call("mkdir"); err != nil {
		return err
	}
	return u.OS.MkdirAll(path, mode)
}

func (u *unreliable) Create(file string) (storage.File, error) {
	if err := u.call("create"); err != nil {
		return nil, err
	}
	f, err := u.OS.Create(file)
	return unreliableFile{f, u}, err
}

func (u *unreliable) Rename(from, to string) error {
	if err := u.call("rename"); err != nil {
		return err
	}
	return u.OS.Rename(from, to)
}

func (u *unreliable) Remove(file string) error {
	if err := u.call("remove"); err != nil {
		return err
	}
	return u.OS.Remove(file)
}

func (u *unreliable) Truncate(file string, size int64) error {
	if err := u.call("truncate"); err != nil {
		return err
	}
	return u.OS.Truncate(file, size)
}

func (u *unreliable) SyncDir(path string) error {
	if err := u.call("sync of the folder"); err != nil {
		return err
	}
	return u.OS.SyncDir(path)
}

type unreliableFile struct {
	storage.File
	u *unreliable
}

// Write writes half where it fails.
func (f unreliableFile) Write(b []byte) (int, error) {
	if err := f.u.call("write"); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f unreliableFile) Sync() error {
	if err := f.u.call("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f unreliableFile) Close() error {
	err := f.File.Close()
	if failed := f.u.call("close"); failed != nil {
		return failed
	}
	return err
}

// unsynced is a file system that does not wait for the disk.
type unsynced struct{ storage.OS }

func (u unsynced) Create(file string) (storage.File, error) {
	f, err := u.OS.Create(file)
	return unsyncedFile{f}, err
}

func (unsynced) SyncDir(string) error { return nil }

type unsyncedFile struct{ storage.File }

func (unsyncedFile) Sync() error { return nil }

// FuzzRead: no content of a file makes a read panic, or yields anything but what was
// written.
func FuzzRead(f *testing.F) {
	folder, err := storage.Open(unsynced{}, f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer folder.Close()
	for _, rows := range []string{"", "a", strings.Repeat("state", 100)} {
		if _, err := folder.Write("seed", state("head", rows)); err != nil {
			f.Fatal(err)
		}
		content, err := os.ReadFile(folder.Path("seed"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("twilio_exporter state 2 A 0 18446744073709551615 00000000\n"))
	f.Add([]byte("twilio_exporter state 2 A -1 1 00000000\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(folder.Path("fuzz"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := folder.Read("fuzz")
		if err != nil {
			return
		}
		if _, err := folder.Write("again", read); err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(folder.Path("again"))
		if err != nil || !slices.Equal(withoutName(again), withoutName(content)) {
			t.Errorf("%q was taken, but would be written as %q", content, again)
		}
	})
}

// withoutName is what is in a file but for the name of its rows.
func withoutName(content []byte) []string {
	fields := strings.SplitN(string(content), " ", 5)
	fields[3] = ""
	return fields
}

// BenchmarkWrite writes the state of a million series, which is 20 MB, to the disk: with
// other rows each time, and with the same ones.
func BenchmarkWrite(b *testing.B) {
	folder, err := storage.Open(storage.OS{}, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer folder.Close()
	s := storage.State{Head: make([]byte, 50<<10), Rows: make([]byte, 20<<20)}
	for _, changed := range []bool{true, false} {
		b.Run(fmt.Sprintf("changed=%t", changed), func(b *testing.B) {
			for b.Loop() {
				if changed {
					s.Rows[0]++
				}
				if _, err := folder.Write("a", s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
