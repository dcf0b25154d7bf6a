package exporter_test

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// starts are when requests for an endpoint began, and were the first of a poll.
func starts(s *twiliotest.Simulator, e twiliotest.Endpoint) []string {
	var all []string
	for _, r := range s.Log() {
		if at := r.Start.UTC().Format("15:04:05.0"); r.Endpoint == e && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// TestSchedule: first polls begin a little apart, later ones once in each collector's
// own interval. Where in the interval is TestSpread's.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, bothAccounts+`
collectors:
  supersim_usage: {interval: 10m}
  supersim_inventory: {interval: 20m}
  account_usage: {interval: 15m}
  account_balance: {interval: 30m}
`, simulators)
		defer p.stop()
		until(t, "2004-03-15 12:35:00")
		for _, x := range []struct {
			account  string
			endpoint twiliotest.Endpoint
			want     []string
		}{
			{"a", twiliotest.Sims, []string{"12:02:00.0", "12:22:00.0"}},
			{"a", twiliotest.UsageRecords, []string{"12:02:00.1", "12:12:00.0", "12:22:00.0", "12:32:00.0"}},
			{"a", twiliotest.Monthly, []string{"12:02:00.2", "12:07:00.2", "12:17:00.0", "12:32:00.0"}}, // once more, to compare
			{"a", twiliotest.Balance, []string{"12:02:00.3", "12:32:00.0"}},
			{"b", twiliotest.Sims, []string{"12:02:00.4", "12:22:00.0"}},
			{"b", twiliotest.UsageRecords, []string{"12:02:00.5", "12:12:00.0", "12:22:00.0", "12:32:00.0"}},
			{"b", twiliotest.Monthly, nil},
			{"b", twiliotest.Balance, nil},
		} {
			if have := starts(simulators[x.account], x.endpoint); !slices.Equal(have, x.want) {
				t.Errorf("%s of %s: want requests at %v, have them at %v", x.endpoint, x.account, x.want, have)
			}
		}
	})
}

// TestWholeHours: the account's hours are read at whole hours, too, unless the last poll
// failed. It is no poll: it counts as none, and nobody hears of it if it fails.
func TestWholeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, "accounts:"+twilioAccount+only("supersim_usage: {groups: [account], interval: 20m}"), simulators)
		defer p.stop()
		until(t, "2004-03-15 13:10:00")
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
		until(t, "2004-03-15 14:10:00")
		simulators["a"].ClearFaults()
		until(t, "2004-03-15 14:59:00")
		before := p.gather()
		for _, fault := range []twiliotest.Fault{{Kind: twiliotest.Forbidden}, {Kind: twiliotest.Slow, Delay: 90 * time.Second}} {
			hour := time.Now().Truncate(time.Hour).Add(time.Hour)
			simulators["a"].Inject(fault)
			time.Sleep(time.Until(hour.Add(61 * time.Second))) // when it has been given up
			simulators["a"].ClearFaults()
			after := p.gather()
			for series, v := range before {
				if !strings.Contains(series, "api_request") && !strings.Contains(series, "api_retries") && after[series] != v {
					t.Errorf("%s: %s was %v and is %v", stamp(), series, v, after[series])
				}
			}
			time.Sleep(57 * time.Minute)
			before = p.gather()
		}
		want := []string{
			"12:02", "12:22", "12:42", "13:00", "13:02", "13:22", "13:42", "14:02", // from 13:22 on they fail
			"14:22", "14:42", "15:00", "15:02", "15:22", "15:42", "16:00", "16:02", "16:22", "16:42",
		}
		var have []string
		for _, start := range starts(simulators["a"], twiliotest.UsageRecords) {
			have = append(have, start[:len("15:04")])
		}
		if have = slices.Compact(have); !slices.Equal(have, want) {
			t.Errorf("want requests at %v, have them at %v", want, have)
		}
		p.want(map[string]float64{pollSeries("twilio_exporter_polls_total", "a", "supersim_usage"): 15})
	})
}

// TestLateness: what is exposed is the lag of the simulator, of which half comes in the
// last third of the first hour: polls at 47 minutes and at 62 could not find it.
func TestLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", SIMs: 5}}})
		p := launch(t, "accounts:"+twilioAccount+only("supersim_usage: {groups: [account]}"), map[string]*twiliotest.Simulator{"a": s})
		defer p.stop()
		until(t, "2004-03-18 12:05:00")
		have := p.gather()
		for age, d := range map[string]time.Duration{"1h": time.Hour, "2h": 2 * time.Hour, "12h": 12 * time.Hour} {
			var all, late twiliotest.Usage
			for end := date("2004-03-15 12:00"); !end.After(date("2004-03-16 12:00")); end = end.Add(time.Hour) {
				final := s.Final(sidA, twiliotest.Filter{}, end.Add(-time.Hour), end)
				then := s.Reported(sidA, twiliotest.Filter{}, end.Add(-time.Hour), end, end.Add(d))
				all.Upload += final.Upload + final.Download
				all.MicroCost += final.MicroCost
				late.Upload += final.Upload + final.Download - then.Upload - then.Download
				late.MicroCost += final.MicroCost - then.MicroCost
			}
			for what, want := range map[string]float64{
				"bytes": float64(late.Upload) / float64(all.Upload), "cost": float64(late.MicroCost) / float64(all.MicroCost),
			} {
				series := fmt.Sprintf("twilio_supersim_late_%s_ratio{account=%q,age=%q}", what, "a", age)
				if v, ok := have[series]; !ok || math.Abs(v-want) > 0.01 {
					t.Errorf("%s: want %.4f, have %.4f (%t)", series, want, v, ok)
				}
			}
		}
	})
}

// TestManyAccounts: however many there are, all have begun within a minute.
func TestManyAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulator := handMade()["a"]
		simulators := make(map[string]*twiliotest.Simulator)
		yaml := "accounts:"
		for i := range 200 {
			name := fmt.Sprintf("a%d", i)
			simulators[name] = simulator
			yaml += strings.Replace(twilioAccount, "name: a", "name: "+name, 1)
		}
		p := launch(t, yaml+"collectors: {supersim_usage: {groups: [account]}}", simulators)
		defer p.stop()
		until(t, "2004-03-15 12:02:30")
		if p.exporter.Ready() {
			t.Error("all have polled within half a minute")
		}
		until(t, "2004-03-15 12:03:00")
		if !p.exporter.Ready() {
			t.Error("not all have polled within a minute")
		}
	})
}

// TestSlowPolls: a poll that takes longer than the interval is followed by the
// next one at a multiple of the interval, and never overtaken.
func TestSlowPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 25 * time.Second})
		p := launch(t, "accounts:"+twilioAccount+only("account_balance: {interval: 10s}"), simulators)
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		want := []string{"12:02:00.0", "12:02:30.0", "12:03:00.0", "12:03:30.0", "12:04:00.0"}
		if have := starts(simulators["a"], twiliotest.Balance); !slices.Equal(have, want) {
			t.Errorf("want requests at %v, have them at %v", want, have)
		}
		if have := simulators["a"].MaxConcurrency(); have != 1 {
			t.Errorf("want one request at a time, have had %d", have)
		}
	})
}

// TestOneAtATime: no two polls of one collector ever run at once, whatever wakes
// it: here polls at the edges of a month come while others are under way.
func TestOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-01 01:30:00")
		simulators := handMade()
		p := launch(t, "accounts:"+twilioAccount+only("supersim_usage: {groups: [account], interval: 1m}", "supersim_inventory: {interval: 7m}")+`
rollover: 5m
api: {timeout: 10m, max_concurrency: 20}
`, simulators)
		defer p.stop()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Endpoint: twiliotest.UsageRecords, Delay: 95 * time.Second})
		until(t, "2004-03-01 04:00:00")
		// A poll of one group asks for a month, or two of them, an hour and perhaps
		// the month before, each at most once.
		running := make(map[string]time.Time)
		requests := 0
		for _, r := range simulators["a"].Log() {
			if r.Endpoint != twiliotest.UsageRecords || r.End.IsZero() {
				continue
			}
			requests++
			u, err := url.Parse(r.URI)
			if err != nil {
				t.Fatal(err)
			}
			kind := u.Query().Get("Granularity") + " from " + u.Query().Get("StartTime")
			if r.Start.Before(running[kind]) {
				t.Errorf("at %s %s was asked for while it was under way", r.Start, kind)
			}
			running[kind] = r.End
		}
		if requests < 100 {
			t.Errorf("have seen %d requests only", requests)
		}
	})
}

// TestLateInventory: once the inventory has answered, usage polls again, so that
// what is silent has counters.
func TestLateInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Endpoint: twiliotest.Fleets, Delay: 20 * time.Second, Times: 1})
		p := launch(t, "accounts:"+twilioAccount, simulators)
		defer p.stop()
		const active, ready = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`,
			`twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + simReady + `"}`
		until(t, "2004-03-15 12:02:19")
		have := p.gather()
		if _, ok := have[ready]; ok || have[active] != 1033 {
			t.Errorf("want 1033 and nothing, have %v and %v", have[active], ok)
		}
		until(t, "2004-03-15 12:02:21")
		p.want(map[string]float64{active: 1033, ready: 0})
		want := []string{"12:02:00.1", "12:02:20.0"}
		if have := starts(simulators["a"], twiliotest.UsageRecords); !slices.Equal(have, want) {
			t.Errorf("want requests at %v, have them at %v", want, have)
		}
		// After that it keeps to its interval.
		until(t, "2004-03-15 12:33:00")
		want = append(want, "12:17:00.0", "12:32:00.0")
		if have := starts(simulators["a"], twiliotest.UsageRecords); !slices.Equal(have, want) {
			t.Errorf("want requests at %v, have them at %v", want, have)
		}
	})
}

