package config

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// hidden replaces a secret.
const hidden = "<secret>"

// String returns the whole configuration as YAML, defaults included, with
// <secret> in place of each secret. The accounts of all shards are in it. An account
// has all options of its collectors, unless they are those of the top level.
func (c *Config) String() string {
	shown := c.values
	shown.Accounts = slices.Clone(c.values.Accounts)
	for i := range shown.Accounts {
		if own := &shown.Accounts[i].Collectors; reflect.DeepEqual(*own, shown.Collectors) {
			*own = Collectors{} // which leaves the key out
		}
	}
	// The library's own marshalling shows secrets if a global of its is set, and
	// always those in oauth2.endpoint_params and oauth2.claims.
	content, err := yaml.Marshal(node(reflect.ValueOf(shown)))
	if err != nil {
		return "configuration: " + err.Error()
	}
	return string(content)
}

// GoString returns String, so that %#v shows no secret either.
func (c *Config) GoString() string { return c.String() }

func node(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case promconfig.Secret:
		return text(hidden)
	case time.Duration:
		return text(model.Duration(x).String())
	case promconfig.URL:
		shown := *x.URL
		if shown.User != nil { // the user may be a secret, too
			shown.User = url.User("hidden")
		}
		return text(shown.String())
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
	case reflect.Bool, reflect.Int, reflect.Float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}
	}
	return text(hidden)
}

func structNode(v reflect.Value) *yaml.Node {
	fields, anyKey := strictyaml.Fields(v.Type())
	if anyKey != nil {
		return mapNode(v.FieldByIndex(anyKey))
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range fields {
		if value := v.FieldByIndex(f.Index); !f.OmitEmpty || !value.IsZero() {
			n.Content = append(n.Content, text(f.Key), node(value))
		}
	}
	return n
}

func mapNode(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, key := range sortedKeys(v) {
		value := text(hidden)
		if kind := v.Type().Elem().Kind(); kind == reflect.Slice || kind == reflect.Struct {
			value = node(v.MapIndex(key)) // its types tell what is secret
		}
		n.Content = append(n.Content, text(key.String()), value)
	}
	return n
}

// sortedKeys lists the keys of a map, which are strings.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	return keys
}

func text(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}
