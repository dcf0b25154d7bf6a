package config

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the work that a small file full of aliases can make.
const maxNodes = 250_000

// maxDepth bounds how deep free values may be nested; all else has the depth
// of its struct.
const maxDepth = 32

// decoder writes a YAML tree into structs and reports whatever does not fit.
// The library's own decoder stops at the first unknown key of a struct with
// an UnmarshalYAML method, and quotes values in its errors.
type decoder struct {
	*report
	left    int                 // nodes that may still be visited
	within  map[*yaml.Node]bool // free values being read, to notice circles
	merging map[*yaml.Node]bool // mappings being listed, likewise
}

func decode(r *report, root *yaml.Node, v *values) {
	d := &decoder{report: r, left: maxNodes, within: map[*yaml.Node]bool{}, merging: map[*yaml.Node]bool{}}
	d.value("", root, reflect.ValueOf(v).Elem())
}

// value writes the node into out. What cannot be read is reported and leaves
// out as it was.
func (d *decoder) value(path string, n *yaml.Node, out reflect.Value) {
	if !d.visit(path) {
		return
	}
	n = target(n)
	if out.Kind() == reflect.Interface {
		if v, ok := d.free(path, n); ok {
			out.Set(reflect.ValueOf(v))
		}
		return
	}
	if isNull(n) || n.Kind == yaml.ScalarNode && n.Value == "" {
		d.spoil(path, "no value is given")
		return
	}
	switch v := out.Addr().Interface().(type) {
	case *time.Duration:
		d.duration(path, n, v)
		return
	case *promconfig.URL:
		d.url(path, n, v)
		return
	case *promconfig.TLSVersion:
		d.tlsVersion(path, n, v)
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		d.pointer(path, n, out)
	case reflect.Struct:
		d.structure(path, n, out)
	case reflect.Map:
		d.mapping(path, n, out)
	case reflect.Slice:
		d.list(path, n, out)
	case reflect.Bool:
		d.boolean(path, n, out)
	case reflect.Int:
		d.integer(path, n, out)
	default:
		if text, ok := scalar(n); ok {
			out.SetString(text)
		} else {
			d.spoil(path, "must be text")
		}
	}
}

// visit counts a node and reports, once, when there are too many.
func (d *decoder) visit(path string) bool {
	d.left--
	if d.left == 0 {
		d.spoil(path, "aliases repeat too much")
	}
	return d.left > 0
}

func (d *decoder) pointer(path string, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.spoil(path, mustBeMapping)
		return
	}
	out.Set(reflect.New(out.Type().Elem()))
	d.structure(path, n, out.Elem())
}

const mustBeMapping = "must be a mapping of keys to values"

func (d *decoder) structure(path string, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.spoil(path, mustBeMapping)
		return
	}
	known, free := fields(out.Type())
	if free != nil {
		d.mapping(path, n, out.FieldByIndex(free))
		return
	}
	for _, e := range d.entries(path, n) {
		at := child(path, e.name)
		i := slices.IndexFunc(known, func(f field) bool { return f.name == e.name })
		if i < 0 {
			d.unknown(path, e, names(known))
			continue
		}
		d.lines[at] = e.line
		d.value(at, e.value, out.FieldByIndex(known[i].index))
	}
}

// unknown reports a key that nothing is known by. The key it was probably
// meant to be is then not missing as well.
func (d *decoder) unknown(path string, e entry, known []string) {
	text := "unknown key"
	at := child(path, e.name)
	name := bare(e.name)
	if name != e.name {
		text += ": a colon and a space must stand before its value"
	}
	if near := nearest(name, known); near != "" {
		d.spoilt[child(path, near)] = true
		if near != name {
			text += "; " + near + "?"
		}
	}
	d.addAt(e.line, at, "%s", text)
}

func (d *decoder) mapping(path string, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.spoil(path, mustBeMapping)
		return
	}
	out.Set(reflect.MakeMap(out.Type()))
	for _, e := range d.entries(path, n) {
		at := child(path, e.name)
		d.lines[at] = e.line
		v := reflect.New(out.Type().Elem()).Elem()
		d.value(at, e.value, v)
		out.SetMapIndex(reflect.ValueOf(e.name), v)
	}
}

// list replaces what out held. An element that is faulty keeps its place.
func (d *decoder) list(path string, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.spoil(path, "must be a list")
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), 0, 0))
	for i, element := range n.Content {
		at := item(path, i)
		d.lines[at] = element.Line
		v := reflect.New(out.Type().Elem()).Elem()
		if account, ok := v.Addr().Interface().(*Account); ok {
			*account = newAccount()
		}
		d.value(at, element, v)
		out.Set(reflect.Append(out, v))
	}
}

func (d *decoder) boolean(path string, n *yaml.Node, out reflect.Value) {
	text, _ := scalar(n)
	switch text = strings.ToLower(text); {
	case n.ShortTag() == "!!bool" && (text == "true" || text == "false"):
		out.SetBool(text == "true")
	default:
		d.spoil(path, "must be true or false")
	}
}

func (d *decoder) integer(path string, n *yaml.Node, out reflect.Value) {
	var v int
	if n.ShortTag() != "!!int" || n.Decode(&v) != nil {
		d.spoil(path, "must be a whole number")
		return
	}
	out.SetInt(int64(v))
}

func (d *decoder) duration(path string, n *yaml.Node, out *time.Duration) {
	text, _ := scalar(n)
	v, err := model.ParseDuration(text)
	if err != nil {
		d.spoil(path, "must be a duration such as 30s, 15m, 2h or 1d")
		return
	}
	*out = time.Duration(v)
}

func (d *decoder) url(path string, n *yaml.Node, out *promconfig.URL) {
	text, ok := scalar(n)
	v, err := url.Parse(text)
	if !ok || err != nil {
		d.spoil(path, "must be a URL")
		return
	}
	out.URL = v
}

func (d *decoder) tlsVersion(path string, n *yaml.Node, out *promconfig.TLSVersion) {
	text, _ := scalar(n)
	v, ok := promconfig.TLSVersions[text]
	if !ok {
		d.spoil(path, "must be one of TLS10, TLS11, TLS12, TLS13")
		return
	}
	*out = v
}

// free reads a node for which any type will do: a claim of a token.
func (d *decoder) free(path string, n *yaml.Node) (v any, ok bool) {
	if d.within[n] {
		d.spoil(path, "an alias leads back to itself")
		return nil, false
	}
	if len(d.within) == maxDepth {
		d.spoil(path, "nested too deeply")
		return nil, false
	}
	d.within[n] = true
	defer delete(d.within, n)
	switch {
	case isNull(n):
		d.spoil(path, "no value is given")
		return nil, false
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		d.mapping(path, n, reflect.ValueOf(&m).Elem())
		return m, true
	case n.Kind == yaml.SequenceNode:
		l := []any{}
		d.list(path, n, reflect.ValueOf(&l).Elem())
		return l, true
	}
	if _, plain := scalar(n); !plain || n.Decode(&v) != nil {
		d.spoil(path, "must be text, a number, true or false")
		return nil, false
	}
	return v, true
}

// isNull reports whether the node is empty, ~ or null.
func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// target is the node that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// scalar is a node's text as it stands in the file, so that a password of
// digits keeps its zeros.
func scalar(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return n.Value, true
	}
	return "", false
}
