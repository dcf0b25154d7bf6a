package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

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

// usageKey names a counter of account usage.
type usageKey struct {
	account, category, unit string
	events                  bool
}

// monthlyKey names a record: one category in one calendar month.
type monthlyKey struct {
	account, category string
	month             time.Time
}

func (k monthlyKey) String() string {
	return fmt.Sprintf("category %q of %s", k.category, k.month.Format("2006-01"))
}

// AccountUsage collects an account's usage and price by category, for this
// calendar month and the one before.
type AccountUsage struct {
	account *Account
	cfg     config.AccountUsage

	usage  ledger[usageKey, float64]
	gauges []Batch
}

// NewAccountUsage makes the collector for one account.
func NewAccountUsage(account *Account, cfg config.AccountUsage) *AccountUsage {
	return &AccountUsage{account: account, cfg: cfg, usage: ledger[usageKey, float64]{
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

	r := report[usageKey, float64]{window: w, values: make(map[usageKey]float64), expected: make(map[usageKey]struct{})}
	thisMonth, lastMonth := newAccountGauges(), newAccountGauges()
	for key, record := range records {
		switch key.month {
		case current:
			thisMonth.add(key, record)
		case previous:
			lastMonth.add(key, record)
		}
		if key.category == twilio.CategoryTotalPrice {
			continue
		}
		usage := usageKey{key.account, key.category, record.UsageUnit, false}
		events := usageKey{key.account, key.category, record.CountUnit, true}
		switch key.month {
		case w.month:
			if record.Usage.Valid {
				r.values[usage] = record.Usage.V.InexactFloat64()
			}
			if record.Count.Valid {
				r.values[events] = record.Count.V.InexactFloat64()
			}
		case w.before():
			if record.Usage.Valid {
				r.expected[usage] = struct{}{}
			}
			if record.Count.Valid {
				r.expected[events] = struct{}{}
			}
		}
	}
	now = time.Now().UTC() // what is shown next is shown from now on
	decreased := c.usage.commit(now, r)
	c.gauges = append(thisMonth.batches("twilio_account_usage_cost", "twilio_account_cost"),
		lastMonth.batches("twilio_account_previous_month_usage_cost", "twilio_account_previous_month_cost")...)
	c.gauges = append(c.gauges,
		Batch{Family: "twilio_account_usage_as_of_timestamp_seconds", Series: thisMonth.asOfRows()},
		Batch{Family: "twilio_account_previous_month_usage", Series: sorted(lastMonth.usage)},
		Batch{Family: "twilio_account_previous_month_usage_events", Series: sorted(lastMonth.events)},
	)
	result := Result{Batches: c.render(now), Records: len(records), Decreases: len(decreased), Warnings: thisMonth.warnings()}
	if len(decreased) > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf(
			"the API reports %d counters lower than before, for example of category %q; their higher values are held",
			len(decreased), decreased[0].category))
	}
	return result, nil
}

// list reads the records of whole months, from the one that starts at start to
// the one of now.
func (c *AccountUsage) list(ctx context.Context, start, now time.Time) (map[monthlyKey]twilio.MonthlyUsage, error) {
	categories := c.cfg.Categories
	if len(categories) == 0 {
		categories = []string{""}
	}
	all := make(map[monthlyKey]twilio.MonthlyUsage)
	for _, category := range categories {
		params := twilio.MonthlyUsageParams{
			Category: category, StartDate: start, EndDate: now,
			IncludeSubaccounts: twilio.Null[bool]{V: c.cfg.IncludeSubaccounts, Valid: true},
		}
		records, err := collect(twilio.EndpointMonthlyUsage,
			func() sequence[twilio.MonthlyUsage] { return checked(c.account.Client.MonthlyUsages(ctx, params)) },
			c.key, sameMonthly)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, records)
	}
	return all, nil
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
					err = &twilio.AnswerError{Endpoint: twilio.EndpointMonthlyUsage, Err: err}
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
	for k, v := range c.usage.all(now) {
		row := Series{[]string{k.account, k.category, k.unit}, v}
		if k.events {
			events = append(events, row)
		} else {
			usage = append(usage, row)
		}
	}
	return append([]Batch{
		{"twilio_account_usage_total", c.usage.month, sorted(usage)},
		{"twilio_account_usage_events_total", c.usage.month, sorted(events)},
	}, c.gauges...)
}
