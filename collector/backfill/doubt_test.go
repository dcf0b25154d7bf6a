package backfill_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/backfill"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// records changes the records of a response of UsageRecords.
func records(body []byte, change func([]map[string]any) []map[string]any) []byte {
	var page map[string]json.RawMessage
	if err := json.Unmarshal(body, &page); err != nil {
		panic(err)
	}
	var list []map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(page["usage_records"])))
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		panic(err)
	}
	page["usage_records"], _ = json.Marshal(change(list))
	body, _ = json.Marshal(page)
	return body
}

// of is a change of the listings with a group and a granularity.
func of(group, granularity string, change func([]map[string]any) []map[string]any) func(*http.Request, []byte) []byte {
	return func(r *http.Request, body []byte) []byte {
		q := r.URL.Query()
		if !strings.HasSuffix(r.URL.Path, "/UsageRecords") || q.Get("Group") != group || q.Get("Granularity") != granularity {
			return body
		}
		return records(body, change)
	}
}

func number(v any) int64 {
	n, _ := v.(json.Number).Int64()
	return n
}

// newDoubtful is a backfill of two days in the middle of a month, by the hour.
func newDoubtful(t *testing.T) *setup {
	t.Helper()
	s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-10-06", "2026-10-08")
	s.options.Groups = []string{"sim"}
	return s
}

// TestCutPeriods: hours that come as two halves, and twice, and are read again, count once.
func TestCutPeriods(t *testing.T) {
	want := newDoubtful(t).mustRun(t)
	s := newDoubtful(t)
	listings := 0
	s.change = of("sim", "hour", func(list []map[string]any) (halves []map[string]any) {
		listings++
		for i, r := range list {
			period := r["period"].(map[string]any)
			start, _ := time.Parse(time.RFC3339, period["start_time"].(string))
			middle := start.Add(30 * time.Minute).Format(time.RFC3339)
			for _, second := range []bool{i%2 == 0, i%2 != 0, false, true}[:2+i%3/2*2] { // in any order, some twice
				half := make(map[string]any)
				for k, v := range r {
					half[k] = v
				}
				up, down := number(r["data_upload"]), number(r["data_download"])
				half["data_upload"], half["data_download"], half["data_total_billed"] = up/2, down/2, "0"
				half["period"] = map[string]any{"start_time": period["start_time"], "end_time": middle}
				if second {
					half["data_upload"], half["data_download"], half["data_total_billed"] = up-up/2, down-down/2, r["data_total_billed"]
					half["period"] = map[string]any{"start_time": middle, "end_time": period["end_time"]}
				}
				half["data_total"] = nil
				if listings > 1 || i != 3 || second { // the first reading lacks half an hour
					halves = append(halves, half)
				}
			}
		}
		return halves
	})
	have := s.mustRun(t)
	if !equal(have, want) {
		t.Error(difference(have, want))
	}
	if listings != 2 || !strings.Contains(s.log.String(), `account "production": the API cuts periods in another way`) || strings.Contains(s.log.String(), "lacks") {
		t.Errorf("%d listings: %s", listings, s.log.String())
	}
}

// TestTwice: a record that comes twice with the same values counts once. With others it
// is an error, in the hours, in what was used in the month before, and in what was billed.
func TestTwice(t *testing.T) {
	want := newDoubtful(t).mustRun(t)
	for _, granularity := range []string{"hour", "all"} {
		for _, changed := range []string{"", "data_upload", "data_download", "data_total_billed", "billed_unit"} {
			s := newDoubtful(t)
			s.change = of("sim", granularity, func(list []map[string]any) []map[string]any {
				if len(list) == 0 {
					return list
				}
				again := make(map[string]any)
				for k, v := range list[0] {
					again[k] = v
				}
				again["data_total"] = nil
				switch changed {
				case "":
				case "data_total_billed":
					again[changed] = "77"
				case "billed_unit":
					again[changed] = "EUR"
				default:
					again[changed] = 123456
				}
				return append(list, again)
			})
			err := s.run(t)
			switch {
			case changed != "" && (err == nil || !strings.Contains(err.Error(), "is listed twice with different values") || !strings.Contains(err.Error(), "usage by sim from 2026-10-0")):
				t.Errorf("%s with another %s: %v", granularity, changed, err)
			case changed == "" && err != nil:
				t.Error(err)
			case changed == "":
				if have := read(t, s.options.Output); !equal(have, want) {
					t.Errorf("%s twice: %s", granularity, difference(have, want))
				}
			}
		}
	}
}

