package exporter_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// increases adds up what Prometheus' increase() finds over the whole time, with
// a reset wherever a value falls. What a series shows at its first sample is
// lost, as it is in Prometheus.
type increases struct {
	last, sum map[string]float64
}

func (i *increases) sample(have map[string]float64) {
	for name, v := range have {
		if !strings.Contains(name, "_total{") {
			continue
		}
		last, ok := i.last[name]
		i.last[name] = v
		switch {
		case !ok:
		case v < last:
			i.sum[name] += v
		default:
			i.sum[name] += v - last
		}
	}
}

// TestTenMonths runs two accounts at two simulators through ten months, one of
// them failing now and then, with restarts at random moments, and looks at the
// counters every minute as Prometheus would. Whatever was used and billed must
// have been counted, once.
func TestTenMonths(t *testing.T) {
	end := date("2004-10-01 00:00")
	if testing.Short() { // one turn of a month will do
		end = date("2004-01-01 00:00")
	}
	countEverything(t, end, true)
}

// TestTwoQuietMonths is the same without faults and restarts: then networks,
// countries and each SIM in each network, which no inventory announces, are counted
// from their first byte, too.
func TestTwoQuietMonths(t *testing.T) {
	end := date("2004-02-01 00:00")
	if testing.Short() {
		end = date("2003-12-08 00:00")
	}
	countEverything(t, end, false)
}

func countEverything(t *testing.T, end time.Time, trouble bool) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2003-12-01 00:00:00")
		start := date("2003-12-01 00:00")
		world := func(sid string, seed uint64) twiliotest.Account {
			return twiliotest.Account{SID: sid, Seed: seed, SIMs: 8, Fleets: 2, Start: start, End: end}
		}
		a, b := world(sidA, 1), world(sidB, 2)
		a.AuthToken = "token-a"
		b.Provider, b.ClientID, b.ClientSecret, b.Currency = twiliotest.KORE, "client-b", "secret-b", "EUR"
		simulators := map[string]*twiliotest.Simulator{
			"a": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}}),
			"b": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{b}, AllNeedsMidnight: true}),
		}
		groups := "account, sim, fleet, network, country"
		if !trouble {
			groups = allGroups
		}
		yaml := "accounts:" + twilioAccount + koreAccount + only("supersim_usage: {interval: 1h, groups: ["+groups+"]}", "supersim_inventory: {interval: 90m}")
		random := rand.New(rand.NewPCG(7, 7))
		upTo := func(most time.Duration) time.Duration { return time.Duration(random.Int64N(int64(most))) }
		faults := []twiliotest.FaultKind{
			twiliotest.RateLimit, twiliotest.ServerError, twiliotest.HTMLError, twiliotest.Truncate,
			twiliotest.Reset, twiliotest.NoList, twiliotest.UnreadableNumbers, twiliotest.Forbidden,
		}

		p := launch(t, yaml, simulators)
		found := &increases{make(map[string]float64), make(map[string]float64)}
		restart := time.Now().Add(upTo(48 * time.Hour))
		fault := time.Now().Add(upTo(24 * time.Hour))
		var recovers time.Time
		var status string
		restarts, episodes, samples := 0, 0, 0
		for time.Now().Before(end.Add(27 * time.Hour)) {
			now := time.Now()
			if trouble && now.After(restart) {
				p.stop()
				time.Sleep(upTo(time.Minute))
				p = launch(t, yaml, simulators)
				restarts++
				restart = now.Add(upTo(72 * time.Hour))
				// The month's turn is where restarts hurt.
				if turn := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC); restart.After(turn) {
					restart = turn.Add(upTo(3 * time.Hour))
				}
			}
			switch {
			case !recovers.IsZero() && now.After(recovers):
				simulators["b"].ClearFaults()
				recovers = time.Time{}
			case trouble && recovers.IsZero() && now.After(fault):
				episodes++
				simulators["b"].Inject(twiliotest.Fault{Kind: faults[random.IntN(len(faults))]})
				recovers = now.Add(upTo(90 * time.Minute))
				fault = now.Add(upTo(72 * time.Hour))
			}
			synctest.Wait()
			// Between two polls nothing changes, but at an edge of a month while a
			// poll is trying hard.
			var s strings.Builder
			for _, x := range p.exporter.Status() {
				fmt.Fprintf(&s, "%p ", x.Outcome)
			}
			if s.String() != status || !recovers.IsZero() && now.Day() <= 2 {
				status = s.String()
				found.sample(p.gather())
				samples++
			}
			time.Sleep(time.Minute)
		}
		p.stop()
		t.Logf("%d restarts, %d episodes of faults, %d samples", restarts, episodes, samples)

		check := func(account, sid, dimension, label, id, currency string, f twiliotest.Filter) {
			t.Helper()
			truth := simulators[account].Final(sid, f, start, end)
			for _, x := range []struct {
				name string
				want int64
				unit float64
			}{
				{fmt.Sprintf("twilio_supersim_%s_upload_bytes_total{account=%q,%s=%q}", dimension, account, label, id), truth.Upload, 1},
				{fmt.Sprintf("twilio_supersim_%s_download_bytes_total{account=%q,%s=%q}", dimension, account, label, id), truth.Download, 1},
				{costSeries(dimension, account, currency, label, id), truth.MicroCost, 1e6},
			} {
				if _, ok := found.last[x.name]; !ok {
					t.Errorf("%s was never seen", x.name)
				}
				if have := int64(math.Round(found.sum[x.name] * x.unit)); have != x.want {
					t.Errorf("%s: want an increase of %d, have %d", x.name, x.want, have)
				}
			}
		}
		for account, sid := range map[string]string{"a": sidA, "b": sidB} {
			currency := map[string]string{"a": "USD", "b": "EUR"}[account]
			check(account, sid, "account", "account_sid", sid, currency, twiliotest.Filter{})
			for _, sim := range simulators[account].SIMs(sid) {
				if sim.Status == "new" || sim.Status == "inactive" {
					continue
				}
				check(account, sid, "sim", "sim_sid", sim.SID, currency, twiliotest.Filter{Sim: sim.SID})
			}
			for _, fleet := range simulators[account].Fleets(sid) {
				check(account, sid, "fleet", "fleet_sid", fleet.SID, currency, twiliotest.Filter{Fleet: fleet.SID})
			}
			if trouble {
				continue // a restart ends the wait of what has just appeared
			}
			for _, network := range simulators[account].Networks(sid) {
				if simulators[account].Final(sid, twiliotest.Filter{Network: network.SID}, start, end) == (twiliotest.Usage{}) {
					continue
				}
				check(account, sid, "network", "network_sid", network.SID, currency, twiliotest.Filter{Network: network.SID})
				check(account, sid, "country", "iso_country", network.ISOCountry, currency, twiliotest.Filter{IsoCountry: network.ISOCountry})
			}
			checkNetworksOfSIMs(t, found, simulators[account], account, sid, currency, start, end)
		}
	})
}

