package collector_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// lateAges are the ages of the gauges.
func lateAges() map[string]time.Duration {
	return map[string]time.Duration{
		"1h": time.Hour, "2h": 2 * time.Hour, "3h": 3 * time.Hour,
		"6h": 6 * time.Hour, "12h": 12 * time.Hour, "24h": 24 * time.Hour,
	}
}

// lateCollector has the smallest plan that there is.
func (r *rig) lateCollector() *collector.SuperSIMUsage {
	cfg := superSIMUsage()
	cfg.Groups = []string{"account"}
	return collector.NewSuperSIMUsage(r.account, cfg)
}

// run does what a schedule does until a moment: it polls at the interval, the first
// time at once, and calls AtHour at whole hours if hourly is set.
func (r *rig) run(c *collector.SuperSIMUsage, interval time.Duration, hourly bool, end string) {
	r.t.Helper()
	next := time.Now()
	for !next.After(date(end)) {
		if hour := time.Now().Truncate(time.Hour).Add(time.Hour); hourly && hour.Before(next) {
			time.Sleep(time.Until(hour))
			if err := c.AtHour(context.Background()); err != nil && r.err == nil {
				r.t.Fatalf("%s: %v", stamp(), err)
			}
			continue
		}
		time.Sleep(time.Until(next))
		r.poll(c)
		next = next.Add(interval)
	}
}

// lateRatio is a gauge's value; NaN if there is no sample.
func (r *rig) lateRatio(what, age string) float64 {
	if v, ok := r.rows()["supersim_late_"+what+"_ratio "+age]; ok {
		return v
	}
	return math.NaN()
}

// wantLate compares the gauges with the truth about all hours that ended two to nine
// days ago and begin at from or later.
func (r *rig) wantLate(from string, tolerance float64) {
	r.t.Helper()
	for age, d := range lateAges() {
		var all, reported twiliotest.Usage
		for end := time.Now().Truncate(time.Hour); time.Since(end) < 9*24*time.Hour; end = end.Add(-time.Hour) {
			start := end.Add(-time.Hour)
			if time.Since(end) < 48*time.Hour || start.Before(date(from)) {
				continue
			}
			final := r.simulator.Final(accountSID, twiliotest.Filter{}, start, end)
			then := r.simulator.Reported(accountSID, twiliotest.Filter{}, start, end, end.Add(d))
			all.Upload += final.Upload + final.Download
			all.MicroCost += final.MicroCost
			reported.Upload += then.Upload + then.Download
			reported.MicroCost += then.MicroCost
		}
		for what, want := range map[string]float64{
			"bytes": 1 - float64(reported.Upload)/float64(all.Upload),
			"cost":  1 - float64(reported.MicroCost)/float64(all.MicroCost),
		} {
			if have := r.lateRatio(what, age); !(math.Abs(have-want) <= tolerance) {
				r.t.Errorf("%s: late %s, %s: want %.4f, have %.4f", stamp(), what, age, want, have)
			}
		}
	}
}

// generated is the simulator's own world: bytes come up to 100 minutes late, half of
// them within the last third of the first hour, and bills up to 23 hours.
func generated() twiliotest.Options {
	return twiliotest.Options{Accounts: []twiliotest.Account{{SID: accountSID, AuthToken: "token", Seed: 3, SIMs: 12}}}
}

// inSteps is a world whose usage comes in steps at whole hours, a moment before them
// and a moment after, and is billed in one go.
func inSteps() twiliotest.Options {
	a := world(nil)
	a.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if sim.SID != talker {
			return nil
		}
		n := int64(1000 + hour.Hour()*100)
		return []twiliotest.Segment{
			seg(home, 3*n, n, 100*n, 0, 6*time.Hour),
			seg(home, n, n, 200*n, time.Hour, 6*time.Hour),
			seg(home, n, 2*n, 300*n, time.Hour+time.Minute, 12*time.Hour+time.Minute),
			seg(home, 0, n, 50*n, 3*time.Hour-time.Second, 24*time.Hour),
			seg(home, n, n, 70*n, 25*time.Hour, 30*time.Hour),
		}
	}
	return twiliotest.Options{Accounts: []twiliotest.Account{a}}
}

