package helm_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// all turns on everything that the plain manifests contain.
const all = operator + "networkPolicy: {enabled: true}\n"

// ofOverlays is what the overlays set.
const ofOverlays = all + "image: {registry: registry.example.com}\n"

// TestPlainManifests compares the chart with deploy/kubernetes: with the same
// configuration they make the same objects, but for the labels of Helm, the names of
// dashboards, and the hash in a ConfigMap's name.
func TestPlainManifests(t *testing.T) {
	configuration := func(file string) string {
		return "config:\n  " + strings.ReplaceAll(read(t, "kubernetes/"+file), "\n", "\n  ") + "\n"
	}
	for name, values := range map[string]string{
		"base":                   all, // the configuration is the chart's default
		"overlays/many-accounts": ofOverlays + configuration("overlays/many-accounts/config.yml"),
		"overlays/sharded":       ofOverlays + configuration("overlays/sharded/config.yml") + "shards: 3\n",
		"overlays/one-account":   ofOverlays + "credentials: {environment: true}\n",
	} {
		t.Run(name, func(t *testing.T) {
			have, want := normalized(t, render(t, values).objects), normalized(t, manifest.Build(t, deploy, name))
			if have, want := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)); !slices.Equal(have, want) {
				t.Fatalf("the chart makes %q, kustomize %q", have, want)
			}
			if len(have) < 10 {
				t.Errorf("%d objects only", len(have))
			}
			for object, text := range want {
				if have[object] != text {
					t.Errorf("%s differs: %s", object, difference(have[object], text))
				}
			}
		})
	}
}

// normalized returns each object as YAML without what may differ.
func normalized(t *testing.T, objects []manifest.Object) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, o := range objects {
		if m, ok := o.(*core.ConfigMap); ok && m.Data["config.yml"] != "" {
			var configuration any
			if err := yaml.Unmarshal([]byte(m.Data["config.yml"]), &configuration); err != nil {
				t.Fatal(err)
			}
			text, err := yaml.Marshal(configuration)
			if err != nil {
				t.Fatal(err)
			}
			m.Data["config.yml"] = string(text)
		}
		o.SetNamespace("")
		content, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		for _, edit := range [][2]string{
			{`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/(instance|managed-by|version)): .*\n`, ""},
			{`(?m)^ *annotations:\n *checksum/config: .*\n`, ""},
			{`twilio-exporter-config-[a-z0-9]{10}\b`, "twilio-exporter-config"},
			{`twilio-exporter-shards\b`, "twilio-exporter"},
			{`(?m)^  (type: ClusterIP|revisionHistoryLimit: 10)\n`, ""}, // the defaults
			{`(?m)^  name: twilio-dashboard-`, "  name: twilio-exporter-dashboard-"},
		} {
			text = regexp.MustCompile(edit[0]).ReplaceAllString(text, edit[1])
		}
		var named struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(text), &named); err != nil {
			t.Fatal(err)
		}
		texts[named.Kind+" "+named.Metadata.Name] = text
	}
	return texts
}

// difference returns the first lines that differ.
func difference(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "\n" + strings.Join(a[max(i-3, 0):min(i+4, len(a))], "\n") + "\nwant\n" + strings.Join(b[max(i-3, 0):min(i+4, len(b))], "\n")
		}
	}
	return "one has more lines"
}
