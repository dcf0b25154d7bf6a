package collector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// report makes of a poll's listings what the ledgers are to count.
func (c *SuperSIMUsage) report(p *usagePlan, have listed) (report[bytesKey, int64], report[costKey, float64]) {
	usage := report[bytesKey, int64]{
		window:   p.usage,
		values:   make(map[bytesKey]int64),
		expected: make(map[bytesKey]struct{}),
		carried:  make(map[bytesKey]struct{}),
	}
	cost := report[costKey, float64]{
		window:   p.cost,
		values:   make(map[costKey]float64),
		expected: make(map[costKey]struct{}),
		carried:  make(map[costKey]struct{}),
	}
	currencies := c.currencies(p, p.cost.month, p.cost.end)
	past := c.currencies(p, p.cost.before(), p.cost.month)
	for dim := range c.dims {
		totals := p.totals[query{dim: dim, start: p.usage.month, end: p.usage.end}]
		for id, t := range totals {
			if t.upload.Valid {
				usage.values[bytesKey{dim, id, false}] = t.upload.V
			}
			if t.download.Valid {
				usage.values[bytesKey{dim, id, true}] = t.download.V
			}
		}
		for id := range c.expected(dim, p.usage, have) {
			t := totals[id]
			if t == nil || t.upload.Valid {
				usage.expected[bytesKey{dim, id, false}] = struct{}{}
			}
			if t == nil || t.download.Valid {
				usage.expected[bytesKey{dim, id, true}] = struct{}{}
			}
		}
		for id, t := range p.totals[query{dim: dim, start: p.usage.before(), end: p.usage.month}] {
			if t.upload.Valid {
				usage.carried[bytesKey{dim, id, false}] = struct{}{}
			}
			if t.download.Valid {
				usage.carried[bytesKey{dim, id, true}] = struct{}{}
			}
		}

		totals = p.totals[query{dim: dim, start: p.cost.month, end: p.cost.end}]
		for id, t := range totals {
			if !t.costReported {
				continue
			}
			for currency := range currencies {
				key := costKey{dim, id, currency}
				if amount, named := t.cost[currency]; named || len(t.cost) == 0 {
					cost.values[key] = amount.InexactFloat64()
				} else {
					cost.expected[key] = struct{}{}
				}
			}
		}
		expected := c.expected(dim, p.cost, have)
		for id := range expected {
			if t := totals[id]; t != nil && !t.costReported {
				continue
			}
			for currency := range currencies {
				cost.expected[costKey{dim, id, currency}] = struct{}{}
			}
		}
		// What showed a cost in the month before: what was billed then, and what
		// was silent beside it.
		before := p.totals[query{dim: dim, start: p.cost.before(), end: p.cost.month}]
		for currency := range past {
			for id, t := range before {
				if t.costReported {
					cost.carried[costKey{dim, id, currency}] = struct{}{}
				}
			}
			for id := range expected {
				cost.carried[costKey{dim, id, currency}] = struct{}{}
			}
		}
	}
	return usage, cost
}

// expected names what has counters in a month although it may be silent: the
// account, SIMs that can send, fleets, and networks and countries that had
// usage in the month before.
func (c *SuperSIMUsage) expected(dim int, w window, have listed) set {
	ids := make(set)
	f := c.cfg.Filter
	switch c.dims[dim].api {
	case twilio.GroupNone:
		if sid := c.account.SID(); sid != "" {
			ids[sid] = struct{}{}
		}
	case twilio.GroupSim:
		for _, sim := range have.sims {
			if sim.Status.CanSend() && admitsSim(f, sim, have.fleets) {
				ids[sim.SID] = struct{}{}
			}
		}
	case twilio.GroupFleet:
		for _, fleet := range have.fleets {
			if admitsFleet(f, fleet, have.sims) {
				ids[fleet.SID] = struct{}{}
			}
		}
	default:
		if keys := c.months[w.before()]; keys != nil {
			maps.Copy(ids, keys[dim])
		}
	}
	return ids
}

