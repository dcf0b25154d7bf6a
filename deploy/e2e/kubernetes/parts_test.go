package kubernetes_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	prometheusyaml "go.yaml.in/yaml/v3"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	selection "k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

const credentials = "twilio-exporter-credentials"

// isFalse and isTrue report whether an optional field is set to this value.
func isFalse(b *bool) bool { return b != nil && !*b }
func isTrue(b *bool) bool  { return b != nil && *b }

func TestPodSecurity(t *testing.T) {
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		w := theWorkload(t, name, objects)
		pod, c := w.template.Spec, container(t, w)
		account := manifest.The[*core.ServiceAccount](t, objects)
		user, group := imageUser(t)
		for problem, found := range map[string]bool{
			"has another service account":               pod.ServiceAccountName != account.Name,
			"has a service account token":               !isFalse(pod.AutomountServiceAccountToken) || !isFalse(account.AutomountServiceAccountToken),
			"has environment variables of all Services": !isFalse(pod.EnableServiceLinks),
			"shares namespaces of the node":             pod.HostNetwork || pod.HostPID || pod.HostIPC,
			"has no suitable termination grace period":  pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds < 5,
			"may be root":                              pod.SecurityContext == nil || !isTrue(pod.SecurityContext.RunAsNonRoot),
			"has another user than the image":          pod.SecurityContext == nil || pod.SecurityContext.RunAsUser == nil || *pod.SecurityContext.RunAsUser != user,
			"has another group than the image":         pod.SecurityContext == nil || pod.SecurityContext.RunAsGroup == nil || *pod.SecurityContext.RunAsGroup != group,
			"cannot read its volumes":                  pod.SecurityContext == nil || pod.SecurityContext.FSGroup == nil || *pod.SecurityContext.FSGroup != group,
			"has no seccomp profile":                   pod.SecurityContext == nil || pod.SecurityContext.SeccompProfile == nil || pod.SecurityContext.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault,
			"has a container without security context": c.SecurityContext == nil,
			"has a writable root filesystem":           c.SecurityContext == nil || !isTrue(c.SecurityContext.ReadOnlyRootFilesystem),
			"allows privilege escalation":              c.SecurityContext == nil || !isFalse(c.SecurityContext.AllowPrivilegeEscalation),
			"is privileged":                            c.SecurityContext != nil && c.SecurityContext.Privileged != nil,
			"overrides the pod's security context":     c.SecurityContext != nil && (c.SecurityContext.RunAsUser != nil || c.SecurityContext.RunAsNonRoot != nil || c.SecurityContext.SeccompProfile != nil),
			"keeps capabilities":                       c.SecurityContext == nil || c.SecurityContext.Capabilities == nil || !slices.Equal(c.SecurityContext.Capabilities.Drop, []core.Capability{"ALL"}) || len(c.SecurityContext.Capabilities.Add) > 0,
			"has no requests of memory or CPU":         c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero(),
			"has no limits of memory or CPU":           c.Resources.Limits.Memory().IsZero() || c.Resources.Limits.Cpu().IsZero(),
			"has limits below its requests":            c.Resources.Limits.Memory().Cmp(*c.Resources.Requests.Memory()) < 0 || c.Resources.Limits.Cpu().Cmp(*c.Resources.Requests.Cpu()) < 0,
			"has an image without a version":           !regexp.MustCompile(`^[^@:]+(:[0-9]+/[^@:]+)?:v?[0-9]+\.[0-9]+\.[0-9]+$`).MatchString(c.Image),
			"overrides the image's entrypoint":         len(c.Command) > 0,
			"uses envFrom":                             len(c.EnvFrom) > 0,
			"has volumes other than ConfigMaps, Secrets and its state": slices.ContainsFunc(pod.Volumes, func(v core.Volume) bool {
				return v.ConfigMap == nil && v.Secret == nil && (v.Name != "state" || v.EmptyDir == nil || v.EmptyDir.SizeLimit.IsZero())
			}),
			"has writable mounts other than its state": slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return !m.ReadOnly && m.Name != "state" }),
		} {
			if found {
				t.Errorf("the pod %s", problem)
			}
		}
	})
}

