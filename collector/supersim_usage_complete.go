package collector

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// A listing can lack records: they move between pages while it is read, or the API
// makes it from other data than the account's total. So each listing is compared
// with the account's total of the same poll.

// difference is what the account's total has beyond the sum over a listing; less
// than nothing if the sum is larger.
type difference struct {
	upload, download int64
	cost             map[string]decimal.Decimal // by currency
	old              int64                      // bytes, without those of the last hours
	missing          bool                       // a record leaves out its bytes
	oldMissing       bool                       // one that is not of the last hours
	unbilled         bool                       // what is billed is not known of all records
}

// compare subtracts the sum over a listing from the account's total.
func compare(account, listing []usageTotal) difference {
	a, l := sumOf(account), sumOf(listing)
	d := difference{
		upload: a.upload - l.upload, download: a.download - l.download,
		old:     a.upload + a.download - a.recent - (l.upload + l.download - l.recent),
		cost:    make(map[string]decimal.Decimal),
		missing: a.missing || l.missing, oldMissing: a.oldMissing || l.oldMissing, unbilled: a.unbilled || l.unbilled,
	}
	for currency, amount := range a.amounts() {
		d.cost[currency] = amount
	}
	for currency, amount := range l.amounts() {
		d.cost[currency] = d.cost[currency].Sub(amount)
	}
	return d
}

// sumOf adds up a listing. Bytes stay at the largest number.
func sumOf(totals []usageTotal) (sum usageTotal) {
	for i := range totals {
		t := &totals[i]
		sum.upload, sum.download = saturate(sum.upload, t.upload), saturate(sum.download, t.download)
		sum.recent, sum.oldMissing = saturate(sum.recent, t.recent), sum.oldMissing || t.oldMissing
		sum.missing, sum.unbilled = sum.missing || t.missing, sum.unbilled || t.unbilled
		for currency, amount := range t.amounts() {
			_ = sum.bill(currency, amount) // exact, however large
		}
	}
	return sum
}

// saturate adds bytes. The sum stays at a quarter of the largest number, so that four
// can be added; what is not reported adds nothing.
func saturate(a, b int64) int64 {
	const most = math.MaxInt64 / 4
	return min(min(max(a, 0), most)+min(max(b, 0), most), most)
}

// short is how many bytes the listing lacks, as far as they are reported.
func (d difference) short() int64 {
	switch {
	case d.oldMissing:
		return 0
	case d.missing:
		return max(d.old, 0)
	default:
		return max(d.upload, 0) + max(d.download, 0)
	}
}

// late reports whether what the listing lacks is of the last hours at most: it may be
// behind the account's total.
func (d difference) late() bool { return d.old <= 0 }

// isZero reports whether the account's total is the sum over the listing.
func (d difference) isZero() bool {
	for _, amount := range d.cost {
		if !amount.IsZero() {
			return false
		}
	}
	return d.upload == 0 && d.download == 0
}

// between is the difference of a listing that was read between two totals of the
// account: usage that came in meanwhile is none.
func between(before, after difference) difference {
	d := before
	d.upload = outside(before.upload, after.upload)
	d.download = outside(before.download, after.download)
	d.cost = make(map[string]decimal.Decimal)
	for currency := range after.cost {
		low, high := before.cost[currency], after.cost[currency]
		switch {
		case low.IsPositive():
			d.cost[currency] = low
		case high.IsNegative():
			d.cost[currency] = high
		default:
			d.cost[currency] = decimal.Zero
		}
	}
	return d
}

func outside(low, high int64) int64 {
	return max(low, 0) + min(high, 0)
}

// completeness is what earlier polls found out about a listing.
type completeness struct {
	short    int64     // bytes that it lacked in the last poll
	since    time.Time // since when it has lacked no less
	polls    int       // since then
	complete bool      // in any poll

	found []usageTotal // as long as it was never complete
}

