package collector_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// readings are how the API may show that usage is not billed yet, with and without
// totals that have to end at midnight.
func readings(t *testing.T, test func(*testing.T, twiliotest.Readings)) {
	for unbilled := twiliotest.UnbilledNull; unbilled <= twiliotest.UnbilledEmpty; unbilled++ {
		for _, midnight := range []bool{false, true} {
			r := twiliotest.Readings{Unbilled: unbilled, AllNeedsMidnight: midnight}
			t.Run(fmt.Sprintf("unbilled %d, midnight %t", unbilled, midnight), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { test(t, r) })
			})
		}
	}
}

func optionsOf(u usage, r twiliotest.Readings) twiliotest.Options {
	o := options(u)
	o.Readings = r
	return o
}

// TestBilledSoFar: what is billed counts, at once and after a restart, although later
// usage is not billed yet. Whatever has used something has a cost counter.
func TestBilledSoFar(t *testing.T) {
	readings(t, func(t *testing.T, reading twiliotest.Readings) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, optionsOf(usage{
			"2004-03-01 00h": {seg(home, 1, 1, 1_000_000)},
			"2004-03-10 02h": {seg(home, 1, 1, 20_000, 0, time.Hour)},
			"2004-03-10 10h": {seg(home, 1, 1, 300_000, 0, 12*time.Hour), seg(away, 1, 1, 4_000_000, 0, 20*time.Hour)},
		}, reading))
		// The account's hour is billed when all of it is, where amounts are null if partly
		// unbilled: that is so for each key.
		want := map[string]float64{
			"supersim_sim_cost_total " + talker + " USD":         1.02,
			"supersim_sim_cost_total " + silent + " USD":         0,
			"supersim_fleet_cost_total " + fleet + " USD":        1.02,
			"supersim_account_cost_total " + accountSID + " USD": 1.02,
			"supersim_network_cost_total " + home + " USD":       1.02,
			"supersim_network_cost_total " + away + " USD":       0,
			"supersim_country_cost_total FR USD":                 0,
			"supersim_unattributed_cost network USD":             0,
			"supersim_unattributed_bytes sim upload":             0,
		}
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(want)
		r.restart()
		r.inventory()
		c = collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(want)

		until(t, "2004-03-10 23:30")
		r.good(c)
		want["supersim_network_cost_total "+home+" USD"] = 1.32
		if reading.Unbilled != twiliotest.UnbilledPartlyNull {
			want["supersim_sim_cost_total "+talker+" USD"] = 1.32
			want["supersim_fleet_cost_total "+fleet+" USD"] = 1.32
			want["supersim_account_cost_total "+accountSID+" USD"] = 1.32
		}
		r.want(want)
		until(t, "2004-03-11 07:30")
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_cost_total " + talker + " USD":         5.32,
			"supersim_account_cost_total " + accountSID + " USD": 5.32,
			"supersim_network_cost_total " + away + " USD":       4,
			"supersim_unattributed_cost sim USD":                 0,
		})
	})
}

