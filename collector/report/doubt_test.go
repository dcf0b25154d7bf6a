package report_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// rewritten changes the bodies of responses.
func rewritten(change func(r *http.Request, body string) string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return nil, err
			}
			changed := change(r, string(body))
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader([]byte(changed))), int64(len(changed))
			resp.Header.Del("Content-Length")
			return resp, nil
		})
	}
}

// TestNotBilledYet: usage without an amount is not free, in any format and under each
// reading of how the API says so.
func TestNotBilledYet(t *testing.T) {
	for _, unbilled := range []twiliotest.Unbilled{
		twiliotest.UnbilledNull, twiliotest.UnbilledZero, twiliotest.UnbilledPartlyNull, twiliotest.UnbilledNullWithUnit, twiliotest.UnbilledEmpty,
	} {
		t.Run(fmt.Sprint(unbilled), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := odd()
				a.Start = date(2, 1)
				s := newSetup(a, twiliotest.Readings{Unbilled: unbilled})
				sleepUntil(date(2, 1).Add(5 * time.Hour)) // bills come after 20 hours
				r := s.run(t, date(2, 1))
				have := r.Accounts[0]
				if c := have.Total.Costs[0]; c.Cost.Valid || !have.Total.Unbilled || have.Total.Upload.V != 780_000_000 {
					t.Errorf("have %s", toJSON(t, have.Total))
				}
				for i, row := range have.SIMs {
					if n := int64(len(have.SIMs) - i); row.Costs[0].Cost.Valid || !row.Unbilled || row.Upload.V != n*10_000_000 { // those with most traffic first
						t.Errorf("have %s", toJSON(t, row))
					}
				}
				if !strings.Contains(written(t, r, "text", 0), "not billed yet") || !strings.Contains(written(t, r, "html", 0), `<span class="none">not billed yet</span>`) {
					t.Error("it is not said that nothing is billed")
				}
				if !regexp.MustCompile(`production,account,AC\w+,production,780000000,2340000012,\w*,,,`).MatchString(written(t, r, "csv", 0)) {
					t.Errorf("have %s", written(t, r, "csv", 0))
				}
			})
		})
	}
}

// TestNotBilledDownload: usage in one direction alone is usage.
func TestNotBilledDownload(t *testing.T) {
	for _, used := range []twiliotest.Segment{{NetworkSID: network, Upload: 1}, {NetworkSID: network, Download: 1}} {
		synctest.Test(t, func(t *testing.T) {
			a := odd()
			a.Usage = func(_ twiliotest.SIM, hour time.Time) []twiliotest.Segment {
				if hour.Before(date(2, 1)) {
					return nil
				}
				used.BillDelay = 20 * time.Hour
				return []twiliotest.Segment{used}
			}
			s := newSetup(a, twiliotest.Readings{})
			sleepUntil(date(2, 1).Add(5 * time.Hour))
			if total := s.run(t, date(2, 1)).Accounts[0].Total; !total.Unbilled || total.Costs[0].Cost.Valid {
				t.Errorf("have %s", toJSON(t, total))
			}
		})
	}
}

// TestPartlyBilled: what is billed is shown, with a mark.
func TestPartlyBilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		a.Start = date(2, 1)
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(2, 2).Add(25 * time.Hour)) // the 1st and the 2nd are billed, the 3rd is not
		r := s.run(t, date(2, 1))
		if c := r.Accounts[0].Total.Costs[0]; c.Cost.String() != "15.6" {
			t.Errorf("have %s", toJSON(t, r.Accounts[0].Total))
		}
		s.wrap = rewritten(func(r *http.Request, body string) string { // the same, as null where a part is not billed
			if r.URL.Query().Get("StartTime") == "2000-02-02T00:00:00Z" {
				return strings.ReplaceAll(body, `"data_total_billed":"7.8"`, `"data_total_billed":null`)
			}
			return body
		})
		r = s.run(t, date(2, 1))
		total := r.Accounts[0].Total
		if !total.Unbilled || total.Costs[0].Cost.String() != "7.8" {
			t.Errorf("have %s", toJSON(t, total))
		}
		text, page := written(t, r, "text", 0), written(t, r, "html", 0)
		if !strings.Contains(text, "a part is not billed yet; before: 0") || strings.Count(text, "\n* A part is not billed yet.\n") != 2 { // network and country
			t.Errorf("have %s", text)
		}
		if !strings.Contains(page, `7<span class="f">.8</span><abbr title="a part is not billed yet">*</abbr>`) || !strings.Contains(page, "a part is not billed yet; before: 0") {
			t.Errorf("have %s", page)
		}
	})
}

