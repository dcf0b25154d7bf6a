package collector

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"
)

// The API does not say what a total without an amount means: that nothing of it is
// billed yet, or that a part of it is not. In the second case its hours tell what is
// billed. Their sum is right in the first case too, but takes more requests.

// findBilled finds out what is billed of totals of the cost counters' months that
// have no amount. It reports whether it is known now.
func (c *SuperSIMUsage) findBilled(ctx context.Context, held *holding, plan usagePlan, totals usageTotals) (known bool, err error) {
	var queries []query
	for q, listing := range totals {
		if !q.hour && (q.start.Equal(plan.cost.Month) || q.end.Equal(plan.cost.Month)) && slices.ContainsFunc(listing, isUnbilled) {
			queries = append(queries, q)
		}
	}
	c.learnWhatUnbilledMeans(plan, totals, queries)
	if len(queries) == 0 || c.unbilledWhole && c.cost.HasReport() {
		return true, nil
	}
	hour := time.Now().UTC().Truncate(time.Hour)
	if c.cost.HasReport() && hour.Equal(c.billsFound) && !c.cost.ReadsEnd(plan.cost) && !c.listsMore(plan) {
		return false, nil // once an hour is often enough for what comes up to a day late
	}
	// The account's are asked for first, so that the sums over groups reach them.
	slices.SortFunc(queries, func(a, b query) int {
		switch ofAccount := a.group.name == accountGroup; {
		case ofAccount == (b.group.name == accountGroup):
			return cmp.Or(cmp.Compare(a.group.String(), b.group.String()), a.start.Compare(b.start))
		case ofAccount:
			return -1
		default:
			return 1
		}
	})
	for _, q := range queries {
		if err := c.addHours(ctx, held, q, totals[q]); err != nil {
			return false, err
		}
	}
	c.billsFound, c.billsFoundOf = hour, c.listedNames(plan)
	return true, nil
}

// listedNames are the groups that a poll lists.
func (c *SuperSIMUsage) listedNames(plan usagePlan) map[string]bool {
	names := make(map[string]bool)
	for _, group := range c.groups() {
		names[group.name] = !plan.leavesOut(group)
	}
	return names
}

// listsMore reports whether a poll lists a group that was left out when it was found out
// what is billed.
func (c *SuperSIMUsage) listsMore(plan usagePlan) bool {
	for name, listed := range c.listedNames(plan) {
		if listed && c.billsFoundOf != nil && !c.billsFoundOf[name] {
			return true
		}
	}
	return false
}

// billDelay is how late amounts are reported at most.
//
// Source: Twilio's documentation of UsageRecords ("within 24 hours").
const billDelay = 24 * time.Hour

// overdue reports whether an amount should have been reported. After a restart it may
// have been, before it vanished again.
func (t *usageTotal) overdue(now time.Time) bool {
	return t.unbilledHour != 0 && time.Unix(t.unbilledHour, 0).Add(time.Hour+billDelay).Before(now)
}

func isUnbilled(t usageTotal) bool { return t.unbilled }

// learnWhatUnbilledMeans finds out whether totals are without an amount only as long
// as nothing of them is billed. The account's total, which was read first and had all
// bytes of the group, proves that: it has an amount although one of the group has not.
func (c *SuperSIMUsage) learnWhatUnbilledMeans(plan usagePlan, totals usageTotals, unbilled []query) {
	now := time.Now().UTC()
	for _, q := range unbilled {
		account := totals.whole(q)
		d := compare(account, totals[q])
		if q.group.name != accountGroup && len(account) == 1 && !account[0].unbilled && d.upload == 0 && d.download == 0 && !d.missing {
			c.unbilledWhole = true
		}
	}
	for _, q := range unbilled {
		if q.start.Equal(plan.cost.Month) && c.hadAmount(q.group, totals[q], now) {
			c.unbilledWhole = false
			return
		}
	}
}

// hadAmount reports whether a total without an amount had one before.
func (c *SuperSIMUsage) hadAmount(group grouping, totals []usageTotal, now time.Time) bool {
	for _, currency := range c.costCurrencies(group) {
		column := costColumn{group, currency}
		ids, values := c.cost.IDs(column), c.cost.Values(column, now)
		for _, t := range totals {
			if !t.unbilled {
				continue
			}
			if i, ok := slices.BinarySearch(ids, t.key); ok && values.At(i) > 0 {
				return true
			}
		}
	}
	return false
}

// recordsPerPage is about how many records the API returns with one request.
const recordsPerPage = 1000

func pages(records int) int { return pagesOf(records, recordsPerPage) }