// TestPageToken: a listing of which a page is refused is read from its start, once, and
// nothing of it counts twice, be it of hours, of the month before or of what was billed.
func TestPageToken(t *testing.T) {
	run := func(granularity string, refusals int) (*setup, error) {
		s := newSetup(t, twiliotest.Options{MaxPageSize: 1, Accounts: []twiliotest.Account{account(busy)}}, date("2026-11-20 10:00"), "2026-10-06", "2026-10-08")
		s.options.Groups = []string{"network", "sim"}
		s.change = of("sim", "hour", func(list []map[string]any) []map[string]any {
			for _, r := range list {
				r["data_total_billed"] = "0.0000000000004" // no whole billionths
			}
			return list
		})
		pages := map[string]int{"hour": 40}[granularity] // that are read before
		s.refuse = func(r *http.Request) bool {
			q := r.URL.Query()
			if q.Get("Group") != "sim" && q.Get("Group") != "network" || q.Get("Granularity") != granularity || q.Get("PageToken") == "" || refusals == 0 {
				return false
			}
			if pages--; pages >= 0 {
				return false
			}
			refusals--
			return true
		}
		err := s.run(t)
		return s, err
	}
	s, err := run("", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, s.options.Output)
	for _, granularity := range []string{"hour", "all"} {
		s, err = run(granularity, 1)
		if err != nil {
			t.Fatal(err)
		}
		if have := read(t, s.options.Output); !equal(have, want) {
			t.Errorf("%s: %s", granularity, difference(have, want))
		}
	}
	if _, err := run("hour", 2); err == nil || !strings.Contains(err.Error(), "21481") {
		t.Errorf("refused twice: %v", err)
	}
}

// TestLacks: what the sum over a group lacks of the account's total is read again, in
// three readings at most, and told if it stays.
func TestLacks(t *testing.T) {
	for _, readings := range []int{1, 2, 9} {
		s := newDoubtful(t)
		listings, lost := 0, int64(0)
		s.change = of("sim", "hour", func(list []map[string]any) []map[string]any {
			if listings++; listings > readings {
				return list
			}
			lost = number(list[5]["data_upload"]) + number(list[5]["data_download"]) + 1
			list[7]["data_upload"], list[7]["data_total"] = number(list[7]["data_upload"])-1, nil // another hour has a byte more later
			return append(list[:5:5], list[6:]...)
		})
		s.mustRun(t)
		note := `account "production": usage by sim from 2026-10-06T00:00:00Z to 2026-10-08T00:00:00Z lacks ` + strconv.FormatInt(lost, 10) + " bytes of the account's total, in three readings\n"
		if told := strings.Contains(s.log.String(), note); told != (readings > 3) || listings != min(readings+1, 3) {
			t.Errorf("%d bad readings: %d listings, want %t: %q in %s", readings, listings, readings > 3, note, s.log.String())
		}
	}
}

// TestLacksRecent: hours that may still be incomplete are not compared.
func TestLacksRecent(t *testing.T) {
	for now, told := range map[string]bool{"2026-10-08 01:59": false, "2026-10-08 02:01": true} {
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(busy)}}, date(now), "2026-10-06", "2026-10-08")
		s.options.Groups = []string{"sim"}
		s.change = of("sim", "hour", func(list []map[string]any) []map[string]any {
			return slices.DeleteFunc(list, func(r map[string]any) bool {
				return r["period"].(map[string]any)["start_time"] == "2026-10-07T23:00:00Z"
			})
		})
		s.mustRun(t)
		if strings.Contains(s.log.String(), " lacks ") != told {
			t.Errorf("at %s: want %t: %s", now, told, s.log.String())
		}
	}
}

// TestOverflow: a sum of bytes that cannot be held is an error.
func TestOverflow(t *testing.T) {
	s := newDoubtful(t)
	s.change = of("sim", "hour", func(list []map[string]any) []map[string]any {
		for _, r := range list {
			r["data_upload"], r["data_total"] = json.Number("9223372036854775807"), nil
		}
		return list
	})
	if err := s.run(t); err == nil || !strings.Contains(err.Error(), "the sum of bytes is too large") {
		t.Error(err)
	}
}

// TestUnnamedNetwork: records that do not name the network that was asked for are of it.
func TestUnnamedNetwork(t *testing.T) {
	run := func(change func([]map[string]any) []map[string]any) history {
		s := newDoubtful(t)
		s.options.Groups = []string{"sim_network"}
		s.change = of("sim", "hour", change)
		return s.mustRun(t)
	}
	want := run(func(list []map[string]any) []map[string]any { return list })
	have := run(func(list []map[string]any) []map[string]any {
		for _, r := range list {
			r["network_sid"] = nil
		}
		return list
	})
	if !equal(have, want) {
		t.Error(difference(have, want))
	}
}

// TestMoney: amounts in several currencies, and with more digits than billionths, are
// exact. What comes without a currency is not counted, and told.
func TestMoney(t *testing.T) {
	s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(few)}}, date("2026-11-20 10:00"), "2026-08-31", "2026-09-03")
	s.options.Groups = []string{"sim"}
	s.change = func(r *http.Request, body []byte) []byte {
		if !strings.HasSuffix(r.URL.Path, "/UsageRecords") {
			return body
		}
		return records(body, func(list []map[string]any) []map[string]any {
			for _, r := range list {
				switch number(r["data_upload"]) {
				case 1000:
					r["data_total_billed"] = "0.1000000000004" // in August before the range
				case 100:
					r["data_total_billed"] = "0.2000000000005"
				case 7:
					r["data_total_billed"], r["billed_unit"] = "5", nil
				}
				if r["sim_sid"] == nil && r["data_upload"] != nil {
					r["billed_unit"] = "EUR" // the account's total knows one more
				}
			}
			return list
		})
	}
	h := s.mustRun(t)
	for currency, want := range map[string]string{
		"USD": "08-31 00:00=0.1000000000004, 09-01 00:00=0.3000000000009, 09-02 00:00=0, until 09-02 00:00: 49 samples",
		"EUR": "08-31 00:00=0, until 09-02 00:00: 49 samples",
	} {
		series := `twilio_supersim_sim_cost_total{account="production",sim_sid="` + simSID(1) + `",currency="` + currency + `"}`
		if have := h.changes(series); have != want {
			t.Errorf("%s:\nwant %s\nhave %s", currency, want, have)
		}
	}
	if !strings.Contains(s.log.String(), `account "production": usage by sim from 2026-09-01T00:00:00Z to 2026-09-03T00:00:00Z has amounts without a currency, which are not counted`) {
		t.Error(s.log.String())
	}
}

// TestCurrencyOfEach: amounts of one SIM in two currencies are two counters.
func TestCurrencyOfEach(t *testing.T) {
	s := newDoubtful(t)
	s.change = func(r *http.Request, body []byte) []byte {
		if !strings.HasSuffix(r.URL.Path, "/UsageRecords") || r.URL.Query().Get("Granularity") == "all" {
			return body
		}
		return records(body, func(list []map[string]any) []map[string]any {
			for _, r := range list {
				r["data_total_billed"] = "0.5"
				if r["period"].(map[string]any)["start_time"] == "2026-10-06T04:00:00Z" {
					r["data_total_billed"], r["billed_unit"] = "3", "EUR"
				}
			}
			return list
		})
	}
	s.options.Resolution = backfill.Hour
	h := s.mustRun(t)
	series := `twilio_supersim_sim_cost_total{account="production",sim_sid="` + simSID(1) + `",currency="EUR"}`
	if have, want := h.changes(series), "10-06 00:00=0, 10-06 05:00=3, until 10-07 00:00: 25 samples"; have != want {
		t.Errorf("want %s\nhave %s", want, have)
	}
}

