package config

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestText(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "device")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("plain", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		"plain": "hunter2", "line": "hunter2\n", "crlf": "hunter2\r\n", "bom": "\ufeffhunter2\n",
		"inner": "two words\n", "empty": "", "blank": "\ufeff \r\n", "utf16": "\xfe\xff\x00h",
		"most": strings.Repeat("x", maxSecret), "more": strings.Repeat("x", maxSecret+1),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"plain": "hunter2", "line": "hunter2", "crlf": "hunter2", "bom": "hunter2", "link": "hunter2",
		"inner": "two words", "most": strings.Repeat("x", maxSecret),
		"empty": "the file is empty", "blank": "the file is empty",
		"utf16": "the file is encoded in UTF-16 instead of UTF-8",
		"more":  "the file is larger than 64 KiB",
		"pipe":  "not a regular file", "device": "not a regular file", ".": "not a regular file",
		"absent": "no such file or directory",
	} {
		file := filepath.Join(dir, file)
		have, err := new(Files).Text(t.Context(), "basic_auth.password_file", file)
		if err != nil {
			prefix := "basic_auth.password_file: read " + file + ": "
			prefix = strings.Replace(prefix, "read ", errors.Unwrap(err).(*fs.PathError).Op+" ", 1)
			if have = strings.TrimPrefix(err.Error(), prefix); have == err.Error() {
				t.Errorf("want an error that begins with %q, have %q", prefix, have)
			}
		}
		if have != want {
			t.Errorf("%s: want %.50q, have %.50q", file, want, have)
		}
	}
}

// TestTextBlocked: a read that blocks ends for whoever waits for it, however many
// they are, and no second one begins before it has ended.
func TestTextBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		release := make(chan struct{})
		files := &Files{regular: func(string, int) ([]byte, error) {
			reads.Add(1)
			<-release
			return []byte("hunter2"), nil
		}}
		start := time.Now()
		for range 3 {
			_, err := files.Text(t.Context(), "key", "file")
			if err == nil || err.Error() != "key: read file: no complete read within 10s" {
				t.Errorf("have %v", err)
			}
		}
		if have := time.Since(start); have != 3*readTimeout {
			t.Errorf("it took %s", have)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := files.Text(ctx, "key", "file"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("want the error of the context, have %v", err)
		}
		if have := reads.Load(); have != 1 {
			t.Errorf("want 1 read, have %d", have)
		}
		close(release)
		synctest.Wait()
		if have, err := files.Text(t.Context(), "key", "file"); have != "hunter2" || err != nil {
			t.Errorf("have %q, %v", have, err)
		}
	})
}

// TestCheckFilesBlocked: the check of many files on a file system that no longer
// responds takes no longer than that of one.
func TestCheckFilesBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		account := func(sid string) string {
			return "- {account_sid: AC0123456789abcdef0123456789abcd" + sid + ", basic_auth: {username_file: user, password_file: word}}\n"
		}
		c, err := Parse("file", []byte("accounts:\n"+account("01")+account("02")))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = c.checkFiles(&Files{regular: func(file string, _ int) ([]byte, error) {
			if file == "word" {
				<-release
			}
			return nil, fs.ErrPermission
		}})
		const want = "file:2: accounts[0].basic_auth.username_file: the file cannot be read: for an unknown reason\n" +
			"file:2: accounts[0].basic_auth.password_file: the file cannot be read: no complete read within 10s"
		if err == nil || err.Error() != want {
			t.Errorf("want\n%s\nhave\n%v", want, err)
		}
		if have := time.Since(start); have != readTimeout {
			t.Errorf("it took %s", have)
		}
	})
}

// TestLoadIrregular: what is no regular file is not opened.
func TestLoadIrregular(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, make([]byte, maxConfig+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		pipe: "not a regular file", dir: "not a regular file", "/dev/null": "not a regular file",
		large: "the file is larger than 16 MiB",
	} {
		if _, err := Load(file); err == nil || err.Error() != file+": cannot be read: "+want {
			t.Errorf("want %s, have %v", want, err)
		}
	}
}
