package collector

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// superSIMUsageRows are the rows of SuperSIMUsage's state.
type superSIMUsageRows struct {
	Lists stringLists

	Bytes, Cost                         []ledgerColumn
	Months                              []monthKeys
	Gauges                              []batchState
	UnattributedBytes, UnattributedCost []batchState
}

// superSIMUsageHead is the head of SuperSIMUsage's state.
type superSIMUsageHead struct {
	Filter      config.Filter // of the usage that is counted
	Bytes, Cost ledgerTimes
	Late        []lateHourState
	LateAsOf    time.Time

	BytesCountries, CostCountries map[string]string
	BytesNamed, CostNamed         time.Time
	UnsureBytes, UnsureCost       time.Time
	Complete                      []listingState

	Ends          []groupEndsState
	UnbilledWhole bool
	BillsFound    time.Time
	SawInventory  bool
}

// monthKeys are the keys with usage in a whole month.
type monthKeys struct {
	Group, Network string
	Month          time.Time
	Keys           int // number of the list
}

// groupEndsState is up to when a group was read.
type groupEndsState struct {
	Group             string
	Bytes, Cost, Hour time.Time
}

// listingState names a listing that was complete.
type listingState struct {
	Group, Network string
	Start          time.Time
	Hour           bool
}

// lateHourState is what is known of one hour.
type lateHourState struct {
	End         int64 // seconds since the epoch
	Bytes, Cost lateAmountState
	Currency    string
}

type lateAmountState struct {
	Value    float64
	Age      time.Duration
	Absent   bool
	Reported [ageCount]float64
	Seen     [ageCount]bool
}

// State implements Stateful.
func (c *SuperSIMUsage) State() State {
	if !c.bytes.HasReport() {
		return State{}
	}
	rows := new(superSIMUsageRows)
	head := &superSIMUsageHead{
		Filter:         c.cfg.Filter,
		BytesCountries: maps.Clone(c.countries.bytes), CostCountries: maps.Clone(c.countries.cost),
		BytesNamed: c.countries.bytesReset, CostNamed: c.countries.costReset,
		UnsureBytes: c.unsureBytes, UnsureCost: c.unsureCost,
		UnbilledWhole: c.unbilledWhole, BillsFound: c.billsFound, SawInventory: c.sawInventory,
		LateAsOf: c.late.asOf,
	}
	head.Bytes, rows.Bytes = newLedgerState(c.bytes, func(k bytesColumn) columnKey {
		return columnKey{k.group.name, k.group.network, directionName(k.download)}
	}, &rows.Lists)
	head.Cost, rows.Cost = newLedgerState(c.cost, func(k costColumn) columnKey {
		return columnKey{k.group.name, k.group.network, k.currency}
	}, &rows.Lists)
	for _, q := range slices.SortedFunc(maps.Keys(c.months), compareMonths) {
		rows.Months = append(rows.Months, monthKeys{q.group.name, q.group.network, q.start, rows.Lists.add(c.months[q])})
	}
	gauges := slices.DeleteFunc(slices.Clone(c.gauges), func(b metric.Batch) bool { return b.Family.Name == hourEnd().Name })
	rows.Gauges = newBatchStates(gauges, &rows.Lists) // the ends are in the head
	rows.UnattributedBytes = newBatchStates([]metric.Batch{c.unattributedBytes}, &rows.Lists)
	rows.UnattributedCost = newBatchStates([]metric.Batch{c.unattributedCost}, &rows.Lists)
	for _, group := range c.groups() {
		if e, ok := c.ends[group.name]; ok {
			head.Ends = append(head.Ends, groupEndsState{group.name, e.bytes, e.cost, e.hour})
		}
	}
	for q, listing := range c.listings {
		if listing.complete {
			head.Complete = append(head.Complete, listingState{q.group.name, q.group.network, q.start, q.hour})
		}
	}
	for _, end := range slices.Sorted(maps.Keys(c.late.hours)) {
		h := c.late.hours[end]
		head.Late = append(head.Late, lateHourState{end, h.bytes.state(), h.cost.state(), h.currency})
	}
	return State{rows, head}
}

