// Package report adds up one month as a person wants it: traffic and cost by fleet,
// network, country and SIM, and the bill by category, beside the month before.
//
// Amounts of money are decimals with the digits that the API sent, from its response to
// the file; only shares, changes and forecasts are rounded.
package report

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Report is one month of all accounts. Its JSON keys are part of the command's
// interface.
type Report struct {
	OK    bool   `json:"ok"`    // everything could be read
	Month string `json:"month"` // such as 2026-10
	Over  bool   `json:"over"`  // the month is over
	Made  string `json:"made"`  // when, RFC 3339
	From  string `json:"from"`  // what is counted, RFC 3339, UTC
	To    string `json:"to"`    // exclusive
	// Compared is what the numbers of the month before are of: all of it, or as many
	// days and hours as have passed of a month that is not over.
	Compared *Compared `json:"compared"` // null: nothing
	Accounts []Account `json:"accounts"`

	span span
}

// Compared is a part of the month before.
type Compared struct {
	Month string `json:"month"`
	From  string `json:"from"`
	To    string `json:"to"` // exclusive
}

// Account is the month of one account.
type Account struct {
	Name       string   `json:"name"`
	Provider   string   `json:"provider"`
	AccountSID string   `json:"account_sid"` // may be empty at KORE
	Errors     []string `json:"errors"`      // what could not be read
	Notes      []string `json:"notes"`       // what a reader has to know

	Total      *Row      `json:"total"` // null: not read
	Forecast   *Forecast `json:"forecast"`
	Fleets     []Row     `json:"fleets"`
	Networks   []Row     `json:"networks"`
	Countries  []Row     `json:"countries"`
	SIMs       []Row     `json:"sims"`
	Categories []Row     `json:"categories"`
	Days       []Day     `json:"days"`
	// Differences are sums that should agree and do not.
	Differences []Difference `json:"differences"`

	month *month // what the charts are drawn of
}

// Row is the usage of one key, such as a fleet. The number of bytes of a category is
// not reported.
type Row struct {
	Key              string `json:"key"`  // SID, country or category; empty: usage without one
	Name             string `json:"name"` // empty: none, or not known
	Upload           Bytes  `json:"upload_bytes"`
	Download         Bytes  `json:"download_bytes"`
	PreviousUpload   Bytes  `json:"previous_upload_bytes"`
	PreviousDownload Bytes  `json:"previous_download_bytes"`
	// Unbilled says that some of the usage has no amount yet.
	Unbilled bool   `json:"unbilled"`
	Costs    []Cost `json:"costs"` // at least one

	Usage *Quantity `json:"usage,omitempty"` // of a category
}

// Cost is what one key costs in one currency.
type Cost struct {
	Currency string `json:"currency"`   // ISO 4217; empty: none is known
	Cost     Amount `json:"cost"`       // null: not billed yet
	Share    Amount `json:"cost_share"` // of the account's cost, from 0 to 1; of all accounts' for the account
	Previous Amount `json:"previous_cost"`
}

// Quantity is the usage of a category in its own unit.
type Quantity struct {
	Amount Amount `json:"amount"`
	Unit   string `json:"unit"`
}

// Day is the account's traffic and cost on one day.
type Day struct {
	Date     string `json:"date"`
	Upload   Bytes  `json:"upload_bytes"`
	Download Bytes  `json:"download_bytes"`
	Costs    []Cost `json:"costs"` // without share
	Unbilled bool   `json:"unbilled"`
}

// A Difference is by how much a sum that should agree with another is off.
type Difference struct {
	What     string `json:"what"`     // such as "sims"
	Bytes    int64  `json:"bytes"`    // what the account's total has beyond it
	Currency string `json:"currency"` // of Cost; empty: none
	Cost     Amount `json:"cost"`
	Reason   string `json:"reason"` // the likely one
}

// A Dialer makes the client of an account.
type Dialer func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error)

// Options configure a report.
type Options struct {
	Config *config.Config // its accounts, and the subaccounts that they find
	Month  time.Time      // any moment of it, UTC; zero: the last whole month
	Dial   Dialer
}

// accountsAtOnce are read at a time.
const accountsAtOnce = 10

// Run reads the accounts. An error is one of making a client, or the end of the context;
// what an API refuses is part of the report.
func Run(ctx context.Context, o Options) (Report, error) {
	now := time.Now().UTC()
	month := monthOf(o.Month)
	if o.Month.IsZero() {
		month = monthOf(now).AddDate(0, -1, 0)
	}
	s := newSpan(month, now)
	r := Report{
		OK: true, Month: month.Format("2006-01"), Over: s.over, Made: stamp(now), From: stamp(s.month.start), To: stamp(s.month.end),
		span: s,
	}
	if !s.previous.isEmpty() {
		r.Compared = &Compared{s.previous.start.Format("2006-01"), stamp(s.previous.start), stamp(s.previous.end)}
	}
	sources, err := o.sources(ctx)
	if err != nil {
		return r, err
	}
	r.Accounts = make([]Account, len(sources))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for i, source := range sources {
		group.Go(func() error {
			r.Accounts[i] = readAccount(ctx, source, s)
			return ctx.Err()
		})
	}
	err = group.Wait()
	for i := range r.Accounts {
		r.OK = r.OK && len(r.Accounts[i].Errors) == 0
	}
	r.shareAccounts()
	return r, err
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }
