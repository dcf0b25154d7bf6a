package collector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// groupSimNetwork counts by SIM and network. The API groups by one of them at a time
// and filters by the other, so each network that was used is a dimension of its own:
// the SIMs that used it. A poll lists usage by network first, and then the SIMs of
// each network that the listing names.
const groupSimNetwork = "sim_network"

func networkGroup() grouping { return grouping{name: "network"} }

func simNetworkGroup(network string) grouping { return grouping{groupSimNetwork, network} }

// simNetworkDimension counts a network's usage by SIM.
func simNetworkDimension(network string) dimension {
	return newDimension(simNetworkGroup(network), "each SIM and network", twilio.GroupSim,
		func(r twilio.UsageRecord) string { return r.SimSID }, "sim_sid", "network_sid", "iso_country")
}

// columns are the labels of samples of the SIMs, networks … that ids name. more
// follow the dimension's own labels.
func (d dimension) columns(ids []string, more ...string) []metric.Column[string] {
	columns := []metric.Column[string]{metric.Values(ids)}
	if d.group.name == groupSimNetwork {
		columns = append(columns, metric.Const(d.group.network), metric.Const(d.country))
	}
	for _, value := range more {
		columns = append(columns, metric.Const(value))
	}
	return columns
}

// withNetworks are the configured dimensions and, if sim_network needs it, the one
// by network, which may not be configured.
func (c *SuperSIMUsage) withNetworks() []dimension {
	if !c.simNetwork || slices.Contains(c.groups(), networkGroup()) {
		return c.dimensions
	}
	return append(slices.Clone(c.dimensions), c.dimension(networkGroup()))
}

// counted are the dimensions that have counters: the configured ones and, for
// sim_network, each network that has counters or is in totals, sorted by SID.
func (c *SuperSIMUsage) counted(totals usageTotals) []dimension {
	return append(slices.Clone(c.dimensions), c.networks(totals)...)
}

func (c *SuperSIMUsage) networks(totals usageTotals) []dimension {
	if !c.simNetwork {
		return nil
	}
	found := make(map[string]bool)
	add := func(group grouping) {
		if group.name == groupSimNetwork {
			found[group.network] = true
		}
	}
	for column := range c.bytes.Columns() {
		add(column.group)
	}
	for column := range c.cost.Columns() {
		add(column.group)
	}
	for q := range totals {
		add(q.group)
	}
	var networks []dimension
	for _, network := range slices.Sorted(maps.Keys(found)) {
		networks = append(networks, simNetworkDimension(network))
	}
	return networks
}

// exposed are the dimensions that have counters, or are in totals, in the order in
// which their samples are exposed: that of the labels' names, so that networks come
// by country.
func (c *SuperSIMUsage) exposed(totals usageTotals, countries map[string]string) []dimension {
	networks := c.networks(totals)
	for i := range networks {
		networks[i].country = countries[networks[i].group.network]
	}
	slices.SortStableFunc(networks, func(a, b dimension) int { return cmp.Compare(a.country, b.country) })
	return append(slices.Clone(c.dimensions), networks...)
}

// simNetworkCosts are the samples of the cost counters by SIM and network, in the
// order in which they are exposed: by currency first.
func (c *SuperSIMUsage) simNetworkCosts(now time.Time) []metric.Batch {
	networks := c.exposed(nil, c.countries.cost)[len(c.dimensions):]
	currencies := make(map[string]bool)
	for _, d := range networks {
		for _, currency := range c.costCurrencies(d.group) {
			currencies[currency] = true
		}
	}
	var batches []metric.Batch
	for _, currency := range slices.Sorted(maps.Keys(currencies)) {
		for _, d := range networks {
			batches = append(batches, c.costBatch(d, currency, now))
		}
	}
	return batches
}
