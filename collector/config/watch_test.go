package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what should come at once.
const patience = 60 * time.Second

// watched is a Watcher that runs, and what it does.
type watched struct {
	*testing.T
	file    string
	looks   chan error  // what each read of the file came to
	reloads chan string // what the file said then
	results chan error  // of reloads; nil: those of reading the file
}

// watch runs a watcher that regularly looks at nothing: what it finds, it was told of.
func watch(t *testing.T, file string, change func(*Watcher)) *watched {
	t.Helper()
	loaded, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := NewWatcher(file, loaded)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{T: t, file: file, looks: make(chan error, 10000), reloads: make(chan string, 1000)}
	watcher.quiet, watcher.absence, watcher.interval = 10*time.Millisecond, time.Hour, time.Hour
	watcher.files.regular = func(file string, most int) ([]byte, error) {
		content, err := readRegular(file, most)
		w.looks <- err
		return content, err
	}
	if change != nil {
		change(watcher)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx, func() error {
			content, err := os.ReadFile(file)
			if err != nil {
				content = []byte(err.Error())
			}
			w.reloads <- string(content)
			if w.results != nil {
				return <-w.results
			}
			return err
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		goleak.VerifyNone(t, goleak.IgnoreCurrent())
	})
	w.awaitLook(nil) // the first one
	return w
}

// awaitLook waits until the watcher has read the file with this result.
func (w *watched) awaitLook(want error) {
	w.Helper()
	for end := time.After(patience); ; {
		select {
		case have := <-w.looks:
			if errors.Is(have, want) {
				return
			}
		case <-end:
			w.Fatalf("it does not look at the file with the result %v", want)
		}
	}
}

// awaitReload waits for the next reload, which must find this content. A file that is
// written in place may be found half written before.
func (w *watched) awaitReload(want string) {
	w.Helper()
	for {
		select {
		case have := <-w.reloads:
			if have == want {
				return
			}
			if !strings.HasPrefix(want, have) {
				w.Fatalf("want a reload with %q, have one with %q", want, have)
			}
		case <-time.After(patience):
			w.Fatalf("no reload with %q", want)
		}
	}
}

// number is a configuration of its own for each n.
func number(n int) string { return minimal + fmt.Sprintf("# number %d\n", n) }

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func put(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600))
}

// link makes a symbolic link, or replaces it at once as Kubernetes does.
func link(t *testing.T, target, link string) {
	t.Helper()
	must(t, os.Symlink(target, link+"_tmp"), os.Rename(link+"_tmp", link))
}

// TestWatch: every way in which a file gets another content is found, again and again.
func TestWatch(t *testing.T) {
	for name, x := range map[string]struct {
		prepare func(t *testing.T, dir string, n int) // makes number n
		change  func(t *testing.T, dir string, n int) // nil: as prepare
		file    string
	}{
		"written in place": {
			prepare: func(t *testing.T, dir string, n int) { put(t, dir+"/config.yml", number(n)) },
		},
		"replaced by rename": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, dir+"/.config.yml.swp", number(n))
				must(t, os.Rename(dir+"/.config.yml.swp", dir+"/config.yml"))
			},
		},
		"moved away and written anew": {
			prepare: func(t *testing.T, dir string, n int) {
				_ = os.Rename(dir+"/config.yml", dir+"/config.yml~")
				put(t, dir+"/config.yml", number(n))
			},
		},
		"removed and written anew": {
			prepare: func(t *testing.T, dir string, n int) {
				_ = os.Remove(dir + "/config.yml")
				put(t, dir+"/config.yml", number(n))
			},
		},
		"a ConfigMap of Kubernetes": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, fmt.Sprintf("%s/..v%d/config.yml", dir, n), number(n))
				link(t, fmt.Sprintf("..v%d", n), dir+"/..data")
				if n == 0 {
					link(t, "..data/config.yml", dir+"/config.yml")
				}
				must(t, os.RemoveAll(fmt.Sprintf("%s/..v%d", dir, n-1)))
			},
		},
		"a link that points elsewhere": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, fmt.Sprintf("%s/version/%d.yml", dir, n), number(n))
				link(t, fmt.Sprintf("version/%d.yml", n), dir+"/config.yml")
			},
		},
		"the target of a link in another directory": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, dir+"/far/away/.x", number(n))
				must(t, os.Rename(dir+"/far/away/.x", dir+"/far/away/x.yml"))
				if n == 0 {
					link(t, dir+"/far/away/x.yml", dir+"/config.yml")
				}
			},
		},
		"a directory that is a link": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, fmt.Sprintf("%s/release-%d/etc/config.yml", dir, n), number(n))
				link(t, fmt.Sprintf("./release-%d/", n), dir+"/current")
			},
			file: "current/etc/../etc/config.yml",
		},
		"a directory that is removed and made anew": {
			prepare: func(t *testing.T, dir string, n int) {
				must(t, os.RemoveAll(dir+"/a"))
				put(t, dir+"/a/b/config.yml", number(n))
			},
			file: "a/b/config.yml",
		},
		"a directory that is moved away": {
			prepare: func(t *testing.T, dir string, n int) {
				must(t, os.RemoveAll(dir+"/old"))
				_ = os.Rename(dir+"/etc", dir+"/old")
				put(t, dir+"/etc/config.yml", number(n))
			},
			file: "etc/config.yml",
		},
		// As where a single file is mounted into a container.
		"written by another name in another directory": {
			prepare: func(t *testing.T, dir string, n int) {
				put(t, dir+"/host/config.yml", number(n))
				if n == 0 {
					must(t, os.Link(dir+"/host/config.yml", dir+"/config.yml"))
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, file := t.TempDir(), "config.yml"
			if x.file != "" {
				file = x.file
			}
			x.prepare(t, dir, 0)
			w := watch(t, dir+"/"+file, nil)
			for n := 1; n <= 5; n++ {
				x.prepare(t, dir, n)
				w.awaitReload(number(n))
			}
			if len(w.reloads) > 0 {
				t.Errorf("have %d reloads more", len(w.reloads))
			}
		})
	}
}