// TestTwoCurrencies: an account whose currency has changed. They are never added up, and
// the bytes of a key stand in one row of the CSV file.
func TestTwoCurrencies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		s.wrap = rewritten(func(r *http.Request, body string) string {
			if strings.HasPrefix(r.URL.Query().Get("StartTime"), "2000-01") {
				return strings.ReplaceAll(body, `"USD"`, `"GBP"`)
			}
			return body
		})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		if have := toJSON(t, r.Accounts[0].Total.Costs); have !=
			`[{"currency":"GBP","cost":"0","cost_share":null,"previous_cost":"241.8"},{"currency":"USD","cost":"226.2","cost_share":"1.000000","previous_cost":"0"}]` {
			t.Errorf("have %s", have)
		}
		text := written(t, r, "csv", 0)
		for _, want := range []string{
			"production,country,FR,France,22620000000,67860005220,GBP,0,,241.8\n",
			"production,country,FR,France,,,USD,226.2,1.000000,0\n",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in %s", want, text)
			}
		}
		wellFormed(t, written(t, r, "html", 0))
	})
}

// TestExactMoney: amounts keep all their digits, however they are written.
func TestExactMoney(t *testing.T) {
	for sent, want := range map[string]string{
		`"0.10"`: "0.10", `0.100`: "0.100", `" 3.0 "`: "3.0", `"3e-2"`: "0.03", `1.50e1`: "15.0", `"-7.00"`: "-7.00", `1234567.89`: "1234567.89",
		`"12345678901234567890123456789.000000000000000001"`: "12345678901234567890123456789.000000000000000001", `"1e3"`: "1000",
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := odd()
				a.SIMList, a.Usage = a.SIMList[:1], func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
					if !hour.Equal(date(2, 3)) {
						return nil
					}
					return []twiliotest.Segment{{NetworkSID: network, Upload: 5, MicroCost: 424242}}
				}
				s := newSetup(a, twiliotest.Readings{})
				s.wrap = rewritten(func(_ *http.Request, body string) string { return strings.ReplaceAll(body, `"0.424242"`, sent) })
				sleepUntil(date(3, 4))
				r := s.run(t, date(2, 1))
				for _, row := range append(r.Accounts[0].SIMs, *r.Accounts[0].Total, r.Accounts[0].Fleets[0]) {
					if row.Costs[0].Cost.String() != want {
						t.Errorf("want %s, have %s", want, toJSON(t, row))
					}
				}
				if !strings.Contains(written(t, r, "csv", 0), ",USD,"+want+",") || !strings.Contains(written(t, r, "json", 0), `"cost": "`+want+`"`) {
					t.Errorf("have %s", written(t, r, "csv", 0))
				}
			})
		})
	}
}

