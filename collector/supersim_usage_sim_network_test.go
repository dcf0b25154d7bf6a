package collector_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// bySIMAndNetwork counts by SIM and network beside other groups.
func bySIMAndNetwork(others ...string) config.SuperSIMUsage {
	cfg := superSIMUsage()
	cfg.Groups = append(others, "sim_network")
	return cfg
}

// other is a second SIM that is used, beside the talker.
const other = silent

// twoSIMs is a world in which the talker and the other SIM use what stands under
// their names and the hour's start.
func twoSIMs(u map[string]usage) twiliotest.Options {
	o := options(nil)
	o.Accounts[0].Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		return u[sim.SID][hour.UTC().Format("2006-01-02 15h")]
	}
	return o
}

// usageQueries are the queries by group that the simulator was sent, sorted, as
// group, network, granularity and hours.
func (r *rig) usageQueries() []string {
	r.t.Helper()
	var queries []string
	for _, uri := range r.simulator.RequestURIs() {
		u, err := url.Parse(uri)
		if err != nil {
			r.t.Fatal(err)
		}
		q := u.Query()
		switch {
		case u.Path == "/v1/UsageRecords" && q.Get("Group") == "":
			// Of the account, for comparison.
		case u.Path == "/v1/UsageRecords":
			queries = append(queries, strings.TrimSpace(fmt.Sprintf("%s %s to %s by %s %s",
				q.Get("Granularity"), q.Get("StartTime")[:13], q.Get("EndTime")[:13], q.Get("Group"), q.Get("Network"))))
		default:
			queries = append(queries, u.Path)
		}
	}
	r.simulator.ResetCounts()
	slices.Sort(queries)
	return queries
}

func (r *rig) wantQueries(want ...string) {
	r.t.Helper()
	if have := r.usageQueries(); !slices.Equal(have, want) {
		r.t.Errorf("%s: want the queries\n%s\nhave\n%s", stamp(), strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
}

func TestSIMsByNetwork(t *testing.T) {
	for _, groups := range [][]string{nil, {"account", "sim", "fleet", "network", "country"}} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-03-10 05:30")
			r := newRig(t, twoSIMs(map[string]usage{
				talker: {
					"2004-02-29 23h": {seg(away, 5000, 5000, 5_000_000)},                                                       // not of this month
					"2004-03-01 00h": {seg(home, 100, 200, 30_000), seg(away, 10, 20, 4_000)},                                  // its first hour
					"2004-03-10 03h": {seg(away, 7, 9, 1_000, 0, 20*time.Hour)},                                                // not billed yet
					"2004-03-10 04h": {seg(home, 1, 2, 2_500), seg(home, 4, 0, 0, time.Hour, time.Hour), seg("", 50, 60, 700)}, // late, and nowhere
				},
				other: {
					"2004-03-02 00h": {seg(home, 3, 4, 50)},
					"2004-03-10 03h": {seg("", 500, 600, 7_000)},
				},
			}))
			r.inventory()
			c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork(groups...))
			r.good(c)
			r.want(map[string]float64{
				"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE":   101,
				"supersim_sim_network_download_bytes_total " + talker + " " + home + " DE": 202,
				"supersim_sim_network_cost_total " + talker + " " + home + " DE USD":       0.0325,
				"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR":   17,
				"supersim_sim_network_download_bytes_total " + talker + " " + away + " FR": 29,
				"supersim_sim_network_cost_total " + talker + " " + away + " FR USD":       0.004,
				"supersim_sim_network_upload_bytes_total " + other + " " + home + " DE":    3,
				"supersim_sim_network_download_bytes_total " + other + " " + home + " DE":  4,
				"supersim_sim_network_cost_total " + other + " " + home + " DE USD":        0.00005,
				// It was never there.
				"supersim_sim_network_upload_bytes_total " + other + " " + away + " FR":   none,
				"supersim_sim_network_hour_upload_bytes " + other + " " + away + " FR":    none,
				"supersim_sim_network_cost_total " + other + " " + away + " FR USD":       none,
				"supersim_sim_network_upload_bytes_total   ":                              550,
				"supersim_sim_network_download_bytes_total   ":                            660,
				"supersim_sim_network_cost_total    USD":                                  0.0077,
				"supersim_sim_network_hour_upload_bytes " + talker + " " + away + " FR":   7,
				"supersim_sim_network_hour_download_bytes " + talker + " " + away + " FR": 9,
				"supersim_sim_network_hour_upload_bytes " + talker + " " + home + " DE":   0,
				"supersim_sim_network_hour_upload_bytes " + other + " " + home + " DE":    0,
				"supersim_sim_network_hour_upload_bytes   ":                               500,
				"supersim_sim_network_hour_download_bytes   ":                             600,
				"supersim_network_info " + home + " Home DE":                              1,
				"supersim_network_info " + away + " Away FR":                              1,
				"supersim_hour_end_timestamp_seconds sim_network":                         unix("2004-03-10 04:00"),
				"supersim_usage_end_timestamp_seconds sim_network":                        unix("2004-03-10 05:00"),
				"supersim_cost_end_timestamp_seconds sim_network":                         unix("2004-03-10 05:00"),
			})
			if groups == nil {
				r.want(map[string]float64{"supersim_network_upload_bytes_total " + home: none, "supersim_usage_end_timestamp_seconds network": none})
			}
			for family, want := range map[string]string{
				"twilio_supersim_sim_network_upload_bytes_total": "2004-03-01 02:00",
				"twilio_supersim_sim_network_cost_total":         "2004-03-02 00:00",
			} {
				if have := r.created(family); have != want {
					t.Errorf("%s: want created %s, have %s", family, want, have)
				}
			}
			r.inOrder()
		})
	}
}

// inOrder checks that the samples of a family come in the order in which they are
// exposed: sorted by the labels, whose names are sorted.
func (r *rig) inOrder() {
	r.t.Helper()
	last := make(map[string][]string)
	for _, b := range r.last.Batches {
		if !strings.HasPrefix(b.Family.Name, "twilio_supersim_sim_network_") {
			continue
		}
		for s := range b.All() {
			byLabel := make(map[string]string)
			for i, label := range b.Family.Labels {
				byLabel[label] = s.Labels[i]
			}
			var labels []string
			for _, label := range slices.Sorted(maps.Keys(byLabel)) {
				labels = append(labels, byLabel[label])
			}
			if before := last[b.Family.Name]; before != nil && slices.Compare(before, labels) >= 0 {
				r.t.Errorf("%s: %q comes after %q", b.Family.Name, labels, before)
			}
			last[b.Family.Name] = labels
		}
	}
	if len(last) != 5 {
		r.t.Errorf("%d families", len(last))
	}
}

// TestOrderOfNetworks: countries are in another order than networks.
func TestOrderOfNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		o := twoSIMs(map[string]usage{
			talker: {"2004-03-10 03h": {seg(home, 1, 1, 1), seg(away, 1, 1, 1), seg("", 1, 1, 1)}},
			other:  {"2004-03-10 03h": {seg(home, 1, 1, 1), seg(away, 1, 1, 1)}},
		})
		o.Accounts[0].NetworkList[0].ISOCountry = "SE"
		r := newRig(t, o)
		r.inventory()
		r.good(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork()))
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total " + talker + " " + home + " SE": 1})
		r.inOrder()
	})
}

// TestSIMsByNetworkMonthsTurn follows a SIM in two networks over the turn of a month,
// as TestMonthsTurn does.
func TestSIMsByNetworkMonthsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 22:00")
		r := newRig(t, options(usage{
			"2004-02-01 00h": {seg(home, 1000, 0, 1_000_000), seg(away, 70, 0, 70_000)},
			"2004-02-29 23h": {seg(home, 20, 0, 20_000), seg(home, 3, 0, 3_000, 90*time.Minute, 20*time.Hour)},
			"2004-03-01 00h": {seg(home, 5000, 0, 7_000_000)}, // more than the month before
			"2004-03-03 00h": {seg("", 6, 0, 6_000)},
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
		check := func(at string, homeBytes, homeCost, awayBytes, awayCost float64) {
			t.Helper()
			until(t, at)
			r.good(c)
			r.want(map[string]float64{
				"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE": homeBytes,
				"supersim_sim_network_cost_total " + talker + " " + home + " DE USD":     homeCost,
				"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR": awayBytes,
				"supersim_sim_network_cost_total " + talker + " " + away + " FR USD":     awayCost,
			})
		}
		check("2004-02-29 23:59", 1000, 1, 70, 0.07)
		check("2004-03-01 00:00", 1020, 1.02, 70, 0.07)
		check("2004-03-01 01:45", 1023, 1.02, 70, 0.07) // the late bytes
		check("2004-03-01 01:59", 1023, 1.02, 70, 0.07)
		check("2004-03-01 02:00", 0, 1.02, 0, 0.07)
		check("2004-03-01 02:14", 0, 1.02, 0, 0.07)
		check("2004-03-01 02:15", 5000, 1.02, 0, 0.07) // away is silent, for all of March
		check("2004-03-01 20:01", 5000, 1.023, 0, 0.07)
		check("2004-03-01 23:45", 5000, 1.023, 0, 0.07)
		check("2004-03-02 00:00", 5000, 0, 0, 0)
		check("2004-03-02 00:14", 5000, 0, 0, 0)
		check("2004-03-02 00:15", 5000, 7, 0, 0)
		check("2004-03-31 23:00", 5000, 7, 0, 0)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total   ": 0}) // it has appeared
		check("2004-03-31 23:15", 5000, 7, 0, 0)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total   ": 6, "supersim_sim_network_hour_upload_bytes " + talker + " " + away + " FR": 0})
		check("2004-04-01 01:45", 5000, 7, 0, 0)
		check("2004-04-01 02:00", 0, 7, 0, 0)
		// In April away has been silent for two months, and is gone.
		check("2004-04-01 02:15", 0, 7, none, 0)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total   ": 0})
		check("2004-04-01 23:45", 0, 7, none, 0)
		check("2004-04-02 00:00", 0, 0, none, 0)
		check("2004-04-02 00:15", 0, none, none, none) // nothing of April is billed in any currency
	})
}

// TestFirstAppearanceInANetwork: a network that is first used while the exporter
// runs, a SIM that is first in a network, and usage without a network show 0 first.
func TestFirstAppearanceInANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, twoSIMs(map[string]usage{
			talker: {"2004-03-09 00h": {seg(home, 100, 200, 30_000)}, "2004-03-10 05h": {seg(away, 7, 9, 1_000), seg("", 6, 0, 0)}},
			other:  {"2004-03-10 05h": {seg(home, 8, 8, 2_000)}},
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
		check := func(away_, home_, nowhere, cost float64) {
			t.Helper()
			r.good(c)
			r.want(map[string]float64{
				"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR": away_,
				"supersim_sim_network_cost_total " + talker + " " + away + " FR USD":     cost,
				"supersim_sim_network_upload_bytes_total " + other + " " + home + " DE":  home_,
				"supersim_sim_network_upload_bytes_total   ":                             nowhere,
				"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE": 100,
			})
			r.inOrder()
		}
		check(none, none, none, none)
		until(t, "2004-03-10 06:00")
		check(0, 0, 0, 0)
		// Gauges do not wait, but the hour has not been shown yet.
		r.want(map[string]float64{"supersim_sim_network_hour_upload_bytes " + talker + " " + away + " FR": 0})
		if have, want := c.NextChange(time.Now().UTC()), date("2004-03-10 06:15"); !have.Equal(want) {
			t.Errorf("next poll at %s, want %s", have, want)
		}
		until(t, "2004-03-10 06:14")
		check(0, 0, 0, 0)
		until(t, "2004-03-10 06:15")
		check(7, 8, 6, 0.001)
		until(t, "2004-03-10 07:00")
		check(7, 8, 6, 0.001)
		r.want(map[string]float64{
			"supersim_sim_network_hour_upload_bytes " + talker + " " + away + " FR": 7,
			"supersim_sim_network_hour_upload_bytes " + other + " " + home + " DE":  8,
			"supersim_sim_network_hour_upload_bytes " + talker + " " + home + " DE": 0,
			"supersim_sim_network_hour_upload_bytes   ":                             6,
		})

		// A restart ends that.
		r.restart()
		r.inventory()
		c = collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
		check(7, 8, 6, 0.001)
	})
}

// TestQueriesBySIMAndNetwork: nobody is asked for what is known.
func TestQueriesBySIMAndNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		o := options(usage{
			"2004-02-01 00h": {seg(away, 1, 0, 0)},
			"2004-03-09 00h": {seg(home, 1, 0, 0), seg("", 1, 0, 0)},
			"2004-03-10 04h": {seg(away, 1, 0, 0), seg("", 1, 0, 0)},
		})
		o.Latency = time.Second
		r := newRig(t, o)
		c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
		r.good(c)
		r.wantQueries( // of the hour from 3 to 4, in which nobody was used, the networks only
			"/v1/Networks",
			"all 2004-02-01T00 to 2004-03-01T00 by network",
			"all 2004-02-01T00 to 2004-03-01T00 by sim "+away,
			"all 2004-03-01T00 to 2004-03-10T05 by network",
			"all 2004-03-01T00 to 2004-03-10T05 by sim "+home,
			"all 2004-03-01T00 to 2004-03-10T05 by sim "+away,
			"hour 2004-03-10T03 to 2004-03-10T04 by network",
		)
		r.inventory()
		r.usageQueries()
		until(t, "2004-03-10 06:00")
		start := time.Now()
		r.good(c)
		// The account's three, two by network, three by SIM, two at a time.
		if have := time.Since(start); have != 5*time.Second {
			t.Errorf("a poll took %s", have)
		}
		r.wantQueries(
			"all 2004-03-01T00 to 2004-03-10T06 by network",
			"all 2004-03-01T00 to 2004-03-10T06 by sim "+home,
			"all 2004-03-01T00 to 2004-03-10T06 by sim "+away,
			"hour 2004-03-10T04 to 2004-03-10T05 by network",
			"hour 2004-03-10T04 to 2004-03-10T05 by sim "+away,
		)
		// The listings by network serve both groups.
		r.restart()
		r.inventory()
		r.usageQueries()
		r.good(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork("network")))
		r.wantQueries(
			"all 2004-02-01T00 to 2004-03-01T00 by network",
			"all 2004-02-01T00 to 2004-03-01T00 by sim "+away,
			"all 2004-03-01T00 to 2004-03-10T06 by network",
			"all 2004-03-01T00 to 2004-03-10T06 by sim "+home,
			"all 2004-03-01T00 to 2004-03-10T06 by sim "+away,
			"hour 2004-03-10T04 to 2004-03-10T05 by network",
			"hour 2004-03-10T04 to 2004-03-10T05 by sim "+away,
		)
	})
}

// TestAddSIMsByNetwork: a reload that adds the group starts it at 0 and asks for the
// SIMs of the month before, whose networks are known.
func TestAddSIMsByNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{
			"2004-02-01 00h": {seg(away, 1, 0, 0), seg("", 1, 0, 0)},
			"2004-03-09 00h": {seg(home, 5, 0, 0)},
		}))
		r.inventory()
		before := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(before)
		c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork("network"))
		c.Adopt(before)
		check := func(c collector.Collector, network float64) {
			t.Helper()
			r.good(c)
			r.want(map[string]float64{
				"supersim_network_upload_bytes_total " + home:                            5,
				"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE": network,
				"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR": 0,
				"supersim_sim_network_upload_bytes_total   ":                             0,
			})
		}
		check(c, 0)
		until(t, "2004-03-10 05:44")
		check(c, 0)
		until(t, "2004-03-10 05:45")
		check(c, 5)
		// Without the group nothing of it is exposed or asked for.
		gone := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		gone.Adopt(c)
		r.usageQueries()
		r.good(gone)
		for _, q := range r.usageQueries() {
			if strings.Contains(q, "HW") {
				t.Errorf("asked: %s", q)
			}
		}
		for row := range r.rows() {
			if strings.HasPrefix(row, "supersim_sim_network") {
				t.Errorf("exposed: %s", row)
			}
		}
		again := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork("network"))
		again.Adopt(gone)
		check(again, 5)
	})
}

func TestFilterOfSIMsByNetwork(t *testing.T) {
	for _, x := range []struct {
		filter config.Filter
		want   []string
	}{
		{config.Filter{}, []string{talker + " " + home + " DE", other + " " + home + " DE", talker + " " + away + " FR", "  "}},
		{config.Filter{Network: away}, []string{talker + " " + away + " FR"}},
		{config.Filter{IsoCountry: "DE"}, []string{talker + " " + home + " DE", other + " " + home + " DE"}},
		{config.Filter{Sim: talker}, []string{talker + " " + home + " DE", talker + " " + away + " FR", "  "}},
		{config.Filter{Sim: "talker", Network: home}, []string{talker + " " + home + " DE"}},
		{config.Filter{Fleet: "trucks", IsoCountry: "FR"}, []string{talker + " " + away + " FR"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-03-10 05:30")
			r := newRig(t, twoSIMs(map[string]usage{
				talker: {"2004-03-09 00h": {seg(home, 1, 1, 1), seg(away, 1, 1, 1), seg("", 1, 1, 1)}},
				other:  {"2004-03-09 00h": {seg(home, 1, 1, 1)}},
			}))
			r.inventory()
			cfg := bySIMAndNetwork()
			cfg.Filter = x.filter
			r.good(collector.NewSuperSIMUsage(r.account, cfg))
			var have []string
			for row, v := range r.rows() {
				if key, ok := strings.CutPrefix(row, "supersim_sim_network_upload_bytes_total "); ok {
					have = append(have, key)
					if v != 1 {
						t.Errorf("%s: %v", row, v)
					}
				}
			}
			slices.Sort(have)
			slices.Sort(x.want)
			if !slices.Equal(have, x.want) {
				t.Errorf("%+v: want %q, have %q", x.filter, x.want, have)
			}
		})
	}
}

// TestCountryOfANetwork: no counter changes its series within its month, whenever
// the inventory answers and whatever it says then.
func TestCountryOfANetwork(t *testing.T) {
	for _, x := range []struct {
		name            string
		inventory       []string // when it is listed
		changed         string   // when home moves from DE to SE
		bytes, cost     []string // the countries that are seen
		networkIsListed bool
	}{
		{name: "inventory first", inventory: []string{"2004-02-29 22:00"}, bytes: []string{"DE"}, cost: []string{"DE"}, networkIsListed: true},
		{name: "inventory late", inventory: []string{"2004-03-01 01:00"}, bytes: []string{"DE"}, cost: []string{"DE"}, networkIsListed: true},
		{name: "no inventory", bytes: []string{"DE"}, cost: []string{"DE"}, networkIsListed: true},
		{
			name: "changed within the month", inventory: []string{"2004-02-29 22:00", "2004-03-01 00:30"}, changed: "2004-03-01 00:15",
			bytes: []string{"DE", "SE from 2004-03-01 02:00"}, cost: []string{"DE", "SE from 2004-03-02 00:00"}, networkIsListed: true,
		},
		{
			name: "changed in the next month", inventory: []string{"2004-02-29 22:00", "2004-03-01 12:30"}, changed: "2004-03-01 12:00",
			bytes: []string{"DE"}, cost: []string{"DE", "SE from 2004-03-02 00:00"}, networkIsListed: true,
		},
		{name: "not in the list", inventory: []string{"2004-02-29 22:00", "2004-03-01 00:30"}, bytes: []string{""}, cost: []string{""}},
		{
			name: "listed later", inventory: []string{"2004-02-29 22:00", "2004-03-01 00:30"}, changed: "2004-03-01 00:15",
			bytes: []string{"", "SE from 2004-03-01 02:00"}, cost: []string{"", "SE from 2004-03-02 00:00"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-02-29 22:00")
				before := options(usage{
					"2004-02-01 00h": {seg(home, 1000, 0, 1_000_000)},
					"2004-03-01 00h": {seg(home, 5000, 0, 7_000_000)},
				})
				after := before
				after.Accounts = slices.Clone(before.Accounts)
				after.Accounts[0].NetworkList = slices.Clone(before.Accounts[0].NetworkList)
				after.Accounts[0].NetworkList[0].ISOCountry = "SE"
				if !x.networkIsListed {
					before.Accounts[0].NetworkList = before.Accounts[0].NetworkList[1:]
				}
				r := newRig(t, before)
				var c *collector.SuperSIMUsage
				last := make(map[string]float64) // by family
				sum := make(map[string]float64)
				var seen = map[string][]string{}
				requests := 0
				for end := date("2004-03-02 03:00"); time.Now().Before(end); time.Sleep(15 * time.Minute) {
					now := time.Now().UTC().Format("2006-01-02 15:04")
					if now == x.changed {
						requests += r.simulator.Requests(twiliotest.Networks)
						r.simulator = twiliotest.New(after)
						r.account.Client = r.client()
					}
					if slices.Contains(x.inventory, now) {
						r.inventory()
						requests--
					}
					if c == nil {
						c = collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
					}
					r.good(c)
					for _, family := range []string{"upload_bytes_total", "cost_total"} {
						for row, v := range r.rows() {
							key, ok := strings.CutPrefix(row, "supersim_sim_network_"+family+" "+talker+" "+home+" ")
							if !ok {
								continue
							}
							country := strings.TrimSuffix(key, "USD")
							country = strings.TrimSpace(country)
							if s := seen[family]; len(s) == 0 {
								seen[family] = []string{country}
							} else if current := s[len(s)-1]; current[:min(2, len(current))] != country {
								seen[family] = append(s, country+" from "+now)
								if v != 0 {
									t.Errorf("%s: begins at %v with another country", row, v)
								}
								last[family] = 0 // a series of its own
							}
							if v < last[family] {
								last[family] = 0
							}
							sum[family] += v - last[family]
							last[family] = v
						}
					}
				}
				if !slices.Equal(seen["upload_bytes_total"], x.bytes) || !slices.Equal(seen["cost_total"], x.cost) {
					t.Errorf("countries of bytes %q, want %q; of cost %q, want %q", seen["upload_bytes_total"], x.bytes, seen["cost_total"], x.cost)
				}
				// Also what the first sample showed.
				if sum["upload_bytes_total"] != 6000 || sum["cost_total"] != 8 {
					t.Errorf("sums %v", sum)
				}
				requests += r.simulator.Requests(twiliotest.Networks)
				want := 0
				switch {
				case !x.networkIsListed:
					want = 3 // a list may have lost it
				case len(x.inventory) == 0 || x.inventory[0] != "2004-02-29 22:00":
					want = 1
				}
				if requests != want {
					t.Errorf("%d listings of networks beside the inventory's, want %d", requests, want)
				}
			})
		})
	}
}

// TestFailedListingOfANetwork: the second round of a poll fails all of it.
func TestFailedListingOfANetwork(t *testing.T) {
	for _, query := range []string{"Granularity=all&Group=sim&Network=", "Granularity=hour&Group=sim&Network="} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-03-10 05:30")
			r := newRig(t, options(usage{
				"2004-03-01 00h": {seg(home, 1000, 0, 0), seg(away, 1, 0, 0)},
				"2004-03-10 04h": {seg(home, 2, 0, 0)}, "2004-03-10 05h": {seg(home, 1, 0, 0)},
			}))
			r.inventory()
			c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork("account", "sim", "fleet", "network", "country"))
			r.good(c)
			until(t, "2004-03-10 06:30")
			r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NoList, Query: query})
			if r.poll(c); r.err == nil || !strings.Contains(r.err.Error(), "usage by sim_network HW") {
				t.Fatalf("%s: %v", query, r.err)
			}
			r.simulator.ClearFaults()
			if result, changed := c.Advance(time.Now().UTC()); changed {
				t.Errorf("the failed poll changed the results: %v", result)
			}
			r.good(c)
			r.want(map[string]float64{
				"supersim_sim_upload_bytes_total " + talker:                              1004,
				"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE": 1003,
			})
		})
	}
}

// TestAnotherNetwork: usage of a network that was not filtered for fails the poll.
func TestAnotherNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{"2004-03-01 00h": {seg(home, 1000, 0, 0)}}))
		r.inventory()
		transport := r.simulator.Transport()
		r.respond(func(req *http.Request) (int, string) {
			if req.URL.Query().Get("Network") != "" {
				return http.StatusOK, `{"usage_records":[{"sim_sid":"` + talker + `","network_sid":"` + away + `","data_upload":1}],"meta":{"next_page_url":null}}`
			}
			req = req.Clone(req.Context())
			req.SetBasicAuth(accountSID, "token")
			resp, err := transport.RoundTrip(req)
			if err != nil {
				return http.StatusInternalServerError, err.Error()
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return http.StatusInternalServerError, err.Error()
			}
			return resp.StatusCode, string(body)
		})
		r.poll(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork()))
		if r.err == nil || !strings.Contains(r.err.Error(), "was asked for") || twilio.ReasonOf(r.err) != twilio.ReasonResponse {
			t.Errorf("have %v", r.err)
		}
	})
}

// TestRestartShowsTheSameSIMsByNetwork compares a collector that has run all along
// with one that has just started, over the turn of a month.
func TestRestartShowsTheSameSIMsByNetwork(t *testing.T) {
	for _, groups := range [][]string{nil, {"account", "sim", "fleet", "network", "country"}} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-02-29 20:00")
			r := newRig(t, twoSIMs(map[string]usage{
				talker: {
					"2004-02-01 00h": {seg(home, 1000, 10, 1_000_000), seg(away, 1, 0, 0)},
					"2004-02-29 23h": {seg(away, 20, 0, 20_000), seg(home, 3, 0, 3_000, 90*time.Minute, 20*time.Hour)},
					"2004-03-01 00h": {seg(home, 5000, 1, 7_000_000)},
				},
				other: {
					"2004-02-02 00h": {seg(away, 80, 8, 800), seg("", 90, 9, 900)},
					"2004-02-29 22h": {seg("", 4, 0, 40)},
				},
			}))
			account := r.account
			r.inventory()
			c := collector.NewSuperSIMUsage(account, bySIMAndNetwork(groups...))
			for end := date("2004-03-02 03:00"); time.Now().Before(end); time.Sleep(15 * time.Minute) {
				r.account = account
				r.good(c)
				running := r.rows()

				r.restart()
				r.inventory()
				r.good(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork(groups...)))
				r.inOrder()
				if restarted := r.rows(); !maps.Equal(running, restarted) {
					t.Errorf("%s: running shows %v, restarted %v", stamp(), running, restarted)
				}
			}
		})
	}
}

// fleetOf is an account of so many SIMs. The SIM i is in those of three networks
// that used says, in the month before, this month and the last hour alike, as well as
// in the hours between.
func fleetOf(sims int, used func(sim, network int) bool) twiliotest.Options {
	networks := []string{home, away, "HW33333333333333333333333333333333"}
	a := twiliotest.Account{SID: accountSID, AuthToken: "token", FleetList: []twiliotest.Fleet{{SID: fleet}}}
	for i, sid := range networks {
		a.NetworkList = append(a.NetworkList, twiliotest.Network{SID: sid, ISOCountry: []string{"DE", "FR", "SE"}[i], MCC: "262", MNC: "01"})
	}
	segments := make(map[string][]twiliotest.Segment)
	for i := range sims {
		sid := fmt.Sprintf("HS%032x", i)
		for n, network := range networks {
			if used(i, n) {
				segments[sid] = append(segments[sid], seg(network, 1, 2, 3))
			}
		}
		a.SIMList = append(a.SIMList, twiliotest.SIM{SID: sid, Status: "active", FleetSID: fleet})
	}
	a.Totals = func(sim twiliotest.SIM, _, _, _ time.Time) []twiliotest.Segment { return segments[sim.SID] }
	return twiliotest.Options{Accounts: []twiliotest.Account{a}}
}

// TestRequestsBySIMAndNetwork counts the requests by group of a poll: for each network, the
// pages of the SIMs that used it, in the month and in the hour.
func TestRequestsBySIMAndNetwork(t *testing.T) {
	all := func(int, int) bool { return true }
	for _, x := range []struct {
		name     string
		sims     int
		pageSize int
		used     func(sim, network int) bool
		groups   []string
		first    int // after a start, with the month before
		next     int
	}{
		{"without the group", 2500, 1000, all, []string{"account", "sim", "fleet", "network", "country"}, 14, 12},
		{"alone", 2500, 1000, all, []string{"sim_network"}, 3 + 9*3, 2 + 9*2},
		{"every SIM in one network", 2500, 1000, func(sim, network int) bool { return sim%3 == network }, []string{"account", "sim", "fleet", "network", "country", "sim_network"}, 14 + 3*3, 12 + 3*2},
		{"every SIM in every network", 2500, 1000, all, []string{"account", "sim", "fleet", "network", "country", "sim_network"}, 14 + 9*3, 12 + 9*2},
		// As 100,000 SIMs on pages of 1,000.
		{"a hundred pages", 2500, 25, all, []string{"account", "sim", "fleet", "network", "country", "sim_network"}, 8 + 200 + 3*3*100, 6 + 200 + 2*3*100},
		{"a hundred pages, one network", 2500, 25, func(sim, network int) bool { return sim/834 == network }, []string{"account", "sim", "fleet", "network", "country", "sim_network"}, 8 + 200 + 3*(34+34+34), 6 + 200 + 2*(34+34+34)},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				o := fleetOf(x.sims, x.used)
				o.MaxPageSize = x.pageSize
				r := newRig(t, o)
				r.inventory()
				cfg := superSIMUsage()
				cfg.Groups = x.groups
				c := collector.NewSuperSIMUsage(r.account, cfg)
				for _, want := range []int{x.first, x.next, x.next} {
					r.simulator.ResetCounts()
					r.good(c)
					have := 0
					for _, uri := range r.simulator.RequestURIs() {
						if strings.Contains(uri, "Group=") {
							have++
						}
					}
					if have != want || r.simulator.MaxConcurrency() > 2 {
						t.Errorf("%d requests, want %d; at most %d at a time", have, want, r.simulator.MaxConcurrency())
					}
				}
			})
		})
	}
}

// TestTooManySIMsByNetwork: max_records bounds this group, too.
func TestTooManySIMsByNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("75,000 counters")
	}
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, fleetOf(25_000, func(int, int) bool { return true }))
		for _, x := range []struct {
			groups  []string
			records int
			fails   bool
		}{
			{[]string{"sim"}, 500_000, false},
			{[]string{"sim_network"}, 500_000, true},
			{[]string{"sim_network"}, 1_000_000, false},
		} {
			r.maxRecords = x.records
			r.restart()
			cfg := superSIMUsage()
			cfg.Groups = x.groups
			r.poll(collector.NewSuperSIMUsage(r.account, cfg))
			var limit *twilio.LimitError
			if have := errors.As(r.err, &limit); have != x.fails || !have && r.err != nil {
				t.Errorf("%v with at most %d records: %v", x.groups, x.records, r.err)
			}
		}
	})
}

