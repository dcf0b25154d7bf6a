package twiliotest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

const (
	simOne   = "HS11111111111111111111111111111111"
	simTwo   = "HS22222222222222222222222222222222"
	netOne   = "HW11111111111111111111111111111111"
	midnight = "2024-05-20T00:00:00Z"
)

// smallWorld has two SIMs. The first uses 10 bytes for 0.03 in every hour, billed at once,
// and 5 bytes for 0.01, billed after ten hours. The second uses one byte for 12.5, billed
// after 20 hours, at six in the morning of each day.
func smallWorld(now *time.Time, readings twiliotest.Readings) *twiliotest.Simulator {
	o := options()
	o.Readings = readings
	o.Now = func() time.Time { return *now }
	o.Accounts[0].SIMList = []twiliotest.SIM{{SID: simOne}, {SID: simTwo}}
	o.Accounts[0].NetworkList = []twiliotest.Network{{SID: netOne, ISOCountry: "SE", MCC: "240", MNC: "01"}}
	o.Accounts[0].Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		switch {
		case sim.SID == simOne:
			return []twiliotest.Segment{
				{NetworkSID: netOne, Upload: 10, MicroCost: 30_000},
				{NetworkSID: netOne, Download: 5, MicroCost: 10_000, BillDelay: 10 * time.Hour},
			}
		case hour.Hour() == 6:
			return []twiliotest.Segment{{Download: 1, MicroCost: 12_500_000, BillDelay: 20 * time.Hour}}
		}
		return nil
	}
	return twiliotest.New(o)
}

// usage lists usage, sorted by SIM.
func usage(t *testing.T, s *twiliotest.Simulator, from, to time.Time, args ...string) []map[string]any {
	t.Helper()
	args = append(args, "StartTime", stamp(from), "EndTime", stamp(to))
	records, _ := all(t, s, "usage_records", "/v1/UsageRecords", args...)
	slices.SortStableFunc(records, func(a, b map[string]any) int {
		return strings.Compare(fmt.Sprint(a["sim_sid"]), fmt.Sprint(b["sim_sid"]))
	})
	return records
}

func TestSwitchesNameAllReadings(t *testing.T) {
	fields := make(map[string]bool)
	for _, s := range twiliotest.Switches() {
		seen := make(map[string]bool)
		for i, v := range s.Values {
			var r twiliotest.Readings
			v.Set(&r)
			want := ""
			if i > 0 {
				want = s.Name + "=" + v.Name
			}
			if r.String() != want || seen[v.Name] {
				t.Errorf("%s=%s: is %q", s.Name, v.Name, r)
			}
			seen[v.Name] = true
			for f, value := range reflect.ValueOf(r).Fields() {
				if !value.IsZero() {
					fields[f.Name] = true
				}
			}
		}
	}
	if n := reflect.TypeFor[twiliotest.Readings]().NumField(); len(fields) != n {
		t.Errorf("the switches change %v, of %d fields", fields, n)
	}
}

func TestUnknownReadings(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a reading that does not exist is served")
		}
	}()
	twiliotest.New(twiliotest.Options{Readings: twiliotest.Readings{Order: 17}})
}

func TestUnbilled(t *testing.T) {
	now := noon
	from := noon.Truncate(24 * time.Hour)
	for _, c := range []struct {
		unbilled twiliotest.Unbilled
		nothing  [2]any // amount and unit where nothing is billed
		partly   [2]any // where a part is
	}{
		{twiliotest.UnbilledNull, [2]any{nil, nil}, [2]any{"0.38", "USD"}},
		{twiliotest.UnbilledZero, [2]any{"0", nil}, [2]any{"0.38", "USD"}},
		{twiliotest.UnbilledPartlyNull, [2]any{nil, nil}, [2]any{nil, nil}},
		{twiliotest.UnbilledNullWithUnit, [2]any{nil, "USD"}, [2]any{"0.38", "USD"}},
		{twiliotest.UnbilledEmpty, [2]any{"", ""}, [2]any{"0.38", "USD"}},
	} {
		s := smallWorld(&now, twiliotest.Readings{Unbilled: c.unbilled})
		bill := func(r map[string]any) [2]any { return [2]any{r["data_total_billed"], r["billed_unit"]} }
		// Twelve hours: the first SIM's are billed but for 5 bytes of the newest ten.
		records := usage(t, s, from, noon.Truncate(time.Hour), "Group", "sim")
		if len(records) != 2 || bill(records[0]) != c.partly || bill(records[1]) != c.nothing {
			t.Errorf("%d, by SIM: %v", c.unbilled, records)
		}
		if records = usage(t, s, from, noon.Truncate(time.Hour)); bill(records[0]) != c.partly {
			t.Errorf("%d, the account: %v", c.unbilled, records)
		}
		// Two days ago all is billed.
		whole := [2]any{"13.46", "USD"}
		if records = usage(t, s, from.AddDate(0, 0, -2), from.AddDate(0, 0, -1), "Granularity", "day"); bill(records[0]) != whole {
			t.Errorf("%d, a day: %v", c.unbilled, records)
		}
		partly := 0
		for _, r := range usage(t, s, from, noon.Truncate(time.Hour), "Granularity", "hour", "Group", "network") {
			switch bill(r) {
			case [2]any{"0.04", "USD"}:
			case c.nothing:
				partly++ // under UnbilledPartlyNull, and the second SIM's, whose network is unknown
			case [2]any{"0.03", "USD"}:
				partly++
			default:
				t.Errorf("%d, an hour: %v", c.unbilled, r)
			}
		}
		if partly != 11 { // of 13 records the two of the oldest hours are billed
			t.Errorf("%d: %d hours are not billed, or partly", c.unbilled, partly)
		}
	}
}