const (
	// For so long, and in so many polls, a listing lacks bytes until they are taken for
	// usage that is not in the group or comes late to it.
	lastingShort      = 10 * time.Minute
	lastingShortPolls = 3
	// recentHours are those whose usage a listing by group may not have yet.
	recentHours = 6 * time.Hour
)

// isRecent reports whether a record is of one of the last hours. Only where totals are
// split are there hours in them, those since midnight: a total's period may start with
// its first usage, however late that was.
func (c *SuperSIMUsage) isRecent(q query, r twilio.UsageRecord) bool {
	midnight := q.end.Truncate(24 * time.Hour)
	return c.account.Client.SplitsTotals() && !r.Period.Start.Before(midnight) && !r.Period.Start.Before(q.end.Add(-recentHours))
}

// listing names the listings of a group over a month, or over an hour, of all polls.
func (q query) listing() query {
	if q.end = (time.Time{}); q.hour {
		q.start = time.Time{}
	}
	return q
}

// whole is the total that a listing adds up to: the account's or, of the SIMs of a
// network, the network's.
func (t usageTotals) whole(q query) []usageTotal {
	if q.group.name != groupSimNetwork {
		return t[q.ofAccount()]
	}
	network := q.group.network
	q.group = networkGroup()
	if i, ok := findKey(t[q], network); ok {
		return t[q][i : i+1]
	}
	return nil
}

// listAgain reads those listings of some queries again that lack more than in the last
// poll, or were never complete and lack bytes or leave some out, and adds what they had
// left out, then and in earlier polls. It returns how many records it read.
func (c *SuperSIMUsage) listAgain(ctx context.Context, held *holding, queries []query, found usageFound) (int, error) {
	totals := found.totals
	var short []query
	for _, q := range queries {
		last, d := c.listings[q.listing()], compare(totals.whole(q), totals[q])
		if lacks := d.short(); lacks > last.short || (lacks > 0 || d.missing) && !last.complete {
			short = append(short, q)
		}
	}
	again, records, err := c.ask(ctx, held, short)
	for q, listing := range again {
		found.empty[q] = len(totals[q]) == 0 && len(listing) == 0
		found.differs[q] = !slices.EqualFunc(totals[q], listing, func(a, b usageTotal) bool { return a.key == b.key && byKeyAndPeriod().same(a, b) })
		if !q.hour {
			listing = merge(c.listings[q.listing()].found, listing)
		}
		totals[q] = merge(totals[q], listing)
	}
	return records, err
}

// merge adds to a listing, which is sorted by key, what an earlier one had: keys, and
// bytes where a total has several records.
func merge(earlier, listing []usageTotal) []usageTotal {
	keys := make([]string, len(listing))
	for i := range listing {
		keys[i] = listing[i].key
	}
	var all []usageTotal
	next := 0
	visitKeys(earlier, keys, func(_ string, t *usageTotal, listed bool) {
		if listed {
			if now := &listing[next]; t == nil || saturate(now.upload, now.download) >= saturate(t.upload, t.download) {
				t = now
			}
			next++
		}
		all = append(all, *t)
	})
	return all
}

// judge finds out which listings are complete. One that still lacks bytes is taken as
// complete if it has lacked no less for a while, or only what may come late. So is one
// that leaves bytes out and was not the same both times: what it lacks besides cannot
// be told. An empty one tells nothing.
func (c *SuperSIMUsage) judge(found usageFound) {
	now := time.Now()
	for q, listing := range found.totals {
		last, seen := c.listings[q.listing()]
		if q.group.name == accountGroup || seen && found.empty[q] {
			continue
		}
		d := compare(found.totals.whole(q), listing)
		next := completeness{short: d.short(), since: now, polls: 1, complete: last.complete || d.short() == 0 && !(d.missing && found.differs[q])}
		if seen && (d.late() || next.short >= last.short) {
			next.since, next.polls = last.since, last.polls+1
			next.complete = next.complete || next.polls >= lastingShortPolls && now.Sub(next.since) >= lastingShort
		}
		if found.empty[q] {
			next.polls = 0
		}
		if !next.complete {
			next.found = listing
		}
		c.listings[q.listing()] = next
	}
}

