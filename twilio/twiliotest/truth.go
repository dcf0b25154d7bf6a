package twiliotest

import (
	"slices"
	"time"
)

// Usage is a sum of usage.
type Usage struct {
	Upload, Download int64 // bytes
	MicroCost        int64 // millionths of the account's currency
	Billed           bool  // something of it has been billed, be it at 0
}

// Filter selects usage as the parameters of the same names do; "" selects all.
type Filter struct {
	Sim, Fleet string // SID or unique name
	Network    string // SID
	IsoCountry string // alpha-2
}

// Final is the truth about the usage of the hours that begin in [from, to), once
// all of it has been reported and billed. It panics on an unknown account.
func (s *Simulator) Final(accountSID string, f Filter, from, to time.Time) Usage {
	return s.world(accountSID).usage(f, from, to, forever)
}

// Reported is what the service says about these hours at a time.
func (s *Simulator) Reported(accountSID string, f Filter, from, to, at time.Time) Usage {
	return s.world(accountSID).usage(f, from, to, at.UnixNano())
}

func (w *world) usage(f Filter, from, to time.Time, at int64) Usage {
	w.mu.Lock()
	defer w.mu.Unlock()
	var u Usage
	for _, t := range w.sum(nil, w.filter(f), ceilHour(from), ceilHour(to), at) {
		u.Upload += t.upload
		u.Download += t.download
		u.MicroCost += t.micro
		u.Billed = u.Billed || t.billed
	}
	return u
}

// ceilHour is the first hour that begins at t or later, in hours since 1970.
func ceilHour(t time.Time) int64 { return -floorDiv(-t.UnixNano(), hourNanos) }

// SIMs are the SIMs that the account has now.
func (s *Simulator) SIMs(accountSID string) []SIM {
	w := s.world(accountSID)
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.history[len(w.history)-1].sims)
}

// Fleets are the account's fleets.
func (s *Simulator) Fleets(accountSID string) []Fleet {
	return slices.Clone(s.world(accountSID).fleets)
}

// Networks are the networks that the account's SIMs can use.
func (s *Simulator) Networks(accountSID string) []Network {
	return slices.Clone(s.world(accountSID).networks)
}

// SetSIMs replaces the account's SIMs while the service runs. Usage of hours that
// have begun stays as it was: a SIM that is gone, deactivated or moved to another
// fleet keeps its past, and a new one has none. Before the account's first response it
// replaces the list from the beginning.
func (s *Simulator) SetSIMs(accountSID string, sims []SIM) {
	s.world(accountSID).setSIMs(sims)
}
