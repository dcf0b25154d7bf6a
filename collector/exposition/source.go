package exposition

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// A Source is where samples of one account come from: one of its collectors.
type Source struct {
	account string
	maxAge  time.Duration
	state   *state
}

// state is what a source exposes.
type state struct {
	samples []*samples
	errs    []error // why samples are missing
	asOf    time.Time
}

// NewSource makes a source without samples. Its samples vanish when they are older
// than maxAge; 0 is never.
func NewSource(account string, maxAge time.Duration) *Source {
	return &Source{account: account, maxAge: maxAge}
}

// at is what a source exposes at a moment, and until when; nil if it is nothing.
// The zero time is no end.
func (s *Source) at(now time.Time) (*state, time.Time) {
	if s.state == nil || s.maxAge == 0 {
		return s.state, time.Time{}
	}
	until := s.state.asOf.Add(s.maxAge)
	if now.After(until) {
		return nil, time.Time{}
	}
	return s.state, until
}

// Adopt exposes what another source of the same account, or of the account under its
// name before, exposed, until the first
// Show. Samples stay out whose labels are not those of the source's families, by which
// they will come. It must come before Replace has this source, and after the last Show
// of the other one.
func (s *Source) Adopt(o *Source, families []metric.Family) {
	if o.state == nil {
		return
	}
	s.state = &state{errs: o.state.errs, asOf: o.state.asOf}
	for _, samples := range o.state.samples {
		if slices.ContainsFunc(families, func(f metric.Family) bool {
			return f.Name == samples.family.name && slices.Equal(f.Labels, samples.own)
		}) {
			s.state.samples = append(s.state.samples, samples)
		}
	}
}

// addFamilies adds the families that a source has samples of.
func (s *Source) addFamilies(families map[*family]bool) {
	if s.state != nil {
		for _, samples := range s.state.samples {
			families[samples.family] = true
		}
	}
}

// find returns the source's samples that are equal to others, nil if there are none.
func (s *Source) find(o *samples) *samples {
	if s.state == nil {
		return nil
	}
	for _, samples := range s.state.samples {
		if samples.equal(o) {
			return samples
		}
	}
	return nil
}