// TestSinglePoller checks that no account is ever polled by two pods. TestShards
// covers the shards.
func TestSinglePoller(t *testing.T) {
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		if name == sharded {
			return
		}
		d := manifest.The[*apps.Deployment](t, objects)
		if d.Spec.Replicas == nil || *d.Spec.Replicas != 1 {
			t.Error("the Deployment does not have exactly one replica")
		}
		if d.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
			t.Error("the Deployment does not stop the old pod before it starts a new one")
		}
		if args := container(t, theWorkload(t, name, objects)).Args; strings.Contains(strings.Join(args, " "), "shard") {
			t.Errorf("the only exporter has shard flags: %q", args)
		}
	})
}

// imageUser returns the user and group of the Dockerfile.
func imageUser(t *testing.T) (user, group int64) {
	t.Helper()
	if !bytes.Contains(dockerfile(t), []byte("\nUSER 65532:65532\n")) {
		t.Fatal("the Dockerfile has another user")
	}
	return 65532, 65532
}

func dockerfile(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(deploy, "../Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestSelectorsAndPorts(t *testing.T) {
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		w, service := theWorkload(t, name, objects), manifest.The[*core.Service](t, objects)
		monitor, policy := manifest.The[*monitoring.ServiceMonitor](t, objects), manifest.The[*networking.NetworkPolicy](t, objects)
		podLabels, c := w.template.Labels, container(t, w)

		for what, s := range map[string]struct {
			selector *v1.LabelSelector
			labels   map[string]string
		}{
			"the workload": {w.selector, podLabels},
			"the Service":  {&v1.LabelSelector{MatchLabels: service.Spec.Selector}, podLabels},
			"the policy":   {&policy.Spec.PodSelector, podLabels},
			"the monitor":  {&monitor.Spec.Selector, service.Labels},
		} {
			selector, err := v1.LabelSelectorAsSelector(s.selector)
			if err != nil {
				t.Fatal(err)
			}
			if selector.Empty() || !selector.Matches(selection.Set(s.labels)) {
				t.Errorf("%s selects %q, which does not match %v", what, selector, s.labels)
			}
		}

		if len(c.Ports) != 1 || !bytes.Contains(dockerfile(t), []byte("\nEXPOSE 9860\n")) || c.Ports[0].ContainerPort != 9860 {
			t.Fatalf("ports of the container: %v", c.Ports)
		}
		port := c.Ports[0].Name
		ports := service.Spec.Ports
		if len(ports) != 1 || ports[0].TargetPort.String() != port {
			t.Errorf("the Service's ports %v do not target the port %s", ports, port)
		}
		if ends := monitor.Spec.Endpoints; len(ends) != 1 || len(ports) != 1 || ends[0].Port != ports[0].Name || ends[0].Path != "/metrics" {
			t.Errorf("the ServiceMonitor's endpoints %v are not the Service's port %v", ends, ports)
		}
		if !isEmpty(monitor.Spec.NamespaceSelector) || monitor.Namespace != service.Namespace {
			t.Error("the ServiceMonitor selects Services in another namespace")
		}

		in, out := policy.Spec.Ingress, policy.Spec.Egress
		if !slices.Equal(policy.Spec.PolicyTypes, []networking.PolicyType{"Ingress", "Egress"}) {
			t.Errorf("the policy has the types %v", policy.Spec.PolicyTypes)
		}
		if len(in) != 1 || len(in[0].Ports) != 1 || in[0].Ports[0].Port.String() != port || len(in[0].From) != 1 ||
			in[0].From[0].PodSelector != nil || in[0].From[0].IPBlock != nil ||
			in[0].From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != "monitoring" {
			t.Errorf("the policy allows ingress %v", in)
		}
		var ends []string
		for _, rule := range out {
			for _, port := range rule.Ports {
				ends = append(ends, string(*port.Protocol)+" "+port.Port.String())
			}
		}
		if len(out) != 1 || !slices.Equal(ends, []string{"UDP 53", "TCP 53", "TCP 443"}) {
			t.Errorf("the policy allows egress to %v", ends)
		}
	})
}

