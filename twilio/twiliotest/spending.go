package twiliotest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// lateReports is how long a part of a day's account usage is still coming in.
const lateReports = 20 * time.Hour

// tally is what one category has come to.
type tally struct {
	count        int64
	usage, price int64 // millionths
}

func (t *tally) add(u tally) {
	t.count += u.count
	t.usage += u.usage
	t.price += u.price
}

// generatedMonth makes the account usage of a month as reported at a time. It grows
// with the time and stands still once all has been reported.
func (w *world) generatedMonth(month, at time.Time) []MonthlyRecord {
	a := &w.account
	end := addMonths(month, 1)
	if !a.Start.IsZero() && !end.After(a.Start) || !a.End.IsZero() && !month.Before(a.End) || at.Before(month) {
		return nil
	}
	currency := strings.ToLower(a.Currency)
	var out []MonthlyRecord
	groups := make(map[string]*tally)
	var names []string // of the groups, as they come
	total := tally{}
	for _, l := range leaves() {
		n := w.events(l, month, end, at)
		t := tally{n, n * l.perEvent, n * l.price}
		total.add(t)
		for _, g := range l.in {
			if groups[g] == nil {
				groups[g] = new(tally)
				names = append(names, g)
			}
			groups[g].add(t)
		}
		r := t.record(l.name, l.description, l.countUnit, l.usageUnit, currency)
		if l.unpriced {
			r.Price, r.PriceUnit = Null, ""
		}
		out = append(out, r)
	}

	bytes, cost := w.superSIM(month, end, at)
	total.price += cost
	groups["wireless-super-sim"].price += cost
	for _, name := range superSIMData() {
		r := MonthlyRecord{Category: name, Description: "Super SIM data", CountUnit: "MB", UsageUnit: "MB", PriceUnit: currency}
		// A byte is a millionth of a megabyte.
		r.Count, r.Usage, r.Price = formatMicro(bytes), formatMicro(bytes), formatMicro(cost)
		out = append(out, r)
	}
	for _, name := range names {
		description, count, usage := groupUnits(name)
		r := groups[name].record(name, description, count, usage, currency)
		if usage == "usd" { // events of different kinds: only the money can be added
			r.Count, r.Usage, r.UsageUnit = Null, r.Price, currency
		}
		out = append(out, r)
	}
	price := formatMicro(total.price)
	out = append(out, MonthlyRecord{
		Category: "totalprice", Description: "Total price", Count: Null,
		Usage: price, UsageUnit: currency, Price: price, PriceUnit: currency,
	})
	slices.SortFunc(out, func(a, b MonthlyRecord) int {
		return cmp.Compare(hashString('o', a.Category), hashString('o', b.Category))
	})
	return out
}

func (t tally) record(name, description, countUnit, usageUnit, currency string) MonthlyRecord {
	return MonthlyRecord{
		Category: name, Description: description,
		Count: formatMicro(t.count * million), CountUnit: countUnit,
		Usage: formatMicro(t.usage), UsageUnit: usageUnit,
		Price: formatMicro(t.price), PriceUnit: currency,
	}
}

// events counts a category's events of the month: nine tenths of a day's as the day
// goes by, the rest evenly over the hours that follow it.
func (w *world) events(l leaf, month, end, at time.Time) int64 {
	a := &w.account
	seed := hashString(a.Seed, l.name)
	var n int64
	for d := month; d.Before(end) && d.Before(at); d = d.Add(day) {
		if !a.Start.IsZero() && d.Before(a.Start) || !a.End.IsZero() && !d.Before(a.End) {
			continue
		}
		today := int64((l.daily*256 + l.daily*(hash(seed, uint64(d.Unix()/86400))%256)) / 384)
		prompt := today * 9 / 10
		n += part(prompt, at.Sub(d), day)
		n += part(today-prompt, at.Sub(d)-day, lateReports)
	}
	return n
}

// part is how much of n there is after some of the time.
func part(n int64, passed, whole time.Duration) int64 {
	passed = min(max(passed, 0), whole)
	return n * int64(passed/time.Second) / int64(whole/time.Second)
}

// superSIM is what the account's SIMs used in the month, in bytes and micro units.
func (w *world) superSIM(month, end, at time.Time) (bytes, cost int64) {
	u := w.usage(Filter{}, month, minTime(end, at), at.UnixNano())
	return u.Upload + u.Download, u.MicroCost
}

func (s *Simulator) balance(q *request, target *world) *response {
	p, bad := readParams(q, 20001)
	if bad != nil {
		return bad
	}
	for name := range p.values {
		return p.refuse("There is no parameter " + name)
	}
	a := &target.account
	if a.Parent != "" {
		return failure(http.StatusNotFound, 20404, "A subaccount has no balance of its own")
	}
	balance := a.Balance
	if balance == "" {
		balance = generatedBalance(a.Seed, q.now)
	}
	return success(struct {
		AccountSID string `json:"account_sid"`
		Balance    string `json:"balance"`
		Currency   string `json:"currency"`
	}{a.SID, balance, a.Currency})
}

// generatedBalance is used up in the course of a week and then topped up.
func generatedBalance(seed uint64, at time.Time) string {
	const week = 7 * 86400
	cents := int64(30_000 + hash(seed, 'B')%50_000)
	gone := (at.Unix()%week + week) % week
	return formatMicro((cents - cents*gone*9/10/week) * 10_000)
}
