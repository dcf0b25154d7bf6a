package exposition

import (
	"slices"
	"time"
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
// Show. It must come before Replace has this source, and after the last Show of the
// other one.
func (s *Source) Adopt(o *Source) { s.state = o.state }

// withFamilies is the state with other families of the same names. It has no
// samples of a family whose labels have changed; they come with the next Show.
func (s *state) withFamilies(families map[string]*family) *state {
	next := &state{errs: s.errs, asOf: s.asOf}
	for _, samples := range s.samples {
		if f := families[samples.family.name]; f != nil && slices.Equal(f.labels, samples.family.labels) {
			adopted := *samples
			adopted.family = f
			next.samples = append(next.samples, &adopted)
		}
	}
	return next
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