// TestDifferences: a list that lacks a record, SIMs that are gone, and a bill that says
// something else are named with their exact amounts and a reason.
func TestDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		monthly := a.Monthly
		a.Monthly = func(month, at time.Time) []twiliotest.MonthlyRecord {
			records := monthly(month, at)
			for i := range records {
				if records[i].Category == "wireless-super-sim-data" {
					records[i].Price = "227.00"
				}
			}
			return records
		}
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(3, 4))
		s.run(t, date(2, 1)) // from its first response on, the simulator keeps the past of its SIMs
		kept := s.simulator.SIMs(accountSID)
		s.simulator.SetSIMs(accountSID, kept[1:])
		record := regexp.MustCompile(`\{[^{}]*(\{[^{}]*\}[^{}]*)?"sim_sid":"` + kept[0].SID + `"[^{}]*\},?`)
		s.wrap = rewritten(func(_ *http.Request, body string) string {
			return strings.Replace(record.ReplaceAllString(body, ""), "},]", "}]", 1)
		})
		r := s.run(t, date(2, 1))
		have := toJSON(t, r.Accounts[0].Differences)
		// 29 days of 10 MB up and 30 MB and the day's number of bytes down, at 0.1.
		want := `[{"what":"SIMs","bytes":1160000435,"currency":"USD","cost":"2.9","reason":"SIMs that have been deleted since, or an incomplete list; make the report again to tell"},` +
			`{"what":"bill, category wireless-super-sim-data","bytes":0,"currency":"USD","cost":"0.80","reason":"subaccounts, which the bill includes and the SIMs do not; fees and credits that belong to no SIM"}]`
		if have != want {
			t.Errorf("want %s,\nhave %s", want, have)
		}
		for _, format := range []string{"text", "html"} {
			if text := written(t, r, format, 0); !strings.Contains(text, "1,160,000,435 bytes and 2.9 USD. Likely reason: SIMs that have been deleted since") {
				t.Errorf("%s does not say it", format)
			}
		}
		s.wrap = func(rt http.RoundTripper) http.RoundTripper { return rt }
		r = s.run(t, date(2, 1))
		if notes := strings.Join(r.Accounts[0].Notes, "\n"); !strings.Contains(notes, "not in the list of SIMs any more, because they were deleted or belong to another account now: 1.") {
			t.Errorf("have %s", notes)
		}
	})
}

// TestListReadAgain: a list that lacks a record once is read again, and nothing differs.
func TestListReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		sleepUntil(date(3, 4))
		var mu sync.Mutex
		asked := make(map[string]int) // by the start of the time
		s.wrap = rewritten(func(r *http.Request, body string) string {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Query().Get("Group") != "fleet" {
				return body
			}
			start := r.URL.Query().Get("StartTime")
			if asked[start]++; asked[start] == 1 {
				return regexp.MustCompile(`"usage_records":\[.*\],"meta"`).ReplaceAllString(body, `"usage_records":[],"meta"`)
			}
			return body
		})
		a := s.run(t, date(2, 1)).Accounts[0]
		if len(a.Differences) != 0 || len(a.Fleets) != 2 || !maps.Equal(asked, map[string]int{"2000-01-01T00:00:00Z": 2, "2000-02-01T00:00:00Z": 2}) {
			t.Errorf("have %+v after requests %v", a.Differences, asked)
		}
	})
}

// TestReadWhileUsageComesIn: where one list has to be read again, all are, so that they
// are of the same moment.
func TestReadWhileUsageComesIn(t *testing.T) {
	for _, x := range []struct{ now, before, least string }{
		{`"data_upload":290000000,`, `"data_upload":289999999,`, `"data_upload":289999998,`},
		{`"data_download":870000435,`, `"data_download":870000434,`, `"data_download":870000433,`},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := odd()
			a.SIMList = a.SIMList[:1]
			a.Monthly = func(time.Time, time.Time) []twiliotest.MonthlyRecord { return nil }
			s := newSetup(a, twiliotest.Readings{})
			sleepUntil(date(3, 4))
			var mu sync.Mutex
			asked := make(map[string]bool)
			s.wrap = rewritten(func(r *http.Request, body string) string {
				mu.Lock()
				defer mu.Unlock()
				q := r.URL.Query()
				list := q.Get("Group") + q.Get("StartTime")
				if asked[list] || q.Get("Granularity") != "all" {
					return body
				}
				asked[list] = true
				if q.Get("Group") == "fleet" {
					return strings.ReplaceAll(body, x.now, x.least)
				}
				return strings.ReplaceAll(body, x.now, x.before)
			})
			a2 := s.run(t, date(2, 1)).Accounts[0]
			for _, row := range append(slices.Concat(a2.SIMs, a2.Fleets, a2.Networks, a2.Countries), *a2.Total) {
				if row.Upload.V != 290_000_000 || row.Download.V != 870_000_435 {
					t.Errorf("have %s", toJSON(t, row))
				}
			}
			if len(a2.Differences) != 0 {
				t.Errorf("have %s", toJSON(t, a2.Differences))
			}
		})
	}
}

