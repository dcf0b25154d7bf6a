package collector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func accountUsage() metric.Family {
	return metric.Counter("twilio_account_usage_total", "Usage since the start of the month, as of the last poll, in the unit that the label names; categories overlap.", "account_sid", "category", "unit")
}

func accountUsageEvents() metric.Family {
	return metric.Counter("twilio_account_usage_events_total", "Usage events since the start of the month, as of the last poll, such as calls or messages, as the label unit names them; categories overlap.", "account_sid", "category", "unit")
}

// AccountUsageFamilies are those that AccountUsage has samples of.
func AccountUsageFamilies() []metric.Family {
	return []metric.Family{
		accountUsage(), accountUsageEvents(), accountUsageCost(), accountCost(),
		previousMonthUsage(), previousMonthUsageEvents(), previousMonthUsageCost(), previousMonthCost(),
		accountUsageAsOf(),
	}
}

// AccountUsage collects an account's usage and price by category, for this
// calendar month and the one before.
type AccountUsage struct {
	account *Account
	cfg     config.AccountUsage

	counters *monthly.Ledger[accountColumn]
	gauges   []metric.Batch // of the last successful poll
	listings monthlyCompleteness
}

// accountColumn names the counters that count in one unit, one for each category.
type accountColumn struct {
	account, unit string
	events        bool
}

// NewAccountUsage makes the collector for one account.
func NewAccountUsage(account *Account, cfg config.AccountUsage) *AccountUsage {
	return &AccountUsage{account: account, cfg: cfg, counters: monthly.NewLedger[accountColumn](account.ledgerOptions(cfg.Settle))}
}

// Adopt implements Adopter: counters continue unless they would no longer count the
// usage of subaccounts.
func (c *AccountUsage) Adopt(previous Collector) {
	if p, ok := previous.(*AccountUsage); ok && (c.cfg.IncludeSubaccounts || !p.cfg.IncludeSubaccounts) {
		c.counters.Adopt(p.counters)
		c.gauges, c.listings = p.gauges, p.listings
	}
}

// Poll implements Collector.
func (c *AccountUsage) Poll(ctx context.Context) (Result, error) {
	now := time.Now().UTC()
	w := c.counters.Window(now)
	current := monthly.Start(now)
	previous := current.AddDate(0, -1, 0)
	held := c.account.hold()
	defer held.release()
	// A category with usage in the month before has its counters all month.
	records, err := c.list(ctx, held, monthly.Earliest(w.Previous(), previous), now)
	if err != nil {
		return Result{}, err
	}
	c.listings.judge(time.Now(), records, c.key)
	report := c.report(w, records)
	currentGauges, previousGauges := c.monthGauges(current, records), c.monthGauges(previous, records)

	now = time.Now().UTC() // the samples are exposed from now on, not from the start of the poll
	decreased := c.counters.Commit(now, report)
	c.gauges = slices.Concat(currentGauges.current(), previousGauges.previous())

	warnings := currentGauges.warnings()
	if len(decreased) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example of category %q; their higher values are held",
			len(decreased), decreased[0].ID))
	}
	lost := c.counters.TakeUnseen()
	return Result{
		Batches: c.batches(now), Records: len(records), Decreases: len(decreased), Unseen: lost,
		Warnings: append(warnings, unseen(lost)...),
	}, nil
}

// report makes the report to the ledger from the records of its month and the one
// before.
func (c *AccountUsage) report(w monthly.Window, records []twilio.MonthlyUsage) *monthly.Report[accountColumn] {
	counters := make(map[monthly.Counter[accountColumn]]twilio.Null[float64]) // not valid: only expected
	for _, record := range records {
		key := c.key(record)
		if key.category == twilio.CategoryTotalPrice {
			continue
		}
		for _, n := range []struct {
			column accountColumn
			amount twilio.Null[decimal.Decimal]
		}{
			{accountColumn{key.account, record.UsageUnit, false}, record.Usage},
			{accountColumn{key.account, record.CountUnit, true}, record.Count},
		} {
			counter := monthly.Counter[accountColumn]{Column: n.column, ID: key.category}
			switch {
			case !n.amount.Valid:
			case key.month.Equal(w.Month):
				counters[counter] = twilio.Null[float64]{V: n.amount.V.InexactFloat64(), Valid: true}
			case key.month.Equal(w.Previous()):
				if _, reported := counters[counter]; !reported {
					counters[counter] = twilio.Null[float64]{} // expected
				}
			}
		}
	}
	report := monthly.NewReport[accountColumn](w)
	byID := func(a, b monthly.Counter[accountColumn]) int { return strings.Compare(a.ID, b.ID) }
	for _, counter := range slices.SortedFunc(maps.Keys(counters), byID) {
		column := report.Column(counter.Column)
		if value := counters[counter]; value.Valid {
			column.Add(counter.ID, value.V)
		} else {
			column.Expect(counter.ID)
		}
		if !c.listings.complete { // this one may lack records, and so may those before
			column.Incomplete()
			column.Missed()
		}
	}
	return report
}

// Advance implements Clocked.
func (c *AccountUsage) Advance(now time.Time) (Result, bool) {
	created := c.counters.Created()
	if !c.counters.Advance(now) {
		return Result{}, false
	}
	return Result{Batches: c.batches(now), Reset: !created.Equal(c.counters.Created())}, true
}

// NextChange implements Clocked: the gauges change with the calendar month, and the first
// polls after a start soon find out whether they missed something.
func (c *AccountUsage) NextChange(now time.Time) time.Time {
	return monthly.Earliest(c.counters.NextChange(now), monthly.Start(now).AddDate(0, 1, 0), c.listings.nextPoll(now))
}

// batches are the samples of the counters as they are at now, and of the last
// gauges.
func (c *AccountUsage) batches(now time.Time) []metric.Batch {
	var usage, events []metric.Sample
	for column := range c.counters.Columns() {
		values := c.counters.Values(column, now)
		for i, category := range c.counters.IDs(column) {
			if len(c.cfg.Categories) > 0 && !slices.Contains(c.cfg.Categories, category) {
				continue // it was configured before a reload
			}
			sample := metric.Sample{Labels: []string{column.account, category, column.unit}, Value: values.At(i)}
			if column.events {
				events = append(events, sample)
			} else {
				usage = append(usage, sample)
			}
		}
	}
	return append([]metric.Batch{
		metric.NewCounters(accountUsage(), c.counters.Created(), usage),
		metric.NewCounters(accountUsageEvents(), c.counters.Created(), events),
	}, c.gauges...)
}
