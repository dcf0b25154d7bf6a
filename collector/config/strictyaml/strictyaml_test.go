package strictyaml_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// fleet is a schema with a field of every kind.
type fleet struct {
	Name    string            `yaml:"name"`
	Size    int               `yaml:"size,omitempty"`
	Active  bool              `yaml:"active"`
	Home    url.URL           `yaml:"home"`
	Ships   []ship            `yaml:"ships"`
	Flag    *flag             `yaml:"flag"`
	Labels  map[string]string `yaml:"labels"`
	Extra   map[string]any    `yaml:"extra"`
	Ports   anyPort           `yaml:"ports"`
	Crew    `yaml:",inline"`
	KeyRef  string `yaml:"key_ref"`
	Ignored string
	hidden  string `yaml:"hidden"` //nolint:unused // must not be found
}

type ship struct {
	Name  string `yaml:"name"`
	Masts int    `yaml:"masts"`
}

type flag struct {
	Colour string `yaml:"colour"`
}

type anyPort struct {
	ByName map[string]port `yaml:",inline"`
}

type port struct {
	Depth int `yaml:"depth"`
}

// Crew is inlined.
type Crew struct {
	Sailors int `yaml:"sailors"`
}

func decode(content string) (*strictyaml.Document, fleet, error) {
	v := fleet{Name: "default", Ships: []ship{{Name: "default"}}}
	document, err := strictyaml.Decode("file", []byte(content), &v,
		strictyaml.Default(func() ship { return ship{Masts: 3} }),
		strictyaml.Default(func() port { return port{Depth: 10} }),
		strictyaml.Exclude(func(key string) bool { return key == "key_ref" }),
		strictyaml.Scalar("a URL", func(text string) (url.URL, error) {
			u, err := url.Parse(text)
			if err != nil {
				return url.URL{}, err
			}
			return *u, nil
		}))
	return document, v, err
}

func TestSyntax(t *testing.T) {
	const unknownAnchor = "invalid YAML: an alias (*) refers to an unknown anchor (&); text that begins with * must be quoted"
	for content, want := range map[string]string{
		"":                                  "file: the file is empty",
		"# nothing here yet\n\n":            "file: the file is empty",
		"---\n~\n":                          "file: the file is empty",
		"- name: []\n":                      "file:1: the top level must be a mapping of keys to values",
		"\nhunter2":                         "file:2: the top level must be a mapping of keys to values",
		"name: a\n---\nname: b\n":           "file:2: a second document starts; only one is allowed",
		"name: a\n---\nname: [b\n":          "file:3: invalid YAML: did not find expected ',' or ']', on this line or below",
		"name: a\nships: [hunter2\nsize: 1": "file:2: invalid YAML: did not find expected ',' or ']', on this line or below",
		"ships:\n  - name: a\n   masts: 1":  "file:2: invalid YAML: did not find expected '-' indicator, on this line or below",
		"name:\n  hunter2: a: b":            "file:2: invalid YAML: mapping values are not allowed in this context",
		"ships:\n\t- name: a":               "file:2: invalid YAML: a value begins with a character that must be quoted, or the indentation contains a tab",
		"ships:\n\n  - name: caf\xe9\n":     "file:3: invalid YAML: incomplete UTF-8 octet sequence",
		"name: a\nflag: \x00\x00\x00\n":     "file:2: invalid YAML: control characters are not allowed",
		"name: a\nflag: *hunter2\n":         "file:2: " + unknownAnchor,
	} {
		document, v, err := decode(content)
		if err == nil || err.Error() != want {
			t.Errorf("%q: want\n%s\nhave\n%v", content, want, err)
		}
		if _, ok := err.(strictyaml.Faults); !ok || document.Err().Error() != want {
			t.Errorf("%q: the error is a %T, and the document's %v", content, err, document.Err())
		}
		if v.Name != "default" {
			t.Errorf("%q: %q was decoded", content, v.Name)
		}
	}
}

