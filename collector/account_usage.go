package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func accountUsageFamilies() []Family {
	of := NameAccountUsage
	return []Family{
		counter(of, "twilio_account_usage_total", "Usage in the month, in the unit that the label names; categories overlap.", "account_sid", "category", "unit"),
		counter(of, "twilio_account_usage_events_total", "Usage events in the month, such as calls or messages, as the label unit names them; categories overlap.", "account_sid", "category", "unit"),
		gauge(of, "twilio_account_usage_cost", "Price of a category in the calendar month so far, in units of the currency; categories overlap, and it may be revised downwards.", "account_sid", "category", "currency"),
		gauge(of, "twilio_account_cost", "Price of everything in the calendar month so far, in units of the currency (category totalprice).", "account_sid", "currency"),
		gauge(of, "twilio_account_previous_month_usage", "Usage in the calendar month before, in the unit that the label names; categories overlap.", "account_sid", "category", "unit"),
		gauge(of, "twilio_account_previous_month_usage_events", "Usage events in the calendar month before, as the label unit names them; categories overlap.", "account_sid", "category", "unit"),
		gauge(of, "twilio_account_previous_month_usage_cost", "Price of a category in the calendar month before, in units of the currency; categories overlap.", "account_sid", "category", "currency"),
		gauge(of, "twilio_account_previous_month_cost", "Price of everything in the calendar month before, in units of the currency (category totalprice).", "account_sid", "currency"),
		gauge(of, "twilio_account_usage_as_of_timestamp_seconds", "Up to when the newest record of the calendar month counts, in seconds since the epoch.", "account_sid"),
	}
}

// usageColumn names the counters of account usage that count in one unit, one
// for each category.
type usageColumn struct {
	account, unit string
	events        bool
}

// monthlyKey names a record: one category in one calendar month.
type monthlyKey struct {
	account, category string
	month             time.Time
}

func (k monthlyKey) compare(o monthlyKey) int {
	return cmp.Or(strings.Compare(k.account, o.account), strings.Compare(k.category, o.category), k.month.Compare(o.month))
}

func (k monthlyKey) String() string {
	return fmt.Sprintf("category %q of %s", k.category, k.month.Format("2006-01"))
}

// AccountUsage collects an account's usage and price by category, for this
// calendar month and the one before.
type AccountUsage struct {
	account *Account
	cfg     config.AccountUsage

	usage  ledger[usageColumn]
	gauges []Batch
}

// NewAccountUsage makes the collector for one account.
func NewAccountUsage(account *Account, cfg config.AccountUsage) *AccountUsage {
	return &AccountUsage{account: account, cfg: cfg, usage: ledger[usageColumn]{
		calendar: newCalendar(cfg.Settle, account.Rollover), maxAge: account.MaxAge, started: account.Started,
	}}
}

// Adopt implements Adopter: counters go on if they count the same usage.
func (c *AccountUsage) Adopt(previous Collector) {
	if p, ok := previous.(*AccountUsage); ok && p.cfg.IncludeSubaccounts == c.cfg.IncludeSubaccounts {
		c.usage.adopt(&p.usage)
		c.gauges = p.gauges
	}
}

// Poll implements Collector.
func (c *AccountUsage) Poll(ctx context.Context) (Result, error) {
	now := time.Now().UTC()
	w := c.usage.at(now)
	current := monthOf(now)
	previous := current.AddDate(0, -1, 0)
	// What had usage in the month before has its counters all month.
	records, err := c.list(ctx, earlier(w.before(), previous), now)
	if err != nil {
		return Result{}, err
	}

	r := report[usageColumn]{w, make(map[usageColumn]*reported)}
	counted := make(map[key[usageColumn]]float64)
	thisMonth, lastMonth := newAccountGauges(), newAccountGauges()
	for _, record := range records {
		at := c.key(record)
		switch at.month {
		case current:
			thisMonth.add(at, record)
		case previous:
			lastMonth.add(at, record)
		}
		if at.category == twilio.CategoryTotalPrice {
			continue
		}
		for _, n := range []struct {
			column usageColumn
			amount twilio.Null[decimal.Decimal]
		}{
			{usageColumn{at.account, record.UsageUnit, false}, record.Usage},
			{usageColumn{at.account, record.CountUnit, true}, record.Count},
		} {
			counter := key[usageColumn]{n.column, at.category}
			switch _, known := counted[counter]; {
			case !n.amount.Valid:
			case at.month.Equal(w.month):
				counted[counter] = n.amount.V.InexactFloat64()
			case at.month.Equal(w.before()) && !known:
				counted[counter] = math.NaN() // expected
			}
		}
	}
	for _, counter := range slices.SortedFunc(maps.Keys(counted), func(a, b key[usageColumn]) int { return strings.Compare(a.id, b.id) }) {
		r.column(counter.column).add(counter.id, counted[counter])
	}
	now = time.Now().UTC() // what is shown next is shown from now on
	decreased := c.usage.commit(now, r)
	c.gauges = append(thisMonth.batches("twilio_account_usage_cost", "twilio_account_cost"),
		lastMonth.batches("twilio_account_previous_month_usage_cost", "twilio_account_previous_month_cost")...)
	c.gauges = append(c.gauges,
		NewBatch("twilio_account_usage_as_of_timestamp_seconds", time.Time{}, thisMonth.asOfRows()),
		NewBatch("twilio_account_previous_month_usage", time.Time{}, lastMonth.usage),
		NewBatch("twilio_account_previous_month_usage_events", time.Time{}, lastMonth.events),
	)
	result := Result{Batches: c.render(now), Records: len(records), Decreases: len(decreased), Warnings: thisMonth.warnings()}
	if len(decreased) > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example of category %q; their higher values are held",
			len(decreased), decreased[0].id))
	}
	return result, nil
}

