package twiliotest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) string { return stamp(noon.Truncate(time.Hour).Add(-d)) }
	midnight := noon.Truncate(24 * time.Hour)
	days := func(n int) string { return stamp(midnight.AddDate(0, 0, -n)) }
	months := func(n int) string { return stamp(midnight.AddDate(0, -n, 0)) }
	s := twiliotest.New(options())
	for _, c := range []struct {
		name string
		code int // 0: served
		args []string
	}{
		{"defaults", 0, nil},
		{"defaults by day", 0, []string{"Granularity", "day"}},
		{"hours", 0, []string{"StartTime", ago(3 * time.Hour), "EndTime", ago(0)}},
		{"fraction", 83600, []string{"StartTime", "2024-05-20T01:00:00.000Z", "EndTime", ago(0)}},
		{"offset", 83600, []string{"StartTime", "2024-05-20T01:00:00+00:00"}},
		{"one digit", 83600, []string{"StartTime", "2024-05-20T1:00:00Z"}},
		{"only a date", 83600, []string{"StartTime", "2024-05-20"}},
		{"empty range", 83600, []string{"StartTime", ago(0), "EndTime", ago(0)}},
		{"future", 83600, []string{"StartTime", ago(0), "EndTime", ago(-time.Hour)}},
		{"minute", 83602, []string{"StartTime", "2024-05-20T01:30:00Z", "EndTime", ago(0)}},
		{"minute by hour", 83602, []string{"StartTime", "2024-05-20T01:30:00Z", "EndTime", ago(0), "Granularity", "hour"}},
		{"day at noon", 83601, []string{"StartTime", days(3), "EndTime", ago(0), "Granularity", "day"}},
		{"day at midnight", 0, []string{"StartTime", days(3), "EndTime", days(0), "Granularity", "day"}},
		{"31 days by sim", 0, []string{"StartTime", days(31), "EndTime", days(0), "Group", "sim"}},
		{"32 days by sim", 83603, []string{"StartTime", days(32), "EndTime", days(0), "Group", "sim"}},
		{"32 days by fleet", 0, []string{"StartTime", days(32), "EndTime", days(0), "Group", "fleet"}},
		{"31 days by hour", 0, []string{"StartTime", days(31), "EndTime", days(0), "Granularity", "hour"}},
		{"32 days by hour", 83604, []string{"StartTime", days(32), "EndTime", days(0), "Granularity", "hour"}},
		{"3 months by day", 0, []string{"StartTime", months(3), "EndTime", days(0), "Granularity", "day"}},
		{"93 days by day", 83604, []string{"StartTime", days(93), "EndTime", days(0), "Granularity", "day"}},
		{"18 months", 0, []string{"StartTime", months(18), "EndTime", days(0)}},
		{"18 months and an hour", 83604, []string{"StartTime", months(18), "EndTime", stamp(midnight.Add(time.Hour))}},
		{"older", 83605, []string{"StartTime", stamp(midnight.AddDate(0, -18, -1)), "EndTime", days(300)}},
		{"unknown parameter", 83600, []string{"startTime", ago(3)}},
		{"twice", 83600, []string{"Group", "sim", "Group", "sim"}},
		{"empty", 83600, []string{"Sim", ""}},
		{"group", 83600, []string{"Group", "country"}},
		{"granularity", 83600, []string{"Granularity", "week"}},
		{"network", 83600, []string{"Network", "Prairie"}},
		{"country", 83600, []string{"IsoCountry", "us"}},
		{"page size 0", 83600, []string{"PageSize", "0"}},
		{"page size 1000", 0, []string{"PageSize", "1000"}},
		{"page size 1001", 83600, []string{"PageSize", "1001"}},
		{"page without token", 21481, []string{"Page", "1"}},
		{"made-up token", 21481, []string{"Page", "1", "PageToken", "PT00"}},
	} {
		r := get(t, s, "/v1/UsageRecords", c.args...)
		if r.code() != c.code || (c.code != 0) != (r.status == 400) {
			t.Errorf("%s: status %d, want code %d: %.300s", c.name, r.status, c.code, r.body)
		}
		if id := r.header.Get("Twilio-Request-Id"); len(id) != 34 || !strings.HasPrefix(id, "RQ") || r.header.Get("Twilio-Concurrent-Requests") != "1" {
			t.Errorf("%s: headers %v", c.name, r.header)
		}
	}

	o := options()
	o.AllNeedsMidnight = true
	s = twiliotest.New(o)
	for end, code := range map[string]int{ago(0): 83601, days(0): 0} {
		if r := get(t, s, "/v1/UsageRecords", "StartTime", days(3), "EndTime", end); r.code() != code {
			t.Errorf("all up to %s: %s", end, r.body)
		}
	}
	if r := get(t, s, "/v1/UsageRecords", "StartTime", days(1), "EndTime", ago(0), "Granularity", "hour"); r.status != 200 {
		t.Errorf("hour: %s", r.body)
	}
	for _, path := range []string{"/v1/Sims", "/v1/Fleets", "/v1/Networks"} {
		for _, args := range [][]string{{"StatusX", "new"}, {"PageSize", "1001"}, {"Status", "gone"}, {"Mcc", "1"}} {
			if r := get(t, s, path, args...); r.code() != 20001 {
				t.Errorf("%s %v: %s", path, args, r.body)
			}
		}
	}
}

