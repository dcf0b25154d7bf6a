package exporter_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/collector/exporter"
	"github.com/twilio-exporter/twilio_exporter/collector/metric"
	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// generated is a world with traffic in both accounts.
func generated() map[string]*twiliotest.Simulator {
	return map[string]*twiliotest.Simulator{
		"a": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{SID: sidA, AuthToken: "token-a", Seed: 3, SIMs: 30, Fleets: 2}}}),
		"b": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{
			SID: sidB, Provider: twiliotest.KORE, ClientID: "client-b", ClientSecret: "secret-b", Seed: 4, SIMs: 12, Fleets: 1, Currency: "EUR",
		}}}),
	}
}

// accountOf is what the overview says of an account.
func accountOf(t *testing.T, o status.Overview, name string) status.Account {
	t.Helper()
	for _, a := range o.Accounts {
		if a.Name == name {
			return a
		}
	}
	t.Fatalf("no account %s in %+v", name, o)
	return status.Account{}
}

func collectorOf(t *testing.T, o status.Overview, account, name string) status.Collector {
	t.Helper()
	for _, c := range accountOf(t, o, account).Collectors {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no collector %s of %s", name, account)
	return status.Collector{}
}

// near reports whether two numbers are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(b)) }

// dayRequests counts the requests for usage by the day.
type dayRequests struct {
	http.RoundTripper
	mu sync.Mutex
	n  int
}

func (d *dayRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("Granularity") == "day" {
		d.mu.Lock()
		d.n++
		d.mu.Unlock()
	}
	return d.RoundTripper.RoundTrip(r)
}

func (d *dayRequests) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

// TestOverview: what the page says is what /metrics says at the same moment, and the
// month before is the simulator's truth.
func TestOverview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		worlds := generated()
		p := launch(t, bothAccounts, worlds)
		defer p.stop()
		if o := p.exporter.Overview(); o.Ready || o.States[status.Waiting] != 2 || len(o.BusiestSIMs) != 0 || accountOf(t, o, "a").Traffic != nil {
			t.Errorf("before the first poll: %+v", o)
		}
		until(t, "2004-03-15 13:20:00")
		o, have := p.exporter.Overview(), p.gather()
		if !o.Ready || o.States[status.OK] != 2 || !o.Started.Equal(date("2004-03-15 12:02")) || !o.Now.Equal(date("2004-03-15 13:20")) {
			t.Errorf("have %+v", o)
		}
		for name, x := range map[string]struct{ sid, currency string }{"a": {sidA, "USD"}, "b": {sidB, "EUR"}} {
			a := accountOf(t, o, name)
			labels := fmt.Sprintf(`{account=%q,account_sid=%q}`, name, x.sid)
			traffic, cost := a.Traffic, a.Costs[0]
			if traffic.Upload != have["twilio_supersim_account_upload_bytes_total"+labels] || traffic.Download != have["twilio_supersim_account_download_bytes_total"+labels] || traffic.Bytes() <= 0 {
				t.Errorf("%s: have %+v", name, traffic)
			}
			if want := have[fmt.Sprintf(`twilio_supersim_account_cost_total{account=%q,account_sid=%q,currency=%q}`, name, x.sid, x.currency)]; cost.Amount != want || want <= 0 || cost.Currency != x.currency {
				t.Errorf("%s: want a cost of %v, have %+v", name, want, cost)
			}
			if !traffic.Until.Equal(date("2004-03-15 13:00")) || !cost.Until.Equal(date("2004-03-15 13:00")) || traffic.Month != "2004-03" || a.AccountSID != x.sid {
				t.Errorf("%s: have %+v, %+v", name, traffic, cost)
			}
			// 14 days and 13 hours of the month are counted.
			days := worlds[name].Final(x.sid, twiliotest.Filter{}, date("2004-02-01 00:00"), date("2004-02-15 00:00"))
			day := worlds[name].Final(x.sid, twiliotest.Filter{}, date("2004-02-15 00:00"), date("2004-02-16 00:00"))
			if want := float64(days.Upload+days.Download) + float64(day.Upload+day.Download)*13/24; traffic.Previous == nil || !near(*traffic.Previous, want) {
				t.Errorf("%s: want %v bytes in February, have %v", name, want, traffic.Previous)
			}
			if want := (float64(days.MicroCost) + float64(day.MicroCost)*13/24) / 1e6; cost.Previous == nil || !near(*cost.Previous, want) {
				t.Errorf("%s: want a cost of %v in February, have %v", name, want, cost.Previous)
			}
			if want := traffic.Bytes() * 31 * 24 / (14*24 + 13); !near(*traffic.Forecast, want) {
				t.Errorf("%s: want a forecast of %v, have %v", name, want, *traffic.Forecast)
			}
		}
		a := accountOf(t, o, "a")
		for _, bill := range a.Bills {
			if labels := fmt.Sprintf(`{account="a",account_sid=%q,currency="USD"}`, sidA); bill.Amount != have["twilio_account_cost"+labels] || *bill.PreviousMonth != have["twilio_account_previous_month_cost"+labels] {
				t.Errorf("have %+v", bill)
			}
		}
		if len(a.Bills) != 1 || len(accountOf(t, o, "b").Bills) != 0 {
			t.Errorf("have the bills %+v", a.Bills)
		}
		for _, c := range a.Collectors {
			labels := fmt.Sprintf(`{account="a",collector=%q}`, c.Name)
			if float64(c.Records) != have["twilio_exporter_poll_records"+labels] || len(c.Polls) != int(have["twilio_exporter_polls_total"+labels]) ||
				float64(c.LastPoll.UnixMilli())/1000 != have["twilio_exporter_poll_last_success_timestamp_seconds"+labels] {
				t.Errorf("have %+v", c)
			}
			if c.State != status.OK || c.Error != nil || c.Requests < 1 || !c.NextPoll.After(o.Now.Time) || !c.Expires.Equal(c.LastPoll.Add(3*time.Hour)) {
				t.Errorf("have %+v", c)
			}
		}
		asOf := have[fmt.Sprintf(`twilio_account_usage_as_of_timestamp_seconds{account="a",account_sid=%q}`, sidA)]
		if c := collectorOf(t, o, "a", "account_usage"); asOf == 0 || c.CountUntil.Unix() != int64(asOf) {
			t.Errorf("want a bill up to %v, have %+v", asOf, c)
		}
		// Polls came at 12:02 and once in each quarter of an hour: the next is at 13:32.
		if c := collectorOf(t, o, "a", "supersim_usage"); !c.CountUntil.Equal(date("2004-03-15 13:00")) || !c.NextPoll.Truncate(time.Minute).Equal(date("2004-03-15 13:32")) {
			t.Errorf("have %+v", c)
		}
	})
}

