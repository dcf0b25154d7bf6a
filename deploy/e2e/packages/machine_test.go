package packages_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
)

// timeout limits commands in the machine, and the wait for a condition.
const timeout = time.Minute

// A machine is a Debian system in a directory: at first only files, later booted in a
// container with an isolated network.
type machine struct {
	root   string
	leader string // process ID of its systemd, empty until it is booted
}

// newMachine installs a minimal Debian.
func newMachine(t *testing.T) *machine {
	t.Helper()
	outside.NeedRoot(t)
	mmdebstrap := outside.Need(t, "mmdebstrap", "mmdebstrap")
	outside.Need(t, "systemd-nspawn", "systemd-container")
	outside.Need(t, "nsenter", "util-linux")
	m := &machine{root: filepath.Join(t.TempDir(), "debian")}
	t.Cleanup(func() { m.checkNoMounts(t) })
	began := time.Now()
	must(t, "", mmdebstrap, "--quiet", "--variant=minbase", "--include=systemd,systemd-sysv,procps", "bookworm", m.root)
	t.Logf("installing Debian took %s", time.Since(began).Round(time.Second))
	return m
}

// checkNoMounts checks that no mount is left, which would keep the directory from being
// removed.
func (m *machine) checkNoMounts(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(read(t, "/proc/self/mountinfo")) {
		if strings.Contains(line, m.root) {
			t.Errorf("still mounted: %s", line)
		}
	}
}

// run runs a program in the machine and returns its output.
func (m *machine) run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if m.leader == "" {
		return run(ctx, t, "", "chroot", append([]string{m.root, name}, args...)...)
	}
	return run(ctx, t, "", "nsenter", append([]string{"--target", m.leader, "--all", name}, args...)...)
}

// must is like run, but fails the test if the program fails.
func (m *machine) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := m.run(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, output, m.journal(t))
	}
	return output
}

// journal returns the last log lines of the service.
func (m *machine) journal(t *testing.T) string {
	t.Helper()
	if m.leader == "" {
		return ""
	}
	output, _ := m.run(t, "journalctl", "--no-pager", "--lines=30", "--unit=twilio_exporter")
	return output
}

// path returns the path of a file of the machine on the host.
func (m *machine) path(file string) string { return filepath.Join(m.root, file) }

// property returns a property of the service.
func (m *machine) property(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(m.must(t, "systemctl", "show", "--value", "--property="+name, "twilio_exporter"))
}

// get sends a request to the exporter in the machine and returns the whole response.
// It uses bash, because the machine has no HTTP client.
func (m *machine) get(t *testing.T, path string) string {
	t.Helper()
	response, _ := m.run(t, "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/9860 && printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3 && cat <&3`, "get", path)
	return response
}

// waitFor waits until a condition is true, and fails the test after a timeout.
func (m *machine) waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("timed out after %s: %s\n%s", timeout, what, m.journal(t))
		case <-tick.C:
		}
	}
}

// boot boots the machine, and shuts it down when the test ends.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	name := "twilio-exporter-test-" + strconv.Itoa(os.Getpid())
	args := []string{
		"--quiet", "--directory=" + m.root, "--boot", "--machine=" + name, "--register=no",
		"--private-network", "--console=passive", "--settings=no",
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		args = append(args, "--keep-unit") // the host has no systemd that could create a unit
	}
	var console strings.Builder
	command := exec.Command("systemd-nspawn", args...)
	command.Stdout, command.Stderr = &console, &console
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		defer os.RemoveAll("/run/systemd/nspawn/propagate/" + name) // left behind if /run is not a tmpfs
		// On SIGTERM systemd-nspawn shuts the machine down cleanly.
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop the machine: %v", err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the machine ended with %v\n%s", err, &console)
			}
		case <-time.After(timeout):
			command.Process.Kill()
			<-ended
			t.Error("the machine did not stop")
		}
	})
	m.waitFor(t, "booted", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("systemd-nspawn ended with %v\n%s", err, &console)
		default:
		}
		if m.leader = childOf(command.Process.Pid); m.leader == "" {
			return false
		}
		state, _ := m.run(t, "systemctl", "is-system-running")
		return strings.TrimSpace(state) == "running" || strings.TrimSpace(state) == "degraded"
	})
}

// childOf returns the ID of a child of a process, or an empty string.
func childOf(parent int) string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended
		}
		_, rest, _ := strings.Cut(string(content), ") ")
		var state string
		var found int
		if _, err := fmt.Sscan(rest, &state, &found); err == nil && found == parent {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}
