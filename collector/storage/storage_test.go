package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

func write(t *testing.T, f *storage.Folder, name, payload string) {
	t.Helper()
	if _, err := f.Write(name, []byte(payload)); err != nil {
		t.Fatal(err)
	}
}

// want compares the payload of a name; "" is no file.
func want(t *testing.T, f *storage.Folder, name, payload string) {
	t.Helper()
	have, err := f.Read(name)
	switch {
	case payload == "" && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		t.Errorf("%s: %v", name, err)
	case string(have) != payload:
		t.Errorf("%s: want %q, have %q", name, payload, have)
	}
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "of", "accounts")
	f := open(t, storage.OS{}, path)
	name := storage.Name("account")
	want(t, f, name, "")
	write(t, f, name, "first")
	write(t, f, name, "second")
	want(t, f, name, "second")
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
	write(t, f, name, "the state of an account")
	valid, err := os.ReadFile(f.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(valid, []byte(old), []byte(new), 1) }
	for _, x := range []struct {
		name    string
		content []byte
		reason  string
	}{
		{"empty", nil, "it is empty"},
		{"foreign", []byte("#!/bin/sh\n"), "it is not a state of twilio_exporter"},
		{"binary", make([]byte, 4096), "it is not a state of twilio_exporter"},
		{"no version", []byte("twilio_exporter state\n"), "it is not a state of twilio_exporter"},
		{"newer", replace("state 1", "state 2"), "a newer version of the program wrote it (format 2, this one reads 1)"},
		{"older", replace("state 1", "state 0"), "an older version of the program wrote it (format 0, this one reads 1)"},
		{"truncated in the header", valid[:len("twilio_exporter state 1 2")], "its first line is damaged"},
		{"truncated", valid[:len(valid)-1], `it has 22 bytes after the first line, which names "23"`},
		{"longer", append(bytes.Clone(valid), 0), `it has 24 bytes after the first line, which names "23"`},
		{"a bit", replace("account", "accounu"), "its checksum is wrong"},
	} {
		if err := os.WriteFile(f.Path(name), x.content, 0o600); err != nil {
			t.Fatal(err)
		}
		invalid, ok := errors.AsType[*storage.InvalidError](func() error { _, err := f.Read(name); return err }())
		if !ok || invalid.Reason != x.reason {
			t.Errorf("%s: want %q, have %v", x.name, x.reason, invalid)
		}
	}
	aside, err := f.SetAside(name)
	if err != nil {
		t.Fatal(err)
	}
	want(t, f, name, "")
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
	write(t, f, "old", "1")
	write(t, f, "new", "2")
	write(t, f, "aside", "3")
	aside, err := f.SetAside("aside")
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(path, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Hour)
	for _, file := range []string{f.Path("old"), aside, foreign, filepath.Join(path, "lock")} {
		if err := os.Chtimes(file, before, before); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.Prune(before.Add(time.Minute)); n != 2 || err != nil {
		t.Errorf("want 2 files removed, have %d, %v", n, err)
	}
	want(t, f, "old", "")
	want(t, f, "new", "2")
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

// TestCrashes: a process that ends, or a disk that fails, at any call of a write leaves
// the old state or the new one, whole.
func TestCrashes(t *testing.T) {
	for _, failure := range []error{nil, syscall.ENOSPC, syscall.EROFS, syscall.EIO} { // nil: the process is killed
		for call := 1; ; call++ {
			path, disk := t.TempDir(), &unreliable{}
			f, err := storage.Open(disk, path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, f, "a", "old")
			disk.calls, disk.failAt, disk.failure = 0, call, failure
			_, err = f.Write("a", []byte("the new state"))
			_ = f.Close()
			after := open(t, storage.OS{}, path)
			have, readErr := after.Read("a")
			switch {
			case readErr != nil:
				t.Errorf("%v at call %d (%s): %v", failure, call, disk.failed, readErr)
			case string(have) != "old" && string(have) != "the new state":
				t.Errorf("%v at call %d (%s): have %q", failure, call, disk.failed, have)
			case err == nil && string(have) != "the new state":
				t.Errorf("%v at call %d (%s): the write succeeded, and the state is %q", failure, call, disk.failed, have)
			case err == nil && disk.failed == "":
				if call < 7 {
					t.Errorf("a write makes only %d calls", call-1)
				}
			}
			// The next process writes as if nothing had happened.
			write(t, after, "a", "next")
			want(t, after, "a", "next")
			if err == nil && disk.failed == "" {
				break
			}
		}
	}
}

// TestForget: where the folder can no longer be changed, the file is emptied.
func TestForget(t *testing.T) {
	path, disk := t.TempDir(), &unreliable{}
	f := open(t, disk, path)
	write(t, f, "a", "old")
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
	for _, payload := range []string{"", "a", strings.Repeat("state", 100)} {
		if _, err := folder.Write("seed", []byte(payload)); err != nil {
			f.Fatal(err)
		}
		content, err := os.ReadFile(folder.Path("seed"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("twilio_exporter state 1 18446744073709551615 00000000\n"))
	f.Add([]byte("twilio_exporter state 1 -1 00000000\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(folder.Path("fuzz"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		payload, err := folder.Read("fuzz")
		if err != nil {
			return
		}
		if _, err := folder.Write("again", payload); err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(folder.Path("again"))
		if err != nil || !bytes.Equal(again, content) {
			t.Errorf("%q was taken, but would be written as %q", content, again)
		}
	})
}

// BenchmarkWrite writes the state of a million series, which is 20 MB, to the disk.
func BenchmarkWrite(b *testing.B) {
	folder, err := storage.Open(storage.OS{}, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer folder.Close()
	payload := make([]byte, 20<<20)
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := folder.Write("a", payload); err != nil {
			b.Fatal(err)
		}
	}
}
