// Package outside checks for what tests need from the machine: programs and packages
// that are not Go modules, and root.
package outside

import (
	"context"
	"crypto/sha512"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Need returns the path of a program. If it is not installed, Need skips the test,
// or fails it if CI=true, where no test may be skipped unnoticed.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program+" is not installed: apt-get install "+debianPackage)
	}
	return path
}

// NeedPython returns the path of Debian's Python. If it has not got a module,
// NeedPython skips or fails the test like Need.
func NeedPython(t testing.TB, module, debianPackage string) string {
	t.Helper()
	const python = "/usr/bin/python3" // for which Debian's packages are
	if exec.CommandContext(t.Context(), python, "-c", "import "+module).Run() != nil {
		missing(t, "the Python module "+module+" is not installed: apt-get install "+debianPackage)
	}
	return python
}

// NeedPackage returns the path of the archive of an npm package, which npm downloads
// into a directory unless it is there already. sha512 is that of the archive, in
// hexadecimal. If npm or the package cannot be had, NeedPackage skips or fails the test
// like Need; another archive than that fails it.
func NeedPackage(t testing.TB, directory, name, version, sha512Sum string) string {
	t.Helper()
	path := filepath.Join(directory, name+"-"+version+".tgz")
	if _, err := os.Stat(path); err != nil {
		npm := Need(t, "npm", "npm")
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		pack := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", directory, name+"@"+version)
		if out, err := pack.CombinedOutput(); err != nil {
			missing(t, name+" "+version+" cannot be downloaded: "+strings.Join(pack.Args, " ")+": "+err.Error()+" "+strings.TrimSpace(string(out)))
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if have := fmt.Sprintf("%x", sha512.Sum512(content)); have != sha512Sum {
		t.Fatalf("%s has another content than expected: its SHA-512 is %s; remove it", path, have)
	}
	return path
}

// NeedRoot skips or fails the test like Need if it does not run as root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "the test needs root: run it with sudo")
	}
}

func missing(t testing.TB, what string) {
	t.Helper()
	what = "NOT TESTED: " + what
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	// go test does not print the log of a successful run, so make prints this file.
	if report := os.Getenv("E2E_NOT_TESTED"); report != "" {
		file, err := os.OpenFile(report, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(what + " (" + t.Name() + ")\n"); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("\n%s\n%s\n%[1]s", strings.Repeat("*", len(what)), what)
	t.SkipNow()
}
