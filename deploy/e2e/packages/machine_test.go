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

// patience is how long a condition may take to come true.
const patience = time.Minute

// A machine is a Debian system in a directory: first only its files, then booted
// in a container with a network of its own, in which there is nobody.
type machine struct {
	root   string
	leader string // the process ID of its systemd, once it is booted
}

// newMachine installs a small Debian.
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
	t.Logf("Debian took %s", time.Since(began).Round(time.Second))
	return m
}

// checkNoMounts fails where the directory could not be removed.
func (m *machine) checkNoMounts(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(read(t, "/proc/self/mountinfo")) {
		if strings.Contains(line, m.root) {
			t.Errorf("still mounted: %s", line)
		}
	}
}

// run runs a program in the machine.
func (m *machine) run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if m.leader == "" {
		return run(ctx, t, "", "chroot", append([]string{m.root, name}, args...)...)
	}
	return run(ctx, t, "", "nsenter", append([]string{"--target", m.leader, "--all", name}, args...)...)
}

// must is run for what has to succeed.
func (m *machine) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := m.run(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, output, m.journal(t))
	}
	return output
}

// journal is what the service said, for when something went wrong.
func (m *machine) journal(t *testing.T) string {
	t.Helper()
	if m.leader == "" {
		return ""
	}
	output, _ := m.run(t, "journalctl", "--no-pager", "--lines=30", "--unit=twilio_exporter")
	return output
}

// path is where a file of the machine is.
func (m *machine) path(file string) string { return filepath.Join(m.root, file) }

// property is one of the service.
func (m *machine) property(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(m.must(t, "systemctl", "show", "--value", "--property="+name, "twilio_exporter"))
}

// get asks the exporter in the machine. Only bash is there to do it.
func (m *machine) get(t *testing.T, path string) string {
	t.Helper()
	answer, _ := m.run(t, "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/9860 && printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3 && cat <&3`, "get", path)
	return answer
}

// waitFor waits until something is true.
func (m *machine) waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline.C:
			t.Fatalf("not in %s: %s\n%s", patience, what, m.journal(t))
		case <-tick.C:
		}
	}
}

// boot starts systemd in the machine, and stops it when the test ends.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	name := "twilio-exporter-test-" + strconv.Itoa(os.Getpid())
	args := []string{
		"--quiet", "--directory=" + m.root, "--boot", "--machine=" + name, "--register=no",
		"--private-network", "--console=passive", "--settings=no",
	}
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		args = append(args, "--keep-unit") // there is no systemd here to make a unit for it
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
		defer os.RemoveAll("/run/systemd/nspawn/propagate/" + name) // which it leaves where /run is on a disk
		// It then shuts the machine down in good order.
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop the machine: %v", err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the machine ended with %v\n%s", err, &console)
			}
		case <-time.After(patience):
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

// childOf finds a child of a process.
func childOf(parent int) string {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
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
