package collector

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// query is one listing of UsageRecords: a dimension over a range, as one total
// or by the hour.
type query struct {
	group      grouping
	key        string // of the dimension, the only one; "": all
	start, end time.Time
	hour       bool
}

// ofAccount is the query for the account's total that a listing adds up to.
func (q query) ofAccount() query {
	q.group, q.key = grouping{name: accountGroup}, ""
	return q
}

// usagePlan is everything that one poll asks for. Byte and cost counters that
// run over the same month share their listings.
type usagePlan struct {
	now         time.Time
	bytes, cost monthly.Window
	hour        time.Time       // end of the hour that the gauges describe
	leftOut     map[string]bool // by name of the group
	// Without duplicates. The account's come first: as usage is only added, what is
	// asked for later has to reach them.
	ofAccount, ofGroups []query
}

// usageTotals are the responses to a plan's queries, each sorted by key and hour.
type usageTotals map[query][]usageTotal

func (c *SuperSIMUsage) plan(now time.Time) usagePlan {
	p := usagePlan{
		now:     now,
		bytes:   c.bytes.Window(now),
		cost:    c.cost.Window(now),
		hour:    now.Add(-c.cfg.HourDelay).Truncate(time.Hour),
		leftOut: c.leftOut(now),
	}
	add := func(q query) {
		if !q.start.Before(q.end) {
			return
		}
		if account := q.ofAccount(); !slices.Contains(p.ofAccount, account) {
			p.ofAccount = append(p.ofAccount, account)
		}
		if q.group.name != accountGroup && !slices.Contains(p.ofGroups, q) {
			p.ofGroups = append(p.ofGroups, q)
		}
	}
	for _, d := range c.listed {
		if p.leavesOut(d.group) {
			continue
		}
		add(p.hourQuery(d.group))
		for _, ledger := range []struct {
			monthly.Window
			hasReport bool
		}{{p.bytes, c.bytes.HasReport()}, {p.cost, c.cost.HasReport()}} {
			add(monthQuery(d.group, ledger.Window))
			// The month before names the networks and countries that have counters
			// although they are silent and, after a restart in the rollover,
			// everything that has to show 0 in it.
			if d.keysFromUsage() || !ledger.hasReport && ledger.InRollover(now) {
				previous := previousQuery(d.group, ledger.Window)
				if _, known := c.months[previous]; !known || !c.isComplete(previous) {
					add(previous)
				}
			}
		}
	}
	return p
}

func (p usagePlan) hourQuery(group grouping) query {
	return query{group: group, start: p.hour.Add(-time.Hour), end: p.hour, hour: true}
}

func monthQuery(group grouping, w monthly.Window) query {
	return query{group: group, start: w.Month, end: w.End}
}

func previousQuery(group grouping, w monthly.Window) query {
	return query{group: group, start: w.Previous(), end: w.Month}
}

// ask sends the queries, as many at a time as the client allows, and fails with
// the first error.
func (c *SuperSIMUsage) ask(ctx context.Context, held *holding, queries []query) (usageTotals, error) {
	// The longest listings go first, so that none of them is left to run alone.
	slices.SortFunc(queries, func(a, b query) int {
		return cmp.Or(cmp.Compare(c.weight(a), c.weight(b)), a.start.Compare(b.start), cmp.Compare(a.group.String(), b.group.String()))
	})
	found := make([][]usageTotal, len(queries))
	group, ctx := errgroup.WithContext(ctx)
	// More listings than requests would only wait, each in a goroutine.
	group.SetLimit(cmp.Or(c.account.MaxConcurrency, -1))
	for i, q := range queries {
		group.Go(func() (err error) {
			found[i], err = c.list(ctx, held, q)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	totals := make(usageTotals)
	for i, q := range queries {
		totals[q] = found[i]
	}
	return totals, nil
}

// byKey adds up the hours of each key.
func (t usageTotals) byKey() (usageTotals, error) {
	totals := make(usageTotals, len(t))
	for q, listing := range t {
		summed, err := sumUp(listing, sameKey)
		if err != nil {
			return nil, q.wrap(err)
		}
		totals[q] = summed
	}
	return totals, nil
}

// wrap says which listing an error is of.
func (q query) wrap(err error) error {
	return fmt.Errorf("usage by %s from %s to %s: %w", q.group, q.start.Format(time.RFC3339), q.end.Format(time.RFC3339), err)
}

// weight is lower for queries whose listings are longer.
func (c *SuperSIMUsage) weight(q query) int {
	if c.dimension(q.group).api == twilio.GroupSim {
		return 0
	}
	return 1
}

// list reads one listing and adds up its records by key and, where totals are split, by
// hour.
func (c *SuperSIMUsage) list(ctx context.Context, held *holding, q query) ([]usageTotal, error) {
	ctx = inGroup(ctx, c.askedFor(q.group))
	d, params := c.dimension(q.group), c.params(q)
	// There will be about as many records as there are counters.
	sizeHint := 0
	if q.key == "" {
		sizeHint = len(c.bytes.IDs(bytesColumn{group: q.group}))
	}
	records, err := readListing(held, twilio.EndpointUsageRecords, func() iter.Seq2[usageTotal, error] {
		return func(yield func(usageTotal, error) bool) {
			for r, err := range c.account.Client.UsageRecords(ctx, params) {
				t := newUsageTotal(cmp.Or(q.key, c.key(d, r)), r)
				t.hour = c.hourOf(q, r.Period.Start)
				if !yield(t, err) {
					return
				}
			}
		}
	}, byKeyAndPeriod(), sizeHint)
	if err == nil {
		records, err = sumUp(records, sameKeyAndHour)
	}
	if err != nil {
		return nil, q.wrap(err)
	}
	return records, nil
}

// params are those of a query.
func (c *SuperSIMUsage) params(q query) twilio.UsageRecordsParams {
	p := twilio.UsageRecordsParams{
		Sim: c.cfg.Filter.Sim, Fleet: c.cfg.Filter.Fleet,
		Network: cmp.Or(q.group.network, c.cfg.Filter.Network), IsoCountry: c.cfg.Filter.IsoCountry,
		Group: c.dimension(q.group).api, Granularity: twilio.GranularityAll,
		StartTime: q.start, EndTime: q.end,
	}
	if q.hour {
		p.Granularity = twilio.GranularityHour
	}
	if q.key == "" {
		return p
	}
	switch p.Group {
	case twilio.GroupSim:
		p.Sim = q.key
	case twilio.GroupFleet:
		p.Fleet = q.key
	case twilio.GroupNetwork:
		p.Network = q.key
	case twilio.GroupIsoCountry:
		p.IsoCountry = q.key
	}
	p.Group = twilio.GroupNone
	return p
}

// key is what a record counts for. Records of the account may leave its SID out.
func (c *SuperSIMUsage) key(d dimension, r twilio.UsageRecord) string {
	if key := d.key(r); key != "" || d.api != twilio.GroupNone {
		return key
	}
	return c.account.SID()
}