// TestLateness: the exporter finds the simulator's lag within a percent, whenever its
// polls are and however slow the API is.
func TestLateness(t *testing.T) {
	slow := func() twiliotest.Options {
		o := generated()
		o.Latency = 3 * time.Second
		return o
	}
	for _, x := range []struct {
		name     string
		options  func() twiliotest.Options
		start    string // minute of the first poll
		interval time.Duration
		tolerate float64
	}{
		{"polls at whole hours", generated, "00", 15 * time.Minute, 0.0001},
		{"polls after whole hours", generated, "07", 15 * time.Minute, 0.0001},
		{"polls before whole hours", generated, "13", time.Hour, 0.0001},
		{"slow", slow, "07", 15 * time.Minute, 0.01},
		{"in steps", inSteps, "07", 15 * time.Minute, 0.0001},
		{"in steps, polled hourly", inSteps, "02", time.Hour, 0.0001},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:"+x.start)
				r := newRig(t, x.options())
				r.run(r.lateCollector(), x.interval, true, "2004-03-21 00:00")
				r.wantLate("2004-03-01 00:00", x.tolerate)
			})
		})
	}
}

// TestLatenessByPollsAlone: where nothing could be read at whole hours, usage that
// comes evenly between two polls is placed between them.
func TestLatenessByPollsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:07")
		a := world(nil)
		a.Usage = func(sim twiliotest.SIM, hour time.Time) (all []twiliotest.Segment) {
			for i := range int64(60) { // evenly over 5 hours
				all = append(all, seg(home, 10, 10, 1000, time.Duration(i)*5*time.Minute, time.Duration(i)*5*time.Minute))
			}
			return all
		}
		r := newRig(t, twiliotest.Options{Accounts: []twiliotest.Account{a}})
		r.run(r.lateCollector(), 15*time.Minute, false, "2004-03-14 00:00")
		r.wantLate("2004-03-10 04:00", 0.01)
	})
}

// hourly is an API with one record of the account for each hour: what the hour's end
// and age decide. Nothing is recorded of an hour for which it returns "".
func (r *rig) hourly(fields func(end time.Time, age time.Duration) string) {
	r.respond(func(req *http.Request) (int, string) {
		q := req.URL.Query()
		start, _ := time.Parse(time.RFC3339, q.Get("StartTime"))
		end, _ := time.Parse(time.RFC3339, q.Get("EndTime"))
		var records []string
		for hour := start.Add(time.Hour); q.Get("Granularity") == "hour" && !hour.After(end); hour = hour.Add(time.Hour) {
			f := fields(hour, time.Since(hour))
			if f != "" && !strings.Contains(f, "period") {
				f += period(hour.Add(-time.Hour), hour)
			}
			if f != "" {
				records = append(records, "{"+f+"}")
			}
		}
		return http.StatusOK, `{"usage_records":[` + strings.Join(records, ",") + `],"meta":{"next_page_url":null}}`
	})
}

func period(start, end time.Time) string {
	return fmt.Sprintf(`,"period":{"start_time":%q,"end_time":%q}`, start.Format(time.RFC3339), end.Format(time.RFC3339))
}

// wantRatios compares the gauges of bytes or cost, age by age from the lowest; NaN is
// no sample.
func (r *rig) wantRatios(what string, want ...float64) {
	r.t.Helper()
	for i, age := range []string{"1h", "2h", "3h", "6h", "12h", "24h"} {
		if have := r.lateRatio(what, age); !(math.Abs(have-want[i]) < 1e-9) && !(math.IsNaN(have) && math.IsNaN(want[i])) {
			r.t.Errorf("%s: late %s, %s: want %v, have %v", stamp(), what, age, want[i], have)
		}
	}
}

func bytesAndMoney(upload any, billed any, unit string) string {
	return fmt.Sprintf(`"data_upload":%v,"data_download":0,"data_total_billed":%v,"billed_unit":%s`, upload, billed, unit)
}

