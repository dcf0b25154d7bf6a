package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// report makes the reports to the two ledgers from a poll's totals.
func (c *SuperSIMUsage) report(p usagePlan, found *usageFound, inventory resources) (*monthly.Report[bytesColumn], *monthly.Report[costColumn]) {
	totals, now := found.totals, time.Now().UTC()
	bytes, cost := monthly.NewReport[bytesColumn](p.bytes), monthly.NewReport[costColumn](p.cost)
	currencies := c.currencies(totals, func(group grouping) query { return monthQuery(group, p.cost) })
	previousCurrencies := c.currencies(totals, func(group grouping) query { return previousQuery(group, p.cost) })
	bytes.Keep(func(k bytesColumn) bool { return p.leavesOut(k.group) })
	cost.Keep(func(k costColumn) bool { return p.leavesOut(k.group) })
	bytesMissed, costMissed := false, false
	if !p.leavesOut(simNetworkGroup("")) {
		bytesMissed = c.networksMissed(&c.unsureBytes, c.bytes.HasReport(), p.bytes)
		costMissed = c.networksMissed(&c.unsureCost, c.cost.HasReport(), p.cost)
	}
	for _, d := range c.counted(totals) {
		if p.leavesOut(d.group) {
			continue
		}
		var columns []*monthly.ColumnReport
		expected := c.expected(d, p.bytes, inventory)
		for _, dir := range d.directions() {
			column := bytes.Column(dir.column)
			partial := c.markIncomplete(column, monthQuery(d.group, p.bytes))
			if bytesMissed && d.group.name == groupSimNetwork {
				column.Missed()
			}
			reportBytes(column, dir, exposable(d, totals[monthQuery(d.group, p.bytes)]), expected, partial)
			for _, t := range totals[previousQuery(d.group, p.bytes)] {
				if dir.bytes(&t) != notReported {
					column.AddPrevious(t.key)
				}
			}
			columns = append(columns, column)
		}

		expected = c.expected(d, p.cost, inventory)
		for _, currency := range currencies {
			column := cost.Column(costColumn{d.group, currency})
			partial := c.markIncomplete(column, monthQuery(d.group, p.cost))
			if costMissed && d.group.name == groupSimNetwork {
				column.Missed()
			}
			reportCost(column, currency, exposable(d, totals[monthQuery(d.group, p.cost)]), expected, func(t *usageTotal) billing {
				switch {
				case partial || t.unpriced || !t.billed && (t.noCurrency || t.overdue(now)):
					return billingUnknown
				case t.billed && (found.billsKnown || !t.unbilled):
					return billingKnown
				default:
					return notBilled
				}
			})
			columns = append(columns, column)
		}
		for _, currency := range previousCurrencies {
			column := cost.Column(costColumn{d.group, currency})
			// In the month before, silent keys had a counter as well as those with usage.
			visitKeys(totals[previousQuery(d.group, p.cost)], expected, func(id string, _ *usageTotal, _ bool) { column.AddPrevious(id) })
		}
		monthly.ShareIDs(columns...)
	}
	return bytes, cost
}

// markIncomplete marks the report on a column whose listing was not complete in any
// poll. It reports whether totals may lack a part as well: where they have several
// records, any can be missing.
func (c *SuperSIMUsage) markIncomplete(column *monthly.ColumnReport, q query) (partial bool) {
	if c.isComplete(q) {
		return false
	}
	column.Incomplete()
	return q.group.name != accountGroup && c.account.Client.SplitsTotals()
}

// exposable leaves out the account's total as long as its SID is not known.
func exposable(d dimension, totals []usageTotal) []usageTotal {
	if d.group.name == accountGroup && len(totals) > 0 && totals[0].key == "" {
		return totals[1:]
	}
	return totals
}