// isComplete reports whether a listing was complete in this poll or an earlier one.
func (c *SuperSIMUsage) isComplete(q query) bool {
	if q.group.name == accountGroup && c.account.SID() != "" {
		return true
	}
	listing, listed := c.listings[q.listing()]
	if q.group.name == groupSimNetwork {
		q.group = networkGroup() // without the network in it, there was nothing to list
		return c.isComplete(q) && (!listed || listing.complete)
	}
	return listing.complete
}

// compareAll compares the month's listings with the account's totals, which it
// reads once more where they differ: usage that came in between is no difference.
func (c *SuperSIMUsage) compareAll(ctx context.Context, held *holding, plan usagePlan, totals usageTotals) (map[query]difference, int, error) {
	found := make(map[query]difference)
	var differ []query // of the account
	for _, group := range c.groups() {
		for _, w := range []monthly.Window{plan.bytes, plan.cost} {
			q := monthQuery(group, w)
			if listing, asked := totals.all(q); asked && group.name != accountGroup {
				found[q] = compare(totals[q.ofAccount()], listing)
			} else {
				continue
			}
			if !found[q].isZero() && !slices.Contains(differ, q.ofAccount()) {
				differ = append(differ, q.ofAccount())
			}
		}
	}
	after, records, err := c.ask(ctx, held, differ)
	for q, d := range found {
		if account, ok := after[q.ofAccount()]; ok {
			listing, _ := totals.all(q)
			found[q] = between(d, compare(account, listing))
		}
	}
	return found, records, err
}

// unattributed are the samples of the differences. Where bytes are left out, or what
// is billed is not known, they stay as they were.
func (c *SuperSIMUsage) unattributed(plan usagePlan, found usageFound) []metric.Batch {
	var bytes, cost []metric.Sample
	for _, group := range c.groups() {
		if diff, ok := found.differences[monthQuery(group, plan.bytes)]; ok && !diff.missing {
			bytes = append(bytes,
				metric.Sample{Labels: []string{group.name, "download"}, Value: float64(diff.download)},
				metric.Sample{Labels: []string{group.name, "upload"}, Value: float64(diff.upload)})
		} else if ok {
			for s := range c.unattributedBytes.All() {
				if s.Labels[0] == group.name {
					bytes = append(bytes, s)
				}
			}
		}
		diff := found.differences[monthQuery(group, plan.cost)]
		for _, currency := range slices.Sorted(maps.Keys(diff.cost)) {
			amount := diff.cost[currency]
			if !c.unbilledWhole {
				// An hour of the account may have no amount yet where one of a SIM has.
				amount = decimal.Max(amount, decimal.Zero)
			}
			cost = append(cost, metric.Sample{Labels: []string{group.name, currency}, Value: amount.InexactFloat64()})
		}
	}
	if found.billsKnown {
		c.unattributedCost = metric.NewBatch(unattributedCost(), cost)
	}
	c.unattributedBytes = metric.NewBatch(unattributedBytes(), bytes)
	return []metric.Batch{c.unattributedBytes, c.unattributedCost}
}

// incomplete warns of listings that were not complete in any poll.
func (c *SuperSIMUsage) incomplete(plan usagePlan) []string {
	var texts []string
	for _, d := range append(slices.Clone(c.listed), c.networks(nil)...) {
		if q := monthQuery(d.group, plan.bytes); d.group.name != accountGroup && c.listings[q.listing()].short > 0 && !c.isComplete(q) {
			texts = append(texts, fmt.Sprintf("by %s %d bytes", d.group, c.listings[q.listing()].short))
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return []string{"listings lack usage that the account's total has: " + strings.Join(texts, ", ") +
		"; counters that they may have left out are shown once they are complete"}
}
