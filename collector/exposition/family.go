package exposition

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector"
)

// family is a row of the table of families, made ready to be exposed.
type family struct {
	name, help, unit string
	counter          bool
	labels           []string // sorted, as Prometheus's clients have them; account comes first
	columns          []int    // which of a batch's columns each label is; -1 is account
}

// newFamilies makes the table's counters and gauges ready.
func newFamilies(table []collector.Family) map[string]*family {
	families := make(map[string]*family, len(table))
	for _, row := range table {
		f := &family{name: row.Name, help: row.Help, unit: row.Unit(), counter: row.Type == collector.Counter}
		f.labels = append([]string{"account"}, row.Labels...)
		slices.Sort(f.labels)
		for _, label := range f.labels {
			f.columns = append(f.columns, slices.Index(row.Labels, label))
		}
		families[f.name] = f
	}
	return families
}

// metricType is the family's type in protobuf.
func (f *family) metricType() dto.MetricType {
	if f.counter {
		return dto.MetricType_COUNTER
	}
	return dto.MetricType_GAUGE
}

// appendHeader appends what stands before the rows in the text format or
// OpenMetrics.
func (f *family) appendHeader(b []byte, openMetrics bool) []byte {
	name, kind := f.name, "gauge"
	if f.counter {
		kind = "counter"
		if openMetrics {
			var total bool
			if name, total = strings.CutSuffix(name, "_total"); !total {
				kind = "unknown"
			}
		}
	}
	b = append(b, "# HELP "...)
	b = append(b, name...)
	b = append(b, ' ')
	b = appendEscaped(b, f.help, openMetrics)
	b = append(b, "\n# TYPE "...)
	b = append(b, name...)
	b = append(b, ' ')
	b = append(b, kind...)
	b = append(b, '\n')
	if openMetrics && f.unit != "" {
		b = append(b, "# UNIT "...)
		b = append(b, name...)
		b = append(b, ' ')
		b = append(b, f.unit...)
		b = append(b, '\n')
	}
	return b
}

// appendEscaped appends a text with backslashes before what would end it.
func appendEscaped(b []byte, s string, quotes bool) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b = append(b, `\\`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '"' && quotes:
			b = append(b, `\"`...)
		default:
			b = append(b, c)
		}
	}
	return b
}
