package collector_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	small = "HF11111111111111111111111111111111" // 100 MB a period
	large = "HF22222222222222222222222222222222" // 1,000 MB

	periodBytes = "supersim_sim_period_bytes "
	periodEnd   = "supersim_sim_period_end_timestamp_seconds "
	notAsked    = "supersim_data_limit_sims_not_asked "
)

// limitSIM names a SIM of these tests.
func limitSIM(n int) string { return fmt.Sprintf("HS%032d", n) }

// limitWorld is what a test of data limits begins with.
type limitWorld struct {
	sims    []twiliotest.SIM // active and in the small fleet unless they say otherwise
	usage   map[string]int64 // bytes by SID and hour, as "HS… 2000-03-01 05"
	periods map[string][]twiliotest.BillingPeriod
	limits  [2]int64 // MB of the small and the large fleet; 0: 100 and 1,000

	options twiliotest.Options
}

func span(kind, start, end string) twiliotest.BillingPeriod {
	p := twiliotest.BillingPeriod{Type: kind}
	for text, moment := range map[string]*time.Time{start: &p.Start, end: &p.End} {
		if text == "" {
			continue
		}
		var err error
		if *moment, err = time.Parse("2006-01-02 15:04:05", text); err != nil {
			panic(err)
		}
	}
	return p
}

func (w limitWorld) simulator() *twiliotest.Simulator {
	limits := w.limits
	if limits == [2]int64{} {
		limits = [2]int64{100, 1000}
	}
	account := twiliotest.Account{
		SID: accountSID, AuthToken: "token",
		FleetList: []twiliotest.Fleet{{SID: small, DataLimitMB: limits[0]}, {SID: large, DataLimitMB: limits[1]}},
		Usage: func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if n := w.usage[sim.SID+hour.UTC().Format(" 2006-01-02 15")]; n > 0 {
				return []twiliotest.Segment{{Upload: n / 4, Download: n - n/4}}
			}
			return nil
		},
		BillingPeriods: func(sim twiliotest.SIM, _ time.Time) []twiliotest.BillingPeriod {
			return slices.Clone(w.periods[sim.SID])
		},
	}
	for _, sim := range w.sims {
		if sim.FleetSID == "" {
			sim.FleetSID = small
		}
		if sim.FleetSID == "none" {
			sim.FleetSID = ""
		}
		account.SIMList = append(account.SIMList, sim)
	}
	o := w.options
	o.Accounts = []twiliotest.Account{account}
	return twiliotest.New(o)
}

// limitRig polls one collector of a world.
type limitRig struct {
	*rig
	cfg       config.SuperSIMDataLimits
	collector *collector.SuperSIMDataLimits
	change    func(*http.Request, []byte) []byte // of a response's body; nil: none
	seen      int                                // requests that were looked at
}

func newLimitRig(t *testing.T, w limitWorld) *limitRig {
	t.Helper()
	r := &limitRig{
		rig: &rig{t: t, simulator: w.simulator()},
		cfg: config.SuperSIMDataLimits{WatchFrom: 0.5, MaxRequests: 1000},
	}
	r.restart()
	return r
}

func (r *limitRig) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := r.simulator.Transport().RoundTrip(q)
	if err != nil || r.change == nil {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.change(q, body)))
	resp.ContentLength = -1
	return resp, nil
}