// list reads the records of whole months, from the one that starts at start to
// the one of now.
func (c *AccountUsage) list(ctx context.Context, start, now time.Time) ([]twilio.MonthlyUsage, error) {
	categories := c.cfg.Categories
	if len(categories) == 0 {
		categories = []string{""}
	}
	byKey := order[twilio.MonthlyUsage]{
		text:    func(r twilio.MonthlyUsage) string { return c.key(r).account },
		compare: func(a, b twilio.MonthlyUsage) int { return c.key(a).compare(c.key(b)) },
		same:    sameMonthly,
		name:    func(r twilio.MonthlyUsage) string { return c.key(r).String() },
	}
	var all []twilio.MonthlyUsage
	for _, category := range categories {
		params := twilio.MonthlyUsageParams{
			Category: category, StartDate: start, EndDate: now,
			IncludeSubaccounts: twilio.Null[bool]{V: c.cfg.IncludeSubaccounts, Valid: true},
		}
		records, err := collect(twilio.EndpointMonthlyUsage,
			func() sequence[twilio.MonthlyUsage] { return checked(c.account.Client.MonthlyUsages(ctx, params)) }, byKey, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	// A category that is configured twice counts once.
	slices.SortStableFunc(all, byKey.compare)
	return slices.CompactFunc(all, func(a, b twilio.MonthlyUsage) bool { return byKey.compare(a, b) == 0 }), nil
}

func (c *AccountUsage) key(r twilio.MonthlyUsage) monthlyKey {
	sid := r.AccountSID
	if sid == "" {
		sid = c.account.SID()
	}
	return monthlyKey{sid, r.Category, monthOf(r.StartDate)}
}

// checked ends a listing at a record that nobody could place.
func checked(list sequence[twilio.MonthlyUsage]) sequence[twilio.MonthlyUsage] {
	return func(yield func(twilio.MonthlyUsage, error) bool) {
		for record, err := range list {
			if err == nil {
				if err = monthly(record); err != nil {
					err = &twilio.ResponseError{Endpoint: twilio.EndpointMonthlyUsage, Err: err}
				}
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

func monthly(r twilio.MonthlyUsage) error {
	switch {
	case r.Category == "":
		return errors.New("a record has no category")
	case r.StartDate.IsZero():
		return fmt.Errorf("the record of category %q has no start_date", r.Category)
	case !r.EndDate.IsZero() && !monthOf(r.EndDate).Equal(monthOf(r.StartDate)):
		return fmt.Errorf("the record of category %q is not of one calendar month", r.Category)
	}
	return nil
}

func sameMonthly(a, b twilio.MonthlyUsage) bool {
	return a.UsageUnit == b.UsageUnit && a.CountUnit == b.CountUnit && a.PriceUnit == b.PriceUnit &&
		sameAmount(a.Usage, b.Usage) && sameAmount(a.Count, b.Count) && sameAmount(a.Price, b.Price)
}

// Turn implements Clocked.
func (c *AccountUsage) Turn(now time.Time) (Result, bool) {
	if !c.usage.turn(now) {
		return Result{}, false
	}
	return Result{Batches: c.render(now)}, true
}

// Next implements Clocked: the gauges change with the calendar month.
func (c *AccountUsage) Next(now time.Time) time.Time {
	return sooner(c.usage.next(now), monthOf(now).AddDate(0, 1, 0))
}

func (c *AccountUsage) render(now time.Time) []Batch {
	var usage, events []Series
	for k := range c.usage.columns {
		values := c.usage.shown(k, now)
		for i, category := range c.usage.ids(k) {
			row := Series{[]string{k.account, category, k.unit}, values.At(i)}
			if k.events {
				events = append(events, row)
			} else {
				usage = append(usage, row)
			}
		}
	}
	return append([]Batch{
		NewBatch("twilio_account_usage_total", c.usage.month, usage),
		NewBatch("twilio_account_usage_events_total", c.usage.month, events),
	}, c.gauges...)
}
