// Package compose_test loads deploy/compose.yml with the library of Docker Compose,
// checks that everything it refers to exists, and runs the services without Docker.
package compose_test

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// deploy is the directory deploy of the repository.
const deploy = "../.."

// load reads files like "docker compose -f deploy/compose.yml", with one -f for each.
// Errors, unknown keys and warnings fail the test.
func load(t *testing.T, overrides ...string) *types.Project {
	t.Helper()
	var warnings bytes.Buffer
	logrus.SetOutput(&warnings) // the library logs warnings
	defer logrus.SetOutput(os.Stderr)
	directory, err := filepath.Abs(deploy)
	if err != nil {
		t.Fatal(err)
	}
	files := []types.ConfigFile{{Filename: filepath.Join(directory, "compose.yml")}}
	for _, name := range overrides {
		files = append(files, types.ConfigFile{Filename: filepath.Join(directory, name)})
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  directory,
		ConfigFiles: files,
		Environment: types.Mapping{}, // compose.yml uses no variables
	})
	if err != nil {
		t.Fatal(err)
	}
	if warnings.Len() > 0 {
		t.Fatalf("warnings: %s", &warnings)
	}
	return project
}

func TestServices(t *testing.T) {
	project := load(t)
	want := []string{"alertmanager", "exporter", "grafana", "notifications", "prometheus"}
	if have := project.ServiceNames(); !slices.Equal(have, want) {
		t.Fatalf("services %v, want %v", have, want)
	}
	pinned := regexp.MustCompile(`^[a-z/]+:v?[0-9]+\.[0-9]+\.[0-9]+$`)
	published := map[string]bool{}
	for name, s := range project.Services {
		for problem, found := range map[string]bool{
			"has an image without a version":             s.Build == nil && !pinned.MatchString(s.Image),
			"has a writable root filesystem":             !s.ReadOnly,
			"keeps capabilities":                         !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0,
			"allows new privileges":                      !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}),
			"is privileged":                              s.Privileged,
			"shares namespaces or devices of the host":   s.NetworkMode != "" || s.Pid != "" || s.Ipc != "" || len(s.Devices) > 0,
			"has no healthcheck, or should not have one": (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) != (name == "exporter"),
			"does not restart after a crash":             s.Restart != types.RestartPolicyUnlessStopped,
			"publishes no port, or should not":           (len(s.Ports) == 1) == (name == "notifications"),
		} {
			if found {
				t.Errorf("%s %s", name, problem)
			}
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" || port.Published == "" || published[port.Published] {
				t.Errorf("%s: port %s:%s", name, port.HostIP, port.Published)
			}
			published[port.Published] = true
		}
		for other, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionHealthy && project.Services[other].HealthCheck == nil {
				t.Errorf("%s waits for %s, which has no healthcheck", name, other)
			}
		}
	}
}

func TestExporterIsBuilt(t *testing.T) {
	exporter := load(t).Services["exporter"]
	root, err := filepath.Abs(filepath.Join(deploy, ".."))
	if err != nil {
		t.Fatal(err)
	}
	if exporter.Build == nil || exporter.Build.Context != root {
		t.Fatalf("built from %+v, want %s", exporter.Build, root)
	}
	if _, err := os.Stat(filepath.Join(root, "Dockerfile")); err != nil || exporter.Build.Dockerfile != "Dockerfile" {
		t.Errorf("Dockerfile %q: %v", exporter.Build.Dockerfile, err)
	}
	if exporter.PullPolicy != types.PullPolicyBuild {
		t.Errorf("the image may be pulled from a registry: %q", exporter.PullPolicy)
	}
	if !slices.Equal(exporter.Command, []string{"--demo"}) || len(exporter.Entrypoint) > 0 || exporter.Ports[0].Target != 9860 {
		t.Errorf("runs %v %v, port %d", exporter.Entrypoint, exporter.Command, exporter.Ports[0].Target)
	}
}

