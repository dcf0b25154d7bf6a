package packages_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// configuration points to a port on which nothing listens.
const configuration = `accounts:
  - name: %s
    account_sid: AC00000000000000000000000000000000
    supersim_url: http://127.0.0.1:9
    api_url: http://127.0.0.1:9
    basic_auth:
      username: SK00000000000000000000000000000000
      password_file: /run/credentials/twilio_exporter.service/twilio_production
api: {max_retries: 1}
`

const (
	configFile = "/etc/twilio_exporter/config.yml"
	secretFile = "/etc/twilio_exporter/credentials/production"
)

// checkDeb tests the life cycle of the deb: installed without systemd, booted, started,
// reloaded, upgraded, stopped, removed, purged.
func (r *release) checkDeb(t *testing.T) {
	m := newMachine(t)
	must(t, "", "cp", r.find(t, runtime.GOOS, runtime.GOARCH, ".deb"), m.path("/first.deb"))

	output := m.must(t, "dpkg", "--install", "/first.deb")
	if !strings.Contains(output, "installed, but not started") {
		t.Errorf("the installation does not print the next steps:\n%s", output)
	}
	r.checkInstalled(t, m)
	m.makeUpgrade(t)

	m.boot(t)
	m.checkFirstStart(t)
	m.checkRunning(t)
	m.checkReload(t)
	m.checkUpgrade(t)
	m.checkStop(t)
	m.checkRemoval(t)
}

// checkInstalled checks the installed files, user and unit before the system is booted.
func (r *release) checkInstalled(t *testing.T, m *machine) {
	t.Helper()
	user := strings.Split(strings.TrimSpace(m.must(t, "getent", "passwd", "twilio_exporter")), ":")
	if user[2] == "0" || user[5] != "/" || user[6] != "/usr/sbin/nologin" {
		t.Errorf("the user is %v", user)
	}
	for _, file := range slices.Sorted(maps.Keys(packaged)) {
		if have := strings.TrimSpace(m.must(t, "stat", "--format=%a %U:%G", file)); have != packaged[file] {
			t.Errorf("%s: %s, want %s", file, have, packaged[file])
		}
		if source, ok := sources[file]; ok && read(t, m.path(file)) != read(t, filepath.Join(r.tree, source)) {
			t.Errorf("%s differs from %s", file, source)
		}
	}
	var listed []string
	for file := range strings.Lines(m.must(t, "dpkg", "--listfiles", "twilio-exporter")) {
		file = strings.TrimSpace(file)
		if _, ok := packaged[file]; !ok && !isShared(file) {
			t.Errorf("the package has the unexpected file %s", file)
		}
		listed = append(listed, file)
	}
	if len(listed) <= len(packaged) {
		t.Errorf("dpkg lists only %v", listed)
	}
	conffiles := m.must(t, "dpkg-query", "--show", "--showformat=${Conffiles}", "twilio-exporter")
	for _, file := range []string{configFile, "/etc/default/twilio_exporter"} {
		if !strings.Contains(conffiles, " "+file+" ") {
			t.Errorf("%s is not a conffile", file)
		}
	}
	if state, _ := m.run(t, "systemctl", "is-enabled", "twilio_exporter"); strings.TrimSpace(state) != "disabled" {
		t.Errorf("after the installation the service is %s", state)
	}
	if output := m.must(t, "systemd-analyze", "verify", "twilio_exporter.service"); output != "" {
		t.Errorf("systemd-analyze verify: %s", output)
	}

	as := func(user string, args ...string) (string, error) {
		return run(t.Context(), t, "", "chroot", append([]string{"--userspec=" + user, m.root, program}, args...)...)
	}
	if output, err := as("twilio_exporter:twilio_exporter", "--version"); err != nil || !strings.Contains(output, r.version) {
		t.Errorf("--version: %v %s", err, output)
	}
	const missing = "basic_auth.password_file: the file cannot be read: it does not exist"
	if output, err := as("twilio_exporter:twilio_exporter", "--config.file="+configFile, "--config.check"); err == nil || !strings.Contains(output, missing) {
		t.Errorf("the service's user cannot read the configuration: %v %s", err, output)
	}
	if output, err := as("nobody:nogroup", "--config.file="+configFile, "--config.check"); err == nil || !strings.Contains(output, "permission denied") {
		t.Errorf("other users can read the configuration: %v %s", err, output)
	}
}

