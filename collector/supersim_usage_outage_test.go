package collector_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// turnOfFebruary is usage with late bytes, and a March that exceeds February.
func turnOfFebruary() usage {
	return usage{
		"2004-02-01 00h": {seg(home, 1000, 0, 1_000_000)},
		"2004-02-29 23h": {seg(home, 20, 0, 20_000), seg(home, 3, 0, 3_000, 90*time.Minute, 90*time.Minute)},
		"2004-03-01 00h": {seg(home, 5000, 0, 7_000_000)},
	}
}

// at polls at a moment and compares the talker's byte counter.
func (r *rig) at(c collector.Collector, moment string, want float64, created string) {
	r.t.Helper()
	until(r.t, moment)
	r.poll(c)
	r.want(map[string]float64{"supersim_sim_upload_bytes_total " + talker: want})
	if have := r.created("twilio_supersim_sim_upload_bytes_total"); have != created {
		r.t.Errorf("%s: created %s, want %s", moment, have, created)
	}
}

// next checks when the schedule is to poll without waiting.
func (r *rig) next(c collector.Clocked, want string) {
	r.t.Helper()
	if have := c.NextChange(time.Now().UTC()); !have.Equal(date(want)) {
		r.t.Errorf("%s: next poll at %s, want %s", stamp(), have, want)
	}
}

func (r *rig) fails() { r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Forbidden}) }

// TestOutageOverTheTurn: a month that could not be read to its end is not left
// until it was, and then passes through 0 like any other.
func TestOutageOverTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 23:30")
		r := newRig(t, options(turnOfFebruary()))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.at(c, "2004-02-29 23:30", 1000, "2004-02-01 02:00")
		r.next(c, "2004-03-01 01:30") // the last read but one
		r.fails()
		r.at(c, "2004-03-01 01:45", 1000, "2004-02-01 02:00")
		r.next(c, "2004-03-01 02:00")
		r.at(c, "2004-03-01 02:00", 1000, "2004-02-01 02:00")
		r.at(c, "2004-03-01 02:15", 1000, "2004-02-01 02:00")
		r.simulator.ClearFaults()
		r.at(c, "2004-03-01 04:00", 1023, "2004-02-01 02:00")
		if have, want := c.NextChange(time.Now().UTC()), date("2004-03-01 04:13").Add(30*time.Second); !have.Equal(want) {
			t.Errorf("next poll at %s, want %s", have, want)
		}
		r.at(c, "2004-03-01 04:14", 0, "2004-03-01 04:14")
		r.next(c, "2004-03-01 04:29")
		r.at(c, "2004-03-01 04:28", 0, "2004-03-01 04:14")
		r.at(c, "2004-03-01 04:29", 5000, "2004-03-01 04:14")
	})
}

// TestAppearedInAnOutage: what was first used while the API was down, at the end
// of the month, is seen at 0, then at its value, and then the month is left.
func TestAppearedInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 22:30")
		u := turnOfFebruary()
		u["2004-02-29 23h"] = append(u["2004-02-29 23h"], seg(away, 7, 0, 0))
		r := newRig(t, options(u))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		network := func(at string, want float64) {
			t.Helper()
			until(t, at)
			r.poll(c)
			r.want(map[string]float64{"supersim_network_upload_bytes_total " + away: want})
		}
		network("2004-02-29 22:30", none)
		r.fails()
		network("2004-03-01 02:00", none)
		r.simulator.ClearFaults()
		network("2004-03-01 04:00", 0)
		r.next(c, "2004-03-01 04:15")
		network("2004-03-01 04:14", 0)
		network("2004-03-01 04:15", 7)
		network("2004-03-01 04:28", 7)
		network("2004-03-01 04:29", 0)
		r.at(c, "2004-03-01 04:44", 5000, "2004-03-01 04:29")
	})
}