// TestRestartUnderEveryReading: a restart at any time of a month's first days and its
// end shows what the running process shows.
func TestRestartUnderEveryReading(t *testing.T) {
	readings(t, func(t *testing.T, reading twiliotest.Readings) {
		until(t, "2004-02-29 20:00")
		r := newRig(t, optionsOf(usage{
			"2004-02-01 00h": {seg(home, 1000, 10, 1_000_000), seg(away, 1, 0, 0)},
			// All bytes of an hour come before the first amount: an hour that is null if
			// partly unbilled would lose its amount by a late byte.
			"2004-02-29 23h": {seg(away, 20, 0, 20_000, 0, 2*time.Hour), seg(home, 3, 0, 3_000, 90*time.Minute, 20*time.Hour)},
			"2004-03-01 00h": {seg(home, 5000, 1, 7_000_000, 0, 10*time.Hour), seg(away, 5, 1, 1_000_000, 0, 23*time.Hour)},
			"2004-03-01 12h": {seg(home, 50, 1, 70_000, 0, 5*time.Hour)},
			"2004-03-02 01h": {seg(home, 50, 1, 5_000, 0, 15*time.Hour)},
		}, reading))
		account := r.account
		r.inventory()
		c := collector.NewSuperSIMUsage(account, superSIMUsage())
		for end := date("2004-03-03 03:00"); time.Now().Before(end); time.Sleep(15 * time.Minute) {
			r.account = account
			r.good(c)
			running := r.rows()
			r.restart()
			r.inventory()
			r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
			restarted := r.rows()
			for name, v := range running {
				if have, ok := restarted[name]; strings.Contains(name, "_total ") && (!ok || have != v) {
					t.Errorf("%s: %s: running shows %v, restarted %v (%v)", stamp(), name, v, have, ok)
				}
			}
		}
	})
}

// TestAmountsVanish: amounts that were reported and are null for a while, with a
// restart meanwhile: nothing is shown at 0 that had a value.
func TestAmountsVanish(t *testing.T) {
	readings(t, func(t *testing.T, reading twiliotest.Readings) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, optionsOf(usage{"2004-03-01 00h": {seg(home, 1, 1, 1_000_000)}}, reading))
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers})
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_cost_total " + talker + " USD":         none,
			"supersim_account_cost_total " + accountSID + " USD": none,
			"supersim_sim_upload_bytes_total " + talker:          none,
			"supersim_sim_upload_bytes_total " + silent:          none, // bytes that are null hide what the listing lacks
		})
		r.pollSoon(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker: none,
			"supersim_sim_upload_bytes_total " + silent: 0,
		})
		r.simulator.ClearFaults()
		time.Sleep(15 * time.Minute)
		r.good(c)
		want := map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:  1,
			"supersim_sim_cost_total " + talker + " USD": 1,
		}
		r.want(want)
	})
}

// TestHourWithoutBytes: of a sum, what is known counts.
func TestHourWithoutBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, optionsOf(usage{
			"2004-03-01 00h": {seg(home, 1000, 100, 0)},
			"2004-03-10 01h": {seg(home, 7, 5, 0)},
		}, twiliotest.Readings{AllNeedsMidnight: true}))
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers, Query: "Granularity=hour"})
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.pollSoon(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1000, "supersim_account_download_bytes_total " + accountSID: 100})
		if len(r.last.Warnings) != 1 || !strings.Contains(r.last.Warnings[0], "leaves out bytes of an hour or more in 5 sums") {
			t.Errorf("warnings: %q", r.last.Warnings)
		}
		r.simulator.ClearFaults()
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1007, "supersim_account_download_bytes_total " + accountSID: 105})
		if len(r.last.Warnings) != 0 {
			t.Errorf("warnings: %q", r.last.Warnings)
		}
	})
}

// pollSoon polls twice more when the collector wants to, which is soon.
func (r *rig) pollSoon(c *collector.SuperSIMUsage) {
	r.t.Helper()
	for range 2 {
		if soon := c.NextChange(time.Now()); !soon.Equal(time.Now().Add(5 * time.Minute)) {
			r.t.Errorf("%s: want a poll in five minutes, have one at %s", stamp(), soon)
		}
		time.Sleep(5 * time.Minute)
		r.good(c)
	}
	if soon := c.NextChange(time.Now()); !soon.After(time.Now().Add(5 * time.Minute)) {
		r.t.Errorf("%s: want no more polls soon, have one at %s", stamp(), soon)
	}
}

func shortLists() usage {
	return usage{"2004-03-01 00h": {seg(home, 1000, 100, 1_000_000), seg(away, 10, 1, 5_000)}}
}

