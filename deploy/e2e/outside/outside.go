// Package outside is about what tests need that is neither in this repository nor
// a Go module.
package outside

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Need returns where a program is. Where it is missing it skips the test, or
// fails it with CI=true: there nothing may go untested unnoticed.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program+" is not installed: apt-get install "+debianPackage)
	}
	return path
}

// NeedRoot is Need for the rights of root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "only root can do it: run the test with sudo")
	}
}

func missing(t testing.TB, what string) {
	t.Helper()
	what = "NOT TESTED: " + what
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	// go test keeps quiet about what a good run logs, so make tells it at the end.
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