func TestBills(t *testing.T) {
	hour := noon.Truncate(24 * time.Hour).Add(-9 * time.Hour) // 15:00 the day before
	for _, c := range []struct {
		bills twiliotest.Bills
		at    time.Time // of all bills; zero: spread
	}{
		{twiliotest.BillsSpread, time.Time{}},
		{twiliotest.BillsByHour, hour.Add(24 * time.Hour)},
		{twiliotest.BillsByDay, noon.Truncate(24 * time.Hour).Add(2 * time.Hour)},
	} {
		o := options()
		o.Now = clock(noon.AddDate(0, 0, 7))
		o.Bills = c.bills
		s := twiliotest.New(o)
		final := s.Final(acct, twiliotest.Filter{}, hour, hour.Add(time.Hour))
		steps, last := 0, twiliotest.Usage{}
		for at := hour.Add(time.Hour); at.Before(hour.Add(26 * time.Hour)); at = at.Add(time.Minute) {
			u := s.Reported(acct, twiliotest.Filter{}, hour, hour.Add(time.Hour), at)
			if u.MicroCost != last.MicroCost || u.Billed != last.Billed {
				steps++
				if !c.at.IsZero() && !at.Equal(c.at) {
					t.Errorf("%d: billed at %s, want %s", c.bills, at, c.at)
				}
			}
			last = u
		}
		if last != final || final.MicroCost == 0 {
			t.Errorf("%d: have %+v, want %+v", c.bills, last, final)
		}
		if c.at.IsZero() != (steps > 20) || !c.at.IsZero() && steps != 1 {
			t.Errorf("%d: billed in %d steps", c.bills, steps)
		}
	}
}

func TestPeriods(t *testing.T) {
	now := noon
	from, to := noon.Truncate(24*time.Hour).AddDate(0, 0, -4), noon.Truncate(time.Hour)
	six := noon.Truncate(24 * time.Hour).Add(6 * time.Hour)
	period := func(from, to time.Time) string {
		return fmt.Sprintf("map[end_time:%s start_time:%s]", stamp(to), stamp(from))
	}
	for _, c := range []struct {
		period   twiliotest.Periods
		one, two string
		hour     string
	}{
		{twiliotest.PeriodAsked, period(from, to), period(from, to), period(six, six.Add(time.Hour))},
		{twiliotest.PeriodUsed, period(from, to), period(from.Add(6*time.Hour), six.Add(time.Hour)), period(six, six.Add(time.Hour))},
		{twiliotest.PeriodAbsent, "<nil>", "<nil>", "<nil>"},
	} {
		s := smallWorld(&now, twiliotest.Readings{Period: c.period})
		records := usage(t, s, from, to, "Group", "sim")
		if len(records) != 2 || fmt.Sprint(records[0]["period"]) != c.one || fmt.Sprint(records[1]["period"]) != c.two {
			t.Errorf("%d: %v", c.period, records)
		}
		records = usage(t, s, six, six.Add(time.Hour), "Group", "sim", "Granularity", "hour")
		if len(records) != 2 || fmt.Sprint(records[1]["period"]) != c.hour {
			t.Errorf("%d, an hour: %v", c.period, records)
		}
		for _, r := range usage(t, s, six, to, "Granularity", "hour") {
			if r["period"] == nil {
				t.Errorf("%d: an hour of several: %v", c.period, r)
			}
		}
	}
}

