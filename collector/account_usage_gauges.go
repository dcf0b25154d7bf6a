package collector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

func accountUsageCost() metric.Family {
	return metric.Gauge("twilio_account_usage_cost", "Price of a category in the calendar month so far, as of the last poll, in units of the currency; categories overlap, and it may be revised downwards.", "account_sid", "category", "currency")
}

func accountCost() metric.Family {
	return metric.Gauge("twilio_account_cost", "Price of everything in the calendar month so far, as of the last poll, in units of the currency (category totalprice).", "account_sid", "currency")
}

func previousMonthUsage() metric.Family {
	return metric.Gauge("twilio_account_previous_month_usage", "Usage in the calendar month before, in the unit that the label names; categories overlap.", "account_sid", "category", "unit")
}

func previousMonthUsageEvents() metric.Family {
	return metric.Gauge("twilio_account_previous_month_usage_events", "Usage events in the calendar month before, as the label unit names them; categories overlap.", "account_sid", "category", "unit")
}

func previousMonthUsageCost() metric.Family {
	return metric.Gauge("twilio_account_previous_month_usage_cost", "Price of a category in the calendar month before, in units of the currency; categories overlap.", "account_sid", "category", "currency")
}

func previousMonthCost() metric.Family {
	return metric.Gauge("twilio_account_previous_month_cost", "Price of everything in the calendar month before, in units of the currency (category totalprice).", "account_sid", "currency")
}

func accountUsageAsOf() metric.Family {
	return metric.Gauge("twilio_account_usage_as_of_timestamp_seconds", "Time up to which the newest record of the calendar month counts, in seconds since the epoch.", "account_sid")
}

// monthGauges are the samples of one calendar month.
type monthGauges struct {
	usage, events, cost, total []metric.Sample
	asOf                       map[string]time.Time // the newest, by account SID
	unpriced                   []string             // categories whose price has no currency
}

// monthGauges makes samples of the records of one month.
func (c *AccountUsage) monthGauges(month time.Time, records []twilio.MonthlyUsage) *monthGauges {
	g := &monthGauges{asOf: make(map[string]time.Time)}
	for _, record := range records {
		if key := c.key(record); key.month.Equal(month) {
			g.add(key, record)
		}
	}
	return g
}

func (g *monthGauges) add(key monthlyKey, r twilio.MonthlyUsage) {
	sample := func(amount float64, labels ...string) metric.Sample {
		return metric.Sample{Labels: labels, Value: amount}
	}
	if r.AsOf.Valid && r.AsOf.V.After(g.asOf[key.account]) {
		g.asOf[key.account] = r.AsOf.V
	}
	if r.Price.Valid {
		price := r.Price.V.InexactFloat64()
		switch {
		case r.PriceUnit == "":
			if price != 0 {
				g.unpriced = append(g.unpriced, key.category)
			}
		case key.category == twilio.CategoryTotalPrice:
			g.total = append(g.total, sample(price, key.account, r.PriceUnit))
		default:
			g.cost = append(g.cost, sample(price, key.account, key.category, r.PriceUnit))
		}
	}
	if key.category == twilio.CategoryTotalPrice {
		return
	}
	if r.Usage.Valid {
		g.usage = append(g.usage, sample(r.Usage.V.InexactFloat64(), key.account, key.category, r.UsageUnit))
	}
	if r.Count.Valid {
		g.events = append(g.events, sample(r.Count.V.InexactFloat64(), key.account, key.category, r.CountUnit))
	}
}

// current are the batches of the month that is under way. Its usage is exposed as
// counters.
func (g *monthGauges) current() []metric.Batch {
	var asOf []metric.Sample
	for account, t := range g.asOf {
		asOf = append(asOf, metric.Sample{Labels: []string{account}, Value: seconds(t)})
	}
	return []metric.Batch{
		metric.NewBatch(accountUsageCost(), g.cost),
		metric.NewBatch(accountCost(), g.total),
		metric.NewBatch(accountUsageAsOf(), asOf),
	}
}

// previous are the batches of the month before.
func (g *monthGauges) previous() []metric.Batch {
	return []metric.Batch{
		metric.NewBatch(previousMonthUsage(), g.usage),
		metric.NewBatch(previousMonthUsageEvents(), g.events),
		metric.NewBatch(previousMonthUsageCost(), g.cost),
		metric.NewBatch(previousMonthCost(), g.total),
	}
}

func (g *monthGauges) warnings() []string {
	if len(g.unpriced) == 0 {
		return nil
	}
	slices.Sort(g.unpriced)
	return []string{fmt.Sprintf("the API reports %d prices without a currency, so they are not exposed: %s",
		len(g.unpriced), strings.Join(g.unpriced[:min(3, len(g.unpriced))], ", "))}
}
