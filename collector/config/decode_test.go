package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
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
		known, free := fields(t)
		if free != nil {
			return leaves(t.FieldByIndex(free).Type, path)
		}
		for _, f := range known {
			more(t.FieldByIndex(f.index).Type, f.name)
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

func TestAliasesAreBounded(t *testing.T) {
	scopes := strings.Repeat("x, ", 1000)
	content := "accounts:\n  - &a\n    oauth2: {scopes: [" + scopes + "]}\n" + strings.Repeat("  - *a\n", 1000)
	_, err := Parse("file", []byte(content))
	if err == nil || !strings.Contains(err.Error(), "aliases repeat too much") {
		t.Errorf("want a fault about aliases, have %.200v", err)
	}
	merges := "accounts:\n  - &m0 {name: a}\n"
	for i := range 20 {
		merges += fmt.Sprintf("  - &m%d {<<: [*m%d, *m%d, *m%d, *m%d]}\n", i+1, i, i, i, i)
	}
	_, err = Parse("file", []byte(merges))
	if err == nil || !strings.Contains(err.Error(), "aliases repeat too much") {
		t.Errorf("want a fault about aliases, have %.200v", err)
	}
}

func TestDepthIsBounded(t *testing.T) {
	content := nested(t, []string{"accounts", "[]", "oauth2", "claims", "any"}, strings.Repeat("[", 5000)+"a"+strings.Repeat("]", 5000))
	_, err := Parse("file", []byte(content))
	if err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("want a fault about depth, have %.200v", err)
	}
}

func TestClaims(t *testing.T) {
	c, err := Parse("file", []byte(`accounts:
  - name: kore
    provider: kore
    oauth2:
      client_id: id
      client_secret: secret
      claims: {text: a, number: 1, half: 0.5, yes: true, list: [a, {b: c}], empty: ""}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"text": "a", "number": 1, "half": 0.5, "yes": true, "empty": "",
		"list": []any{"a", map[string]any{"b": "c"}},
	}
	if have := c.Accounts()[0].HTTPClient.OAuth2.Claims; !reflect.DeepEqual(want, have) {
		t.Errorf("want %v, have %v", want, have)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"name", "interval", "password", "password_file", "sim"}
	for key, want := range map[string]string{
		"Interval": "interval", "intreval": "interval", "pasword": "password", "password-file": "password_file",
		"nam": "name", "sin": "sim", "fleet": "", "x": "", strings.Repeat("x", 1000): "",
	} {
		if have := nearest(key, names); have != want {
			t.Errorf("%s: want %q, have %q", key, want, have)
		}
	}
}