// TestLatenessOf is hours as worked out by hand.
func TestLatenessOf(t *testing.T) {
	none := math.NaN()
	for name, x := range map[string]struct {
		fields      func(end time.Time, age time.Duration) string
		bytes, cost [6]float64
	}{
		"a silent account": {
			func(time.Time, time.Duration) string { return "" },
			[6]float64{none, none, none, none, none, none}, [6]float64{none, none, none, none, none, none},
		},
		"hours at 0": {
			func(time.Time, time.Duration) string { return bytesAndMoney(0, `"0"`, `"USD"`) },
			[6]float64{none, none, none, none, none, none}, [6]float64{none, none, none, none, none, none},
		},
		"usage that is never billed": {
			func(time.Time, time.Duration) string { return bytesAndMoney(7, "null", "null") },
			[6]float64{0, 0, 0, 0, 0, 0}, [6]float64{none, none, none, none, none, none},
		},
		"hours first recorded, and billed later": {
			func(_ time.Time, age time.Duration) string {
				switch {
				case age <= 2*time.Hour:
					return ""
				case age <= 3*time.Hour:
					return bytesAndMoney(600, "null", "null")
				case age <= 6*time.Hour:
					return bytesAndMoney(600, 0, "null")
				case age <= 12*time.Hour:
					return bytesAndMoney(800, `"0.25"`, `"USD"`)
				}
				return bytesAndMoney(1000, `"1"`, `"USD"`)
			},
			[6]float64{1, 1, 0.4, 0.4, 0.2, 0}, [6]float64{1, 1, 1, 1, 0.75, 0},
		},
		"money that is null again for a while, and records that are gone": {
			func(_ time.Time, age time.Duration) string {
				switch {
				case age > 2*time.Hour && age < 4*time.Hour:
					return ""
				case age > 2*time.Hour && age <= 6*time.Hour, age > 44*time.Hour:
					return bytesAndMoney(1000, "null", "null")
				case age <= 12*time.Hour:
					return bytesAndMoney(1000, `"0.5"`, `"USD"`)
				}
				return bytesAndMoney(1000, `"1"`, `"USD"`)
			},
			[6]float64{0, 0, 0, 0, 0, 0}, [6]float64{0.5, 0.5, 0.5, 0.5, 0.5, 0},
		},
		"hours without bytes, or without them at first": {
			func(end time.Time, age time.Duration) string {
				switch {
				case end.Hour()%3 == 0, end.Hour()%3 == 1 && age < 2*time.Hour:
					return bytesAndMoney("null", `"3"`, `"USD"`)
				case age <= time.Hour:
					return bytesAndMoney(25, `"3"`, `"USD"`)
				}
				return bytesAndMoney(100, `"3"`, `"USD"`)
			},
			[6]float64{0.75, 0, 0, 0, 0, 0}, [6]float64{0, 0, 0, 0, 0, 0},
		},
		"revised downwards": {
			func(end time.Time, age time.Duration) string {
				switch {
				case end.Hour()%2 == 0 && age <= 3*time.Hour: // must not hide that the others are late
					return bytesAndMoney(5000, `"50"`, `"USD"`)
				case age <= 3*time.Hour:
					return bytesAndMoney(60, `"0.6"`, `"USD"`)
				}
				return bytesAndMoney(100, `"1"`, `"USD"`)
			},
			[6]float64{0.2, 0.2, 0.2, 0, 0, 0}, [6]float64{0.2, 0.2, 0.2, 0, 0, 0},
		},
		"credits": {
			func(end time.Time, age time.Duration) string {
				return bytesAndMoney(1, `"-1"`, `"USD"`)
			},
			[6]float64{0, 0, 0, 0, 0, 0}, [6]float64{none, none, none, none, none, none},
		},
		"a currency that changes": {
			func(end time.Time, age time.Duration) string {
				switch {
				case end.Before(date("2004-03-19 12:00")):
					return bytesAndMoney(1, `"1"`, `"USD"`)
				case age <= time.Hour:
					return bytesAndMoney(1, `"5"`, `"EUR"`)
				}
				return bytesAndMoney(1, `"20"`, `"EUR"`)
			},
			[6]float64{0, 0, 0, 0, 0, 0}, [6]float64{0.75, 0, 0, 0, 0, 0},
		},
		"amounts without a currency": {
			func(time.Time, time.Duration) string { return bytesAndMoney(1, `"1"`, "null") },
			[6]float64{0, 0, 0, 0, 0, 0}, [6]float64{none, none, none, none, none, none},
		},
		"records of half hours": {
			func(end time.Time, age time.Duration) string {
				return bytesAndMoney(1, `"1"`, `"USD"`) + period(end.Add(-time.Hour), end.Add(-30*time.Minute))
			},
			[6]float64{none, none, none, none, none, none}, [6]float64{none, none, none, none, none, none},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2004-03-10 05:07")
				r := newRig(t, options(nil))
				r.hourly(x.fields)
				r.run(r.lateCollector(), 3*time.Hour, true, "2004-03-22 00:00")
				if r.err != nil {
					t.Fatal(r.err)
				}
				r.wantRatios("bytes", x.bytes[:]...)
				r.wantRatios("cost", x.cost[:]...)
			})
		})
	}
}

// lateUntilTwo has half of each hour come between one hour and two after its end, and
// nine tenths of what ended from 8 to 12 o'clock on March 15.
func lateUntilTwo(end time.Time, age time.Duration) string {
	switch {
	case age > 2*time.Hour:
		return bytesAndMoney(100, `"1"`, `"USD"`)
	case !end.Before(date("2004-03-15 08:00")) && end.Before(date("2004-03-15 12:00")):
		return bytesAndMoney(10, `"0.1"`, `"USD"`)
	}
	return bytesAndMoney(50, `"0.5"`, `"USD"`)
}

