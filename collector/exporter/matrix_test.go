package exporter_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A fault is one row of the matrix. It meets each endpoint in the second of three
// polls, between two good ones.
type fault struct {
	name string
	twiliotest.Fault
	effects effects

	run   func(*testing.T, column, effect) outcomeAt // instead of polls that meet Fault
	paged bool                                       // listings have several pages
	split bool                                       // the API takes Granularity=all only from midnight to midnight
	api   string                                     // more of the configuration's api
	waits time.Duration                              // least wait before each further attempt
}

// effects are what a fault does, by endpoint.
type effects map[twiliotest.Endpoint]effect

// An effect is what a fault does to the poll of one endpoint. The zero value is that it
// does no harm.
type effect struct {
	notApplicable string   // why there is nothing to test; "": it is tested
	reason        string   // of the failure; "": the poll succeeds
	log           []string // parts of the error's text, or of the warning's

	requests  int // of the listing that takes the most; 0: as the reason demands; unlimited: not checked
	decreases int
	warns     bool

	// change is what becomes of a series in the poll, and after what is left of that
	// after a good one; nil: nothing. New series must contain fresh.
	change, after func(series string, v float64) float64
	fresh         string
	note          string // what changes, for the page
}

const unlimited = -1

// retries is max_retries in the matrix.
const retries = 4

// Values of a changed series: there is none, or whatever there is, it is not checked.
var (
	vanished  = math.NaN()
	unchecked = math.Inf(1)
)

// A column is one endpoint of the matrix.
type column struct {
	endpoint twiliotest.Endpoint
	label    twilio.Endpoint
	title    string
	account  string
	polls    []string // collectors that fail with it
	on       string   // configuration of a collector that is on for this column alone
}

// columns are in the order of the page.
func columns() []column {
	inventory := []string{"supersim_inventory"}
	return []column{
		{twiliotest.UsageRecords, twilio.EndpointUsageRecords, "UsageRecords", "a", []string{"supersim_usage"}, ""},
		{twiliotest.Sims, twilio.EndpointSims, "Sims", "a", inventory, ""},
		{twiliotest.Fleets, twilio.EndpointFleets, "Fleets", "a", inventory, ""},
		{twiliotest.Networks, twilio.EndpointNetworks, "Networks", "a", inventory, ""},
		{
			twiliotest.BillingPeriods, twilio.EndpointBillingPeriods, "BillingPeriods", "a", []string{"supersim_data_limits"},
			"supersim_data_limits: {enabled: true, interval: 5m, watch_from: 0.000001}",
		},
		{twiliotest.Monthly, twilio.EndpointMonthlyUsage, "Monthly", "a", []string{"account_usage"}, ""},
		{twiliotest.Balance, twilio.EndpointBalance, "Balance", "a", []string{"account_balance"}, ""},
		{twiliotest.Accounts, twilio.EndpointAccounts, "Accounts", "a", []string{"subaccounts"}, ""},
		{twiliotest.Token, twilio.EndpointToken, "Token", "b", []string{"supersim_usage", "supersim_inventory"}, ""},
	}
}

// sections are the rows of the matrix.
func sections() []section {
	return []section{
		connectionFaults(), slowness(), refusals(), overload(), redirects(),
		malformedBodies(), compression(), sizes(), numbers(), records(), pages(), clocks(), machine(),
	}
}

type section struct {
	title  string
	about  string
	faults []fault
}

// TestFaults is the matrix: each fault at each endpoint, and the page about it.
func TestFaults(t *testing.T) {
	var all []sectionOutcome
	for _, s := range sections() {
		outcome := sectionOutcome{section: s}
		for i, f := range s.faults {
			row := make([]outcomeAt, len(columns()))
			for j, c := range columns() {
				if testing.Short() && (i+j)%len(columns()) != 0 {
					continue // a sample that has each fault and each endpoint
				}
				t.Run(string(c.label)+"/"+f.name, func(t *testing.T) {
					want := f.effects[c.endpoint]
					if want.notApplicable != "" {
						row[j] = outcomeAt{effect: want}
						return
					}
					if f.run != nil {
						row[j] = f.run(t, c, want)
						return
					}
					synctest.Test(t, func(t *testing.T) { row[j] = f.meet(t, c, want) })
				})
			}
			outcome.rows = append(outcome.rows, row)
		}
		all = append(all, outcome)
	}
	if !testing.Short() && !t.Failed() {
		golden(t, "../../twilio/FAULTS.md", faultsPage(all))
	}
}

