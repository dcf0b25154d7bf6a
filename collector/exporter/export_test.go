package exporter

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// CollectorNames are those of the table, for tests that switch collectors on and
// off.
func CollectorNames() []string {
	var names []string
	for _, t := range collectorTypes() {
		names = append(names, t.name)
	}
	return names
}

// FamiliesOf are those of one collector.
func FamiliesOf(name string) []metric.Family {
	for _, t := range collectorTypes() {
		if t.name == name {
			return t.families(config.Collectors{})
		}
	}
	return nil
}

// BusiestSIMs are those of the status page after polls that had these batches.
func BusiestSIMs(polls ...[]metric.Batch) []status.SIM {
	var s *shown
	for _, batches := range polls {
		s = newShown(batches, time.Time{}, s)
	}
	return s.sims("account")
}