// currencies are those in which anything of the account was billed in a range.
func (c *SuperSIMUsage) currencies(p *usagePlan, start, end time.Time) set {
	all := make(set)
	for dim := range c.dims {
		for _, t := range p.totals[query{dim: dim, start: start, end: end}] {
			for currency := range t.cost {
				all[currency] = struct{}{}
			}
		}
	}
	return all
}

// render makes rows of the counters as they are at now, and of the last gauges.
func (c *SuperSIMUsage) render(now time.Time) []Batch {
	upload := make([][]Series, len(c.dims))
	download := make([][]Series, len(c.dims))
	cost := make([][]Series, len(c.dims))
	for k, v := range c.bytes.all(now) {
		rows := upload
		if k.download {
			rows = download
		}
		rows[k.dim] = append(rows[k.dim], Series{[]string{k.id}, float64(v)})
	}
	for k, v := range c.cost.all(now) {
		cost[k.dim] = append(cost[k.dim], Series{[]string{k.id, k.currency}, v})
	}
	var usageEnds, costEnds []Series
	batches := slices.Clone(c.gauges)
	for dim, d := range c.dims {
		batches = append(batches,
			Batch{d.family("upload_bytes_total"), c.bytes.month, sorted(upload[dim])},
			Batch{d.family("download_bytes_total"), c.bytes.month, sorted(download[dim])},
			Batch{d.family("cost_total"), c.cost.month, sorted(cost[dim])},
		)
		usageEnds = append(usageEnds, Series{[]string{d.group}, seconds(c.bytes.upTo(now))})
		costEnds = append(costEnds, Series{[]string{d.group}, seconds(c.cost.upTo(now))})
	}
	return append(batches,
		Batch{Family: "twilio_supersim_usage_end_timestamp_seconds", Series: usageEnds},
		Batch{Family: "twilio_supersim_cost_end_timestamp_seconds", Series: costEnds},
	)
}

// hourGauges makes the rows of one hour. Whatever has byte counters and no
// record was silent.
func (c *SuperSIMUsage) hourGauges(p *usagePlan) []Batch {
	var batches []Batch
	var ends []Series
	for dim, d := range c.dims {
		totals := p.totals[query{dim, p.hour.Add(-time.Hour), p.hour, true}]
		rows := [2][]Series{}
		for id, t := range totals {
			for i, v := range []twilio.Null[int64]{t.upload, t.download} {
				if v.Valid {
					rows[i] = append(rows[i], Series{[]string{id}, float64(v.V)})
				}
			}
		}
		for k := range c.bytes.entries {
			if k.dim == dim && totals[k.id] == nil {
				i := 0
				if k.download {
					i = 1
				}
				rows[i] = append(rows[i], Series{Labels: []string{k.id}})
			}
		}
		batches = append(batches,
			Batch{Family: d.family("hour_upload_bytes"), Series: sorted(rows[0])},
			Batch{Family: d.family("hour_download_bytes"), Series: sorted(rows[1])},
		)
		ends = append(ends, Series{[]string{d.group}, seconds(p.hour)})
	}
	return append(batches, Batch{Family: "twilio_supersim_hour_end_timestamp_seconds", Series: ends})
}

// networkInfo names the networks that have counters.
func (c *SuperSIMUsage) networkInfo(networks map[string]twilio.Network) []Batch {
	var rows []Series
	for k := range c.bytes.entries {
		if c.dims[k.dim].api != twilio.GroupNetwork || k.download {
			continue
		}
		if n, ok := networks[k.id]; ok {
			rows = append(rows, Series{[]string{n.SID, n.FriendlyName, n.IsoCountry}, 1})
		}
	}
	return []Batch{{Family: "twilio_supersim_network_info", Series: sorted(rows)}}
}

// sorted orders rows by their labels, so that the exposition stays the same
// while nothing changes.
func sorted(rows []Series) []Series {
	slices.SortFunc(rows, func(a, b Series) int { return slices.CompareFunc(a.Labels, b.Labels, cmp.Compare[string]) })
	return rows
}

func seconds(t time.Time) float64 { return float64(t.Unix()) }