// simGauges are the bytes of the hour that the gauges show, by SIM, and the hour's end by
// account.
func simGauges(have map[string]float64) (bytes map[string]float64, ends map[string]time.Time) {
	bytes, ends = make(map[string]float64), make(map[string]time.Time)
	gauge := regexp.MustCompile(`^twilio_supersim_sim_hour_(?:upload|download)_bytes\{account="(.*)",sim_sid="(.*)"\}$`)
	for name, v := range have {
		if found := gauge.FindStringSubmatch(name); found != nil {
			bytes[found[2]] += v
			end := have[fmt.Sprintf(`twilio_supersim_hour_end_timestamp_seconds{account=%q,group="sim"}`, found[1])]
			ends[found[1]] = time.Unix(int64(end), 0).UTC()
		}
	}
	return bytes, ends
}

// TestBusiestSIMs: the ten SIMs with the most bytes in the last 24 closed hours, each hour
// as the gauges showed it last. Hours before the start are not known, and not 0.
func TestBusiestSIMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		worlds := generated()
		p := launch(t, bothAccounts, worlds)
		defer p.stop()
		seen := make(map[time.Time]map[string]float64) // by the hour's end, and SIM
		watch := func(hours int) {
			for range hours * 4 {
				time.Sleep(15 * time.Minute)
				synctest.Wait()
				bytes, ends := simGauges(p.gather())
				for _, end := range ends { // the same for both accounts
					seen[end] = bytes
				}
			}
		}
		check := func(hours int, last time.Time) {
			t.Helper()
			sums := make(map[string]float64)
			for hour, bytes := range seen {
				for sim, v := range bytes {
					if age := last.Sub(hour); age >= 0 && age < status.HoursShown*time.Hour {
						sums[sim] += float64(float32(v))
					}
				}
			}
			want := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
				return cmp.Or(cmp.Compare(sums[b], sums[a]), strings.Compare(a, b))
			})[:10]
			var have []string
			for _, s := range p.exporter.Overview().BusiestSIMs {
				have = append(have, s.SID)
				if s.Bytes != sums[s.SID] || !s.HoursEnd.Equal(last) || len(s.Hours) != status.HoursShown {
					t.Errorf("want %v bytes up to %s, have %+v", sums[s.SID], last, s)
				}
				for i, v := range s.Hours {
					bytes, known := seen[last.Add(time.Duration(i+1-status.HoursShown)*time.Hour)]
					switch {
					case known != (v != nil) || known != (i >= status.HoursShown-hours):
						t.Errorf("%s hour %d: want known %t, have %v", s.SID, i, known, v)
					case known && *v != float64(float32(bytes[s.SID])):
						t.Errorf("%s hour %d: want %v, have %v", s.SID, i, bytes[s.SID], *v)
					}
				}
			}
			if !slices.Equal(have, want) {
				t.Errorf("want %q, have %q", want, have)
			}
		}
		watch(6)
		check(6, date("2004-03-15 16:00")) // the poll at 18:02 is still to come
		watch(24)
		check(24, date("2004-03-16 16:00"))
		names := make(map[string]string)
		for sid, world := range map[string]*twiliotest.Simulator{sidA: worlds["a"], sidB: worlds["b"]} {
			for _, s := range world.SIMs(sid) {
				names[s.SID] = s.UniqueName
			}
		}
		named := 0
		for _, s := range p.exporter.Overview().BusiestSIMs {
			if s.Name != names[s.SID] {
				t.Errorf("want the name %q, have %+v", names[s.SID], s)
			}
			if s.Name != "" {
				named++
			}
		}
		if named == 0 {
			t.Error("no SIM has a name")
		}
	})
}