func TestValues(t *testing.T) {
	document, have, err := decode(`
name: 007
size: 0x10
active: True
home: https://example.net/a
ships: [{name: one}, {masts: 2}]
flag: &flag {colour: &colour red}
labels: {a: *colour, "b.c": no}
extra: {text: a, number: 1, half: 0.5, yes: true, list: [a, {b: c}], empty: ""}
ports: {Genoa: {}, Palos: {<<: [{depth: 2}, {depth: 3}]}}
sailors: 90
`)
	if err != nil || document.Err() != nil {
		t.Fatal(err, document.Err())
	}
	want := fleet{
		Name: "007", Size: 16, Active: true, Home: url.URL{Scheme: "https", Host: "example.net", Path: "/a"},
		Ships: []ship{{"one", 3}, {"", 2}}, Flag: &flag{"red"}, Labels: map[string]string{"a": "red", "b.c": "no"},
		Extra: map[string]any{
			"text": "a", "number": 1, "half": 0.5, "yes": true, "empty": "",
			"list": []any{"a", map[string]any{"b": "c"}},
		},
		Ports: anyPort{map[string]port{"Genoa": {10}, "Palos": {2}}}, Crew: Crew{90},
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("want %+v, have %+v", want, have)
	}
	for path, line := range map[string]int{
		"name": 2, "ships": 6, "ships[1].masts": 6, "flag.colour": 7, `labels."b.c"`: 8, "ports.Palos.depth": 10, "sailors": 11,
		"size.none": 3, "none": 0,
	} {
		if have := document.Line(path); have != line {
			t.Errorf("%s: want line %d, have %d", path, line, have)
		}
	}
	if _, have, err := decode("size: 1"); err != nil || have.Name != "default" || len(have.Ships) != 1 {
		t.Errorf("want the rest unchanged, have %+v, %v", have, err)
	}
}

func TestFaults(t *testing.T) {
	for content, want := range map[string]string{
		"name:":                          "file:1: name: no value is given",
		"ships: [~, {name: ''}]":         "file:1: ships[0]: no value is given\nfile:1: ships[1].name: no value is given",
		"name: [hunter2]":                "file:1: name: must be text",
		"name: !!binary aHVudGVyMg==":    "file:1: name: must be text",
		"size: hunter2":                  "file:1: size: must be a whole number",
		"size: 1.5":                      "file:1: size: must be a whole number",
		`size: "5"`:                      "file:1: size: must be a whole number",
		"size: 99999999999999999999":     "file:1: size: must be a whole number",
		"active: yes":                    "file:1: active: must be true or false",
		`active: "true"`:                 "file:1: active: must be true or false",
		"home: http://[hunter2":          "file:1: home: must be a URL",
		"home: [hunter2]":                "file:1: home: must be a URL",
		"ships: hunter2":                 "file:1: ships: must be a list",
		"flag: hunter2":                  "file:1: flag: must be a mapping of keys to values",
		"labels: [hunter2]":              "file:1: labels: must be a mapping of keys to values",
		"ports: {Genoa: hunter2}":        "file:1: ports.Genoa: must be a mapping of keys to values",
		"extra: {a: !hunter2 b, c: [~]}": "file:1: extra.a: must be text, a number, true or false\nfile:1: extra.c[0]: no value is given",
		"extra: &a {b: *a}":              "file:1: extra.b.b: an alias refers to itself",
		"extra: {a: &b [*b]}":            "file:1: extra.a[0]: an alias refers to itself",
		"flag: &a {<<: *a}":              "file:1: flag: an alias refers to itself",
		"flag: {<<: [hunter2]}":          "file:1: flag.<<: must be an alias of a mapping, or a list of such aliases",
		"size: 1\nsize: 2":               "file:2: size: already set on line 1",
		"? [hunter2]\n: 1":               "file:1: a key must be text",
		"Nam: a":                         "file:1: Nam: unknown key; did you mean name?",
		"ships: [{mast: hunter2}]":       "file:1: ships[0].mast: unknown key; did you mean masts?",
		"key_ref: a":                     "file:1: key_ref: unknown key",
		"ignored: a\nIgnored: a":         "file:1: ignored: unknown key\nfile:2: Ignored: unknown key",
		"hidden: a":                      "file:1: hidden: unknown key",
		"flag: {colour:hunter2}":         "file:1: flag.colour: unknown key: a colon and a space must precede the value",
		"flag: {color=hunter2}":          "file:1: flag.color: unknown key: a colon and a space must precede the value; did you mean colour?",
		"\"a b\\n\": 1":                  `file:1: "a b\n": unknown key`,
		strings.Repeat("x", 100) + ": 1": "file:1: " + strings.Repeat("x", 64) + ": unknown key",
		"name: [a]\nsize: b\nsailors: c": "file:1: name: must be text\nfile:2: size: must be a whole number\nfile:3: sailors: must be a whole number",
		"ships:\n- &a {size: 1}\n- *a":   "file:2: ships[0].size: unknown key\nfile:2: ships[1].size: unknown key",
		"extra: {a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}": "file:1: extra.a" +
			strings.Repeat("[0]", 32) + ": nested too deeply",
	} {
		document, v, err := decode(content)
		if err != nil || document.Err() == nil || document.Err().Error() != want {
			t.Errorf("%.100q: want\n%s\nhave\n%v, %v", content, want, err, document.Err())
		}
		if v.Name != "default" {
			t.Errorf("%q: a value that cannot be read changed name to %q", content, v.Name)
		}
	}
}

