package exporter

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// busiest is how many SIMs the page shows.
const busiest = 10

// Overview is what the status page says. It takes time for each account, and none for
// each series.
func (e *Exporter) Overview() status.Overview {
	now := time.Now().UTC()
	o := status.Overview{
		Now: at(now), Started: at(e.started), Ready: e.Ready(),
		States: make(map[status.State]int), Accounts: []status.Account{}, BusiestSIMs: []status.SIM{},
	}
	for _, s := range status.States() {
		o.States[s] = 0
	}
	for _, a := range e.accounts() {
		account := a.overview(now)
		o.States[account.State]++
		o.Accounts = append(o.Accounts, account)
		o.BusiestSIMs = append(o.BusiestSIMs, a.sims(now)...)
	}
	slices.SortFunc(o.Accounts, func(a, b status.Account) int {
		return cmp.Or(cmp.Compare(urgency(a.State), urgency(b.State)), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(o.BusiestSIMs, func(a, b status.SIM) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.SID, b.SID))
	})
	o.BusiestSIMs = o.BusiestSIMs[:min(busiest, len(o.BusiestSIMs))]
	for i := range o.BusiestSIMs {
		o.BusiestSIMs[i].Name = e.simName(o.BusiestSIMs[i])
	}
	return o
}

// at is a moment as the status page has it.
func at(t time.Time) status.Time { return status.Time{Time: t} }

// urgency orders states: that of the most urgent one is 0.
func urgency(s status.State) int { return slices.Index(status.States(), s) }

// simName is the unique name of a SIM.
func (e *Exporter) simName(s status.SIM) string {
	for _, a := range e.accounts() {
		if a.name == s.Account {
			return hideICCIDs(a.shared.Inventory.SIMName(s.SID))
		}
	}
	return ""
}

// hideICCIDs takes ICCIDs out of texts that others wrote.
func hideICCIDs(text string) string {
	// ITU-T E.118: 89, then 16 to 18 digits.
	return regexp.MustCompile(`89\d{16,18}`).ReplaceAllString(text, "<ICCID>")
}

func (a *account) overview(now time.Time) status.Account {
	o := status.Account{
		Name: a.name, Provider: string(a.provider), AccountSID: a.shared.SID(), State: status.OK,
		Collectors: []status.Collector{}, Costs: []status.Cost{}, Bills: []status.Bill{},
	}
	for _, t := range a.tasks {
		c := t.overview(now)
		if urgency(c.State) < urgency(o.State) {
			o.State = c.State
		}
		o.Collectors = append(o.Collectors, c)
		s := t.exposed(now)
		if s == nil {
			continue
		}
		if s.counted {
			o.Traffic = t.traffic(s)
		}
		for _, c := range s.costs {
			o.Costs = append(o.Costs, t.cost(s, c))
		}
		o.Bills = append(o.Bills, s.billsOf()...)
	}
	return o
}

// exposed is what the page says of the samples that the task exposes at a moment; nil if
// it exposes none.
func (t *task) exposed(now time.Time) *shown {
	s := t.shown.Load()
	if s == nil || t.expired(s, now) {
		return nil
	}
	return s
}

// exposes reports whether the collector has results that become too old: the list of
// subaccounts does not.
func (t *task) exposes() bool {
	_, lists := t.collector.(*discovery)
	return !lists
}

func (t *task) expired(s *shown, now time.Time) bool {
	maxAge := t.account.settings.maxAge
	return maxAge > 0 && now.After(s.asOf.Add(maxAge))
}

