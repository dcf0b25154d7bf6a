// Package strictyaml decodes YAML into structs, strictly: unknown keys, missing
// values and wrong types are faults. All faults are reported at once, each with
// file, line and key, and none with a value.
//
// The YAML library can be strict as well (KnownFields), but its decoder stops at
// the first unknown key of a struct that has an UnmarshalYAML method, as those of
// prometheus/common/config have, and its errors quote values. In a configuration
// any value may be a secret in the wrong place: part of a key where a space is
// missing, or in place of a number.
//
// Struct tags are those of the library: names, "omitempty", and "inline" for
// structs and for a map that takes keys of any name. Fields without a tag, and
// UnmarshalYAML methods, are ignored. Supported types are structs, pointers to
// structs, maps with string keys, slices, strings, bool, int, any, and those
// added by Scalar; any other is a panic.
package strictyaml

import (
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Decode writes a YAML document into the struct that into points to; what the
// document does not mention keeps its value. file is the name of the file in
// faults.
//
// The error is not nil, and of type Faults, if the content is not a single YAML
// document with a mapping at its top. All other faults are left in the Document,
// so that the caller can add its own before it asks for Document.Err.
func Decode(file string, content []byte, into any, options ...Option) (*Document, error) {
	document := NewDocument(file)
	root := document.parse(content)
	if root == nil {
		return document, document.Err()
	}
	d := &decoder{
		Document: document,
		left:     maxNodes,
		within:   map[*yaml.Node]bool{},
		merging:  map[*yaml.Node]bool{},
		scalars:  map[reflect.Type]scalar{},
		defaults: map[reflect.Type]func() any{},
		optional: map[reflect.Type]bool{},
		excluded: func(string) bool { return false },
	}
	for _, option := range options {
		option(d)
	}
	d.value("", root, reflect.ValueOf(into).Elem())
	return document, nil
}

// Option changes how Decode treats a type or a key.
type Option func(*decoder)

// Scalar has values of type T parsed from the text of a scalar. If parse fails,
// the fault is "must be " and what was expected; the error is not shown.
func Scalar[T any](expected string, parse func(text string) (T, error)) Option {
	return func(d *decoder) {
		d.scalars[reflect.TypeFor[T]()] = scalar{expected, func(n *yaml.Node) (any, bool) {
			s, ok := text(n)
			v, err := parse(s)
			return v, ok && err == nil
		}}
	}
}

// Optional allows a value of type T, a kind of text, to be "". Others need a text.
func Optional[T ~string]() Option {
	return func(d *decoder) { d.optional[reflect.TypeFor[T]()] = true }
}

// Default has each element of type T, of a list or of a mapping, start with the
// value that initial returns.
func Default[T any](initial func() T) Option {
	return func(d *decoder) { d.defaults[reflect.TypeFor[T]()] = func() any { return initial() } }
}

// First has a key of the top level decoded before all others, wherever it stands in
// the document, so that what Default returns can depend on its value.
func First(key string) Option { return func(d *decoder) { d.first = key } }

// Exclude makes the fields unknown keys whose names excluded accepts.
func Exclude(excluded func(key string) bool) Option {
	return func(d *decoder) { d.excluded = excluded }
}
