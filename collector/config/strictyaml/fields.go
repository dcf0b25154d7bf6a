package strictyaml

import (
	"reflect"
	"strings"
)

// Field is a key of a mapping that is decoded into a struct.
type Field struct {
	Key       string
	Index     []int // for reflect.Value.FieldByIndex
	OmitEmpty bool
}

// Fields lists the keys of a struct type, including those of inlined structs. If
// the struct takes keys of any name instead, anyKey is the index of the map that
// holds them.
func Fields(t reflect.Type) (fields []Field, anyKey []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		key, options, tagged := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported(), key == "" && !tagged:
		case options == "inline" && f.Type.Kind() == reflect.Map:
			anyKey = f.Index
		case options == "inline":
			inner, _ := Fields(f.Type)
			for _, in := range inner {
				in.Index = append([]int{i}, in.Index...)
				fields = append(fields, in)
			}
		default:
			fields = append(fields, Field{key, f.Index, options == "omitempty"})
		}
	}
	return fields, anyKey
}
