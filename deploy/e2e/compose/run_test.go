package compose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/outside"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// TestRuns runs the services without Docker: the programs with the command lines and
// mounts of compose.yml, each in its own read-only root, with the service names in
// /etc/hosts, in one network namespace. It does not cover the images and Grafana.
func TestRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("Alertmanager waits 30 seconds before it notifies")
	}
	outside.NeedRoot(t)
	outside.Need(t, "unshare", "util-linux")
	s := &stack{
		directory: t.TempDir(), busybox: outside.Need(t, "busybox", "busybox"), project: load(t),
		programs: map[string]string{
			"exporter":      programs.Path(t, programs.Exporter),
			"prometheus":    programs.Path(t, programs.Prometheus),
			"alertmanager":  programs.Path(t, programs.Alertmanager),
			"notifications": "", // its entrypoint is busybox
		},
	}
	s.start(t)

	for name := range s.programs {
		if check := s.project.Services[name].HealthCheck; check != nil {
			s.waitFor(t, name+" is healthy", func() bool {
				_, err := s.run(t, append([]string{"chroot", s.root(name), "/bin/busybox"}, check.Test[1:]...)...)
				return err == nil
			})
		}
	}
	s.waitFor(t, "Prometheus scrapes the exporter", func() bool {
		return strings.Contains(s.get(t, "http://prometheus:9090/api/v1/query?query=up%7Bjob=%22twilio%22,instance=%22exporter:9860%22%7D"), `,"1"]`)
	})
	s.waitFor(t, "Prometheus has the Alertmanager", func() bool {
		return strings.Contains(s.get(t, "http://prometheus:9090/api/v1/alertmanagers"), `"activeAlertmanagers":[{"url":"http://alertmanager:9093/api/v2/alerts"}]`)
	})
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.get(t, "http://prometheus:9090/api/v1/rules")), &rules); err != nil || len(rules.Data.Groups) == 0 {
		t.Errorf("no rules: %v", err)
	}
	for _, group := range rules.Data.Groups {
		for _, rule := range group.Rules {
			if rule.Health == "err" {
				t.Errorf("rule %s: %s", rule.Name, rule.LastError)
			}
		}
	}

	alert := `[{"labels":{"alertname":"TwilioComposeTest","severity":"critical","account":"demo"},"annotations":{"summary":"TwilioComposeTest fires"}}]`
	if output, err := s.run(t, s.busybox, "wget", "-q", "-O", "-", "--header", "Content-Type: application/json", "--post-data", alert, "http://127.0.0.1:9093/api/v2/alerts"); err != nil {
		t.Fatalf("post an alert: %v %s", err, output)
	}
	for _, receiver := range []string{" chat: {", " pager: {"} {
		s.waitFor(t, "a notification is printed as"+receiver, func() bool {
			for line := range strings.Lines(s.log(t, "notifications")) {
				if strings.Contains(line, receiver) && strings.Contains(line, "TwilioComposeTest fires") {
					return true
				}
			}
			return false
		})
	}
	for _, integration := range []string{"slack", "webhook"} {
		requests := regexp.MustCompile(`(?m)^alertmanager_notification_requests_(failed_)?total\{integration="` + integration + `".* ([0-9]+)$`)
		s.waitFor(t, "Alertmanager has the response to "+integration, func() bool {
			sent := false
			for _, found := range requests.FindAllStringSubmatch(s.get(t, "http://alertmanager:9093/metrics"), -1) {
				if found[1] != "" && found[2] != "0" {
					t.Fatalf("Alertmanager rejects the response to %s", integration)
				}
				sent = sent || found[1] == "" && found[2] != "0"
			}
			return sent
		})
	}
}

// A stack is the services in one network namespace and one mount namespace.
type stack struct {
	directory string
	busybox   string
	project   *types.Project
	programs  map[string]string // path by service
	namespace string            // ID of the process in the namespaces
}

func (s *stack) root(service string) string { return filepath.Join(s.directory, service) }

