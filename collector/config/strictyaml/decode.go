package strictyaml

import (
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the work that a small file full of aliases can cause.
const maxNodes = 250_000

// maxDepth bounds the nesting of values of type any; the depth of everything
// else is that of its struct.
const maxDepth = 32

// decoder writes a YAML tree into structs and reports whatever does not fit.
type decoder struct {
	*Document
	left     int                 // nodes that may still be visited
	within   map[*yaml.Node]bool // values of type any being read, to detect cycles
	merging  map[*yaml.Node]bool // mappings being listed, likewise
	scalars  map[reflect.Type]scalar
	defaults map[reflect.Type]func() any
	excluded func(key string) bool
	first    string                // key of the top level
	optional map[reflect.Type]bool // may be the empty text
}

const noValue = "no value is given"

// value writes the node into out. What cannot be read is reported and leaves
// out unchanged.
func (d *decoder) value(path string, n *yaml.Node, out reflect.Value) {
	if !d.visit(path) {
		return
	}
	n = resolve(n)
	if out.Kind() == reflect.Interface {
		if v, ok := d.any(path, n); ok {
			out.Set(reflect.ValueOf(v))
		}
		return
	}
	if isNull(n) || n.Kind == yaml.ScalarNode && n.Value == "" && !d.optional[out.Type()] {
		d.Invalidf(path, noValue)
		return
	}
	if scalar, ok := d.scalarOf(out.Type()); ok {
		if v, ok := scalar.parse(n); ok {
			out.Set(reflect.ValueOf(v).Convert(out.Type()))
		} else {
			d.Invalidf(path, "must be %s", scalar.expected)
		}
		return
	}
	switch kind := out.Kind(); {
	case n.Kind != yaml.MappingNode && (kind == reflect.Pointer || kind == reflect.Struct || kind == reflect.Map):
		d.Invalidf(path, "must be a mapping of keys to values")
	case n.Kind != yaml.SequenceNode && kind == reflect.Slice:
		d.Invalidf(path, "must be a list")
	case kind == reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.structure(path, n, out.Elem())
	case kind == reflect.Struct:
		d.structure(path, n, out)
	case kind == reflect.Map:
		d.mapping(path, n, out)
	case kind == reflect.Slice:
		d.list(path, n, out)
	default:
		panic("strictyaml: a field has the unsupported type " + out.Type().String())
	}
}

// visit counts a node, and reports whether it may be read: the fault of too many
// is added once.
func (d *decoder) visit(path string) bool {
	d.left--
	if d.left == 0 {
		d.Invalidf(path, "aliases expand to too many values")
	}
	return d.left > 0
}

// element is a new value of the type, with its defaults.
func (d *decoder) element(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if initial, ok := d.defaults[t]; ok {
		v.Set(reflect.ValueOf(initial()))
	}
	return v
}

func (d *decoder) structure(path string, n *yaml.Node, out reflect.Value) {
	fields, anyKey := Fields(out.Type())
	if anyKey != nil {
		d.mapping(path, n, out.FieldByIndex(anyKey))
		return
	}
	fields = slices.DeleteFunc(fields, func(f Field) bool { return d.excluded(f.Key) })
	entries := d.entries(path, n)
	if path == "" {
		slices.SortStableFunc(entries, func(a, b entry) int { return d.order(a) - d.order(b) })
	}
	for _, e := range entries {
		at := Child(path, e.key)
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Key == e.key })
		if i < 0 {
			d.unknown(path, e, fields)
			continue
		}
		d.lines[at] = e.line
		d.value(at, e.value, out.FieldByIndex(fields[i].Index))
	}
}

// order is lower for keys of the top level that are decoded before others.
func (d *decoder) order(e entry) int {
	if e.key == d.first {
		return 0
	}
	return 1
}

// unknown reports an unknown key. The key it was probably meant to be is then
// not reported as missing as well.
func (d *decoder) unknown(path string, e entry, fields []Field) {
	fault := "unknown key"
	key := beforeValue(e.key)
	if key != e.key {
		fault += ": a colon and a space must precede the value"
	}
	if near := nearest(key, fields); near != "" {
		d.invalid[Child(path, near)] = true
		if near != key {
			fault += "; did you mean " + near + "?"
		}
	}
	d.addf(e.line, Child(path, e.key), "%s", fault)
}

func (d *decoder) mapping(path string, n *yaml.Node, out reflect.Value) {
	out.Set(reflect.MakeMap(out.Type()))
	for _, e := range d.entries(path, n) {
		at := Child(path, e.key)
		d.lines[at] = e.line
		v := d.element(out.Type().Elem())
		d.value(at, e.value, v)
		out.SetMapIndex(reflect.ValueOf(e.key), v)
	}
}

// list replaces what out held. An invalid element stays in the list, so that the
// others keep their indexes.
func (d *decoder) list(path string, n *yaml.Node, out reflect.Value) {
	out.Set(reflect.MakeSlice(out.Type(), 0, 0))
	for i, element := range n.Content {
		at := Item(path, i)
		d.lines[at] = element.Line
		v := d.element(out.Type().Elem())
		d.value(at, element, v)
		out.Set(reflect.Append(out, v))
	}
}

// any reads a node for which any type will do.
func (d *decoder) any(path string, n *yaml.Node) (v any, ok bool) {
	if d.within[n] {
		d.Invalidf(path, aliasCycle)
		return nil, false
	}
	if len(d.within) == maxDepth {
		d.Invalidf(path, "nested too deeply")
		return nil, false
	}
	d.within[n] = true
	defer delete(d.within, n)
	switch {
	case isNull(n):
		d.Invalidf(path, noValue)
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
	if _, plain := text(n); !plain || n.Decode(&v) != nil {
		d.Invalidf(path, "must be text, a number, true or false")
		return nil, false
	}
	return v, true
}

// isNull reports whether the node is empty, ~ or null.
func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// resolve returns the node that an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
