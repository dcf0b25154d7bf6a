package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// bill is the account's usage of all products, by category and month.
type bill struct {
	months map[time.Time]map[string]*category // by the month's start
	asOf   time.Time                          // the newest; zero: not known
}

// category is a category of the bill in one month.
type category struct {
	usage, count Amount
	unit         string
	costs        []money
}

// used reports whether there was anything of it.
func (c *category) used() bool {
	if c == nil {
		return false
	}
	for _, m := range c.costs {
		if m.Valid && !m.V.IsZero() {
			return true
		}
	}
	return c.usage.Valid && !c.usage.V.IsZero() || c.count.Valid && !c.count.V.IsZero()
}

// bill reads the month and the one before.
func (r reader) bill(ctx context.Context, s span, cfg config.AccountUsage) (bill, error) {
	b := bill{months: make(map[time.Time]map[string]*category)}
	last := s.finish.AddDate(0, 0, -1)
	if s.now.Before(last) {
		last = s.now
	}
	categories := cfg.Categories
	if len(categories) == 0 {
		categories = []string{""}
	}
	seen := make(map[string]twilio.MonthlyUsage)
	for _, name := range categories {
		records, err := listing(func() iter.Seq2[twilio.MonthlyUsage, error] {
			return r.client.MonthlyUsages(ctx, twilio.MonthlyUsageParams{
				Category: name, StartDate: s.begin.AddDate(0, -1, 0), EndDate: last,
				IncludeSubaccounts: twilio.Null[bool]{V: cfg.IncludeSubaccounts, Valid: true},
			})
		})
		if err != nil {
			return b, err
		}
		for _, record := range records {
			key := record.AccountSID + "/" + record.Category + "/" + record.StartDate.Format(time.DateOnly)
			before, twice := seen[key]
			seen[key] = record
			switch {
			case record.Category == "" || record.StartDate.IsZero():
				return b, errors.New("monthly_usage: a record has no category or no start_date")
			case twice && !sameBill(before, record):
				return b, fmt.Errorf("monthly_usage: category %q is listed twice with different values", record.Category)
			case !twice:
				b.add(record)
			}
		}
	}
	return b, nil
}

func (b *bill) add(r twilio.MonthlyUsage) {
	month := monthOf(r.StartDate)
	if b.months[month] == nil {
		b.months[month] = make(map[string]*category)
	}
	c := b.months[month][r.Category]
	if c == nil {
		c = new(category)
		b.months[month][r.Category] = c
	}
	if r.AsOf.Valid && r.AsOf.V.After(b.asOf) {
		b.asOf = r.AsOf.V
	}
	c.usage, c.count, c.unit = plus(c.usage, r.Usage), plus(c.count, r.Count), cmp.Or(c.unit, r.UsageUnit)
	if r.PriceUnit == "" {
		return // free, or nothing is known
	}
	price := usage{costs: c.costs}
	price.bill(r.PriceUnit, Amount{r.Price.V, r.Price.Valid})
	c.costs = price.costs
}

func plus(a Amount, b twilio.Null[decimal.Decimal]) Amount {
	if !b.Valid {
		return a
	}
	return amount(a.V.Add(b.V))
}

func sameBill(a, b twilio.MonthlyUsage) bool {
	same := func(x, y twilio.Null[decimal.Decimal]) bool { return x.Valid == y.Valid && x.V.Equal(y.V) }
	return a.PriceUnit == b.PriceUnit && same(a.Price, b.Price) && same(a.Usage, b.Usage) && same(a.Count, b.Count)
}

// rows are the categories of a month that had anything in it or in the one before. A
// month that is not over is not compared: the API gives categories by whole months.
func (b *bill) rows(s span) []Row {
	this, previous := b.months[s.begin], b.months[s.begin.AddDate(0, -1, 0)]
	compared := s.over && previous != nil
	var rows []Row
	add := func(name string, c, before *category) {
		if !c.used() && !(compared && before.used()) && name != twilio.CategoryTotalPrice {
			return
		}
		row := Row{Key: name, Costs: costsOf(c, before, compared)}
		if c != nil && c.usage.Valid {
			row.Usage = &Quantity{c.usage, c.unit}
		}
		rows = append(rows, row)
	}
	for name, c := range this {
		add(name, c, previous[name])
	}
	for name, before := range previous {
		if this[name] == nil && compared {
			add(name, nil, before)
		}
	}
	whole := this[twilio.CategoryTotalPrice]
	for i := range rows {
		for j := range rows[i].Costs {
			if c := &rows[i].Costs[j]; whole != nil {
				c.Share = ratio(c.Cost, priceIn(whole, c.Currency))
			}
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		first := func(r Row) int {
			if r.Key == twilio.CategoryTotalPrice {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(first(a), first(b)), b.Costs[0].Cost.V.Cmp(a.Costs[0].Cost.V), strings.Compare(a.Key, b.Key))
	})
	return rows
}

func priceIn(c *category, currency string) Amount {
	for _, m := range c.costs {
		if m.currency == currency {
			return m.Amount
		}
	}
	return Amount{}
}

// costsOf are the prices of a category, one for each currency that is named.
func costsOf(c, before *category, compared bool) []Cost {
	var costs []Cost
	find := func(currency string) *Cost {
		for i := range costs {
			if costs[i].Currency == currency {
				return &costs[i]
			}
		}
		costs = append(costs, Cost{Currency: currency})
		return &costs[len(costs)-1]
	}
	if c != nil {
		for _, m := range c.costs {
			find(m.currency).Cost = m.Amount
		}
	}
	if before != nil && compared {
		for _, m := range before.costs {
			if cost := find(m.currency); m.Valid {
				cost.Previous = m.Amount
			}
		}
	}
	for i := range costs {
		if c == nil { // the API lists nothing of it any more
			costs[i].Cost = amount(decimal.Zero)
		}
		if compared && before == nil {
			costs[i].Previous = amount(decimal.Zero)
		}
	}
	if len(costs) == 0 {
		costs = []Cost{{}}
	}
	return costs
}
