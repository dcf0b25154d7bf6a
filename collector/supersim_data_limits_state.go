package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// superSIMDataLimitsState is the state of SuperSIMDataLimits.
type superSIMDataLimitsState struct {
	Lists        stringLists
	Watched      []watchedSIMState // sorted by SID
	Exceeded     bool
	SawInventory bool
	Last         []batchState
}

// watchedSIMState is what is known of a SIM near its limit.
type watchedSIMState struct {
	SID    string
	Period twilio.BillingPeriod
	Status twilio.SimStatus
	Bytes  int64
	Fresh  bool
	Defect string
}

// State implements Stateful.
func (c *SuperSIMDataLimits) State() State {
	if c.last == nil {
		return State{}
	}
	s := &superSIMDataLimitsState{Exceeded: c.exceeded, SawInventory: c.sawInventory}
	for _, sid := range slices.Sorted(maps.Keys(c.watched)) {
		w := c.watched[sid]
		s.Watched = append(s.Watched, watchedSIMState{sid, w.period, w.status, w.bytes, w.fresh, w.defect})
	}
	s.Last = newBatchStates(c.last, &s.Lists)
	return State{Rows: s}
}

// Restore implements Stateful: periods are not asked for again.
func (c *SuperSIMDataLimits) Restore(decode func(State) error, _, _ time.Time) (*Result, error) {
	var s superSIMDataLimitsState
	if err := decode(State{Rows: &s}); err != nil {
		return nil, err
	}
	batches, err := batchesOf(s.Last, &s.Lists, SuperSIMDataLimitsFamilies())
	if err != nil {
		return nil, err
	}
	for _, w := range s.Watched {
		w.Period.Start, w.Period.End = w.Period.Start.UTC(), w.Period.End.UTC()
		c.watched[w.SID] = watchedSIM{w.Period, w.Status, w.Bytes, w.Fresh, w.Defect}
	}
	c.last, c.exceeded, c.sawInventory = batches, s.Exceeded, s.SawInventory
	return &Result{Batches: batches}, nil
}