func TestGroupingsAgreeWithTheTruth(t *testing.T) {
	t.Parallel()
	s := twiliotest.New(options())
	from := noon.Truncate(24*time.Hour).AddDate(0, 0, -19)
	to := noon.Truncate(time.Hour)
	want := s.Reported(acct, twiliotest.Filter{}, from, to, noon)
	if want.Upload == 0 || want.MicroCost == 0 || !want.Billed || want == s.Final(acct, twiliotest.Filter{}, from, to) {
		t.Fatalf("reported %+v", want)
	}
	field := map[string]string{"sim": "sim_sid", "fleet": "fleet_sid", "network": "network_sid", "isoCountry": "iso_country"}
	for _, group := range append(sorted(field), "") {
		for _, granularity := range []string{"all", "hour"} {
			args := []string{"StartTime", stamp(from), "EndTime", stamp(to), "PageSize", "1000", "Granularity", granularity}
			if group != "" {
				args = append(args, "Group", group)
			}
			records, _ := all(t, s, "usage_records", "/v1/UsageRecords", args...)
			if have := total(t, records); have != want {
				t.Errorf("%s %s: have %+v, want %+v", group, granularity, have, want)
			}
			keys := make(map[string]bool)
			var order []string
			for _, r := range records {
				k := fmt.Sprint(r[field[group]], r["period"])
				if keys[k] {
					t.Fatalf("%s %s: %s twice", group, granularity, k)
				}
				keys[k] = true
				order = append(order, k)
				for g, f := range field {
					if g != group && r[f] != nil {
						t.Fatalf("grouped by %q: %s is %v", group, f, r[f])
					}
				}
			}
			if len(order) > 20 && slices.IsSorted(order) {
				t.Errorf("%s %s: sorted", group, granularity)
			}
		}
	}
	midnight := noon.Truncate(24 * time.Hour)
	records, _ := all(t, s, "usage_records", "/v1/UsageRecords", "StartTime", stamp(from), "EndTime", stamp(midnight), "Granularity", "day", "Group", "sim")
	if have, want := total(t, records), s.Reported(acct, twiliotest.Filter{}, from, midnight, noon); have != want {
		t.Errorf("day: have %+v, want %+v", have, want)
	}
}

func TestFilters(t *testing.T) {
	s := twiliotest.New(options())
	from, to := noon.Truncate(time.Hour).AddDate(0, 0, -10), noon.Truncate(time.Hour)
	sim, fleet := s.SIMs(acct)[0], s.Fleets(acct)[0]
	for _, c := range []struct {
		name, value, field, shown string
		filter                    twiliotest.Filter
	}{
		{"Sim", sim.SID, "sim_sid", sim.SID, twiliotest.Filter{Sim: sim.SID}},
		{"Sim", sim.UniqueName, "sim_sid", sim.SID, twiliotest.Filter{Sim: sim.SID}},
		{"Fleet", fleet.UniqueName, "fleet_sid", fleet.SID, twiliotest.Filter{Fleet: fleet.SID}},
		{"IsoCountry", "DE", "iso_country", "DE", twiliotest.Filter{IsoCountry: "DE"}},
		{"Network", s.Networks(acct)[0].SID, "network_sid", s.Networks(acct)[0].SID, twiliotest.Filter{Network: s.Networks(acct)[0].SID}},
	} {
		records, _ := all(t, s, "usage_records", "/v1/UsageRecords", c.name, c.value, "StartTime", stamp(from), "EndTime", stamp(to))
		if len(records) != 1 || records[0][c.field] != c.shown {
			t.Fatalf("%s=%s: %v", c.name, c.value, records)
		}
		if have, want := total(t, records), s.Reported(acct, c.filter, from, to, noon); have != want || want.Upload == 0 {
			t.Errorf("%s: have %+v, want %+v", c.name, have, want)
		}
	}
	if records, _ := all(t, s, "usage_records", "/v1/UsageRecords", "Sim", "nobody"); len(records) != 0 {
		t.Errorf("an unknown SIM used %v", records)
	}
	if records, _ := all(t, s, "sims", "/v1/Sims", "Status", "ready"); len(records) != 1 {
		t.Errorf("ready: %v", records)
	}
	if records, _ := all(t, s, "sims", "/v1/Sims", "Iccid", sim.ICCID); len(records) != 1 || records[0]["sid"] != sim.SID {
		t.Errorf("by ICCID: %v", records)
	}
	if records, _ := all(t, s, "sims", "/v1/Sims", "Fleet", fleet.UniqueName); len(records) == 0 || records[0]["fleet_sid"] != fleet.SID {
		t.Errorf("by fleet: %v", records)
	}
	if records, _ := all(t, s, "networks", "/v1/Networks", "IsoCountry", "DE"); len(records) != 2 {
		t.Errorf("networks: %v", records)
	}
	if records, _ := all(t, s, "fleets", "/v1/Fleets"); len(records) != 3 || records[0]["data_metering"] != "payg" {
		t.Errorf("fleets: %v", records)
	}
}

func TestReportingOnlyGrowsUntilItIsFinal(t *testing.T) {
	s := twiliotest.New(options())
	hour := noon.Truncate(time.Hour).Add(-30 * time.Hour)
	end := hour.Add(time.Hour)
	var last twiliotest.Usage
	for at := end; at.Before(end.Add(25 * time.Hour)); at = at.Add(7 * time.Minute) {
		u := s.Reported(acct, twiliotest.Filter{}, hour, end, at)
		if u.Upload < last.Upload || u.Download < last.Download || u.MicroCost < last.MicroCost || last.Billed && !u.Billed {
			t.Fatalf("at %s: %+v after %+v", at, u, last)
		}
		last = u
	}
	if final := s.Final(acct, twiliotest.Filter{}, hour, end); last != final || final.Upload == 0 {
		t.Errorf("have %+v, final %+v", last, final)
	}
	if u := s.Reported(acct, twiliotest.Filter{}, hour, end, end.Add(-time.Second)); u != (twiliotest.Usage{}) {
		t.Errorf("before the hour's end: %+v", u)
	}
	early := s.Reported(acct, twiliotest.Filter{}, hour, end, end.Add(time.Minute))
	if early.Billed && early.MicroCost == last.MicroCost {
		t.Error("billed at once")
	}
}

func TestDemoStepsAtEveryPoll(t *testing.T) {
	t.Parallel()
	o := options()
	o.Accounts[0].SIMs = 200
	s := twiliotest.New(o)
	from := noon.Truncate(time.Hour).AddDate(0, 0, -2)
	last, still := twiliotest.Usage{}, 0
	const polls = 720 // an hour, every 5 s
	for i := range polls {
		at := noon.Add(time.Duration(i) * 5 * time.Second)
		u := s.Reported(acct, twiliotest.Filter{}, from, at.Truncate(time.Hour), at)
		if u == last {
			still++
		}
		last = u
	}
	if still > polls/50 {
		t.Errorf("%d of %d polls saw nothing new", still, polls)
	}
}

func TestDeterminism(t *testing.T) {
	args := []string{"Group", "sim", "Granularity", "hour", "PageSize", "1000"}
	a := get(t, twiliotest.New(options()), "/v1/UsageRecords", args...)
	s := twiliotest.New(options())
	s.Final(acct, twiliotest.Filter{}, noon, noon.AddDate(0, 1, 0))
	b := get(t, s, "/v1/UsageRecords", args...)
	if a.body != b.body || len(a.body) < 1000 {
		t.Error("two services with the same seed differ")
	}
	o := options()
	o.Accounts[0].Seed++
	if c := get(t, twiliotest.New(o), "/v1/UsageRecords", args...); c.body == a.body {
		t.Error("the seed changes nothing")
	}
}

func TestWorldHasTheOddCases(t *testing.T) {
	s := twiliotest.New(options())
	statuses, nameless, fleetless := make(map[string]int), 0, 0
	from := noon.Truncate(time.Hour).AddDate(0, -1, 0)
	silent, countries := 0, make(map[string]bool)
	for _, n := range s.Networks(acct) {
		countries[n.ISOCountry] = true
	}
	for i, sim := range s.SIMs(acct) {
		statuses[sim.Status]++
		if sim.UniqueName == "" {
			nameless++
		}
		if sim.FleetSID == "" {
			fleetless++
		}
		u := s.Final(acct, twiliotest.Filter{Sim: sim.SID}, from, noon)
		if u.Upload == 0 && sim.Status == "active" {
			silent++
		}
		if i == 3 && u.Upload+u.Download < 10_000_000_000 {
			t.Errorf("SIM 3 is tame: %+v", u)
		}
	}
	if len(statuses) != 5 || statuses["active"] < 20 || nameless == 0 || fleetless == 0 || silent == 0 || len(countries) < 8 {
		t.Errorf("statuses %v, %d without name, %d without fleet, %d silent, countries %v", statuses, nameless, fleetless, silent, countries)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	o := options()
	o.Accounts[0].SIMs = 2500
	s := twiliotest.New(o)
	records, pages := all(t, s, "sims", "/v1/Sims", "PageSize", "1000")
	if len(records) != 2500 || pages != 3 {
		t.Errorf("%d SIMs on %d pages", len(records), pages)
	}
	if _, pages := all(t, s, "sims", "/v1/Sims", "PageSize", "1000", "Status", "ready"); pages != 1 {
		t.Errorf("%d pages of ready ones", pages)
	}
	if records, pages := all(t, s, "sims", "/v1/Sims", "PageSize", "500"); len(records) != 2500 || pages != 5 {
		t.Errorf("exactly full pages: %d SIMs on %d pages", len(records), pages)
	}

	r := get(t, s, "/v1/Sims", "PageSize", "1000")
	m := r.json["meta"].(map[string]any)
	for field, want := range map[string]any{
		"first_page_url":    "https://supersim.twilio.com/v1/Sims?PageSize=1000&Page=0",
		"url":               "https://supersim.twilio.com/v1/Sims?PageSize=1000&Page=0",
		"previous_page_url": nil, "key": "sims", "page": json.Number("0"), "page_size": json.Number("1000"),
	} {
		if m[field] != want {
			t.Errorf("%s: have %v, want %v", field, m[field], want)
		}
	}
	q := request(t, http.MethodGet, strings.Replace(r.next(), "PageSize=1000", "PageSize=999", 1), "")
	q.SetBasicAuth(acct, secret)
	if r := send(s.Transport(), q); r.code() != 21481 {
		t.Errorf("a token of another page size: %s", r.body)
	}
}

// Pages show the moment of the first one, whatever happens in between.
func TestPagesAreOneSnapshot(t *testing.T) {
	o := options()
	now := noon
	o.Now = func() time.Time { return now }
	s := twiliotest.New(o)
	from, to := noon.Truncate(time.Hour).AddDate(0, 0, -2), noon.Truncate(time.Hour)
	want := s.Reported(acct, twiliotest.Filter{}, from, to, noon)
	for _, forget := range []bool{false, true} {
		now = noon
		r := get(t, s, "/v1/UsageRecords", "Group", "sim", "PageSize", "4", "StartTime", stamp(from), "EndTime", stamp(to))
		records := r.list(t, "usage_records")
		for r.next() != "" {
			now = now.Add(10 * time.Minute)
			if forget {
				s.SetSIMs(acct, s.SIMs(acct)[:5])
			}
			q := request(t, http.MethodGet, r.next(), "")
			q.SetBasicAuth(acct, secret)
			r = send(s.Transport(), q)
			records = append(records, r.list(t, "usage_records")...)
		}
		if have := total(t, records); have != want {
			t.Errorf("forget %v: have %+v, want %+v", forget, have, want)
		}
	}
}

func TestSetSIMsKeepsHistory(t *testing.T) {
	o := options()
	now := noon
	o.Now = func() time.Time { return now }
	s := twiliotest.New(o)
	from := noon.AddDate(0, 0, -5)
	get(t, s, "/v1/Sims")
	before := s.Final(acct, twiliotest.Filter{}, from, noon.Truncate(time.Hour))
	sims := s.SIMs(acct)
	for i := range sims {
		sims[i].Status = "inactive"
	}
	added := twiliotest.SIM{SID: "HSabcdefabcdefabcdefabcdefabcdef01"}
	s.SetSIMs(acct, append(sims, added))
	if have := s.Final(acct, twiliotest.Filter{}, from, noon.Truncate(time.Hour)); have != before {
		t.Errorf("have %+v, want %+v", have, before)
	}
	next := now.Truncate(time.Hour).Add(time.Hour)
	later := next.AddDate(0, 0, 30)
	all, one := s.Final(acct, twiliotest.Filter{}, next, later), s.Final(acct, twiliotest.Filter{Sim: added.SID}, next, later)
	if all != one {
		t.Errorf("inactive SIMs go on: %+v and %+v", all, one)
	}
	if have := s.SIMs(acct); len(have) != 26 || have[25].Status != "active" || have[25].ICCID == "" {
		t.Errorf("SIMs: %v", have)
	}
}

func TestCustomWorld(t *testing.T) {
	o := options()
	sim := twiliotest.SIM{SID: "HS" + strings.Repeat("1", 32), FleetSID: "HF" + strings.Repeat("2", 32)}
	o.Accounts[0].SIMList = []twiliotest.SIM{sim}
	o.Accounts[0].Currency = "EUR"
	o.Accounts[0].NetworkList = []twiliotest.Network{{SID: "HW" + strings.Repeat("3", 32), ISOCountry: "SE", MCC: "240", MNC: "01"}}
	o.Accounts[0].Usage = func(s twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		return []twiliotest.Segment{
			{NetworkSID: "HW" + strings.Repeat("3", 32), Upload: 10, Download: 5, MicroCost: 30_000, BillDelay: 47 * time.Hour},
			{FleetSID: "HF" + strings.Repeat("4", 32), Upload: 1, ByteDelay: 5 * time.Hour, BillDelay: 5 * time.Hour},
		}
	}
	s := twiliotest.New(o)
	at := noon.Truncate(time.Hour)
	hour := func(ago int, args ...string) []map[string]any {
		args = append(args, "StartTime", stamp(at.Add(-time.Duration(ago)*time.Hour)), "EndTime", stamp(at.Add(-time.Duration(ago-1)*time.Hour)))
		records, _ := all(t, s, "usage_records", "/v1/UsageRecords", args...)
		return records
	}
	if r := hour(1)[0]; number(t, r["data_total"]) != 15 || r["data_total_billed"] != nil || r["billed_unit"] != nil {
		t.Errorf("new hour: %v", r)
	}
	if r := hour(6)[0]; number(t, r["data_total"]) != 16 || r["data_total_billed"] != "0" || r["billed_unit"] != "EUR" {
		t.Errorf("after 5 hours: %v", r)
	}
	if r := hour(60)[0]; r["data_total_billed"] != "0.03" || r["billed_unit"] != "EUR" {
		t.Errorf("settled: %v", r)
	}
	if r := hour(60, "Group", "fleet"); len(r) != 2 {
		t.Errorf("by fleet: %v", r)
	}
	for _, r := range hour(60, "Group", "isoCountry") {
		if c := r["iso_country"]; c != "SE" && c != nil {
			t.Errorf("by country: %v", r)
		}
	}
}

func TestNothingCostBefore2022(t *testing.T) {
	o := options()
	now := time.Date(2022, 2, 10, 0, 0, 0, 0, time.UTC)
	o.Now = clock(now)
	s := twiliotest.New(o)
	feb := time.Date(2022, 2, 1, 0, 0, 0, 0, time.UTC)
	if u := s.Final(acct, twiliotest.Filter{}, feb.AddDate(0, 0, -5), feb); u.MicroCost != 0 || u.Upload == 0 {
		t.Errorf("January: %+v", u)
	}
	if u := s.Final(acct, twiliotest.Filter{}, feb, now); u.MicroCost == 0 {
		t.Errorf("February: %+v", u)
	}
}

func TestTotalsReplaceTheHours(t *testing.T) {
	t.Parallel()
	now := noon
	o := options()
	o.Now = func() time.Time { return now }
	o.Accounts[0].Totals = func(sim twiliotest.SIM, from, to, at time.Time) []twiliotest.Segment {
		return []twiliotest.Segment{{Upload: int64(to.Sub(from).Hours()), Download: at.Unix(), MicroCost: 5, ByteDelay: time.Hour}}
	}
	s := twiliotest.New(o)
	from, to := noon.Truncate(time.Hour).AddDate(0, 0, -5), noon.Truncate(time.Hour)
	args := []string{"StartTime", stamp(from), "EndTime", stamp(to), "Granularity", "all", "Group"}
	for range 2 { // what is reported follows the clock
		want := twiliotest.Usage{Upload: 25 * 120, Download: 25 * now.Unix(), MicroCost: 25 * 5, Billed: true}
		for _, group := range []string{"sim", "fleet"} {
			records, _ := all(t, s, "usage_records", "/v1/UsageRecords", append(args, group)...)
			if have := total(t, records); have != want {
				t.Errorf("by %s: have %+v, want %+v", group, have, want)
			}
		}
		if have := s.Reported(acct, twiliotest.Filter{}, from, to, now); have != want {
			t.Errorf("reported: have %+v, want %+v", have, want)
		}
		now = now.Add(time.Minute)
	}
}
