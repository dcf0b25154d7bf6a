// Package packages_test makes a release, installs it, and boots a system with it.
package packages_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
)

// repository is the root directory of the repository.
const repository = "../../.."

const (
	unitFile = "deploy/systemd/twilio_exporter.service"
	program  = "/usr/bin/twilio_exporter"
)

// maxExposure is the exposure level of the unit by "systemd-analyze security" of
// systemd 252: 0 is best, 10 is worst. What remains is the network, the system's root
// directory, and access to the boot time.
const maxExposure = 1.1

// run runs a program and returns its output.
func run(ctx context.Context, t *testing.T, directory, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = directory
	output, err := command.CombinedOutput()
	return string(output), err
}

// must is like run, but fails the test if the program fails.
func must(t *testing.T, directory, name string, args ...string) string {
	t.Helper()
	output, err := run(t.Context(), t, directory, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return output
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func TestUnitVerifies(t *testing.T) {
	analyze := outside.Need(t, "systemd-analyze", "systemd")
	outside.Need(t, "kill", "procps")
	// The exporter is not installed here. TestRelease checks its path.
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	write(t, unit, strings.ReplaceAll(read(t, filepath.Join(repository, unitFile)), program, "/bin/true"), 0o644)
	if output := must(t, "", analyze, "verify", unit); output != "" {
		t.Errorf("systemd-analyze verify: %s", output)
	}
}

func TestUnitExposure(t *testing.T) {
	analyze := outside.Need(t, "systemd-analyze", "systemd")
	output := must(t, "", analyze, "security", "--no-pager", "--offline=true", filepath.Join(repository, unitFile))
	found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("no exposure level in\n%s", output)
	}
	exposed, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	if exposed > maxExposure {
		t.Errorf("exposure %.1f, want at most %.1f:\n%s", exposed, maxExposure, output)
	}
}

// TestPackagedConfiguration checks the configuration of a new installation.
func TestPackagedConfiguration(t *testing.T) {
	cfg, err := config.Parse("config.yml", []byte(read(t, filepath.Join(repository, "deploy/systemd/config.yml"))))
	if err != nil {
		t.Fatal(err)
	}
	loaded := regexp.MustCompile(`(?m)^LoadCredential=(\w+):/etc/twilio_exporter/credentials$`).
		FindStringSubmatch(read(t, filepath.Join(repository, unitFile)))
	if loaded == nil {
		t.Fatal("the unit loads no credentials")
	}
	if directory := regexp.MustCompile(`(?m)^StateDirectory=(\w+)$`).FindStringSubmatch(read(t, filepath.Join(repository, unitFile))); directory == nil ||
		string(cfg.Storage().Path) != "/var/lib/"+directory[1] {
		t.Errorf("storage.path is %s, and the unit makes %q", cfg.Storage().Path, directory)
	}
	for _, a := range cfg.Accounts() {
		want := "/run/credentials/twilio_exporter.service/" + loaded[1] + "_" + a.Name
		if have := a.HTTPClient.BasicAuth.PasswordFile; have != want {
			t.Errorf("account %s has its secret in %s, but systemd provides it as %s", a.Name, have, want)
		}
	}
}