func isEmpty(s monitoring.NamespaceSelector) bool { return !s.Any && len(s.MatchNames) == 0 }

// TestRelabeling relabels the targets of a pod and of its replacement as Prometheus
// does. Both must have the same labels, with the job name that the rules expect. Pods
// of different shards must have different labels.
func TestRelabeling(t *testing.T) {
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		ends := manifest.The[*monitoring.ServiceMonitor](t, objects).Spec.Endpoints
		end := ends[0]
		if interval, err := time.ParseDuration(string(end.Interval)); err != nil || interval <= 0 || interval > 5*time.Minute {
			t.Errorf("interval %s: %v", end.Interval, err)
		}
		if end.HonorLabels || len(end.MetricRelabelConfigs) > 0 {
			t.Error("honorLabels or metricRelabelings is set")
		}
		steps := relabelSteps(t, end.RelabelConfigs)
		relabeled := func(pod, address string) labels.Labels {
			// The labels of a target before the relabelings, from Prometheus Operator.
			builder := labels.NewBuilder(labels.FromStrings("job", "twilio-exporter", "instance", address,
				"namespace", "monitoring", "service", "twilio-exporter", "endpoint", "metrics",
				"pod", pod, "container", "twilio-exporter"))
			if !relabel.ProcessBuilder(builder, steps...) {
				t.Fatal("the target is dropped")
			}
			return builder.Labels()
		}
		type pod struct{ before, after, instance string }
		pods := []pod{{"twilio-exporter-6c9f7d9b5-x2v4q", "twilio-exporter-7d8b6c4f9-k8w2z", "twilio-exporter"}}
		if name == sharded {
			pods = []pod{
				{"twilio-exporter-0", "twilio-exporter-0", "twilio-exporter-0"},
				{"twilio-exporter-1", "twilio-exporter-1", "twilio-exporter-1"},
			}
		}
		for _, p := range pods {
			before, after := relabeled(p.before, "10.0.0.1:9860"), relabeled(p.after, "10.0.0.2:9860")
			want := labels.FromStrings("job", "twilio", "instance", p.instance, "namespace", "monitoring", "service", "twilio-exporter")
			if !labels.Equal(before, want) || !labels.Equal(after, want) {
				t.Errorf("want the labels %s before and after pod %s is replaced, have %s and %s", want, p.before, before, after)
			}
		}
	})
}

// relabelSteps converts relabelings of the operator to those of Prometheus.
func relabelSteps(t *testing.T, configs []monitoring.RelabelConfig) (steps []*relabel.Config) {
	t.Helper()
	for _, c := range configs {
		fields := map[string]any{"action": "replace"}
		for field, value := range map[string]string{"target_label": c.TargetLabel, "regex": c.Regex, "action": c.Action} {
			if value != "" {
				fields[field] = value
			}
		}
		if len(c.SourceLabels) > 0 {
			fields["source_labels"] = c.SourceLabels
		}
		if c.Replacement != nil {
			fields["replacement"] = *c.Replacement
		}
		text, err := yaml.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		step := &relabel.Config{}
		if err := prometheusyaml.Unmarshal(text, step); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := step.Validate(model.UTF8Validation); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		steps = append(steps, step)
	}
	return steps
}

