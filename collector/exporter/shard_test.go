package exporter_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// fleetOfAccounts is a configuration of accounts at both providers, and a world
// for each, in which there are SIMs of every status.
type fleetOfAccounts struct {
	yaml   string
	worlds map[string]twiliotest.Account
	faults []twiliotest.Fault // of every world
}

func manyAccounts(names ...string) fleetOfAccounts {
	f := fleetOfAccounts{yaml: "accounts:", worlds: make(map[string]twiliotest.Account)}
	for i, name := range names {
		sid := fmt.Sprintf("AC%032x", i)
		world := twiliotest.Account{SID: sid, Seed: uint64(i), SIMs: 20 + i, Fleets: 2, Start: date("2004-02-01 00:00")}
		if i%3 == 2 {
			world.Provider, world.ClientID, world.ClientSecret, world.Currency = twiliotest.KORE, "client", "secret", "EUR"
			f.yaml += fmt.Sprintf(`
- name: %s
  provider: kore
  oauth2: {client_id: client, client_secret: secret, token_url: http://simulator/api-services/v1/auth/token}
  supersim_url: http://simulator`, name)
		} else {
			world.AuthToken = "token"
			f.yaml += fmt.Sprintf(`
- name: %s
  account_sid: %s
  basic_auth: {username: %[2]s, password: token}
  supersim_url: http://simulator
  api_url: http://simulator`, name, sid)
		}
		f.worlds[name] = world
	}
	f.yaml += "\ncollectors: {supersim_usage: {interval: 1h, groups: [" + allGroups + "]}, supersim_data_limits: {enabled: true}}\napi: {max_requests_per_hour: 10000}\n"
	return f
}

// launch starts an exporter for one shard of the accounts, with simulators of its
// own, so that nothing it asks can be seen by another. Their clocks go by minutes:
// first polls begin a little apart, the more tasks the later, and must hear the
// same. One account is refused its balance.
func (f fleetOfAccounts) launch(t *testing.T, shard, total int) *process {
	t.Helper()
	simulators := make(map[string]*twiliotest.Simulator)
	for name, world := range f.worlds {
		all := []twiliotest.Account{world}
		for n := 0; n < 3 && name == "b"; n++ {
			all = append(all, twiliotest.Account{SID: subSID(n), Parent: world.SID, FriendlyName: fmt.Sprint("child-", n), Seed: uint64(n), SIMs: 1, Start: world.Start})
		}
		simulators[name] = twiliotest.New(twiliotest.Options{
			Accounts: all,
			Now:      func() time.Time { return time.Now().Truncate(time.Minute) },
		})
		for _, fault := range f.faults {
			simulators[name].Inject(fault)
		}
	}
	simulators["production"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Balance})
	return start(t, parse(t, f.yaml).Shard(shard, total), log.NewLogfmtLogger,
		inMemory(func(account string) http.RoundTripper {
			name, _, _ := strings.Cut(account, "/") // a subaccount is served with its parent
			return simulators[name].Transport()
		}))
}

// aboutAccounts reads what a process shows of its accounts, created timestamps
// and counts of histograms included. What depends on the process and not on the
// account is left out: series without the label account, and of the others since
// when the exporter's own counters count, how long a poll took and when it ended.
func (p *process) aboutAccounts() map[string]string {
	p.t.Helper()
	families, err := prometheus.Gatherers{p.registry, p.exporter.Gatherer()}.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	all := make(map[string]string)
	for _, f := range families {
		for _, m := range f.Metric {
			id := series(f, m)
			if !strings.Contains(id, `account="`) {
				continue
			}
			if strings.Contains(id, `collector="subaccounts"`) || strings.Contains(id, `endpoint="accounts"`) {
				continue // every shard lists the subaccounts
			}
			if strings.HasPrefix(id, "twilio_exporter_api_requests_planned_per_hour{") || strings.HasPrefix(id, "twilio_exporter_api_requests_budget_per_hour{") {
				if strings.Contains(id, `account="b"`) {
					continue // each plans for that list
				}
			}
			switch name := f.GetName(); {
			case name == "twilio_exporter_poll_duration_seconds", name == "twilio_exporter_poll_last_success_timestamp_seconds":
				all[id] = "a number"
			case m.Gauge != nil:
				all[id] = fmt.Sprint(m.Gauge.GetValue())
			case m.Histogram != nil:
				all[id] = fmt.Sprint(m.Histogram.GetSampleCount())
			case strings.HasPrefix(name, "twilio_exporter_"):
				all[id] = fmt.Sprint(m.Counter.GetValue())
			default:
				all[id] = fmt.Sprintf("%v since %s", m.Counter.GetValue(), m.Counter.GetCreatedTimestamp().AsTime())
			}
		}
	}
	return all
}