// restart forgets everything, and lists the inventory.
func (r *limitRig) restart() {
	r.t.Helper()
	client, err := twilio.New(twilio.Options{
		AccountSID: accountSID, SuperSIMURL: "http://simulator", APIURL: "http://simulator", UserAgent: "test",
		Transport: promconfig.NewBasicAuthRoundTripper(promconfig.NewInlineSecret(accountSID), promconfig.NewInlineSecret("token"), r),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.account = &collector.Account{Client: client, Inventory: new(collector.Inventory), MaxAge: 3 * time.Hour, Started: time.Now().UTC()}
	r.collector = collector.NewSuperSIMDataLimits(r.account, r.cfg)
	r.inventory()
	r.seen = len(r.simulator.Log())
}

// poll polls once, and wants so many requests: the pages of the listing by SIM, and the
// periods and the usage of single SIMs.
func (r *limitRig) poll(pages, periods, usages int) {
	r.t.Helper()
	r.good(r.collector)
	r.wantRequests(pages, periods, usages)
}

func (r *limitRig) wantRequests(pages, periods, usages int) {
	r.t.Helper()
	log := r.simulator.Log()
	var have [3]int
	for _, q := range log[r.seen:] {
		switch {
		case strings.Contains(q.URI, "/BillingPeriods"):
			have[1]++
		case strings.Contains(q.URI, "Group=sim"):
			have[0]++
		case strings.Contains(q.URI, "Sim=HS"):
			have[2]++
		default:
			r.t.Errorf("a request that is not expected: %s", q.URI)
		}
	}
	r.seen = len(log)
	if want := [3]int{pages, periods, usages}; have != want {
		r.t.Errorf("%s: want %v requests (listing, periods, usage), have %v", stamp(), want, have)
	}
}

// wantRows compares all rows, and the number of SIMs that were not asked for.
func (r *limitRig) wantRows(left int, want map[string]float64) {
	r.t.Helper()
	all := map[string]float64{notAsked: float64(left)}
	for name, v := range want {
		all[name] = v
	}
	r.want(all)
	for name, v := range r.rows() {
		if _, ok := all[name]; !ok {
			r.t.Errorf("%s: %s: want no row, have %v", stamp(), name, v)
		}
	}
}

func (r *limitRig) wantWarning(parts ...string) {
	r.t.Helper()
	if want := min(len(parts), 1); len(r.last.Warnings) != want {
		r.t.Errorf("%s: want %d warnings, have %q", stamp(), want, r.last.Warnings)
		return
	}
	for _, part := range parts {
		if !strings.Contains(r.last.Warnings[0], part) {
			r.t.Errorf("%s: want %q in %q", stamp(), part, r.last.Warnings[0])
		}
	}
}

// TestDataLimitsByHand: what is exposed of whom, to the byte.
func TestDataLimitsByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := limitWorld{
			sims: []twiliotest.SIM{
				{SID: limitSIM(1)}, {SID: limitSIM(2)}, {SID: limitSIM(3)}, {SID: limitSIM(4), FleetSID: large}, {SID: limitSIM(5), FleetSID: "none"},
				{SID: limitSIM(6), Status: "inactive"}, {SID: limitSIM(7), Status: "new"}, {SID: limitSIM(8)}, {SID: limitSIM(9), Status: "hibernating"}, {SID: limitSIM(10)},
			},
			usage: map[string]int64{
				limitSIM(1) + " 2000-02-20 09": 5_000_000, // of the period before
				limitSIM(1) + " 2000-02-20 10": 7_000_000, // the period starts in this hour
				limitSIM(1) + " 2000-03-01 05": 53_000_000,
				limitSIM(1) + " 2000-03-15 11": 1,
				limitSIM(1) + " 2000-03-15 12": 40_000_000, // not whole yet

				limitSIM(2) + " 2000-03-10 00": 49_999_999, // less than half of the limit
				limitSIM(3) + " 2000-03-10 00": 50_000_000,
				limitSIM(4) + " 2000-03-10 00": 499_999_999, // of a higher limit
				limitSIM(5) + " 2000-03-10 00": 900_000_000, // no limit
				limitSIM(6) + " 2000-03-10 00": 900_000_000, // cannot send
				limitSIM(7) + " 2000-03-10 00": 900_000_000,
				limitSIM(8) + " 2000-03-15 11": 60_000_000, // and its period starts after that
				limitSIM(9) + " 2000-03-10 00": 70_000_000, // may send, for all that is known
				// 31 days ago, to the hour: not in the listing.
				limitSIM(10) + " 2000-02-13 11": 90_000_000,
			},
			periods: map[string][]twiliotest.BillingPeriod{
				limitSIM(1): {span("active", "2000-02-20 10:20:30", "2000-03-20 10:20:30")},
				limitSIM(3): {span("active", "2000-03-11 00:00:00", "2000-04-11 00:00:00")}, // silent in it
				limitSIM(8): {span("active", "2000-03-15 12:00:01", "2000-04-15 12:00:01")},
				limitSIM(9): {span("frozen", "2000-03-10 00:59:59", "2000-04-10 00:59:59")},
			},
		}
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, w)
		want := map[string]float64{
			periodBytes + limitSIM(1): 60_000_001, periodEnd + limitSIM(1): float64(w.periods[limitSIM(1)][0].End.Unix()),
			periodBytes + limitSIM(3): 0, periodEnd + limitSIM(3): unix("2000-04-11 00:00"),
			periodBytes + limitSIM(8): 0, periodEnd + limitSIM(8): unix("2000-04-15 12:00") + 1,
			periodBytes + limitSIM(9): 70_000_000, periodEnd + limitSIM(9): unix("2000-04-10 00:59") + 59,
		}
		r.poll(1, 4, 3) // of SIM 8, no hour is whole
		r.wantRows(0, want)
		r.wantWarning()
		r.poll(1, 0, 3) // the periods are known
		r.wantRows(0, want)
		next := collector.NewSuperSIMDataLimits(r.account, r.cfg)
		next.Adopt(r.collector)
		r.collector = next
		r.poll(1, 0, 3) // also after a reload
		r.wantRows(0, want)
		r.restart()
		r.poll(1, 4, 3)
		r.wantRows(0, want)

		until(t, "2000-03-15 13:00")
		r.poll(1, 0, 4)
		want[periodBytes+limitSIM(1)] = 100_000_001
		r.wantRows(0, want)
	})
}