// TestLatenessAfterRestart: without having seen an hour at an age there is no sample,
// and after nine days nothing of the restart is left.
func TestLatenessAfterRestart(t *testing.T) {
	none := math.NaN()
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:07")
		r := newRig(t, options(nil))
		r.hourly(lateUntilTwo)
		c := r.lateCollector()
		r.good(c)
		r.wantRatios("bytes", none, none, none, none, none, none)
		r.run(c, 30*time.Minute, true, "2004-03-11 05:07")
		r.wantRatios("bytes", none, none, none, none, none, none) // no hour that was seen is two days old
		r.run(c, 30*time.Minute, true, "2004-03-11 06:37")
		r.wantRatios("bytes", none, none, none, none, none, 0)
		r.run(c, 30*time.Minute, true, "2004-03-12 04:07") // of 4:00, seen at two hours and not at one
		r.wantRatios("bytes", none, 0.5, 0, 0, 0, 0)
		r.run(c, 30*time.Minute, true, "2004-03-12 06:07")
		r.wantRatios("bytes", 0.5, 0.5, 0, 0, 0, 0)

		c = r.lateCollector()
		r.run(c, 30*time.Minute, true, "2004-03-13 06:07")
		r.wantRatios("cost", none, none, none, none, none, none)
		r.run(c, 30*time.Minute, true, "2004-03-21 07:07")
		// The hours of 8 to 12 o'clock are among the 168: 4 × 90 + 164 × 50.
		r.wantRatios("cost", (4*0.9+164*0.5)/168, (4*0.9+164*0.5)/168, 0, 0, 0, 0)
	})
}

// TestLatenessInAnOutage: hours count for the ages at which they could be seen.
func TestLatenessInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:07")
		r := newRig(t, options(nil))
		r.hourly(lateUntilTwo)
		c := r.lateCollector()
		r.run(c, 15*time.Minute, true, "2004-03-15 08:07")
		r.respond(func(*http.Request) (int, string) { return http.StatusForbidden, `{"code":70051}` })
		r.run(c, 15*time.Minute, true, "2004-03-15 14:06")
		if r.err == nil {
			t.Fatal("the polls succeeded")
		}
		r.hourly(lateUntilTwo)
		r.run(c, 15*time.Minute, true, "2004-03-18 14:07")
		// None of those hours was seen at one hour or two, but all were at a day.
		r.wantRatios("bytes", 0.5, 0.5, 0, 0, 0, 0)
		r.wantRatios("cost", 0.5, 0.5, 0, 0, 0, 0)
	})
}

// TestLatenessAfterReload: a reload forgets nothing, unless it asks for other usage.
func TestLatenessAfterReload(t *testing.T) {
	none := math.NaN()
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:07")
		r := newRig(t, options(nil))
		r.hourly(lateUntilTwo)
		c := r.lateCollector()
		r.run(c, 30*time.Minute, true, "2004-03-14 06:07")
		r.wantRatios("bytes", 0.5, 0.5, 0, 0, 0, 0)

		next := r.lateCollector()
		next.Adopt(c)
		r.good(next)
		r.wantRatios("bytes", 0.5, 0.5, 0, 0, 0, 0)

		cfg := superSIMUsage()
		cfg.Groups, cfg.Filter.IsoCountry = []string{"account"}, "DE"
		other := collector.NewSuperSIMUsage(r.account, cfg)
		other.Adopt(next)
		r.good(other)
		r.wantRatios("bytes", none, none, none, none, none, none)
	})
}

// TestLatenessOfAFilter: the hours are those of the usage that is asked for.
func TestLatenessOfAFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-10 05:07")
		r := newRig(t, options(usage{
			"2004-03-10 05h": {seg(home, 1000, 0, 1_000_000), seg(away, 500, 0, 500_000, 90*time.Minute, 90*time.Minute), seg(away, 500, 0, 500_000)},
		}))
		cfg := superSIMUsage()
		cfg.Groups, cfg.Filter.IsoCountry = []string{"account"}, "FR"
		r.run(collector.NewSuperSIMUsage(r.account, cfg), 15*time.Minute, true, "2004-03-12 12:07")
		r.wantRatios("bytes", 0.5, 0, 0, 0, 0, 0)
		r.wantRatios("cost", 0.5, 0, 0, 0, 0, 0)
	})
}