func TestGroupsLag(t *testing.T) {
	o := options()
	now := noon
	o.Now = func() time.Time { return now }
	o.GroupsLag = true
	s := twiliotest.New(o)
	from, to := noon.Truncate(time.Hour).AddDate(0, 0, -2), noon.Truncate(time.Hour)
	behind := s.Reported(acct, twiliotest.Filter{}, from, to, noon.Add(-twiliotest.GroupLag))
	if have := total(t, usage(t, s, from, to, "Group", "sim")); have != behind {
		t.Errorf("by SIM: have %+v, want %+v", have, behind)
	}
	if have := total(t, usage(t, s, from, to)); have == behind || have != s.Reported(acct, twiliotest.Filter{}, from, to, noon) {
		t.Errorf("the total: %+v", have)
	}
	now = noon.AddDate(0, 0, 2)
	if have := total(t, usage(t, s, from, to, "Group", "sim")); have != s.Final(acct, twiliotest.Filter{}, from, to) {
		t.Errorf("two days later: %+v", have)
	}
}

func TestListsShift(t *testing.T) {
	o := options()
	o.MaxPageSize = 5
	o.ListsShift = true
	a, b := twiliotest.New(o), twiliotest.New(o)
	complete, missing := 0, 0
	for range 60 {
		records, pages := all(t, a, "sims", "/v1/Sims")
		again, _ := all(t, b, "sims", "/v1/Sims")
		if !reflect.DeepEqual(records, again) {
			t.Fatal("two services shift differently")
		}
		switch n := distinct(records); {
		case n == 25 && pages == 5:
			complete++
		case n == 24:
			missing++
		}
	}
	if complete < 40 || missing == 0 || complete+missing != 60 {
		t.Errorf("%d listings were complete, %d lacked one SIM", complete, missing)
	}
	// Of a fault a test says when.
	o.ListsShift = false
	s := twiliotest.New(o)
	s.Inject(twiliotest.Fault{Kind: twiliotest.PageGap, Endpoint: twiliotest.Sims, Query: "PageSize=5", Times: 1})
	for _, want := range []int{24, 25} {
		if records, _ := all(t, s, "sims", "/v1/Sims"); distinct(records) != want {
			t.Errorf("%d SIMs, want %d", distinct(records), want)
		}
	}
}

// distinct counts resources. One that moves to the next page comes twice.
func distinct(records []map[string]any) int {
	found := make(map[string]bool)
	for _, r := range records {
		found[r["sid"].(string)] = true
	}
	return len(found)
}

func TestListsShort(t *testing.T) {
	o := options()
	now := noon.Truncate(time.Hour)
	o.Now = func() time.Time { return now }
	from, to := noon.Truncate(24*time.Hour), now
	want := len(usage(t, twiliotest.New(o), from, to, "Group", "fleet"))
	o.ListsShort = true
	s := twiliotest.New(o)
	short := make(map[int]int) // by how many records there are
	last, stretch := -1, 0
	for range 1000 {
		n := len(usage(t, s, from, to, "Group", "fleet"))
		short[n]++
		if n == last {
			stretch++
		} else if last >= 0 && stretch%2 != 0 {
			t.Fatalf("%s: %d records for %d minutes", now, last, stretch)
		} else {
			last, stretch = n, 1
		}
		if len(usage(t, s, from, to)) != 1 {
			t.Fatalf("%s: there is no total", now)
		}
		now = now.Add(time.Minute)
	}
	if short[want] < 850 || short[want-1] < 10 || short[0] < 10 || len(short) != 3 {
		t.Errorf("records and how often, want %d mostly: %v", want, short)
	}
}

