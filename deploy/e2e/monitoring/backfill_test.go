package monitoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/twilio-exporter/twilio_exporter/deploy/e2e/programs"
)

// A rule is a recording or alerting rule of a rule file.
type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	KeepFiring  string            `yaml:"keep_firing_for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// A ruleFile is the content of a rule file.
type ruleFile struct {
	Groups []struct {
		Name     string `yaml:"name"`
		Interval string `yaml:"interval"`
		Rules    []rule `yaml:"rules"`
	} `yaml:"groups"`
}

// rulesOf returns all rules of the files.
func rulesOf(t *testing.T, files ...string) []rule {
	t.Helper()
	var all []rule
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := yaml.NewDecoder(strings.NewReader(string(content)))
		decoder.KnownFields(true)
		var f ruleFile
		if err := decoder.Decode(&f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range f.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// recordedName matches a recorded series in an expression.
var recordedName = regexp.MustCompile(`\b[a-z_]+:[a-z0-9_]+:[a-z0-9_]+\b`)

// layers sorts recording rules by their dependencies: each layer depends only on
// those before it.
func layers(t *testing.T, rules []rule) [][]rule {
	t.Helper()
	pending := make(map[string]bool)
	for _, r := range rules {
		pending[r.Record] = true
	}
	var found [][]rule
	for len(rules) > 0 {
		var layer, rest []rule
		for _, r := range rules {
			ready := true
			for _, name := range recordedName.FindAllString(r.Expr, -1) {
				ready = ready && !pending[name]
			}
			if ready {
				layer = append(layer, r)
			} else {
				rest = append(rest, r)
			}
		}
		if len(layer) == 0 {
			t.Fatalf("recording rules depend on each other: %v", rest)
		}
		for _, r := range layer {
			delete(pending, r.Record)
		}
		found, rules = append(found, layer), rest
	}
	return found
}

// backfillRules adds to a directory of blocks the series that the recording rules
// would have recorded.
func backfillRules(t *testing.T, data, file string, from, to time.Time, step time.Duration) {
	t.Helper()
	directory := t.TempDir()
	empty := write(t, directory, "prometheus.yml", "global: {}\n")
	for i, layer := range layers(t, rulesOf(t, file)) {
		content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "backfill", "rules": layer}}})
		if err != nil {
			t.Fatal(err)
		}
		rules := write(t, directory, fmt.Sprintf("layer%d.yml", i), string(content))
		prometheus := startPrometheus(t, empty, data)
		succeed(t, programs.Promtool, "tsdb", "create-blocks-from", "--max-block-duration=162h", "rules", "--url=http://"+prometheus.address,
			"--start="+from.Format(time.RFC3339), "--end="+to.Format(time.RFC3339), "--eval-interval="+step.String(),
			"--output-dir="+filepath.Join(directory, fmt.Sprint(i)), rules)
		prometheus.stop()
		made, err := filepath.Glob(filepath.Join(directory, fmt.Sprint(i), "*"))
		if err != nil || len(made) == 0 {
			t.Fatalf("no blocks of %s: %v", rules, err)
		}
		for _, block := range made {
			if err := os.Rename(block, filepath.Join(data, filepath.Base(block))); err != nil {
				t.Fatal(err)
			}
		}
	}
}
