package collector

import (
	"maps"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
)

// superSIMUsageState is the state of SuperSIMUsage.
type superSIMUsageState struct {
	Filter config.Filter // of the usage that is counted
	Lists  stringLists

	Bytes, Cost ledgerState
	Months      []monthKeys
	Gauges      []batchState
	Late        []lateHourState
	LateAsOf    time.Time

	BytesCountries, CostCountries map[string]string
	BytesNamed, CostNamed         time.Time
	UnsureBytes, UnsureCost       time.Time
	Complete                      []listingState

	Ends                                []groupEndsState
	UnbilledWhole                       bool
	BillsFound                          time.Time
	UnattributedBytes, UnattributedCost []batchState
	SawInventory                        bool
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
func (c *SuperSIMUsage) State() any {
	if !c.bytes.HasReport() {
		return nil
	}
	s := &superSIMUsageState{
		Filter:         c.cfg.Filter,
		BytesCountries: maps.Clone(c.countries.bytes), CostCountries: maps.Clone(c.countries.cost),
		BytesNamed: c.countries.bytesReset, CostNamed: c.countries.costReset,
		UnsureBytes: c.unsureBytes, UnsureCost: c.unsureCost,
		UnbilledWhole: c.unbilledWhole, BillsFound: c.billsFound, SawInventory: c.sawInventory,
		LateAsOf: c.late.asOf,
	}
	for _, group := range c.groups() {
		if e, ok := c.ends[group.name]; ok {
			s.Ends = append(s.Ends, groupEndsState{group.name, e.bytes, e.cost, e.hour})
		}
	}
	s.Bytes = newLedgerState(c.bytes, func(k bytesColumn) columnKey {
		return columnKey{k.group.name, k.group.network, directionName(k.download)}
	}, &s.Lists)
	s.Cost = newLedgerState(c.cost, func(k costColumn) columnKey {
		return columnKey{k.group.name, k.group.network, k.currency}
	}, &s.Lists)
	for q, keys := range c.months {
		s.Months = append(s.Months, monthKeys{q.group.name, q.group.network, q.start, s.Lists.add(keys)})
	}
	for q, listing := range c.listings {
		if listing.complete {
			s.Complete = append(s.Complete, listingState{q.group.name, q.group.network, q.start, q.hour})
		}
	}
	s.Gauges = newBatchStates(c.gauges, &s.Lists)
	s.UnattributedBytes = newBatchStates([]metric.Batch{c.unattributedBytes}, &s.Lists)
	s.UnattributedCost = newBatchStates([]metric.Batch{c.unattributedCost}, &s.Lists)
	for _, end := range slices.Sorted(maps.Keys(c.late.hours)) {
		h := c.late.hours[end]
		s.Late = append(s.Late, lateHourState{end, h.bytes.state(), h.cost.state(), h.currency})
	}
	return s
}

// Restore implements Stateful: counters continue if they count the same usage.
func (c *SuperSIMUsage) Restore(decode func(any) error, since, now time.Time) (Result, error) {
	var s superSIMUsageState
	if err := decode(&s); err != nil {
		return Result{}, err
	}
	if s.Filter != c.cfg.Filter {
		return Result{}, nil
	}
	next := NewSuperSIMUsage(c.account, c.cfg)
	if err := next.restore(&s, since, now); err != nil {
		return Result{}, err
	}
	*c = *next
	return Result{Batches: c.batches(now)}, nil
}

// restore continues a state in a new collector, which is of no use after an error.
func (c *SuperSIMUsage) restore(s *superSIMUsageState, since, now time.Time) (err error) {
	err = restoreLedger(c.bytes, s.Bytes, func(k columnKey) bytesColumn {
		return bytesColumn{grouping{k[0], k[1]}, k[2] == directionName(true)}
	}, &s.Lists, since, now)
	if err != nil {
		return err
	}
	err = restoreLedger(c.cost, s.Cost, func(k columnKey) costColumn {
		return costColumn{grouping{k[0], k[1]}, k[2]}
	}, &s.Lists, since, now)
	if err != nil {
		return err
	}
	for _, m := range s.Months {
		start := m.Month.UTC()
		q := query{group: grouping{m.Group, m.Network}, start: start, end: start.AddDate(0, 1, 0)}
		if c.months[q], err = s.Lists.get(m.Keys); err != nil {
			return err
		}
	}
	for _, l := range s.Complete {
		c.listings[query{group: grouping{l.Group, l.Network}, start: l.Start.UTC(), hour: l.Hour}] = completeness{complete: true}
	}
	families := SuperSIMUsageFamilies()
	if c.gauges, err = batchesOf(s.Gauges, &s.Lists, families); err != nil {
		return err
	}
	for _, b := range []struct {
		states []batchState
		batch  *metric.Batch
	}{{s.UnattributedBytes, &c.unattributedBytes}, {s.UnattributedCost, &c.unattributedCost}} {
		batches, err := batchesOf(b.states, &s.Lists, families)
		if err != nil {
			return err
		}
		if len(batches) > 0 {
			*b.batch = batches[0]
		}
	}
	for _, e := range s.Ends {
		c.ends[e.Group] = groupEnds{bytes: e.Bytes.UTC(), cost: e.Cost.UTC(), hour: e.Hour.UTC()}
	}
	c.late.asOf = s.LateAsOf.UTC()
	for _, h := range s.Late {
		c.late.hours[h.End] = &lateHour{h.Bytes.amount(), h.Cost.amount(), h.Currency}
	}
	c.countries = simNetworkCountries{s.BytesCountries, s.CostCountries, s.BytesNamed.UTC(), s.CostNamed.UTC()}
	c.unsureBytes, c.unsureCost = s.UnsureBytes.UTC(), s.UnsureCost.UTC()
	c.unbilledWhole, c.billsFound, c.sawInventory = s.UnbilledWhole, s.BillsFound.UTC(), s.SawInventory
	return nil
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