// TestOwnAccount checks that the exporter with an account of its own finds its
// configuration and its secret, and keeps its state in a volume.
func TestOwnAccount(t *testing.T) {
	project := load(t, "compose.account.yml")
	exporter := project.Services["exporter"]
	file, isFile := strings.CutPrefix(exporter.Command[0], "--config.file=")
	if len(exporter.Command) != 1 || !isFile || !exporter.ReadOnly {
		t.Fatalf("runs %v", exporter.Command)
	}
	var cfg struct {
		Accounts []struct {
			BasicAuth struct {
				PasswordFile string `yaml:"password_file"`
			} `yaml:"basic_auth"`
		}
		Storage struct{ Path string }
	}
	config := inContainer(t, exporter, file)
	readYAML(t, config, &cfg)
	if len(exporter.Secrets) != 1 || cfg.Accounts[0].BasicAuth.PasswordFile != "/run/secrets/"+exporter.Secrets[0].Source {
		t.Errorf("the password file is %q, the secrets %v", cfg.Accounts[0].BasicAuth.PasswordFile, exporter.Secrets)
	}
	state := slices.IndexFunc(exporter.Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == cfg.Storage.Path && !v.ReadOnly
	})
	if _, known := project.Volumes[exporter.Volumes[max(state, 0)].Source]; state < 0 || !known {
		t.Errorf("storage.path is %q, the volumes %v", cfg.Storage.Path, exporter.Volumes)
	}
	// A volume takes its owner from the folder of the image.
	image, err := os.ReadFile(filepath.Join(deploy, "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"/out/folders" + cfg.Storage.Path, "--chown=65532:65532 /out/folders/ /", "USER 65532:65532"} {
		if !strings.Contains(string(image), line) {
			t.Errorf("the Dockerfile has no %q", line)
		}
	}
	// The exporter itself takes the file, but for the paths of the container.
	directory := t.TempDir()
	content, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for path, here := range map[string]string{cfg.Storage.Path: directory, "/run/secrets/": directory + "/"} {
		content = bytes.ReplaceAll(content, []byte(path), []byte(here))
	}
	for name, text := range map[string]string{"config.yml": string(content), "twilio": "secret"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(programs.Path(t, programs.Exporter), "--config.file="+filepath.Join(directory, "config.yml"), "--config.check")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}

func TestMountsExist(t *testing.T) {
	root, err := filepath.Abs(filepath.Join(deploy, ".."))
	if err != nil {
		t.Fatal(err)
	}
	project := load(t)
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				if _, ok := project.Volumes[v.Source]; !ok || v.ReadOnly {
					t.Errorf("%s: volume %s", name, v.Source)
				}
				continue
			}
			if inside, err := filepath.Rel(root, v.Source); err != nil || strings.HasPrefix(inside, "..") {
				t.Errorf("%s: %s is not in the repository", name, v.Source)
			}
			// Docker would create a missing source as an empty directory.
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s: %s is not read-only", name, v.Source)
			}
			// Docker cannot create a mount point inside a read-only mount.
			for _, other := range s.Volumes {
				if other.Type == types.VolumeTypeBind && strings.HasPrefix(v.Target, other.Target+"/") {
					t.Errorf("%s: %s is inside the mount %s", name, v.Target, other.Target)
				}
			}
		}
	}
	for _, script := range []string{"chat", "pager"} {
		info, err := os.Stat(filepath.Join(deploy, "compose/www/cgi-bin", script))
		if err != nil || info.Mode()&0o111 != 0o111 {
			t.Errorf("%s is not executable: %v", script, err)
		}
	}
}

