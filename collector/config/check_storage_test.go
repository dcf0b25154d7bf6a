package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckStorage: storage.path is a folder or can become one, and is not made.
func TestCheckStorage(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	for path, fault := range map[string]string{
		"":                              "",
		dir:                             "",
		filepath.Join(dir, "new"):       "",
		filepath.Join(dir, "a", "b"):    "",
		file:                            "must be a folder",
		filepath.Join(file, "new"):      "cannot be made: a part of the path is not a folder",
		filepath.Join(file, "new", "a"): "cannot be made: a part of the path is not a folder",
		closed:                          "this user may not write to the folder",
		filepath.Join(closed, "new"):    "cannot be made: this user may not write to the folder above",
	} {
		if strings.HasPrefix(path, closed) && os.Getuid() == 0 {
			continue // who may do everything
		}
		cfg := strings.ReplaceAll(minimal, "password_file: secret", "password: secret") + "\nstorage: {path: \"" + path + "\"}\n"
		c, err := Parse("file", []byte(cfg))
		if err != nil {
			t.Fatal(err)
		}
		have := ""
		if err := c.CheckFiles(); err != nil {
			have = err.Error()
		}
		if fault == "" && have != "" || !strings.HasSuffix(have, "storage.path: "+fault) && fault != "" {
			t.Errorf("%s: want %q, have %q", path, fault, have)
		}
	}
	for _, made := range []string{"new", "a"} {
		if _, err := os.Stat(filepath.Join(dir, made)); err == nil {
			t.Errorf("%s was made", made)
		}
	}
}