// TestDataLimitsWithoutLimits: KORE's fleets may have none.
func TestDataLimitsWithoutLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, limitWorld{sims: []twiliotest.SIM{{SID: limitSIM(1)}}, usage: map[string]int64{limitSIM(1) + " 2000-03-10 00": 900_000_000}})
		r.simulator.Inject(twiliotest.Fault{Kind: twiliotest.NullNumbers, Endpoint: twiliotest.Fleets})
		r.restart()
		r.poll(1, 0, 0)
		r.wantRows(0, nil)
	})
}

// TestDataLimitsWaitForTheInventory: without it, a poll asks nothing and fails nothing;
// once it is known, a poll is due.
func TestDataLimitsWaitForTheInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, oneSIM())
		inventory := r.account.Inventory
		r.account.Inventory = new(collector.Inventory)
		r.poll(0, 0, 0)
		r.wantWarning()
		if have := r.rows(); len(have) != 0 {
			t.Errorf("want no rows, have %v", have)
		}
		now := time.Now().UTC()
		if due := r.collector.NextChange(now); !due.IsZero() {
			t.Errorf("want no poll to be due, have %s", due)
		}
		r.account.Inventory = inventory
		if due := r.collector.NextChange(now); !due.Equal(now) {
			t.Errorf("want a poll to be due, have %s", due)
		}
		r.poll(1, 1, 1)
		r.wantRows(0, oneSIMsRows())
		if due := r.collector.NextChange(now); !due.IsZero() {
			t.Errorf("want no poll to be due, have %s", due)
		}
	})
}

// oneSIM is a world of one SIM that has used 80 of its 100 MB.
func oneSIM() limitWorld {
	return limitWorld{
		sims:    []twiliotest.SIM{{SID: limitSIM(1)}},
		usage:   map[string]int64{limitSIM(1) + " 2000-03-10 00": 80_000_000},
		periods: map[string][]twiliotest.BillingPeriod{limitSIM(1): {span("active", "2000-03-05 06:00:00", "2000-04-05 06:00:00")}},
	}
}

func oneSIMsRows() map[string]float64 {
	return map[string]float64{periodBytes + limitSIM(1): 80_000_000, periodEnd + limitSIM(1): unix("2000-04-05 06:00")}
}

// TestDataLimitsOfTheNextPeriod: the series goes on with the period that has begun.
func TestDataLimitsOfTheNextPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneSIM()
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{
			span("active", "2000-02-05 06:30:00", "2000-03-05 06:30:00"), span("active", "2000-03-05 06:30:00", "2000-04-05 06:30:00"),
		}
		w.usage = map[string]int64{
			limitSIM(1) + " 2000-02-10 00": 90_000_000, limitSIM(1) + " 2000-03-05 05": 1000,
			limitSIM(1) + " 2000-03-05 06": 200, limitSIM(1) + " 2000-03-05 07": 30,
		}
		until(t, "2000-03-05 06:29")
		r := newLimitRig(t, w)
		r.poll(1, 1, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 90_001_000, periodEnd + limitSIM(1): unix("2000-03-05 06:30")})
		until(t, "2000-03-05 06:30")
		r.poll(1, 1, 0)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 0, periodEnd + limitSIM(1): unix("2000-04-05 06:30")})
		until(t, "2000-03-05 07:30")
		r.poll(1, 0, 1) // the hour in which it starts counts whole
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 200, periodEnd + limitSIM(1): unix("2000-04-05 06:30")})
		until(t, "2000-03-05 08:30")
		r.poll(1, 0, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 230, periodEnd + limitSIM(1): unix("2000-04-05 06:30")})
		// The usage of the period before leaves the listing.
		until(t, "2000-03-12 01:00")
		r.poll(1, 0, 0)
		r.wantRows(0, nil)
	})
}