// isShared reports whether a directory belongs to other packages too.
func isShared(file string) bool {
	return slices.Contains([]string{
		"/.", "/etc", "/etc/default", "/usr", "/usr/bin", "/usr/lib", "/usr/lib/systemd", "/usr/lib/systemd/system",
		"/usr/lib/sysusers.d", "/usr/share", "/usr/share/doc", "/usr/share/doc/twilio-exporter",
		"/usr/share/bash-completion", "/usr/share/bash-completion/completions", "/usr/share/zsh", "/usr/share/zsh/site-functions",
		"/usr/share/fish", "/usr/share/fish/vendor_completions.d", "/usr/share/man", "/usr/share/man/man1",
	}, file)
}

// makeUpgrade builds a second version of the package, with changes in both conffiles.
func (m *machine) makeUpgrade(t *testing.T) {
	t.Helper()
	m.must(t, "dpkg-deb", "--raw-extract", "/first.deb", "/second")
	control := m.path("/second/DEBIAN/control")
	write(t, control, regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(read(t, control), "Version: 9.0.0"), 0o644)
	for _, file := range []string{configFile, "/etc/default/twilio_exporter"} {
		file = m.path("/second" + file)
		write(t, file, read(t, file)+"# second version\n", 0o644)
	}
	m.must(t, "dpkg-deb", "--build", "/second", "/second.deb")
	m.must(t, "rm", "-r", "/second")
}

// checkFirstStart starts the service without a secret, which must fail.
func (m *machine) checkFirstStart(t *testing.T) {
	t.Helper()
	if state, _ := m.run(t, "systemctl", "is-active", "twilio_exporter"); strings.TrimSpace(state) != "inactive" {
		t.Fatalf("the installation started the service: %s", state)
	}
	if output, err := m.run(t, "systemctl", "start", "twilio_exporter"); err == nil {
		t.Errorf("the service starts without a secret: %s", output)
	}
	const problem = configFile + ":15: accounts[0].basic_auth.password_file: the file cannot be read: it does not exist"
	m.waitFor(t, "the journal contains "+problem, func() bool { return strings.Contains(m.journal(t), problem) })
	m.must(t, "systemctl", "stop", "twilio_exporter") // or systemd restarts it
}

// checkRunning starts the service as deploy/systemd/README.md describes, and checks the
// running process.
func (m *machine) checkRunning(t *testing.T) {
	t.Helper()
	write(t, m.path(configFile), fmt.Sprintf(configuration, "production"), 0o640)
	write(t, m.path(secretFile), "an unlikely secret\n", 0o600)
	m.must(t, "systemctl", "enable", "--now", "twilio_exporter")
	m.waitFor(t, "healthy", func() bool { return strings.HasPrefix(m.get(t, "/-/healthy"), "HTTP/1.0 200 ") })
	m.waitFor(t, "ready", func() bool { return strings.HasPrefix(m.get(t, "/-/ready"), "HTTP/1.0 200 ") })
	metrics := m.get(t, "/metrics")
	for _, want := range []string{
		`twilio_exporter_poll_success{account="production",collector="supersim_usage"} 0`, // connection refused
		"\nprocess_start_time_seconds ", "\nprocess_open_fds ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no sample %s in\n%s", want, metrics)
		}
	}

	pid := m.property(t, "MainPID")
	status := m.must(t, "cat", "/proc/"+pid+"/status")
	user := strings.TrimSpace(m.must(t, "id", "--user", "twilio_exporter"))
	for _, want := range []string{
		strings.Repeat("\t"+user, 4) + "\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		"CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
	} {
		if !strings.Contains(status, want) {
			t.Errorf("the process is not sandboxed: no %q in\n%s", want, status)
		}
	}
	if have := strings.TrimSpace(m.must(t, "stat", "--format=%a %U", "/run/credentials/twilio_exporter.service/twilio_production")); have != "400 twilio_exporter" {
		t.Errorf("the service's copy of the secret is %s", have)
	}
	for what, text := range map[string]string{
		"metrics": metrics, "journal": m.journal(t),
		"environment": m.must(t, "cat", "/proc/"+pid+"/environ"), "command line": m.must(t, "cat", "/proc/"+pid+"/cmdline"),
	} {
		if strings.Contains(text, "an unlikely secret") {
			t.Errorf("the secret is in the %s", what)
		}
	}
	if failed := m.must(t, "systemctl", "list-units", "--failed", "--no-legend"); strings.Contains(failed, "twilio") {
		t.Errorf("failed: %s", failed)
	}
}