// TestWatchRelative: a path that is relative to the working directory.
func TestWatchRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "config.yml", number(0))
	w := watch(t, "config.yml", nil)
	put(t, "config.yml", number(1))
	w.awaitReload(number(1))
}

// TestWatchSameContent: what leaves the content as it is causes no reload, and neither
// does a file that is missing for a moment.
func TestWatchSameContent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yml")
	put(t, file, number(0))
	w := watch(t, file, nil)
	must(t, os.Chmod(file, 0o640))
	w.awaitLook(nil)
	must(t, os.Remove(file))
	w.awaitLook(fs.ErrNotExist)
	put(t, file+".new", number(0))
	must(t, os.Rename(file+".new", file))
	w.awaitLook(nil)
	put(t, file+".new", number(1))
	must(t, os.Rename(file+".new", file))
	w.awaitReload(number(1))
	if len(w.reloads) > 0 {
		t.Errorf("have a reload with %q", <-w.reloads)
	}
}

// TestWatchMissing: a file that stays away is a reload that fails, and so is its return
// one, if only with the content from before.
func TestWatchMissing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yml")
	put(t, file, number(0))
	w := watch(t, file, func(w *Watcher) { w.absence = 50 * time.Millisecond })
	must(t, os.Remove(file))
	w.awaitReload((&fs.PathError{Op: "open", Path: file, Err: syscall.ENOENT}).Error())
	put(t, file+".new", number(0))
	must(t, os.Rename(file+".new", file))
	w.awaitReload(number(0))
}

// TestWatchBusyDirectory: what happens to other files does not put off a reload.
func TestWatchBusyDirectory(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/config.yml", number(0))
	w := watch(t, dir+"/config.yml", func(w *Watcher) { w.quiet = time.Second })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = os.WriteFile(dir+"/log", fmt.Append(nil, n), 0o600)
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	put(t, dir+"/config.yml", number(1))
	w.awaitReload(number(1))
}

// TestWatchRepeats: a reload that has failed is repeated until it succeeds.
func TestWatchRepeats(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yml")
	put(t, file, number(0))
	w := watch(t, file, func(w *Watcher) { w.interval = 20 * time.Millisecond })
	w.results = make(chan error)
	put(t, file+".new", number(1))
	must(t, os.Rename(file+".new", file))
	for _, result := range []error{errors.New("it fails"), errors.New("it fails"), nil} {
		w.awaitReload(number(1))
		w.results <- result
	}
	for len(w.looks) > 0 {
		<-w.looks
	}
	for range 5 {
		w.awaitLook(nil)
	}
	if len(w.reloads) > 0 {
		t.Errorf("have %d reloads although the last one succeeded", len(w.reloads))
	}
}

// TestWatchWithoutSigns: where no sign of a change comes, the next regular look finds
// it.
func TestWatchWithoutSigns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yml")
	put(t, file, number(0))
	w := watch(t, file, func(w *Watcher) {
		w.interval = 20 * time.Millisecond
		for _, path := range w.notify.WatchList() {
			must(t, w.notify.Remove(path))
		}
		read := w.files.regular
		w.file, w.files.regular = filepath.Join(t.TempDir(), "nothing", "happens", "here"), func(string, int) ([]byte, error) {
			return read(file, maxConfig)
		}
	})
	put(t, file+".new", number(1))
	must(t, os.Rename(file+".new", file))
	w.awaitReload(number(1))
}

// TestWatchLimits: what the operating system does not allow is said in words.
func TestWatchLimits(t *testing.T) {
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 3
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	_, err := NewWatcher("config.yml", new(Config))
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	const want = "config.yml: --config.watch cannot watch it: too many open files, or inotify instances of the user (fs.inotify.max_user_instances)"
	if err == nil || err.Error() != want {
		t.Errorf("want %s, have %v", want, err)
	}
	if have := unwatchable(&fs.PathError{Op: "inotify_add_watch", Path: "config.yml", Err: syscall.ENOSPC}); !strings.Contains(have, "fs.inotify.max_user_watches") {
		t.Errorf("have %s", have)
	}
}