// TestPrometheusFindsEverything checks that the files in the configuration of
// Prometheus are mounted.
func TestPrometheusFindsEverything(t *testing.T) {
	project := load(t)
	prometheus := project.Services["prometheus"]
	var cfg struct {
		RuleFiles []string `yaml:"rule_files"`
		Alerting  struct {
			Alertmanagers []struct {
				Files []fileSD `yaml:"file_sd_configs"`
			}
		}
		Scrape []struct {
			Files []fileSD `yaml:"file_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, inContainer(t, prometheus, "/etc/prometheus/prometheus.yml"), &cfg)
	if len(cfg.RuleFiles) != 1 || len(cfg.Scrape) != 1 || len(cfg.Alerting.Alertmanagers) != 1 {
		t.Fatalf("prometheus.yml has an unexpected structure: %+v", cfg)
	}
	rules := beside("/etc/prometheus", cfg.RuleFiles[0])
	if found, err := filepath.Glob(filepath.Join(inContainer(t, prometheus, path.Dir(rules)), path.Base(rules))); err != nil || len(found) == 0 {
		t.Errorf("no rules at %s", rules)
	}
	for want, files := range map[string][]fileSD{
		"exporter:9860":     cfg.Scrape[0].Files,
		"alertmanager:9093": cfg.Alerting.Alertmanagers[0].Files,
	} {
		if have := targets(t, prometheus, files); !slices.Equal(have, []string{want}) {
			t.Errorf("targets %v, want %s", have, want)
		}
		host, _, _ := strings.Cut(want, ":")
		if _, ok := project.Services[host]; !ok {
			t.Errorf("no service %s", host)
		}
	}
	for _, flag := range []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--enable-feature=created-timestamp-zero-ingestion"} {
		if !slices.Contains(prometheus.Command, flag) {
			t.Errorf("Prometheus has no flag %s", flag)
		}
	}
}

type fileSD struct{ Files []string }

// targets returns the targets in the mounted files that match the patterns.
func targets(t *testing.T, s types.ServiceConfig, files []fileSD) (found []string) {
	t.Helper()
	for _, v := range s.Volumes {
		if v.Type != types.VolumeTypeBind {
			continue
		}
		for _, f := range files {
			for _, pattern := range f.Files {
				if ok, err := path.Match(beside("/etc/prometheus", pattern), v.Target); err != nil || !ok {
					continue
				}
				var groups []struct{ Targets []string }
				readYAML(t, v.Source, &groups)
				for _, g := range groups {
					found = append(found, g.Targets...)
				}
			}
		}
	}
	return found
}

// TestAlertmanagerFindsEverything does the same for templates and secrets. The URLs in
// the secrets must point to the service that prints notifications.
func TestAlertmanagerFindsEverything(t *testing.T) {
	project := load(t)
	alertmanager, sink := project.Services["alertmanager"], project.Services["notifications"]
	content, err := os.ReadFile(inContainer(t, alertmanager, "/etc/alertmanager/alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var cfg struct{ Templates []string }
	if err := yaml.Unmarshal(content, &cfg); err != nil {
		t.Fatal(err)
	}
	for _, template := range cfg.Templates {
		inContainer(t, alertmanager, beside("/etc/alertmanager", template))
	}
	secrets := regexp.MustCompile(`(?m)^[^#\n]*_file: *(\S+)$`).FindAllSubmatch(content, -1)
	if len(secrets) == 0 {
		t.Error("alertmanager.yml refers to no secret file")
	}
	for _, found := range secrets {
		secret, err := os.ReadFile(inContainer(t, alertmanager, beside("/etc/alertmanager", string(found[1]))))
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(strings.TrimSpace(string(secret)))
		if err != nil || u.Host != "notifications:8080" || !slices.Contains(sink.Entrypoint, u.Port()) {
			t.Errorf("%s has the URL %q", found[1], secret)
			continue
		}
		inContainer(t, sink, path.Join("/www", u.Path))
	}
}

func TestGrafana(t *testing.T) {
	project := load(t)
	grafana := project.Services["grafana"]
	for name, want := range map[string]string{
		"PROMETHEUS_URL":                        "http://prometheus:9090",
		"GF_AUTH_ANONYMOUS_ENABLED":             "true",
		"GF_AUTH_ANONYMOUS_ORG_ROLE":            "Viewer",
		"GF_AUTH_BASIC_ENABLED":                 "false",
		"GF_AUTH_DISABLE_LOGIN_FORM":            "true",
		"GF_ANALYTICS_REPORTING_ENABLED":        "false",
		"GF_ANALYTICS_CHECK_FOR_UPDATES":        "false",
		"GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
		"GF_PLUGINS_PREINSTALL_DISABLED":        "true",
	} {
		if have := grafana.Environment[name]; have == nil || *have != want {
			t.Errorf("%s is not %q", name, want)
		}
	}
	if found, err := filepath.Glob(filepath.Join(inContainer(t, grafana, "/var/lib/grafana/dashboards"), "*.json")); err != nil || len(found) == 0 {
		t.Errorf("no dashboards: %v", err)
	}
	inContainer(t, grafana, "/etc/grafana/provisioning/datasources")
	inContainer(t, grafana, "/etc/grafana/provisioning/dashboards")
}

// inContainer returns the path on this machine of a path in a service's container.
func inContainer(t *testing.T, s types.ServiceConfig, at string) string {
	t.Helper()
	for _, v := range s.Volumes {
		if rest, ok := strings.CutPrefix(at, v.Target); ok && v.Type == types.VolumeTypeBind && (rest == "" || rest[0] == '/') {
			file := v.Source + rest
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: nothing is mounted at %s: %v", s.Name, at, err)
			}
			return file
		}
	}
	t.Fatalf("%s: nothing is mounted at %s", s.Name, at)
	return ""
}

// beside resolves a path in a configuration file, relative to the file's directory.
func beside(directory, file string) string {
	if path.IsAbs(file) {
		return file
	}
	return path.Join(directory, file)
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