// TestShortListingsBySIMAndNetwork: what is left out of the first listings after a
// restart is not taken for new, neither a network nor a SIM in one.
func TestShortListingsBySIMAndNetwork(t *testing.T) {
	const homeKey, awayKey = talker + " " + home + " DE", other + " " + away + " FR"
	for _, x := range []struct {
		name  string
		fault twiliotest.Fault
		again bool // it is right when it is read again
	}{
		{"a network's SIMs once", twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Group=sim&Network=" + home, Times: 1}, true},
		{"a network's SIMs", twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Group=sim&Network=" + home}, false},
		{"the networks once", twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Group=network", Times: 3}, true}, // as well as the month before
		{"the networks", twiliotest.Fault{Kind: twiliotest.EmptyList, Query: "Group=network"}, false},
		{"a page of the networks", twiliotest.Fault{Kind: twiliotest.PageGap, Query: "Group=network"}, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				o := twoSIMs(map[string]usage{
					talker: {"2004-03-02 00h": {seg(home, 1000, 0, 3_000_000)}, "2004-03-10 04h": {seg(home, 24, 0, 0)}},
					other:  {"2004-03-02 00h": {seg(away, 70, 0, 70_000)}},
				})
				o.MaxPageSize = 1
				r := newRig(t, o)
				r.inventory()
				fault := x.fault
				fault.Endpoint = twiliotest.UsageRecords
				r.simulator.Inject(fault)
				c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
				complete := map[string]float64{
					"supersim_sim_network_upload_bytes_total " + homeKey: 1024, "supersim_sim_network_cost_total " + homeKey + " USD": 3,
					"supersim_sim_network_upload_bytes_total " + awayKey: 70, "supersim_sim_network_cost_total " + awayKey + " USD": 0.07,
					"supersim_unattributed_bytes sim_network upload": 0, "supersim_unattributed_cost sim_network USD": 0,
				}
				r.good(c)
				if x.again {
					r.want(complete)
					return
				}
				rows := r.rows()
				for row, want := range complete {
					if have, ok := rows[row]; ok && have != want && strings.HasPrefix(row, "supersim_sim_network") {
						t.Errorf("%s: %v is neither right nor left out", row, have)
					}
				}
				if rows["supersim_unattributed_bytes sim_network upload"] <= 0 || len(r.last.Warnings) == 0 {
					t.Errorf("unattributed %v, warnings %q", rows["supersim_unattributed_bytes sim_network upload"], r.last.Warnings)
				}
				r.simulator.ClearFaults()
				time.Sleep(15 * time.Minute)
				r.good(c)
				r.want(complete)

				// What appears from now on is new.
				time.Sleep(time.Hour)
				r.good(c)
				r.want(complete)
			})
		})
	}
}

// TestNewNetworkAfterAShortListing: once a listing by network was complete, a network
// that appears shows 0 first.
func TestNewNetworkAfterAShortListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{"2004-03-02 00h": {seg(home, 1000, 0, 0)}, "2004-03-10 05h": {seg(away, 7, 0, 0)}}))
		r.inventory()
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.EmptyList, Endpoint: twiliotest.UsageRecords, Query: "Group=network"})
		c := collector.NewSuperSIMUsage(r.account, bySIMAndNetwork())
		r.good(c)
		r.simulator.ClearFaults()
		until(t, "2004-03-10 05:45")
		r.good(c)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total " + talker + " " + home + " DE": 1000})
		until(t, "2004-03-10 06:00")
		r.good(c)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR": 0})
		until(t, "2004-03-10 06:15")
		r.good(c)
		r.want(map[string]float64{"supersim_sim_network_upload_bytes_total " + talker + " " + away + " FR": 7})
	})
}

// TestUnbilledBySIMAndNetwork: what is billed of a SIM in a network counts although the
// API gives no amount for a total of which a part is not billed yet.
func TestUnbilledBySIMAndNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		o := options(usage{
			"2004-03-02 00h": {seg(home, 1000, 0, 3_000_000), seg("", 5, 0, 5_000)},
			"2004-03-10 03h": {seg(home, 20, 0, 20_000, 0, 20*time.Hour), seg("", 1, 0, 1_000, 0, 20*time.Hour)},
			"2004-03-10 02h": {seg(away, 20, 0, 20_000, 0, 20*time.Hour)},
		})
		o.Readings.Unbilled = twiliotest.UnbilledPartlyNull
		r := newRig(t, o)
		for _, at := range []string{"2004-03-10 05:30", "2004-03-10 05:45"} { // after a start, and after a restart
			until(t, at)
			r.restart()
			r.inventory()
			r.good(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork()))
			r.want(map[string]float64{
				"supersim_sim_network_cost_total " + talker + " " + home + " DE USD": 3,
				"supersim_sim_network_cost_total " + talker + " " + away + " FR USD": 0,
				"supersim_sim_network_cost_total    USD":                             0.005,
			})
		}
		until(t, "2004-03-11 00:30")
		r.restart()
		r.inventory()
		r.good(collector.NewSuperSIMUsage(r.account, bySIMAndNetwork()))
		r.want(map[string]float64{
			"supersim_sim_network_cost_total " + talker + " " + home + " DE USD": 3.02,
			"supersim_sim_network_cost_total " + talker + " " + away + " FR USD": 0.02,
			"supersim_sim_network_cost_total    USD":                             0.006,
		})
	})
}