// TestForecast: in proportion to the hours of the month, of which none may be counted yet.
// While the counters pass through 0, they are of the new month.
func TestForecast(t *testing.T) {
	for _, x := range []struct {
		at, month string
		counted   float64 // hours
		hours     float64 // of the month
	}{
		{"2005-02-28 23:50:00", "2005-02", 28*24 - 1, 28 * 24},
		{"2005-03-01 01:59:00", "2005-02", 28 * 24, 28 * 24}, // the bytes settle
		{"2005-03-01 02:05:00", "2005-03", 0, 31 * 24},       // rollover
		{"2005-03-01 02:20:00", "2005-03", 2, 31 * 24},
		{"2005-03-31 12:20:00", "2005-03", 30*24 + 12, 31 * 24},
	} {
		t.Run(x.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until(t, x.at)
				p := launch(t, bothAccounts, generated())
				defer p.stop()
				time.Sleep(time.Minute)
				o := p.exporter.Overview()
				traffic := accountOf(t, o, "a").Traffic
				if traffic.Month != x.month || !traffic.Until.Equal(date(x.month+"-01 00:00").Add(time.Duration(x.counted)*time.Hour)) || (traffic.Bytes() > 0) != (x.counted > 0) {
					t.Errorf("have %+v", traffic)
				}
				switch {
				case x.counted == 0:
					if traffic.Forecast != nil {
						t.Errorf("have a forecast of %v", *traffic.Forecast)
					}
				case traffic.Forecast == nil || !near(*traffic.Forecast, traffic.Bytes()*x.hours/x.counted):
					t.Errorf("want a forecast of %v, have %+v", traffic.Bytes()*x.hours/x.counted, traffic)
				}
				if _, err := json.Marshal(o); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestBillsOfSubaccounts: a bill is compared with that of the same account and currency.
func TestBillsOfSubaccounts(t *testing.T) {
	batch := func(name string, samples ...metric.Sample) metric.Batch {
		return metric.NewBatch(metric.Gauge(name, "Help.", "account_sid", "currency"), samples)
	}
	bill := func(sid, currency string, amount float64) metric.Sample {
		return metric.Sample{Labels: []string{sid, currency}, Value: amount}
	}
	bills := exporter.Bills([]metric.Batch{
		batch("twilio_account_cost", bill("AC2", "USD", 1.25), bill("AC1", "USD", 2.5), bill("AC1", "EUR", 3)),
		batch("twilio_account_previous_month_cost", bill("AC1", "USD", 20), bill("AC2", "EUR", 40), bill("AC2", "USD", 10)),
	})
	twenty, ten := 20.0, 10.0
	want := []status.Bill{
		{AccountSID: "AC1", Currency: "EUR", Amount: 3},
		{AccountSID: "AC1", Currency: "USD", Amount: 2.5, PreviousMonth: &twenty},
		{AccountSID: "AC2", Currency: "USD", Amount: 1.25, PreviousMonth: &ten},
	}
	if !reflect.DeepEqual(bills, want) {
		t.Errorf("want %+v, have %+v", want, bills)
	}
}

// TestOverviewOfFailures: a failure is explained; results that are too old are gone from
// the page when they are from /metrics; failing accounts come first.
func TestOverviewOfFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		worlds := generated()
		p := launch(t, bothAccounts, worlds)
		defer p.stop()
		until(t, "2004-03-15 12:10:00")
		worlds["b"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden})
		until(t, "2004-03-15 12:40:00")
		o := p.exporter.Overview()
		b := collectorOf(t, o, "b", "supersim_usage")
		if o.Accounts[0].Name != "b" || o.Accounts[0].State != status.Failing || o.States[status.Failing] != 1 || o.States[status.OK] != 1 || o.Accounts[0].Traffic == nil {
			t.Errorf("have %+v", o)
		}
		if e := b.Error; b.State != status.Failing || e == nil || e.Reason != "permission" || e.Status != 403 || e.Code != 70051 || e.RequestID == "" ||
			!strings.Contains(e.Message, "HTTP 403, code 70051") || e.Explanation != "The API key has no permission for this resource." || !strings.Contains(e.Advice, "Main or Standard") {
			t.Errorf("have %+v with %+v", b, e)
		}
		var reasons []string
		for _, poll := range b.Polls {
			reasons = append(reasons, poll.Reason)
		}
		if !slices.Equal(reasons, []string{"", "permission", "permission"}) || !b.PollsSince.Equal(date("2004-03-15 12:02")) {
			t.Errorf("have polls %q since %s", reasons, b.PollsSince)
		}
		expires := b.Expires.Time
		for _, x := range []struct {
			at      time.Time
			state   status.State
			exposed bool
		}{{expires, status.Failing, true}, {expires.Add(time.Millisecond), status.Expired, false}} {
			time.Sleep(time.Until(x.at))
			synctest.Wait()
			o, have := p.exporter.Overview(), p.gather()
			_, shown := have[fmt.Sprintf(`twilio_supersim_account_upload_bytes_total{account="b",account_sid=%q}`, sidB)]
			onPage := slices.ContainsFunc(o.BusiestSIMs, func(s status.SIM) bool { return s.Account == "b" })
			if a := accountOf(t, o, "b"); shown != x.exposed || (a.Traffic != nil) != x.exposed || onPage != x.exposed || collectorOf(t, o, "b", "supersim_usage").State != x.state {
				t.Errorf("%s: exposed %t, SIMs on the page %t, have %+v", x.at, shown, onPage, a)
			}
		}
		worlds["b"].ClearFaults()
		time.Sleep(time.Hour)
		if o := p.exporter.Overview(); o.States[status.OK] != 2 || accountOf(t, o, "b").Traffic == nil || collectorOf(t, o, "b", "supersim_usage").Error != nil {
			t.Errorf("have %+v", o)
		}
	})
}

