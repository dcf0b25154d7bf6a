package exporter_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// reloading runs a test of reloads: an exporter that polled the hand-made world
// at 12:02, at 12:04.
func reloading(t *testing.T, yaml string, f func(*testing.T, *process, map[string]*twiliotest.Simulator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		p := launch(t, yaml, simulators)
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		f(t, p, simulators)
	})
}

// holding keeps the series whose text holds another.
func holding(series map[string]float64, text string) map[string]float64 {
	kept := make(map[string]float64)
	for name, v := range series {
		if strings.Contains(name, text) {
			kept[name] = v
		}
	}
	return kept
}

// TestReload: what stays the same keeps its results until its next poll, which
// comes at once.
func TestReload(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		for _, s := range simulators {
			s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Second})
			s.ResetCounts()
		}
		p.reload(bothAccounts + strings.ReplaceAll(often, "5m", "1h"))
		p.wantChanged(good, nil)
		if !p.exporter.Ready() {
			t.Error("it is not ready any more")
		}
		p.want(map[string]float64{
			"twilio_exporter_config_last_reload_successful{}":                1,
			"twilio_exporter_config_last_reload_success_timestamp_seconds{}": float64(date("2004-03-15 12:04").Unix()),
		})
		p.wantPolls(1, "", "", "")
		until(t, "2004-03-15 12:04:30")
		p.wantPolls(2, "", "", "")
		p.wantChanged(good, nil)
		// Of its three listings two run at a time, whichever come first.
		have := slices.Concat(starts(simulators["a"], twiliotest.Sims),
			starts(simulators["a"], twiliotest.Fleets), starts(simulators["a"], twiliotest.Networks))
		slices.Sort(have)
		if want := []string{"12:04:00.0", "12:04:00.0", "12:04:01.0"}; !slices.Equal(have, want) {
			t.Errorf("want the poll at once, with requests at %v, have them at %v", want, have)
		}
		until(t, "2004-03-15 13:01:59") // and then at the new interval
		p.wantPolls(2, "", "", "")
		until(t, "2004-03-15 13:02:30")
		p.wantPolls(3, "", "", "")
	})
}

// TestReloadOfOneAccount: an account of which the configuration says nothing new
// is not disturbed by a reload: no poll of it is cut short, repeated or put off.
func TestReloadOfOneAccount(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		for _, s := range simulators {
			s.ResetCounts()
		}
		other := strings.Replace(bothAccounts, "secret-b", "secret-x", 1) + often
		for range 50 {
			p.reload(bothAccounts + often)
			p.reload(other)
		}
		until(t, "2004-03-15 12:06:00")
		p.wantChanged(good, nil)
		if have := starts(simulators["a"], twiliotest.Sims); len(have) > 0 {
			t.Errorf("want no request for the account that stayed the same, have them at %v", have)
		}
		if have := starts(simulators["b"], twiliotest.Token); len(have) == 0 {
			t.Error("want requests for the account that changed")
		}
		until(t, "2004-03-15 12:07:30")
		if have, want := starts(simulators["a"], twiliotest.Sims), []string{"12:07:00.0"}; !slices.Equal(have, want) {
			t.Errorf("want the poll to come when it was due, with requests at %v, have them at %v", want, have)
		}
	})
}

// TestReloadWhilePolling: a poll that is cut short by a reload has not failed.
func TestReloadWhilePolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		simulators := handMade()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Hour, Times: 20})
		p := launch(t, bothAccounts+"api: {timeout: 10h}\n", simulators)
		defer p.stop()
		until(t, "2004-03-15 12:04:00")
		if p.exporter.Ready() {
			t.Error("it is ready although polls are under way")
		}
		simulators["a"].ClearFaults()
		p.reload(bothAccounts)
		until(t, "2004-03-15 12:04:30")
		if !p.exporter.Ready() {
			t.Error("it is not ready although all have polled")
		}
		p.want(map[string]float64{
			pollSeries("twilio_exporter_polls_total", "a", "supersim_usage"):  1,
			pollSeries("twilio_exporter_poll_success", "a", "supersim_usage"): 1,
		})
		if lines := p.logged("error"); len(lines) > 0 {
			t.Errorf("have %q", lines)
		}
	})
}