// TestRepeatedRecords: a record that a list has twice counts once, and is an error where
// the two differ.
func TestRepeatedRecords(t *testing.T) {
	for _, x := range []struct{ name, old, changed string }{
		{"same", "", ""}, {"upload", `"data_upload":290000000,`, `"data_upload":290000001,`}, {"download", `"data_download":870000435,`, `"data_download":1,`},
		{"amount", `"data_total_billed":"2.9"`, `"data_total_billed":"2.8"`}, {"not billed", `"data_total_billed":"2.9"`, `"data_total_billed":null`},
		{"currency", `"billed_unit":"USD"`, `"billed_unit":"EUR"`},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(odd(), twiliotest.Readings{})
				sleepUntil(date(3, 4))
				record := regexp.MustCompile(`\{"period":\{[^{}]*\}[^{}]*"sim_sid":"HS0123456789abcdef0123456789abcdef"[^{}]*\}`)
				s.wrap = rewritten(func(r *http.Request, body string) string {
					if !strings.HasPrefix(r.URL.Query().Get("StartTime"), "2000-02") {
						return body
					}
					return record.ReplaceAllStringFunc(body, func(one string) string { return one + "," + strings.Replace(one, x.old, x.changed, 1) })
				})
				a := s.run(t, date(2, 1)).Accounts[0]
				if x.old == "" {
					if len(a.Errors) > 0 || len(a.Differences) > 0 || a.SIMs[11].Upload.V != 290_000_000 || a.SIMs[11].Costs[0].Cost.String() != "2.9" {
						t.Errorf("have %q, %s", a.Errors, toJSON(t, a.Differences))
					}
				} else if len(a.Errors) != 1 || !strings.Contains(a.Errors[0], `sim "HS0123456789abcdef0123456789abcdef" is listed twice with different values`) || a.Total != nil {
					t.Errorf("have %q", a.Errors)
				}
			})
		})
	}
}

// TestRepeatedCategories: as with usage; and a record without a category or a month is an
// error.
func TestRepeatedCategories(t *testing.T) {
	for _, x := range []struct{ name, old, changed, want string }{
		{"same", "", "", ""}, {"price", `"498.84515"`, `"498.84516"`, "twice"}, {"usage", `"3.52"`, `"3.53"`, "twice"}, {"unit", `"usd"`, `"eur"`, "twice"},
		{"no category", `"category":"sms"`, `"category":""`, "no category"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(odd(), twiliotest.Readings{})
				sleepUntil(date(3, 4))
				record := regexp.MustCompile(`\{[^{}]*"category":"sms"[^{}]*(\{[^{}]*\}[^{}]*)?\}`)
				s.wrap = rewritten(func(_ *http.Request, body string) string {
					return record.ReplaceAllStringFunc(body, func(one string) string { return one + "," + strings.Replace(one, x.old, x.changed, 1) })
				})
				a := s.run(t, date(2, 1)).Accounts[0]
				switch {
				case x.want == "":
					if len(a.Errors) > 0 || a.Categories[1].Costs[0].Cost.String() != "498.84515" || a.Categories[1].Usage.Amount.String() != "3.52" {
						t.Errorf("have %q, %s", a.Errors, toJSON(t, a.Categories))
					}
				case len(a.Errors) != 1 || !strings.Contains(a.Errors[0], x.want) || len(a.Categories) > 0:
					t.Errorf("have %q", a.Errors)
				}
			})
		})
	}
}

// TestChangingCategories: a category that one of the months lacks cost nothing in it, and
// one without a price has none.
func TestChangingCategories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		a.Monthly = func(month, _ time.Time) []twiliotest.MonthlyRecord {
			record := func(category, price string) twiliotest.MonthlyRecord {
				return twiliotest.MonthlyRecord{Category: category, Count: "1", Usage: "0", UsageUnit: "x", Price: price, PriceUnit: "usd", AsOf: month.AddDate(0, 1, 0).Format("2006-01-02T15:04:05+00:00")}
			}
			if month.Equal(date(2, 1)) {
				return []twiliotest.MonthlyRecord{record("totalprice", "7.50"), record("new", "7.00"), record("both", "0.50")}
			}
			return []twiliotest.MonthlyRecord{record("totalprice", "3"), record("gone", "1"), record("both", "2")}
		}
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		var have []string
		for _, row := range r.Accounts[0].Categories {
			c := row.Costs[0]
			have = append(have, fmt.Sprintf("%s %s %s %s", row.Key, c.Cost, c.Previous, c.Share))
		}
		if want := []string{"totalprice 7.50 3 1.000000", "new 7.00 0 0.933333", "both 0.50 2 0.066667", "gone 0 1 0.000000"}; !slices.Equal(have, want) {
			t.Errorf("want %q, have %q", want, have)
		}
		if notes := strings.Join(r.Accounts[0].Notes, "\n"); !strings.Contains(notes, "as of 2000-03-01 00:00 UTC") {
			t.Errorf("have %s", notes)
		}
	})
}

