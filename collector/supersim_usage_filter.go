package collector

import (
	"slices"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A filter narrows the usage that is asked for; what it leaves out must not be
// exposed as silent. The API takes SIDs and unique names alike.

// admitsAll reports whether a filter admits all the usage that another one does:
// each of its fields is left out or names the same, or it names the fleet of the only SIM
// that the other admits, which may have been in another one before.
func admitsAll(f, other config.Filter, known resources) bool {
	if f.Network != "" && f.Network != other.Network || f.IsoCountry != "" && f.IsoCountry != other.IsoCountry {
		return false
	}
	for sim := range known.sims.all() {
		if other.Sim != "" && admitsSim(config.Filter{Sim: other.Sim}, sim, nil) {
			return admitsSim(f, sim, known.fleets)
		}
	}
	sameFleet := f.Fleet == "" || f.Fleet == other.Fleet || slices.ContainsFunc(known.fleets, func(fleet twilio.Fleet) bool {
		return other.Fleet != "" && admitsFleet(config.Filter{Fleet: f.Fleet}, fleet, nil) && admitsFleet(config.Filter{Fleet: other.Fleet}, fleet, nil)
	})
	return sameFleet && (f.Sim == "" || f.Sim == other.Sim)
}

// admitsSim reports whether a SIM's usage can be in what is asked for.
func admitsSim(f config.Filter, sim twilio.Sim, fleets []twilio.Fleet) bool {
	if f.Sim != "" && f.Sim != sim.SID && f.Sim != sim.UniqueName {
		return false
	}
	return f.Fleet == "" || f.Fleet == sim.FleetSID || slices.ContainsFunc(fleets, func(fleet twilio.Fleet) bool {
		return fleet.SID == sim.FleetSID && f.Fleet == fleet.UniqueName
	})
}

// admitsFleet reports whether a fleet's usage can be in what is asked for.
func admitsFleet(f config.Filter, fleet twilio.Fleet, sims *simList) bool {
	if f.Fleet != "" && f.Fleet != fleet.SID && f.Fleet != fleet.UniqueName {
		return false
	}
	if f.Sim == "" {
		return true
	}
	for sim := range sims.all() {
		if sim.FleetSID == fleet.SID && (f.Sim == sim.SID || f.Sim == sim.UniqueName) {
			return true
		}
	}
	return false
}
