package backfill_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// few is usage around the end of a month: 1000 bytes in the first hour of August, 100 in
// its last one, and 7 in the second one of September. Downloads are twice that.
func few(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
	bytes := map[time.Time]int64{date("2026-08-01 00:00"): 1000, date("2026-08-31 23:00"): 100, date("2026-09-01 01:00"): 7}[hour]
	if bytes == 0 || sim.SID != simSID(1) {
		return nil
	}
	return []twiliotest.Segment{{NetworkSID: home, Upload: bytes, Download: 2 * bytes, MicroCost: bytes * 1000}}
}

// TestExactValues: each sample around the end of a month, from the middle of one to the
// middle of the next.
func TestExactValues(t *testing.T) {
	for _, x := range []struct {
		resolution backfill.Resolution
		want       map[string]string
	}{
		{backfill.Hour, map[string]string{
			// The counters begin with what was used in August before; they show August for 2
			// hours after its end, then 0. They end 2 hours before the exporter may go on.
			`twilio_supersim_sim_upload_bytes_total{account="production",sim_sid="` + simSID(1) + `"}`: "08-31 00:00=1000, 09-01 00:00=1100, 09-01 02:00=0, 09-01 03:00=7, until 09-02 22:00: 71 samples",
			`twilio_supersim_sim_upload_bytes_total{account="production",sim_sid="` + simSID(3) + `"}`: "08-31 00:00=0, until 09-02 22:00: 71 samples",
			// Cost shows August for a day, and 0 at the moment at which the exporter may go on.
			`twilio_supersim_sim_cost_total{account="production",sim_sid="` + simSID(1) + `",currency="USD"}`: "08-31 00:00=1, 09-01 00:00=1.1, 09-02 00:00=0, until 09-02 00:00: 49 samples",
			// Gauges are of the hour that ended an hour before.
			`twilio_supersim_sim_hour_upload_bytes{account="production",sim_sid="` + simSID(1) + `"}`: "08-31 02:00=0, 09-01 01:00=100, 09-01 02:00=0, 09-01 03:00=7, 09-01 04:00=0, until 09-03 00:00: 71 samples",
			`twilio_supersim_usage_end_timestamp_seconds{account="production",group="country"}`:       "",
		}},
		{backfill.Day, map[string]string{
			`twilio_supersim_sim_upload_bytes_total{account="production",sim_sid="` + simSID(1) + `"}`:        "08-31 00:00=1000, 09-01 00:00=1100, 09-01 02:00=0, 09-02 00:00=7, until 09-02 00:00: 4 samples",
			`twilio_supersim_sim_cost_total{account="production",sim_sid="` + simSID(1) + `",currency="USD"}`: "08-31 00:00=1, 09-01 00:00=1.1, 09-02 00:00=0, until 09-02 00:00: 3 samples",
			`twilio_supersim_sim_hour_upload_bytes{account="production",sim_sid="` + simSID(1) + `"}`:         "",
		}},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date("2026-11-20 10:00"), "2026-08-31", "2026-09-03")
		s.options.Groups, s.options.Resolution = []string{"account", "sim", "fleet", "network"}, x.resolution
		have := s.mustRun(t)
		for series, want := range x.want {
			if have := have.changes(series); have != want {
				t.Errorf("%s, by the %s:\nwant %s\nhave %s", series, x.resolution, want, have)
			}
		}
		// What has the same usage has the same samples.
		for _, same := range []string{"account", "fleet", "network"} {
			label := map[string]string{"account": `account_sid="` + accountSID + `"`, "fleet": `fleet_sid="` + fleetSID + `"`, "network": `network_sid="` + home + `"`}[same]
			for _, family := range []string{"upload_bytes_total", "download_bytes_total", "hour_download_bytes"} {
				want := have.changes(`twilio_supersim_sim_` + family + `{account="production",sim_sid="` + simSID(1) + `"}`)
				if have := have.changes(`twilio_supersim_` + same + `_` + family + `{account="production",` + label + `}`); have != want {
					t.Errorf("%s of the %s, by the %s:\nwant %s\nhave %s", family, same, x.resolution, want, have)
				}
			}
		}
	}
}

