package config

import (
	"reflect"
	"strings"
)

// field is a key that a mapping may hold.
type field struct {
	name      string
	index     []int // as reflect.Value.FieldByIndex takes it
	omitEmpty bool
}

// fields lists the keys of a struct, those of inlined structs included. Where
// the struct takes keys of any name, free is the index of the map for them.
func fields(t reflect.Type) (list []field, free []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, tagged := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported(), name == "" && !tagged:
		case strings.HasSuffix(name, "_ref"): // for secret managers, of which there is none
		case options == "inline" && f.Type.Kind() == reflect.Map:
			free = f.Index
		case options == "inline":
			inner, _ := fields(f.Type)
			for _, in := range inner {
				in.index = append([]int{i}, in.index...)
				list = append(list, in)
			}
		default:
			list = append(list, field{name, f.Index, options == "omitempty"})
		}
	}
	return list, free
}

// names lists the keys that were found.
func names(list []field) []string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.name
	}
	return names
}
