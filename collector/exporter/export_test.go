package exporter

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
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

// Watch takes from batches what the status page says, twice: with and without SIMs that
// are watched already.
func Watch(batches []metric.Batch, at time.Time) {
	newShown(batches, at, newShown(batches, at, nil))
}
