package report

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// month is what was read of one account.
type month struct {
	source
	span           span
	settle         time.Duration // how late bills come
	this, previous monthly       // nil: not read
	days           usages
	names          names
	bill           bill
	hasBill        bool
}

// readAccount reads an account. What fails is in its Errors; the rest is there.
func readAccount(ctx context.Context, from source, s span) Account {
	a, on := from.account, from.account.Collectors
	m := &month{source: from, span: s, settle: on.SuperSIMUsage.Settle.Cost}
	r := reader{from.client, on.SuperSIMUsage.Filter}
	var group errgroup.Group
	part := func(enabled bool, read func() error) *error {
		failure := new(error)
		if enabled {
			group.Go(func() error { *failure = read(); return nil })
		}
		return failure
	}
	failures := []struct {
		what string
		err  *error
	}{
		{"Super SIM usage", part(on.SuperSIMUsage.Enabled, func() error { return m.readUsage(ctx, r) })},
		{"names of SIMs, fleets and networks", part(on.SuperSIMUsage.Enabled && on.SuperSIMInventory.Enabled, func() (err error) {
			m.names, err = r.names(ctx)
			return err
		})},
		{"usage of the whole account", part(on.AccountUsage.Enabled && a.Provider.HasAccountAPI(), func() (err error) {
			m.bill, err = r.bill(ctx, s, on.AccountUsage)
			m.hasBill = err == nil
			return err
		})},
	}
	_ = group.Wait() // each part has its own error
	account := m.result()
	for _, f := range failures {
		if *f.err != nil {
			account.Errors = append(account.Errors, fmt.Sprintf("%s: %s", f.what, explained(*f.err)))
		}
	}
	if from.failure != nil { // which has the advice that lists of accounts need
		account.Errors = append(account.Errors, fmt.Sprintf("subaccounts: %s", from.failure))
	}
	return account
}

// readUsage reads the usage of both months.
func (m *month) readUsage(ctx context.Context, r reader) error {
	done, open := m.span.billed(m.settle)
	var this, previous monthly
	var days usages
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { this, err = r.month(ctx, done, open); return err })
	group.Go(func() (err error) { days, err = r.byDay(ctx, m.span.days()); return err })
	if !m.span.previous.isEmpty() {
		group.Go(func() (err error) { previous, err = r.month(ctx, m.span.previous); return err })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	m.this, m.previous, m.days = this, previous, days
	return nil
}

// result is the account's part of the report.
func (m *month) result() Account {
	a := Account{
		Name: m.account.Name, Provider: string(m.account.Provider), AccountSID: cmp.Or(m.account.AccountSID, m.names.account),
		Errors: []string{}, Notes: []string{}, Fleets: []Row{}, Networks: []Row{}, Countries: []Row{}, SIMs: []Row{},
		Categories: []Row{}, Days: []Day{}, Differences: []Difference{}, month: m,
	}
	if m.hasBill {
		a.Categories = append(a.Categories, m.bill.rows(m.span)...)
	}
	if m.this != nil {
		compared := m.previous != nil
		total := newRow(m.this.total(), m.before(byAccount).of(""), compared)
		total.Key, total.Name = a.AccountSID, a.Name
		a.Total = &total
		for d, into := range map[dimension]*[]Row{byFleet: &a.Fleets, byNetwork: &a.Networks, byCountry: &a.Countries, bySIM: &a.SIMs} {
			*into = append(*into, rows(m.this[d], m.before(d), compared, m.this.total(), func(key string) string { return m.names.of(d, key) })...)
		}
		a.Days = append(a.Days, m.dayRows()...)
		a.Forecast = m.forecast()
		a.Differences = append(a.Differences, m.differences()...)
	}
	a.Notes = append(a.Notes, m.notes(&a)...)
	return a
}

func (m *month) before(d dimension) usages {
	if m.previous == nil {
		return nil
	}
	return m.previous[d]
}

// dayRows are the whole days of the month.
func (m *month) dayRows() []Day {
	var days []Day
	for t := m.span.month.start; t.Before(m.span.days().end); t = t.AddDate(0, 0, 1) {
		row := newRow(m.days.of(t.Format(time.DateOnly)), nil, false)
		days = append(days, Day{t.Format(time.DateOnly), row.Upload, row.Download, row.Costs, row.Unbilled})
	}
	return days
}

// explained is an error with what to do about it.
func explained(err error) string {
	switch reason := twilio.ReasonOf(err); reason {
	case twilio.ReasonAuthentication, twilio.ReasonPermission, twilio.ReasonNetwork, twilio.ReasonTruncated, twilio.ReasonTimeout, twilio.ReasonLimit:
		return strings.TrimSuffix(err.Error(), ".") + ": " + reason.Advice()
	}
	return err.Error()
}