// TestNewCurrency: a counter in a currency that is new in the middle of a month begins at 0.
func TestNewCurrency(t *testing.T) {
	s := newDoubtful(t)
	s.options.To = day("2026-10-12")
	backfill.SetLimits(&s.options, 2*24*3, 0) // two days at a time
	s.change = of("sim", "hour", func(list []map[string]any) []map[string]any {
		for _, r := range list {
			if r["period"].(map[string]any)["start_time"] == "2026-10-09T04:00:00Z" {
				r["data_total_billed"], r["billed_unit"] = "3", "EUR"
			}
		}
		return list
	})
	series := `twilio_supersim_sim_cost_total{account="production",sim_sid="` + simSID(1) + `",currency="EUR"}`
	if have, want := s.mustRun(t).changes(series), "10-08 00:00=0, 10-09 05:00=3, until 10-11 00:00: 73 samples"; have != want {
		t.Errorf("want %s\nhave %s", want, have)
	}
}

// TestCredit: a counter of money never falls within its month.
func TestCredit(t *testing.T) {
	s := newDoubtful(t)
	s.change = func(r *http.Request, body []byte) []byte {
		if !strings.HasSuffix(r.URL.Path, "/UsageRecords") || r.URL.Query().Get("Granularity") == "all" {
			return body
		}
		return records(body, func(list []map[string]any) []map[string]any {
			for _, r := range list {
				r["data_total_billed"] = map[any]string{"2026-10-06T03:00:00Z": "3", "2026-10-06T04:00:00Z": "-2", "2026-10-06T09:00:00Z": "5"}[r["period"].(map[string]any)["start_time"]]
			}
			return list
		})
	}
	s.options.To = day("2026-11-03") // so that the total of October does not limit it
	h := s.mustRun(t)
	points := h[`twilio_supersim_sim_cost_total{account="production",sim_sid="`+simSID(1)+`",currency="USD"}`]
	first := points[0].value
	for _, p := range points {
		want := first
		switch {
		case !p.at.Before(date("2026-10-06 10:00")):
			want = first + 6 // 3 - 2 + 5
		case !p.at.Before(date("2026-10-06 04:00")):
			want = first + 3
		}
		if difference := p.value - want; p.at.Before(day("2026-10-08")) && (difference > 1e-9 || difference < -1e-9) {
			t.Errorf("at %s: want %v, have %v", p.at, want, p.value)
		}
	}
}

