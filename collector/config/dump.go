package config

import (
	"cmp"
	"net/url"
	"reflect"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// hidden stands in a dump for a secret.
const hidden = "<secret>"

// dump is the configuration as YAML without its secrets. The library's own
// marshalling shows them when a global of its is set, and shows what
// oauth2.endpoint_params and oauth2.claims hold.
func dump(v values) *yaml.Node { return node(reflect.ValueOf(v)) }

func node(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case promconfig.Secret:
		return text(hidden)
	case time.Duration:
		return text(model.Duration(x).String())
	case promconfig.URL:
		return text(withoutUser(x.URL))
	case promconfig.TLSVersion:
		return text(x.String())
	}
	switch v.Kind() {
	case reflect.Pointer:
		return node(v.Elem())
	case reflect.Struct:
		return structNode(v)
	case reflect.Map:
		return mapNode(v)
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for i := range v.Len() {
			n.Content = append(n.Content, node(v.Index(i)))
		}
		return n
	case reflect.String:
		return text(v.String())
	}
	n := &yaml.Node{}
	if err := n.Encode(v.Interface()); err != nil { // never, for a bool or an int
		return text(hidden)
	}
	return n
}

func structNode(v reflect.Value) *yaml.Node {
	known, free := fields(v.Type())
	if free != nil {
		return mapNode(v.FieldByIndex(free))
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range known {
		if value := v.FieldByIndex(f.index); !f.omitEmpty || !value.IsZero() {
			n.Content = append(n.Content, text(f.name), node(value))
		}
	}
	return n
}

func mapNode(v reflect.Value) *yaml.Node {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, key := range keys {
		value := text(hidden)
		if kind := v.Type().Elem().Kind(); kind == reflect.Slice || kind == reflect.Struct {
			value = node(v.MapIndex(key)) // its types tell what is secret
		}
		n.Content = append(n.Content, text(key.String()), value)
	}
	return n
}

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

// withoutUser is a URL whose user and password, both of which may be secret,
// are hidden.
func withoutUser(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	shown := *u
	shown.User = url.User("hidden")
	return shown.String()
}