// TestAliasesAreBounded: a small file cannot expand to a large one.
func TestAliasesAreBounded(t *testing.T) {
	long := "extra:\n  a: &a [" + strings.Repeat("x, ", 1000) + "]\n  b: [" + strings.Repeat("*a, ", 1000) + "]\n"
	merges := "labels: &m0 {a: b}\nports:\n"
	for i := range 20 {
		merges += fmt.Sprintf("  p%d: &m%d {<<: [*m%d, *m%d, *m%d, *m%d]}\n", i, i+1, i, i, i, i)
	}
	for _, content := range []string{long, merges} {
		document, _, err := decode(content)
		if err != nil || document.Err() == nil || strings.Count(document.Err().Error(), "aliases expand to too many values") != 1 {
			t.Errorf("want one fault about aliases, have %v, %.200v", err, document.Err())
		}
	}
}

// TestDocument: a caller adds faults to those of Decode.
func TestDocument(t *testing.T) {
	document, _, err := decode("size: one\nflag:\n  color: red\n\nships: [a]\nactive: true")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct{ set, invalid, intended, faults bool }{
		"active":          {set: true, intended: true},
		"size":            {set: true, invalid: true, intended: true, faults: true},
		"flag":            {set: true, intended: true, faults: true},
		"flag.colour":     {invalid: true, intended: true}, // written as color
		"flag.size":       {},
		"ships[0]":        {set: true, invalid: true, intended: true, faults: true},
		"ships[0].name":   {invalid: true, intended: true},
		"ships[0].name.x": {invalid: true, intended: true},
		"none":            {},
	} {
		have := struct{ set, invalid, intended, faults bool }{
			document.IsSet(path), document.IsInvalid(path), document.IsIntended(path), document.HasFaults(path),
		}
		if have != want {
			t.Errorf("%s: want %+v, have %+v", path, want, have)
		}
	}
	document.Missingf("flag.colour", "is not reported again")
	document.Missingf("active", "is there")
	document.Missingf("flag.size", "set %s", "it")
	document.Addf("none", "no line")
	document.Addf("none", "no line") // the same twice
	document.Invalidf("active", "is wrong")
	want := `file: none: no line
file:1: size: must be a whole number
file:2: flag.size: missing: set it
file:3: flag.color: unknown key; did you mean colour?
file:5: ships[0]: must be a mapping of keys to values
file:6: active: is wrong`
	if have := document.Err(); have == nil || have.Error() != want {
		t.Errorf("want\n%s\nhave\n%v", want, have)
	}
	if !document.IsInvalid("active") {
		t.Error("active is not invalid")
	}
	again := document.WithoutFaults()
	if again.Err() != nil || again.IsInvalid("active") || !again.IsSet("active") {
		t.Errorf("want the keys alone, have %v", again.Err())
	}
	if again.Addf("active", "again"); again.Err().Error() != "file:6: active: again" || document.Err().Error() != want {
		t.Errorf("want one fault, have %v", again.Err())
	}
}

func TestFault(t *testing.T) {
	for want, fault := range map[string]strictyaml.Fault{
		"f.yml:3: a.b: is wrong": {"f.yml", 3, "a.b", "is wrong"},
		"f.yml: a.b: is wrong":   {"f.yml", 0, "a.b", "is wrong"},
		"f.yml:3: is wrong":      {"f.yml", 3, "", "is wrong"},
		"f.yml: is wrong":        {"f.yml", 0, "", "is wrong"},
	} {
		if have := fault.Error(); have != want {
			t.Errorf("want %s, have %s", want, have)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, content := range []string{
		"name: 007\nsize: 0x10\nships: [{name: one}]\nextra: {a: [1, {b: c}]}", "ships: [&a {<<: [*a]}]", "flag: {color=x}",
		"\x00\x00\x00\x00", "\xef\xbb\xbfships:\r\n\t- a\r", "\xff\xfea\x00:\x00", "&a [*a]", "%YAML 1.1\n---\n? !!map {}\n: *x",
	} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		document, v, err := decode(content)
		if err == nil {
			err = document.Err()
		} else if !reflect.DeepEqual(v.Ships, []ship{{Name: "default"}}) {
			t.Errorf("decoded in spite of %v", err)
		}
		if err == nil {
			return
		}
		faults, ok := err.(strictyaml.Faults)
		if !ok || len(faults) != strings.Count(err.Error(), "\n")+1 {
			t.Errorf("%T of %d faults: %v", err, len(faults), err)
		}
	})
}
