package collector

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// report makes of a poll's listings what the ledgers are to count.
func (c *SuperSIMUsage) report(p *usagePlan, have listed) (report[bytesColumn], report[costColumn]) {
	usage := report[bytesColumn]{p.usage, make(map[bytesColumn]*reported)}
	cost := report[costColumn]{p.cost, make(map[costColumn]*reported)}
	currencies := c.currencies(p, p.cost.month, p.cost.end)
	past := c.currencies(p, p.cost.before(), p.cost.month)
	for dim := range c.dims {
		upload, download := usage.column(bytesColumn{dim, false}), usage.column(bytesColumn{dim, true})
		totals := p.totals[query{dim: dim, start: p.usage.month, end: p.usage.end}]
		expected := c.expected(dim, p.usage, have)
		upload.reserve(max(len(totals), len(expected)))
		download.reserve(max(len(totals), len(expected)))
		each(totals, expected, func(id string, t *usageTotal, _ bool) {
			if t == nil {
				upload.expect(id)
				download.expect(id)
				return
			}
			// What the API leaves out stays as it is.
			if t.upload != notReported {
				upload.add(id, float64(t.upload))
			}
			if t.download != notReported {
				download.add(id, float64(t.download))
			}
		})
		for _, t := range p.totals[query{dim: dim, start: p.usage.before(), end: p.usage.month}] {
			if t.upload != notReported {
				upload.carried = append(upload.carried, t.key)
			}
			if t.download != notReported {
				download.carried = append(download.carried, t.key)
			}
		}

		totals = p.totals[query{dim: dim, start: p.cost.month, end: p.cost.end}]
		expected = c.expected(dim, p.cost, have)
		for _, currency := range currencies {
			column := cost.column(costColumn{dim, currency})
			column.reserve(max(len(totals), len(expected)))
			each(totals, expected, func(id string, t *usageTotal, _ bool) {
				if t == nil {
					column.expect(id)
				} else if t.costReported {
					if amount, named := t.billed(currency); named || t.currency == "" {
						column.add(id, amount.InexactFloat64())
					} else {
						column.expect(id)
					}
				}
			})
		}
		// What showed a cost in the month before: what was billed then, and what
		// was silent beside it.
		before := p.totals[query{dim: dim, start: p.cost.before(), end: p.cost.month}]
		for _, currency := range past {
			column := cost.column(costColumn{dim, currency})
			each(before, expected, func(id string, t *usageTotal, expected bool) {
				if expected || t.costReported {
					column.carried = append(column.carried, id)
				}
			})
		}
	}
	return usage, cost
}

// each goes through all keys of totals and of what is expected, sorted.
func each(totals []usageTotal, expected []string, do func(id string, t *usageTotal, expected bool)) {
	for step := 0; len(totals) > 0 || len(expected) > 0; step++ {
		makeWay(step)
		switch {
		case len(totals) == 0 || len(expected) > 0 && expected[0] < totals[0].key:
			do(expected[0], nil, true)
			expected = expected[1:]
		case len(expected) == 0 || totals[0].key < expected[0]:
			do(totals[0].key, &totals[0], false)
			totals = totals[1:]
		default:
			do(expected[0], &totals[0], true)
			totals, expected = totals[1:], expected[1:]
		}
	}
}

// expected names what has counters in a month although it may be silent, sorted:
// the account, SIMs that can send, fleets, and networks and countries that had
// usage in the month before.
func (c *SuperSIMUsage) expected(dim int, w window, have listed) []string {
	var ids []string
	f := c.cfg.Filter
	switch c.dims[dim].api {
	case twilio.GroupNone:
		if sid := c.account.SID(); sid != "" {
			ids = append(ids, sid)
		}
	case twilio.GroupSim:
		ids = make([]string, 0, have.sims.len())
		for sim := range have.sims.all() {
			if sim.Status.CanSend() && admitsSim(f, sim, have.fleets) {
				ids = append(ids, sim.SID)
			}
		}
	case twilio.GroupFleet:
		for _, fleet := range have.fleets {
			if admitsFleet(f, fleet, have.sims) {
				ids = append(ids, fleet.SID)
			}
		}
	default:
		if keys := c.months[w.before()]; keys != nil {
			ids = keys[dim]
		}
	}
	return ids
}

// currencies are those in which anything of the account was billed in a range,
// sorted.
func (c *SuperSIMUsage) currencies(p *usagePlan, start, end time.Time) []string {
	var all []string
	named := func(currency string) {
		if i, found := slices.BinarySearch(all, currency); !found && currency != "" {
			all = slices.Insert(all, i, currency)
		}
	}
	for dim := range c.dims {
		for _, t := range p.totals[query{dim: dim, start: start, end: end}] {
			named(t.currency)
			for currency := range t.others {
				named(currency)
			}
		}
	}
	return all
}

