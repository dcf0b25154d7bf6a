package collector_test

import (
	"context"
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

func TestUsageOfAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{
			"2004-02-29 23h": {seg(home, 5000, 5000, 5_000_000)},                                 // not of this month
			"2004-03-01 00h": {seg(home, 100, 200, 30_000)},                                      // its first hour
			"2004-03-10 03h": {seg(away, 7, 9, 1_000, 0, 20*time.Hour)},                          // not billed yet
			"2004-03-10 04h": {seg(home, 1, 2, 2_500), seg(away, 4, 0, 0, time.Hour, time.Hour)}, // the second part is late
			"2004-03-10 05h": {seg(home, 90, 90, 90)},                                            // not whole yet
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:           108,
			"supersim_sim_download_bytes_total " + talker:         211,
			"supersim_sim_cost_total " + talker + " USD":          0.0325,
			"supersim_sim_upload_bytes_total " + silent:           0,
			"supersim_sim_download_bytes_total " + silent:         0,
			"supersim_sim_cost_total " + silent + " USD":          0,
			"supersim_sim_upload_bytes_total " + off:              none,
			"supersim_fleet_upload_bytes_total " + fleet:          108,
			"supersim_fleet_cost_total " + fleet + " USD":         0.0325,
			"supersim_account_upload_bytes_total " + accountSID:   108,
			"supersim_account_download_bytes_total " + accountSID: 211,
			"supersim_account_cost_total " + accountSID + " USD":  0.0325,
			"supersim_network_upload_bytes_total " + home:         101,
			"supersim_network_upload_bytes_total " + away:         7,
			"supersim_network_cost_total " + home + " USD":        0.0325,
			"supersim_network_cost_total " + away + " USD":        0,
			"supersim_country_download_bytes_total DE":            202,
			"supersim_country_download_bytes_total FR":            9,
			"supersim_country_cost_total DE USD":                  0.0325,
			"supersim_network_info " + home + " Home DE":          1,
			"supersim_network_info " + away + " Away FR":          1,
			// The hour that ended an hour ago, from 3 to 4.
			"supersim_sim_hour_upload_bytes " + talker:         7,
			"supersim_sim_hour_download_bytes " + talker:       9,
			"supersim_sim_hour_upload_bytes " + silent:         0,
			"supersim_sim_hour_upload_bytes " + off:            none,
			"supersim_network_hour_upload_bytes " + away:       7,
			"supersim_network_hour_upload_bytes " + home:       0,
			"supersim_country_hour_download_bytes FR":          9,
			"supersim_account_hour_upload_bytes " + accountSID: 7,
			"supersim_hour_end_timestamp_seconds sim":          unix("2004-03-10 04:00"),
			"supersim_usage_end_timestamp_seconds sim":         unix("2004-03-10 05:00"),
			"supersim_cost_end_timestamp_seconds country":      unix("2004-03-10 05:00"),
		})
		for family, want := range map[string]string{
			"twilio_supersim_sim_upload_bytes_total": "2004-03-01 02:00", // when February had settled
			"twilio_supersim_sim_cost_total":         "2004-03-02 00:00",
		} {
			if have := r.created(family); have != want {
				t.Errorf("%s: want created %s, have %s", family, want, have)
			}
		}
		if r.last.Records != 1+1+1+2+2 /* month */ +1*5 /* hour */ +1+1+1 /* account, network and country before */ +1+1 /* the hour of what is not billed */ +2 /* hours of nine days */ {
			t.Errorf("records: %d", r.last.Records)
		}

		// The late part comes, the bill too.
		until(t, "2004-03-11 00:10")
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:   202,
			"supersim_sim_cost_total " + talker + " USD":  0.03359,
			"supersim_network_upload_bytes_total " + away: 11,
			"supersim_usage_end_timestamp_seconds sim":    unix("2004-03-11 00:00"),
		})
	})
}

// TestMonthsTurn follows one SIM over the turn of months, as worked out by
// hand: settling, the passage through 0, late bytes and later bills.
func TestMonthsTurn(t *testing.T) {
	for _, turn := range []struct{ last, first, second string }{
		{"2003-12-31", "2004-01-01", "2004-01-02"}, // 31 days, another year
		{"2004-02-29", "2004-03-01", "2004-03-02"}, // a leap day
		{"2005-02-28", "2005-03-01", "2005-03-02"},
		{"2005-04-30", "2005-05-01", "2005-05-02"},
	} {
		t.Run(turn.first, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				month := turn.last[:8] + "01"
				until(t, turn.last+" 22:00")
				r := newRig(t, options(usage{
					month + " 00h":      {seg(home, 1000, 0, 1_000_000)},
					turn.last + " 23h":  {seg(home, 20, 0, 20_000), seg(home, 3, 0, 3_000, 90*time.Minute, 20*time.Hour)},
					turn.first + " 00h": {seg(home, 5000, 0, 7_000_000)}, // more than the month before
					turn.first + " 01h": {seg(home, 1, 0, 1_000)},
				}))
				r.inventory()
				c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
				check := func(at string, bytes, cost float64, usageMonth, usageEnd, costMonth, costEnd string) {
					t.Helper()
					until(t, at)
					r.good(c)
					r.want(map[string]float64{
						"supersim_sim_upload_bytes_total " + talker:  bytes,
						"supersim_sim_cost_total " + talker + " USD": cost,
						"supersim_usage_end_timestamp_seconds sim":   unix(usageEnd),
						"supersim_cost_end_timestamp_seconds sim":    unix(costEnd),
					})
					if have := r.created("twilio_supersim_sim_upload_bytes_total"); have != usageMonth+" 02:00" {
						t.Errorf("%s: bytes created %s, want %s 02:00", at, have, usageMonth)
					}
					if have := r.created("twilio_supersim_sim_cost_total"); have != costMonth[:8]+"02 00:00" {
						t.Errorf("%s: cost created %s, want a day after %s", at, have, costMonth)
					}
				}
				last, first, second := turn.last, turn.first, turn.second
				midnight := first + " 00:00"
				check(last+" 23:59", 1000, 1, month, last+" 23:00", month, last+" 23:00")
				check(first+" 00:00", 1020, 1.02, month, midnight, month, midnight)
				check(first+" 01:29", 1020, 1.02, month, midnight, month, midnight)
				check(first+" 01:45", 1023, 1.02, month, midnight, month, midnight) // the late bytes
				check(first+" 01:59", 1023, 1.02, month, midnight, month, midnight)
				check(first+" 02:00", 0, 1.02, first, midnight, month, midnight)
				check(first+" 02:14", 0, 1.02, first, midnight, month, midnight)
				check(first+" 02:15", 5001, 1.02, first, first+" 02:00", month, midnight)
				check(first+" 20:01", 5001, 1.023, first, first+" 20:00", month, midnight) // the late bill
				check(first+" 23:45", 5001, 1.023, first, first+" 23:00", month, midnight)
				check(second+" 00:00", 5001, 0, first, second+" 00:00", first, midnight)
				check(second+" 00:14", 5001, 0, first, second+" 00:00", first, midnight)
				check(second+" 00:15", 5001, 7.001, first, second+" 00:00", first, second+" 00:00")

				// A restart at any of these moments shows the same.
			})
		})
	}
}

// TestRestartShowsTheSame compares a collector that has run all along with one
// that has just started, over the turn of a month.
func TestRestartShowsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 20:00")
		r := newRig(t, options(usage{
			"2004-02-01 00h": {seg(home, 1000, 10, 1_000_000), seg(away, 1, 0, 0)},
			"2004-02-29 23h": {seg(away, 20, 0, 20_000), seg(home, 3, 0, 3_000, 90*time.Minute, 20*time.Hour)},
			"2004-03-01 00h": {seg(home, 5000, 1, 7_000_000)},
		}))
		account := r.account
		r.inventory()
		c := collector.NewSuperSIMUsage(account, superSIMUsage())
		for end := date("2004-03-02 03:00"); time.Now().Before(end); time.Sleep(15 * time.Minute) {
			r.account = account
			r.good(c)
			running := r.rows()

			r.restart()
			r.inventory()
			r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
			restarted := r.rows()
			for name, v := range running {
				if have, ok := restarted[name]; !ok || have != v {
					t.Errorf("%s: %s: running shows %v, restarted %v (%v)", stamp(), name, v, have, ok)
				}
			}
			for name := range restarted {
				if _, ok := running[name]; !ok {
					t.Errorf("%s: %s: only the restarted one shows it", stamp(), name)
				}
			}
		}
	})
}

func TestFirstAppearance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{
			"2004-03-09 00h": {seg(home, 100, 200, 30_000)},
			"2004-03-10 05h": {seg(away, 7, 9, 1_000)},
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + away: none, "supersim_country_cost_total FR USD": none})

		until(t, "2004-03-10 06:00")
		r.good(c)
		r.want(map[string]float64{
			"supersim_network_upload_bytes_total " + away: 0,
			"supersim_country_cost_total FR USD":          0,
			// What has been seen before steps at once.
			"supersim_sim_upload_bytes_total " + talker: 107,
			// Gauges do not wait.
			"supersim_network_hour_upload_bytes " + away: 0,
		})
		if have, want := c.NextChange(time.Now().UTC()), date("2004-03-10 06:15"); !have.Equal(want) {
			t.Errorf("next poll at %s, want %s", have, want)
		}
		until(t, "2004-03-10 06:14")
		r.good(c)
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + away: 0})
		until(t, "2004-03-10 06:15")
		r.good(c)
		r.want(map[string]float64{
			"supersim_network_upload_bytes_total " + away: 7,
			"supersim_country_cost_total FR USD":          0.001,
		})

		// A restart ends that.
		r.restart()
		r.inventory()
		r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + away: 7})
	})
}

func TestSilentAllMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-04-20 05:30")
		r := newRig(t, options(usage{"2004-03-09 00h": {seg(home, 100, 200, 30_000)}}))
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_network_upload_bytes_total " + home:        0, // had usage in the month before
			"supersim_country_download_bytes_total DE":           0,
			"supersim_network_hour_upload_bytes " + home:         0,
			"supersim_account_upload_bytes_total " + accountSID:  0,
			"supersim_account_cost_total " + accountSID + " USD": none, // nothing billed this month
			"supersim_sim_upload_bytes_total " + talker:          none, // the inventory has not answered
		})
		if next := c.NextChange(time.Now().UTC()); next.Before(date("2004-05-01 00:00")) {
			t.Errorf("next poll at %s", next)
		}
		r.inventory()
		if next := c.NextChange(time.Now().UTC()); next.After(time.Now()) {
			t.Errorf("the inventory has answered, but the next poll is at %s", next)
		}
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:  0,
			"supersim_fleet_upload_bytes_total " + fleet: 0,
			"supersim_sim_hour_upload_bytes " + silent:   0,
		})
		// In May the network is silent for two months, and gone.
		until(t, "2004-05-01 01:45")
		r.good(c)
		until(t, "2004-05-01 02:00")
		r.good(c)
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + home: 0})
		until(t, "2004-05-01 02:15")
		r.good(c)
		r.want(map[string]float64{"supersim_network_upload_bytes_total " + home: none, "supersim_sim_upload_bytes_total " + talker: 0})
	})
}

func TestNoCounterFalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{
			"2004-03-01 00h": {seg(home, 1000, 2000, 3_000_000)},
			"2004-03-10 05h": {seg(home, 1000, 0, 0)},
		}))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		before := r.rows()

		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals})
		time.Sleep(15 * time.Minute)
		r.good(c)
		held := r.rows()
		for name, v := range before {
			if strings.Contains(name, "_total") && held[name] != v {
				t.Errorf("%s: was %v, is %v", name, v, held[name])
			}
		}
		// Upload, download and cost of the SIM, its fleet, the account, network and country.
		if r.last.Decreases != 15 || len(r.last.Warnings) != 1 {
			t.Errorf("%d decreases, warnings %q", r.last.Decreases, r.last.Warnings)
		}
		time.Sleep(15 * time.Minute) // 6:00: 10 % less of 2000, which is more than before
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1800, "supersim_sim_download_bytes_total " + talker: 2000})
		if r.last.Decreases != 0 {
			t.Errorf("what was low stays low, but %d decreases are counted again", r.last.Decreases)
		}
		r.simulator.ClearFaults()
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 2000, "supersim_sim_download_bytes_total " + talker: 2000})
	})
}

func TestNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{"2004-03-01 00h": {seg(home, 1000, 2000, 3_000_000)}}))
		r.inventory()
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers})
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.pollSoon(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:         none,
			"supersim_sim_cost_total " + talker + " USD":        none,
			"supersim_sim_upload_bytes_total " + silent:         0,
			"supersim_sim_cost_total " + silent + " USD":        0, // the currency is named
			"supersim_network_upload_bytes_total " + home:       none,
			"supersim_account_upload_bytes_total " + accountSID: none,
		})
		r.simulator.ClearFaults()
		time.Sleep(15 * time.Minute)
		r.good(c)
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1000})
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers})
		time.Sleep(15 * time.Minute)
		r.good(c)
		r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1000, "supersim_sim_cost_total " + talker + " USD": 3})
	})
}