// TestReloadKeepsHeldValues: a counter does not fall because of a reload, unless
// the filter has changed, with which it counts something else.
func TestReloadKeepsHeldValues(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		const (
			one   = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`
			two   = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim2 + `"}`
			sms   = `twilio_account_usage_total{account="a",account_sid="` + sidA + `",category="sms",unit="segments"}`
			fewer = "twilio_exporter_usage_decreases_total"
		)
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals})
		until(t, "2004-03-15 12:08:00")
		held := map[string]float64{
			one: 1033, two: 7, sms: 40,
			pollSeries(fewer, "a", "supersim_usage"): 31, pollSeries(fewer, "a", "account_usage"): 5,
		}
		p.want(held)
		p.reload(bothAccounts + strings.ReplaceAll(often, "5m", "6m"))
		p.want(held)
		until(t, "2004-03-15 12:09:00")
		p.want(held)

		p.reload(bothAccounts + strings.Replace(often, "supersim_usage: {", "supersim_usage: {filter: {sim: truck-1}, ", 1))
		until(t, "2004-03-15 12:10:00")
		p.want(map[string]float64{
			one: 929, two: math.NaN(), sms: 40, // 1033 less a tenth
			pollSeries(fewer, "a", "supersim_usage"): 31,
		})
		p.reload(bothAccounts + strings.Replace(often, "account_usage: {", "account_usage: {include_subaccounts: false, ", 1))
		until(t, "2004-03-15 12:11:00")
		p.want(map[string]float64{one: 929, two: 0, sms: 36}) // the second SIM is new to a filter that admits it again
	})
}

