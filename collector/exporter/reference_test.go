package exporter

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// The metric reference stands between two marks in a page of its own.
const (
	referencePage  = "../METRICS.md"
	referenceBegin = "<!-- metrics:begin -->\n"
	referenceEnd   = "<!-- metrics:end -->\n"
)

// TestReference compares the metric reference with the table of
// families; UPDATE_GOLDEN=1 writes it.
func TestReference(t *testing.T) {
	content, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(content), referenceBegin)
	have, tail, closed := strings.Cut(rest, referenceEnd)
	if !found || !closed {
		t.Fatalf("%s: the marks of the metric reference are missing", referencePage)
	}
	want := reference()
	if have == want {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(referencePage, []byte(head+referenceBegin+want+referenceEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s: the metric reference does not say what the code says; `make reference` writes it", referencePage)
	missing(t, "missing", want, have)
	missing(t, "not in the code", have, want)
}

// missing reports the lines of one text that the other has not.
func missing(t *testing.T, what, of, from string) {
	t.Helper()
	for line := range strings.Lines(of) {
		if !strings.Contains("\n"+from, "\n"+line) {
			t.Errorf("%s: %s", what, line)
		}
	}
}

// reference is one table for each collector, and one for the self-metrics.
func reference() string {
	var b strings.Builder
	for _, t := range collectorTypes() {
		referenceTable(&b, "Collector `"+t.name+"`", t.families(config.Collectors{}))
	}
	referenceTable(&b, "The exporter itself", selfFamilies())
	return b.String() + "\n"
}

func referenceTable(b *strings.Builder, title string, families []metric.Family) {
	fmt.Fprintf(b, "\n### %s\n\n| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n", title)
	for _, f := range families {
		var labels []string
		for _, label := range f.AllLabels() {
			labels = append(labels, "`"+label+"`")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, strings.Join(labels, ", "), strings.ReplaceAll(f.Help, "|", `\|`))
	}
}