// start runs everything until the test ends.
func (s *stack) start(t *testing.T) {
	t.Helper()
	var script strings.Builder
	fmt.Fprintf(&script, "set -eu\n%s ifconfig lo up\n", s.busybox)
	for name, program := range s.programs {
		s.addService(t, &script, name, program)
	}
	fmt.Fprintln(&script, "wait")
	file := filepath.Join(s.directory, "start.sh")
	if err := os.WriteFile(file, []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	// When the first process of the PID namespace ends, the kernel kills all others
	// and removes the mounts.
	command := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", file)
	var output strings.Builder
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			t.Error(err)
		}
		command.Wait()
		if output.Len() > 0 {
			t.Logf("unshare: %s", &output)
		}
		if t.Failed() {
			for name := range s.programs {
				t.Logf("%s:\n%s", name, s.log(t, name))
			}
		}
	})
	s.namespace = strconv.Itoa(command.Process.Pid)
}

// addService adds to the script the commands that create a service's root and start
// the service there.
func (s *stack) addService(t *testing.T, script *strings.Builder, name, program string) {
	t.Helper()
	service, root := s.project.Services[name], s.root(name)
	printf := func(format string, args ...any) { fmt.Fprintf(script, format+"\n", args...) }
	mount := func(source, target string, writable bool) {
		if info, err := os.Stat(source); err == nil && !info.IsDir() {
			printf("mkdir -p %s && touch %s", filepath.Dir(root+target), root+target)
		} else {
			printf("mkdir -p %s", root+target)
		}
		printf("mount --bind %s %s", source, root+target)
		if !writable {
			printf("mount -o remount,ro,bind %s", root+target)
		}
	}
	printf("mkdir -p %[1]s/bin %[1]s/etc && mount --bind %[1]s %[1]s", root)
	for host := range s.project.Services {
		printf("echo 127.0.0.1 %s >> %s/etc/hosts", host, root)
	}
	mount("/usr/lib", "/lib", false)
	mount("/usr/lib64", "/lib64", false)
	mount("/dev/null", "/dev/null", true)
	printf("mkdir -p %[1]s/proc && mount -t proc proc %[1]s/proc", root)
	mount(s.busybox, "/bin/busybox", false)
	for _, applet := range []string{"sh", "head", "date", "cat", "wget"} {
		printf("ln -s busybox %s/bin/%s", root, applet)
	}
	command := append(slices.Clone(service.Entrypoint), service.Command...)
	if program != "" {
		mount(program, "/bin/program", false)
		command = append([]string{"/bin/program"}, command...)
	}
	for _, v := range service.Volumes {
		if v.Type == types.VolumeTypeBind {
			mount(v.Source, v.Target, !v.ReadOnly)
		} else { // the image's directory belongs to this user
			printf("mkdir -p %[1]s && chown 65534:65534 %[1]s", filepath.Join(s.directory, "volumes", v.Source))
			mount(filepath.Join(s.directory, "volumes", v.Source), v.Target, true)
		}
	}
	for _, target := range service.Tmpfs {
		printf("mkdir -p %[1]s && mount -t tmpfs tmpfs %[1]s", root+target)
	}
	if service.ReadOnly {
		printf("mount -o remount,ro,bind %s", root)
	}
	for i, word := range command {
		command[i] = "'" + word + "'"
	}
	printf("PATH=/bin /usr/sbin/chroot --userspec=65534:65534 %s %s > %s.log 2>&1 &", root, strings.Join(command, " "), root)
}

// run runs a program in the services' network and mount namespaces.
func (s *stack) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, "nsenter", append([]string{"--target", s.namespace, "--net", "--mount"}, args...)...).CombinedOutput()
	return string(output), err
}

// get sends a request from the root of the Alertmanager, where the service names
// resolve. It returns the response body, which is empty after an error.
func (s *stack) get(t *testing.T, url string) string {
	t.Helper()
	body, _ := s.run(t, "chroot", s.root("alertmanager"), "/bin/busybox", "wget", "-q", "-O", "-", url)
	return body
}

// log returns the output of a service.
func (s *stack) log(t *testing.T, service string) string {
	t.Helper()
	content, err := os.ReadFile(s.root(service) + ".log")
	if err != nil {
		t.Log(err)
	}
	return string(content)
}

// waitFor waits until a condition is true, and fails the test after two minutes. The
// first scrape may take a minute.
func (s *stack) waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("timed out after two minutes waiting until %s", what)
		case <-tick.C:
		}
	}
}
