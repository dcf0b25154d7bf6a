package exporter_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	plannedPerHour = `twilio_exporter_api_requests_planned_per_hour{account="a"}`
	budgetPerHour  = `twilio_exporter_api_requests_budget_per_hour{account="a"}`
)

// mostInAnHour counts the requests of the busiest hour.
func mostInAnHour(s *twiliotest.Simulator) (most int) {
	log := s.Log()
	slices.SortFunc(log, func(a, b twiliotest.Request) int { return a.Start.Compare(b.Start) })
	first := 0
	for i, r := range log {
		for !log[first].Start.After(r.Start.Add(-time.Hour)) {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// pollCounts are the polls of account a since they were counted last.
func (p *process) pollCounts(before map[string]float64) map[string]int {
	counts := make(map[string]int)
	have := p.gather()
	for _, name := range exporter.CollectorNames() {
		series := pollSeries("twilio_exporter_polls_total", "a", name)
		if n := have[series] - before[series]; n > 0 {
			counts[name] = int(n)
		}
	}
	maps.Copy(before, have)
	return counts
}

// TestBudget: where the polls of an account take more than its budget, collectors poll
// less often, in their order and as much as necessary; metrics and one warning say so.
func TestBudget(t *testing.T) {
	for _, x := range []struct {
		limit int
		want  map[string]int // polls in six hours
		text  string         // in the warning
	}{
		{0, map[string]int{"supersim_usage": 24, "supersim_inventory": 36, "account_usage": 24, "account_balance": 72}, ""},
		{79, map[string]int{"supersim_usage": 24, "supersim_inventory": 36, "account_usage": 24, "account_balance": 72}, ""},
		{70, map[string]int{"supersim_usage": 24, "supersim_inventory": 36, "account_usage": 24, "account_balance": 24}, `"account_balance 15m"`},
		{60, map[string]int{"supersim_usage": 24, "supersim_inventory": 18, "account_usage": 24, "account_balance": 3},
			`"account_balance 2h, supersim_inventory 20m"`},
		{36, map[string]int{"supersim_usage": 21, "supersim_inventory": 3, "account_usage": 3, "account_balance": 3},
			`"account_balance 2h, supersim_inventory 2h, account_usage 2h, supersim_usage by sim 2h, supersim_usage by fleet 30m"`},
	} {
		t.Run(fmt.Sprint(x.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-15 09:59:00")
				s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{many(5)}})
				p := launch(t, fmt.Sprintf("accounts:%sapi: {max_requests_per_hour: %d}%s", twilioAccount, x.limit, only("supersim_usage: {}",
					"supersim_inventory: {interval: 10m}", "account_usage: {interval: 15m}", "account_balance: {interval: 5m}")),
					map[string]*twiliotest.Simulator{"a": s}, spread)
				defer p.stop()
				until(t, "2004-03-15 14:00:00") // the first hours are dearer: there is one poll more of each
				counts := p.gather()
				s.ResetCounts()
				until(t, "2004-03-15 20:00:00")
				if have := p.pollCounts(counts); !maps.Equal(have, x.want) {
					t.Errorf("want %v polls in six hours, have %v", x.want, have)
				}
				have := p.gather()
				if have[plannedPerHour] != 79 || have[budgetPerHour] != float64(x.limit) {
					t.Errorf("want 79 planned of %d, have %v of %v", x.limit, have[plannedPerHour], have[budgetPerHour])
				}
				if _, ok := have[budgetPerHour]; ok != (x.limit > 0) {
					t.Errorf("there is a budget: %t", ok)
				}
				if most := mostInAnHour(s); x.limit > 0 && most > x.limit {
					t.Errorf("want at most %d requests in an hour, have %d", x.limit, most)
				}
				var warnings []string
				for _, line := range p.logged("warn") {
					if strings.Contains(line, "max_requests_per_hour") {
						warnings = append(warnings, line)
					}
				}
				if x.text == "" && len(warnings) > 0 || x.text != "" && (len(warnings) != 1 || !strings.Contains(warnings[0], x.text)) {
					t.Errorf("want one warning with %q, have %q", x.text, warnings)
				}
			})
		})
	}
}

// TestBudgetLeavesGroupsOut: a group that is left out shows what was read last, and up to
// when that counts. Over a restart with storage it does so, too.
func TestBudgetLeavesGroupsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-15 09:59:00")
		busy := many(5)
		busy.Usage = func(twiliotest.SIM, time.Time) []twiliotest.Segment {
			return []twiliotest.Segment{{Upload: 1, Download: 2}}
		}
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{busy}})
		yaml := "accounts:" + twilioAccount + "api: {max_requests_per_hour: 36}\nstorage: {path: " + t.TempDir() + "}" + only("supersim_usage: {}",
			"supersim_inventory: {interval: 10m}", "account_usage: {interval: 15m}", "account_balance: {interval: 5m}")
		p := launch(t, yaml, map[string]*twiliotest.Simulator{"a": s}, spread)
		defer func() { p.stop() }()
		ends := func(group string) string {
			var all []string
			for _, metric := range []string{"usage_end", "cost_end", "hour_end"} {
				end := p.gather()[fmt.Sprintf(`twilio_supersim_%s_timestamp_seconds{account="a",group=%q}`, metric, group)]
				all = append(all, time.Unix(int64(end), 0).UTC().Format("15:04"))
			}
			return strings.Join(all, " ")
		}
		ofSIMs := func() map[string]float64 {
			all := p.gather()
			maps.DeleteFunc(all, func(name string, _ float64) bool { return !strings.HasPrefix(name, "twilio_supersim_sim_") })
			return all
		}
		until(t, "2004-03-15 14:30:00")
		before := ofSIMs()
		check := func(group, want string) {
			t.Helper()
			if have := ends(group); have != want {
				t.Errorf("%s: by %s, usage, cost and hour end at %s, want %s", stamp(), group, have, want)
			}
		}
		check("sim", "14:00 14:00 13:00")
		until(t, "2004-03-15 15:50:00")
		check("account", "15:00 15:00 14:00")
		check("fleet", "15:00 15:00 14:00")
		check("sim", "14:00 14:00 13:00")
		if now := ofSIMs(); len(now) < 20 || !maps.Equal(now, before) {
			t.Errorf("samples by SIM have changed, or there are none: %d", len(now))
		}
		p.kill()
		p = launch(t, yaml, map[string]*twiliotest.Simulator{"a": s}, spread)
		check("account", "15:00 15:00 14:00")
		check("sim", "14:00 14:00 13:00")
		until(t, "2004-03-15 16:30:00")
		check("account", "16:00 16:00 15:00")
		check("sim", "16:00 16:00 15:00")
		if now := ofSIMs(); maps.Equal(now, before) {
			t.Error("samples by SIM have not changed")
		}
	})
}

