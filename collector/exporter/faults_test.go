package exporter_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// often is how tests of faults poll: all at the same pace, and not patient.
const often = `
collectors:
  supersim_usage: {interval: 5m}
  supersim_inventory: {interval: 5m}
  account_usage: {interval: 5m}
  account_balance: {interval: 5m}
api: {timeout: 2s, max_retries: 2}
`

// polls are those of the two accounts.
func polls() [][2]string {
	return [][2]string{
		{"a", "supersim_usage"}, {"a", "supersim_inventory"}, {"a", "account_usage"}, {"a", "account_balance"},
		{"b", "supersim_usage"}, {"b", "supersim_inventory"},
	}
}

func endpoints(name string) []twiliotest.Endpoint {
	switch name {
	case "supersim_usage":
		return []twiliotest.Endpoint{twiliotest.UsageRecords}
	case "supersim_inventory":
		return []twiliotest.Endpoint{twiliotest.Sims, twiliotest.Fleets, twiliotest.Networks}
	case "account_usage":
		return []twiliotest.Endpoint{twiliotest.Monthly}
	default:
		return []twiliotest.Endpoint{twiliotest.Balance}
	}
}

// results leaves out what is about the exporter itself.
func (p *process) results() map[string]float64 {
	p.t.Helper()
	have := p.gather()
	for name := range have {
		if strings.HasPrefix(name, "twilio_exporter_") || strings.HasPrefix(name, "promhttp_") {
			delete(have, name)
		}
	}
	return have
}