// TestShortListAfterARestart: what the first listing lacks is neither shown at 0 nor
// before its value at 0.
func TestShortListAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, options(shortLists()))
		r.inventory()
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Group="})
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_account_upload_bytes_total " + accountSID: 1010,
			"supersim_sim_upload_bytes_total " + talker:         none,
			"supersim_sim_cost_total " + talker + " USD":        none,
			"supersim_sim_upload_bytes_total " + silent:         none,
			"supersim_network_upload_bytes_total " + home:       none,
			"supersim_unattributed_bytes sim upload":            1010,
			"supersim_unattributed_bytes network download":      101,
			"supersim_unattributed_cost country USD":            1.005,
		})
		if len(r.last.Warnings) != 1 || !strings.Contains(r.last.Warnings[0], "by sim 1111 bytes, by fleet 1111 bytes") {
			t.Errorf("warnings: %q", r.last.Warnings)
		}
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: none})
		r.simulator.ClearFaults()
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:   1010,
			"supersim_sim_cost_total " + talker + " USD":  1.005,
			"supersim_sim_upload_bytes_total " + silent:   0,
			"supersim_network_upload_bytes_total " + home: 1000,
			"supersim_unattributed_bytes sim upload":      0,
			"supersim_unattributed_cost country USD":      0,
		})
	})
}

// TestShortListIsReadAgain: within the same poll, and what one of two readings has counts.
func TestShortListIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, options(shortLists()))
		r.inventory()
		for _, group := range []string{"sim", "fleet", "network", "isoCountry"} {
			r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Granularity=all&Group=" + group, Times: 1})
		}
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:   1010,
			"supersim_network_upload_bytes_total " + home: 1000,
			"supersim_sim_upload_bytes_total " + silent:   0,
			"supersim_unattributed_bytes network upload":  0,
		})
	})
}

// TestHourIsMissing: totals that have to end at midnight are compared hour by hour. An
// hour that a list lacks is found in the second reading, and as long as it is not, nothing
// of the group is shown after a restart.
func TestHourIsMissing(t *testing.T) {
	groups := []string{"sim_upload_bytes_total " + talker, "fleet_upload_bytes_total " + fleet, "network_upload_bytes_total " + home}
	for _, test := range []struct {
		name  string
		times int
		first float64
	}{{"once", 4, 1035}, {"always", 0, none}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 12:30")
				o := optionsOf(usage{
					"2004-03-01 00h": {seg(home, 1000, 100, 0)},
					"2004-03-10 01h": {seg(home, 30, 10, 0)},
					"2004-03-10 02h": {seg(home, 5, 1, 0)},
				}, twiliotest.Readings{AllNeedsMidnight: true})
				o.MaxPageSize = 1
				r := newRig(t, o)
				r.inventory()
				r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.PageGap, Query: "Group=", Times: test.times})
				c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
				r.good(c)
				want := make(map[string]float64)
				for _, name := range groups {
					want["supersim_"+name] = test.first
				}
				r.want(want)
				r.simulator.ClearFaults()
				time.Sleep(5 * time.Minute)
				r.good(c)
				for name := range want {
					want[name] = 1035
				}
				r.want(want)
			})
		})
	}
}

// TestHourIsMissingBesideNewUsage: usage that comes in after the account's total was read
// does not hide an hour that a list lacks.
func TestHourIsMissingBesideNewUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		o := optionsOf(usage{
			"2004-03-01 00h": {seg(home, 1000, 100, 0)},
			"2004-03-10 01h": {seg(home, 30, 10, 0)},
			"2004-03-10 11h": {seg(home, 5, 5, 0), seg(home, 40, 40, 0, 30*time.Minute+10*time.Second, time.Hour)},
		}, twiliotest.Readings{AllNeedsMidnight: true})
		o.MaxPageSize = 1
		r := newRig(t, o)
		r.inventory()
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Query: "Group=network", Delay: 15 * time.Second, Times: 1})
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.PageGap, Query: "Group=network"})
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_account_upload_bytes_total " + accountSID: 1035,
			"supersim_network_upload_bytes_total " + home:       none,
		})
		r.simulator.ClearFaults()
		time.Sleep(5 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + home: 1075})
	})
}

