package strictyaml

import (
	"math"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar is a type that a scalar of YAML is decoded into.
type scalar struct {
	expected string // in the fault "must be …"
	parse    func(n *yaml.Node) (v any, ok bool)
}

// scalarOf is the scalar for a type: one of the options, or that of its kind.
func (d *decoder) scalarOf(t reflect.Type) (scalar, bool) {
	if s, ok := d.scalars[t]; ok {
		return s, true
	}
	switch t.Kind() {
	case reflect.String:
		return scalar{"text", func(n *yaml.Node) (any, bool) { return text(n) }}, true
	case reflect.Bool:
		return scalar{"true or false", boolean}, true
	case reflect.Int:
		return scalar{"a whole number", integer}, true
	case reflect.Float64:
		return scalar{"a number", number}, true
	}
	return scalar{}, false
}

func boolean(n *yaml.Node) (any, bool) {
	s := strings.ToLower(n.Value)
	return s == "true", n.ShortTag() == "!!bool" && (s == "true" || s == "false")
}

func integer(n *yaml.Node) (any, bool) {
	var v int
	ok := n.ShortTag() == "!!int" && n.Decode(&v) == nil
	return v, ok
}

// number reads a decimal number. NaN and infinities are none.
func number(n *yaml.Node) (any, bool) {
	var v float64
	tag := n.ShortTag()
	ok := (tag == "!!float" || tag == "!!int") && n.Decode(&v) == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
	return v, ok
}

// text returns a scalar as it is written in the file: a password of digits keeps
// its zeros.
func text(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return n.Value, true
	}
	return "", false
}