// A billedTotal is a total whose hours are being read.
type billedTotal struct {
	*usageTotal
	read usageSum // of the hours so far
}

// forget drops what is known of the amount.
func (t *billedTotal) forget() {
	t.cost, t.others, t.billed, t.unbilledHour, t.read = decimal.Decimal{}, nil, false, 0, usageSum{}
}

// add adds what is billed of a part.
func (t *billedTotal) add(part usageTotal) error {
	t.read.add(&part)
	return t.addBilled(part)
}

// short reports whether hours are missing, as far as their bytes are reported.
func (t *billedTotal) short() (short, blind bool) {
	var total usageSum
	total.add(t.usageTotal)
	upload, comparesUpload := total.upload.minus(t.read.upload)
	download, comparesDownload := total.download.minus(t.read.download)
	return upload > 0 || download > 0, !comparesUpload && !comparesDownload
}

// addHours replaces the amounts of unbilled totals by the sum over what is billed of
// their hours. What listings by group leave out is asked for by key.
func (c *SuperSIMUsage) addHours(ctx context.Context, held *holding, q query, totals []usageTotal) error {
	var open []*billedTotal // sorted by key
	for i := range totals {
		if totals[i].unbilled {
			t := &billedTotal{usageTotal: &totals[i]}
			t.forget()
			open = append(open, t)
		}
	}
	all := slices.Clone(open)
	for end := q.end; len(open) > 0 && q.start.Before(end); {
		const day = 24 // hours
		if c.canAskForKeys(q.group, open) && len(open)*pages(int(end.Sub(q.start)/time.Hour)) <= (1+day)*pages(len(totals)) {
			if err := c.addHoursByKey(ctx, held, query{group: q.group, start: q.start, end: end}, open); err != nil {
				return err
			}
			break
		}
		var hours []query
		for n := 0; n < day && q.start.Before(end); n++ {
			start := end.Add(-time.Hour)
			hours, end = append(hours, query{group: q.group, start: start, end: end, hour: true}), start
		}
		if _, err := c.addListings(ctx, held, hours, open); err != nil {
			return err
		}
		var unbilled map[string]bool
		if q.start.Before(end) {
			var err error
			if unbilled, err = c.addListings(ctx, held, []query{{group: q.group, start: q.start, end: end}}, open); err != nil {
				return err
			}
		}
		open = slices.DeleteFunc(open, func(t *billedTotal) bool { return !unbilled[t.key] })
	}
	short := slices.DeleteFunc(slices.Clone(all), func(t *billedTotal) bool {
		short, blind := t.short()
		return !short && !blind
	})
	if len(short) > 0 && c.canAskForKeys(q.group, short) {
		for _, t := range short {
			t.forget()
		}
		if err := c.addHoursByKey(ctx, held, q, short); err != nil {
			return err
		}
	}
	for _, t := range all {
		t.unbilled = false
		t.unpriced, _ = t.short()
	}
	return nil
}

// addHoursByKey adds what is billed of all hours of a range, one key at a time.
func (c *SuperSIMUsage) addHoursByKey(ctx context.Context, held *holding, q query, totals []*billedTotal) error {
	var hours []query
	for _, t := range totals {
		hours = append(hours, query{group: q.group, key: t.key, start: q.start, end: q.end, hour: true})
	}
	_, err := c.addListings(ctx, held, hours, totals)
	return err
}

// canAskForKeys reports whether the API can be asked for each key: it cannot be asked
// for usage without the dimension.
func (c *SuperSIMUsage) canAskForKeys(group grouping, totals []*billedTotal) bool {
	return group.name == accountGroup || !slices.ContainsFunc(totals, func(t *billedTotal) bool { return t.key == "" })
}

// addListings adds what listings say is billed to totals, which are sorted by key. It
// returns the keys of which a listing has a total without an amount.
func (c *SuperSIMUsage) addListings(ctx context.Context, held *holding, queries []query, totals []*billedTotal) (unbilled map[string]bool, err error) {
	var mu sync.Mutex
	unbilled = make(map[string]bool)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(c.account.MaxConcurrency, -1))
	for _, q := range queries {
		group.Go(func() error {
			held := held.part() // one listing's records at a time
			defer held.release()
			listing, err := c.list(ctx, held, q)
			if err == nil {
				listing, err = sumUp(listing, sameKey)
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for _, t := range totals {
				i, ok := slices.BinarySearchFunc(listing, t.key, func(part usageTotal, key string) int { return cmp.Compare(part.key, key) })
				switch {
				case !ok:
				case listing[i].unbilled:
					unbilled[t.key] = true
				default:
					if err := t.add(listing[i]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return unbilled, err
}
