// Package kubernetes_test builds deploy/kubernetes with kustomize, decodes the
// objects as the API server does, and checks that they fit together.
package kubernetes_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// deploy is the directory deploy of the repository.
const deploy = "../.."

// builds maps the kustomizations below deploy/kubernetes to their namespaces.
var builds = map[string]string{
	"base":                   "",
	"overlays/one-account":   "monitoring",
	"overlays/many-accounts": "monitoring",
	sharded:                  "monitoring",
}

// sharded is the kustomization with several shards.
const sharded = "overlays/sharded"

// build builds a kustomization and decodes its objects.
func build(t *testing.T, name string) []manifest.Object {
	t.Helper()
	return manifest.Build(t, deploy, name)
}

// eachBuild runs a test for every kustomization.
func eachBuild(t *testing.T, test func(t *testing.T, name string, objects []manifest.Object)) {
	t.Helper()
	for name := range builds {
		t.Run(name, func(t *testing.T) { test(t, name, build(t, name)) })
	}
}

func TestFilesAreStrictYAML(t *testing.T) {
	var files []string
	for _, pattern := range []string{"kubernetes", "grafana/kustomization.yaml"} {
		err := filepath.WalkDir(filepath.Join(deploy, pattern), func(path string, entry fs.DirEntry, err error) error {
			if extension := filepath.Ext(path); err == nil && (extension == ".yml" || extension == ".yaml") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 10 {
		t.Fatalf("only %d files were found", len(files))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := yaml.YAMLToJSONStrict(content); err != nil { // duplicate keys are errors
			t.Errorf("%s: %v", file, err)
		}
		if filepath.Base(file) == "kustomization.yaml" {
			if err := yaml.UnmarshalStrict(content, &types.Kustomization{}); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		if bytes.Contains(content, []byte("\t")) {
			t.Errorf("%s: contains a tab", file)
		}
	}
}

func TestNamespaceAndLabels(t *testing.T) {
	eachBuild(t, func(t *testing.T, name string, objects []manifest.Object) {
		for _, o := range objects {
			if o.GetNamespace() != builds[name] {
				t.Errorf("%T %s is in namespace %q, want %q", o, o.GetName(), o.GetNamespace(), builds[name])
			}
			for label, want := range map[string]string{
				"app.kubernetes.io/name":       "twilio-exporter",
				"app.kubernetes.io/component":  "exporter",
				"app.kubernetes.io/part-of":    "monitoring",
				"app.kubernetes.io/managed-by": "kustomize",
			} {
				if have := o.GetLabels()[label]; have != want {
					t.Errorf("%T %s: label %s is %q, want %q", o, o.GetName(), label, have, want)
				}
			}
		}
	})
}

func TestNoSecretIsMade(t *testing.T) {
	eachBuild(t, func(t *testing.T, _ string, objects []manifest.Object) {
		if made := manifest.All[*core.Secret](objects); len(made) > 0 {
			t.Errorf("the output contains the Secret %s", made[0].Name)
		}
	})
}

// TestRulesAreTheRules compares the PrometheusRule objects with Prometheus's rule
// files. With UPDATE_GOLDEN=1 it writes the objects.
func TestRulesAreTheRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(deploy, "prometheus/rules/*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no rules found: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		rules, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join(deploy, "kubernetes/base/prometheusrule-"+name+".yml")
		want := prometheusRule(name, string(rules))
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != want {
			t.Errorf("%s differs from %s; update it with UPDATE_GOLDEN=1", golden, file)
		}
		// The indentation must not change the rules.
		var plain monitoring.PrometheusRuleSpec
		if err := yaml.UnmarshalStrict(rules, &plain); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		wrapped, ok := manifest.Decode(t, golden, have).(*monitoring.PrometheusRule)
		if !ok {
			t.Fatalf("%s contains no PrometheusRule", golden)
		}
		if len(plain.Groups) == 0 || !sameYAML(t, plain, wrapped.Spec) {
			t.Errorf("the rules of %s differ from %s", golden, file)
		}
	}
	eachBuild(t, func(t *testing.T, _ string, objects []manifest.Object) {
		if have := len(manifest.All[*monitoring.PrometheusRule](objects)); have != len(files) {
			t.Errorf("%d PrometheusRules for %d rule files", have, len(files))
		}
	})
}

// prometheusRule returns a PrometheusRule object with the content of a rule file,
// including comments. kustomize does not evaluate the templates in the rules.
func prometheusRule(name, rules string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Generated from deploy/prometheus/rules/%[1]s.yml, see ../README.md.
# Do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: twilio-exporter-%[1]s
spec:
`, name)
	for line := range strings.Lines(rules) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func sameYAML(t *testing.T, a, b any) bool {
	t.Helper()
	var texts [2][]byte
	for i, v := range []any{a, b} {
		text, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = text
	}
	return bytes.Equal(texts[0], texts[1])
}

func TestDashboardsAreTheDashboards(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(deploy, "grafana/dashboards/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards found: %v", err)
	}
	want := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want[filepath.Base(file)] = string(content)
	}
	eachBuild(t, func(t *testing.T, _ string, objects []manifest.Object) {
		have := map[string]string{}
		for _, m := range manifest.All[*core.ConfigMap](objects) {
			if m.Labels["grafana_dashboard"] != "1" {
				continue
			}
			size := 0
			for file, content := range m.Data {
				have[file] = content
				size += len(content)
				// With another name, the old ConfigMaps and dashboards would remain.
				if want := "twilio-dashboard-" + strings.TrimSuffix(file, ".json"); m.Name != want {
					t.Errorf("ConfigMap %s, want %s", m.Name, want)
				}
			}
			if len(m.Data) != 1 || size >= 1<<20 {
				t.Errorf("%s contains %d dashboards of %d bytes", m.Name, len(m.Data), size)
			}
		}
		for file, content := range want {
			if have[file] != content {
				t.Errorf("no ConfigMap contains %s unchanged", file)
			}
		}
		if len(have) != len(want) {
			t.Errorf("%d dashboards in ConfigMaps, %d files", len(have), len(want))
		}
	})
}

// A workload is the controller of a build's pods: a StatefulSet for shards, otherwise
// a Deployment. Both together would poll accounts twice.
type workload struct {
	selector *v1.LabelSelector
	template core.PodTemplateSpec
}

func theWorkload(t *testing.T, build string, objects []manifest.Object) workload {
	t.Helper()
	deployments, sets := manifest.All[*apps.Deployment](objects), manifest.All[*apps.StatefulSet](objects)
	switch {
	case build == sharded && len(deployments) == 0 && len(sets) == 1:
		return workload{sets[0].Spec.Selector, sets[0].Spec.Template}
	case build != sharded && len(deployments) == 1 && len(sets) == 0:
		return workload{deployments[0].Spec.Selector, deployments[0].Spec.Template}
	}
	t.Fatalf("%d Deployments and %d StatefulSets", len(deployments), len(sets))
	return workload{}
}

// container returns the only container of the pod, the exporter.
func container(t *testing.T, w workload) core.Container {
	t.Helper()
	pod := w.template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("%d containers and %d init containers, want 1 and 0", len(pod.Containers), len(pod.InitContainers))
	}
	return pod.Containers[0]
}
