package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Watcher reloads a configuration file when its content changes: written in place,
// replaced by another file, or reached by a symbolic link, of the file or of a
// directory, that points elsewhere, as where Kubernetes updates a ConfigMap.
type Watcher struct {
	file   string // absolute
	files  Files
	notify *fsnotify.Watcher
	route  atomic.Pointer[[]string] // to the file
	woken  chan struct{}            // something on the route has changed
	ended  chan struct{}            // closed when no more events come

	loaded hash // of the content at the last reload, good or bad

	quiet    time.Duration // for so long nothing changes before the file is read
	absence  time.Duration // for so long the file may be missing
	interval time.Duration // between two looks at the file without a sign of a change
}

// NewWatcher watches the file that a configuration was loaded from. The error is that the
// operating system cannot, for example because of its limits. The caller must call Close,
// or Run, which does.
func NewWatcher(file string, loaded *Config) (*Watcher, error) {
	failed := func(err error) (*Watcher, error) {
		return nil, fmt.Errorf("%s: --config.watch cannot watch it: %s", file, unwatchable(err))
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return failed(err)
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return failed(err)
	}
	w := &Watcher{
		file: absolute, notify: notify, woken: make(chan struct{}, 1), ended: make(chan struct{}),
		loaded: loaded.content,
		quiet:  250 * time.Millisecond, absence: 10 * time.Second, interval: time.Minute,
	}
	w.route.Store(new([]string))
	go w.forward()
	if err := w.follow(); err != nil {
		w.Close()
		return failed(err)
	}
	return w, nil
}

// unwatchable says in words why the operating system does not watch.
func unwatchable(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "too many open files, or inotify instances of the user (fs.inotify.max_user_instances)"
	case errors.Is(err, syscall.ENOSPC):
		return "too many inotify watches of the user (fs.inotify.max_user_watches)"
	}
	return err.Error()
}

// Close ends the watching.
func (w *Watcher) Close() {
	_ = w.notify.Close()
	<-w.ended
}

// Run calls reload whenever the content of the file has changed, until the context ends.
// A file that is missing for a moment has not changed. Where no sign of a change comes,
// as from a network file system or a single file that is mounted into a container, it is
// found within a minute. A reload that has failed is repeated every minute: a file that
// the configuration names may have come later.
func (w *Watcher) Run(ctx context.Context, reload func() error) {
	defer w.Close()
	look := time.NewTimer(0) // it may have changed since it was loaded
	defer look.Stop()
	regular := time.NewTicker(w.interval)
	defer regular.Stop()
	var missing time.Time // since when
	failed := false
	for {
		repeat := false
		select {
		case <-ctx.Done():
			return
		case <-w.woken:
			look.Reset(w.quiet)
			continue
		case <-regular.C:
			repeat = failed
		case <-look.C:
		}
		// Whatever changes from here on wakes it again. What cannot be watched any more
		// is found at the next regular look.
		_ = w.follow()
		found, err := w.read(ctx)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		switch {
		case err == nil:
			missing = time.Time{}
		case missing.IsZero():
			missing = now
		}
		if !missing.IsZero() && now.Sub(missing) < w.absence {
			look.Reset(w.absence - now.Sub(missing))
			continue
		}
		if found != w.loaded || repeat {
			w.loaded = found
			failed = reload() != nil
		}
	}
}

// hash is that of a file's content; zero if it could not be read.
type hash [sha256.Size]byte

func (w *Watcher) read(ctx context.Context) (hash, error) {
	content, err := w.files.read(ctx, w.file, maxConfig)
	if err != nil {
		return hash{}, err
	}
	return sha256.Sum256(content), nil
}

// follow watches what the route to the file leads through now.
func (w *Watcher) follow() error {
	for _, watched := range w.notify.WatchList() {
		// Another directory may have taken its place. The error is that it is gone.
		_ = w.notify.Remove(watched)
	}
	found := route(w.file)
	var watched []string
	for _, path := range found {
		watched = append(watched, filepath.Dir(path))
	}
	// A single file can be mounted into a container: its changes are none of a directory.
	watched = append(watched, found[len(found)-1])
	slices.Sort(watched)
	watched = slices.Compact(watched)
	// A directory tells by its own name that it is gone.
	all := append(slices.Clone(found), watched...)
	w.route.Store(&all)
	for _, path := range watched {
		if err := w.notify.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// forward passes on that something on the route has changed. It takes every event, so
// that the library never waits.
func (w *Watcher) forward() {
	defer close(w.ended)
	for {
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if !slices.Contains(*w.route.Load(), event.Name) {
				continue
			}
		case _, ok := <-w.notify.Errors: // some events may be lost
			if !ok {
				return
			}
		}
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}
