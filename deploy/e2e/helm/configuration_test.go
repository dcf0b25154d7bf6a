package helm_test

import (
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func buildExporter(t *testing.T) string {
	t.Helper()
	path, err := programs.BuildExporter(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// podOf returns the specification of a release's pods.
func podOf(t *testing.T, objects []manifest.Object) core.PodSpec {
	t.Helper()
	if stateful := manifest.All[*apps.StatefulSet](objects); len(stateful) == 1 {
		return stateful[0].Spec.Template.Spec
	}
	return manifest.The[*apps.Deployment](t, objects).Spec.Template.Spec
}

// configuration returns the configuration of a release; "" if it has none.
func configuration(objects []manifest.Object) string {
	for _, m := range manifest.All[*core.ConfigMap](objects) {
		if m.Name == "twilio-exporter-config" {
			return m.Data["config.yml"]
		}
	}
	for _, s := range manifest.All[*core.Secret](objects) {
		if s.Name == "twilio-exporter-config" {
			return s.StringData["config.yml"]
		}
	}
	return ""
}

// mounted writes the configuration and the secrets to where a pod would find them,
// below a directory of the test, and returns the arguments that go with it.
func mounted(t *testing.T, content string, keys, args []string) []string {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const credentials, file = "/etc/twilio_exporter/credentials/", "/etc/twilio_exporter/config/config.yml"
	for _, key := range keys {
		write(credentials+key, "secret\n")
	}
	write(file, strings.ReplaceAll(content, credentials, root+credentials))
	if !slices.Contains(args, "--config.file="+file) {
		t.Fatalf("the arguments %q do not name the file", args)
	}
	moved := slices.Clone(args)
	for i := range moved {
		moved[i] = strings.Replace(moved[i], "="+file, "="+root+file, 1)
	}
	return moved
}

// TestConfigurations: the exporter accepts each configuration with the arguments of
// each pod.
func TestConfigurations(t *testing.T) {
	exporter := buildExporter(t)
	checked := 0
	eachSet(t, func(t *testing.T, s set) {
		objects := render(t, s.values).objects
		pod, content := podOf(t, objects), configuration(objects)
		if content == "" {
			return
		}
		replicas := 1
		if stateful := manifest.All[*apps.StatefulSet](objects); len(stateful) == 1 {
			replicas = int(*stateful[0].Spec.Replicas)
		}
		for shard := range replicas {
			args := mounted(t, content, s.keys, pod.Containers[0].Args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "$(SHARD)", strconv.Itoa(shard))
			}
			output, err := exec.CommandContext(t.Context(), exporter, append(args, "--config.check")...).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(output), "The configuration is valid.\n") {
				t.Errorf("%q: %v\n%s", args, err, output)
			}
			if want := "accounts fall to shard " + strconv.Itoa(shard) + " of 0 to " + strconv.Itoa(replicas-1); replicas > 1 && !strings.Contains(string(output), want) {
				t.Errorf("the exporter does not say %q:\n%s", want, output)
			}
			checked++
		}
	})
	if checked < 10 {
		t.Errorf("%d pods were checked only", checked)
	}
}

// TestNumbers: Helm must not write a large number as 1e+06, which is no integer.
func TestNumbers(t *testing.T) {
	content := configuration(render(t, sets["configuration in a Secret"].values).objects)
	for _, want := range []string{"max_records: 2000000\n", "max_requests_per_hour: 1000000\n", `password: "0123"`} {
		if !strings.Contains(content, want) {
			t.Errorf("the configuration lacks %q:\n%s", want, content)
		}
	}
}

// TestTest runs the pod of "helm test" against a simulated Twilio: it succeeds with
// credentials that work, and fails with others.
func TestTest(t *testing.T) {
	const sid = "AC22222222222222222222222222222222"
	exporter := buildExporter(t)
	server := httptest.NewServer(twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{
		{SID: sid, AuthToken: "secret", SIMs: 2, Fleets: 1, Start: time.Now().UTC().Truncate(24 * time.Hour)},
	}}))
	t.Cleanup(server.Close)
	for user, want := range map[string]int{sid: 0, "SK22222222222222222222222222222222": 1} {
		r := render(t, `
config:
  accounts:
    - name: production
      account_sid: `+sid+`
      basic_auth: {username: `+user+`, password_file: /etc/twilio_exporter/credentials/production}
      supersim_url: `+server.URL+`
      api_url: `+server.URL+`
`)
		pod, ok := r.test.(*core.Pod)
		if !ok {
			t.Fatalf("the test is a %T", r.test)
		}
		args := mounted(t, configuration(r.objects), []string{"production"}, pod.Spec.Containers[0].Args)
		command := exec.CommandContext(t.Context(), exporter, args...)
		output, _ := command.CombinedOutput()
		if have := command.ProcessState.ExitCode(); have != want {
			t.Errorf("as %s the test exits with %d, want %d:\n%s", user, have, want, output)
		}
	}
}

// TestTestPod: the pod of "helm test" has the rights of the exporter's pod, and
// neither its labels, by which a Service would send it scrapes, nor its state.
func TestTestPod(t *testing.T) {
	eachSet(t, func(t *testing.T, s set) {
		r := render(t, s.values)
		test, pod := r.test.(*core.Pod), podOf(t, r.objects)
		if a, b := test.Spec.Containers[0], pod.Containers[0]; a.Image != b.Image || a.SecurityContext.String() != b.SecurityContext.String() ||
			test.Spec.SecurityContext.String() != pod.SecurityContext.String() || test.Spec.ServiceAccountName != pod.ServiceAccountName ||
			*test.Spec.AutomountServiceAccountToken != *pod.AutomountServiceAccountToken {
			t.Error("the test's pod has other rights or another image than the exporter's")
		}
		for _, service := range manifest.All[*core.Service](r.objects) {
			if name := "app.kubernetes.io/name"; service.Spec.Selector[name] == test.Labels[name] {
				t.Error("the Service selects the test's pod")
			}
		}
		for _, v := range test.Spec.Volumes {
			if v.Name == "state" {
				t.Error("the test's pod mounts the state")
			}
		}
	})
}
