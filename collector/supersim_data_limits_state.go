package collector

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// superSIMDataLimitsState is the state of SuperSIMDataLimits.
type superSIMDataLimitsState struct {
	Lists        stringLists
	Watched      map[string]watchedSIMState // by SID
	Exceeded     bool
	SawInventory bool
	Last         []batchState
}

// watchedSIMState is what is known of a SIM near its limit.
type watchedSIMState struct {
	Period twilio.BillingPeriod
	Status twilio.SimStatus
	Bytes  int64
	Fresh  bool
	Defect string
}

// State implements Stateful.
func (c *SuperSIMDataLimits) State() any {
	if c.last == nil {
		return nil
	}
	s := &superSIMDataLimitsState{
		Watched: make(map[string]watchedSIMState, len(c.watched)), Exceeded: c.exceeded, SawInventory: c.sawInventory,
	}
	for sid, w := range c.watched {
		s.Watched[sid] = watchedSIMState{w.period, w.status, w.bytes, w.fresh, w.defect}
	}
	s.Last = newBatchStates(c.last, &s.Lists)
	return s
}

// Restore implements Stateful: periods are not asked for again.
func (c *SuperSIMDataLimits) Restore(decode func(any) error, _, _ time.Time) (Result, error) {
	var s superSIMDataLimitsState
	if err := decode(&s); err != nil {
		return Result{}, err
	}
	batches, err := batchesOf(s.Last, &s.Lists, SuperSIMDataLimitsFamilies())
	if err != nil {
		return Result{}, err
	}
	for sid, w := range s.Watched {
		w.Period.Start, w.Period.End = w.Period.Start.UTC(), w.Period.End.UTC()
		c.watched[sid] = watchedSIM{w.Period, w.Status, w.Bytes, w.Fresh, w.Defect}
	}
	c.last, c.exceeded, c.sawInventory = batches, s.Exceeded, s.SawInventory
	return Result{Batches: batches}, nil
}