// TestShares: with credits, a share can be more than all of it or less than nothing, and
// its bar can not.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		a.SIMList = a.SIMList[:2]
		a.Usage = func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if !hour.Equal(date(2, 3)) {
				return nil
			}
			return []twiliotest.Segment{{NetworkSID: network, Upload: 5, MicroCost: map[bool]int64{true: 3_000_000, false: -1_000_000}[sim.FleetSID == fleetOne]}}
		}
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		have := r.Accounts[0].SIMs
		if have[0].Costs[0].Share.String() != "1.500000" || have[1].Costs[0].Share.String() != "-0.500000" {
			t.Errorf("have %s", toJSON(t, have))
		}
		page := written(t, r, "html", 0)
		for text, want := range map[string]int{"width:100.00%": 5, "width:0.00%": 2 + 3, "150.0 %": 2, "-50.0 %": 2} { // a fleet and a SIM each; besides, network, country and five categories, of which one has no price
			if n := strings.Count(page, text); n != want {
				t.Errorf("want %q %d times, have %d", text, want, n)
			}
		}
	})
}

// TestReasons: why a sum disagrees depends on what disagrees, and on whether the month may
// still change.
func TestReasons(t *testing.T) {
	const sim = `"sim_sid":"HS0123456789abcdef0123456789abcdef"`
	amount := regexp.MustCompile(`"data_total_billed":"[\d.]+"`)
	upload := regexp.MustCompile(`"data_upload":\d+`)
	for _, x := range []struct {
		name, group string
		running     bool
		change      func(body string) string
		want        string
	}{
		{"amounts", "fleet", false, func(b string) string { return amount.ReplaceAllString(b, `"data_total_billed":"1"`) }, "amounts that were revised or rounded for each key"},
		{"amounts", "fleet", true, func(b string) string { return amount.ReplaceAllString(b, `"data_total_billed":"1"`) }, "hours that are billed in one of the lists and not yet in the other"},
		{"currency", "fleet", false, func(b string) string { return strings.ReplaceAll(b, `"USD"`, `"EUR"`) }, "amounts in another currency"},
		{"less", "fleet", false, func(b string) string { return upload.ReplaceAllString(b, `"data_upload":1`) }, "an incomplete list; make the report again"},
		{"more", "sim", false, func(b string) string { return upload.ReplaceAllString(b, `"data_upload":99999999999`) }, "an incomplete list; make the report again"},
		{"less", "sim", false, func(b string) string { return upload.ReplaceAllString(b, `"data_upload":1`) }, "SIMs that have been deleted since, or an incomplete list; make the report again to tell"},
		{"less", "sim", true, func(b string) string { return upload.ReplaceAllString(b, `"data_upload":1`) }, "late usage that one of the lists has and the other has not; make the report again later"},
	} {
		t.Run(x.name+x.group, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(odd(), twiliotest.Readings{})
				s.wrap = rewritten(func(r *http.Request, body string) string {
					if q := r.URL.Query(); q.Get("Group") == x.group && strings.HasPrefix(q.Get("StartTime"), "2000-02") {
						return x.change(body)
					}
					return body
				})
				at := date(3, 4)
				if x.running {
					at = date(2, 20)
				}
				sleepUntil(at)
				d := s.run(t, date(2, 1)).Accounts[0].Differences
				if len(d) == 0 || d[0].What != x.group+"s" && d[0].What != "SIMs" || d[0].Reason != x.want {
					t.Errorf("have %s", toJSON(t, d))
				}
			})
		})
	}
	// A SIM that is not billed, and usage that belongs to none.
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		s.wrap = rewritten(func(r *http.Request, body string) string {
			if !strings.HasPrefix(r.URL.Query().Get("StartTime"), "2000-02") {
				return body
			}
			return strings.NewReplacer(sim, `"sim_sid":null`, `"data_total_billed":"34.8"`, `"data_total_billed":null`).Replace(body)
		})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		notes := strings.Join(r.Accounts[0].Notes, "\n")
		if !strings.Contains(notes, "SIMs with such usage: 1.") || strings.Contains(notes, "not in the list of SIMs") {
			t.Errorf("have %s", notes)
		}
		if text := written(t, r, "text", 0); !strings.Contains(text, "without a SIM ") {
			t.Errorf("have %s", text)
		}
	})
}

