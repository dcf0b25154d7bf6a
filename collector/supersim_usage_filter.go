package collector

import (
	"slices"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A filter narrows the usage that is asked for; what it leaves out must not be
// exposed as silent. The API takes SIDs and unique names alike.

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