// TestConfigurations checks each build's configuration and secrets with the exporter.
func TestConfigurations(t *testing.T) {
	exporter := buildExporter(t)
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		w := theWorkload(t, name, objects)
		if name == "overlays/one-account" {
			checkEnvironment(t, objects, w.template.Spec, container(t, w))
			return
		}
		m := mount(t, name, objects, w)
		if accounts := len(m.config.Accounts()); (name == "base") != (accounts == 1) {
			t.Errorf("%d accounts", accounts)
		}
		if name == sharded {
			return // see TestShards
		}
		c := container(t, w)
		if len(c.Env) > 0 {
			t.Errorf("environment variables %v in addition to a file", c.Env)
		}
		if output := m.check(t, exporter, c.Args); !strings.HasPrefix(output, "The configuration is valid.\n") {
			t.Errorf("the exporter prints %q", output)
		}
	})
}

// mounted is the content of a pod's volumes in a directory of the test.
type mounted struct {
	config *config.Config
	file   string            // path of the configuration file
	moved  map[string]string // mount path to path in the directory
}

func mount(t *testing.T, name string, objects []manifest.Object, w workload) (m mounted) {
	t.Helper()
	mounts := map[string]string{}
	for _, m := range container(t, w).VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	root := t.TempDir()
	m.moved = map[string]string{}
	for _, v := range w.template.Spec.Volumes {
		at, ok := mounts[v.Name]
		if !ok {
			t.Fatalf("volume %s is not mounted", v.Name)
		}
		m.moved[at] = root + at
		if err := os.MkdirAll(root+at, 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case v.ConfigMap != nil:
			content := configMap(t, objects, v.ConfigMap.Name).Data["config.yml"]
			cfg, err := config.Parse(v.ConfigMap.Name, []byte(content))
			if err != nil {
				t.Fatalf("the exporter rejects the ConfigMap: %v", err)
			}
			// config.Parse reads no files, so the paths are replaced only afterwards.
			m.config, m.file = cfg, root+at+"/config.yml"
			moved := strings.ReplaceAll(content, mounts["credentials"], root+mounts["credentials"])
			if err := os.WriteFile(m.file, []byte(moved), 0o644); err != nil {
				t.Fatal(err)
			}
		case v.Secret != nil:
			if v.Secret.SecretName != credentials {
				t.Errorf("the Secret is %s", v.Secret.SecretName)
			}
			if v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
				t.Error("the secrets' mode is not 0440")
			}
			for _, key := range documentedKeys(t, name) {
				if err := os.WriteFile(root+at+"/"+key, []byte("secret\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if m.config == nil {
		t.Fatal("no ConfigMap is mounted")
	}
	return m
}

// check runs the exporter with the pod's arguments and --config.check, and returns
// its output.
func (m mounted) check(t *testing.T, exporter string, args []string) string {
	t.Helper()
	moved := []string{"--config.check"}
	for _, arg := range args {
		for from, to := range m.moved {
			arg = strings.Replace(arg, from, to, 1)
		}
		moved = append(moved, arg)
	}
	if !slices.Contains(moved, "--config.file="+m.file) {
		t.Fatalf("arguments %v do not name the mounted file %s", moved, m.file)
	}
	output, err := exec.CommandContext(t.Context(), exporter, moved...).CombinedOutput()
	if err != nil {
		t.Errorf("the exporter rejects the mounted configuration: %v\n%s", err, output)
	}
	return string(output)
}

// configMap returns the ConfigMap that the workload refers to. Its name must contain
// a hash of the content.
func configMap(t *testing.T, objects []manifest.Object, name string) *core.ConfigMap {
	t.Helper()
	if !regexp.MustCompile(`^twilio-exporter-config-[a-z0-9]{10}$`).MatchString(name) {
		t.Errorf("a change of ConfigMap %s would not roll out", name)
	}
	for _, m := range manifest.All[*core.ConfigMap](objects) {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no ConfigMap %s", name)
	return nil
}

// documentedKeys returns the keys of the Secret in the documented command that creates
// it.
func documentedKeys(t *testing.T, build string) []string {
	t.Helper()
	file := "kubernetes/README.md"
	if build != "base" {
		file = "kubernetes/" + build + "/kustomization.yaml"
	}
	content, err := os.ReadFile(filepath.Join(deploy, file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("create secret generic "+credentials)) {
		t.Fatalf("%s has no command that creates the Secret", file)
	}
	var keys []string
	for _, found := range regexp.MustCompile(`--from-(?:file|literal)=([A-Za-z_-]+)=`).FindAllSubmatch(content, -1) {
		keys = append(keys, string(found[1]))
	}
	return keys
}

// checkEnvironment checks the build whose account comes from environment variables.
func checkEnvironment(t *testing.T, objects []manifest.Object, pod core.PodSpec, c core.Container) {
	t.Helper()
	if len(c.Args)+len(c.VolumeMounts)+len(pod.Volumes) > 0 {
		t.Errorf("arguments %v, volumes %v", c.Args, pod.Volumes)
	}
	for _, m := range manifest.All[*core.ConfigMap](objects) {
		if strings.HasPrefix(m.Name, "twilio-exporter-config") {
			t.Errorf("ConfigMap %s is not used", m.Name)
		}
	}
	documented := documentedKeys(t, "overlays/one-account")
	values := map[string]string{}
	for _, v := range c.Env {
		if v.Value != "" || v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil ||
			v.ValueFrom.SecretKeyRef.Name != credentials || !slices.Contains(documented, v.ValueFrom.SecretKeyRef.Key) {
			t.Errorf("%s does not come from a documented key of the Secret", v.Name)
			continue
		}
		values[v.Name] = "AC" + strings.Repeat("0", 32)
	}
	if len(values) != 3 {
		t.Errorf("%d variables", len(values))
	}
	_, err := config.FromEnvironment(func(name string) (string, bool) { v, ok := values[name]; return v, ok })
	if err != nil {
		t.Errorf("the exporter rejects the variables: %v", err)
	}
}

// TestProbes sends the requests of the probes to a running exporter.
func TestProbes(t *testing.T) {
	origin := startDemo(t, buildExporter(t))
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		c := container(t, theWorkload(t, name, objects))
		for _, p := range []struct {
			name, path string
			probe      *core.Probe
		}{
			{"startup", "/-/healthy", c.StartupProbe},
			{"liveness", "/-/healthy", c.LivenessProbe},
			{"readiness", "/-/ready", c.ReadinessProbe}, // must not restart the pod
		} {
			if p.probe == nil || p.probe.HTTPGet == nil {
				t.Errorf("no HTTP %s probe", p.name)
				continue
			}
			get := p.probe.HTTPGet
			if get.Path != p.path || get.Port.String() != c.Ports[0].Name || get.Host != "" || get.Scheme == "HTTPS" {
				t.Errorf("%s probe requests %s %s", p.name, get.Port.String(), get.Path)
			}
			waitFor200(t, origin+get.Path)
		}
	})
}

// buildExporter builds the exporter and returns its path.
func buildExporter(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "twilio_exporter")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	command.Dir = filepath.Join(deploy, "..")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the exporter: %v\n%s", err, output)
	}
	return program
}

// startDemo runs the exporter with --demo until the test ends, and returns its URL.
func startDemo(t *testing.T, program string) string {
	t.Helper()
	command := exec.Command(program, "--demo", "--web.listen-address=127.0.0.1:0")
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		found := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if match := found.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
	}()
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		<-read
		if err := command.Wait(); err != nil {
			t.Errorf("the exporter ended with %v", err)
		}
	})
	select {
	case a := <-address:
		return "http://" + a
	case <-read:
		t.Fatal("the exporter ended")
	case <-time.After(time.Minute):
		t.Fatal("the exporter does not listen after a minute")
	}
	return ""
}

// waitFor200 sends requests until the response has status 200, for a minute at most.
func waitFor200(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for last := "no response"; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if last = response.Status; response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %s", url, last)
		case <-tick.C:
		}
	}
}