// TestInvalidPageToken: a list whose next page is refused is read from the start again.
func TestInvalidPageToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		a.SID, a.AuthToken = accountSID, "token"
		s := newSetup(a, twiliotest.Readings{})
		s.simulator = twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}, MaxPageSize: 5})
		for _, endpoint := range []twiliotest.Endpoint{twiliotest.UsageRecords, twiliotest.Sims} {
			s.simulator.Inject(twiliotest.Fault{Kind: twiliotest.InvalidPageToken, Endpoint: endpoint, Times: 1})
		}
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		if a := r.Accounts[0]; !r.OK || len(a.SIMs) != 12 || len(a.Differences) > 0 || a.Total.Upload.V != 22_620_000_000 || a.SIMs[1].Name != "plain" {
			t.Errorf("have %s", toJSON(t, a))
		}
	})
}

// TestFilters: each filter of the configuration is asked for, and said.
func TestFilters(t *testing.T) {
	for key, x := range map[string]struct {
		value, name string
		upload      int64
	}{
		"sim":         {"HS0123456789abcdef0123456789abcdef", "SIM HS0123456789abcdef0123456789abcdef", 290_000_000},
		"fleet":       {fleetOne, "fleet " + fleetOne, 6_380_000_000}, // SIMs 1, 4, 7 and 10: 29 days of 10 MB × 22
		"network":     {"HW33333333333333333333333333333333", "network HW33333333333333333333333333333333", 0},
		"iso_country": {"DE", "country DE", 0},
	} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSetup(odd(), twiliotest.Readings{})
				sleepUntil(date(3, 4))
				s.yaml += "collectors: {supersim_usage: {filter: {" + key + ": " + x.value + "}}}\n"
				a := s.run(t, date(2, 1)).Accounts[0]
				if a.Total.Upload.V != x.upload || !strings.Contains(strings.Join(a.Notes, "\n"), "Only usage of "+x.name+" is counted") || len(a.Differences) > 0 {
					t.Errorf("have %s", toJSON(t, a))
				}
			})
		})
	}
}

// TestHugeNumbers: sums of bytes stay at the largest number, or are an error; they never
// become negative.
func TestHugeNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		sleepUntil(date(3, 4))
		number := regexp.MustCompile(`("data_(?:upload|download)":)[1-9]\d*`)
		s.wrap = rewritten(func(_ *http.Request, body string) string {
			return number.ReplaceAllString(body, "${1}9223372036854775807")
		})
		r := s.run(t, date(2, 1))
		a := r.Accounts[0]
		if len(a.Errors) > 0 || len(a.Differences) > 0 || a.Total.Upload.V != math.MaxInt64 {
			t.Errorf("have %s", toJSON(t, a))
		}
		if text := written(t, r, "text", 2); strings.Count(text, " 9,223,372.04 ") != 10 { // of the account, with both directions; of 2 fleets, a network, a country, 2 SIMs and the others
			t.Errorf("have %s", text)
		}
		s.run(t, date(3, 1))
		if a := s.run(t, date(3, 1)).Accounts[0]; len(a.Errors) != 1 || !strings.Contains(a.Errors[0], "the sum of its bytes is too large") { // in two periods
			t.Errorf("have %q", a.Errors)
		}
	})
}

