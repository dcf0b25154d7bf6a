package exporter

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
)

// savedSIMs is of how many SIMs of an account the hours are kept over a restart: those of
// 100,000 would be 17 MB beside a state of 20 MB. It has the busiest; which of the others
// will be is not known.
const savedSIMs = 1000

// hoursState is the state of simHours, beside the rows of the collector that they are of.
// When the last hour ended is in the head: the hours of silent SIMs stay the same.
type hoursState struct {
	SIDs  []string // sorted
	Hours [status.HoursShown]hourBytes
}

// state is nil if there is nothing to keep.
func (s *simHours) state() *hoursState {
	switch {
	case s == nil:
		return nil
	case len(s.sids) <= savedSIMs:
		return &hoursState{s.sids, s.hours}
	}
	positions, _ := s.top(savedSIMs)
	if len(positions) == 0 {
		return nil
	}
	slices.Sort(positions)
	state := new(hoursState)
	for _, i := range positions {
		state.SIDs = append(state.SIDs, s.sids[i])
	}
	for h, hour := range s.hours[:] {
		state.Hours[h] = hour.at(positions)
	}
	return state
}

// simHours are those up to a moment that the state is of, nil if it is not valid.
func (s *hoursState) simHours(end time.Time) *simHours {
	hours := &simHours{end: end.UTC(), sids: s.SIDs}
	for i, hour := range s.Hours[:] {
		if len(hour) != 0 && len(hour) != len(s.SIDs) {
			return nil
		}
		if len(hour) > 0 {
			hours.hours[i] = hour
		}
	}
	if end.IsZero() || !slices.IsSorted(s.SIDs) {
		return nil
	}
	return hours
}

// continueHours continues the hours of SIMs where another process ended. The task has taken
// the collector's state already.
func (t *task) continueHours(s *hoursState, end time.Time) {
	hours := s.simHours(end)
	if hours == nil {
		return
	}
	saved := *t.saved.Load()
	saved.HoursEnd, saved.hours = end, s
	t.saved.Store(&saved)
	t.shown.Store(&shown{asOf: saved.LastSuccess, hours: hours})
}
