package report_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/report"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// dimensions are the rows of an account with the filters of the truth.
func dimensions(a report.Account) map[string]struct {
	rows   []report.Row
	filter func(key string) twiliotest.Filter
} {
	type dimension = struct {
		rows   []report.Row
		filter func(key string) twiliotest.Filter
	}
	return map[string]dimension{
		"fleet":   {a.Fleets, func(key string) twiliotest.Filter { return twiliotest.Filter{Fleet: key} }},
		"network": {a.Networks, func(key string) twiliotest.Filter { return twiliotest.Filter{Network: key} }},
		"country": {a.Countries, func(key string) twiliotest.Filter { return twiliotest.Filter{IsoCountry: key} }},
		"SIM":     {a.SIMs, func(key string) twiliotest.Filter { return twiliotest.Filter{Sim: key} }},
	}
}

// checkAll compares all rows with the truth, and that no SIM is missing.
func (s *setup) checkAll(t *testing.T, a report.Account, this, previous [2]time.Time, at time.Time) {
	t.Helper()
	if len(a.Errors) > 0 || a.Total == nil {
		t.Fatalf("have errors %q", a.Errors)
	}
	s.truth(twiliotest.Filter{}, this, previous, at).check(t, "the account", *a.Total)
	for name, d := range dimensions(a) {
		if len(d.rows) == 0 {
			t.Errorf("no %s", name)
		}
		for _, row := range d.rows {
			if row.Key != "" { // the simulator has no filter for what has no key
				s.truth(d.filter(row.Key), this, previous, at).check(t, name+" "+row.Key, row)
			}
		}
	}
	for _, sim := range s.simulator.SIMs(accountSID) {
		w := s.truth(twiliotest.Filter{Sim: sim.SID}, this, previous, at)
		i := slices.IndexFunc(a.SIMs, func(r report.Row) bool { return r.Key == sim.SID })
		if used := w.now.Upload + w.now.Download + w.before.Upload + w.before.Download; used > 0 && i < 0 {
			t.Errorf("SIM %s is missing", sim.SID)
		} else if i >= 0 && a.SIMs[i].Name != sim.UniqueName {
			t.Errorf("SIM %s: want the name %q, have %q", sim.SID, sim.UniqueName, a.SIMs[i].Name)
		}
	}
}

// TestPastMonth: every number of a month that is over is the truth, under each reading of
// the documentation.
func TestPastMonth(t *testing.T) {
	for _, x := range readings() {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(generated(), x.readings)
				sleepUntil(date(3, 4).Add(10*time.Hour + 25*time.Minute))
				r := s.run(t, time.Time{})
				if !r.OK || r.Month != "2000-02" || !r.Over || r.From != "2000-02-01T00:00:00Z" || r.To != "2000-03-01T00:00:00Z" {
					t.Fatalf("have %+v", r)
				}
				a := r.Accounts[0]
				if x.readings.ListsShort || x.readings.ListsShift {
					s.checkListed(t, a)
					return
				}
				s.checkAll(t, a, [2]time.Time{date(2, 1), date(3, 1)}, [2]time.Time{date(1, 1), date(2, 1)}, time.Now())
				if len(a.Differences) != 0 || a.Forecast != nil || len(a.Days) != 29 {
					t.Errorf("have differences %+v, a forecast %+v, %d days", a.Differences, a.Forecast, len(a.Days))
				}
				for i, d := range a.Days {
					day := date(2, 1).AddDate(0, 0, i)
					u := s.simulator.Final(accountSID, twiliotest.Filter{}, day, day.AddDate(0, 0, 1))
					if d.Date != day.Format(time.DateOnly) || d.Upload.V != u.Upload || d.Download.V != u.Download || !d.Costs[0].Cost.V.Equal(micro(u.MicroCost)) {
						t.Errorf("want %+v, have %+v", u, d)
					}
				}
			})
		})
	}
}

// checkListed compares the total alone: what lists lack is in the differences.
func (s *setup) checkListed(t *testing.T, a report.Account) {
	t.Helper()
	u := s.simulator.Final(accountSID, twiliotest.Filter{}, date(2, 1), date(3, 1))
	if a.Total.Upload.V != u.Upload || a.Total.Download.V != u.Download || !a.Total.Costs[0].Cost.V.Equal(micro(u.MicroCost)) {
		t.Errorf("want %+v, have %+v", u, a.Total)
	}
	for what, rows := range map[string][]report.Row{"fleets": a.Fleets, "networks": a.Networks, "countries": a.Countries, "SIMs": a.SIMs} {
		var sum, missing int64
		for _, row := range rows {
			sum += row.Upload.V + row.Download.V
		}
		for _, d := range a.Differences {
			if d.What == what {
				missing += d.Bytes
			}
		}
		if sum+missing != u.Upload+u.Download {
			t.Errorf("%s: %d bytes and %d missing are not %d", what, sum, missing, u.Upload+u.Download)
		}
	}
}