// TestDataLimitsThatChange: another fleet, or another limit of it.
func TestDataLimitsThatChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		w := oneSIM()
		r := newLimitRig(t, w)
		r.poll(1, 1, 1)
		r.wantRows(0, oneSIMsRows())
		change := func(w limitWorld) {
			r.simulator = w.simulator()
			r.inventory()
			r.seen = len(r.simulator.Log())
		}
		moved := w
		moved.sims = []twiliotest.SIM{{SID: limitSIM(1), FleetSID: large}}
		change(moved)
		r.poll(1, 0, 0)
		r.wantRows(0, nil) // 8 % of its new limit
		moved.limits = [2]int64{100, 150}
		change(moved)
		r.poll(1, 1, 1)
		r.wantRows(0, oneSIMsRows())
		moved.limits = [2]int64{100, 161}
		change(moved)
		r.poll(1, 0, 0)
		r.wantRows(0, nil)
		change(w)
		r.poll(1, 1, 1)
		r.wantRows(0, oneSIMsRows())
	})
}

// TestLongBillingPeriods: of a period that is longer than a listing by SIM may be, its
// whole usage counts, and its SIM stays watched.
func TestLongBillingPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneSIM()
		w.usage = map[string]int64{limitSIM(1) + " 2000-02-01 00": 80_000_000, limitSIM(1) + " 2000-03-20 00": 1}
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{span("active", "2000-01-31 23:59:59", "2000-04-30 00:00:00")}
		until(t, "2000-02-03 12:30")
		r := newLimitRig(t, w)
		r.poll(1, 1, 1)
		until(t, "2000-03-25 12:30")
		r.poll(1, 0, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 80_000_001, periodEnd + limitSIM(1): unix("2000-04-30 00:00")})
		// A period without an end may have begun before the API's memory does.
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{span("active", "1990-01-01 00:00:00", "")}
		w.usage[limitSIM(1)+" 2000-03-20 00"] = 60_000_000
		r.simulator = w.simulator()
		r.restart()
		r.poll(1, 1, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 140_000_000})
	})
}

// TestBillingPeriodsOfEveryKind: the current one counts, wherever it is listed.
func TestBillingPeriodsOfEveryKind(t *testing.T) {
	const now = "2000-03-15 12:30"
	before, current := span("active", "2000-02-05 06:00:00", "2000-03-05 06:00:00"), span("active", "2000-03-05 06:00:00", "2000-04-05 06:00:00")
	after := span("active", "2000-04-05 06:00:00", "2000-05-05 06:00:00")
	ready := span("ready", "2000-02-20 00:00:00", "2000-05-20 00:00:00")
	sid := func(sid string, p twiliotest.BillingPeriod) twiliotest.BillingPeriod { p.SID = sid; return p }
	good := oneSIMsRows()
	unlimited := map[string]float64{periodBytes + limitSIM(1): 80_000_000}
	for name, test := range map[string]struct {
		periods []twiliotest.BillingPeriod
		want    map[string]float64
		again   int // requests for the period in a second poll
		warning string
	}{
		"newest first":               {[]twiliotest.BillingPeriod{after, current, before}, good, 0, ""},
		"oldest first":               {[]twiliotest.BillingPeriod{before, current, after}, good, 0, ""},
		"none":                       {nil, nil, 1, "1 SIMs near their data limits have no billing period"},
		"only past ones":             {[]twiliotest.BillingPeriod{before}, nil, 1, "have no billing period"},
		"only future ones":           {[]twiliotest.BillingPeriod{after}, nil, 1, "have no billing period"},
		"no end":                     {[]twiliotest.BillingPeriod{span("active", "2000-03-05 06:00:00", "")}, unlimited, 1, ""},
		"no start":                   {[]twiliotest.BillingPeriod{span("active", "", "2000-04-05 06:00:00")}, nil, 1, "have no billing period"},
		"nothing":                    {[]twiliotest.BillingPeriod{{SID: "HB1"}}, nil, 1, "have no billing period"},
		"one in place of another":    {[]twiliotest.BillingPeriod{sid("HB1", ready), sid("HB2", current)}, good, 0, ""},
		"the same, in another order": {[]twiliotest.BillingPeriod{sid("HB1", current), sid("HB2", ready)}, good, 0, ""},
		"starts this second":         {[]twiliotest.BillingPeriod{before, span("active", "2000-03-15 12:30:00", "2000-04-15 12:30:00")}, map[string]float64{periodBytes + limitSIM(1): 0, periodEnd + limitSIM(1): unix("2000-04-15 12:30")}, 0, ""},
		"ends this second":           {[]twiliotest.BillingPeriod{span("active", "2000-02-15 12:30:00", "2000-03-15 12:30:00")}, nil, 1, "have no billing period"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, now)
				w := oneSIM()
				w.periods[limitSIM(1)] = test.periods
				w.options.MaxPageSize = 1000
				r := newLimitRig(t, w)
				r.good(r.collector)
				r.wantRows(0, test.want)
				if test.warning == "" {
					r.wantWarning()
				} else {
					r.wantWarning(test.warning, limitSIM(1))
				}
				r.seen = len(r.simulator.Log())
				usages := 1
				if test.want == nil || name == "starts this second" {
					usages = 0
				}
				r.poll(1, test.again, usages)
				r.wantRows(0, test.want)
				r.wantWarning() // is given once
			})
		})
	}
}

// TestReadyPeriods: a period of a SIM that is ready ends when it becomes active.
func TestReadyPeriods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneSIM()
		w.sims[0].Status = "ready"
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{span("ready", "2000-03-01 00:00:00", "2000-06-01 00:00:00")}
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, w)
		r.poll(1, 1, 1)
		r.poll(1, 0, 1)
		active := w
		active.sims = []twiliotest.SIM{{SID: limitSIM(1)}}
		r.simulator = active.simulator() // the status changes before the period does
		r.inventory()
		r.seen = len(r.simulator.Log())
		r.poll(1, 1, 1)
		r.poll(1, 1, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 80_000_000, periodEnd + limitSIM(1): unix("2000-06-01 00:00")})
		w.periods[limitSIM(1)] = append(w.periods[limitSIM(1)], span("active", "2000-03-15 12:10:00", "2000-04-15 12:10:00"))
		r.poll(1, 1, 0)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 0, periodEnd + limitSIM(1): unix("2000-04-15 12:10")})
		until(t, "2000-03-15 13:30")
		r.poll(1, 0, 1)
		// Of any other change of status, too, the period is asked for once.
		active.sims = []twiliotest.SIM{{SID: limitSIM(1), Status: "scheduled"}}
		r.simulator = active.simulator()
		r.inventory()
		r.seen = len(r.simulator.Log())
		r.poll(1, 1, 1)
		r.poll(1, 0, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 0, periodEnd + limitSIM(1): unix("2000-04-15 12:10")})
	})
}

// TestReadyPeriodsWithNulls: what was used in the period that is over is not taken for
// usage in the one that has taken its place.
func TestReadyPeriodsWithNulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oneSIM()
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{span("ready", "2000-03-01 00:00:00", "2000-06-01 00:00:00")}
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, w)
		r.poll(1, 1, 1)
		w.periods[limitSIM(1)] = append(w.periods[limitSIM(1)], span("active", "2000-03-09 12:10:00", "2000-04-09 12:10:00"))
		r.change = func(q *http.Request, body []byte) []byte {
			if !q.URL.Query().Has("Sim") {
				return body
			}
			return regexp.MustCompile(`"data_(upload|total)":\d+`).ReplaceAll(body, []byte(`"data_$1":null`))
		}
		r.poll(1, 1, 1)
		r.wantRows(0, map[string]float64{periodBytes + limitSIM(1): 60_000_000, periodEnd + limitSIM(1): unix("2000-04-09 12:10")})
	})
}

// TestMaxRequestsInTurn: a SIM that was not asked for may have used as much as the
// listing says.
func TestMaxRequestsInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := fiveSIMs()
		w.sims = w.sims[:3]
		// SIM 1 has used most of it in the period before.
		w.periods[limitSIM(1)] = []twiliotest.BillingPeriod{span("active", "2000-03-12 00:00:00", "2000-04-12 00:00:00")}
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, w)
		r.poll(1, 3, 3)
		r.cfg.MaxRequests = 2
		next := collector.NewSuperSIMDataLimits(r.account, r.cfg)
		next.Adopt(r.collector)
		r.collector = next
		for i, want := range [][]int{{2, 3}, {1, 2}, {2, 3}, {1, 2}} {
			r.seen = len(r.simulator.Log())
			r.good(r.collector)
			for _, q := range r.simulator.Log()[r.seen:] {
				asked := slices.ContainsFunc(want, func(n int) bool { return strings.Contains(q.URI, "Sim="+limitSIM(n)) })
				if strings.Contains(q.URI, "Sim=") && !asked {
					t.Errorf("poll %d: want only SIMs %v to be asked for, have %s", i, want, q.URI)
				}
			}
		}
	})
}

// fiveSIMs is a world of SIMs that have used 90, 80, 70, 60 and 120 of their 100 MB.
func fiveSIMs() limitWorld {
	w := limitWorld{usage: make(map[string]int64), periods: make(map[string][]twiliotest.BillingPeriod)}
	for i, megabytes := range []int64{90, 80, 70, 60, 120} {
		sid := limitSIM(i + 1)
		w.sims = append(w.sims, twiliotest.SIM{SID: sid})
		w.usage[sid+" 2000-03-10 00"] = megabytes * 1_000_000
		w.periods[sid] = []twiliotest.BillingPeriod{span("active", "2000-03-05 06:00:00", "2000-04-05 06:00:00")}
	}
	return w
}

func fiveSIMsRows(sims ...int) map[string]float64 {
	rows := make(map[string]float64)
	for _, i := range sims {
		rows[periodBytes+limitSIM(i)] = []float64{90e6, 80e6, 70e6, 60e6, 120e6}[i-1]
		rows[periodEnd+limitSIM(i)] = unix("2000-04-05 06:00")
	}
	return rows
}

// TestMaxRequests: those nearest to their limits come first, and what was found is not
// forgotten for those that come later.
func TestMaxRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, fiveSIMs())
		r.cfg.MaxRequests = 5
		r.restart()
		r.poll(1, 2, 2)
		r.wantRows(3, fiveSIMsRows(5, 1))
		r.wantWarning("3 SIMs near their data limits were not asked for", "max_requests is 5")
		// SIM 5 is over its limit: it waits until the others have been asked for.
		r.poll(1, 2, 3)
		r.wantRows(2, fiveSIMsRows(5, 1, 2, 3))
		r.wantWarning()
		r.poll(1, 1, 4)
		r.wantRows(1, fiveSIMsRows(1, 2, 3, 4, 5))
		r.poll(1, 0, 5)
		r.wantRows(0, fiveSIMsRows(1, 2, 3, 4, 5))
		r.wantWarning()
		// Below it, a SIM is asked for in place of another, which keeps its value.
		r.cfg.MaxRequests = 2
		next := collector.NewSuperSIMDataLimits(r.account, r.cfg)
		next.Adopt(r.collector)
		r.collector = next
		r.poll(1, 0, 2)
		r.wantRows(3, fiveSIMsRows(1, 2, 3, 4, 5))
		r.wantWarning("3 SIMs")
	})
}

// TestMaxRequestsOfMidnights: a SIM takes up to four requests where the API wants
// ranges from midnight to midnight.
func TestMaxRequestsOfMidnights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		w := fiveSIMs()
		w.options.AllNeedsMidnight = true
		r := newLimitRig(t, w)
		r.cfg.MaxRequests = 9
		r.restart()
		r.poll(4, 2, 6) // the listing is refused once, then it has three parts
		r.wantRows(3, fiveSIMsRows(5, 1))
		r.poll(3, 1, 6)
		r.wantRows(3, fiveSIMsRows(5, 1, 2)) // 3 + 4; SIM 3 would take up to 4 more
		for range 3 {
			r.good(r.collector)
			log := r.simulator.Log()[r.seen:]
			r.seen += len(log)
			if single := len(log) - 3; single > 9 {
				t.Errorf("%d requests about single SIMs", single)
			}
		}
	})
}

// TestDeletedSIMs: a SIM that is gone is not there, and fails nothing.
func TestDeletedSIMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, fiveSIMs())
		gone := r.simulator.SIMs(accountSID)
		r.simulator.SetSIMs(accountSID, gone[1:])
		r.seen = len(r.simulator.Log())
		r.poll(1, 5, 4)
		r.wantRows(0, fiveSIMsRows(2, 3, 4, 5))
		r.wantWarning("1 SIMs near their data limits are no longer there", limitSIM(1))
		r.poll(1, 1, 4)
		r.wantWarning()
		r.inventory()
		r.seen = len(r.simulator.Log())
		r.poll(1, 0, 4)
		r.wantRows(0, fiveSIMsRows(2, 3, 4, 5))
	})
}

