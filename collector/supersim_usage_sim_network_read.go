package collector

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// readNetworks adds the usage of each network's SIMs to the listings of a poll, which
// name the networks, and the list of networks, for their countries.
func (c *SuperSIMUsage) readNetworks(ctx context.Context, held *holding, p usagePlan, f *usageFound) error {
	if !c.simNetwork || p.leavesOut(simNetworkGroup("")) {
		return nil
	}
	queries := c.networkQueries(p, f.listings)
	listings, err := c.ask(ctx, held, queries)
	if err != nil {
		return err
	}
	sims := f.listings[monthQuery(grouping{name: "sim"}, p.bytes)]
	for q, listing := range listings {
		shareKeys(listing, sims)
		f.listings[q] = listing
	}
	if err := c.listAgain(ctx, held, queries, f); err != nil {
		return err
	}
	f.networks, err = c.listNetworks(ctx, held, f.listings)
	return err
}

// addWithoutNetwork adds what was used without a network, which cannot be asked for by
// SIM. It counts for an empty SIM and network, as the listing by network has it, so that
// the sum over all SIMs and networks is that of the account. The difference between a
// SIM's total and its networks is not counted for the SIM: what is reported between two
// listings would seem to have no network, and counters cannot take it back.
func (c *SuperSIMUsage) addWithoutNetwork(p usagePlan, totals usageTotals) {
	if !c.simNetwork || p.leavesOut(simNetworkGroup("")) {
		return
	}
	for q, listing := range totals {
		if q.group == networkGroup() && len(listing) > 0 && listing[0].key == "" {
			q.group = simNetworkGroup("")
			totals[q] = listing[:1:1]
		}
	}
	for _, w := range []monthly.Window{p.bytes, p.cost} {
		if c.isNew(w, "") {
			totals[previousQuery(simNetworkGroup(""), w)] = []usageTotal{{upload: notReported, download: notReported}}
		}
	}
}

// all is a listing of a group as a whole: for sim_network, those of all networks.
func (t usageTotals) all(q query) (listing []usageTotal, asked bool) {
	if q.group.name != groupSimNetwork {
		listing, asked = t[q]
		return listing, asked
	}
	for other, part := range t {
		if group := other.group; group.name == groupSimNetwork {
			if other.group = q.group; other == q {
				listing = append(listing, part...)
			}
		}
	}
	q.group = networkGroup()
	_, asked = t[q]
	return listing, asked
}

func findKey(totals []usageTotal, key string) (index int, found bool) {
	return slices.BinarySearchFunc(totals, key, func(t usageTotal, key string) int { return cmp.Compare(t.key, key) })
}

// networkQueries are the queries by SIM of the networks that have usage.
func (c *SuperSIMUsage) networkQueries(p usagePlan, totals usageTotals) []query {
	queries := make(map[query]bool)
	add := func(q query, network string) {
		if q.group = simNetworkGroup(network); network != "" {
			queries[q] = true
		}
	}
	for q, keyed := range totals {
		if q.group == networkGroup() {
			for i := range keyed {
				add(q, keyed[i].key)
			}
		}
	}
	for _, w := range []monthly.Window{p.bytes, p.cost} {
		for _, network := range c.months[previousQuery(networkGroup(), w)] {
			if c.isNew(w, network) {
				add(previousQuery(networkGroup(), w), network)
			}
		}
	}
	return slices.Collect(maps.Keys(queries))
}

// isNew reports whether a network is known to have been used in the month before, but
// not by whom: by network that month was listed before sim_network was configured.
func (c *SuperSIMUsage) isNew(w monthly.Window, network string) bool {
	_, known := c.months[previousQuery(simNetworkGroup(network), w)]
	return !known && slices.Contains(c.months[previousQuery(networkGroup(), w)], network)
}

// networksMissed reports whether the polls before this one may have missed networks of a
// ledger's month, because no listing by network since the start was complete. Their SIMs
// may have had counters before the start.
func (c *SuperSIMUsage) networksMissed(unsure *time.Time, hasReport bool, w monthly.Window) bool {
	missed := hasReport && unsure.Equal(w.Month)
	if *unsure = (time.Time{}); (missed || !hasReport) && !c.isComplete(monthQuery(networkGroup(), w)) {
		*unsure = w.Month
	}
	return missed
}

// shareKeys lets totals hold the keys of others, so that a SIM's SID is held once.
// Both are sorted by key.
func shareKeys(totals, others []usageTotal) {
	for i := range totals {
		for len(others) > 0 && others[0].key < totals[i].key {
			others = others[1:]
		}
		if len(others) > 0 && others[0].key == totals[i].key {
			totals[i].key = others[0].key
		}
	}
}
