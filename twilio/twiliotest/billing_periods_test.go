package twiliotest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// TestBillingPeriods: consecutive months of the SIM's own, at any second, in an order
// that no client can rely on.
func TestBillingPeriods(t *testing.T) {
	s := twiliotest.New(options())
	starts, orders := make(map[string]bool), make(map[bool]bool)
	for _, sim := range s.SIMs(acct) {
		records, pages := all(t, s, "billing_periods", "/v1/Sims/"+sim.SID+"/BillingPeriods", "PageSize", "1")
		if sim.Status == "new" || sim.Status == "inactive" {
			if len(records) != 0 {
				t.Errorf("%s is %s, and has %d periods", sim.SID, sim.Status, len(records))
			}
			continue
		}
		kind := map[bool]string{true: "ready", false: "active"}[sim.Status == "ready"]
		if len(records) != 3 || pages != 3 {
			t.Fatalf("want 3 periods on as many pages, have %d on %d", len(records), pages)
		}
		orders[records[0]["start_time"].(string) > records[1]["start_time"].(string)] = true
		slices.SortFunc(records, func(a, b map[string]any) int {
			return strings.Compare(a["start_time"].(string), b["start_time"].(string))
		})
		for i, r := range records {
			if r["sim_sid"] != sim.SID || r["account_sid"] != acct || r["period_type"] != kind || !strings.HasPrefix(r["sid"].(string), "HB") {
				t.Errorf("have %v", r)
			}
			if i > 0 && r["start_time"] != records[i-1]["end_time"] {
				t.Errorf("%v does not begin where %v ends", r, records[i-1])
			}
		}
		current := s.BillingPeriod(acct, sim.SID, noon)
		if records[2]["start_time"] != stamp(current.Start) || records[2]["end_time"] != stamp(current.End) || current.Start.After(noon) || !current.End.After(noon) {
			t.Errorf("want the current period %v, have %v", current, records[2])
		}
		starts[current.Start.Format("04:05")] = true
	}
	if len(starts) < 15 || len(orders) != 2 {
		t.Errorf("have %d minutes and seconds at which periods start, and %d orders", len(starts), len(orders))
	}
	for path, want := range map[string]int{
		"/v1/Sims/HS00000000000000000000000000000001/BillingPeriods": 20404, // no such SIM
		"/v1/Sims/device-00001/BillingPeriods":                       20404, // a name is no SID
		"/v1/Sims//BillingPeriods":                                   20404,
		"/v1/Sims/" + s.SIMs(acct)[0].SID:                            20404, // not simulated
	} {
		if r := get(t, s, path); r.code() != want {
			t.Errorf("%s: want code %d, have %s", path, want, r.body)
		}
	}
	if r := get(t, s, "/v1/Sims/"+s.SIMs(acct)[0].SID+"/BillingPeriods", "Status", "active"); r.status != 400 {
		t.Errorf("want an unknown parameter to be refused, have %d", r.status)
	}
}

// TestCutOff: in no period has a SIM usage after the hour in which it reaches its limit,
// and until then it is what it is without a cut-off. By default there is none.
func TestCutOff(t *testing.T) {
	o := options()
	o.Accounts = o.Accounts[:1]
	o.Accounts[0].Seed = 3
	free := twiliotest.New(o)
	o.Accounts[0].CutOff = true
	s := twiliotest.New(o)
	limits := make(map[string]int64)
	for _, f := range s.Fleets(acct) {
		limits[f.SID] = max(f.DataLimitMB, 250) * 1_000_000
	}
	reached := 0
	for _, sim := range s.SIMs(acct) {
		period := s.BillingPeriod(acct, sim.SID, noon)
		if period.Start.IsZero() {
			continue
		}
		used, limit := int64(0), limits[sim.FleetSID]
		for hour := period.Start.Truncate(time.Hour); hour.Before(noon); hour = hour.Add(time.Hour) {
			f := twiliotest.Filter{Sim: sim.SID}
			have, wanted := s.Final(acct, f, hour, hour.Add(time.Hour)), free.Final(acct, f, hour, hour.Add(time.Hour))
			over := limit > 0 && used >= limit
			if over {
				reached++
				wanted = twiliotest.Usage{}
			}
			if have != wanted {
				t.Fatalf("%s at %s, after %d of %d: want %+v, have %+v", sim.SID, hour, used, limit, wanted, have)
			}
			if middle := hour.Add(time.Hour - 1); s.CutOff(acct, sim.SID, middle) != over || free.CutOff(acct, sim.SID, middle) {
				t.Fatalf("%s at %s, after %d of %d: want cut off %t", sim.SID, middle, used, limit, over)
			}
			used += have.Upload + have.Download
		}
	}
	if reached == 0 {
		t.Error("no SIM was cut off")
	}
}

// TestCutOffAfterAMove: the limit of the fleet that a SIM is in decides, also after it
// was moved, and what was used stays.
func TestCutOffAfterAMove(t *testing.T) {
	const sim, tight, wide = "HS00000000000000000000000000000001", "HF00000000000000000000000000000001", "HF00000000000000000000000000000002"
	now := time.Date(2024, 5, 1, 0, 0, 0, 0, time.UTC)
	start := now.Add(30 * time.Minute)
	s := twiliotest.New(twiliotest.Options{Now: func() time.Time { return now }, Accounts: []twiliotest.Account{{
		SID: acct, AuthToken: secret, CutOff: true, SIMList: []twiliotest.SIM{{SID: sim, FleetSID: tight}},
		FleetList: []twiliotest.Fleet{{SID: tight, DataLimitMB: 3}, {SID: wide, DataLimitMB: 6}},
		Usage:     func(twiliotest.SIM, time.Time) []twiliotest.Segment { return []twiliotest.Segment{{Upload: 1_000_000}} },
		BillingPeriods: func(_ twiliotest.SIM, at time.Time) []twiliotest.BillingPeriod {
			return []twiliotest.BillingPeriod{
				{Start: start, End: start.Add(24 * time.Hour)}, {Start: start.Add(24 * time.Hour), End: start.Add(48 * time.Hour)},
			}
		},
	}}})
	used := func(from, to int) int64 {
		first := start.Truncate(time.Hour)
		return s.Final(acct, twiliotest.Filter{Sim: sim}, first.Add(time.Duration(from)*time.Hour), first.Add(time.Duration(to)*time.Hour)).Upload / 1_000_000
	}
	get(t, s, "/v1/Sims") // from now on, history counts
	now = start.Add(10 * time.Hour)
	if have := used(0, 10); have != 3 {
		t.Errorf("want 3 MB, have %d", have)
	}
	s.SetSIMs(acct, []twiliotest.SIM{{SID: sim, FleetSID: wide}})
	now = start.Add(40 * time.Hour)
	for _, x := range []struct{ from, to, want int }{{0, 10, 3}, {10, 11, 0}, {11, 14, 3}, {14, 24, 0}, {24, 30, 6}, {30, 40, 0}} {
		if have := used(x.from, x.to); have != int64(x.want) {
			t.Errorf("hours %d to %d: want %d MB, have %d", x.from, x.to, x.want, have)
		}
	}
}
