package collector_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector"
)

// The metric reference stands between two marks in a page of its own.
const (
	referencePage  = "METRICS.md"
	referenceBegin = "<!-- metrics:begin -->\n"
	referenceEnd   = "<!-- metrics:end -->\n"
)

// TestReference compares the metric reference with the table of families;
// UPDATE_GOLDEN=1 writes it.
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
	want := reference(collector.Families(false))
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

// reference is one table for each collector, and one for the families of the
// exporter itself.
func reference(families []collector.Family) string {
	var b strings.Builder
	of := "none yet"
	for _, f := range families {
		if f.Collector != of {
			of = f.Collector
			title := "Collector `" + of + "`"
			if of == "" {
				title = "The exporter itself"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| Metric | Type | Labels | Meaning |\n| --- | --- | --- | --- |\n", title)
		}
		var labels []string
		if f.PerAccount {
			labels = append(labels, "`account`")
		}
		for _, label := range f.Labels {
			labels = append(labels, "`"+label+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, strings.Join(labels, ", "), strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String() + "\n"
}
