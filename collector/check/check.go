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
	"sync"
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
	Probe    []Answer  `json:"probe,omitempty"` // if Options.Probe is set
}

// Account is what the check of one account found.
type Account struct {
	Name       string   `json:"name"`
	Provider   string   `json:"provider"`
	AccountSID string   `json:"account_sid"` // may be empty at KORE
	APIs       []API    `json:"apis"`
	SIMs       int      `json:"sims"`   // 0 if they could not be listed
	Fleets     int      `json:"fleets"` // likewise
	Plan       Plan     `json:"plan"`
	Advice     []string `json:"advice,omitempty"` // on the account as a whole

	answers []Answer
}

// API is how one resource of the APIs responded.
type API struct {
	API     twilio.Endpoint `json:"api"`
	OK      bool            `json:"ok"`
	Status  int             `json:"status"` // HTTP status; 0: no response
	Code    int             `json:"code"`   // Twilio's error code; 0: none
	Message string          `json:"message"`
	Advice  string          `json:"advice"`
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
	Accounts []config.Account
	API      config.API
	Dial     Dialer
	// Probe also finds out how the APIs behave where their documentation is silent.
	Probe bool
	// ProbeWait is the time between two listings that show how late usage is.
	ProbeWait time.Duration
}

// accountsAtOnce are checked at a time.
const accountsAtOnce = 10

// Run checks the accounts. An error is one of making a client; what an API refuses is
// part of the report.
func Run(ctx context.Context, o Options) (Report, error) {
	report := Report{OK: true, Accounts: make([]Account, len(o.Accounts))}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(accountsAtOnce)
	for i, a := range o.Accounts {
		group.Go(func() (err error) {
			if report.Accounts[i], err = checkAccount(ctx, a, o); err != nil {
				return fmt.Errorf("account %q: %w", a.Name, err)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	for _, a := range report.Accounts {
		for _, api := range a.APIs {
			report.OK = report.OK && api.OK
		}
		report.Probe = append(report.Probe, a.answers...)
	}
	return report, err
}

func checkAccount(ctx context.Context, a config.Account, o Options) (Account, error) {
	seen := newTraffic()
	record := new(recorder)
	client, err := o.Dial(a, func(next http.RoundTripper) http.RoundTripper { return record.wrap(seen.wrap(next)) }, seen)
	if err != nil {
		return Account{}, err
	}
	r := Account{Name: a.Name, Provider: string(a.Provider), AccountSID: a.AccountSID}
	size := collector.Size{Currencies: 1}
	for _, api := range apis(a, client, &r, &size) {
		err := api.ask(ctx)
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.APIs = append(r.APIs, result(a, api.endpoint, err, seen.latency(api.endpoint)))
	}
	plan := collector.NewPlan(a.Provider, a.Collectors, size)
	r.Plan = Plan{plan.RequestsPerHour, plan.RequestsPerDay, plan.Series, plan.MemoryBytes}
	r.Advice = advice(a, o.API, client, plan, seen)
	if o.Probe && r.reads(twilio.EndpointUsageRecords) {
		r.answers, err = newProbe(a, o, client, record, time.Now()).run(ctx)
	}
	return r, err
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

// apis are the resources that the account's collectors read.
func apis(a config.Account, client *twilio.Client, r *Account, size *collector.Size) []request {
	var all []request
	on := a.Collectors
	if on.SuperSIMInventory.Enabled || on.SuperSIMUsage.Enabled || on.SuperSIMDataLimits.Enabled {
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
		all = append(all, request{twilio.EndpointAccounts, func(ctx context.Context) error { return first(client.Accounts(ctx)) }})
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
	for group, n := range map[twilio.Group]*int{twilio.GroupNetwork: &size.Networks, twilio.GroupIsoCountry: &size.Countries} {
		keys := make(map[string]bool)
		_, err := count(client.UsageRecords(ctx, twilio.UsageRecordsParams{
			Group: group, Granularity: twilio.GranularityAll, StartTime: start, EndTime: end,
		}), func(u twilio.UsageRecord) { keys[u.NetworkSID+u.IsoCountry] = true })
		if err != nil {
			return err
		}
		*n = len(keys)
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
func result(a config.Account, endpoint twilio.Endpoint, err error, latency time.Duration) API {
	api := API{API: endpoint, OK: err == nil, Latency: latency.Seconds()}
	if err == nil {
		api.Status = http.StatusOK
		return api
	}
	api.reason, api.Message = twilio.ReasonOf(err), err.Error()
	if e, ok := errors.AsType[*twilio.APIError](err); ok {
		api.Status, api.Code = e.Status, e.Code
	} else if _, ok := errors.AsType[*twilio.ResponseError](err); ok {
		api.Status = http.StatusOK
	}
	api.Advice = adviceOn(a, endpoint, err)
	return api
}

// traffic is what requests of one account have shown. It is a twilio.Observer.
type traffic struct {
	mu    sync.Mutex
	first map[twilio.Endpoint]time.Duration
	clock time.Duration // how far the API's clock is ahead of this machine's
	dated bool
}

func newTraffic() *traffic { return &traffic{first: make(map[twilio.Endpoint]time.Duration)} }

// Request implements twilio.Observer.
func (t *traffic) Request(endpoint twilio.Endpoint, _ string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.first[endpoint]; !ok {
		t.first[endpoint] = took
	}
}

// Retry implements twilio.Observer.
func (t *traffic) Retry(twilio.Endpoint, twilio.Reason) {}

func (t *traffic) latency(endpoint twilio.Endpoint) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first[endpoint]
}

// offClock is how far the API's clock is ahead of this machine's, to the second.
func (t *traffic) offClock() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock
}

// wrap reads the header Date of responses.
func (t *traffic) wrap(next http.RoundTripper) http.RoundTripper { return dates{next, t} }

type dates struct {
	next http.RoundTripper
	*traffic
}

// RoundTrip implements http.RoundTripper.
func (d dates) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// It was written between the two moments, and is cut to the second.
		ahead := time.Duration(0)
		if received := time.Now(); date.After(received) {
			ahead = date.Sub(received)
		} else if date.Add(time.Second).Before(sent) {
			ahead = date.Add(time.Second).Sub(sent)
		}
		d.mu.Lock()
		if !d.dated {
			d.dated, d.clock = true, ahead
		}
		d.mu.Unlock()
	}
	return resp, nil
}