// TestWholeMonths: where the range ends with a month that has settled, the month is shown
// to its end and left; where it has not, it stays open.
func TestWholeMonths(t *testing.T) {
	const upload, cost = `twilio_supersim_account_upload_bytes_total{account="production",account_sid="` + accountSID + `"}`,
		`twilio_supersim_account_cost_total{account="production",account_sid="` + accountSID + `",currency="USD"}`
	for _, x := range []struct{ now, upload, cost string }{
		{"2026-09-02 00:00", "08-01 02:00=0, 08-01 03:00=1000, 09-01 00:00=1100, 09-01 02:00=0, until 09-01 02:00: 745 samples",
			"08-02 00:00=0, 08-02 01:00=1, 09-01 00:00=1.1, 09-02 00:00=0, until 09-02 00:00: 745 samples"},
		{"2026-09-01 23:59", "08-01 02:00=0, 08-01 03:00=1000, 09-01 00:00=1100, 09-01 02:00=0, until 09-01 02:00: 745 samples",
			"08-02 00:00=0, 08-02 01:00=1, until 08-31 00:00: 697 samples"},
		{"2026-09-01 01:59", "08-01 02:00=0, 08-01 03:00=1000, until 08-31 22:00: 741 samples",
			"08-02 00:00=0, 08-02 01:00=1, until 08-31 00:00: 697 samples"},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date(x.now), "2026-08-01", "2026-09-01")
		s.options.Groups = []string{"account"}
		have := s.mustRun(t)
		if have := have.changes(upload); have != x.upload {
			t.Errorf("at %s:\nwant %s\nhave %s", x.now, x.upload, have)
		}
		if have := have.changes(cost); have != x.cost {
			t.Errorf("at %s:\nwant %s\nhave %s", x.now, x.cost, have)
		}
	}
}

// TestRequests: as few requests as the API's limits allow.
func TestRequests(t *testing.T) {
	for _, x := range []struct {
		resolution backfill.Resolution
		groups     []string
		want       int
	}{
		{backfill.Hour, []string{"account"}, 6},
		{backfill.Hour, []string{"account", "sim", "fleet"}, 18},
		{backfill.Day, []string{"account"}, 2},
		{backfill.Day, []string{"account", "fleet", "sim"}, 2 + 2 + 6},
		{backfill.Day, []string{"account", "network"}, 2 + 2 + 1}, // one to count the networks
		// The networks and how many SIMs the only one has; then by month, and by SIM in the two
		// months that have usage.
		{backfill.Hour, []string{"sim_network"}, 6 + 2 + 6 + 2},
		{backfill.Day, []string{"sim_network"}, 2 + 2 + 6 + 2},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date("2026-11-20 10:00"), "2026-05-01", "2026-11-01")
		s.options.Groups, s.options.Resolution = x.groups, x.resolution
		s.mustRun(t)
		if have := s.simulator.Requests(twiliotest.UsageRecords); have != x.want {
			t.Errorf("%v by the %s: want %d requests, have %d", x.groups, x.resolution, x.want, have)
		}
	}
}