// compareMonths orders the months of groups.
func compareMonths(a, b query) int {
	return cmp.Or(
		cmp.Compare(a.group.name, b.group.name), cmp.Compare(a.group.network, b.group.network), a.start.Compare(b.start),
	)
}

// Restore implements Stateful: counters continue if they count the same usage.
func (c *SuperSIMUsage) Restore(decode func(State) error, since, now time.Time) (*Result, error) {
	var rows superSIMUsageRows
	var head superSIMUsageHead
	if err := decode(State{&rows, &head}); err != nil {
		return nil, err
	}
	if head.Filter != c.cfg.Filter {
		return nil, nil
	}
	next := NewSuperSIMUsage(c.account, c.cfg)
	if err := next.restoreRows(&rows, &head, since, now); err != nil {
		return nil, err
	}
	next.restoreHead(&head)
	*c = *next
	return &Result{Batches: c.batches(now)}, nil
}

// restoreRows continues the rows of a state in a new collector, which is of no use after
// an error.
func (c *SuperSIMUsage) restoreRows(rows *superSIMUsageRows, head *superSIMUsageHead, since, now time.Time) (err error) {
	err = restoreLedger(c.bytes, head.Bytes, rows.Bytes, func(k columnKey) bytesColumn {
		return bytesColumn{grouping{k[0], k[1]}, k[2] == directionName(true)}
	}, &rows.Lists, since, now)
	if err != nil {
		return err
	}
	err = restoreLedger(c.cost, head.Cost, rows.Cost, func(k columnKey) costColumn {
		return costColumn{grouping{k[0], k[1]}, k[2]}
	}, &rows.Lists, since, now)
	if err != nil {
		return err
	}
	for _, m := range rows.Months {
		start := m.Month.UTC()
		q := query{group: grouping{m.Group, m.Network}, start: start, end: start.AddDate(0, 1, 0)}
		if c.months[q], err = rows.Lists.get(m.Keys); err != nil {
			return err
		}
	}
	families := SuperSIMUsageFamilies()
	if c.gauges, err = batchesOf(rows.Gauges, &rows.Lists, families); err != nil {
		return err
	}
	for _, b := range []struct {
		states []batchState
		batch  *metric.Batch
	}{{rows.UnattributedBytes, &c.unattributedBytes}, {rows.UnattributedCost, &c.unattributedCost}} {
		batches, err := batchesOf(b.states, &rows.Lists, families)
		if err != nil {
			return err
		}
		if len(batches) > 0 {
			*b.batch = batches[0]
		}
	}
	return nil
}

// restoreHead continues the head of a state.
func (c *SuperSIMUsage) restoreHead(head *superSIMUsageHead) {
	for _, l := range head.Complete {
		c.listings[query{group: grouping{l.Group, l.Network}, start: l.Start.UTC(), hour: l.Hour}] = completeness{complete: true}
	}
	for _, e := range head.Ends {
		c.ends[e.Group] = groupEnds{bytes: e.Bytes.UTC(), cost: e.Cost.UTC(), hour: e.Hour.UTC()}
	}
	c.gauges = append(c.gauges, c.hourEnds())
	c.late.asOf = head.LateAsOf.UTC()
	for _, h := range head.Late {
		c.late.hours[h.End] = &lateHour{h.Bytes.amount(), h.Cost.amount(), h.Currency}
	}
	c.countries = simNetworkCountries{head.BytesCountries, head.CostCountries, head.BytesNamed.UTC(), head.CostNamed.UTC()}
	c.unsureBytes, c.unsureCost = head.UnsureBytes.UTC(), head.UnsureCost.UTC()
	c.unbilledWhole, c.billsFound, c.sawInventory = head.UnbilledWhole, head.BillsFound.UTC(), head.SawInventory
}

func directionName(download bool) string {
	if download {
		return "download"
	}
	return "upload"
}

func (a *lateAmount) state() lateAmountState {
	return lateAmountState{a.value, a.age, a.absent, a.reported, a.seen}
}

func (s lateAmountState) amount() lateAmount {
	return lateAmount{s.Value, s.Age, s.Absent, s.Reported, s.Seen}
}
