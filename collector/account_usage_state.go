package collector

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// accountUsageState is the state of AccountUsage.
type accountUsageState struct {
	IncludeSubaccounts bool // in the usage that is counted
	Complete           bool // listings were found to be complete
	Lists              stringLists

	Counters ledgerState
	Gauges   []batchState
}

// State implements Stateful.
func (c *AccountUsage) State() any {
	if !c.counters.HasReport() {
		return nil
	}
	s := &accountUsageState{IncludeSubaccounts: c.cfg.IncludeSubaccounts, Complete: c.listings.complete}
	s.Counters = newLedgerState(c.counters, func(k accountColumn) columnKey {
		kind := "usage"
		if k.events {
			kind = "events"
		}
		return columnKey{k.account, k.unit, kind}
	}, &s.Lists)
	s.Gauges = newBatchStates(c.gauges, &s.Lists)
	return s
}

// Restore implements Stateful: counters continue if they count the same usage.
func (c *AccountUsage) Restore(decode func(any) error, since, now time.Time) (Result, error) {
	var s accountUsageState
	if err := decode(&s); err != nil {
		return Result{}, err
	}
	if s.IncludeSubaccounts != c.cfg.IncludeSubaccounts {
		return Result{}, nil
	}
	counters := monthly.NewLedger[accountColumn](c.account.ledgerOptions(c.cfg.Settle))
	err := restoreLedger(counters, s.Counters, func(k columnKey) accountColumn {
		return accountColumn{account: k[0], unit: k[1], events: k[2] == "events"}
	}, &s.Lists, since, now)
	if err != nil {
		return Result{}, err
	}
	gauges, err := batchesOf(s.Gauges, &s.Lists, AccountUsageFamilies())
	if err != nil {
		return Result{}, err
	}
	c.counters, c.gauges, c.listings.complete = counters, gauges, s.Complete
	return Result{Batches: c.batches(now)}, nil
}