// TestRefusals: what cannot be done is said before anything is asked for.
func TestRefusals(t *testing.T) {
	for _, x := range []struct {
		from, to, want string
		change         func(*backfill.Options)
	}{
		{"2026-08-02", "2026-08-02", "must be before", nil},
		{"2026-08-02", "2026-11-21", "must not be after today, 2026-11-20", nil},
		{"2025-05-19", "2026-11-20", "must not be before 2025-05-20", nil},
		{"2026-08-01", "2026-08-02", `no history of the group "sims"; --groups takes [account sim fleet network country sim_network]`, func(o *backfill.Options) { o.Groups = []string{"sims"} }},
		{"2026-08-01", "2026-08-02", `"sim" twice`, func(o *backfill.Options) { o.Groups = []string{"sim", "sim"} }},
		{"2026-08-01", "2026-08-02", "not confirmed", func(o *backfill.Options) { o.Confirm = func() (bool, error) { return false, nil } }},
		{"2026-08-01", "2026-08-02", "has *.om files already", func(o *backfill.Options) {
			if err := os.WriteFile(filepath.Join(o.Output, "x.om"), nil, 0o600); err != nil {
				panic(err)
			}
		}},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date("2026-11-20 10:00"), x.from, x.to)
		s.options.Groups = []string{"account"}
		if x.change != nil {
			x.change(&s.options)
		}
		if err := s.run(t); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s to %s: want %q, have %v", x.from, x.to, x.want, err)
		}
		if n := s.simulator.Requests(twiliotest.UsageRecords); n != 0 {
			t.Errorf("%s: %d requests", x.want, n)
		}
	}
}

// busy is usage of two SIMs in most hours of two networks, reported late.
func busy(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
	n := hour.Unix() / 3600
	switch {
	case sim.SID == simSID(1):
		return []twiliotest.Segment{
			{NetworkSID: home, Upload: 1000 + n%17, Download: 3000 + n%13, MicroCost: 40 + n%7, ByteDelay: time.Duration(n%100) * time.Minute, BillDelay: time.Duration(n%23) * time.Hour},
			{NetworkSID: abroad, Upload: n % 5, Download: n % 3, MicroCost: n % 2, ByteDelay: 10 * time.Minute, BillDelay: 23 * time.Hour},
		}
	case sim.SID == simSID(2) && n%6 == 0: // quiet, and more so at a month's end
		return []twiliotest.Segment{{NetworkSID: home, Upload: int64(32-hour.Day()) * 10, Download: 9, MicroCost: 3, ByteDelay: 99 * time.Minute, BillDelay: 22 * time.Hour}}
	}
	return nil
}

// TestReadings: whatever the documentation leaves open, and however records come, the
// samples are the same.
func TestReadings(t *testing.T) {
	run := func(o twiliotest.Options) history {
		o.Accounts = []twiliotest.Account{account(busy)}
		s := newSetup(t, o, date("2026-11-20 10:00"), "2026-09-28", "2026-10-04")
		s.yaml = historic
		h := s.mustRun(t)
		if strings.Contains(s.log.String(), "lacks") {
			t.Errorf("%s: %s", o.Readings, s.log.String())
		}
		return h
	}
	want := run(twiliotest.Options{})
	// Three counters and two gauges of each key, and three gauges of each group.
	if n := len(want); n != 5*(1+3+1+2+2+3)+3*6 {
		t.Errorf("%d series", n)
	}
	for _, x := range twiliotest.Switches() {
		for _, v := range x.Values[1:] {
			var r twiliotest.Readings
			v.Set(&r)
			if have := run(twiliotest.Options{Readings: r, MaxPageSize: 40}); !equal(have, want) {
				t.Errorf("%s: %s", r, difference(have, want))
			}
		}
	}
}

func equal(a, b history) bool { return maps.EqualFunc(a, b, slices.Equal) }

func difference(have, want history) string {
	for _, series := range slices.Sorted(maps.Keys(want)) {
		if h, w := have.changes(series), want.changes(series); h != w {
			return fmt.Sprintf("%s:\nwant %.300s\nhave %.300s", series, w, h)
		}
	}
	return fmt.Sprintf("want %d series, have %d", len(want), len(have))
}