// TestPollsRemembered: no more than 100, and none older than a day; a reload forgets
// neither them nor the hours of SIMs, unless the filter changes.
func TestPollsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		p := launch(t, bothAccounts+"collectors: {account_balance: {interval: 10m}}\n", generated())
		defer p.stop()
		time.Sleep(26*time.Hour + time.Minute)
		synctest.Wait()
		o := p.exporter.Overview()
		if c := collectorOf(t, o, "a", "account_balance"); len(c.Polls) != 100 || !c.PollsSince.Equal(c.Polls[0].Ended.Time) || o.Now.Sub(c.PollsSince.Time) > 1010*time.Minute {
			t.Errorf("have %d polls since %s", len(c.Polls), c.PollsSince)
		}
		if c := collectorOf(t, o, "a", "account_usage"); len(c.Polls) != 24 || !c.PollsSince.Equal(o.Now.Add(-24*time.Hour)) {
			t.Errorf("have %d polls since %s", len(c.Polls), c.PollsSince)
		}
		hours := func(o status.Overview) (known int) {
			for _, s := range o.BusiestSIMs {
				for _, v := range s.Hours {
					if v != nil {
						known++
					}
				}
			}
			return known
		}
		before := hours(o)
		p.reload(bothAccounts + "rollover: 20m\n")
		synctest.Wait()
		if o := p.exporter.Overview(); len(collectorOf(t, o, "a", "account_usage").Polls) < 24 || hours(o) < before || accountOf(t, o, "a").Traffic.Previous == nil {
			t.Errorf("after a reload %d hours of %d are known: %+v", hours(o), before, accountOf(t, o, "a").Traffic)
		}
		p.reload(bothAccounts + "collectors: {supersim_usage: {filter: {fleet: " + fleet1 + "}}}\n")
		if o := p.exporter.Overview(); len(o.BusiestSIMs) != 0 {
			t.Errorf("with another filter %d hours are known", hours(o))
		}
	})
}

