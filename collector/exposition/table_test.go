package exposition_test

import (
	"slices"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// table has a family of every kind: counters and gauges, with units and without,
// labels in another order than sorted, and names between which the self-metrics
// come.
func table() []metric.Family {
	const help = `Help of a family with "quotes", \ and` + "\na new line."
	return []metric.Family{
		metric.Gauge("a_first", help),
		metric.Counter("sent_bytes_total", help, "sim_sid"),
		metric.Counter("cost_total", help, "sim_sid", "currency"),
		metric.Gauge("age_seconds", help, "zone", "area"),
		metric.Counter("no_suffix", help, "id"),
		metric.Gauge("zz_info", help, "sim_sid", "name", "fleet"),
	}
}

// fleetTable is like the exporter's: usage by several labels, and what describes
// SIMs, fleets and accounts, by more labels if iccid.
func fleetTable(iccid bool) []metric.Family {
	const help = "What the family is about, in a sentence of the usual length, as of the last poll."
	var all []metric.Family
	for _, scope := range [][2]string{{"account", "account_sid"}, {"country", "iso_country"}, {"fleet", "fleet_sid"}, {"network", "network_sid"}, {"sim", "sim_sid"}} {
		name := "twilio_supersim_" + scope[0]
		all = append(all,
			metric.Counter(name+"_upload_bytes_total", help, scope[1]),
			metric.Counter(name+"_download_bytes_total", help, scope[1]),
			metric.Counter(name+"_cost_total", help, scope[1], "currency"),
			metric.Gauge(name+"_hour_upload_bytes", help, scope[1]),
			metric.Gauge(name+"_hour_download_bytes", help, scope[1]))
	}
	info := metric.Gauge("twilio_supersim_sim_info", help, "sim_sid", "unique_name", "fleet_sid", "status")
	if iccid {
		info.Labels = append(info.Labels, "iccid")
	}
	return append(all, info,
		metric.Gauge("twilio_supersim_fleet_info", help, "fleet_sid", "unique_name"),
		metric.Gauge("twilio_supersim_fleet_data_limit_bytes", help, "fleet_sid"),
		metric.Gauge("twilio_account_info", help, "account_sid", "provider"),
		metric.Gauge("twilio_account_balance", help, "account_sid", "currency"))
}

// family is one of the tables'.
func family(name string) metric.Family {
	all := append(table(), fleetTable(false)...)
	return all[slices.IndexFunc(all, func(f metric.Family) bool { return f.Name == name })]
}