// TestPieces: however little is read at a time, and however few keys a file has, the
// samples are the same, also where a SIM that no inventory names begins in the middle.
func TestPieces(t *testing.T) {
	usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if sim.SID == simSID(3) {
			if hour.Day() == 9 {
				return []twiliotest.Segment{{NetworkSID: abroad, Upload: 5, Download: 6, MicroCost: 7}}
			}
			return nil
		}
		return busy(sim, hour)
	}
	a := account(usage)
	a.SIMList[2].Status = "inactive"
	for _, resolution := range []backfill.Resolution{backfill.Hour, backfill.Day} {
		var s *setup
		run := func(cells, keys int) (history, int) {
			s = newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{a}}, date("2026-11-20 10:00"), "2026-08-25", "2026-10-12")
			s.options.Resolution, s.yaml = resolution, historic
			backfill.SetLimits(&s.options, cells, keys)
			h := s.mustRun(t)
			return h, strings.Count(s.files.String(), "\n")
		}
		want, few := run(0, 0)
		if resolution == backfill.Day {
			series := `twilio_supersim_sim_upload_bytes_total{account="production",sim_sid="` + simSID(3) + `"}`
			if have, want := want.changes(series), "08-25 00:00=120, 09-01 02:00=0, 09-10 00:00=120, 10-01 02:00=0, 10-10 00:00=120, until 10-11 00:00: 50 samples"; have != want {
				t.Errorf("want %s\nhave %s", want, have)
			}
		}
		have, many := run(map[backfill.Resolution]int{backfill.Hour: 100, backfill.Day: 6}[resolution], 1)
		for name, content := range contents(t, s.options.Output) {
			for i := range 3 {
				if own := simSID(i + 1); strings.Contains(name, "_sim_2026") && strings.Contains(content, own) {
					if rest := strings.ReplaceAll(content, own, ""); strings.Contains(rest, `sim_sid="HS`) {
						t.Errorf("%s has several SIMs", name)
					}
				}
			}
		}
		if many < 4*few {
			t.Errorf("%d files, %d in pieces", few, many)
		}
		// In pieces, it is not known beforehand that a SIM will have usage, so that it
		// begins later in a month, but at 0.
		for series := range want {
			if !strings.Contains(series, simSID(3)) {
				continue
			}
			changes := func(h history) string { return strings.Split(h.changes(series), ", until")[0] }
			if !strings.Contains(series, "_hour_") && changes(have) != changes(want) {
				t.Errorf("by the %s: %s:\nwant %s\nhave %s", resolution, series, want.changes(series), have.changes(series))
			}
			delete(have, series)
			delete(want, series)
		}
		if !equal(have, want) {
			t.Errorf("by the %s: %s", resolution, difference(have, want))
		}
	}
}

// TestHourDelay: gauges are shown at the first whole hour at which the exporter shows them.
func TestHourDelay(t *testing.T) {
	for _, x := range []struct {
		delay string
		after time.Duration // the end of the hour
		want  string
	}{
		{"1h", time.Hour, "08-31 02:00=0, 09-01 01:00=100, 09-01 02:00=0, 09-01 03:00=7, 09-01 04:00=0, until 09-03 00:00: 71 samples"},
		{"61m", 2 * time.Hour, "08-31 03:00=0, 09-01 02:00=100, 09-01 03:00=0, 09-01 04:00=7, 09-01 05:00=0, until 09-03 00:00: 70 samples"},
		{"2h", 2 * time.Hour, "08-31 03:00=0, 09-01 02:00=100, 09-01 03:00=0, 09-01 04:00=7, 09-01 05:00=0, until 09-03 00:00: 70 samples"},
	} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date("2026-11-20 10:00"), "2026-08-31", "2026-09-03")
		s.options.Groups, s.yaml = []string{"sim"}, "collectors: {supersim_usage: {hour_delay: "+x.delay+"}}"
		h := s.mustRun(t)
		if have := h.changes(`twilio_supersim_sim_hour_upload_bytes{account="production",sim_sid="` + simSID(1) + `"}`); have != x.want {
			t.Errorf("%s:\nwant %s\nhave %s", x.delay, x.want, have)
		}
		for _, p := range h[`twilio_supersim_hour_end_timestamp_seconds{account="production",group="sim"}`] {
			if end := time.Unix(int64(p.value), 0).UTC(); p.at.Sub(end) != x.after {
				t.Errorf("%s: the hour that ended at %s is shown at %s", x.delay, end, p.at)
			}
		}
	}
}