// TestMovedStates: what a shard has stored of an account is of no use after another shard
// has polled it. So an account that comes back starts anew, and so does a subaccount.
func TestMovedStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-15 12:02:10")
		accounts := manyAccounts("a", "b", "production")
		accounts.yaml = stored(strings.Replace(accounts.yaml, "- name: b\n", "- name: b\n  subaccounts: {enabled: true}\n", 1), t.TempDir())
		accounts.faults = []twiliotest.Fault{{Kind: twiliotest.Slow, Delay: time.Millisecond}} // so that no poll ends at once
		// shown are the accounts whose results are exposed.
		shown := func(p *process) string {
			names := make(map[string]bool)
			for s := range p.results() {
				if strings.HasPrefix(s, "twilio_account_usage_total{") {
					_, rest, _ := strings.Cut(s, `account="`)
					name, _, _ := strings.Cut(rest, `"`)
					names[name] = true
				}
			}
			return strings.Join(slices.Sorted(maps.Keys(names)), " ")
		}
		const all = "a b b/child-0 b/child-1 b/child-2"
		for _, run := range []struct {
			shard, total int
			atOnce, then string
		}{
			{0, 1, "", all},
			{0, 1, all, all},
			{1, 2, "a b/child-2", "a b/child-2"},
			{0, 1, "a b/child-2", all},
		} {
			p := accounts.launch(t, run.shard, run.total)
			if have := shown(p); have != run.atOnce {
				t.Errorf("shard %d of %d: want %q at once, have %q", run.shard, run.total, run.atOnce, have)
			}
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if have := shown(p); have != run.then {
				t.Errorf("shard %d of %d: want %q after the first polls, have %q", run.shard, run.total, run.then, have)
			}
			p.stop()
		}
	})
}

// TestShardsTogether: whatever the number of shards, together they show exactly
// the series that one exporter for all the accounts shows, each of them once:
// after the first polls, at the end of a month, while counters pass through 0,
// and after it.
func TestShardsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-31 20:02:10")
		accounts := manyAccounts("a", "b", "production", "sensors", "demo", "東京", "🚚")
		accounts.yaml = strings.Replace(accounts.yaml, "- name: b\n", "- name: b\n  subaccounts: {enabled: true}\n", 1) // every shard lists them
		whole := accounts.launch(t, 0, 1)
		defer whole.stop()
		var divisions [][]*process
		for _, total := range []int{3, 6} { // of six, some are empty
			shards := make([]*process, total)
			for i := range shards {
				shards[i] = accounts.launch(t, i, total)
				defer shards[i].stop()
			}
			divisions = append(divisions, shards)
		}
		// At the last of the moments, hours that were seen are two days old.
		moments := []string{"2004-03-31 20:10:00", "2004-04-01 00:25:00", "2004-04-01 02:10:00", "2004-04-01 04:25:00", "2004-04-02 20:25:00"}
		if testing.Short() {
			moments = moments[:3]
		}
		for _, moment := range moments {
			until(t, moment)
			for _, shards := range divisions {
				compareShards(t, whole, shards)
			}
		}
	})
}

func compareShards(t *testing.T, whole *process, shards []*process) {
	t.Helper()
	want := whole.aboutAccounts()
	in := make(map[string]int)
	for i, p := range shards {
		if !p.exporter.Ready() {
			t.Errorf("%s: shard %d is not ready", stamp(), i)
		}
		for id, value := range p.aboutAccounts() {
			if before, twice := in[id]; twice {
				t.Errorf("%s: %s is in shard %d and in shard %d of %d", stamp(), id, before, i, len(shards))
			}
			in[id] = i
			if want[id] != value {
				t.Errorf("%s: %s of shard %d: want %q, have %q", stamp(), id, i, want[id], value)
			}
		}
	}
	for id := range want {
		if _, ok := in[id]; !ok {
			t.Errorf("%s: %s is in none of %d shards", stamp(), id, len(shards))
		}
	}
	// It was about everything that there is.
	seen := make(map[string]bool)
	for id := range want {
		seen[id[:strings.IndexByte(id, '{')]] = true
	}
	for _, f := range families(false) {
		if strings.HasPrefix(f.Name, "twilio_supersim_late_") && time.Now().Before(date("2004-04-02 20:02")) {
			continue // of usage that is two days old
		}
		if strings.HasPrefix(f.Name, "twilio_exporter_storage_") {
			continue // each process has a folder of its own, and these have none
		}
		if f.PerAccount && !seen[f.Name] {
			t.Errorf("%s: no series of %s was compared", stamp(), f.Name)
		}
	}
}

// TestEmptyShard: a shard to which no account falls has nothing to wait for and
// nothing to show, until a reload gives it an account; one that loses its accounts
// stops to show them.
func TestEmptyShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		accounts := manyAccounts("a", "b", "production")
		p := accounts.launch(t, 1, 3)
		defer p.stop()
		empty := func() {
			t.Helper()
			if have := p.aboutAccounts(); !p.exporter.Ready() || len(have) > 0 || len(p.exporter.Status()) > 0 {
				t.Errorf("%s: want it ready (%t) with nothing to show, have %v", stamp(), p.exporter.Ready(), have)
			}
		}
		empty()
		until(t, "2004-03-15 13:00:00")
		empty()
		cfg, err := config.Parse("test.yml", []byte(accounts.yaml))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.exporter.Reload(cfg.Shard(2, 3)); err != nil {
			t.Fatal(err)
		}
		if p.exporter.Ready() {
			t.Error("want it to wait for its first polls")
		}
		until(t, "2004-03-15 13:01:00")
		var names []string
		for _, s := range p.exporter.Status() {
			names = append(names, s.Account)
		}
		if slices.Sort(names); !p.exporter.Ready() || !slices.Equal(slices.Compact(names), []string{"a"}) {
			t.Errorf("want account a, ready (%t), have %v", p.exporter.Ready(), names)
		}
		if err := p.exporter.Reload(cfg.Shard(1, 3)); err != nil {
			t.Fatal(err)
		}
		empty()
	})
}
