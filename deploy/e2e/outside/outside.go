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
	t.Logf("\n%s\n%s\n%[1]s", strings.Repeat("*", len(what)), what)
	t.SkipNow()
}
