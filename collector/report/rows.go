package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// rows are the keys of both months, those with the highest cost first. Without a month
// before, compared is false.
func rows(this, previous usages, compared bool, total *usage, name func(key string) string) []Row {
	keys := make(map[string]bool, len(this))
	for key := range this {
		keys[key] = true
	}
	if compared {
		for key := range previous {
			keys[key] = true
		}
	}
	all := make([]Row, 0, len(keys))
	for key := range keys {
		row := newRow(this.of(key), previous.of(key), compared)
		row.Key, row.Name = key, name(key)
		for i := range row.Costs {
			c := &row.Costs[i]
			c.Share = ratio(c.Cost, total.cost(c.Currency))
		}
		all = append(all, row)
	}
	slices.SortFunc(all, func(a, b Row) int {
		for _, m := range total.costs { // one currency after the other, since they cannot be compared
			if n := b.cost(m.currency).V.Cmp(a.cost(m.currency).V); n != 0 {
				return n
			}
		}
		return cmp.Or(cmp.Compare(b.traffic().V, a.traffic().V), strings.Compare(a.Key, b.Key))
	})
	return all
}

// cost is the amount in a currency.
func (r *Row) cost(currency string) Amount {
	for _, c := range r.Costs {
		if c.Currency == currency {
			return c.Cost
		}
	}
	return Amount{}
}

// newRow is the usage of one key. It has one cost for each currency that a record of
// either month names, and one without a currency if there is none.
func newRow(this, previous *usage, compared bool) Row {
	r := Row{Upload: this.upload, Download: this.download, Unbilled: this.unbilled}
	currencies := make(map[string]bool)
	for _, m := range this.costs {
		currencies[m.currency] = true
	}
	if compared {
		r.PreviousUpload, r.PreviousDownload = previous.upload, previous.download
		for _, m := range previous.costs {
			currencies[m.currency] = true
		}
	}
	for currency := range currencies {
		c := Cost{Currency: currency, Cost: this.cost(currency)}
		if compared {
			c.Previous = previous.cost(currency)
		}
		r.Costs = append(r.Costs, c)
	}
	slices.SortFunc(r.Costs, func(a, b Cost) int { return strings.Compare(a.Currency, b.Currency) })
	if len(r.Costs) == 0 {
		r.Costs = []Cost{{}}
	}
	return r
}

// traffic is upload and download.
func (r *Row) traffic() Bytes { return sumBytes(r.Upload, r.Download) }

// before is the traffic of the month before.
func (r *Row) before() Bytes { return sumBytes(r.PreviousUpload, r.PreviousDownload) }

// sumBytes adds up, to the largest number at most.
func sumBytes(a, b Bytes) Bytes {
	if b.V > math.MaxInt64-a.V {
		return Bytes{math.MaxInt64, true}
	}
	return Bytes{a.V + b.V, a.Valid || b.Valid}
}

// shareAccounts finds what share of all accounts' cost in a currency each account has.
func (r *Report) shareAccounts() {
	sums := make(map[string]Amount)
	for _, c := range r.costs() {
		sums[c.Currency] = c.Cost
	}
	for i := range r.Accounts {
		if total := r.Accounts[i].Total; total != nil {
			for j := range total.Costs {
				c := &total.Costs[j]
				c.Share = ratio(c.Cost, sums[c.Currency])
			}
		}
	}
}

// costs are those of all accounts, by currency: currencies are never added up.
func (r *Report) costs() []Cost {
	var all []Cost
	for _, a := range r.Accounts {
		if a.Total == nil {
			continue
		}
		for _, c := range a.Total.Costs {
			if c.Currency == "" {
				continue
			}
			i := slices.IndexFunc(all, func(s Cost) bool { return s.Currency == c.Currency })
			if i < 0 {
				i, all = len(all), append(all, Cost{Currency: c.Currency})
			}
			all[i].Cost, all[i].Previous = plusAmount(all[i].Cost, c.Cost), plusAmount(all[i].Previous, c.Previous)
		}
	}
	slices.SortFunc(all, func(a, b Cost) int { return strings.Compare(a.Currency, b.Currency) })
	return all
}

func plusAmount(a, b Amount) Amount {
	if !b.Valid {
		return a
	}
	return amount(a.V.Add(b.V))
}
