package collector

import (
	"slices"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// accountGroup is the group of the account's total.
const accountGroup = "account"

// A dimension is one way to add up Super SIM usage. Each has metric names of
// its own, so that a sum over one name never counts twice.
type dimension struct {
	group grouping
	api   twilio.Group
	key   func(twilio.UsageRecord) string

	country string // of the network, in sim_network

	upload, download, cost, hourUpload, hourDownload metric.Family
}

func dimensions() []dimension {
	return []dimension{
		newDimension(grouping{name: accountGroup}, "the account", twilio.GroupNone, func(r twilio.UsageRecord) string { return r.AccountSID }, "account_sid"),
		newDimension(grouping{name: "sim"}, "each SIM", twilio.GroupSim, func(r twilio.UsageRecord) string { return r.SimSID }, "sim_sid"),
		newDimension(grouping{name: "fleet"}, "each fleet", twilio.GroupFleet, func(r twilio.UsageRecord) string { return r.FleetSID }, "fleet_sid"),
		newDimension(grouping{name: "network"}, "each network", twilio.GroupNetwork, func(r twilio.UsageRecord) string { return r.NetworkSID }, "network_sid"),
		newDimension(grouping{name: "country"}, "each country", twilio.GroupIsoCountry, func(r twilio.UsageRecord) string { return r.IsoCountry }, "iso_country"),
	}
}

// grouping names a dimension.
type grouping struct {
	name    string // the word in the configuration and in metric names
	network string // SID, in sim_network: each network is a dimension of its own
}

// String names the dimension in errors and logs.
func (g grouping) String() string {
	if g.network == "" {
		return g.name
	}
	return g.name + " " + g.network
}

func newDimension(group grouping, each string, api twilio.Group, key func(twilio.UsageRecord) string, labels ...string) dimension {
	prefix := "twilio_supersim_" + group.name + "_"
	return dimension{
		group: group, api: api, key: key,
		upload: metric.Counter(prefix+"upload_bytes_total",
			"Bytes that SIMs sent since the start of the month, as of the last poll, for "+each+".", labels...),
		download: metric.Counter(prefix+"download_bytes_total",
			"Bytes that SIMs received since the start of the month, as of the last poll, for "+each+".", labels...),
		cost: metric.Counter(prefix+"cost_total",
			"Amount billed for data since the start of the month, as of the last poll, in units of the currency, for "+each+".", append(slices.Clone(labels), "currency")...),
		hourUpload: metric.Gauge(prefix+"hour_upload_bytes",
			"Bytes that SIMs sent in one whole hour, for "+each+".", labels...),
		hourDownload: metric.Gauge(prefix+"hour_download_bytes",
			"Bytes that SIMs received in one whole hour, for "+each+".", labels...),
	}
}

// dimension is the one of a query's group, be it configured or not.
func (c *SuperSIMUsage) dimension(group grouping) dimension {
	for _, d := range c.allDimensions {
		if d.group == group {
			return d
		}
	}
	return simNetworkDimension(group.network)
}

// keysFromUsage reports whether the dimension's keys are known from usage alone: no
// inventory lists the networks and countries that SIMs use.
func (d dimension) keysFromUsage() bool {
	return d.api == twilio.GroupNetwork || d.api == twilio.GroupIsoCountry || d.group.name == groupSimNetwork
}

func hourEnd() metric.Family {
	return metric.Gauge("twilio_supersim_hour_end_timestamp_seconds", "End of the hour that the hour gauges describe, in seconds since the epoch.", "group")
}

func usageEnd() metric.Family {
	return metric.Gauge("twilio_supersim_usage_end_timestamp_seconds", "Time up to which the byte counters count, in seconds since the epoch.", "group")
}

func costEnd() metric.Family {
	return metric.Gauge("twilio_supersim_cost_end_timestamp_seconds", "Time up to which the cost counters count, in seconds since the epoch.", "group")
}

func unattributedBytes() metric.Family {
	return metric.Gauge("twilio_supersim_unattributed_bytes",
		"Bytes of the month that the account's total has beyond the sum over the group, both of the last poll; below 0 if the sum is larger.", "group", "direction")
}

func unattributedCost() metric.Family {
	return metric.Gauge("twilio_supersim_unattributed_cost",
		"Amount of the month that the account's total has beyond the sum over the group, both of the last poll, in units of the currency; below 0 if the sum is larger.", "group", "currency")
}

func networkInfo() metric.Family {
	return metric.Gauge("twilio_supersim_network_info", "A network that has counters, constant 1.", "network_sid", "friendly_name", "iso_country")
}

// SuperSIMUsageFamilies are those that SuperSIMUsage has samples of.
func SuperSIMUsageFamilies() []metric.Family {
	var families []metric.Family
	for _, d := range append(dimensions(), simNetworkDimension("")) {
		families = append(families, d.upload, d.download, d.cost, d.hourUpload, d.hourDownload)
	}
	return append(families, hourEnd(), usageEnd(), costEnd(), unattributedBytes(), unattributedCost(), networkInfo(), lateBytes(), lateCost())
}
