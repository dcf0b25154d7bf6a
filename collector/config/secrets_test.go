package config

import (
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// leaves lists the paths of everything that may hold a value, lists as [] and
// keys of any name as any.
func leaves(t reflect.Type, path []string) (list [][]string) {
	more := func(t reflect.Type, step string) {
		list = append(list, leaves(t, append(path[:len(path):len(path)], step))...)
	}
	switch {
	case t.PkgPath() == "net/url" || t.Name() == "URL":
		return [][]string{path}
	case t.Kind() == reflect.Pointer:
		return leaves(t.Elem(), path)
	case t.Kind() == reflect.Slice:
		more(t.Elem(), "[]")
	case t.Kind() == reflect.Map:
		more(t.Elem(), "any")
	case t.Kind() == reflect.Struct:
		fields, anyKey := strictyaml.Fields(t)
		if anyKey != nil {
			return leaves(t.FieldByIndex(anyKey).Type, path)
		}
		for _, f := range fields {
			if !strings.HasSuffix(f.Key, "_ref") {
				more(t.FieldByIndex(f.Index).Type, f.Key)
			}
		}
	default:
		return [][]string{path}
	}
	return list
}

// nested is the YAML that holds nothing but one leaf.
func nested(t *testing.T, path []string, leaf string) string {
	t.Helper()
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: "LEAF"}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == "[]" {
			n = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{n}}
			continue
		}
		n = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{text(path[i]), n}}
	}
	content, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(content), "LEAF", leaf, 1)
}

func TestFaultsHoldNoValues(t *testing.T) {
	paths := leaves(reflect.TypeFor[values](), nil)
	if len(paths) < 80 {
		t.Fatalf("only %d leaves", len(paths))
	}
	for _, path := range paths {
		for _, shape := range []string{
			"canary", "*canary", "&canary", "&canary [canary]", "[canary, [canary]]", "{any: canary}", "{name:canary}",
			"!canary x", "!!int canary", "!!binary canary", "!!bool canary", "!!float canary", "!!timestamp canary",
			`"canary\0\n"`, `"http://canary:canary@canary:canary/canary?canary#canary"`, `"https://ca%nary"`,
			"|\n canary", "{? [canary] : canary}", "{<<: canary}", "[{<<: [canary]}]", "%canary", "@canary", `"canary`,
		} {
			content := nested(t, path, shape)
			_, err := Parse("file", []byte(content))
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%s\n%v", content, err)
			}
		}
	}
}
