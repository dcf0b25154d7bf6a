package collector

import (
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// accountUsageRows are the rows of AccountUsage's state.
type accountUsageRows struct {
	Lists    stringLists
	Counters []ledgerColumn
	Gauges   []batchState
}

// accountUsageHead is the head of AccountUsage's state.
type accountUsageHead struct {
	IncludeSubaccounts bool // in the usage that is counted
	Complete           bool // listings were found to be complete
	Counters           ledgerTimes
}

// State implements Stateful.
func (c *AccountUsage) State() State {
	if !c.counters.HasReport() {
		return State{}
	}
	rows := new(accountUsageRows)
	head := &accountUsageHead{IncludeSubaccounts: c.cfg.IncludeSubaccounts, Complete: c.listings.complete}
	head.Counters, rows.Counters = newLedgerState(c.counters, func(k accountColumn) columnKey {
		kind := "usage"
		if k.events {
			kind = "events"
		}
		return columnKey{k.account, k.unit, kind}
	}, &rows.Lists)
	rows.Gauges = newBatchStates(c.gauges, &rows.Lists)
	return State{rows, head}
}

// Restore implements Stateful: counters continue if they count the same usage.
func (c *AccountUsage) Restore(decode func(State) error, since, now time.Time) (*Result, error) {
	var rows accountUsageRows
	var head accountUsageHead
	if err := decode(State{&rows, &head}); err != nil {
		return nil, err
	}
	if head.IncludeSubaccounts != c.cfg.IncludeSubaccounts {
		return nil, nil
	}
	counters := monthly.NewLedger[accountColumn](c.account.ledgerOptions(c.cfg.Settle))
	err := restoreLedger(counters, head.Counters, rows.Counters, func(k columnKey) accountColumn {
		return accountColumn{account: k[0], unit: k[1], events: k[2] == "events"}
	}, &rows.Lists, since, now)
	if err != nil {
		return nil, err
	}
	gauges, err := batchesOf(rows.Gauges, &rows.Lists, AccountUsageFamilies())
	if err != nil {
		return nil, err
	}
	c.counters, c.gauges, c.listings.complete = counters, gauges, head.Complete
	return &Result{Batches: c.batches(now)}, nil
}
