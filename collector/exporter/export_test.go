package exporter

import (
	"bytes"
	"context"
	"encoding/gob"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/twilio"
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

// Bills are those of the status page after a poll that had these batches.
func Bills(batches []metric.Batch) []status.Bill {
	return newShown(batches, time.Time{}, nil).billsOf()
}

// BusiestAfterRestart are the busiest SIMs after a poll, a restart with storage.path, and
// another poll.
func BusiestAfterRestart(before, after []metric.Batch) ([]status.SIM, error) {
	var shownBefore *shown
	hours := newShown(before, time.Time{}, nil).hours
	if state := hours.state(); state != nil {
		var file bytes.Buffer
		if err := gob.NewEncoder(&file).Encode(state); err != nil {
			return nil, err
		}
		restored := new(hoursState)
		if err := gob.NewDecoder(&file).Decode(restored); err != nil {
			return nil, err
		}
		shownBefore = &shown{hours: restored.simHours(hours.end)}
	}
	return newShown(after, time.Time{}, shownBefore).sims("account"), nil
}

// ExporterOf is one that does not run, and whose collectors have polled all day: the first
// accounts in vain.
func ExporterOf(ctx context.Context, cfg *config.Config, o Options, failing int) (*Exporter, error) {
	e := New(ctx, o)
	accounts, err := e.build(cfg, nil)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i, a := range accounts {
		for _, t := range a.tasks {
			for n := range status.MaxPolls {
				ended := &Outcome{Ended: now.Add(time.Duration(n-status.MaxPolls) * 10 * time.Minute), Duration: time.Second, Requests: 10, LastSuccess: now}
				if i < failing {
					ended.Reason, ended.Err, ended.Refusal = twilio.ReasonAuthentication, "Sims: HTTP 401, code 20003: Authenticate (request RQ0123456789)", Refusal{401, 20003, "RQ0123456789"}
				}
				t.outcome.Store(ended)
				t.polls.add(ended)
			}
		}
	}
	e.current.Store(&accounts)
	return e, nil
}