func (t *task) overview(now time.Time) status.Collector {
	c := status.Collector{
		Name: t.name, State: status.Waiting, Interval: time.Duration(t.every.Load()).Seconds(),
		NextPoll: unixNano(t.next.Load()), Polling: unixNano(t.underWay.Load()),
	}
	if !c.Polling.IsZero() {
		c.NextPoll = status.Time{} // not known before it has ended
	}
	polls, since := t.polls.last(now)
	c.Polls, c.PollsSince = polls, at(since)
	if s := t.exposed(now); s != nil && t.exposes() {
		c.Expires = at(s.asOf.Add(t.account.settings.maxAge))
		if c.CountUntil = at(s.usageEnd); s.usageEnd.IsZero() {
			c.CountUntil = at(s.billsAsOf)
		}
	}
	last := t.outcome.Load()
	if last == nil {
		return c
	}
	c.State, c.LastPoll, c.Success = status.OK, at(last.Ended), at(last.LastSuccess)
	c.Duration, c.Requests, c.Records = last.Duration.Seconds(), last.Requests, last.Records
	if last.Reason != "" {
		c.State, c.Error = status.Failing, last.explained()
	}
	if t.exposes() && t.exposed(now) == nil && !last.LastSuccess.IsZero() {
		c.State = status.Expired // after a failure, or with the next poll overdue
	}
	return c
}

func unixNano(n int64) status.Time {
	if n == 0 {
		return status.Time{}
	}
	return at(time.Unix(0, n))
}

// explained is why the poll failed.
func (o *Outcome) explained() *status.Error {
	return &status.Error{
		Reason: string(o.Reason), Status: o.Refusal.Status, Code: o.Refusal.Code, RequestID: o.Refusal.RequestID,
		Message: o.Err, Advice: o.Reason.Advice(),
		Explanation: cmp.Or(twilio.Explain(o.Refusal.Code), o.Reason.Explain()),
	}
}

// traffic is the account's bytes.
func (t *task) traffic(s *shown) *status.Traffic {
	month := monthOf(s.usageEnd, s.upload+s.download > 0)
	elapsed := s.usageEnd.Sub(month)
	o := &status.Traffic{Month: month.Format("2006-01"), Until: at(s.usageEnd), Upload: s.upload, Download: s.download}
	if before, known := t.history.Load().Bytes(month, elapsed); known {
		o.Previous = &before
	}
	o.Forecast = forecast(s.upload+s.download, month, elapsed)
	return o
}

func (t *task) cost(s *shown, c amount) status.Cost {
	counts := slices.ContainsFunc(s.costs, func(c amount) bool { return c.value != 0 })
	month := monthOf(s.costEnd, counts)
	elapsed := s.costEnd.Sub(month)
	o := status.Cost{Month: month.Format("2006-01"), Until: at(s.costEnd), Currency: c.currency, Amount: c.value}
	if before, known := t.history.Load().Cost(month, elapsed, c.currency); known {
		o.Previous = &before
	}
	o.Forecast = forecast(c.value, month, elapsed)
	return o
}

// monthOf is the start of the month that counters run over which count up to a moment.
// At the end of a month they show either that month or 0 for the next one.
func monthOf(end time.Time, count bool) time.Time {
	if count {
		end = end.Add(-time.Nanosecond)
	}
	return monthly.Start(end)
}

// forecast is what a month will come to if it goes on as it did so far; nil if nothing
// of it is counted.
func forecast(value float64, month time.Time, elapsed time.Duration) *float64 {
	if elapsed <= 0 {
		return nil
	}
	whole := value * (float64(month.AddDate(0, 1, 0).Sub(month)) / float64(elapsed))
	return &whole
}

// billsOf are the prices of everything, with those of the month before.
func (s *shown) billsOf() (bills []status.Bill) {
	for _, b := range s.bills {
		bill := status.Bill{AccountSID: b.account, Currency: b.currency, Amount: b.value}
		for _, p := range s.previousBills {
			if p.account == b.account && p.currency == b.currency {
				bill.PreviousMonth = &p.value
			}
		}
		bills = append(bills, bill)
	}
	return bills
}

// sims are the account's busiest SIMs.
func (a *account) sims(now time.Time) (sims []status.SIM) {
	for _, t := range a.tasks {
		if s := t.exposed(now); s != nil {
			sims = append(sims, s.sims(a.name)...)
		}
	}
	return sims
}

func (s *shown) sims(account string) (sims []status.SIM) {
	for _, b := range s.busiest {
		sims = append(sims, status.SIM{Account: account, SID: b.sid, Bytes: b.bytes, HoursEnd: at(s.hours.end), Hours: b.hours[:]})
	}
	return sims
}