// TestOutageInThePassage: the passage through 0 needs no answer.
func TestOutageInThePassage(t *testing.T) {
	for _, x := range []struct {
		maxAge   time.Duration
		recovery float64
	}{
		{3 * time.Hour, 5000},
		// With this the results had vanished before they could show 0.
		{10 * time.Minute, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			until(t, "2004-02-29 23:30")
			r := newRig(t, options(turnOfFebruary()))
			r.account.MaxAge = x.maxAge
			r.inventory()
			c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
			r.at(c, "2004-02-29 23:30", 1000, "2004-02-01 02:00")
			r.at(c, "2004-03-01 01:45", 1023, "2004-02-01 02:00")
			r.fails()
			r.at(c, "2004-03-01 01:59", 1023, "2004-02-01 02:00")
			r.at(c, "2004-03-01 02:00", 0, "2004-03-01 02:00")
			r.want(map[string]float64{
				"supersim_usage_end_timestamp_seconds sim":   unix("2004-03-01 00:00"),
				"supersim_cost_end_timestamp_seconds sim":    unix("2004-03-01 00:00"),
				"supersim_sim_cost_total " + talker + " USD": 1.023, // its month is still open
			})
			r.at(c, "2004-03-01 02:15", 0, "2004-03-01 02:00")
			r.simulator.ClearFaults()
			r.at(c, "2004-03-01 04:00", x.recovery, "2004-03-01 02:00")
			r.at(c, "2004-03-01 04:08", x.recovery, "2004-03-01 02:00")
			r.at(c, "2004-03-01 04:15", 5000, "2004-03-01 02:00")
		})
	}
}

// TestStartInAnOutage: a process that was there for the passage but could not
// show it shows it first; one that came after it must not.
func TestStartInAnOutage(t *testing.T) {
	for _, x := range []struct {
		start string
		first float64
	}{
		{"2004-02-29 12:00", 0},
		{"2004-03-01 02:14", 0},
		{"2004-03-01 02:15", 5000},
	} {
		synctest.Test(t, func(t *testing.T) {
			until(t, x.start)
			r := newRig(t, options(turnOfFebruary()))
			r.inventory()
			c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
			r.fails()
			r.poll(c)
			r.simulator.ClearFaults()
			r.at(c, "2004-03-01 05:00", x.first, "2004-03-01 02:00")
			r.at(c, "2004-03-01 05:15", 5000, "2004-03-01 02:00")
		})
	}
}

// TestLongOutage: every month that was missed is shown in its turn.
func TestLongOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-10 12:00")
		u := turnOfFebruary()
		u["2004-04-02 00h"] = []twiliotest.Segment{seg(home, 9000, 0, 0)}
		r := newRig(t, options(u))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.at(c, "2004-02-10 12:00", 1000, "2004-02-01 02:00")
		r.at(c, "2004-04-20 12:00", 1023, "2004-02-01 02:00")
		r.at(c, "2004-04-20 12:14", 0, "2004-04-20 12:14")
		r.at(c, "2004-04-20 12:29", 5000, "2004-04-20 12:14")
		r.at(c, "2004-04-20 12:43", 0, "2004-04-20 12:43")
		r.at(c, "2004-04-20 12:58", 9000, "2004-04-20 12:43")
		r.at(c, "2004-04-20 13:30", 9000, "2004-04-20 12:43")
	})
}

// TestShortSettling: a month's last hour is known only when the month has
// ended, so it is shown a little longer than nothing.
func TestShortSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 23:30")
		r := newRig(t, options(turnOfFebruary()))
		r.inventory()
		cfg := superSIMUsage()
		cfg.Settle.Usage, cfg.Settle.Cost = 0, 0
		c := collector.NewSuperSIMUsage(r.account, cfg)
		r.at(c, "2004-02-29 23:30", 1000, "2004-02-01 00:15")
		r.next(c, "2004-02-29 23:45")
		r.at(c, "2004-03-01 00:00", 1020, "2004-02-01 00:15")
		r.next(c, "2004-03-01 00:15")
		r.at(c, "2004-03-01 00:15", 0, "2004-03-01 00:15")
		r.next(c, "2004-03-01 01:00") // its first hour must be whole
		r.at(c, "2004-03-01 00:59", 0, "2004-03-01 00:15")
		r.at(c, "2004-03-01 01:00", 5000, "2004-03-01 00:15")
	})
}

// TestPollOverTheEdge: an edge that passes while a poll is under way is due at
// once.
func TestPollOverTheEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-01 01:59")
		r := newRig(t, options(turnOfFebruary()))
		r.inventory()
		c := collector.NewSuperSIMUsage(r.account, superSIMUsage())
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 20 * time.Second})
		r.at(c, "2004-03-01 01:59", 1023, "2004-02-01 02:00")
		if now := time.Now(); now.Before(date("2004-03-01 02:00")) || c.NextChange(now.UTC()).After(now) {
			t.Errorf("at %s the next poll is at %s", stamp(), c.NextChange(now.UTC()))
		}
		r.at(c, "2004-03-01 02:00", 0, "2004-03-01 02:01")
	})
}