func TestAccountSIDs(t *testing.T) {
	for _, c := range []struct {
		where        twiliotest.AccountSIDs
		usage        any
		inUsage      bool
		twilio, kore bool
	}{
		{twiliotest.AccountSIDPresent, acct, true, true, true},
		{twiliotest.AccountSIDNullInUsage, nil, true, true, true},
		{twiliotest.AccountSIDAbsent, nil, false, true, false},
	} {
		o := options()
		o.AccountSID = c.where
		s := twiliotest.New(o)
		r := usage(t, s, noon.Truncate(24*time.Hour), noon.Truncate(time.Hour))[0]
		if sid, there := r["account_sid"]; there != c.inUsage || sid != c.usage {
			t.Errorf("%d: usage of %v", c.where, r)
		}
		token := send(s.Transport(), askForToken(t)).json["access_token"]
		for key, path := range map[string]string{"sims": "/v1/Sims", "fleets": "/v1/Fleets"} {
			if _, there := get(t, s, path).list(t, key)[0]["account_sid"]; there != c.twilio {
				t.Errorf("%d: Twilio's %s: %v", c.where, key, there)
			}
			q := request(t, http.MethodGet, "https://supersim.api.korewireless.com"+path, "")
			q.Header.Set("Authorization", fmt.Sprint("Bearer ", token))
			if _, there := send(s.Transport(), q).list(t, key)[0]["account_sid"]; there != c.kore {
				t.Errorf("%d: KORE's %s: %v", c.where, key, there)
			}
		}
	}
}

func askForToken(t *testing.T) *http.Request {
	r := request(t, http.MethodPost, "https://api.korewireless.com/api-services/v1/auth/token",
		"grant_type=client_credentials&client_id=id&client_secret=koresecret")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestAmounts(t *testing.T) {
	now := noon
	for amounts, want := range map[twiliotest.Amounts][3]any{
		twiliotest.AmountsAsStrings:     {"0.04", "12.5", "0"},
		twiliotest.AmountsAsNumbers:     {json.Number("0.04"), json.Number("12.5"), json.Number("0")},
		twiliotest.AmountsWithSpaces:    {" 0.04 ", " 12.5 ", " 0 "},
		twiliotest.AmountsWithExponents: {"4e-2", "1.25e1", "0e0"},
	} {
		s := smallWorld(&now, twiliotest.Readings{Amounts: amounts, Unbilled: twiliotest.UnbilledZero})
		hour := func(day int) []map[string]any {
			at := noon.Truncate(24*time.Hour).AddDate(0, 0, day).Add(6 * time.Hour)
			return usage(t, s, at, at.Add(time.Hour), "Group", "sim")
		}
		past, today := hour(-3), hour(0)
		have := [3]any{past[0]["data_total_billed"], past[1]["data_total_billed"], today[1]["data_total_billed"]}
		if have != want {
			t.Errorf("have %#v, want %#v", have, want)
		}
	}
}

func TestNullHours(t *testing.T) {
	o := options()
	now := noon
	o.Now = func() time.Time { return now }
	o.NullHours = true
	s := twiliotest.New(o)
	from, to := noon.Truncate(time.Hour).Add(-3*time.Hour), noon.Truncate(time.Hour)
	null := func(granularity string) (null, known int) {
		for _, r := range usage(t, s, from, to, "Group", "sim", "Granularity", granularity) {
			if r["data_upload"] == nil {
				null++
			} else {
				known++
			}
			if (r["data_total"] == nil) != (r["data_upload"] == nil) || r["data_download"] == nil {
				t.Errorf("%v", r)
			}
		}
		return null, known
	}
	if null, known := null("hour"); null == 0 || known < 3*null {
		t.Errorf("%d records are null, %d are not", null, known)
	}
	if null, _ := null("all"); null != 0 {
		t.Errorf("%d records of the whole range are null", null)
	}
	now = to.Add(twiliotest.NullHour)
	if null, _ := null("hour"); null != 0 {
		t.Errorf("%d records are null later on", null)
	}
}

func TestOrder(t *testing.T) {
	now := noon
	order := func(o twiliotest.Order) []string {
		s := smallWorld(&now, twiliotest.Readings{Order: o})
		var out []string
		for _, r := range get(t, s, "/v1/UsageRecords", "Granularity", "hour", "EndTime", midnight, "StartTime", "2024-05-19T00:00:00Z").list(t, "usage_records") {
			out = append(out, r["period"].(map[string]any)["start_time"].(string))
		}
		return out
	}
	newest, oldest, shuffled := order(twiliotest.OrderNewestFirst), order(twiliotest.OrderOldestFirst), order(twiliotest.OrderShuffled)
	if !slices.IsSorted(oldest) || len(oldest) != 24 {
		t.Errorf("oldest first: %v", oldest)
	}
	slices.Reverse(newest)
	if !slices.Equal(newest, oldest) {
		t.Errorf("newest first, reversed: %v", newest)
	}
	if slices.Equal(shuffled, newest) || slices.Equal(shuffled, oldest) {
		t.Errorf("shuffled: %v", shuffled)
	}
	if slices.Sort(shuffled); !slices.Equal(shuffled, oldest) {
		t.Errorf("shuffled, sorted: %v", shuffled)
	}
}
