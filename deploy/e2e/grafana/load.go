package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// Load reads all dashboards of a directory, sorted by file name.
func Load(dir string) ([]Dashboard, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no dashboards in %s", dir)
	}
	dashboards := make([]Dashboard, len(files))
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if dashboards[i], err = Parse(b); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		dashboards[i].File = filepath.Base(file)
	}
	return dashboards, nil
}

// Parse decodes one dashboard.
func Parse(b []byte) (Dashboard, error) {
	var d Dashboard
	if err := strict(b, &d); err != nil {
		return d, err
	}
	var content any
	if err := json.Unmarshal(b, &content); err != nil {
		return d, err
	}
	return d, checkCase(content, fieldNames())
}

// checkCase returns an error if a field is not exactly one of the known names.
// Go's decoder matches names case-insensitively; Grafana does not.
func checkCase(content any, known map[string]bool) error {
	switch content := content.(type) {
	case []any:
		for _, c := range content {
			if err := checkCase(c, known); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, c := range content {
			if _, err := strconv.Atoi(name); err != nil && !known[name] {
				return fmt.Errorf("unknown field %q", name) // numeric names are values of mappings
			}
			if strings.HasSuffix(name, "ByName") {
				continue // maps with column names as keys
			}
			if err := checkCase(c, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldNames returns the JSON names of all fields of all types of this package.
func fieldNames() map[string]bool {
	known := map[string]bool{"qryType": true, "query": true, "refId": true}
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			for f := range t.Fields() {
				if name := f.Tag.Get("json"); name != "-" {
					known[name] = true
				}
				add(f.Type)
			}
		default:
		}
	}
	for _, t := range []any{Dashboard{}, GeomapCustom{}, []Link{}, CellOptions{}, LineStyle{}} {
		add(reflect.TypeOf(t))
	}
	return known
}

// strict decodes a single JSON value; a field that v does not have is an error.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("unexpected data after the JSON value")
	}
	return nil
}
