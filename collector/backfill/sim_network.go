package backfill

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// The group sim_network is read as the exporter does it: by network first, and then each
// network that was used, by SIM. A key is the network's SID and the SIM's.

const keySeparator = "/"

func simNetworkKey(q query, r twilio.UsageRecord) string {
	return cmp.Or(r.NetworkSID, q.Network) + keySeparator + r.SimSID
}

// appendLabels appends the values of the labels of a key.
func (g *group) appendLabels(labels []string, key string) []string {
	if !g.dimension.ByNetwork() {
		return append(labels, key)
	}
	network, sim, _ := strings.Cut(key, keySeparator)
	return append(labels, sim, network, g.countries[network])
}

// queriesByNetwork are a listing by SIM of each network that was used in a range, and one
// by network for what was used without any.
func (g *group) queriesByNetwork(ctx context.Context, r span, granularity twilio.Granularity) (all []query, err error) {
	byNetwork := query{UsageRecordsParams: g.params(r, twilio.GranularityAll)}
	byNetwork.Group = twilio.GroupNetwork
	networks := make(map[string]bool)
	err = g.list(ctx, byNetwork, func(_ string, record twilio.UsageRecord, _ bool) error {
		networks[record.NetworkSID] = true
		return nil
	})
	for _, network := range slices.Sorted(maps.Keys(networks)) {
		q := query{UsageRecordsParams: g.params(r, granularity)}
		if q.Network = network; network == "" {
			q.Network, q.Group, q.withoutNetwork = byNetwork.Network, byNetwork.Group, true
		}
		all = append(all, q)
	}
	return all, err
}

// countByNetwork estimates how many SIMs use each network in a month: as many as in the
// last month of the range. It also finds out the networks' countries.
func (g *group) countByNetwork(ctx context.Context) error {
	g.countries = make(map[string]string)
	for network, err := range paced(ctx, g.pace, g.client.Networks(ctx)) {
		if err != nil {
			return err
		}
		g.countries[strings.Clone(network.SID)] = strings.Clone(network.IsoCountry)
	}
	queries, err := g.queriesByNetwork(ctx, span{g.options.From, g.options.To}, twilio.GranularityAll)
	if err != nil {
		return fmt.Errorf("usage by network: %w", err)
	}
	g.sims = make(map[string]int)
	for _, q := range queries {
		if q.withoutNetwork {
			g.sims[""] = 1
			continue
		}
		if last := g.options.To.AddDate(0, 0, -simDays); q.StartTime.Before(last) {
			q.StartTime = last
		}
		keys := make(map[string]bool)
		if err := g.list(ctx, q, func(key string, _ twilio.UsageRecord, _ bool) error {
			keys[key] = true
			return nil
		}); err != nil {
			return fmt.Errorf("usage by SIM in network %s from %s to %s: %w", q.Network, q.StartTime.Format(time.RFC3339), q.EndTime.Format(time.RFC3339), err)
		}
		g.sims[q.Network] = max(len(keys), 1)
	}
	for _, n := range g.sims {
		g.estimate += n
	}
	g.estimate = max(g.estimate, 1)
	return nil
}

// simDays is how many days a listing by SIM has at most.
//
// Source: Twilio's documentation of UsageRecords, error 83603.
const simDays = 31

// pagesByNetwork is how many requests reading so many periods takes.
func (g *group) pagesByNetwork(periods int) int {
	n := pagesOf(len(g.sims), g.pageSize())
	for network, sims := range g.sims {
		if network == "" {
			sims = len(g.sims) // the listing has all networks
		}
		n += pagesOf(sims*periods, g.pageSize())
	}
	return n
}
