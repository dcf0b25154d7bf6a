package collector

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// difference is what the account's total has beyond the sum over a listing; less
// than nothing if the sum is larger.
type difference struct {
	upload, download int64
	cost             map[string]decimal.Decimal // by currency
	missing          bool                       // a record leaves out its bytes
}

// compare subtracts the sum over a listing from the account's total.
func compare(account, listing []usageTotal) difference {
	a, l := sumOf(account), sumOf(listing)
	d := difference{
		upload: a.upload - l.upload, download: a.download - l.download,
		cost:    make(map[string]decimal.Decimal),
		missing: a.noUpload || a.noDownload || l.noUpload || l.noDownload,
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
		sum.noUpload, sum.noDownload = sum.noUpload || t.noUpload, sum.noDownload || t.noDownload
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

// compareAll compares the month's listings with the account's totals, which it
// reads once more where they differ: usage that came in between is no difference.
func (c *SuperSIMUsage) compareAll(ctx context.Context, held *holding, plan usagePlan, totals usageTotals) (map[query]difference, error) {
	found := make(map[query]difference)
	var differ []query // of the account
	for _, group := range c.groups() {
		if plan.leavesOut(group) {
			continue
		}
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
	after, err := c.ask(ctx, held, differ)
	for q, d := range found {
		if account, ok := after[q.ofAccount()]; ok {
			listing, _ := totals.all(q)
			found[q] = between(d, compare(account, listing))
		}
	}
	return found, err
}

// unattributed are the samples of the differences. Where bytes are left out, or what
// is billed is not known, they stay as they were.
func (c *SuperSIMUsage) unattributed(plan usagePlan, found *usageFound) []metric.Batch {
	var bytes, cost []metric.Sample
	for _, group := range c.groups() {
		if plan.leavesOut(group) {
			bytes = append(bytes, samplesOf(c.unattributedBytes, group)...)
			cost = append(cost, samplesOf(c.unattributedCost, group)...)
			continue
		}
		if diff, ok := found.differences[monthQuery(group, plan.bytes)]; ok && !diff.missing {
			bytes = append(bytes,
				metric.Sample{Labels: []string{group.name, "download"}, Value: float64(diff.download)},
				metric.Sample{Labels: []string{group.name, "upload"}, Value: float64(diff.upload)})
		} else if ok {
			bytes = append(bytes, samplesOf(c.unattributedBytes, group)...)
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

// samplesOf are the samples of a group.
func samplesOf(b metric.Batch, group grouping) (samples []metric.Sample) {
	for s := range b.All() {
		if s.Labels[0] == group.name {
			samples = append(samples, s)
		}
	}
	return samples
}
