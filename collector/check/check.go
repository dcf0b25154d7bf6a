// Package check finds out, before anything is polled, whether each API of each account
// works, and what polling it will take.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Report is what the check of all accounts found. Its JSON keys are part of the
// command's interface.
type Report struct {
	OK       bool      `json:"ok"` // everything that is polled works
	Accounts []Account `json:"accounts"`
	Probe    []Answer  `json:"probe"` // empty unless Options.Probe is set
}

// Account is what the check of one account found.
type Account struct {
	Name       string `json:"name"`
	Provider   string `json:"provider"`
	AccountSID string `json:"account_sid"` // may be empty at KORE
	APIs       []API  `json:"apis"`
	SIMs       int    `json:"sims"`   // 0 if they could not be listed
	Fleets     int    `json:"fleets"` // likewise
	Plan       Plan   `json:"plan"`

	notProbed bool // although it was to be: its usage cannot be read
}

// API is how one resource of the APIs responded.
type API struct {
	API     twilio.Endpoint `json:"api"`
	OK      bool            `json:"ok"`
	Status  int             `json:"status"` // HTTP status; 0: no response
	Code    int             `json:"code"`   // Twilio's error code; 0: none
	Message string          `json:"message"`
	// Advice is what to do where it does not work, or where polls of it will not go as
	// configured.
	Advice string `json:"advice"`
	// Latency is that of the first request, in seconds.
	Latency float64 `json:"latency_seconds"`

	reason twilio.Reason // why it does not work
}

// Plan is what polling will take: an estimate.
type Plan struct {
	RequestsPerHour float64 `json:"requests_per_hour"`
	RequestsPerDay  float64 `json:"requests_per_day"`
	Series          int     `json:"series"`
	MemoryBytes     int64   `json:"memory_bytes"`
}

// A Dialer makes the client of an account. Its requests go through the transport that
// wrap returns.
type Dialer func(a config.Account, wrap func(http.RoundTripper) http.RoundTripper, observer twilio.Observer) (*twilio.Client, error)

// Options configure a check.
type Options struct {
	Config *config.Config // its accounts in this shard, and the subaccounts that are found
	Dial   Dialer
	// Probe also finds out how the APIs behave where their documentation is silent.
	Probe bool
	// ProbeWait is the time between two listings that show how late usage is.
	ProbeWait time.Duration
	// Waiting is called before such a wait with its time; it may be nil.
	Waiting func(time.Duration)
}

// accountsAtOnce are checked at a time.
const accountsAtOnce = 10

// Run checks the accounts. An error is one of making a client, or the end of the context;
// what an API refuses is part of the report.
func Run(ctx context.Context, o Options) (Report, error) {
	report := Report{OK: true, Accounts: []Account{}, Probe: []Answer{}}
	accounts := o.Config.AllAccounts()
	families, found := make([][]Account, len(accounts)), make([]*probe, len(accounts))
	err := concurrently(ctx, len(accounts), func(ctx context.Context, i int) (err error) {
		families[i], found[i], err = checkFamily(ctx, accounts[i], o)
		return err
	})
	report.Accounts = append(report.Accounts, slices.Concat(families...)...)
	probes := slices.DeleteFunc(found, func(p *probe) bool { return p == nil })
	if err == nil && len(probes) > 0 {
		err = ask(ctx, o, probes)
	}
	if err != nil {
		return Report{}, err
	}
	for _, a := range report.Accounts {
		report.OK = report.OK && a.works()
	}
	for _, p := range probes {
		report.Probe = append(report.Probe, p.answers...)
	}
	return report, nil
}