func reportBytes(column *monthly.ColumnReport, dir direction, totals []usageTotal, expected []string, partial bool) {
	column.Grow(max(len(totals), len(expected)))
	visitKeys(totals, expected, func(id string, t *usageTotal, _ bool) {
		if t == nil {
			column.Expect(id)
		} else if bytes := dir.bytes(t); bytes != notReported && !partial {
			column.Add(id, float64(bytes))
		} else {
			column.Unknown(id)
		}
	})
}

// billing says what is known of the amount of a total.
type billing int

const (
	notBilled billing = iota
	billingKnown
	billingUnknown
)

func reportCost(column *monthly.ColumnReport, currency string, totals []usageTotal, expected []string, billingOf func(*usageTotal) billing) {
	column.Grow(max(len(totals), len(expected)))
	visitKeys(totals, expected, func(id string, t *usageTotal, _ bool) {
		if t == nil {
			column.Expect(id)
			return
		}
		amount, named := t.amount(currency)
		switch b := billingOf(t); {
		case b == billingUnknown:
			column.Unknown(id)
		case b == billingKnown && named:
			column.Add(id, amount.InexactFloat64())
		default:
			column.Expect(id)
		}
	})
}

// visitKeys visits the keys of totals and the expected ones, sorted. t is nil for a
// key that is only expected.
func visitKeys(totals []usageTotal, expected []string, visit func(id string, t *usageTotal, expected bool)) {
	for len(totals) > 0 || len(expected) > 0 {
		switch {
		case len(totals) == 0 || len(expected) > 0 && expected[0] < totals[0].key:
			visit(expected[0], nil, true)
			expected = expected[1:]
		case len(expected) == 0 || totals[0].key < expected[0]:
			visit(totals[0].key, &totals[0], false)
			totals = totals[1:]
		default:
			visit(expected[0], &totals[0], true)
			totals, expected = totals[1:], expected[1:]
		}
	}
}

// expected are the keys, sorted, that have counters in a month even if they are
// silent: the account, SIMs that can send, fleets, and those networks, countries, and
// SIMs in a network that had usage in the month before.
func (c *SuperSIMUsage) expected(d dimension, w monthly.Window, inventory resources) []string {
	if d.keysFromUsage() {
		return c.months[previousQuery(d.group, w)]
	}
	var ids []string
	f := c.cfg.Filter
	switch d.api {
	case twilio.GroupNone:
		if sid := c.account.SID(); sid != "" {
			ids = append(ids, sid)
		}
	case twilio.GroupSim:
		ids = make([]string, 0, inventory.sims.len())
		for sim := range inventory.sims.all() {
			if sim.Status.CanSend() && admitsSim(f, sim, inventory.fleets) {
				ids = append(ids, sim.SID)
			}
		}
	case twilio.GroupFleet:
		for _, fleet := range inventory.fleets {
			if admitsFleet(f, fleet, inventory.sims) {
				ids = append(ids, fleet.SID)
			}
		}
	}
	return ids
}

// remember keeps the keys that had usage in a whole month: in the month after it
// they have counters, if only at 0.
func (c *SuperSIMUsage) remember(p usagePlan, totals usageTotals) {
	for q, keyed := range totals {
		if q.hour || !q.end.Equal(q.start.AddDate(0, 1, 0)) {
			continue
		}
		var keys []string
		if c.dimension(q.group).keysFromUsage() {
			for _, t := range keyed {
				keys = append(keys, t.key)
			}
		}
		c.months[q] = keys
	}
	maps.DeleteFunc(c.months, func(q query, _ []string) bool { return q.start.Before(p.cost.Previous()) })
}

// currencies are those in which anything of the account was billed according to
// each dimension's response to a query, sorted.
func (c *SuperSIMUsage) currencies(totals usageTotals, queryOf func(grouping) query) []string {
	var all []string
	named := func(currency string) {
		if i, found := slices.BinarySearch(all, currency); !found && currency != "" {
			all = slices.Insert(all, i, currency)
		}
	}
	for _, d := range c.counted(totals) {
		for _, t := range totals[queryOf(d.group)] {
			named(t.currency)
			for currency := range t.others {
				named(currency)
			}
		}
	}
	return all
}
