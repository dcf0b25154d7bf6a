// Package programs builds the programs that the tests run: Prometheus,
// Alertmanager and their tools in the versions that go.mod pins, and the exporter
// of this repository.
package programs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Names of the programs.
const (
	Prometheus   = "prometheus"
	Promtool     = "promtool"
	Alertmanager = "alertmanager"
	Amtool       = "amtool"
	Exporter     = "twilio_exporter"
)

// alertmanagerModule does not contain the web pages that Alertmanager embeds: npm
// generates them for a release. The tests do not need them.
const alertmanagerModule = "github.com/prometheus/alertmanager"

// Root returns the root directory of the repository.
func Root(t testing.TB) string {
	t.Helper()
	module, err := moduleDirectory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(module, "..", "..")
}

// directoryVariable is the environment variable with the directory of the programs.
const directoryVariable = "E2E_PROGRAMS"

// Main runs the tests of a package that calls Path often. It builds the programs
// once, which takes seconds if nothing has changed, so that Path does not have to.
func Main(m *testing.M) int {
	directory, err := Build(context.Background(), io.Discard)
	if err == nil {
		err = os.Setenv(directoryVariable, directory)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Path returns the path of a program. Without Main it builds all programs.
func Path(t testing.TB, program string) string {
	t.Helper()
	directory := os.Getenv(directoryVariable)
	if directory == "" {
		var err error
		if directory, err = Build(t.Context(), io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(directory, program)
}

// Build builds the programs and returns their directory. It writes its progress to
// w, because the first build takes ten minutes on two cores.
func Build(ctx context.Context, w io.Writer) (string, error) {
	module, err := moduleDirectory(ctx)
	if err != nil {
		return "", err
	}
	directory := filepath.Join(module, "bin")
	modfile, err := withWebPages(ctx, module, directory)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(w, "building Prometheus, Alertmanager, promtool and amtool: about ten minutes the first time, seconds afterwards")
	// Without service discovery for clouds: it takes long to compile and is not used.
	if err := compile(ctx, w, module, "-modfile="+modfile, "-tags=remove_all_sd", "-o", directory+"/", "tool"); err != nil {
		return "", err
	}
	_, err = BuildExporter(ctx, w)
	return directory, err
}

// BuildExporter builds the exporter alone and returns its path.
func BuildExporter(ctx context.Context, w io.Writer) (string, error) {
	module, err := moduleDirectory(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(module, "bin", Exporter)
	fmt.Fprintln(w, "building the exporter")
	return path, compile(ctx, w, filepath.Join(module, "..", ".."), "-o", path, ".")
}

func moduleDirectory(ctx context.Context) (string, error) {
	file, err := output(ctx, "", "env", "GOMOD")
	return filepath.Dir(file), err
}

// withWebPages writes a go.mod next to the programs that replaces Alertmanager with
// a copy of its module that has a page to embed, and returns its path.
func withWebPages(ctx context.Context, module, directory string) (string, error) {
	if _, err := output(ctx, module, "mod", "download", alertmanagerModule); err != nil {
		return "", err
	}
	source, err := output(ctx, module, "list", "-m", "-f", "{{.Dir}}", alertmanagerModule)
	if err != nil {
		return "", err
	}
	replacement := filepath.Join(directory, "source", filepath.Base(source))
	page := filepath.Join(replacement, "ui", "app", "dist", "index.html")
	if _, err := os.Stat(page); err != nil {
		if err := os.RemoveAll(filepath.Join(directory, "source")); err != nil {
			return "", err
		}
		if err := copyTree(replacement, source); err != nil {
			return "", fmt.Errorf("copy %s: %w", alertmanagerModule, err)
		}
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(page, []byte("<!doctype html><title>Alertmanager</title>\n"), 0o644); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
			return "", err
		}
	}
	modfile := filepath.Join(directory, "go.mod")
	_, err = output(ctx, module, "mod", "edit", "-replace="+alertmanagerModule+"="+replacement, modfile)
	return modfile, err
}

// copyTree copies a module out of the read-only module cache, and makes the copy
// writable.
func copyTree(to, from string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(to, relative), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, relative), content, 0o644)
	})
}

// compile runs go build and reports its progress to w every 30 seconds.
func compile(ctx context.Context, w io.Writer, directory string, arguments ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"build", "-v", "-trimpath"}, arguments...)...)
	command.Dir = directory
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var log lines
	command.Stdout, command.Stderr = &log, &log
	start := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("go build in %s: %w\n%s", directory, err, log.text())
			}
			fmt.Fprintf(w, "done after %s\n", time.Since(start).Round(time.Second))
			return nil
		case <-tick.C:
			fmt.Fprintf(w, "  still building after %s: %d packages compiled\n", time.Since(start).Round(time.Second), log.count())
		}
	}
}

func output(ctx context.Context, directory string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = directory
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(arguments, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// lines collects the output of a program and counts its lines. It is safe for
// concurrent use.
type lines struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.buffer.Bytes(), []byte("\n"))
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}
