package collector_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/twilio-exporter/twilio_exporter"

// goList runs go list in the module's root and returns its lines.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", list, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestImports: data goes one way, so packages may import only those on their way.
// Whoever adds an arrow adds it here.
func TestImports(t *testing.T) {
	arrows := map[string][]string{
		"":                            {"collector/atomicfile", "collector/backfill", "collector/check", "collector/completion", "collector/config", "collector/demo", "collector/exporter", "collector/lifecycle", "collector/once", "collector/report", "collector/simulator", "collector/web", "twilio"},
		"collector/atomicfile":        nil,
		"collector/once":              {"collector/atomicfile", "collector/config", "collector/exporter", "collector/lifecycle"},
		"collector/completion":        nil,
		"collector/simulator":         {"twilio/twiliotest"},
		"collector/backfill":          {"collector", "collector/atomicfile", "collector/config", "collector/metric", "collector/monthly", "twilio"},
		"collector/report":            {"collector", "collector/config", "twilio"},
		"collector/check":             {"collector", "collector/config", "twilio"},
		"collector/demo":              {"collector/config", "twilio/twiliotest"},
		"collector/exporter":          {"collector", "collector/budget", "collector/config", "collector/exposition", "collector/metric", "collector/monthly", "collector/status", "collector/storage", "twilio"},
		"collector":                   {"collector/config", "collector/metric", "collector/monthly", "twilio"},
		"collector/exposition":        {"collector/metric"},
		"collector/budget":            nil,
		"collector/monthly":           {"collector/metric"},
		"collector/metric":            nil,
		"collector/storage":           nil,
		"collector/status":            nil,
		"collector/web":               {"collector/lifecycle", "collector/status"},
		"collector/lifecycle":         nil,
		"collector/config":            {"collector/config/strictyaml", "twilio"},
		"collector/config/strictyaml": nil,
		"twilio":                      nil,
		"twilio/twiliotest":           nil,
	}
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		imports := strings.Fields(line)
		importer := strings.Trim(strings.TrimPrefix(imports[0], module), "/")
		allowed, known := arrows[importer]
		if !known {
			t.Errorf("%s: what this package may import is not said in this test", importer)
		}
		for _, imported := range imports[1:] {
			if name, own := strings.CutPrefix(imported, module+"/"); own && !slices.Contains(allowed, name) {
				t.Errorf("%s must not import %s", importer, name)
			}
		}
	}
}

// TestDependencies: what turns samples into bytes drags in no API, no
// credentials and no configuration, and the ground floor nothing at all.
func TestDependencies(t *testing.T) {
	for _, dependency := range goList(t, "-deps", "./collector/exposition") {
		for _, not := range []string{"oauth2", "yaml", module + "/twilio", module + "/collector/config"} {
			if strings.Contains(dependency, not) {
				t.Errorf("collector/exposition depends on %s", dependency)
			}
		}
	}
	for _, dependency := range goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./collector/metric") {
		if dependency != "" && dependency != module+"/collector/metric" {
			t.Errorf("collector/metric depends on %s", dependency)
		}
	}
}