// logged are the lines of a level.
func (p *process) logged(level string) []string {
	var lines []string
	for line := range strings.Lines(p.log.String()) {
		if strings.HasPrefix(line, "level="+level+" ") || strings.Contains(line, " level="+level+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// an effect is what a fault does to the polls of one collector.
type effect struct {
	reason    string   // of the failure; "": the poll succeeds
	log       []string // parts of the line about it
	decreases int
	// change is what becomes of a series if not what it was; NaN: gone.
	change func(name string, v float64) float64
}

func fails(reason string, log ...string) effect { return effect{reason: reason, log: log} }

// held keeps the counters whatever becomes of the gauges.
func held(gauges func(name string, v float64) float64) func(string, float64) float64 {
	return func(name string, v float64) float64 {
		if family, _, _ := strings.Cut(name, "{"); strings.HasSuffix(family, "_total") {
			return v
		}
		return gauges(name, v)
	}
}

// gone drops gauges that hold a number of one of the collectors.
func gone(parts ...string) func(string, float64) float64 {
	return held(func(name string, v float64) float64 {
		for _, part := range parts {
			// What was silent in the hour has no record to spoil.
			if strings.Contains(name, part) && !(part == "_hour_" && v == 0) && !strings.Contains(name, "timestamp") {
				return math.NaN()
			}
		}
		return v
	})
}

// number changes the gauges that hold an amount.
func number(f func(float64) float64) func(string, float64) float64 {
	return held(func(name string, v float64) float64 {
		for _, part := range []string{"_hour_upload", "_hour_download", "twilio_account_usage_cost", "twilio_account_cost", "_previous_month_", "_balance"} {
			if strings.Contains(name, part) {
				return f(v)
			}
		}
		return v
	})
}

const (
	monthlyGauges = "twilio_account_previous_month_"
	monthlyCost   = "twilio_account_usage_cost"
	monthlyTotal  = "twilio_account_cost"
)

// effects tells what a fault does to polls of account a. What is not said is
// that it does no harm.
func effects(kind twiliotest.FaultKind) map[string]effect {
	every := func(e effect) map[string]effect {
		return map[string]effect{"supersim_usage": e, "supersim_inventory": e, "account_usage": e, "account_balance": e}
	}
	// A balance is one record: it has no list, no pages and no duplicates.
	lists := func(e effect) map[string]effect {
		m := every(e)
		delete(m, "account_balance")
		return m
	}
	const request = "(request RQ"
	switch kind {
	case twiliotest.RateLimit:
		return every(fails("rate_limit", "HTTP 429", "code 20429", request))
	case twiliotest.ServerError:
		return every(fails("server", "HTTP 500", "code 20500", request))
	case twiliotest.HTMLError:
		return every(fails("server", "HTTP 502", "HTML", request))
	case twiliotest.Reset:
		return every(fails("network"))
	case twiliotest.Unauthorized:
		return every(fails("authentication", "HTTP 401", "code 20003", request, "advice=", "credentials"))
	case twiliotest.Forbidden:
		return every(fails("permission", "HTTP 403", "code 70051", request))
	case twiliotest.EchoCredentials:
		return every(fails("refused", "HTTP 400", "code 20001", request))
	case twiliotest.Truncate, twiliotest.MalformedJSON:
		return every(fails("truncated"))
	case twiliotest.Slow:
		return every(fails("timeout"))
	case twiliotest.ForeignNext:
		return lists(fails("answer", "attacker.invalid"))
	case twiliotest.LoopNext:
		return lists(fails("answer", "earlier page"))
	case twiliotest.NoList:
		return lists(fails("answer", "missing list ", request))
	case twiliotest.ConflictingDuplicates:
		return lists(fails("answer", "listed twice"))
	case twiliotest.UnreadableNumbers:
		return every(fails("answer", request))
	case twiliotest.NegativeNumbers:
		negative := number(func(v float64) float64 { return -v })
		return map[string]effect{
			"supersim_usage":     fails("answer", "data_upload", request),
			"supersim_inventory": fails("answer", "data_limit", request),
			"account_usage":      {decreases: 5, change: negative}, // sms 2, calls 2, queries 1
			"account_balance":    {change: negative},
		}
	case twiliotest.ShrinkTotals:
		less := number(func(v float64) float64 { return v * 9 / 10 })
		lessBytes := number(func(v float64) float64 { return math.Trunc(v * 9 / 10) })
		// Above 0 are upload and download of the account, of 2 SIMs, of 1 fleet
		// and none, of 2 networks and none, and of 2 countries and none: 22. So
		// are the costs of the account, of 2 SIMs, of 1 fleet and none, of 1
		// network and none and of 1 country and none: 9.
		return map[string]effect{
			"supersim_usage":  {decreases: 22 + 9, change: lessBytes},
			"account_usage":   {decreases: 5, change: less},
			"account_balance": {change: less},
		}
	case twiliotest.NullNumbers:
		return map[string]effect{
			"supersim_usage":     {change: gone("_hour_")},
			"supersim_inventory": {change: gone("_data_limit_")},
			"account_usage":      {change: gone(monthlyGauges, monthlyCost, monthlyTotal)},
			"account_balance":    {change: gone("_balance")},
		}
	case twiliotest.EmptyStrings: // bytes stay
		return map[string]effect{
			"account_usage":   {change: gone(monthlyGauges, monthlyCost, monthlyTotal)},
			"account_balance": {change: gone("_balance")},
		}
	case twiliotest.MissingPeriod:
		return map[string]effect{"account_usage": fails("answer")}
	case twiliotest.UnknownFields, twiliotest.DuplicateRecords, twiliotest.InvalidPageToken:
		return nil // the last is for listings of several pages, below
	}
	panic("no such kind: " + kind)
}

func kinds() []twiliotest.FaultKind {
	return []twiliotest.FaultKind{
		twiliotest.RateLimit, twiliotest.ServerError, twiliotest.HTMLError, twiliotest.Reset, twiliotest.Unauthorized,
		twiliotest.Forbidden, twiliotest.EchoCredentials, twiliotest.InvalidPageToken, twiliotest.Truncate,
		twiliotest.MalformedJSON, twiliotest.ForeignNext, twiliotest.LoopNext, twiliotest.NullNumbers,
		twiliotest.UnreadableNumbers, twiliotest.NegativeNumbers, twiliotest.ShrinkTotals, twiliotest.UnknownFields,
		twiliotest.DuplicateRecords, twiliotest.ConflictingDuplicates, twiliotest.NoList, twiliotest.EmptyStrings,
		twiliotest.MissingPeriod, twiliotest.Slow,
	}
}

// TestFaults spoils the polls of one collector, between two good ones.
func TestFaults(t *testing.T) {
	for _, kind := range kinds() {
		for _, name := range []string{"supersim_usage", "supersim_inventory", "account_usage", "account_balance"} {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testFault(t, kind, name, effects(kind)[name]) })
			})
		}
	}
}

