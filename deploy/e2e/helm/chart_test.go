// Package helm_test renders the chart deploy/helm/twilio_exporter with Helm's own
// library, decodes the objects as the API server does, and compares them with those
// of deploy/kubernetes.
package helm_test

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	releases "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/kubernetes/manifest"
)

// deploy is the directory deploy of the repository.
const deploy = "../.."

// directory is that of the chart.
const directory = deploy + "/helm/twilio_exporter"

// kubernetesVersion is that of the cluster for which the chart is rendered.
const kubernetesVersion = "v1.28.0"

// A rendered release is the chart's output for a set of values.
type rendered struct {
	objects []manifest.Object
	test    manifest.Object // the pod of "helm test"
	text    string          // all objects
	notes   string          // what Helm prints
}

// load loads the chart from its directory.
func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(directory)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// values decodes the text of a values file.
func values(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := loader.LoadValues(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// template renders a chart as "helm template" does.
func template(t *testing.T, c *chart.Chart, version, text string) (map[string]string, error) {
	t.Helper()
	v, err := util.ToRenderValues(c, values(t, text), common.ReleaseOptions{
		Name: "twilio-exporter", Namespace: "monitoring", Revision: 1, IsInstall: true,
	}, capabilities(t, version))
	if err != nil {
		return nil, err
	}
	return engine.Render(c, v)
}

// render renders the chart and decodes every object strictly.
func render(t *testing.T, text string) (r rendered) {
	t.Helper()
	files, err := template(t, load(t), kubernetesVersion, text)
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if path.Base(name) == "NOTES.txt" {
			r.notes = files[name]
			delete(files, name)
		}
	}
	hooks, manifests, err := releases.SortManifests(files, nil, releases.InstallOrder)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		r.objects = append(r.objects, manifest.Decode(t, m.Name, []byte(m.Content)))
		r.text += "---\n" + m.Content + "\n"
	}
	if len(hooks) != 1 {
		t.Fatalf("%d hooks, want that of the test", len(hooks))
	}
	r.test = manifest.Decode(t, hooks[0].Path, []byte(hooks[0].Manifest))
	return r
}

// names returns kind and name of the objects, in alphabetical order.
func (r rendered) names() (names []string) {
	for _, o := range r.objects {
		names = append(names, o.GetObjectKind().GroupVersionKind().Kind+" "+o.GetName())
	}
	slices.Sort(names)
	return names
}

// eachSet runs a test for every set of values.
func eachSet(t *testing.T, test func(t *testing.T, s set)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		t.Run(name, func(t *testing.T) { test(t, sets[name]) })
	}
}

func TestLint(t *testing.T) {
	version := capabilities(t, kubernetesVersion).KubeVersion
	eachSet(t, func(t *testing.T, s set) {
		linter := lint.RunAll(directory, values(t, s.values), "monitoring", lint.WithKubeVersion(&version))
		for _, m := range linter.Messages {
			if m.Severity > support.InfoSev || m.Err.Error() != "icon is recommended" {
				t.Error(m)
			}
		}
	})
}

func TestObjects(t *testing.T) {
	eachSet(t, func(t *testing.T, s set) {
		r := render(t, s.values)
		want := slices.Sorted(slices.Values(s.objects))
		if have := r.names(); !slices.Equal(have, want) {
			t.Errorf("objects:\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
		for _, o := range append(r.objects, r.test) {
			what := fmt.Sprintf("%T %s", o, o.GetName())
			if o.GetNamespace() != "monitoring" && (s.elsewhere == "" || o.GetNamespace() != s.elsewhere) {
				t.Errorf("%s is in namespace %q", what, o.GetNamespace())
			}
			for label, want := range map[string]string{
				"helm.sh/chart":                "twilio-exporter-0.1.0",
				"app.kubernetes.io/instance":   "twilio-exporter",
				"app.kubernetes.io/managed-by": "Helm",
			} {
				if have := o.GetLabels()[label]; have != want && o.GetName() != "extra" {
					t.Errorf("%s: label %s is %q, want %q", what, label, have, want)
				}
			}
		}
		for _, part := range s.notes {
			if !strings.Contains(r.notes, part) {
				t.Errorf("the notes lack %q:\n%s", part, r.notes)
			}
		}
	})
}

// TestNames renders releases of other names: objects of two releases differ, and no
// name is too long for a label or a Service.
func TestNames(t *testing.T) {
	c := load(t)
	for release, want := range map[string]string{
		"a":                                    "a-twilio-exporter",
		"my-twilio-exporter":                   "my-twilio-exporter",
		strings.Repeat("a", 53):                strings.Repeat("a", 52),
		"release-of-forty-characters-in-total": "release-of-forty-characters-in-total-twilio-exporter",
	} {
		v, err := util.ToRenderValues(c, values(t, "shards: 2"), common.ReleaseOptions{Name: release, Namespace: "monitoring"}, capabilities(t, kubernetesVersion))
		if err != nil {
			t.Fatal(err)
		}
		files, err := engine.Render(c, v)
		if err != nil {
			t.Fatal(err)
		}
		set := manifest.Decode(t, release, []byte(files["twilio-exporter/templates/statefulset.yaml"]))
		service := manifest.Decode(t, release, []byte(files["twilio-exporter/templates/service.yaml"]))
		if set.GetName() != want || service.GetName() != want+"-shards" || len(service.GetName()) > 63 {
			t.Errorf("release %s: StatefulSet %s, Service %s, want %s", release, set.GetName(), service.GetName(), want)
		}
	}
}

// capabilities returns those of a cluster with a version of Kubernetes.
func capabilities(t *testing.T, version string) *common.Capabilities {
	t.Helper()
	kubernetes, err := common.ParseKubeVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	c := common.DefaultCapabilities.Copy()
	c.KubeVersion = *kubernetes
	return c
}

// read returns a file of the directory deploy.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