type reading struct {
	name     string
	readings twiliotest.Readings
}

// readings are the defaults and each other reading alone.
func readings() []reading {
	all := []reading{{name: "defaults"}}
	for _, s := range twiliotest.Switches() {
		for _, v := range s.Values[1:] {
			r := reading{name: s.Name + "=" + v.Name}
			v.Set(&r.readings)
			all = append(all, r)
		}
	}
	return all
}

// TestRunningMonth: a month that is not over is counted up to the last whole hour and
// compared with the same days and hours of the month before, under each reading.
func TestRunningMonth(t *testing.T) {
	for _, x := range readings() {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(generated(), x.readings)
				end := date(2, 20).Add(9 * time.Hour)
				sleepUntil(end.Add(25 * time.Minute))
				r := s.run(t, date(2, 1))
				if r.Over || r.To != "2000-02-20T09:00:00Z" || r.Compared == nil || r.Compared.To != "2000-01-20T09:00:00Z" {
					t.Fatalf("have %+v", r)
				}
				a := r.Accounts[0]
				this, previous := [2]time.Time{date(2, 1), end}, [2]time.Time{date(1, 1), date(1, 20).Add(9 * time.Hour)}
				w := s.truth(twiliotest.Filter{}, this, previous, time.Now())
				switch {
				case x.readings.Unbilled == twiliotest.UnbilledPartlyNull:
					// What is billed completely has an amount, the day after that has not.
					w.now.MicroCost = s.simulator.Final(accountSID, twiliotest.Filter{}, date(2, 1), date(2, 19)).MicroCost
					w.check(t, "the account", *a.Total)
					if !a.Total.Unbilled {
						t.Error("not all is billed")
					}
				case x.readings.ListsShort, x.readings.ListsShift, x.readings.NullHours, x.readings.GroupsLag:
					w.check(t, "the account", *a.Total)
				case x.readings.AllNeedsMidnight:
					w.check(t, "the account", *a.Total)
					s.checkAll(t, a, this, previous, time.Now())
				default:
					s.checkAll(t, a, this, previous, time.Now())
					if len(a.Differences) > 0 && a.Differences[0].What != "bill, category wireless-super-sim-data" {
						t.Errorf("have %+v", a.Differences)
					}
				}
				if x.readings.GroupsLag && (len(a.Differences) == 0 || !strings.Contains(a.Differences[0].Reason, "late usage")) {
					t.Errorf("have %+v", a.Differences)
				}
				s.checkForecast(t, *a.Forecast)
			})
		})
	}
}

// checkForecast works out the forecast of February the 20th, 9:00, from the truth: the
// average of 7 whole days for the 10 days less 9 hours that are left.
func (s *setup) checkForecast(t *testing.T, f report.Forecast) {
	t.Helper()
	at := time.Now()
	sum := func(from, to time.Time) int64 {
		u := s.simulator.Reported(accountSID, twiliotest.Filter{}, from, to, at)
		return u.Upload + u.Download
	}
	bytes := sum(date(2, 1), date(2, 20).Add(9*time.Hour)) + sum(date(2, 13), date(2, 20))*(10*24-9)/(7*24)
	if d := f.Bytes - bytes; d < -1 || d > 1 || f.Days != 7 {
		t.Errorf("want %d bytes from 7 days, have %d from %d", bytes, f.Bytes, f.Days)
	}
	// Bills come up to a day late, so money counts up to the 19th, and 11 days are left.
	billed := func(from, to time.Time) int64 {
		return s.simulator.Final(accountSID, twiliotest.Filter{}, from, to).MicroCost
	}
	want := micro(billed(date(2, 1), date(2, 19)) + billed(date(2, 12), date(2, 19))*11/7).Round(2)
	if len(f.Costs) != 1 || f.Costs[0].Currency != "USD" || f.Costs[0].Cost.String() != want.StringFixed(2) {
		t.Errorf("want %s USD, have %s", want.StringFixed(2), toJSON(t, f.Costs))
	}
}

// TestFirstHours: the month's first hour, and an account whose first days these are.
func TestFirstHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(generated(), twiliotest.Readings{})
		sleepUntil(date(2, 1).Add(20 * time.Minute))
		a := s.run(t, date(2, 1)).Accounts[0]
		if len(a.Errors) > 0 || a.Total.Upload.V != 0 || !strings.Contains(strings.Join(a.Notes, " "), "no whole hour yet") || a.Forecast == nil {
			t.Errorf("have %+v", a)
		}
		sleepUntil(date(2, 1).Add(70 * time.Minute))
		r := s.run(t, date(2, 1))
		s.checkAll(t, r.Accounts[0], [2]time.Time{date(2, 1), date(2, 1).Add(time.Hour)}, [2]time.Time{date(1, 1), date(1, 1).Add(time.Hour)}, time.Now())
		for _, format := range []string{"text", "csv", "json", "html"} {
			written(t, r, format, 10)
		}
	})
}

