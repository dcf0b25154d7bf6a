package collector

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
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

// readNetworks adds the usage of each network's SIMs to the totals of a poll, which name
// the networks. It also returns the list of networks, for their countries, and how many
// records it read.
func (c *SuperSIMUsage) readNetworks(ctx context.Context, held *holding, p usagePlan, totals usageTotals) ([]twilio.Network, int, error) {
	if !c.simNetwork {
		return nil, 0, nil
	}
	queries := c.networkQueries(p, totals)
	found, records, err := c.ask(ctx, held, queries)
	if err != nil {
		return nil, records, err
	}
	sims := totals[monthQuery(grouping{name: "sim"}, p.bytes)]
	for q, listing := range found {
		shareKeys(listing, sims)
		totals[q] = listing
	}
	again, err := c.listAgain(ctx, held, queries, totals)
	if records += again; err != nil {
		return nil, records, err
	}
	networks, listed, err := c.listNetworks(ctx, held, totals)
	return networks, records + listed, err
}

// addWithoutNetwork adds what was used without a network, which cannot be asked for by
// SIM. It counts for an empty SIM and network, as the listing by network has it, so that
// the sum over all SIMs and networks is that of the account. The difference between a
// SIM's total and its networks is not counted for the SIM: what is reported between two
// listings would seem to have no network, and counters cannot take it back.
func (c *SuperSIMUsage) addWithoutNetwork(p usagePlan, totals usageTotals) {
	if !c.simNetwork {
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

// simNetworkCountries are the networks' countries by SID, "" if unknown. Another
// country would make new series of counters: they would begin at their value, which
// increase() misses and a created timestamp counts twice. So a network keeps its
// country for as long as its counters run over the same month.
type simNetworkCountries struct {
	bytes, cost           map[string]string
	bytesReset, costReset time.Time // of the counters for which they were named
}

// listNetworks returns the networks as the inventory has them. If it lacks one that
// has usage and no country yet, they are listed now: whether the inventory has
// answered yet must not decide on a label. It also returns how many records were
// read.
func (c *SuperSIMUsage) listNetworks(ctx context.Context, held *holding, totals usageTotals) ([]twilio.Network, int, error) {
	networks := c.account.Inventory.get().networks
	complete := true
	for _, d := range c.networks(totals) {
		sid := d.group.network
		_, named := c.countries.bytes[sid]
		_, listed := findNetwork(networks, sid)
		complete = complete && (sid == "" || named || listed)
	}
	if complete {
		return networks, 0, nil
	}
	networks, err := readListing(held, twilio.EndpointNetworks,
		func() iter.Seq2[twilio.Network, error] { return c.account.Client.Networks(ctx) },
		bySID(networkSize, func(n twilio.Network) string { return n.SID }), len(networks))
	return networks, len(networks), err
}

// nameCountries gives the networks in totals that have no country yet the one that a
// list of networks says.
func (c *SuperSIMUsage) nameCountries(totals usageTotals, networks []twilio.Network) {
	c.renameCountries()
	for _, d := range c.networks(totals) {
		sid := d.group.network
		if _, named := c.countries.bytes[sid]; !named {
			country := countryOf(networks, sid)
			c.countries.bytes[sid], c.countries.cost[sid] = country, country
		}
	}
}

// renameCountries takes countries that have changed from the inventory, for counters
// that have been reset since they were named.
func (c *SuperSIMUsage) renameCountries() {
	networks := c.account.Inventory.get().networks
	rename := func(countries *map[string]string, named *time.Time, reset time.Time) {
		if *countries == nil {
			*countries = make(map[string]string)
		}
		if named.Equal(reset) {
			return
		}
		*named = reset
		for sid := range *countries {
			if country := countryOf(networks, sid); country != "" {
				(*countries)[sid] = country
			}
		}
	}
	rename(&c.countries.bytes, &c.countries.bytesReset, c.bytes.Created())
	rename(&c.countries.cost, &c.countries.costReset, c.cost.Created())
}

// countryOf is a network's country according to a list that is sorted by SID; "" if
// it says none.
func countryOf(networks []twilio.Network, sid string) string {
	if i, found := findNetwork(networks, sid); found {
		return networks[i].IsoCountry
	}
	return ""
}

func findNetwork(networks []twilio.Network, sid string) (index int, found bool) {
	return slices.BinarySearchFunc(networks, sid, func(n twilio.Network, sid string) int { return cmp.Compare(n.SID, sid) })
}