// TestLateInventoryAndFailingUsage: the wish to poll again must not become a
// storm of requests where those polls fail.
func TestLateInventoryAndFailingUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Endpoint: twiliotest.Fleets, Delay: 20 * time.Second, Times: 1})
		p := launch(t, "accounts:"+twilioAccount, simulators)
		defer p.stop()
		until(t, "2004-03-15 12:02:19")
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ServerError, Endpoint: twiliotest.UsageRecords})
		until(t, "2004-03-15 12:16:00")
		if have := p.gather()[pollSeries("twilio_exporter_polls_total", "a", "supersim_usage")]; have != 2 {
			t.Errorf("want 2 polls, have %v", have)
		}
	})
}

// many is an account with as many SIMs, all of which send in one hour of each of
// two months.
func many(n int) twiliotest.Account {
	a := twiliotest.Account{SID: sidA, AuthToken: "token-a", Start: date("2004-02-29 00:00")}
	for i := range n {
		a.SIMList = append(a.SIMList, twiliotest.SIM{SID: fmt.Sprintf("HS%032d", i)})
	}
	a.Usage = func(_ twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if hour.Equal(date("2004-02-29 10:00")) || hour.Equal(date("2004-03-01 10:00")) || hour.Equal(date("2004-03-03 10:00")) {
			return []twiliotest.Segment{{Upload: 1, MicroCost: 1}}
		}
		return nil
	}
	return a
}

