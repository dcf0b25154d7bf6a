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
	bytes, n := m.average(all.end, func(u *usage) decimal.Decimal { return decimal.NewFromInt(saturate(u.upload, u.download).V) })
	if n == 0 {
		return nil
	}
	total := m.this.total()
	f := &Forecast{Days: n, Costs: []Cost{}}
	f.Bytes = toInt64(decimal.NewFromInt(saturate(total.upload, total.download).V).Add(perDay(bytes, m.span.finish.Sub(m.span.month.end))))

	// Money counts up to the last day of which all should be billed.
	until := m.span.now.Add(-m.settle).Truncate(24 * time.Hour)
	if until.After(all.end) {
		until = all.end
	}
	for _, currency := range m.currencies() {
		cost := func(u *usage) decimal.Decimal { return u.cost(currency).V }
		average, n := m.average(until, cost)
		if n == 0 {
			continue
		}
		sum, rest := decimal.Zero, m.span.finish.Sub(until)
		for t := m.span.begin; t.Before(until); t = t.AddDate(0, 0, 1) {
			sum = sum.Add(cost(m.days.of(t.Format(time.DateOnly))))
		}
		if until.Before(m.span.begin) {
			rest = m.span.finish.Sub(m.span.begin)
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

// average is that of the last whole days before a moment, and of how many: not those
// before the first usage.
func (m *month) average(end time.Time, of func(*usage) decimal.Decimal) (decimal.Decimal, int) {
	first := end
	for t := m.span.days().start; t.Before(end); t = t.AddDate(0, 0, 1) {
		if u := m.days[t.Format(time.DateOnly)]; u != nil {
			first = t
			break
		}
	}
	n := min(int(end.Sub(first)/(24*time.Hour)), forecastDays)
	if n == 0 {
		return decimal.Zero, 0
	}
	sum := decimal.Zero
	for i := 1; i <= n; i++ {
		sum = sum.Add(of(m.days.of(end.AddDate(0, 0, -i).Format(time.DateOnly))))
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