// TestDataLimitsFailWhole: any other error fails the poll, and what was read of
// periods is not asked for again.
func TestDataLimitsFailWhole(t *testing.T) {
	for name, fault := range map[string]twiliotest.Fault{
		"the listing":           {Kind: twiliotest.ServerError, Endpoint: twiliotest.UsageRecords, Times: 1},
		"a period":              {Kind: twiliotest.ServerError, Endpoint: twiliotest.BillingPeriods, After: 2, Times: 1},
		"a SIM's usage":         {Kind: twiliotest.ServerError, Endpoint: twiliotest.UsageRecords, After: 3, Times: 1},
		"a number":              {Kind: twiliotest.UnreadableNumbers, Endpoint: twiliotest.UsageRecords, After: 3, Times: 1},
		"an overflow":           {Kind: twiliotest.HugeNumbers, Endpoint: twiliotest.UsageRecords},
		"two answers":           {Kind: twiliotest.ConflictingDuplicates, Endpoint: twiliotest.BillingPeriods},
		"two answers for usage": {Kind: twiliotest.ConflictingDuplicates, Endpoint: twiliotest.UsageRecords, After: 1},
		"a permission":          {Kind: twiliotest.Forbidden, Endpoint: twiliotest.BillingPeriods},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2000-03-15 12:30")
				r := newLimitRig(t, fiveSIMs())
				r.simulator.Inject(fault)
				r.rig.poll(r.collector)
				if r.err == nil {
					t.Error("want an error")
				}
				if due := r.collector.NextChange(time.Now().UTC()); due.IsZero() {
					t.Error("want a poll to be due as long as none has succeeded")
				}
				synctest.Wait() // requests that were broken off may be on their way
				asked := r.simulator.Requests(twiliotest.BillingPeriods)
				r.simulator.ClearFaults()
				r.good(r.collector)
				r.wantRows(0, fiveSIMsRows(1, 2, 3, 4, 5))
				// A request that failed is sent again.
				if again := r.simulator.Requests(twiliotest.BillingPeriods) - asked; again > 5 || name == "a SIM's usage" && again > 2 {
					t.Errorf("%d periods were asked for and then %d", asked, again)
				}
			})
		})
	}
}

// TestDataLimitsWithNulls: bytes that are not reported leave a SIM as it was, and those
// that are reported count.
func TestDataLimitsWithNulls(t *testing.T) {
	number := regexp.MustCompile(`"data_(upload|total)":\d+`)
	single := func(q *http.Request) bool { return q.URL.Query().Has("Sim") }
	null := func(q *http.Request, body []byte) []byte {
		if !single(q) {
			return body
		}
		return number.ReplaceAll(body, []byte(`"data_$1":null`))
	}
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, oneSIM())
		r.change = null
		r.poll(1, 1, 1)
		want := oneSIMsRows()
		want[periodBytes+limitSIM(1)] = 60_000_000 // the download
		r.wantRows(0, want)
		r.wantWarning("1 SIMs near their data limits have bytes that the API does not report", limitSIM(1))
		r.poll(1, 0, 1)
		r.wantWarning()
		r.change = nil
		r.poll(1, 0, 1)
		r.wantRows(0, oneSIMsRows())
		r.change = null
		r.poll(1, 0, 1)
		r.wantRows(0, oneSIMsRows()) // it cannot have become less
		r.wantWarning("have bytes that the API does not report")
		r.change = nil
		r.poll(1, 0, 1)

		everything := twiliotest.Fault{Kind: twiliotest.NullNumbers, Endpoint: twiliotest.UsageRecords}
		r.simulator.Inject(everything)
		r.poll(1, 0, 1)
		r.wantRows(0, oneSIMsRows())
		r.restart() // nothing is known of the SIM but that it has used something
		r.poll(1, 1, 1)
		r.wantRows(0, nil)
		r.wantWarning("have bytes that the API does not report")
		r.simulator.ClearFaults()
		r.poll(1, 0, 1)
		r.wantRows(0, oneSIMsRows())

		// A total alone is enough.
		r.change = func(_ *http.Request, body []byte) []byte {
			return regexp.MustCompile(`"data_(upload|download)":\d+`).ReplaceAll(body, []byte(`"data_$1":null`))
		}
		r.restart()
		r.poll(1, 1, 1)
		r.wantRows(0, oneSIMsRows())
		r.wantWarning()
	})
}

// TestDataLimitsOfAnotherSIM: the usage of another SIM is not taken for this one's.
func TestDataLimitsOfAnotherSIM(t *testing.T) {
	for name, part := range map[string]string{"usage": "UsageRecords", "periods": "BillingPeriods"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2000-03-15 12:30")
				r := newLimitRig(t, oneSIM())
				r.change = func(q *http.Request, body []byte) []byte {
					if !strings.HasSuffix(q.URL.Path, part) || q.URL.Query().Has("Group") {
						return body
					}
					return bytes.ReplaceAll(body, []byte(`"sim_sid":"`+limitSIM(1)), []byte(`"sim_sid":"`+limitSIM(2)))
				}
				r.rig.poll(r.collector)
				if r.err == nil || twilio.ReasonOf(r.err) != twilio.ReasonResponse || !strings.Contains(r.err.Error(), limitSIM(1)) {
					t.Errorf("want an error about the SIM, have %v", r.err)
				}
			})
		})
	}
}