func testFault(t *testing.T, kind twiliotest.FaultKind, name string, want effect) {
	noon(t)
	simulators := handMade()
	p := launch(t, bothAccounts+often, simulators)
	defer p.stop()
	until(t, "2004-03-15 12:04:00")
	good := p.results()
	inject(simulators["a"], twiliotest.Fault{Kind: kind, Account: sidA, Delay: time.Hour}, endpoints(name)...)

	until(t, "2004-03-15 12:08:00") // polls were due at 12:07
	p.wantChanged(good, of(name, want.change))
	p.wantPolls(2, "a", name, want.reason)
	p.want(map[string]float64{pollSeries("twilio_exporter_usage_decreases_total", "a", name): float64(want.decreases)})
	p.wantLogged(name, want)

	simulators["a"].ClearFaults()
	until(t, "2004-03-15 12:13:00")
	p.wantChanged(good, nil)
	p.want(map[string]float64{
		pollSeries("twilio_exporter_poll_success", "a", name):          1,
		pollSeries("twilio_exporter_polls_total", "a", name):           3,
		pollSeries("twilio_exporter_usage_decreases_total", "a", name): float64(want.decreases),
	})
}

// of limits a change to what one collector of account a shows.
func of(name string, change func(string, float64) float64) func(string, float64) float64 {
	if change == nil {
		return nil
	}
	own := make(map[string]bool)
	for _, f := range exporter.FamiliesOf(name) {
		own[f.Name] = true
	}
	return func(series string, v float64) float64 {
		if family, _, _ := strings.Cut(series, "{"); own[family] && strings.Contains(series, `account="a"`) {
			return change(series, v)
		}
		return v
	}
}

func inject(s *twiliotest.Simulator, f twiliotest.Fault, endpoints ...twiliotest.Endpoint) {
	for _, e := range endpoints {
		f.Endpoint = e
		s.Inject(f)
	}
}

func pollSeries(family, account, name string) string {
	return fmt.Sprintf("%s{account=%q,collector=%q}", family, account, name)
}

// wantChanged compares all results with those before.
func (p *process) wantChanged(before map[string]float64, change func(string, float64) float64) {
	p.t.Helper()
	have := p.results()
	for series, v := range before {
		want := v
		if change != nil {
			want = change(series, v)
		}
		now, ok := have[series]
		delete(have, series)
		switch {
		case math.IsNaN(want) && ok:
			p.t.Errorf("%s: %s: want no series, have %v", stamp(), series, now)
		case !math.IsNaN(want) && !ok:
			p.t.Errorf("%s: %s: want %v, have no series", stamp(), series, want)
		case ok && now != want && math.Abs(now-want) > 1e-9*math.Abs(want):
			p.t.Errorf("%s: %s: was %v, want %v, have %v", stamp(), series, v, want, now)
		}
	}
	for series, v := range have {
		p.t.Errorf("%s: %s: a new series, at %v", stamp(), series, v)
	}
}

// wantPolls wants every collector to have polled as often, and the last poll of
// one to have failed, unless the reason is empty.
func (p *process) wantPolls(n int, account, name, reason string) {
	p.t.Helper()
	have := p.gather()
	for _, poll := range polls() {
		failed := poll == [2]string{account, name} && reason != ""
		success := 1.0
		if failed {
			success = 0
		}
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): success,
			pollSeries("twilio_exporter_polls_total", poll[0], poll[1]):  float64(n),
		})
		prefix := strings.TrimSuffix(pollSeries("twilio_exporter_poll_failures_total", poll[0], poll[1]), "}")
		for series, v := range have {
			if !strings.HasPrefix(series, prefix) {
				continue
			}
			want := 0.0
			if failed && strings.HasSuffix(series, fmt.Sprintf(",reason=%q}", reason)) {
				want = 1
			}
			if v != want {
				p.t.Errorf("%s: want %v, have %v", series, want, v)
			}
		}
	}
}

