package collector

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

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
// answered yet must not decide on a label. A list that lacks one is read again, because
// records can move between its pages.
func (c *SuperSIMUsage) listNetworks(ctx context.Context, held *holding, totals usageTotals) ([]twilio.Network, error) {
	networks := c.account.Inventory.get().networks
	lacksOne := func() bool {
		return slices.ContainsFunc(c.networks(totals), func(d dimension) bool {
			sid := d.group.network
			_, named := c.countries.bytes[sid]
			_, listed := findNetwork(networks, sid)
			return sid != "" && !named && !listed
		})
	}
	for n := 0; n <= rereadings && lacksOne(); n++ {
		listed, err := readListing(held, twilio.EndpointNetworks,
			func() iter.Seq2[twilio.Network, error] { return c.account.Client.Networks(ctx) },
			bySID(networkSize, func(n twilio.Network) string { return n.SID }), len(networks))
		if err != nil {
			return nil, err
		}
		networks = listed
	}
	return networks, nil
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