// TestRequestsForDataLimits is the table of what a poll costs.
func TestRequestsForDataLimits(t *testing.T) {
	for _, test := range []struct {
		sims, near          int
		pages, first, later int // requests of the listing, and about single SIMs
	}{
		{sims: 100, near: 5, pages: 1, first: 10, later: 5},
		{sims: 2500, near: 0, pages: 3, first: 0, later: 0},
		{sims: 2500, near: 125, pages: 3, first: 250, later: 125},
		{sims: 2500, near: 600, pages: 3, first: 1000, later: 700}, // 500 SIMs, then 500 and 100 new ones
	} {
		t.Run(fmt.Sprintf("%d of %d", test.near, test.sims), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, "2000-03-15 12:30")
				account := twiliotest.Account{
					SID: accountSID, AuthToken: "token", FleetList: []twiliotest.Fleet{{SID: small, DataLimitMB: 100}},
					Totals: func(sim twiliotest.SIM, _, _, _ time.Time) []twiliotest.Segment {
						if sim.SID < limitSIM(test.near) {
							return []twiliotest.Segment{{Upload: 60_000_000}}
						}
						return []twiliotest.Segment{{Upload: 1}}
					},
					BillingPeriods: func(twiliotest.SIM, time.Time) []twiliotest.BillingPeriod {
						return []twiliotest.BillingPeriod{span("active", "2000-03-05 06:00:00", "2000-04-05 06:00:00")}
					},
				}
				for i := range test.sims {
					account.SIMList = append(account.SIMList, twiliotest.SIM{SID: limitSIM(i), FleetSID: small})
				}
				r := &limitRig{
					rig: &rig{t: t, simulator: twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{account}})},
					cfg: config.SuperSIMDataLimits{WatchFrom: 0.5, MaxRequests: 1000},
				}
				r.restart()
				r.poll(test.pages, test.first/2, test.first/2)
				r.poll(test.pages, test.near-test.first/2, test.near)
			})
		})
	}
}

// TestDataLimitsAreStopped: a poll whose context ends has not asked for every SIM.
func TestDataLimitsAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2000-03-15 12:30")
		r := newLimitRig(t, fiveSIMs())
		ctx, cancel := context.WithCancel(t.Context())
		r.change = func(q *http.Request, body []byte) []byte {
			if q.URL.Query().Has("Group") {
				cancel() // once the listing is read
			}
			return body
		}
		if result, err := r.collector.Poll(ctx); err == nil {
			t.Errorf("want an error, have %+v", result)
		}
	})
}

// TestRandomDataLimits: whatever the world and the moment, what is exposed is what the
// simulator reports for the SIM's period, and who is over half of the limit is exposed.
func TestRandomDataLimits(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	exposedSIMs := 0
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 12))
			time.Sleep(time.Until(date("2002-03-01 00:00").Add(time.Duration(random.Int64N(int64(400 * 24 * time.Hour))))))
			simulator := twiliotest.New(twiliotest.Options{
				Readings: twiliotest.Readings{AllNeedsMidnight: seed%2 == 0},
				Accounts: []twiliotest.Account{{
					SID: accountSID, AuthToken: "token", Seed: uint64(seed), SIMs: 20,
					FleetList: []twiliotest.Fleet{{SID: small, DataLimitMB: 300}, {SID: large, DataLimitMB: 3000}}, CutOff: seed%3 == 0,
				}},
			})
			r := &limitRig{rig: &rig{t: t, simulator: simulator}, cfg: config.SuperSIMDataLimits{WatchFrom: 0.5, MaxRequests: 1000}}
			r.restart()
			r.good(r.collector)
			rows, now := r.rows(), time.Now().UTC()
			for _, sim := range simulator.SIMs(accountSID) {
				p := simulator.BillingPeriod(accountSID, sim.SID, now)
				have, exposed := rows[periodBytes+sim.SID]
				if exposed {
					exposedSIMs++
				}
				if p.Start.IsZero() || sim.FleetSID == "" {
					if exposed {
						t.Errorf("%s has no period or no limit, and is exposed", sim.SID)
					}
					continue
				}
				used := simulator.Reported(accountSID, twiliotest.Filter{Sim: sim.SID}, p.Start.Truncate(time.Hour), now.Truncate(time.Hour), now)
				total := float64(used.Upload + used.Download)
				limit := map[string]float64{small: 300e6, large: 3000e6}[sim.FleetSID]
				if exposed && (have != total || rows[periodEnd+sim.SID] != float64(p.End.Unix())) || !exposed && total >= limit/2 {
					t.Errorf("seed %d, %s: %s from %s to %s: want %v of %v, have %v, %t", seed, stamp(), sim.SID, p.Start, p.End, total, limit, have, exposed)
				}
			}
		})
	}
	if exposedSIMs < 2*rounds {
		t.Errorf("of %d worlds, only %d SIMs are exposed", rounds, exposedSIMs)
	}
}