func TestFailedPollPublishesNothing(t *testing.T) {
	for _, kind := range []twiliotest.FaultKind{
		twiliotest.ConflictingDuplicates, twiliotest.UnreadableNumbers, twiliotest.NegativeNumbers, twiliotest.NoList,
		twiliotest.ForeignNext, twiliotest.LoopNext, twiliotest.MalformedJSON, twiliotest.Unauthorized, twiliotest.ServerError,
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				r := newRig(t, options(usage{
					"2004-03-01 00h": {seg(home, 1000, 2000, 3_000_000)},
					"2004-03-10 04h": {seg(home, 2, 2, 2)}, "2004-03-10 05h": {seg(home, 1, 1, 1)},
				}))
				r.inventory()
				c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
				r.good(c)
				// The last of the listings fails, after the others have been read.
				until(t, "2004-03-10 06:30")
				r.simulator.Inject(twiliotest.Fault{Kind: kind, After: 10})
				if r.poll(c); r.err == nil {
					t.Fatal("the poll succeeded")
				}
				r.simulator.ClearFaults()
				if result, changed := c.Advance(time.Now().UTC()); changed {
					t.Errorf("the failed poll changed the results: %v", result)
				}
				r.good(c)
				r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1003, "supersim_sim_download_bytes_total " + talker: 2003})
			})
		})
	}
}

func TestHarmlessOddities(t *testing.T) {
	for _, kind := range []twiliotest.FaultKind{twiliotest.DuplicateRecords, twiliotest.UnknownFields, twiliotest.MissingPeriod} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:30")
				r := newRig(t, options(usage{"2004-03-02 00h": {seg(home, 1000, 2000, 3_000_000)}}))
				r.inventory()
				r.simulator.Inject(twiliotest.Fault{Kind: kind})
				r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
				r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: 1000, "supersim_sim_cost_total " + talker + " USD": 3})
			})
		})
	}
}

func TestUsageWithoutItsDimension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{"2004-03-01 00h": {seg("", 1000, 2000, 3_000_000)}}))
		r.good(collector.NewSuperSIMUsage(r.account, superSIMUsage()))
		r.want(map[string]float64{
			"supersim_network_upload_bytes_total ": 1000,
			"supersim_country_upload_bytes_total ": 1000,
			"supersim_network_cost_total  USD":     3,
		})
	})
}

// TestWholeDays: where the API wants such ranges to end at midnight, hours make
// up the rest.
func TestWholeDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		o := options(usage{
			"2004-03-01 00h": {seg(home, 1<<53, 1, 100_000)},
			"2004-03-10 00h": {seg(home, 1, 2, 200_000)},
			"2004-03-10 04h": {seg(home, 3, 4, 10_000)},
		})
		o.AllNeedsMidnight = true
		r := newRig(t, o)
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.good(c)
		r.want(map[string]float64{
			"supersim_sim_upload_bytes_total " + talker:   1<<53 + 4,
			"supersim_sim_download_bytes_total " + talker: 7,
			"supersim_sim_cost_total " + talker + " USD":  0.31, // exactly, not 0.1 + 0.2 + 0.01
		})
		// MissingPeriod makes the hours indistinguishable.
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.MissingPeriod})
		time.Sleep(15 * time.Minute)
		if r.poll(c); r.err == nil || twilio.ReasonOf(r.err) != twilio.ReasonResponse {
			t.Errorf("hours without a period: %v", r.err)
		}
	})
}

func TestFilterShowsNothingElseAsSilent(t *testing.T) {
	for _, x := range []struct {
		filter config.Filter
		sims   []string
		fleets []string
	}{
		{config.Filter{}, []string{talker, silent}, []string{fleet}},
		{config.Filter{Sim: "talker"}, []string{talker}, []string{fleet}},
		{config.Filter{Sim: silent}, []string{silent}, []string{fleet}},
		{config.Filter{Fleet: "trucks"}, []string{talker, silent}, []string{fleet}},
		{config.Filter{Fleet: "HF99999999999999999999999999999999"}, nil, nil},
		{config.Filter{IsoCountry: "FR"}, []string{talker, silent}, []string{fleet}},
	} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-03-10 05:30")
			r := newRig(t, options(usage{}))
			r.inventory()
			cfg := superSIMUsage()
			cfg.Filter = x.filter
			r.good(collector.NewSuperSIMUsage(r.account, cfg))
			var sims, fleets []string
			for _, b := range r.last.Batches {
				for s := range b.All() {
					switch b.Family.Name {
					case "twilio_supersim_sim_upload_bytes_total":
						sims = append(sims, s.Labels[0])
					case "twilio_supersim_fleet_upload_bytes_total":
						fleets = append(fleets, s.Labels[0])
					}
				}
			}
			slices.Sort(sims)
			if !slices.Equal(sims, x.sims) || !slices.Equal(fleets, x.fleets) {
				t.Errorf("%+v: sims %v, fleets %v", x.filter, sims, fleets)
			}
		})
	}
}

func TestContextEndsAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:30")
		r := newRig(t, options(usage{}))
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 20 * time.Second})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := collector.NewSuperSIMUsage(r.account, superSIMUsage()).Poll(ctx)
		if err == nil || time.Since(start) != time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}