// shareNames makes columns of the same ids share them, and SIMs have the SIDs of
// the inventory.
func (c *SuperSIMUsage) shareNames(sims *simList) {
	for dim, d := range c.dims {
		var columns []*counters
		for k, column := range c.bytes.columns {
			if k.dim == dim {
				columns = append(columns, column)
			}
		}
		for k, column := range c.cost.columns {
			if k.dim == dim {
				columns = append(columns, column)
			}
		}
		for i, column := range columns {
			if d.api == twilio.GroupSim && sims != c.names {
				column.ids = sims.intern(column.ids)
			}
			for _, other := range columns[:i] {
				if slices.Equal(column.ids, other.ids) {
					column.ids = other.ids
					break
				}
			}
		}
	}
	c.names = sims
}

// render makes rows of the counters as they are at now, and of the last gauges.
func (c *SuperSIMUsage) render(now time.Time) []Batch {
	var usageEnds, costEnds []Series
	batches := slices.Clone(c.gauges)
	for dim, d := range c.dims {
		for _, direction := range []struct {
			family   string
			download bool
		}{{"upload_bytes_total", false}, {"download_bytes_total", true}} {
			k := bytesColumn{dim, direction.download}
			ids := c.bytes.ids(k)
			batches = append(batches, Batch{
				Family: d.family(direction.family), Created: c.bytes.month, Rows: len(ids),
				Labels: []Column[string]{Each(ids)}, Values: c.bytes.shown(k, now),
			})
		}
		for _, currency := range c.shownCurrencies(dim) {
			k := costColumn{dim, currency}
			ids := c.cost.ids(k)
			batches = append(batches, Batch{
				Family: d.family("cost_total"), Created: c.cost.month, Rows: len(ids),
				Labels: []Column[string]{Each(ids), All(currency)}, Values: c.cost.shown(k, now),
			})
		}
		usageEnds = append(usageEnds, Series{[]string{d.group}, seconds(c.bytes.upTo(now))})
		costEnds = append(costEnds, Series{[]string{d.group}, seconds(c.cost.upTo(now))})
	}
	return append(batches,
		NewBatch("twilio_supersim_usage_end_timestamp_seconds", time.Time{}, usageEnds),
		NewBatch("twilio_supersim_cost_end_timestamp_seconds", time.Time{}, costEnds),
	)
}

// shownCurrencies are those in which a dimension has cost counters, sorted.
func (c *SuperSIMUsage) shownCurrencies(dim int) []string {
	var all []string
	for k := range c.cost.columns {
		if k.dim == dim {
			all = append(all, k.currency)
		}
	}
	slices.Sort(all)
	return all
}

// hourGauges makes the rows of one hour. Whatever has byte counters and no
// record was silent.
func (c *SuperSIMUsage) hourGauges(p *usagePlan) []Batch {
	var batches []Batch
	var ends []Series
	for dim, d := range c.dims {
		totals := p.totals[query{dim, p.hour.Add(-time.Hour), p.hour, true}]
		for _, direction := range []struct {
			family   string
			download bool
			of       func(*usageTotal) int64
		}{
			{"hour_upload_bytes", false, func(t *usageTotal) int64 { return t.upload }},
			{"hour_download_bytes", true, func(t *usageTotal) int64 { return t.download }},
		} {
			counters := c.bytes.ids(bytesColumn{dim, direction.download})
			ids, values := make([]string, 0, len(counters)), make([]float64, 0, len(counters))
			each(totals, counters, func(id string, t *usageTotal, _ bool) {
				var bytes int64
				if t != nil {
					if bytes = direction.of(t); bytes == notReported {
						return
					}
				}
				ids, values = append(ids, id), append(values, float64(bytes))
			})
			if slices.Equal(ids, counters) {
				ids = counters
			}
			batches = append(batches, Batch{
				Family: d.family(direction.family), Rows: len(ids),
				Labels: []Column[string]{Each(ids)}, Values: Each(values),
			})
		}
		ends = append(ends, Series{[]string{d.group}, seconds(p.hour)})
	}
	return append(batches, NewBatch("twilio_supersim_hour_end_timestamp_seconds", time.Time{}, ends))
}

// networkInfo names the networks that have counters.
func (c *SuperSIMUsage) networkInfo(networks []twilio.Network) []Batch {
	var rows []Series
	for dim, d := range c.dims {
		if d.api != twilio.GroupNetwork {
			continue
		}
		counted := c.bytes.ids(bytesColumn{dim: dim})
		for _, n := range networks {
			if _, ok := slices.BinarySearch(counted, n.SID); ok {
				rows = append(rows, Series{[]string{n.SID, n.FriendlyName, n.IsoCountry}, 1})
			}
		}
	}
	return []Batch{NewBatch("twilio_supersim_network_info", time.Time{}, rows)}
}

func seconds(t time.Time) float64 { return float64(t.Unix()) }
