package collector

import (
	"slices"
	"strings"
)

// A Type is a Prometheus metric type.
type Type string

// The types in use.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// A Family describes a metric family: what /metrics, the metric reference and
// the tests know of it.
type Family struct {
	Name      string
	Help      string
	Type      Type
	Labels    []string // without account, which comes first wherever PerAccount is set
	Collector string   // the key in the configuration that it comes from; "" for the exporter's own
	// PerAccount: it carries the label account.
	PerAccount bool
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

// Names of the collectors: their keys in the configuration and the values of
// the label collector.
const (
	NameSuperSIMUsage     = "supersim_usage"
	NameSuperSIMInventory = "supersim_inventory"
	NameAccountUsage      = "account_usage"
	NameAccountBalance    = "account_balance"
)

// Families is the table of every family that the exporter exposes, apart from
// the Go runtime's and the process's. With iccid, SIMs carry theirs as a label.
func Families(iccid bool) []Family {
	return slices.Concat(
		superSIMUsageFamilies(),
		superSIMInventoryFamilies(iccid),
		accountUsageFamilies(),
		accountBalanceFamilies(),
		ownFamilies(),
	)
}

// counter, gauge and info make rows of the table for a collector's families.
func counter(collector, name, help string, labels ...string) Family {
	return Family{Name: name, Help: help, Type: Counter, Labels: labels, Collector: collector, PerAccount: true}
}

func gauge(collector, name, help string, labels ...string) Family {
	return Family{Name: name, Help: help, Type: Gauge, Labels: labels, Collector: collector, PerAccount: true}
}
