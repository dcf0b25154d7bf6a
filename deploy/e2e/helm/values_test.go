package helm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// A value of values.yaml that the chart takes as a whole.
type value struct {
	key         string // such as image.tag
	fallback    any    // the default
	description string
}

// documented returns the values in the order of values.yaml. Which of them have values
// of their own is what the schema says.
func documented(t *testing.T) (all []value) {
	t.Helper()
	var file yamlv3.Node
	if err := yamlv3.Unmarshal([]byte(read(t, "helm/twilio_exporter/values.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, node *yamlv3.Node, schema map[string]any)
	walk = func(prefix string, node *yamlv3.Node, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		found := map[string]bool{}
		for i := 0; i < len(node.Content); i += 2 {
			key, content := node.Content[i], node.Content[i+1]
			own, ok := properties[key.Value].(map[string]any)
			if !ok {
				t.Errorf("values.schema.json lacks %s%s", prefix, key.Value)
				continue
			}
			found[key.Value] = true
			if own["properties"] != nil && len(content.Content) > 0 && key.Value != "config" {
				walk(prefix+key.Value+".", content, own)
				continue
			}
			v := value{key: prefix + key.Value}
			for _, word := range strings.Fields(key.HeadComment) {
				if word != "#" {
					v.description += word + " "
				}
			}
			if err := content.Decode(&v.fallback); err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		}
		for key := range properties {
			if !found[key] && prefix+key != "enabled" { // which belongs to a parent chart
				t.Errorf("values.yaml lacks %s%s", prefix, key)
			}
		}
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, "helm/twilio_exporter/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	walk("", file.Content[0], schema)
	return all
}

// TestValuesTable: the table of the README describes all values. UPDATE_GOLDEN=1 writes it.
func TestValuesTable(t *testing.T) {
	const begin, end = "<!-- values.yaml -->\n", "<!-- end -->\n"
	var table strings.Builder
	table.WriteString("| Value | Default | |\n| --- | --- | --- |\n")
	for _, v := range documented(t) {
		if v.description == "" {
			t.Errorf("%s has no comment in values.yaml", v.key)
		}
		text, err := json.Marshal(v.fallback)
		if err != nil {
			t.Fatal(err)
		}
		fallback := "`" + string(text) + "`"
		if len(text) > 40 {
			fallback = "[see](values.yaml)"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", v.key, fallback, strings.ReplaceAll(strings.TrimSpace(v.description), "|", `\|`))
	}
	readme := read(t, "helm/twilio_exporter/README.md")
	before, rest, ok := strings.Cut(readme, begin)
	have, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("README.md lacks %q and %q", begin, end)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(filepath.Join(directory, "README.md"), []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != table.String() {
		t.Errorf("the table of README.md is out of date: run UPDATE_GOLDEN=1 go test ./helm\nhave\n%s\nwant\n%s", have, table.String())
	}
}

// TestEveryValue: every value has an effect. For each there is a set that changes it, and
// in which its default would make something else.
func TestEveryValue(t *testing.T) {
	c := load(t)
	output := func(changed map[string]any) string {
		text, err := yaml.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		files, err := template(t, c, kubernetesVersion, string(text))
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(files)
	}
	more := []string{
		"global: {imageRegistry: mirror.example.com}",
		"image: {tag: v1}",
		"serviceAccount: {create: false}",
		"fullnameOverride: other",
	}
	for _, s := range sets {
		more = append(more, s.values)
	}
	for _, v := range documented(t) {
		matters := slices.ContainsFunc(more, func(text string) bool {
			changed := values(t, text)
			return remove(changed, strings.Split(v.key, "."), v.fallback) && output(changed) != output(values(t, text))
		})
		if !matters {
			t.Errorf("%s has no effect in any set of values", v.key)
		}
	}
}

// remove removes a value, and reports whether it was set to something else than the
// default.
func remove(from map[string]any, path []string, fallback any) bool {
	content, ok := from[path[0]]
	if !ok {
		return false
	}
	if len(path) > 1 {
		next, ok := content.(map[string]any)
		return ok && remove(next, path[1:], fallback)
	}
	delete(from, path[0])
	return !reflect.DeepEqual(content, fallback)
}

// TestEverythingOn compares the objects of "everything on" with a file, without rules and
// dashboards. UPDATE_GOLDEN=1 writes it.
func TestEverythingOn(t *testing.T) {
	files, err := template(t, load(t), kubernetesVersion, sets["everything on"].values)
	if err != nil {
		t.Fatal(err)
	}
	var have strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch filepath.Base(name) {
		case "NOTES.txt", "dashboards.yaml", "prometheusrule.yaml":
			continue
		}
		if text := strings.TrimSpace(files[name]); text != "" {
			fmt.Fprintf(&have, "# %s\n%s\n", strings.TrimPrefix(name, "twilio-exporter/templates/"), text)
		}
	}
	const golden = "testdata/everything-on.yaml"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(have.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if have.String() != string(want) {
		t.Errorf("the objects differ: %s", difference(have.String(), string(want)))
	}
}
