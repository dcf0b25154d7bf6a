package collector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// query is one listing of UsageRecords: a dimension over a range, as one total
// or as the single hour that it is.
type query struct {
	dim        int
	start, end time.Time
	hour       bool
}

// usagePlan is everything that one poll asks for. Byte and cost counters that
// run over the same month share their listings.
type usagePlan struct {
	usage, cost window
	hour        time.Time              // end of the hour that the gauges describe
	totals      map[query][]usageTotal // sorted by key
}

func (c *SuperSIMUsage) plan(now time.Time) *usagePlan {
	p := &usagePlan{
		usage:  c.bytes.at(now),
		cost:   c.cost.at(now),
		hour:   now.Add(-c.cfg.HourDelay).Truncate(time.Hour),
		totals: make(map[query][]usageTotal),
	}
	ask := func(q query) {
		if q.start.Before(q.end) {
			p.totals[q] = nil
		}
	}
	for dim, d := range c.dims {
		ask(query{dim, p.hour.Add(-time.Hour), p.hour, true})
		for _, l := range []struct {
			window
			started bool // it has counters already
		}{{p.usage, !c.bytes.month.IsZero()}, {p.cost, !c.cost.month.IsZero()}} {
			ask(query{dim: dim, start: l.month, end: l.end})
			// The month before tells which networks and countries have counters
			// although they are silent, and, where a restart falls into the
			// passage through 0, what has to show it.
			passage := !l.started && now.Before(l.shown)
			if known := c.months[l.before()]; (d.listless() || passage) && (len(known) == 0 || known[dim] == nil) {
				ask(query{dim: dim, start: l.before(), end: l.month})
			}
		}
	}
	return p
}

// run asks for all of it, as many at a time as the client allows, and ends with
// the first error.
func (p *usagePlan) run(ctx context.Context, c *SuperSIMUsage) (records int, err error) {
	queries := make([]query, 0, len(p.totals))
	for q := range p.totals {
		queries = append(queries, q)
	}
	// Those with the most pages first, so that they do not come last alone.
	slices.SortFunc(queries, func(a, b query) int {
		if n := weight(c.dims[a.dim]) - weight(c.dims[b.dim]); n != 0 {
			return n
		}
		if n := a.start.Compare(b.start); n != 0 {
			return n
		}
		return a.dim - b.dim
	})
	found := make([][]usageTotal, len(queries))
	counts := make([]int, len(queries))
	group, ctx := errgroup.WithContext(ctx)
	for i, q := range queries {
		group.Go(func() error {
			var err error
			found[i], counts[i], err = c.list(ctx, q)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	for i, q := range queries {
		p.totals[q] = found[i]
		records += counts[i]
	}
	return records, nil
}

func weight(d dimension) int {
	if d.api == twilio.GroupSim {
		return 0
	}
	return 1
}

// list reads one listing and adds up its records by key.
func (c *SuperSIMUsage) list(ctx context.Context, q query) ([]usageTotal, int, error) {
	d := c.dims[q.dim]
	params := twilio.UsageRecordsParams{
		Sim: c.cfg.Filter.Sim, Fleet: c.cfg.Filter.Fleet,
		Network: c.cfg.Filter.Network, IsoCountry: c.cfg.Filter.IsoCountry,
		Group: d.api, Granularity: twilio.GranularityAll,
		StartTime: q.start, EndTime: q.end,
	}
	if q.hour {
		params.Granularity = twilio.GranularityHour
	}
	// There will be about as many as there are counters.
	foreseen := len(c.bytes.ids(bytesColumn{dim: q.dim}))
	records, err := collect(twilio.EndpointUsageRecords, func() sequence[usageTotal] {
		return func(yield func(usageTotal, error) bool) {
			for r, err := range c.account.Client.UsageRecords(ctx, params) {
				if !yield(newUsageTotal(c.key(d, r), r), err) {
					return
				}
			}
		}
	}, byPart(), foreseen)
	if err != nil {
		return nil, 0, fmt.Errorf("usage by %s from %s to %s: %w", d.group, q.start.Format(time.RFC3339), q.end.Format(time.RFC3339), err)
	}
	return sumUp(records), len(records), nil
}

// key is what a record counts for. The account's own records may leave its SID
// out.
func (c *SuperSIMUsage) key(d dimension, r twilio.UsageRecord) string {
	if key := d.key(r); key != "" || d.api != twilio.GroupNone {
		return key
	}
	return c.account.SID()
}

// warnings tells of money that cannot be shown.
func (p *usagePlan) warnings() []string {
	var unpriced []string
	for q, totals := range p.totals {
		for _, t := range totals {
			if t.noCurrency && !q.hour {
				unpriced = append(unpriced, fmt.Sprintf("%q", t.key))
			}
		}
	}
	if len(unpriced) == 0 {
		return nil
	}
	slices.Sort(unpriced)
	unpriced = slices.Compact(unpriced)
	return []string{fmt.Sprintf("the API reports %d amounts without a currency, so they are not counted: %s",
		len(unpriced), strings.Join(unpriced[:min(3, len(unpriced))], ", "))}
}
