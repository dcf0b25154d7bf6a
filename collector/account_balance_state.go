package collector

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// accountBalanceState is the state of AccountBalance.
type accountBalanceState struct {
	Lists   stringLists
	Balance []batchState
	None    bool
}

// State implements Stateful.
func (c *AccountBalance) State() State {
	if c.last == nil {
		return State{}
	}
	s := &accountBalanceState{None: c.none}
	s.Balance = newBatchStates(c.last, &s.Lists)
	return State{Rows: s}
}

// Restore implements Stateful.
func (c *AccountBalance) Restore(decode func(State) error, _, _ time.Time) (*Result, error) {
	var s accountBalanceState
	if err := decode(State{Rows: &s}); err != nil {
		return nil, err
	}
	batches, err := batchesOf(s.Balance, &s.Lists, AccountBalanceFamilies())
	if err != nil {
		return nil, err
	}
	if len(batches) == 0 { // there is no balance
		batches = []metric.Batch{metric.NewBatch(accountBalance(), nil)}
	}
	c.last, c.none = batches, s.None
	return &Result{Batches: batches}, nil
}
