package collector

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// batches are the samples of the counters as they are at now, and of the last
// gauges.
func (c *SuperSIMUsage) batches(now time.Time) []metric.Batch {
	var usageEnds, costEnds []metric.Sample
	batches := append(slices.Clone(c.gauges), c.late.batches()...)
	for _, d := range c.exposed(nil, c.countries.bytes) {
		for _, dir := range d.directions() {
			ids := c.bytes.IDs(dir.column)
			batches = append(batches, metric.Batch{
				Family: dir.total, Created: c.bytes.Created(), Len: len(ids),
				Labels: d.columns(ids), Values: c.bytes.Values(dir.column, now),
			})
		}
	}
	for _, d := range c.dimensions {
		for _, currency := range c.costCurrencies(d.group) {
			batches = append(batches, c.costBatch(d, currency, now))
		}
	}
	batches = append(batches, c.simNetworkCosts(now)...)
	for _, group := range c.groups() {
		usageEnds = append(usageEnds, metric.Sample{Labels: []string{group.name}, Value: seconds(end(c.bytes, c.ends[group.name].bytes, now))})
		costEnds = append(costEnds, metric.Sample{Labels: []string{group.name}, Value: seconds(end(c.cost, c.ends[group.name].cost, now))})
	}
	return append(batches, metric.NewBatch(usageEnd(), usageEnds), metric.NewBatch(costEnd(), costEnds))
}

// groups are the configured ones, sim_network without a network.
func (c *SuperSIMUsage) groups() []grouping {
	var groups []grouping
	for _, d := range c.dimensions {
		groups = append(groups, d.group)
	}
	if c.simNetwork {
		groups = append(groups, simNetworkGroup(""))
	}
	return groups
}

// costBatch is the samples of a dimension's cost counters in a currency.
func (c *SuperSIMUsage) costBatch(d dimension, currency string, now time.Time) metric.Batch {
	column := costColumn{d.group, currency}
	ids := c.cost.IDs(column)
	return metric.Batch{
		Family: d.cost, Created: c.cost.Created(), Len: len(ids),
		Labels: d.columns(ids, currency), Values: c.cost.Values(column, now),
	}
}

// costCurrencies are those in which a dimension has cost counters, sorted.
func (c *SuperSIMUsage) costCurrencies(group grouping) []string {
	var currencies []string
	for column := range c.cost.Columns() {
		if column.group == group {
			currencies = append(currencies, column.currency)
		}
	}
	slices.Sort(currencies)
	return currencies
}

// hourGauges are the samples of one hour. Whatever has byte counters and no
// record was silent.
func (c *SuperSIMUsage) hourGauges(p usagePlan, totals usageTotals) []metric.Batch {
	batches := c.keptGauges(p)
	for _, d := range c.exposed(totals, c.countries.bytes) {
		if p.leavesOut(d.group) {
			continue
		}
		for _, dir := range d.directions() {
			counters := c.bytes.IDs(dir.column)
			ids, values := make([]string, 0, len(counters)), make([]float64, 0, len(counters))
			visitKeys(exposable(d, totals[p.hourQuery(d.group)]), counters, func(id string, t *usageTotal, _ bool) {
				var bytes int64
				if t != nil {
					if bytes = dir.bytes(t); bytes == notReported {
						return
					}
				}
				ids, values = append(ids, id), append(values, float64(bytes))
			})
			if slices.Equal(ids, counters) {
				ids = counters // held once
			}
			batches = append(batches, metric.Batch{
				Family: dir.hour, Len: len(ids),
				Labels: d.columns(ids), Values: metric.Values(values),
			})
		}
	}
	return append(batches, c.hourEnds())
}

// hourEnds are the ends of the hours that the gauges describe, of groups that were read.
func (c *SuperSIMUsage) hourEnds() metric.Batch {
	var ends []metric.Sample
	for _, group := range c.groups() {
		if hour := c.ends[group.name].hour; !hour.IsZero() {
			ends = append(ends, metric.Sample{Labels: []string{group.name}, Value: seconds(hour)})
		}
	}
	return metric.NewBatch(hourEnd(), ends)
}

// networkInfo names the networks that have counters.
func (c *SuperSIMUsage) networkInfo(networks []twilio.Network) metric.Batch {
	var samples []metric.Sample
	counted := c.bytes.IDs(bytesColumn{group: networkGroup()})
	if c.simNetwork {
		for _, d := range c.counted(nil) {
			counted = append(counted[:len(counted):len(counted)], d.group.network)
		}
	}
	for _, n := range networks {
		if slices.Contains(counted, n.SID) {
			samples = append(samples, metric.Sample{Labels: []string{n.SID, n.FriendlyName, n.IsoCountry}, Value: 1})
		}
	}
	return metric.NewBatch(networkInfo(), samples)
}