// TestReloadGroups: groups that stay continue, in whatever order; one that is new
// begins at 0, and one that is gone is not exposed.
func TestReloadGroups(t *testing.T) {
	groups := func(list string) string {
		return bothAccounts + strings.Replace(often, "supersim_usage: {", "supersim_usage: {groups: ["+list+"], ", 1)
	}
	reloading(t, groups("account, fleet"), func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		const sim = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`
		const total = `twilio_supersim_account_upload_bytes_total{account="a",account_sid="` + sidA + `"}`
		const byFleet = `twilio_supersim_fleet_upload_bytes_total{account="a",fleet_sid="` + fleet1 + `"}`
		before := p.gather()
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals}) // so that values are held
		p.reload(groups("sim, account"))
		until(t, "2004-03-15 12:05:00")
		p.want(map[string]float64{total: before[total], sim: 0, byFleet: math.NaN()})
		until(t, "2004-03-15 12:18:59")
		p.want(map[string]float64{total: before[total], sim: 0})
		until(t, "2004-03-15 12:21:00")
		p.want(map[string]float64{total: before[total], sim: 929, byFleet: math.NaN()})
		p.reload(groups("fleet, sim, account"))
		until(t, "2004-03-15 12:22:00")
		p.want(map[string]float64{total: before[total], sim: 929, byFleet: before[byFleet]})
	})
}

// TestReloadAccounts: what is no longer configured is gone at once, what is new
// comes with its first poll, and the rest stays.
func TestReloadAccounts(t *testing.T) {
	reloading(t, "accounts:"+twilioAccount+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		p.reload(bothAccounts + often)
		if p.exporter.Ready() {
			t.Error("it is ready although an account has not been polled")
		}
		until(t, "2004-03-15 12:05:00")
		both := p.results()
		p.want(map[string]float64{`twilio_supersim_sim_upload_bytes_total{account="b",sim_sid="` + simB + `"}`: 9007199254740})
		simulators["b"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Second})
		p.reload("accounts:" + koreAccount + often)
		p.wantChanged(holding(both, `account="b"`), nil)
		if left := holding(p.gather(), `account="a"`); len(left) > 0 {
			t.Errorf("of an account that is gone there is %v", left)
		}
		until(t, "2004-03-15 12:06:00")
		if strings.Contains(p.scrape(), `account="a"`) {
			t.Error("an account that is gone came back")
		}
		// Back again it starts anew.
		p.reload(bothAccounts + often)
		until(t, "2004-03-15 12:06:59")
		p.wantChanged(both, nil)
		p.want(map[string]float64{pollSeries("twilio_exporter_polls_total", "a", "supersim_usage"): 1})
	})
}

// TestReloadIdentity: an account of the same name at another place is another
// one.
func TestReloadIdentity(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		for _, s := range simulators {
			s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Second})
		}
		p.reload(strings.Replace(bothAccounts, "supersim_url: http://simulator", "supersim_url: http://elsewhere", 1) + often)
		vanish := func(series string, v float64) float64 {
			if strings.Contains(series, `account="a"`) && !strings.HasPrefix(series, "twilio_account_info") {
				return math.NaN()
			}
			return v
		}
		p.wantChanged(good, vanish)
		until(t, "2004-03-15 12:05:00")
		p.wantChanged(good, nil)
	})
}

// TestReloadAnotherClient: other credentials can be those of another customer,
// whose counters must not continue the first one's. Where account_sid is given, it
// says whose they are, and rotating the credentials keeps the results.
func TestReloadAnotherClient(t *testing.T) {
	const client = "client_id: client-b, client_secret: secret-b"
	counter := `twilio_supersim_sim_upload_bytes_total{account="b",sim_sid="` + simB + `"}`
	sid := strings.Replace(koreAccount, "provider: kore", "provider: kore\n  account_sid: "+sidB, 1)
	for _, x := range []struct {
		name, account, after string
		kept                 bool
	}{
		{"another client", koreAccount, "client_id: client-x, client_secret: secret-x", false},
		{"another secret", koreAccount, "client_id: client-b, client_secret: secret-x", true},
		{"another client, the same account_sid", sid, "client_id: client-x, client_secret: secret-x", true},
	} {
		t.Run(x.name, func(t *testing.T) {
			reloading(t, "accounts:"+x.account+often, func(t *testing.T, p *process, _ map[string]*twiliotest.Simulator) {
				good := p.results()
				p.want(map[string]float64{counter: 9007199254740})
				p.reload(strings.Replace("accounts:"+x.account, client, x.after, 1) + often)
				if x.kept {
					p.wantChanged(good, nil)
					return
				}
				for series := range good {
					good[series] = math.NaN()
				}
				good[`twilio_account_info{account="b",account_sid="",provider="kore"}`] = 1
				p.want(good)
				// Nor do they come back while the API refuses the second client.
				until(t, "2004-03-15 12:15:00")
				if strings.Contains(p.scrape(), simB) {
					t.Error("results of the first client are exposed for the second")
				}
			})
		})
	}
}

// TestReloadCollectors: a collector that is off shows nothing, not even about
// its polls.
func TestReloadCollectors(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		p.reload(bothAccounts + strings.Replace(often, "account_balance: {", "account_balance: {enabled: false, ", 1))
		p.wantChanged(good, of("account_balance", func(string, float64) float64 { return math.NaN() }))
		until(t, "2004-03-15 12:13:00")
		if left := holding(p.gather(), `collector="account_balance"`); len(left) > 0 {
			t.Errorf("have %v", left)
		}
		if have := simulators["a"].Requests(twiliotest.Balance); have != 1 {
			t.Errorf("want 1 request, have %d", have)
		}
		p.reload(bothAccounts + often)
		until(t, "2004-03-15 12:14:00")
		p.wantChanged(good, nil)
	})
}

// TestReloadICCID changes the labels of a family.
func TestReloadICCID(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		const labels = `account="a",fleet_sid="` + fleet1 + `",`
		const rest = `sim_sid="` + sim1 + `",status="active",unique_name="truck-1"}`
		const without, with = `twilio_supersim_sim_info{` + labels + rest,
			`twilio_supersim_sim_info{` + labels + `iccid="8988307000000000001",` + rest
		p.want(map[string]float64{without: 1, with: math.NaN()})
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
		p.reload(bothAccounts + strings.Replace(often, "supersim_inventory: {", "supersim_inventory: {iccid: true, ", 1))
		synctest.Wait()
		// What does not carry the label stays until the next good poll.
		const fleet = `twilio_supersim_fleet_info{account="a",fleet_sid="` + fleet1 + `",unique_name="trackers"}`
		p.want(map[string]float64{fleet: 1, without: math.NaN(), with: math.NaN()})
		if !p.exporter.Ready() {
			t.Error("not ready after a reload that changed a label")
		}
		simulators["a"].ClearFaults()
		until(t, "2004-03-15 12:10:00")
		p.want(map[string]float64{without: math.NaN(), with: 1})
		p.reload(bothAccounts + often)
		until(t, "2004-03-15 12:11:00")
		p.want(map[string]float64{without: 1, with: math.NaN()})
	})
}

// TestFailedReload changes nothing, and says so.
func TestFailedReload(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		success, timestamp := "twilio_exporter_config_last_reload_successful{}", "twilio_exporter_config_last_reload_success_timestamp_seconds{}"
		loaded := float64(date("2004-03-15 12:02").Unix())
		p.want(map[string]float64{success: 1, timestamp: loaded})
		// The first account is fine; the second is not.
		bad := bothAccounts + "  tls_config: {ca_file: " + filepath.Join(t.TempDir(), "absent.pem") + "}\n" + often
		err := p.tryReload(bad)
		if err == nil || !strings.Contains(err.Error(), `account "b"`) {
			t.Errorf("want an error about account b, have %v", err)
		}
		p.want(map[string]float64{success: 0, timestamp: loaded})
		p.wantChanged(good, nil)
		until(t, "2004-03-15 12:06:00")
		p.wantPolls(1, "", "", "")
		until(t, "2004-03-15 12:08:00") // polls go on as they were
		p.wantPolls(2, "", "", "")
		p.wantChanged(good, nil)

		p.reload(bothAccounts + often)
		p.want(map[string]float64{success: 1, timestamp: float64(date("2004-03-15 12:08").Unix())})
		p.exporter.ReloadFailed()
		p.want(map[string]float64{success: 0, timestamp: float64(date("2004-03-15 12:08").Unix())})
	})
}

// TestReloadCredentials: others are used from the next poll on, and the results
// stand.
func TestReloadCredentials(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) {
		good := p.results()
		wrong := strings.NewReplacer("token-a", "token-x", "secret-b", "secret-x").Replace(bothAccounts) + often
		p.reload(wrong)
		until(t, "2004-03-15 12:05:00")
		p.wantChanged(good, nil)
		for _, poll := range polls() {
			p.want(map[string]float64{
				pollSeries("twilio_exporter_poll_success", poll[0], poll[1]):                                                               0,
				strings.TrimSuffix(pollSeries("twilio_exporter_poll_failures_total", poll[0], poll[1]), "}") + `,reason="authentication"}`: 1,
			})
		}
		p.reload(bothAccounts + often)
		until(t, "2004-03-15 12:06:00")
		p.wantChanged(good, nil)
		for _, poll := range polls() {
			p.want(map[string]float64{pollSeries("twilio_exporter_poll_success", poll[0], poll[1]): 1})
		}
	})
}

// TestReloadsAtOnce reloads from many sides while the metrics are read.
func TestReloadsAtOnce(t *testing.T) {
	reloading(t, bothAccounts+often, func(t *testing.T, p *process, _ map[string]*twiliotest.Simulator) {
		good := p.results()
		var all sync.WaitGroup
		for i := range 20 {
			yaml := bothAccounts + often
			if i%2 == 0 {
				yaml = "accounts:" + twilioAccount + often
			}
			all.Go(func() {
				if err := p.tryReload(yaml); err != nil {
					t.Error(err)
				}
				p.gather()
				p.exporter.Status()
			})
		}
		all.Wait()
		p.reload(bothAccounts + often)
		until(t, "2004-03-15 12:05:00")
		p.wantChanged(good, nil)
	})
}
