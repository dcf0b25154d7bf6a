// Package metric holds what the exporter exposes as plain data: families and
// batches of samples. It depends on the standard library alone, so that a
// collector knows nothing of exposition formats and the exposition knows
// nothing of APIs.
package metric

import "strings"

// A Type is a Prometheus metric type.
type Type string

// The types in use.
const (
	TypeCounter   Type = "counter"
	TypeGauge     Type = "gauge"
	TypeHistogram Type = "histogram"
)

// A Family describes a metric family: what /metrics, the metric reference and
// the tests know of it.
type Family struct {
	Name   string
	Help   string
	Type   Type
	Labels []string // without account, which comes first wherever PerAccount is set
	// PerAccount reports whether its samples carry the label account.
	PerAccount bool
}

// Counter is a counter family whose samples carry the label account and the
// labels given.
func Counter(name, help string, labels ...string) Family {
	return Family{Name: name, Help: help, Type: TypeCounter, Labels: labels, PerAccount: true}
}

// Gauge is a gauge family whose samples carry the label account and the labels
// given.
func Gauge(name, help string, labels ...string) Family {
	return Family{Name: name, Help: help, Type: TypeGauge, Labels: labels, PerAccount: true}
}

// AllLabels are the family's labels as exposed, account first.
func (f Family) AllLabels() []string {
	if f.PerAccount {
		return append([]string{"account"}, f.Labels...)
	}
	return f.Labels
}

// Unit is the family's unit as OpenMetrics and protobuf name it, "" where it has
// none: the word that its name ends in, before _total. Money has none, because
// its unit is a label.
//
// Source: OpenMetrics 1.0, section "Unit" (a name must end in its unit).
func (f Family) Unit() string {
	name := strings.TrimSuffix(f.Name, "_total")
	for _, unit := range []string{"bytes", "seconds"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}