// TestHourIsMissingBesideNullBytes: an hour that a list lacks is found out also where
// another record of the list leaves out its bytes.
func TestHourIsMissingBesideNullBytes(t *testing.T) {
	missing := 0
	for day := 5; day < 25; day++ {
		synctest.Test(t, func(t *testing.T) {
			date := fmt.Sprintf("2004-03-%02d", day)
			until(t, date+" 12:30")
			o := optionsOf(usage{
				"2004-03-01 00h": {seg(home, 1000, 100, 0)},
				date + " 01h":    {seg(home, 30, 10, 0)},
				date + " 11h":    {seg(home, 5, 1, 0), seg(away, 7, 2, 0)},
			}, twiliotest.Readings{AllNeedsMidnight: true, NullHours: true})
			o.MaxPageSize = 1
			poll := func(faults ...twiliotest.Fault) *rig {
				r := newRig(t, o)
				r.inventory()
				for _, f := range faults {
					r.simulator.Inject(f)
				}
				r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
				return r
			}
			whole, short := poll(), poll(twiliotest.Fault{Kind: twiliotest.PageGap, Query: "Group=network"})
			want, have := whole.rows(), short.rows()
			if len(whole.last.Warnings) == 0 {
				return // no hour leaves out its bytes
			}
			missing++
			for _, network := range []string{home, away} {
				name := "supersim_network_upload_bytes_total " + network
				if v, shown := have[name]; shown && v != want[name] {
					t.Errorf("%s: %s shows %v after a restart instead of %v", date, name, v, want[name])
				}
			}
		})
	}
	if missing < 3 {
		t.Errorf("only in %d tests an hour left out its bytes", missing)
	}
}

// TestUsageOutsideOfGroups: usage that a group never lists makes it complete all the
// same, so that what appears in it later is new.
func TestUsageOutsideOfGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		u := shortLists()
		u["2004-03-10 12h"] = []twiliotest.Segment{seg(away, 7, 0, 0)}
		r := newRig(t, options(u))
		r.inventory()
		// A tenth of the usage is in no network.
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals, Query: "Group=network"})
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_unattributed_bytes network upload": 101,
			"supersim_unattributed_bytes country upload": 0,
		})
		for range 2 {
			time.Sleep(15 * time.Minute)
			r.good(c)
		}
		if len(r.last.Warnings) != 0 {
			t.Errorf("warnings: %q", r.last.Warnings)
		}
		r.want(map[string]float64{"supersim_unattributed_bytes network upload": 102}) // a tenth of 1,017
	})
}

// TestAccountWithoutAName: records that do not name the account, at KORE, where the
// configuration need not either. Its counters are shown once the inventory has named it,
// at their values.
func TestAccountWithoutAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 12:30")
		r := newRig(t, optionsOf(shortLists(), twiliotest.Readings{AccountSID: twiliotest.AccountSIDNullInUsage}))
		client, err := twilio.New(twilio.Options{
			Provider: twilio.ProviderKORE, SuperSIMURL: "http://simulator", UserAgent: "test",
			Transport: promconfig.NewBasicAuthRoundTripper(
				promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret("token"), r.simulator.Transport()),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.account.Client = client
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		for name := range r.rows() {
			if strings.HasPrefix(name, "supersim_account_") {
				t.Errorf("a sample of an account without a name: %q", name)
			}
		}
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1010})
		time.Sleep(15 * time.Minute)
		r.inventory()
		r.good(c)
		r.want(map[string]float64{
			"supersim_account_upload_bytes_total " + accountSID:  1010,
			"supersim_account_cost_total " + accountSID + " USD": 1.005,
			"supersim_account_hour_upload_bytes " + accountSID:   0,
		})
	})
}