// TestLongMonthAfterShort: March the 30th is compared with all of February.
func TestLongMonthAfterShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(generated(), twiliotest.Readings{})
		sleepUntil(date(3, 30).Add(5 * time.Hour))
		r := s.run(t, date(3, 1))
		if r.Compared.From != "2000-02-01T00:00:00Z" || r.Compared.To != "2000-03-01T00:00:00Z" {
			t.Errorf("have %+v", r.Compared)
		}
		s.checkAll(t, r.Accounts[0], [2]time.Time{date(3, 1), date(3, 30).Add(5 * time.Hour)}, [2]time.Time{date(2, 1), date(3, 1)}, time.Now())
	})
}

// TestOldestMonth: the API does not have the month before it.
func TestOldestMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := generated()
		a.Start = time.Time{}
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(2, 1))
		month := time.Date(1998, 8, 1, 0, 0, 0, 0, time.UTC)
		r := s.run(t, month)
		have := r.Accounts[0]
		if !r.OK || r.Compared != nil || have.Total.PreviousUpload.Valid || have.Total.Costs[0].Previous.Valid {
			t.Errorf("have %+v", r)
		}
		if text := written(t, r, "text", 10); strings.Contains(text, "BEFORE") || !strings.Contains(text, "goes back 18 months") {
			t.Errorf("have %s", text)
		}
		// The next one has the oldest to compare with, from its first hour on.
		if r := s.run(t, month.AddDate(0, 1, 0)); !r.OK || r.Compared == nil || r.Compared.From != "1998-08-01T00:00:00Z" || !r.Accounts[0].Total.PreviousUpload.Valid {
			t.Errorf("have %+v", r)
		}
	})
}

// TestMonthsEnd: a month is over when the next one begins, and is then the default.
func TestMonthsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(generated(), twiliotest.Readings{})
		sleepUntil(date(3, 1).Add(-time.Second))
		if r := s.run(t, date(2, 1)); r.Over || r.To != "2000-02-29T23:00:00Z" || r.Compared.To != "2000-01-29T23:00:00Z" {
			t.Errorf("have %+v", r)
		}
		sleepUntil(date(3, 1))
		if r := s.run(t, time.Time{}); r.Month != "2000-02" || !r.Over || r.To != "2000-03-01T00:00:00Z" || r.Compared.To != "2000-02-01T00:00:00Z" {
			t.Errorf("have %+v", r)
		}
	})
}

func TestParseMonth(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-11": "", "2026-10": "", "2025-06": "", "2025-05": "18 months", "2026-12": "not begun",
		"2026-1": "looks like", "2026-13": "looks like", "2026-10-01": "looks like", "": "looks like", "last": "looks like",
	} {
		month, err := report.ParseMonth(text, now)
		switch {
		case want == "" && (err != nil || month.Format("2006-01-02T15:04") != text+"-01T00:00"):
			t.Errorf("%q: have %v, %v", text, month, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: want %q, have %v", text, want, err)
		}
	}
}

// TestParseMonthAtItsEnd: 18 months before August the 31st, which February does not have,
// is its last day.
func TestParseMonthAtItsEnd(t *testing.T) {
	now := time.Date(2026, 8, 31, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-08", "2025-02"} {
		if _, err := report.ParseMonth(text, time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Errorf("%s: have %v", text, err)
		}
	}
	for text, want := range map[string]bool{"2025-02": false, "2025-03": true} {
		if _, err := report.ParseMonth(text, now); (err == nil) != want {
			t.Errorf("%s: have %v", text, err)
		}
	}
}

// FuzzParseMonth: what is taken is the first of a month that has begun.
func FuzzParseMonth(f *testing.F) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	f.Add("2026-10")
	f.Add("2026-99")
	f.Fuzz(func(t *testing.T, text string) {
		if month, err := report.ParseMonth(text, now); err == nil && (month.Format("2006-01") != text || month.After(now)) {
			t.Errorf("%q is %v", text, month)
		}
	})
}

// TestRequests: what the documentation says a report takes.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(generated(), twiliotest.Readings{})
		sleepUntil(date(2, 20))
		s.run(t, date(1, 1))
		if n := len(s.simulator.RequestURIs()); n != 15 {
			t.Errorf("%d requests for a month that is over", n)
		}
		s = newSetup(generated(), twiliotest.Readings{})
		s.run(t, date(2, 1))
		if n := len(s.simulator.RequestURIs()); n != 20 {
			t.Errorf("%d requests for a month that is not", n)
		}
		if uris := strings.Join(s.simulator.RequestURIs(), "\n"); !strings.Contains(uris, "EndDate=2000-02-20") || strings.Contains(uris, "EndDate=2000-02-29") {
			t.Errorf("asked for a bill of the future: %s", uris)
		}
	})
}
