package helm_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// sources are the files that the chart takes from other directories.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for link, pattern := range map[string]string{
		"files/rules/":      "prometheus/rules/*.yml",
		"files/dashboards/": "grafana/dashboards/*.json",
	} {
		found, err := filepath.Glob(filepath.Join(deploy, pattern))
		if err != nil || len(found) < 3 {
			t.Fatalf("%q match %s: %v", found, pattern, err)
		}
		for _, file := range found {
			files[link+filepath.Base(file)] = read(t, strings.TrimPrefix(file, deploy))
		}
	}
	return files
}

// TestPackage: Helm follows the symbolic links, and a package contains the files
// themselves and nothing else.
func TestPackage(t *testing.T) {
	file, err := chartutil.Save(load(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if name := filepath.Base(file); name != "twilio-exporter-0.1.0.tgz" {
		t.Errorf("the package is %s", name)
	}
	packed, err := loader.LoadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*chart.Chart{"directory": load(t), "package": packed} {
		want := sources(t)
		for _, f := range c.Files {
			if f.Name == "README.md" || f.Name == ".helmignore" {
				continue
			}
			if content, ok := want[f.Name]; !ok || content != string(f.Data) {
				t.Errorf("%s: %s is not the file of deploy/", what, f.Name)
			}
			delete(want, f.Name)
		}
		for name := range want {
			t.Errorf("%s: lacks %s", what, name)
		}
	}
}

// TestRulesAndDashboards: the objects contain the rules and dashboards unchanged.
func TestRulesAndDashboards(t *testing.T) {
	objects, want := render(t, operator).objects, sources(t)
	for _, rule := range manifest.All[*monitoring.PrometheusRule](objects) {
		file := "files/rules/" + strings.TrimPrefix(rule.Name, "twilio-exporter-") + ".yml"
		var plain monitoring.PrometheusRuleSpec
		if err := yaml.UnmarshalStrict([]byte(want[file]), &plain); err != nil {
			t.Fatal(err)
		}
		have, err := json.Marshal(rule.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(plain); err != nil || len(plain.Groups) == 0 || !bytes.Equal(have, text) {
			t.Errorf("%s differs from %s: %v", rule.Name, file, err)
		}
		delete(want, file)
	}
	for _, m := range manifest.All[*core.ConfigMap](objects) {
		if m.Labels["grafana_dashboard"] != "1" {
			continue
		}
		for name, content := range m.Data {
			if want["files/dashboards/"+name] != content || len(m.Data) != 1 {
				t.Errorf("ConfigMap %s does not contain just the dashboard", m.Name)
			}
			delete(want, "files/dashboards/"+name)
		}
	}
	for name := range want {
		t.Errorf("no object contains %s", name)
	}
}

// TestThresholds: a file of one's own replaces the thresholds and no other rule.
func TestThresholds(t *testing.T) {
	s := sets["everything on"]
	for _, rule := range manifest.All[*monitoring.PrometheusRule](render(t, s.values).objects) {
		groups := rule.Spec.Groups
		if own := groups[0].Rules[0].Expr.String() == "vector(5)" && len(groups[0].Rules) == 1; own != (rule.Name == "twilio-exporter-thresholds") {
			t.Errorf("%s: own rules: %t", rule.Name, own)
		}
	}
}

// TestReleaseFits: Helm stores a release, with chart and objects, in a Secret, which
// holds 1 MiB. Half of it is left for the configuration.
func TestReleaseFits(t *testing.T) {
	c, r := load(t), render(t, all)
	text, err := json.Marshal(release.Release{Name: "twilio-exporter", Chart: c, Manifest: r.text})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	size := base64.StdEncoding.EncodedLen(packed.Len())
	t.Logf("a release takes %d bytes", size)
	if size > 512<<10 {
		t.Errorf("a release takes %d bytes", size)
	}
}