// TestBudgetWithoutInventory: groups are left out where there is no inventory, too.
func TestBudgetWithoutInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-15 09:59:00")
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{many(5)}})
		p := launch(t, "accounts:"+twilioAccount+"api: {max_requests_per_hour: 32}"+only("supersim_usage: {}"), map[string]*twiliotest.Simulator{"a": s}, spread)
		defer p.stop()
		until(t, "2004-03-15 14:00:00")
		s.ResetCounts()
		until(t, "2004-03-15 20:00:00")
		// Two listings by SIM every two hours or a little later, and three of the account in
		// most quarters of an hour.
		if lists := countLists(s); lists["sim"] < 4 || lists["sim"] > 6 || lists["account"] < 50 {
			t.Errorf("have %v", lists)
		}
	})
}

// TestBudgetIsABound: whatever fails and is repeated, there are no more requests in any
// hour, but for polls at the edges of a month, which come when they must.
func TestBudgetIsABound(t *testing.T) {
	for _, kind := range []twiliotest.FaultKind{twiliotest.ServerError, twiliotest.RateLimit, twiliotest.Reset, twiliotest.Redirect, twiliotest.Truncate} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				noon(t)
				s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", SIMs: 5}}})
				p := launch(t, "accounts:"+twilioAccount+often+"max_age: 3h\n", map[string]*twiliotest.Simulator{"a": s}, spread)
				p.stop()
				s.Inject(twiliotest.Fault{Kind: kind})
				s.ResetCounts()
				const limit = 40
				p = launch(t, "accounts:"+twilioAccount+strings.Replace(often, "max_retries: 2", "max_retries: 20, max_requests_per_hour: 40", 1)+"max_age: 3h\n",
					map[string]*twiliotest.Simulator{"a": s}, spread)
				defer p.stop()
				until(t, "2004-03-15 18:00:00")
				if most := mostInAnHour(s); most > limit || most < limit*3/4 {
					t.Errorf("want at most %d requests in an hour, and about as many, have %d", limit, most)
				}
				s.ClearFaults()
				until(t, "2004-03-15 22:00:00")
				for _, status := range p.exporter.Status() {
					if age := time.Since(status.Outcome.LastSuccess); age > 3*time.Hour {
						t.Errorf("the results of %s are %s old", status.Collector, age)
					}
				}
			})
		})
	}
}

// TestBudgetOverRestarts: with storage, processes that follow each other share a budget.
func TestBudgetOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", SIMs: 5}}})
		const limit = 60
		yaml := "accounts:" + twilioAccount + fmt.Sprintf("api: {max_requests_per_hour: %d}\nstorage: {path: %s}", limit, t.TempDir()) +
			only("supersim_usage: {}", "supersim_inventory: {}", "account_usage: {}", "account_balance: {}")
		for range 24 {
			p := launch(t, yaml, map[string]*twiliotest.Simulator{"a": s}, spread)
			time.Sleep(5 * time.Minute)
			p.stop()
		}
		if most := mostInAnHour(s); most > limit || most < limit/2 {
			t.Errorf("want at most %d requests in an hour, have %d", limit, most)
		}
	})
}

// TestBudgetLetsEdgesPass: at the edges of a month, usage is polled although nothing is
// left of the budget.
func TestBudgetLetsEdgesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 22:20:00")
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", SIMs: 5}}})
		p := launch(t, "accounts:"+twilioAccount+only("supersim_usage: {interval: 1h, groups: [account]}")+"api: {max_requests_per_hour: 10}\n",
			map[string]*twiliotest.Simulator{"a": s}, spread)
		defer p.stop()
		for _, edge := range []string{"2004-03-01 01:45:00", "2004-03-01 02:00:00", "2004-03-01 02:15:00"} {
			at := date(strings.TrimSuffix(edge, ":00"))
			time.Sleep(time.Until(at.Add(-5 * time.Minute)))
			s.Inject(twiliotest.Fault{Kind: twiliotest.ServerError})
			if err := p.tryReload("accounts:" + twilioAccount + only(fmt.Sprintf("supersim_usage: {interval: 1h, hour_delay: %dm, groups: [account]}", at.Minute())) + "api: {max_requests_per_hour: 10, max_retries: 50}\n"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(at.Add(-time.Second)))
			s.ClearFaults()
			until(t, edge)
			polled := false
			for _, r := range s.Log() {
				polled = polled || r.Start.Equal(at)
			}
			if !polled {
				t.Errorf("want a poll at %s; have requests at %v", edge, starts(s, twiliotest.UsageRecords))
			}
		}
	})
}