// checkReload reloads a valid and an invalid configuration.
func (m *machine) checkReload(t *testing.T) {
	t.Helper()
	pid := m.property(t, "MainPID")
	write(t, m.path(configFile), fmt.Sprintf(configuration, "renamed"), 0o640)
	m.must(t, "systemctl", "reload", "twilio_exporter")
	m.waitFor(t, "reloaded", func() bool {
		return strings.Contains(m.get(t, "/metrics"), `twilio_exporter_poll_success{account="renamed",`)
	})
	write(t, m.path(configFile), "accounts: []\n", 0o640)
	m.must(t, "systemctl", "reload", "twilio_exporter")
	m.waitFor(t, "not reloaded", func() bool {
		return strings.Contains(m.get(t, "/metrics"), "\ntwilio_exporter_config_last_reload_successful 0\n")
	})
	if now := m.property(t, "MainPID"); now != pid || !strings.Contains(m.get(t, "/metrics"), `account="renamed"`) {
		t.Errorf("process %s before a failed reload and %s after it", pid, now)
	}
	write(t, m.path(configFile), fmt.Sprintf(configuration, "edited"), 0o640)
}

// checkUpgrade upgrades the package while the service runs, and while it is stopped.
func (m *machine) checkUpgrade(t *testing.T) {
	t.Helper()
	pid := m.property(t, "MainPID")
	upgrade := []string{"--install", "--force-confdef", "--force-confold", "/second.deb"}
	m.must(t, "dpkg", upgrade...)
	if version := m.must(t, "dpkg-query", "--show", "--showformat=${Version} ${db:Status-Abbrev}", "twilio-exporter"); version != "9.0.0 ii " {
		t.Errorf("installed: %q", version)
	}
	if now := m.property(t, "MainPID"); now == pid || now == "0" {
		t.Errorf("process %s before the upgrade, %s after it", pid, now)
	}
	m.waitFor(t, "healthy after the upgrade", func() bool {
		return strings.Contains(m.get(t, "/metrics"), `twilio_exporter_poll_success{account="edited",`)
	})
	if have := read(t, m.path(configFile)); have != fmt.Sprintf(configuration, "edited") {
		t.Errorf("the upgrade changed the edited configuration:\n%s", have)
	}
	if have := read(t, m.path("/etc/default/twilio_exporter")); !strings.HasSuffix(have, "# second version\n") {
		t.Errorf("the upgrade did not update the unedited /etc/default file:\n%s", have)
	}
	for file, want := range map[string]string{configFile: "640 root:twilio_exporter", secretFile: "600 root:root"} {
		if have := strings.TrimSpace(m.must(t, "stat", "--format=%a %U:%G", file)); have != want {
			t.Errorf("after the upgrade %s is %s, want %s", file, have, want)
		}
	}

	m.must(t, "systemctl", "stop", "twilio_exporter")
	m.must(t, "dpkg", upgrade...)
	if state, _ := m.run(t, "systemctl", "is-active", "twilio_exporter"); strings.TrimSpace(state) != "inactive" {
		t.Errorf("the upgrade started the stopped service: %s", state)
	}
	m.must(t, "systemctl", "start", "twilio_exporter")
}

// checkStop checks that the service stops cleanly.
func (m *machine) checkStop(t *testing.T) {
	t.Helper()
	m.waitFor(t, "healthy before the stop", func() bool { return strings.HasPrefix(m.get(t, "/-/healthy"), "HTTP/1.0 200 ") })
	m.must(t, "systemctl", "stop", "twilio_exporter")
	for property, want := range map[string]string{
		"Result": "success", "ExecMainCode": "1" /* CLD_EXITED: not killed */, "ExecMainStatus": "0", "ActiveState": "inactive",
	} {
		if have := m.property(t, property); have != want {
			t.Errorf("after the stop %s is %s, want %s", property, have, want)
		}
	}
	m.must(t, "systemctl", "start", "twilio_exporter")
}

// checkRemoval removes the package while the service runs, and then purges it.
func (m *machine) checkRemoval(t *testing.T) {
	t.Helper()
	m.must(t, "dpkg", "--remove", "twilio-exporter")
	if state, _ := m.run(t, "systemctl", "is-active", "twilio_exporter"); strings.TrimSpace(state) != "inactive" {
		t.Errorf("the service still runs: %s", state)
	}
	for _, file := range []string{configFile, secretFile} {
		m.must(t, "test", "-f", file) // only purge removes configuration and secrets
	}
	m.must(t, "dpkg", "--purge", "twilio-exporter")
	left := m.must(t, "find", "/", "-xdev", "(", "-iname", "*twilio*", ")", "-not", "-path", "/proc/*", "-print")
	if left != "" {
		t.Errorf("after purge there still is\n%s", left)
	}
	for _, database := range []string{"passwd", "group"} {
		if left, err := m.run(t, "getent", database, "twilio_exporter"); err == nil {
			t.Errorf("after purge there still is %s", left)
		}
	}
	if left, _ := m.run(t, "systemctl", "list-unit-files", "--no-legend", "twilio*"); left != "" { // exits with an error if there is none
		t.Errorf("after purge systemd still has %s", left)
	}
}
