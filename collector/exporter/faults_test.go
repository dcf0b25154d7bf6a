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

// results leaves out what is about the exporter itself.
func (p *process) results() map[string]float64 {
	p.t.Helper()
	have := p.gather()
	for name := range have {
		// Those that describe a listing as it was read have tests of their own.
		for _, prefix := range []string{
			"twilio_exporter_", "promhttp_", "twilio_supersim_unattributed_", "twilio_supersim_fleet_sims", "twilio_supersim_sim_scheduled_",
		} {
			if strings.HasPrefix(name, prefix) {
				delete(have, name)
			}
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
	p.wantResults(before, change, "")
}

// wantPolls wants every collector to have polled as often, and the last poll of one to
// have failed, unless the reason is empty.
func (p *process) wantPolls(n int, account, name, reason string) {
	p.t.Helper()
	p.wantOutcomes(n, column{account: account, polls: []string{name}}, reason)
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
