package collector

import (
	"errors"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// superSIMInventoryState is the state of SuperSIMInventory.
type superSIMInventoryState struct {
	Lists stringLists

	AccountSID                             string
	Fleets                                 []twilio.Fleet
	Networks                               []twilio.Network
	ICCID                                  bool // SIMs are exposed with their ICCIDs
	SIDs, Names, FleetSIDs, Status, ICCIDs int  // numbers of the SIMs' lists
	BySID                                  []uint32
	Scheduled                              []string
	ScheduledSince                         []float64
}

// State implements Stateful.
func (c *SuperSIMInventory) State() State {
	r := c.account.Inventory.get()
	if !r.known {
		return State{}
	}
	s := &superSIMInventoryState{
		AccountSID: r.accountSID, Fleets: r.fleets, Networks: r.networks, ICCID: r.sims.iccid,
		BySID: r.sims.bySID, Scheduled: r.sims.scheduled, ScheduledSince: r.sims.scheduledSince,
	}
	s.SIDs, s.Names = s.Lists.add(r.sims.sids), s.Lists.add(r.sims.names)
	s.FleetSIDs, s.Status = s.Lists.add(r.sims.fleets), s.Lists.add(r.sims.statuses)
	s.ICCIDs = s.Lists.add(r.sims.iccids)
	return State{Rows: s}
}

// Restore implements Stateful. An inventory that is too old to be exposed is not taken:
// SIMs may have come and gone since.
func (c *SuperSIMInventory) Restore(decode func(State) error, since, now time.Time) (*Result, error) {
	var s superSIMInventoryState
	if err := decode(State{Rows: &s}); err != nil {
		return nil, err
	}
	sims, err := s.sims()
	if err != nil {
		return nil, err
	}
	if c.account.Inventory.get().known || now.Sub(since) > c.account.MaxAge {
		return nil, nil
	}
	found := resources{known: true, accountSID: s.AccountSID, sims: sims, fleets: s.Fleets, networks: s.Networks}
	c.account.Inventory.set(found)
	result := &Result{Batches: found.batches()}
	if sims.iccid != c.cfg.ICCID { // its labels are others, which come with the first poll
		result.Batches = slices.Delete(result.Batches, 0, 1)
	}
	return result, nil
}

// sims is the list of SIMs.
func (s *superSIMInventoryState) sims() (*simList, error) {
	l := &simList{iccid: s.ICCID, bySID: s.BySID, scheduled: s.Scheduled, scheduledSince: s.ScheduledSince}
	n := len(s.BySID)
	for _, column := range []struct {
		list int
		to   *[]string
	}{{s.SIDs, &l.sids}, {s.Names, &l.names}, {s.FleetSIDs, &l.fleets}, {s.Status, &l.statuses}, {s.ICCIDs, &l.iccids}} {
		values, err := s.Lists.get(column.list)
		if err != nil {
			return nil, err
		}
		if len(values) != n && (column.to != &l.iccids || s.ICCID) {
			return nil, errors.New("the lists of SIMs have different lengths")
		}
		*column.to = values
	}
	if len(l.scheduled) != len(l.scheduledSince) || slices.ContainsFunc(l.bySID, func(i uint32) bool { return int(i) >= n }) {
		return nil, errors.New("the list of SIMs is not valid")
	}
	return l, nil
}
