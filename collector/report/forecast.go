package report

import (
	"math"
	"time"

	"github.com/shopspring/decimal"
)

// Forecast is an estimate of the whole month, from its usage so far and the average of
// the last whole days.
type Forecast struct {
	Bytes int64  `json:"bytes"`
	Costs []Cost `json:"costs"` // rounded to two digits; without share
	// Days is how many days the average is of, which may begin in the month before.
	Days int `json:"days"`
}

const (
	// forecastDays is a week, so that each day of the week is in the average.
	forecastDays   = 7
	forecastDigits = 2
)

// forecast estimates the whole month; nil for a month that is over or without usage.
func (m *month) forecast() *Forecast {
	if m.span.over {
		return nil
	}
	all := m.span.days()
	bytes, n := m.average(all.end, func(u *usage) Amount { return amount(decimal.NewFromInt(sumBytes(u.upload, u.download).V)) })
	if n == 0 {
		return nil
	}
	total := m.this.total()
	f := &Forecast{Days: n, Costs: []Cost{}}
	f.Bytes = toInt64(decimal.NewFromInt(sumBytes(total.upload, total.download).V).Add(perDay(bytes, m.span.finish.Sub(m.span.month.end))))

	until := m.billedUntil()
	for _, currency := range m.currencies() {
		cost := func(u *usage) Amount { return u.cost(currency) }
		average, n := m.average(until, cost)
		if n == 0 {
			continue
		}
		sum, rest := decimal.Zero, m.span.finish.Sub(m.span.begin)
		for t := m.span.begin; t.Before(until); t = t.AddDate(0, 0, 1) {
			if day := cost(m.days.of(t.Format(time.DateOnly))); day.Valid {
				sum, rest = sum.Add(day.V), rest-24*time.Hour
			}
		}
		f.Costs = append(f.Costs, Cost{Currency: currency, Cost: amount(sum.Add(perDay(average, rest)).Round(forecastDigits))})
	}
	return f
}

// currencies are those of the account's usage in either month.
func (m *month) currencies() []string {
	row := newRow(m.this.total(), m.before(byAccount).of(""), m.previous != nil)
	var all []string
	for _, c := range row.Costs {
		if c.Currency != "" {
			all = append(all, c.Currency)
		}
	}
	return all
}

// billedUntil is the end of the last day of which all should be billed.
func (m *month) billedUntil() time.Time {
	return m.span.now.Add(-m.settle).Truncate(24 * time.Hour)
}

// average is that of the last whole days before a moment, and of how many: not those
// before the first usage, and not those that have no number, such as what is not billed.
func (m *month) average(end time.Time, of func(*usage) Amount) (decimal.Decimal, int) {
	first := end
	for t := m.span.days().start; t.Before(end); t = t.AddDate(0, 0, 1) {
		if u := m.days[t.Format(time.DateOnly)]; u != nil {
			first = t
			break
		}
	}
	if week := end.AddDate(0, 0, -forecastDays); first.Before(week) {
		first = week
	}
	sum, n := decimal.Zero, 0
	for t := first; t.Before(end); t = t.AddDate(0, 0, 1) {
		if day := of(m.days.of(t.Format(time.DateOnly))); day.Valid {
			sum, n = sum.Add(day.V), n+1
		}
	}
	if n == 0 {
		return decimal.Zero, 0
	}
	return sum.DivRound(decimal.NewFromInt(int64(n)), 12), n
}

// perDay is what comes to an amount each day.
func perDay(each decimal.Decimal, d time.Duration) decimal.Decimal {
	return each.Mul(decimal.NewFromInt(int64(d/time.Hour))).DivRound(decimal.NewFromInt(24), 12)
}

func toInt64(d decimal.Decimal) int64 {
	return decimal.Min(d.Round(0), decimal.NewFromInt(math.MaxInt64)).IntPart()
}