// TestNoCurrency: an amount without a currency is not counted, and not taken for 0.
func TestNoCurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		s.wrap = rewritten(func(r *http.Request, body string) string {
			if strings.HasPrefix(r.URL.Query().Get("StartTime"), "2000-02") {
				return strings.ReplaceAll(body, `"billed_unit":"USD"`, `"billed_unit":null`)
			}
			return body
		})
		sleepUntil(date(3, 4))
		a := s.run(t, date(2, 1)).Accounts[0]
		for _, row := range append(slices.Concat(a.SIMs, a.Fleets, a.Networks, a.Countries), *a.Total) {
			if c := row.Costs[0]; len(row.Costs) != 1 || c.Cost.Valid || c.Currency != "USD" || !c.Previous.Valid {
				t.Errorf("have %s", toJSON(t, row))
			}
		}
		if notes := strings.Join(a.Notes, "\n"); !strings.Contains(notes, "amounts without a currency; they are not counted") || len(a.Differences) > 0 {
			t.Errorf("have %s, %+v", notes, a.Differences)
		}
	})
}

// TestNothingUsed: without any usage there is no currency, and so none that is another
// than the bill's.
func TestNothingUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := odd()
		a.Usage = func(twiliotest.SIM, time.Time) []twiliotest.Segment { return nil }
		s := newSetup(a, twiliotest.Readings{})
		sleepUntil(date(3, 4))
		r := s.run(t, date(2, 1))
		d := r.Accounts[0].Differences
		if len(d) != 1 || d[0].Cost.String() != "226.20" || d[0].Reason != "subaccounts, which the bill includes and the SIMs do not; fees and credits that belong to no SIM" {
			t.Errorf("have %s", toJSON(t, d))
		}
		if have := labels(pictures(t, r)[0]); !slices.Equal(have[:4], []string{"Download", "Upload", "1", "0"}) {
			t.Errorf("have the labels %q", have)
		}
	})
}

// TestFailures: an account or a part of it that fails is said in every format; the others
// are reported.
func TestFailures(t *testing.T) {
	for _, x := range []struct {
		name                       string
		change                     func(*setup)
		want                       string
		hasTotal, hasNames, hasAll bool
	}{
		{"credentials", withWrongToken, "check account_sid and the credentials of this account", false, false, false},
		{"usage", func(s *setup) { s.wrap = refusing("/v1/UsageRecords") }, "code 70051", false, false, true},
		{"inventory", func(s *setup) { s.wrap = refusing("/v1/Sims") }, "names of SIMs, fleets and networks: sims: ", true, false, true},
		{"bill", func(s *setup) { s.wrap = refusing("/Monthly.json") }, "usage of the whole account: monthly_usage: ", true, true, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := goldenSetup()
				x.change(s)
				sleepUntil(date(3, 4))
				r := s.run(t, date(2, 1))
				a, b := r.Accounts[0], r.Accounts[1]
				if r.OK || !strings.Contains(strings.Join(a.Errors, "\n"), x.want) {
					t.Errorf("OK is %v, errors are %q", r.OK, a.Errors)
				}
				if (a.Total != nil) != x.hasTotal || (len(a.Categories) > 0) != x.hasAll || x.hasTotal && (a.SIMs[1].Name == "plain") != x.hasNames {
					t.Errorf("have %+v", a)
				}
				if x.name != "usage" && (b.Total == nil || b.Total.Upload.V != 22_620_000_000) {
					t.Errorf("the other account is not there: %+v", b)
				}
				if text := written(t, r, "text", 5); strings.Contains(text, "all accounts") != x.hasTotal || strings.Contains(text, "all that were read") == x.hasTotal {
					t.Errorf("the sum does not say what is in it: %s", text)
				}
				for _, format := range []string{"text", "json", "html"} {
					if text := written(t, r, format, 5); !strings.Contains(text, "code 70051") && !strings.Contains(text, "code 20003") || strings.Contains(text, "token") {
						t.Errorf("%s does not say what failed, or too much: %s", format, text)
					}
				}
				written(t, r, "csv", 5)
			})
		})
	}
}