// wantLogged wants one line about the failure, or the held counters, of account a.
func (p *process) wantLogged(name string, want effect) {
	p.t.Helper()
	lines := p.logged("error")
	parts := append([]string{"account=a ", "collector=" + name + " ", "reason=" + want.reason + " ", "advice="}, want.log...)
	if want.reason == "" {
		if len(lines) > 0 {
			p.t.Errorf("want no line of level error, have %q", lines)
		}
		lines, parts = p.logged("warn"), []string{"account=a ", "collector=" + name + " ", "lower than before"}
		if want.decreases == 0 {
			parts = nil
		}
	}
	if parts == nil {
		if len(lines) > 0 {
			p.t.Errorf("want no warning, have %q", lines)
		}
		return
	}
	if len(lines) != 1 {
		p.t.Fatalf("want one line, have %q", lines)
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			p.t.Errorf("want %q in the line %q", part, lines[0])
		}
	}
}

// manyPages is a world in which every listing by SIM, the list of SIMs and the
// account's usage have two pages.
func manyPages() map[string]*twiliotest.Simulator {
	a := twiliotest.Account{SID: sidA, AuthToken: "token-a", Start: date("2004-03-15 00:00")}
	for i := range 1001 {
		a.SIMList = append(a.SIMList, twiliotest.SIM{SID: fmt.Sprintf("HS%032d", i)})
	}
	a.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Equal(date("2004-03-15 10:00")) {
			return []twiliotest.Segment{{Upload: 1, Download: 2, MicroCost: 3}}
		}
		return nil
	}
	a.Monthly = func(month, _ time.Time) (all []twiliotest.MonthlyRecord) {
		for i := range 51 {
			all = append(all, twiliotest.MonthlyRecord{Category: fmt.Sprintf("category-%d", i), Usage: "1", UsageUnit: "units", AsOf: "2004-03-15T11:58:00+00:00"})
		}
		return all
	}
	return map[string]*twiliotest.Simulator{"a": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}})}
}

// TestSecondPages: what befalls a further page befalls the poll.
func TestSecondPages(t *testing.T) {
	series := map[string]string{
		"supersim_usage":     `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="HS00000000000000000000000000001000"}`,
		"supersim_inventory": `twilio_supersim_sim_info{account="a",fleet_sid="",sim_sid="HS00000000000000000000000000001000",status="active",unique_name=""}`,
		"account_usage":      `twilio_account_usage_total{account="a",account_sid="` + sidA + `",category="category-50",unit="units"}`,
	}
	for _, x := range []struct {
		name   string
		fault  twiliotest.Fault
		reason string // "": it does no harm
	}{
		{"no token is good", twiliotest.Fault{Kind: twiliotest.InvalidPageToken}, "refused"},
		{"a token is refused once", twiliotest.Fault{Kind: twiliotest.InvalidPageToken, Times: 1}, ""},
		{"the API fails", twiliotest.Fault{Kind: twiliotest.ServerError, After: 1}, "server"},
		{"the API fails once", twiliotest.Fault{Kind: twiliotest.ServerError, After: 1, Times: 1}, ""},
		{"the API asks to wait once", twiliotest.Fault{Kind: twiliotest.RateLimit, After: 1, Times: 1, RetryAfter: "20"}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				noon(t)
				simulators := manyPages()
				inject(simulators["a"], x.fault, twiliotest.UsageRecords, twiliotest.Sims, twiliotest.Monthly)
				p := launch(t, "accounts:"+twilioAccount+strings.Replace(often, "supersim_usage: {", "supersim_usage: {groups: [sim], ", 1), simulators)
				defer p.stop()
				until(t, "2004-03-15 12:04:00")
				for name, series := range series {
					want := map[string]float64{pollSeries("twilio_exporter_poll_success", "a", name): 1, series: 1}
					if x.reason != "" {
						want = map[string]float64{pollSeries("twilio_exporter_poll_success", "a", name): 0, series: math.NaN()}
						want[fmt.Sprintf("%s{account=%q,collector=%q,reason=%q}", "twilio_exporter_poll_failures_total", "a", name, x.reason)] = 1
					}
					p.want(want)
				}
				simulators["a"].ClearFaults()
				until(t, "2004-03-15 12:08:00")
				for name, series := range series {
					p.want(map[string]float64{pollSeries("twilio_exporter_poll_success", "a", name): 1, series: 1})
				}
			})
		})
	}
}

