package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
)

// names are the files in a folder.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func create(t *testing.T, path, text string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReplace: until Commit the path has its old content, and what is beside it is
// hidden and has another extension; after it, mode 0644.
func TestReplace(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := create(t, path, "new")
	if have := content(t, path); have != "old" {
		t.Errorf("before Commit: %q", have)
	}
	for _, name := range names(t, folder) {
		if name != "a.prom" && (!strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".prom")) {
			t.Errorf("a collector of *.prom would read %q", name)
		}
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 || content(t, path) != "new" {
		t.Errorf("want mode 0644 and the new content, have %v, %v, %q", info.Mode(), err, content(t, path))
	}
	if have := names(t, folder); len(have) != 1 {
		t.Errorf("want one file, have %q", have)
	}
}

func TestDiscard(t *testing.T) {
	folder := t.TempDir()
	create(t, filepath.Join(folder, "a.prom"), "new").Discard()
	if have := names(t, folder); len(have) != 0 {
		t.Errorf("want no file, have %q", have)
	}
}

// TestLink: a link stays one, and what it points to is replaced.
func TestLink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target.prom")
	link := filepath.Join(t.TempDir(), "link.prom")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if err := create(t, link, "new").Commit(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || content(t, target) != "new" {
		t.Errorf("have %v, %v, %q", info, err, content(t, target))
	}
}

// TestLinkToNothing: links to what does not exist yet stay, and it is made.
func TestLinkToNothing(t *testing.T) {
	folder := t.TempDir()
	target, first, second := filepath.Join(folder, "a", "target.prom"), filepath.Join(folder, "a", "first.prom"), filepath.Join(folder, "second.prom")
	err := errors.Join(os.Mkdir(filepath.Join(folder, "a"), 0o700), os.Symlink("target.prom", first))
	if err := errors.Join(err, os.Symlink(first, second)); err != nil {
		t.Skip(err)
	}
	if err := create(t, second, "new").Commit(); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{first, second} {
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s: have %v, %v", link, info, err)
		}
	}
	if have := content(t, target); have != "new" {
		t.Errorf("have %q", have)
	}
}

// TestLinkBesideALink: a relative link is one from the folder that it really is in.
func TestLinkBesideALink(t *testing.T) {
	folder := t.TempDir()
	err := errors.Join(os.MkdirAll(filepath.Join(folder, "a", "b"), 0o700), os.Symlink("../target.prom", filepath.Join(folder, "a", "b", "link.prom")))
	if err := errors.Join(err, os.Symlink(filepath.Join("a", "b"), filepath.Join(folder, "c"))); err != nil {
		t.Skip(err)
	}
	if err := create(t, filepath.Join(folder, "c", "link.prom"), "new").Commit(); err != nil {
		t.Fatal(err)
	}
	if have := content(t, filepath.Join(folder, "a", "target.prom")); have != "new" {
		t.Errorf("have %q", have)
	}
}

// TestCannotCommit: a path that cannot be replaced stays as it is, and nothing is left
// beside it.
func TestCannotCommit(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.prom")
	f := create(t, path, "new")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("have %v", err)
	}
	f.Discard()
	if have := names(t, folder); len(have) != 1 || have[0] != "a.prom" {
		t.Errorf("have %q", have)
	}
}

// TestLoop: links that lead back are an error.
func TestLoop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink("loop", path); err != nil {
		t.Skip(err)
	}
	if _, err := atomicfile.Create(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("have %v", err)
	}
}

// TestCannot: what Commit could not replace is an error at once.
func TestCannot(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent", "a.prom"), os.DevNull} {
		if _, err := atomicfile.Create(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: have %v", path, err)
		}
	}
}
