package twiliotest

import (
	"fmt"
	"time"
)

// Provider is whose rules an account lives under.
type Provider string

// The two providers of the Super SIM API. KORE acquired Super SIM in 2023 and kept the
// resources, but has OAuth2 instead of basic auth, smaller pages of usage records, and
// no account usage API.
const (
	Twilio Provider = "twilio"
	KORE   Provider = "kore"
)

// Options describe a simulated service.
type Options struct {
	// Now is the clock of the simulated service; nil means time.Now. Inside a
	// testing/synctest bubble time.Now is the bubble's clock.
	Now func() time.Time

	// Accounts are served side by side on one host; credentials tell them apart.
	Accounts []Account

	// MaxConcurrent is how many requests of one account are processed at a time
	// before further ones get 429 with code 20429. 0: no limit. The vendor does
	// not publish its number.
	MaxConcurrent int

	// MaxPageSize cuts pages to so many records, whatever a request asks for, and not
	// beyond the documented sizes; 0: no cut. So a small world has listings of several
	// pages.
	MaxPageSize int

	// Readings say what the documentation leaves open.
	Readings

	// AccountReadings say what the documentation of accounts leaves open.
	AccountReadings

	// TokenLifetime is how long a KORE access token is valid; 0 means one hour.
	TokenLifetime time.Duration

	// Latency is how long every authenticated request takes before it is
	// responded to, on the clock of package time. With it, concurrency can be observed
	// under testing/synctest, where a response otherwise takes no time.
	Latency time.Duration
}

// Account is one account, its credentials and its world.
type Account struct {
	// SID is AC and 32 hexadecimal digits; unique, required for KORE too.
	SID string

	// Provider is Twilio unless set.
	Provider Provider

	// AuthToken and KeySID with KeySecret are Twilio's basic auth: SID:AuthToken
	// or KeySID:KeySecret. Each pair is accepted if it is set.
	AuthToken         string
	KeySID, KeySecret string

	// StandardKey makes the key a Standard one, which opens everything but the list of
	// accounts. Otherwise it is a Main key.
	StandardKey bool

	// ClientID and ClientSecret are KORE's OAuth2 client credentials.
	ClientID, ClientSecret string

	// Parent is the SID of the parent account. This account's usage is part of
	// the parent's account usage where IncludeSubaccounts is true; its SIMs are
	// not seen with the parent's credentials.
	Parent string

	// FriendlyName is the account's name, which need not be unique; "" is none. See
	// Simulator.Rename.
	FriendlyName string

	// Status is active, suspended, closed or something unheard of; "" means active.
	// The credentials of a suspended or closed account are refused, and those of its
	// subaccounts; the parent can still read it. See Simulator.SetStatus.
	Status string

	// Created is from when on the account exists. The zero time is always.
	Created time.Time

	// Currency is in upper case, ISO 4217; "" means USD.
	Currency string

	// Seed decides everything that is generated.
	Seed uint64

	// SIMs and Fleets are the size of the generated world; 0 means 25 and 3.
	SIMs, Fleets int

	// Start and End bound when usage occurs: hours that begin in [Start, End). A
	// zero time is no bound.
	Start, End time.Time

	// Balance is a decimal such as "123.45"; "" means a generated one.
	Balance string

	// SIMList, FleetList and NetworkList replace the generated inventory where
	// they are not nil. A SIM without a status is active, one without an ICCID
	// gets one.
	SIMList     []SIM
	FleetList   []Fleet
	NetworkList []Network

	// Usage replaces the generated usage where it is not nil: what the SIM used in
	// the hour that begins at hour. It is asked for every SIM, whatever its
	// status, with the SIM as it was at that hour. It must be a pure function, as
	// its results are kept. Delays above 48 hours are cut to 48 hours.
	Usage func(sim SIM, hour time.Time) []Segment

	// Totals replaces Usage for worlds that are too large to be added up hour by
	// hour: what the SIM used in the hours that begin in [from, to), as reported at
	// at. It must be a pure function. Start, End and the delays do not apply.
	Totals func(sim SIM, from, to, at time.Time) []Segment

	// BillingPeriods replaces the generated billing periods of SIMs where it is not
	// nil: those that the service lists at a time. It must be a pure function, and list
	// the period that contains the time, if there is one.
	BillingPeriods func(sim SIM, at time.Time) []BillingPeriod

	// CutOff blocks a SIM that has reached the data limit of its fleet: it has no
	// usage in the whole hours after that, until its billing period ends. The limit
	// of the fleet that it is in at that hour decides. Totals are not cut off.
	CutOff bool

	// Monthly replaces the generated account usage where it is not nil: the
	// records of the calendar month that begins at month, as reported at at.
	Monthly func(month, at time.Time) []MonthlyRecord
}

// defaults fills in what was left out and panics on what cannot be served: both
// are the mistakes of whoever writes the options, not of a client.
func (o Options) defaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = time.Hour
	}
	if o.MaxConcurrent < 0 || o.MaxPageSize < 0 || o.TokenLifetime < 0 || o.Latency < 0 {
		panic("twiliotest: a negative limit or duration in Options")
	}
	o.Readings.check()
	accounts := make([]Account, len(o.Accounts))
	seen := make(map[string]bool)
	for i, a := range o.Accounts {
		a = a.defaults()
		if seen[a.SID] {
			panic("twiliotest: account " + a.SID + " twice")
		}
		seen[a.SID] = true
		accounts[i] = a
	}
	for _, a := range accounts {
		if a.Parent != "" && (!seen[a.Parent] || a.Parent == a.SID) {
			panic("twiliotest: account " + a.SID + " names the unknown parent " + a.Parent)
		}
	}
	o.Accounts = accounts
	return o
}

func (a Account) defaults() Account {
	if !isSID("AC", a.SID) {
		panic(fmt.Sprintf("twiliotest: account SID %q is not AC and 32 hexadecimal digits", a.SID))
	}
	switch a.Provider {
	case "":
		a.Provider = Twilio
	case Twilio, KORE:
	default:
		panic(fmt.Sprintf("twiliotest: provider %q", a.Provider))
	}
	if a.Currency == "" {
		a.Currency = "USD"
	}
	if a.Status == "" {
		a.Status = "active"
	}
	if a.SIMs == 0 {
		a.SIMs = 25
	}
	if a.Fleets == 0 {
		a.Fleets = 3
	}
	if a.SIMs < 0 || a.Fleets < 0 {
		panic("twiliotest: a negative number of SIMs or fleets; an empty SIMList makes an empty world")
	}
	return a
}