// TestDirectory: files of another run are found whatever the directory's name, what a
// killed run has left is removed, and a state that cannot be read is an error.
func TestDirectory(t *testing.T) {
	s := newDoubtful(t)
	s.options.Output = filepath.Join(s.options.Output, "[a]*")
	if err := os.Mkdir(s.options.Output, 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(s.options.Output, name) }
	for _, name := range []string{"x.om", ".x.om.123.tmp", ".backfill.json.4.tmp", ".a_sim.carried.5.tmp", ".other.tmp"} {
		if err := os.WriteFile(file(name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.run(t); err == nil || !strings.Contains(err.Error(), "has *.om files already") {
		t.Error(err)
	}
	if err := os.Remove(file("x.om")); err != nil {
		t.Fatal(err)
	}
	s.mustRun(t)
	for _, name := range []string{".x.om.123.tmp", ".backfill.json.4.tmp", ".a_sim.carried.5.tmp"} {
		if _, err := os.Stat(file(name)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(file(".other.tmp")); err != nil {
		t.Error(err)
	}
	s.options.Resume = true
	for _, content := range []string{"", "{", `{"version": 2}`} {
		if err := os.WriteFile(file("backfill.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.run(t); err == nil || !strings.Contains(err.Error(), "backfill.json cannot be read; choose another --output") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestNamelessAccount: an account that nothing names has no counters, as in the exporter.
func TestNamelessAccount(t *testing.T) {
	s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{{
		SID: accountSID, AuthToken: "token",
		SIMList: []twiliotest.SIM{}, FleetList: []twiliotest.Fleet{}, Usage: func(twiliotest.SIM, time.Time) []twiliotest.Segment { return nil },
	}}}, date("2026-11-20 10:00"), "2026-10-06", "2026-10-08")
	s.options.Groups = []string{"account", "sim"}
	s.nameless = true
	for series := range s.mustRun(t) {
		if strings.Contains(series, "account_sid") {
			t.Errorf("%s", series)
		}
	}
}

// TestOff: an account for which the exporter shows no usage has no history of it.
func TestOff(t *testing.T) {
	s := newDoubtful(t)
	s.inAccount = "    collectors: {supersim_usage: {enabled: false}}\n"
	if err := s.run(t); err == nil || !strings.Contains(err.Error(), "supersim_usage is off for all accounts") || s.sent > 0 {
		t.Errorf("%d requests, %v", s.sent, err)
	}
	if !strings.Contains(s.log.String(), `Account "production" is left out: its supersim_usage is off.`) {
		t.Error(s.log.String())
	}
}

// TestNames: whatever the account's name, files are in the directory, and labels are what
// OpenMetrics wants.
func TestNames(t *testing.T) {
	s := newDoubtful(t)
	s.name = `"../a\\b \"c\"\né.om"`
	h := s.mustRun(t)
	series := `twilio_supersim_sim_upload_bytes_total{account="../a\\b \"c\"\né.om",sim_sid="` + simSID(1) + `"}`
	if len(h[series]) == 0 {
		t.Errorf("no %s", series)
	}
	for name := range contents(t, s.options.Output) {
		if name != "backfill.json" && name != "%2E.%2Fa%5Cb%20%22c%22%0A%C3%A9.om_sim_2026-10-06_2026-10-08.om" {
			t.Errorf("file %q", name)
		}
	}
	if len(contents(t, s.options.Output)) != 2 {
		t.Error("want one file and the state")
	}
}

// TestMaxRecords: no listing has more records than it may.
func TestMaxRecords(t *testing.T) {
	s := newDoubtful(t)
	s.options.From, s.options.To = day("2026-09-01"), day("2026-11-01")
	s.options.Groups = []string{"account", "sim", "network", "sim_network"}
	want := s.mustRun(t)
	again := newDoubtful(t)
	again.options.From, again.options.To, again.options.Groups = s.options.From, s.options.To, s.options.Groups
	again.yaml = "api: {max_records: 800}" // a month of the account by the hour has 744
	if have := again.mustRun(t); !equal(have, want) {
		t.Error(difference(have, want))
	}
}

// TestSubaccounts: it is told that they are left out.
func TestSubaccounts(t *testing.T) {
	s := newDoubtful(t)
	s.inAccount = "    subaccounts: {enabled: true}\n"
	s.mustRun(t)
	if !strings.Contains(s.log.String(), "its subaccounts are left out") {
		t.Error(s.log.String())
	}
}

// TestEarliest: of the month in which the API's usage begins, the counters have what the
// API still has.
func TestEarliest(t *testing.T) {
	for from, want := range map[string]int64{"2025-05-20": 0, "2025-05-22": 2} {
		usage := func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if sim.SID == simSID(1) && hour.Hour() == 0 && hour.Before(day("2025-05-22")) {
				return []twiliotest.Segment{{NetworkSID: home, Upload: 1}}
			}
			return nil
		}
		s := newSetup(t, twiliotest.Options{Accounts: []twiliotest.Account{account(usage)}}, date("2026-11-20 10:00"), from, "2025-05-25")
		s.options.Groups = []string{"account", "sim", "network", "sim_network"}
		h := s.mustRun(t)
		for _, series := range []string{
			`twilio_supersim_account_upload_bytes_total{account="production",account_sid="` + accountSID + `"}`,
			`twilio_supersim_sim_upload_bytes_total{account="production",sim_sid="` + simSID(1) + `"}`,
		} {
			if points := h[series]; len(points) == 0 || !points[0].at.Equal(day(from)) || points[0].value != float64(want) {
				t.Errorf("from %s: want %d at first, have %s of %s", from, want, h.changes(series), series)
			}
		}
	}
}