// TestEveryFaultHasItsRow: a kind of fault that the simulator has is in the matrix.
func TestEveryFaultHasItsRow(t *testing.T) {
	kinds := make(map[twiliotest.FaultKind]bool)
	for _, s := range sections() {
		for _, f := range s.faults {
			kinds[f.Kind] = true
		}
	}
	for _, kind := range twiliotest.FaultKinds() {
		if !kinds[kind] {
			t.Errorf("no row of the matrix has the fault %q", kind)
		}
	}
}

// outcomeAt is what was observed of a fault at an endpoint.
type outcomeAt struct {
	effect
	column
	made        int           // requests of the listing that took the most
	took        time.Duration // of the poll, with waits
	err, advice string        // as logged; "" for a good poll
}

// meet runs one cell: polls at 12:02, 12:07 with the fault, and 12:12 without.
func (f fault) meet(t *testing.T, c column, want effect) outcomeAt {
	noon(t)
	options := twiliotest.Options{TokenLifetime: 4 * time.Minute, Readings: twiliotest.Readings{AllNeedsMidnight: f.split}}
	if f.paged {
		options.MaxPageSize = 1
	}
	simulators := handMadeAs(options)
	counter := newRequestCounter(c.endpoint)
	cfg := strings.Replace(often, "max_retries: 2", fmt.Sprintf("max_retries: %d", retries)+f.api, 1)
	if c.on != "" {
		cfg = strings.Replace(cfg, "collectors:\n", "collectors:\n  "+c.on+"\n", 1)
	}
	accounts := bothAccounts
	if c.endpoint == twiliotest.Accounts {
		accounts = withParent(accounts)
	}
	p := start(t, parse(t, accounts+cfg),
		log.NewJSONLogger, inMemory(func(account string) http.RoundTripper {
			name, _, _ := strings.Cut(account, "/") // a subaccount is served with its parent
			if name == c.account {
				return counter.wrap(simulators[name].Transport())
			}
			return simulators[name].Transport()
		}), func(o *exporter.Options) { o.DiscoveryInterval = 5 * time.Minute })
	defer p.stop()
	until(t, "2004-03-15 12:04:00")
	good := p.results()
	before := p.requestsOf(c)
	counter.reset()
	inject := f.Fault
	inject.Endpoint = c.endpoint
	simulators[c.account].Inject(inject)

	until(t, "2004-03-15 12:11:30") // polls were due at 12:07
	p.wantResults(good, p.changeOf(c, want.change), want.fresh)
	p.wantOutcomes(2, c, want.reason)
	if have := p.requestsOf(c) - before; have != float64(counter.total) {
		t.Errorf("%d requests were sent, %v are counted", counter.total, have)
	}
	out := outcomeAt{effect: want, column: c, made: counter.most(), took: p.pollDuration(c)}
	f.wantRequests(t, c, want, out)
	out.err, out.advice = p.wantLog(c, want)
	for _, collector := range c.polls {
		p.want(map[string]float64{pollSeries("twilio_exporter_usage_decreases_total", c.account, collector): float64(want.decreases)})
	}

	simulators[c.account].ClearFaults()
	until(t, "2004-03-15 12:16:30") // the polls at 12:12 are over
	p.wantResults(good, p.changeOf(c, want.after), want.fresh)
	for _, poll := range c.allPolls() {
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): 1,
			pollSeries("twilio_exporter_polls_total", poll[0], poll[1]):  3,
		})
	}
	for _, secret := range []string{"token-a", "secret-b", strings.TrimPrefix(basic(sidA, "token-a"), "Basic ")} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log has the secret %q: %q", secret, out.err)
		}
	}
	return out
}
