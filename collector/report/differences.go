package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// differences are the sums that do not agree, with the likely reason.
func (m *month) differences() []Difference {
	var all []Difference
	total := m.this.total()
	for _, d := range grouped() {
		sum := m.this[d].sum()
		bytes := sumBytes(total.upload, total.download).V - sumBytes(sum.upload, sum.download).V
		costs := costDifferences(total, &sum)
		if bytes == 0 && len(costs) == 0 {
			continue
		}
		reason := m.reason(d, bytes, otherCurrency(total, &sum))
		if len(costs) == 0 {
			costs = []money{{}}
		}
		for i, c := range costs {
			difference := Difference{What: plural(d), Currency: c.currency, Cost: c.Amount, Reason: reason}
			if i == 0 {
				difference.Bytes = bytes
			}
			all = append(all, difference)
		}
	}
	return append(all, m.billDifferences()...)
}

// costDifferences are what a total has beyond a sum, in each currency.
func costDifferences(total, sum *usage) []money {
	var all []money
	for _, currency := range currenciesOf(total, sum) {
		a, b := total.cost(currency), sum.cost(currency)
		if a.Valid && b.Valid && !a.V.Equal(b.V) {
			all = append(all, money{currency, amount(a.V.Sub(b.V))})
		}
	}
	return all
}

// otherCurrency reports whether two usages have amounts in different currencies.
func otherCurrency(a, b *usage) bool {
	of, other := currenciesOf(a), currenciesOf(b)
	return len(of) > 0 && len(other) > 0 && !slices.Equal(of, other)
}

func currenciesOf(both ...*usage) []string {
	var all []string
	for _, u := range both {
		for _, c := range u.costs {
			all = append(all, c.currency)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// changes reports whether bytes or amounts of the month may still come in.
func (m *month) changes() bool { return m.span.now.Before(m.span.month.end.Add(m.settle)) }

// reason is why a sum over the keys of a dimension is probably not the total.
func (m *month) reason(d dimension, bytes int64, otherCurrency bool) string {
	switch {
	case bytes != 0 && m.changes():
		return "late usage that one of the lists has and the other has not; make the report again later"
	case bytes > 0 && d == bySIM:
		return "SIMs that have been deleted since, or an incomplete list; make the report again to tell"
	case bytes != 0:
		return "an incomplete list; make the report again"
	case otherCurrency:
		return "amounts in another currency"
	case m.changes():
		return "hours that are billed in one of the lists and not yet in the other"
	}
	return "amounts that were revised or rounded for each key"
}

func plural(d dimension) string {
	switch d {
	case bySIM:
		return "SIMs"
	case byCountry:
		return "countries"
	default:
		return string(d) + "s"
	}
}

// dataCategories are the categories of the bill that have all data of Super SIMs, the
// usual one first.
//
// Source: the list of usage categories in Twilio's OpenAPI file.
func dataCategories() []string {
	return []string{"wireless-super-sim-data", "wireless-super-sim-usage", "supersim"}
}

// billDifferences compares the cost of Super SIM usage with the bill's.
func (m *month) billDifferences() []Difference {
	var c *category
	var name string
	for _, name = range dataCategories() {
		if c = m.bill.months[m.span.begin][name]; c != nil && len(c.costs) > 0 {
			break
		}
	}
	if c == nil || len(c.costs) == 0 || filterText(m) != "" {
		return nil
	}
	var all []Difference
	billed := &usage{costs: c.costs}
	for _, cost := range costDifferences(billed, m.this.total()) {
		all = append(all, Difference{What: "bill, category " + name, Currency: cost.currency, Cost: cost.Amount, Reason: m.billReason(billed)})
	}
	return all
}

func (m *month) billReason(billed *usage) string {
	var reasons []string
	if otherCurrency(billed, m.this.total()) {
		reasons = append(reasons, "the bill is in another currency than the usage")
	}
	if m.changes() {
		reasons = append(reasons, fmt.Sprintf("hours that are not billed yet, and times: the bill is as of %s and the usage up to %s",
			moment(m.bill.asOf), moment(m.span.month.end)))
	}
	if m.account.Collectors.AccountUsage.IncludeSubaccounts {
		reasons = append(reasons, "subaccounts, which the bill includes and the SIMs do not")
	}
	return strings.Join(append(reasons, "fees and credits that belong to no SIM"), "; ")
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}