// TestHistoryRequests: the month before takes one request at the start and two in a
// month; if one fails, no poll does.
func TestHistoryRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-30 12:02:00")
		worlds := generated()
		days := &dayRequests{RoundTripper: worlds["a"].Transport()}
		p := launchAs(t, "accounts:"+twilioAccount+only("supersim_usage: {interval: 1h}"), log.NewLogfmtLogger, inMemory(func(string) http.RoundTripper { return days }))
		defer p.stop()
		for _, x := range []struct {
			at       string
			requests int
			traffic  string // month
			of       string // of the month before, up to where
			cost     string
		}{
			{"2004-03-30 12:10:00", 1, "2004-03", "2004-02-29", "2004-03"},
			{"2004-04-01 01:59:00", 1, "2004-03", "2004-02-29", "2004-03"},
			{"2004-04-01 12:10:00", 2, "2004-04", "2004-03-01", "2004-03"}, // bytes have left the month
			{"2004-04-02 12:10:00", 3, "2004-04", "2004-03-02", "2004-04"}, // and the cost, too
			{"2004-04-20 12:10:00", 3, "2004-04", "2004-03-20", "2004-04"},
		} {
			until(t, x.at)
			a := accountOf(t, p.exporter.Overview(), "a")
			if days.count() != x.requests || a.Traffic.Month != x.traffic || a.Costs[0].Month != x.cost {
				t.Errorf("%s: %d requests, %+v, %+v", x.at, days.count(), a.Traffic, a.Costs)
			}
			month := date(x.of[:7] + "-01 00:00")
			whole := worlds["a"].Final(sidA, twiliotest.Filter{}, month, date(x.of+" 00:00"))
			day := worlds["a"].Final(sidA, twiliotest.Filter{}, date(x.of+" 00:00"), date(x.of+" 00:00").AddDate(0, 0, 1))
			share := min(1, a.Traffic.Until.Sub(date(x.traffic+"-01 00:00").AddDate(0, 0, date(x.of+" 00:00").Day()-1)).Hours()/24)
			if want := float64(whole.Upload+whole.Download) + share*float64(day.Upload+day.Download); a.Traffic.Previous == nil || !near(*a.Traffic.Previous, want) {
				t.Errorf("%s: want %v with %v of the day, have %+v", x.at, want, share, a.Traffic)
			}
			if a.Costs[0].Previous == nil {
				t.Errorf("%s: have no cost before: %+v", x.at, a.Costs[0])
			}
		}
	})
}

