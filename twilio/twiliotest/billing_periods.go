package twiliotest

import (
	"net/http"
	"strings"
	"time"
)

// BillingPeriod is a span of time over which a SIM's usage counts towards the data
// limit of its fleet. A zero time and an empty text are null in responses.
type BillingPeriod struct {
	SID        string // HB and 32 hexadecimal digits; generated if it is empty
	Type       string // ready or active
	Start, End time.Time
}

// contains reports whether a moment is in the period; one without a start contains
// none, one without an end has not ended.
func (p BillingPeriod) contains(t time.Time) bool {
	return !p.Start.IsZero() && !t.Before(p.Start) && (p.End.IsZero() || t.Before(p.End))
}

type billingPeriodRecord struct {
	SID         string  `json:"sid"`
	AccountSID  string  `json:"account_sid"`
	SimSID      string  `json:"sim_sid"`
	PeriodType  *string `json:"period_type"`
	StartTime   *string `json:"start_time"`
	EndTime     *string `json:"end_time"`
	DateCreated *string `json:"date_created"`
	DateUpdated *string `json:"date_updated"`
}

// The path of a SIM's billing periods is the SIM's SID between these two.
const (
	simsPath         = "/v1/Sims/"
	billingPeriodsOf = "/BillingPeriods"
)

func (s *Simulator) billingPeriods(q *request) *response {
	p, bad := readParams(q, 20001)
	if bad != nil {
		return bad
	}
	g, bad := s.readPaging(q, &p, maxPageSize)
	if bad != nil {
		return bad
	}
	path := strings.ReplaceAll(q.http.URL.Path, moved, "")
	sid := strings.TrimSuffix(strings.TrimPrefix(path, simsPath), billingPeriodsOf)
	w := q.world
	w.mu.Lock()
	sim, ok := w.simAt(sid, g.at)
	w.mu.Unlock()
	if !ok {
		return failure(http.StatusNotFound, 20404, "There is nothing at "+q.http.URL.Path)
	}
	stamped := func(t time.Time) *string {
		if t.IsZero() {
			return nil
		}
		return text(t.UTC().Format(stamp))
	}
	return g.respond(q, "billing_periods", func() listing {
		chosen := choose(w.periodsOf(sim, g.at), func(BillingPeriod) bool { return true }, func(p BillingPeriod) string { return p.SID })
		return listing{n: len(chosen), record: func(i int) any {
			p := chosen[i]
			return billingPeriodRecord{
				SID: p.SID, AccountSID: w.account.SID, SimSID: sim.SID, PeriodType: text(p.Type),
				StartTime: stamped(p.Start), EndTime: stamped(p.End),
				DateCreated: stamped(p.Start), DateUpdated: stamped(p.Start),
			}
		}}
	})
}

// periodsOf are the billing periods of a SIM as the API lists them at a time. Of
// the generated ones it lists the current one and the two before, which is one
// reading of the documentation.
func (w *world) periodsOf(sim SIM, at time.Time) []BillingPeriod {
	var periods []BillingPeriod
	if w.account.BillingPeriods != nil {
		periods = w.account.BillingPeriods(sim, at)
	} else if current, ok := w.generatedPeriod(sim, at); ok {
		before, _ := w.generatedPeriod(sim, current.Start.Add(-1))
		first, _ := w.generatedPeriod(sim, before.Start.Add(-1))
		periods = []BillingPeriod{current, before, first}
	}
	for i := range periods {
		if p := &periods[i]; p.SID == "" {
			p.SID = makeSID("HB", hash(hashString('B', sim.SID), uint64(p.Start.Unix())))
		}
	}
	return periods
}

// periodAt is the billing period of a SIM that contains a moment.
func (w *world) periodAt(sim SIM, at time.Time) (BillingPeriod, bool) {
	if w.account.BillingPeriods == nil {
		return w.generatedPeriod(sim, at)
	}
	for _, p := range w.account.BillingPeriods(sim, at) {
		if p.contains(at) {
			return p, true
		}
	}
	return BillingPeriod{}, false
}

// generatedPeriod is one of a SIM's consecutive months, which start at a day and a
// second that its SID decides. SIMs that are new or inactive have none.
func (w *world) generatedPeriod(sim SIM, at time.Time) (BillingPeriod, bool) {
	if sim.Status == "new" || sim.Status == "inactive" {
		return BillingPeriod{}, false
	}
	const seconds = 31 * 24 * 3600
	offset := time.Duration(hashString(w.account.Seed^'B', sim.SID)%seconds) * time.Second
	anchor := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC).Add(offset)
	at = at.UTC()
	months := 12*(at.Year()-anchor.Year()) + int(at.Month()) - int(anchor.Month())
	if addMonths(anchor, months).After(at) {
		months--
	}
	p := BillingPeriod{Type: "active", Start: addMonths(anchor, months), End: addMonths(anchor, months+1)}
	if sim.Status == "ready" {
		p.Type = "ready"
	}
	return p, true
}

// BillingPeriod is the billing period of a SIM that contains a moment. It has no
// start if there is none.
func (s *Simulator) BillingPeriod(accountSID, simSID string, at time.Time) BillingPeriod {
	w := s.world(accountSID)
	w.mu.Lock()
	defer w.mu.Unlock()
	sim, _ := w.simAt(simSID, at)
	p, _ := w.periodAt(sim, at)
	return p
}

// simAt is a SIM as it is at a time. The caller holds w.mu.
func (w *world) simAt(sid string, at time.Time) (SIM, bool) {
	for _, s := range w.simsAt(at) {
		if s.SID == sid {
			return s, true
		}
	}
	return SIM{}, false
}