// concurrently calls a function for each number below n, for some of them at a time.
func concurrently(ctx context.Context, n int, f func(context.Context, int) error) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for i := range n {
		group.Go(func() error { return f(groupCtx, i) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// checkFamily checks an account and the subaccounts that are found, as far as this shard
// polls them, and makes the account's probe.
func checkFamily(ctx context.Context, a config.Account, o Options) ([]Account, *probe, error) {
	serves := o.Config.Serves(a.Name)
	if !serves {
		if !a.Subaccounts.Enabled {
			return nil, nil, nil
		}
		a.Collectors = config.Collectors{AccountUsage: a.Collectors.AccountUsage} // for subaccounts
		a.Collectors.AccountUsage.Enabled = false
		o.Probe = false // the other shard does
	}
	var listed []twilio.Account
	own, p, err := checkAccount(ctx, a, &listed, o)
	if err != nil || len(listed) == 0 {
		return []Account{own}, p, err
	}
	redactor := twilio.NewRedactor(a.Secrets(ctx, new(config.Files))...)
	subaccounts, _ := collector.SelectSubaccounts(o.Config, a, listed, redactor.Redact)
	subaccounts = slices.DeleteFunc(subaccounts, func(s config.Account) bool { return !o.Config.ServesSubaccount(a.Name, s.AccountSID) })
	o.Probe = false // of subaccounts, there is no usage of SIMs
	found := make([]Account, len(subaccounts))
	err = concurrently(ctx, len(subaccounts), func(ctx context.Context, i int) (err error) {
		found[i], _, err = checkAccount(ctx, subaccounts[i], nil, o)
		return err
	})
	return append([]Account{own}, found...), p, err
}

// checkAccount checks one account, lists its subaccounts, and makes its probe if there is
// to be one and usage can be read.
func checkAccount(ctx context.Context, a config.Account, subaccounts *[]twilio.Account, o Options) (Account, *probe, error) {
	seen := newTraffic()
	record := new(recorder)
	client, err := o.Dial(a, func(next http.RoundTripper) http.RoundTripper { return record.wrap(seen.wrap(next)) }, seen)
	if err != nil {
		return Account{}, nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	r := Account{Name: a.Name, Provider: string(a.Provider), AccountSID: a.AccountSID, APIs: []API{}}
	size := collector.Size{Currencies: 1}
	for _, api := range apis(a, client, &r, &size, subaccounts) {
		err := api.ask(ctx)
		if ctx.Err() != nil {
			return r, nil, ctx.Err()
		}
		r.APIs = append(r.APIs, result(a, api.endpoint, err, seen))
	}
	plan := collector.NewPlan(a.Provider, a.Collectors, size)
	r.Plan = Plan{plan.RequestsPerHour, plan.RequestsPerDay, plan.Series, plan.MemoryBytes}
	r.advise(a, o.Config.API(), client, plan, seen)
	if !o.Probe {
		return r, nil, nil
	}
	if !r.reads(twilio.EndpointUsageRecords) {
		r.notProbed = true
		return r, nil, nil
	}
	return r, newProbe(a, o, client, record, time.Now()), nil
}

// works reports whether everything that is polled does.
func (a Account) works() bool {
	return !slices.ContainsFunc(a.APIs, func(api API) bool { return !api.OK })
}

// reads reports whether an API was asked and works.
func (a Account) reads(endpoint twilio.Endpoint) bool {
	return slices.ContainsFunc(a.APIs, func(api API) bool { return api.API == endpoint && api.OK })
}

// request is the smallest one that shows whether a resource can be read.
type request struct {
	endpoint twilio.Endpoint
	ask      func(context.Context) error
}

// apis are the resources that the account's collectors read. They also list its
// subaccounts.
func apis(a config.Account, client *twilio.Client, r *Account, size *collector.Size, subaccounts *[]twilio.Account) []request {
	var all []request
	on := a.Collectors
	if on.SuperSIMInventory.Enabled || on.SuperSIMUsage.Enabled { // data limits need the inventory
		all = append(all,
			request{twilio.EndpointFleets, func(ctx context.Context) (err error) {
				r.Fleets, err = count(client.Fleets(ctx), nil)
				size.Fleets = r.Fleets
				return err
			}},
			request{twilio.EndpointSims, func(ctx context.Context) (err error) {
				r.SIMs, err = count(client.Sims(ctx), func(s twilio.Sim) { r.AccountSID = cmp.Or(r.AccountSID, s.AccountSID) })
				size.SIMs = r.SIMs
				return err
			}},
			request{twilio.EndpointNetworks, func(ctx context.Context) error { return first(client.Networks(ctx)) }})
	}
	if on.SuperSIMUsage.Enabled {
		all = append(all, request{twilio.EndpointUsageRecords, func(ctx context.Context) error {
			return usage(ctx, client, time.Now().UTC(), size)
		}})
	}
	if !a.Provider.HasAccountAPI() {
		return all
	}
	if a.Subaccounts.Enabled {
		all = append(all, request{twilio.EndpointAccounts, func(ctx context.Context) (err error) {
			*subaccounts, _, err = collector.Subaccounts(ctx, &collector.Account{Client: client})
			return err
		}})
	}
	if on.AccountUsage.Enabled {
		all = append(all, request{twilio.EndpointMonthlyUsage, func(ctx context.Context) error {
			now := time.Now().UTC()
			return first(client.MonthlyUsages(ctx, twilio.MonthlyUsageParams{
				Category: twilio.CategoryTotalPrice, StartDate: now, EndDate: now, Paging: twilio.Paging{PageSize: 1},
			}))
		}})
	}
	if on.AccountBalance.Enabled {
		all = append(all, request{twilio.EndpointBalance, func(ctx context.Context) error {
			if _, err := client.Balance(ctx); !twilio.IsNotFound(err) {
				return err
			}
			return nil // a subaccount, which has none
		}})
	}
	return all
}

// usage lists what was used this month, up to the last whole hour, by network and by
// country, as polls do.
func usage(ctx context.Context, client *twilio.Client, now time.Time, size *collector.Size) error {
	end := now.Truncate(time.Hour)
	start := time.Date(end.Year(), end.Month(), 1, 0, 0, 0, 0, time.UTC)
	if start.Equal(end) { // the month has no whole hour yet
		start = end.Add(-time.Hour)
	}
	for _, by := range []struct {
		group twilio.Group
		n     *int
	}{{twilio.GroupNetwork, &size.Networks}, {twilio.GroupIsoCountry, &size.Countries}} {
		keys := make(map[string]bool)
		_, err := count(client.UsageRecords(ctx, twilio.UsageRecordsParams{
			Group: by.group, Granularity: twilio.GranularityAll, StartTime: start, EndTime: end,
		}), func(u twilio.UsageRecord) { keys[u.NetworkSID+u.IsoCountry] = true })
		if err != nil {
			return err
		}
		*by.n = len(keys)
	}
	return nil
}

// count reads a listing to its end.
func count[T any](list iter.Seq2[T, error], visit func(T)) (n int, err error) {
	for record, err := range list {
		if err != nil {
			return 0, err
		}
		if n++; visit != nil {
			visit(record)
		}
	}
	return n, nil
}

// first reads the first page of a listing.
func first[T any](list iter.Seq2[T, error]) error {
	for _, err := range list {
		return err
	}
	return nil
}

// result says how a resource responded.
func result(a config.Account, endpoint twilio.Endpoint, err error, seen *traffic) API {
	api := API{API: endpoint, OK: err == nil, Status: seen.status(endpoint), Latency: seen.latency(endpoint).Seconds()}
	if err == nil {
		return api
	}
	api.reason, api.Message = twilio.ReasonOf(err), err.Error()
	if e, ok := errors.AsType[*twilio.APIError](err); ok { // perhaps of the token
		api.Status, api.Code = e.Status, e.Code
	}
	api.Advice = adviceOn(a, endpoint, err)
	return api
}