// TestConfiguration: collectors that are off are not asked for, the filter is used, and
// both are said.
func TestConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSetup(odd(), twiliotest.Readings{})
		sleepUntil(date(3, 4))
		s.yaml += "collectors: {account_usage: {enabled: false}, supersim_inventory: {enabled: false}, supersim_usage: {filter: {fleet: " + fleetOne + "}}}\n"
		a := s.run(t, date(2, 1)).Accounts[0]
		// SIMs 1, 4, 7 and 10: 29 days of 10 MB × 22.
		if notes := strings.Join(a.Notes, "\n"); a.Total.Upload.V != 6_380_000_000 || strings.Contains(notes, "not in the list of SIMs") || !strings.Contains(notes, "Only usage of fleet "+fleetOne) || !strings.Contains(notes, "account_usage off") {
			t.Errorf("have %d bytes, %s", a.Total.Upload.V, notes)
		}
		s.yaml = twilioYAML + "collectors: {supersim_usage: {enabled: false}}\n"
		r := s.run(t, date(2, 1))
		if a := r.Accounts[0]; !r.OK || a.Total != nil || len(a.Categories) != 5 || !strings.Contains(a.Notes[0], "supersim_usage off") {
			t.Errorf("have %+v", a)
		}
		for _, uri := range s.simulator.RequestURIs() {
			if strings.Contains(uri, "/v1/Sims") {
				t.Errorf("asked for %s", uri)
			}
		}
		for _, format := range []string{"text", "csv", "json", "html"} {
			written(t, r, format, 5)
		}
	})
}

// TestLarge: 10,000 SIMs, with the memory that the report and its formats take.
func TestLarge(t *testing.T) {
	const sims = 10_000
	a := odd()
	a.Usage, a.Monthly = nil, nil
	a.SIMList = nil
	for i := range sims {
		a.SIMList = append(a.SIMList, twiliotest.SIM{SID: fmt.Sprintf("HS%032x", i), UniqueName: fmt.Sprintf("device-%d", i)})
	}
	a.Totals = func(_ twiliotest.SIM, from, to, _ time.Time) []twiliotest.Segment {
		hours := int64(to.Sub(from) / time.Hour)
		return []twiliotest.Segment{{NetworkSID: network, Upload: 1000 * hours, Download: 2000 * hours, MicroCost: 10 * hours}}
	}
	a.SID, a.AuthToken = accountSID, "token"
	s := newSetup(twiliotest.Account{}, twiliotest.Readings{})
	now := date(3, 4)
	s.simulator = twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{a}})
	synctest.Test(t, func(t *testing.T) {
		sleepUntil(now)
		before := heap()
		r := s.run(t, date(2, 1))
		if n, total := len(r.Accounts[0].SIMs), r.Accounts[0].Total; n != sims || total.Upload.V != 1000*29*24*sims || !total.Costs[0].Cost.V.Equal(micro(10*29*24*sims)) {
			t.Fatalf("have %d SIMs, %s", n, toJSON(t, total))
		}
		used := heap() - before
		if used > 40<<20 {
			t.Errorf("the report takes %d MB", used>>20)
		}
		t.Logf("%d SIMs: the report holds %.1f MB", sims, float64(used)/(1<<20))
		for _, format := range []string{"text", "csv", "json", "html"} {
			t.Logf("%s: %d kB", format, len(written(t, r, format, 10))/1000)
		}
		runtime.KeepAlive(r)
	})
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkReport is the last month of 10,000 SIMs, the simulator's work included.
func BenchmarkReport(b *testing.B) {
	a := odd()
	a.SIMList, a.Usage, a.Monthly = nil, nil, nil
	for i := range 10_000 {
		a.SIMList = append(a.SIMList, twiliotest.SIM{SID: fmt.Sprintf("HS%032x", i)})
	}
	a.Totals = func(_ twiliotest.SIM, from, to, _ time.Time) []twiliotest.Segment {
		return []twiliotest.Segment{{NetworkSID: network, Upload: 1000, Download: 2000, MicroCost: int64(to.Sub(from) / time.Hour)}}
	}
	s := newSetup(a, twiliotest.Readings{})
	for b.Loop() {
		written(b, s.run(b, time.Time{}), "html", 10)
	}
}
