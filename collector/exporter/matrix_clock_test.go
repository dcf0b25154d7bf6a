package exporter_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// A clockFault is what happens to the exporter's clock, or to its machine, between two
// polls. The service's clock stays right.
//
// The clock of a testing/synctest bubble only goes forward, so each poll has a bubble of
// its own, and its collector goes on where that of the poll before ended.
type clockFault struct {
	at    string        // when the first poll is
	off   time.Duration // of the exporter's clock in a second poll, 5 minutes later
	sleep time.Duration // from the first poll to the next one, without a second poll
}

func clocks() section {
	const day = 24 * time.Hour
	row := func(name string, f clockFault, usage, monthly effect) fault {
		return fault{
			name: name, run: f.meet,
			effects: every(effect{notApplicable: "no times requested"}).but(usage, twiliotest.UsageRecords).but(monthly, twiliotest.Monthly),
		}
	}
	// An account's usage is requested by days, and what is ahead has no records.
	future := fails("refused", "code 83600")
	held := effect{warns: true, log: []string{"lower than before"}, requests: unlimited, note: "counters hold their higher values"}
	asleep := effect{requests: unlimited, note: "counters are up to date with the next poll"}
	const noon, before, begun, shown = "2004-03-15 12:02:00", "2004-03-31 23:02:00", "2004-04-01 00:02:00", "2004-04-01 02:32:00"
	return section{
		title: "Clock and machine",
		about: "The exporter's clock is wrong for one poll and right again an hour later; the API's is right. The counters are then the same as without the fault.",
		faults: []fault{
			row("clock an hour ahead", clockFault{at: noon, off: time.Hour}, future, effect{}),
			row("clock a day ahead", clockFault{at: noon, off: day}, future, effect{}),
			row("clock an hour ahead, over the month's end", clockFault{at: before, off: time.Hour}, future, effect{}),
			row("clock a day ahead, over the month's end", clockFault{at: before, off: day}, future, effect{}),
			row("clock set back by an hour", clockFault{at: noon, off: -time.Hour}, held, effect{}),
			row("clock set back by a day", clockFault{at: noon, off: -day}, held, effect{}),
			row("clock set back by an hour, over the month's start", clockFault{at: begun, off: -time.Hour}, held, effect{}),
			row("clock set back by an hour, into the time in which counters showed 0", clockFault{at: shown, off: -time.Hour}, held, effect{}),
			row("clock set back by a day, over the month's start", clockFault{at: shown, off: -day}, held, effect{}),
			row("suspended for a night", clockFault{at: noon, sleep: 8 * time.Hour}, asleep, asleep),
			row("suspended for a night, over the month's end", clockFault{at: before, sleep: 8 * time.Hour}, asleep, asleep),
		},
	}
}

// steadily is a world with one SIM that sends the same in every hour, and an account
// whose usage grows by one each hour.
func steadily(now func() time.Time) *twiliotest.Simulator {
	return twiliotest.New(twiliotest.Options{Now: now, Accounts: []twiliotest.Account{{
		SID: sidA, AuthToken: "token-a", Start: date("2004-02-01 00:00"),
		SIMList: []twiliotest.SIM{{SID: sim1, FleetSID: fleet1}}, FleetList: []twiliotest.Fleet{{SID: fleet1}},
		NetworkList: []twiliotest.Network{{SID: network1, ISOCountry: "US"}},
		Usage: func(twiliotest.SIM, time.Time) []twiliotest.Segment {
			return []twiliotest.Segment{{NetworkSID: network1, Upload: 100, Download: 10, MicroCost: 1000}}
		},
		Monthly: func(month, at time.Time) []twiliotest.MonthlyRecord {
			hours := min(at.Sub(month), month.AddDate(0, 1, 0).Sub(month)) / time.Hour
			return []twiliotest.MonthlyRecord{{Category: "calls", Usage: strconv.Itoa(int(hours)), UsageUnit: "minutes", Price: "1", PriceUnit: "usd"}}
		},
	}}})
}

// A sleeper is a collector whose polls are in bubbles of their own.
type sleeper struct {
	endpoint twiliotest.Endpoint
	poller   collector.Collector
	shared   *collector.Account
	shown    map[string]float64 // counters, as of the last poll that succeeded
	created  time.Time
}