// TestRequests counts what a poll of 2,500 SIMs costs: the listings by SIM have
// three pages, all others one.
func TestRequests(t *testing.T) {
	for _, x := range []struct {
		name, at      string
		first, second int
	}{
		// A month and an hour of five groups, and the account's hours of nine days; of
		// networks and countries, and the account that they add up to, the month
		// before, once. After the poll, the account's days of February, once.
		{"one month", "2004-03-03 12:02:00", 2*(4+3) + 1 + 3 + 1, 2*(4+3) + 1},
		// Bytes of March, costs of February, an hour, and nine days of hours; January's
		// networks and countries, and the account, once. After the first poll, the days of
		// February, and after the second those of January.
		{"two months", "2004-03-01 12:02:00", 3*(4+3) + 1 + 3 + 1, 3*(4+3) + 1 + 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, x.at)
				s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{many(2500)}})
				p := launch(t, "accounts:"+twilioAccount+often, map[string]*twiliotest.Simulator{"a": s})
				defer p.stop()
				for _, usage := range []int{x.first, x.second} {
					time.Sleep(2 * time.Minute)
					for e, want := range map[twiliotest.Endpoint]int{
						twiliotest.UsageRecords: usage, twiliotest.Sims: 3, twiliotest.Fleets: 1,
						twiliotest.Networks: 1, twiliotest.Monthly: 1, twiliotest.Balance: 1,
					} {
						if have := s.Requests(e); have != want {
							t.Errorf("%s: want %d requests for %s, have %d: %s", stamp(), want, e, have, strings.Join(s.RequestURIs(), "\n"))
						}
					}
					s.ResetCounts()
					time.Sleep(3 * time.Minute)
				}
			})
		})
	}
}

// TestMaxConcurrency: as many requests of an account at a time as configured,
// no fewer and no more.
func TestMaxConcurrency(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			noon(t)
			a := many(10)
			s := twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}, Latency: time.Second})
			p := launch(t, fmt.Sprintf("accounts:%sapi: {max_concurrency: %d}\n", twilioAccount, most), map[string]*twiliotest.Simulator{"a": s})
			defer p.stop()
			until(t, "2004-03-15 12:03:00")
			if have := s.MaxConcurrencyOf(sidA); have != most {
				t.Errorf("want %d requests at a time, have %d", most, have)
			}
			if !p.exporter.Ready() {
				t.Error("not all have polled")
			}
		})
	}
}

// TestKORE: KORE serves smaller pages of usage, and no account API.
func TestKORE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, "accounts:"+koreAccount+often, simulators)
		defer p.stop()
		until(t, "2004-03-15 12:03:00")
		for _, r := range simulators["b"].Log() {
			u, err := url.Parse(r.URI)
			if err != nil {
				t.Fatal(err)
			}
			want := map[twiliotest.Endpoint]string{twiliotest.UsageRecords: "249", twiliotest.Token: ""}
			size, ok := want[r.Endpoint]
			if !ok {
				size = "1000"
			}
			if have := u.Query().Get("PageSize"); have != size || r.Status != 200 {
				t.Errorf("want PageSize %q and status 200, have %q and %d: %s", size, have, r.Status, r.URI)
			}
		}
		for _, name := range []string{"account_usage", "account_balance"} {
			var lines []string
			for _, line := range p.logged("info") {
				if strings.Contains(line, "collector="+name+" ") {
					lines = append(lines, line)
				}
			}
			if len(lines) != 1 || !strings.Contains(lines[0], "account=b ") || !strings.Contains(lines[0], "off") {
				t.Errorf("want one line that says so, have %q", lines)
			}
			if text := p.scrape(); strings.Contains(text, fmt.Sprintf("collector=%q", name)) {
				t.Errorf("there are metrics about polls of %s", name)
			}
		}
		if lines := p.logged("error"); len(lines) > 0 {
			t.Errorf("have %q", lines)
		}
	})
}