// checkNetworksOfSIMs compares the increases by SIM and network with the truth, and
// their sums over the networks with those by SIM.
func checkNetworksOfSIMs(t *testing.T, found *increases, simulator *twiliotest.Simulator, account, sid, currency string, start, end time.Time) {
	t.Helper()
	bySIM := make(map[string]int64)
	pairs := 0
	for _, sim := range simulator.SIMs(sid) {
		for _, network := range simulator.Networks(sid) {
			truth := simulator.Final(sid, twiliotest.Filter{Sim: sim.SID, Network: network.SID}, start, end)
			labels := fmt.Sprintf("iso_country=%q,network_sid=%q,sim_sid=%q}", network.ISOCountry, network.SID, sim.SID)
			for _, x := range []struct {
				family, series string
				want           int64
				unit           float64
			}{
				{"upload_bytes_total", fmt.Sprintf("{account=%q,", account), truth.Upload, 1},
				{"download_bytes_total", fmt.Sprintf("{account=%q,", account), truth.Download, 1},
				{"cost_total", fmt.Sprintf("{account=%q,currency=%q,", account, currency), truth.MicroCost, 1e6},
			} {
				name := "twilio_supersim_sim_network_" + x.family + x.series + labels
				_, seen := found.last[name]
				if used := truth != (twiliotest.Usage{}); seen != used {
					t.Errorf("%s: seen %t, used %t", name, seen, used)
				}
				have := int64(math.Round(found.sum[name] * x.unit))
				if have != x.want {
					t.Errorf("%s: want an increase of %d, have %d", name, x.want, have)
				}
				if x.want > 0 {
					pairs++
				}
				bySIM[fmt.Sprintf("twilio_supersim_sim_%s%ssim_sid=%q}", x.family, x.series, sim.SID)] += have
			}
		}
	}
	if pairs < 30 {
		t.Errorf("%d counters by SIM and network only", pairs)
	}
	for name, want := range bySIM {
		unit := 1.0
		if strings.Contains(name, "cost") {
			unit = 1e6
		}
		if have := int64(math.Round(found.sum[name] * unit)); have != want {
			t.Errorf("%s: an increase of %d, but %d in all networks", name, have, want)
		}
	}
}

// costSeries names a cost counter; labels come in the order of their names.
func costSeries(dimension, account, currency, label, id string) string {
	if label == "currency" || label < "currency" {
		return fmt.Sprintf("twilio_supersim_%s_cost_total{account=%q,%s=%q,currency=%q}", dimension, account, label, id, currency)
	}
	return fmt.Sprintf("twilio_supersim_%s_cost_total{account=%q,currency=%q,%s=%q}", dimension, account, currency, label, id)
}