// TestTokenFaults: without an access token every poll of the account fails, for
// the token endpoint's reason.
func TestTokenFaults(t *testing.T) {
	for kind, reason := range map[twiliotest.FaultKind]string{
		twiliotest.RateLimit:       "rate_limit",
		twiliotest.ServerError:     "server",
		twiliotest.HTMLError:       "server",
		twiliotest.Reset:           "network",
		twiliotest.Unauthorized:    "authentication",
		twiliotest.Forbidden:       "permission",
		twiliotest.EchoCredentials: "refused",
		twiliotest.Truncate:        "truncated",
		twiliotest.MalformedJSON:   "answer",
		twiliotest.Slow:            "timeout",
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				noon(t)
				simulators := handMade()
				inject(simulators["b"], twiliotest.Fault{Kind: kind, Delay: time.Hour}, twiliotest.Token)
				p := launch(t, bothAccounts+often, simulators)
				defer p.stop()
				until(t, "2004-03-15 12:04:00")
				for _, poll := range polls() {
					want := 0.0
					if poll[0] == "b" {
						want = 1
					}
					p.want(map[string]float64{
						pollSeries("twilio_exporter_poll_success", poll[0], poll[1]):                                                          1 - want,
						fmt.Sprintf("%s{account=%q,collector=%q,reason=%q}", "twilio_exporter_poll_failures_total", poll[0], poll[1], reason): want,
					})
				}
				if lines := p.logged("error"); len(lines) != 2 {
					t.Errorf("want two lines of level error, have %q", lines)
				}
				simulators["b"].ClearFaults()
				until(t, "2004-03-15 12:08:00")
				for _, poll := range polls() {
					p.want(map[string]float64{pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): 1})
				}
			})
		})
	}
}

// TestRevokedToken: a token that is refused is replaced without a failure.
func TestRevokedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, bothAccounts+often, simulators)
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		good := p.results()
		simulators["b"].RevokeTokens()
		until(t, "2004-03-15 12:08:00")
		p.wantPolls(2, "", "", "")
		p.wantChanged(good, nil)
		if have := simulators["b"].Tokens(); have != 2 {
			t.Errorf("want 2 tokens to have been given, have %d", have)
		}
	})
}

// TestMaxAge: what is older is shown no more, and comes back with the next good
// poll.
func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, bothAccounts+often+"max_age: 20m\n", simulators)
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		good := p.results()
		inject(simulators["a"], twiliotest.Fault{Kind: twiliotest.Forbidden}, twiliotest.UsageRecords, twiliotest.Balance)

		until(t, "2004-03-15 12:21:50")
		p.wantChanged(good, nil)
		until(t, "2004-03-15 12:22:30")
		vanish := func(_ string, _ float64) float64 { return math.NaN() }
		usage, balance := of("supersim_usage", vanish), of("account_balance", vanish)
		p.wantChanged(good, func(series string, v float64) float64 {
			if v := usage(series, v); math.IsNaN(v) {
				return v
			}
			return balance(series, v)
		})
		p.want(map[string]float64{
			pollSeries("twilio_exporter_poll_success", "a", "supersim_usage"):                        0,
			pollSeries("twilio_exporter_poll_last_success_timestamp_seconds", "a", "supersim_usage"): float64(date("2004-03-15 12:02").UnixMilli()+100) / 1000,
		})
		simulators["a"].ClearFaults()
		until(t, "2004-03-15 12:28:00")
		p.wantChanged(good, nil)
	})
}

// TestHangingAccount: one that never answers holds nobody up, and the end of the
// program either.
func TestHangingAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, bothAccounts+strings.Replace(often, "timeout: 2s", "timeout: 10h", 1), simulators)
		until(t, "2004-03-15 12:04:00")
		good := p.results()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 100 * time.Hour})
		until(t, "2004-03-15 12:58:00")
		p.wantChanged(good, nil)
		for _, poll := range polls() {
			want := 1.0 // the second is under way
			if poll[0] == "b" {
				want = 12 // from 12:02 to 12:57
			}
			p.want(map[string]float64{
				pollSeries("twilio_exporter_polls_total", poll[0], poll[1]):  want,
				pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): 1,
			})
		}
		p.stop()
		if have := stamp(); have != "2004-03-15 12:58:00" {
			t.Errorf("it ended at %s", have)
		}
		if lines := p.logged("error"); len(lines) > 0 {
			t.Errorf("to be stopped is no failure: %q", lines)
		}
	})
}
