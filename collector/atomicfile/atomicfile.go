// Package atomicfile replaces files so that a reader finds the old content or the new
// one, complete.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// A File is new content for a path. Until Commit it is in a file beside it, whose name
// is hidden and ends in .tmp: what reads *.prom or the like does not find it.
type File struct {
	path string
	temp *os.File
}

// Create begins new content for a path, which may be a link to a regular file, or name or
// be a link to one that does not exist. It fails where Commit would: where the folder
// cannot be written to, or where the path is something else than a regular file.
func Create(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot write %s: it is not a regular file", path)
	}
	target, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return &File{target, temp}, nil
}

// maxLinks is how many links of a path are followed, as Linux does.
const maxLinks = 40

// resolve follows links, also to what does not exist.
func resolve(path string) (string, error) {
	for range maxLinks {
		target, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return target, err
		}
		link, err := os.Readlink(path)
		if err != nil { // no link, or nothing
			return path, nil //nolint:nilerr // what does not exist is created
		}
		if !filepath.IsAbs(link) {
			folder, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			link = filepath.Join(folder, link)
		}
		path = link
	}
	return "", errors.New("too many links")
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) { return f.temp.Write(p) }

// Commit makes what was written the content of the path, with mode 0644 whatever the
// umask, and on the disk. If it fails, the path has the content that it had.
func (f *File) Commit() error {
	err := f.temp.Chmod(0o644)
	if runtime.GOOS == "windows" {
		err = nil // which has no such modes
	}
	err = errors.Join(err, f.temp.Sync(), f.temp.Close())
	if err == nil {
		err = os.Rename(f.temp.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.temp.Name())
		return fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	return nil
}

// Discard removes what was written. After Commit it does nothing.
func (f *File) Discard() {
	if f.temp.Close() == nil {
		_ = os.Remove(f.temp.Name())
	}
}
