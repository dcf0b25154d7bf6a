package exposition

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// family is a row of the table of families, made ready to be exposed.
type family struct {
	name, help, unit string
	kind             dto.MetricType
	labels           []string // sorted, as Prometheus's clients have them; account comes first
	columns          []int    // which of a batch's columns each label is; -1 is account
}

// sameHeader says whether two families look the same but for their rows.
func (f *family) sameHeader(o *family) bool {
	return f.name == o.name && f.help == o.help && f.unit == o.unit && f.kind == o.kind
}

// newFamilies makes the table's counters and gauges ready.
func newFamilies(table []metric.Family) map[string]*family {
	families := make(map[string]*family, len(table))
	for _, row := range table {
		f := &family{name: row.Name, help: row.Help, unit: row.Unit(), kind: dto.MetricType_GAUGE}
		if row.Type == metric.TypeCounter {
			f.kind = dto.MetricType_COUNTER
		}
		f.labels = append([]string{"account"}, row.Labels...)
		slices.Sort(f.labels)
		for _, label := range f.labels {
			f.columns = append(f.columns, slices.Index(row.Labels, label))
		}
		families[f.name] = f
	}
	return families
}

// appendHeader appends what stands before the rows in the text format or
// OpenMetrics.
func (f *family) appendHeader(b []byte, openMetrics bool) []byte {
	name, kind := f.name, "gauge"
	switch f.kind {
	case dto.MetricType_HISTOGRAM:
		kind = "histogram"
	case dto.MetricType_COUNTER:
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
	from := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '\n':
			c = 'n'
		case c == '\\', c == '"' && quotes:
		default:
			continue
		}
		b = append(append(b, s[from:i]...), '\\', c)
		from = i + 1
	}
	return append(b, s[from:]...)
}
