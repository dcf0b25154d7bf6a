package collector

import (
	"slices"
	"strings"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A UsageDimension is one way to add up Super SIM usage, for whoever reads usage
// without polling for it.
type UsageDimension struct {
	Group string       // the word in the configuration
	API   twilio.Group // by which the API adds up
	// Upload and Download are the counters of bytes, Cost those of money.
	Upload, Download, Cost metric.Family
	// HourUpload and HourDownload are the gauges of one hour.
	HourUpload, HourDownload metric.Family

	dimension dimension
}

// UsageDimensions are those of all group names, the account's first.
func UsageDimensions() []UsageDimension {
	var all []UsageDimension
	for _, d := range append(dimensions(), simNetworkDimension("")) {
		all = append(all, UsageDimension{d.group.name, d.api, d.upload, d.download, d.cost, d.hourUpload, d.hourDownload, d})
	}
	return all
}

// Key is what a record of the dimension counts for; "" if it names nothing.
func (d UsageDimension) Key(r twilio.UsageRecord) string { return d.dimension.key(r) }

// ByNetwork reports whether the dimension counts one network at a time: its samples bear
// the network's SID and country beside the key, and the API has to be asked with each
// network as a filter. What was used without a network is in the listing by network only.
func (d UsageDimension) ByNetwork() bool { return d.Group == groupSimNetwork }

// KeysFromUsage reports whether no inventory lists the dimension's keys.
func (d UsageDimension) KeysFromUsage() bool { return d.dimension.keysFromUsage() }

// UsageEndFamilies are the gauges, by group, of the end of the hour that the hour gauges
// describe, and of the time up to which byte and cost counters count.
func UsageEndFamilies() (hour, usage, cost metric.Family) { return hourEnd(), usageEnd(), costEnd() }

// SilentKeys are the SIDs, sorted, of the SIMs and fleets that have counters even if
// they are silent: SIMs that can send and all fleets, as far as the filter admits them.
func SilentKeys(f config.Filter, sims []twilio.Sim, fleets []twilio.Fleet) (simSIDs, fleetSIDs []string) {
	var list *simList // only a filter by SIM looks at it
	if f.Sim != "" {
		sorted := slices.Clone(sims)
		slices.SortFunc(sorted, func(a, b twilio.Sim) int { return strings.Compare(a.SID, b.SID) })
		list = newSIMList(sorted, false, nil)
	}
	for _, sim := range sims {
		if sim.Status.CanSend() && admitsSim(f, sim, fleets) {
			simSIDs = append(simSIDs, sim.SID)
		}
	}
	for _, fleet := range fleets {
		if admitsFleet(f, fleet, list) {
			fleetSIDs = append(fleetSIDs, fleet.SID)
		}
	}
	slices.Sort(simSIDs)
	slices.Sort(fleetSIDs)
	return slices.Compact(simSIDs), slices.Compact(fleetSIDs)
}