// brokenProxy fails from a moment on, with a text.
type brokenProxy struct {
	http.RoundTripper
	text  string
	since time.Time
}

func (b *brokenProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	if time.Now().Before(b.since) {
		return b.RoundTripper.RoundTrip(r)
	}
	return nil, errors.New(b.text)
}

// TestOverviewWithoutICCIDs: not even where they are exposed, and neither in names nor in
// what the API says of an error; that is not logged with them either.
func TestOverviewWithoutICCIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		worlds := handMade()
		sims := worlds["a"].SIMs(sidA)
		for i := range sims {
			sims[i].UniqueName = "sim_" + sims[i].ICCID + "_"
		}
		worlds["a"].SetSIMs(sidA, sims)
		broken := &brokenProxy{text: "proxy: no route for SIM " + sims[0].ICCID, since: date("2004-03-15 13:11")}
		p := launchAs(t, bothAccounts+"collectors: {supersim_inventory: {iccid: true}}\n", log.NewLogfmtLogger, inMemory(func(account string) http.RoundTripper {
			if account == "b" {
				broken.RoundTripper = worlds["b"].Transport()
				return broken
			}
			return worlds["a"].Transport()
		}))
		defer p.stop()
		until(t, "2004-03-15 13:10:00")
		until(t, "2004-03-15 13:40:00")
		document, err := json.Marshal(p.exporter.Overview())
		if err != nil {
			t.Fatal(err)
		}
		if text := string(document); strings.Contains(text, "8988307") || !strings.Contains(text, "sim_\\u003cICCID\\u003e_") || !strings.Contains(text, "no route for SIM \\u003cICCID\\u003e") {
			t.Errorf("have %s", text)
		}
		if log := p.log.String(); strings.Contains(log, "8988307") || !strings.Contains(log, "no route for SIM <ICCID>") {
			t.Errorf("the log is %s", log)
		}
	})
}

// BenchmarkOverview is what the page of 500 accounts takes before it is rendered.
func BenchmarkOverview(b *testing.B) {
	yaml := "accounts:\n"
	for i := range 500 {
		yaml += fmt.Sprintf("- {name: account-%03d, account_sid: AC%032x, basic_auth: {username: SK%032x, password: secret}}\n", i, i, i)
	}
	cfg, err := config.Parse("test.yml", []byte(yaml))
	if err != nil {
		b.Fatal(err)
	}
	for _, failing := range []int{0, 500} {
		b.Run(fmt.Sprintf("%d failing", failing), func(b *testing.B) {
			e, err := exporter.ExporterOf(b.Context(), cfg, exporter.Options{Logger: log.NewNopLogger(), Registry: prometheus.NewRegistry()}, failing)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				e.Overview()
			}
		})
	}
}

// TestOverviewOfOverduePolls: results that are too old are told of even if no poll has
// failed. The list of subaccounts does not become too old.
func TestOverviewOfOverduePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noon(t)
		worlds := generated()
		p := launch(t, withParent(bothAccounts)+"api: {timeout: 10h}\nmax_age: 2h\n", worlds)
		defer p.stop()
		until(t, "2004-03-15 12:10:00")
		worlds["b"].Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: 9 * time.Hour})
		worlds["a"].Inject(twiliotest.Fault{Kind: twiliotest.Forbidden, Endpoint: twiliotest.Accounts})
		until(t, "2004-03-15 15:10:00")
		o := p.exporter.Overview()
		if c := collectorOf(t, o, "b", "supersim_usage"); c.State != status.Expired || c.Error != nil || !c.Polling.Equal(date("2004-03-15 12:17").Add(50*time.Millisecond)) || !c.NextPoll.IsZero() || !c.Expires.IsZero() || !c.CountUntil.IsZero() || o.States[status.Expired] != 1 {
			t.Errorf("have %+v", c)
		}
		if c := collectorOf(t, o, "a", "subaccounts"); c.State != status.Failing || c.Success.IsZero() || !c.Expires.IsZero() {
			t.Errorf("have %+v", c)
		}
	})
}