// poll polls at a moment of a clock that is off.
func (s *sleeper) poll(t *testing.T, at time.Time, off time.Duration) (result collector.Result, err error) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at.Add(off)))
		simulator := steadily(func() time.Time { return time.Now().Add(-off) })
		client, e := twilio.New(twilio.Options{
			AccountSID: sidA, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test",
			Transport: promconfig.NewBasicAuthRoundTripper(
				promconfig.NewInlineSecret(sidA), promconfig.NewInlineSecret("token-a"), simulator.Transport()),
		})
		if e != nil {
			t.Fatal(e)
		}
		cfg := parse(t, "accounts:"+twilioAccount)
		shared := &collector.Account{
			Client: client, Inventory: new(collector.Inventory), Rollover: cfg.Rollover(), MaxAge: cfg.MaxAge(),
			Started: time.Now().UTC(),
		}
		if s.shared != nil {
			shared.Started = s.shared.Started
		}
		s.shared = shared
		if _, e := collector.NewSuperSIMInventory(shared, cfg.Accounts()[0].Collectors.SuperSIMInventory).Poll(context.Background()); e != nil {
			t.Fatal(e)
		}
		var next collector.Collector = collector.NewSuperSIMUsage(shared, cfg.Accounts()[0].Collectors.SuperSIMUsage)
		if s.endpoint == twiliotest.Monthly {
			next = collector.NewAccountUsage(shared, cfg.Accounts()[0].Collectors.AccountUsage)
		}
		if s.poller != nil {
			next.(collector.Adopter).Adopt(s.poller)
		}
		s.poller = next
		if advanced, changed := next.(collector.Clocked).Advance(time.Now().UTC()); changed {
			s.show(advanced.Batches)
		}
		if result, err = next.Poll(context.Background()); err == nil {
			s.show(result.Batches)
		}
	})
	return result, err
}

func (s *sleeper) show(batches []metric.Batch) {
	s.shown = make(map[string]float64)
	for _, b := range batches {
		if b.Family.Type != metric.TypeCounter {
			continue
		}
		s.created = b.Created
		for sample := range b.All() {
			s.shown[b.Family.Name+" "+strings.Join(sample.Labels, " ")] = sample.Value
		}
	}
}

// meet runs one cell, beside a collector that polls at the same moments and meets no
// fault.
func (f clockFault) meet(t *testing.T, c column, want effect) outcomeAt {
	first, err := time.Parse("2006-01-02 15:04:05", f.at)
	if err != nil {
		t.Fatal(err)
	}
	faulty, control := &sleeper{endpoint: c.endpoint}, &sleeper{endpoint: c.endpoint}
	good := func(s *sleeper, at time.Time) {
		t.Helper()
		if _, err := s.poll(t, at, 0); err != nil {
			t.Fatal(err)
		}
	}
	good(faulty, first)
	good(control, first)
	out := outcomeAt{effect: want, column: c}
	if f.sleep > 0 {
		first = first.Add(f.sleep)
	} else {
		before, month := faulty.shown, faulty.created
		good(control, first.Add(5*time.Minute))
		result, err := faulty.poll(t, first.Add(5*time.Minute), f.off)
		out.err, out.made = f.wantPoll(t, c, want, result, err), 1
		for series, v := range before {
			if have, ok := faulty.shown[series]; faulty.created != month || !ok || have < v {
				t.Errorf("%s fell from %v to %v", series, v, have)
			}
		}
	}
	good(control, first.Add(time.Hour))
	good(faulty, first.Add(time.Hour))
	if faulty.created != control.created {
		t.Errorf("counters run from %s, without the fault from %s", faulty.created, control.created)
	}
	for series, v := range control.shown {
		if have, ok := faulty.shown[series]; !ok || have != v {
			t.Errorf("%s: want %v as without the fault, have %v", series, v, have)
		}
	}
	return out
}

// wantPoll compares the poll with the wrong clock with what it should be, and returns
// what is logged of it.
func (f clockFault) wantPoll(t *testing.T, c column, want effect, result collector.Result, err error) string {
	t.Helper()
	text, reason := strings.Join(result.Warnings, "; "), ""
	if err != nil {
		text, reason = err.Error(), string(twilio.ReasonOf(err))
	}
	if reason != want.reason || want.warns != (len(result.Warnings) > 0) || want.warns != (result.Decreases > 0) {
		t.Errorf("want the reason %q and warnings %t, have %q", want.reason, want.warns, text)
	}
	for _, part := range want.log {
		if !strings.Contains(text, part) {
			t.Errorf("want %q in %q", part, text)
		}
	}
	return withoutDetails(text, c)
}
