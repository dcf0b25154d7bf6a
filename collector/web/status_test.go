package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/twilio-exporter/twilio_exporter/collector/status"
	"github.com/twilio-exporter/twilio_exporter/collector/web"
)

// now is the moment of the tests' overviews, 12:07:30 in UTC. The page is in UTC wherever
// the exporter runs.
func now() time.Time {
	return time.Date(2004, 3, 10, 17, 37, 30, 0, time.FixedZone("IST", 5*3600+1800))
}

func before(d time.Duration) status.Time { return status.Time{Time: now().Add(-d)} }

func ptr(v float64) *float64 { return &v }

// overview is one with a collector in each state.
func overview() status.Overview {
	failure := &status.Error{
		Reason: "permission", Status: 403, Code: 70051, Message: "Sims: HTTP 403, code 70051: <b>bold</b> & wrong (request RQ1)",
		Explanation: "The API key has no permission for this resource.", Advice: "use a Main key", RequestID: "RQ1",
	}
	hours := make([]*float64, status.HoursShown)
	hours[22], hours[23] = ptr(1e6), ptr(234567)
	o := status.Overview{
		Version: "test", Now: before(0), Started: before(3 * time.Hour),
		States: map[status.State]int{status.Failing: 1, status.Expired: 1, status.Waiting: 1, status.OK: 1},
		Accounts: []status.Account{
			{Name: "gone", Provider: "kore", State: status.Expired, Collectors: []status.Collector{{
				Name: "supersim_usage", State: status.Expired, Interval: 90, LastPoll: before(time.Minute), Success: before(4 * time.Hour),
				Error: &status.Error{Reason: "network", Explanation: "No connection.", Advice: "check the firewall", Message: "Sims: dial"},
			}}},
			{Name: "<script>alert(1)</script>", Provider: "twilio", AccountSID: "AC1", State: status.Failing, Collectors: []status.Collector{{
				Name: "supersim_inventory", State: status.Failing, Interval: 3600, LastPoll: before(time.Minute), NextPoll: before(-time.Hour),
				Duration: 1.5, Requests: 7, Records: 4711, Success: before(time.Hour), Expires: before(-2 * time.Hour), Error: failure,
				PollsSince: before(3 * time.Hour), Polls: []status.Poll{
					{Ended: before(time.Hour), Duration: 3, Requests: 9}, {Ended: before(time.Minute), Duration: 1.5, Requests: 7, Reason: "permission"},
				},
			}}},
			{Name: "new", Provider: "twilio", State: status.Waiting, Collectors: []status.Collector{{
				Name: "account_balance", State: status.Waiting, Interval: 3600, Polling: before(time.Second), PollsSince: before(time.Minute),
			}}},
			{
				Name: "production", Provider: "twilio", AccountSID: "AC2", State: status.OK,
				Collectors: []status.Collector{{
					Name: "supersim_usage", State: status.OK, Interval: 900, LastPoll: before(time.Minute), NextPoll: before(-14 * time.Minute),
					Duration: 0.25, Requests: 29, Records: 12345, Success: before(time.Minute), CountUntil: before(7*time.Minute + 30*time.Second),
				}},
				Traffic: &status.Traffic{
					Month: "2004-03", Until: before(7*time.Minute + 30*time.Second), Upload: 1234567890, Download: 987654321,
					Previous: ptr(2e9), Forecast: ptr(7e9),
				},
				Costs: []status.Cost{{Month: "2004-03", Until: before(7*time.Minute + 30*time.Second), Currency: "USD", Amount: 1234.5, Previous: ptr(2469), Forecast: ptr(4000)}},
				Bills: []status.Bill{{AccountSID: "AC2", Currency: "USD", Amount: 2000, PreviousMonth: ptr(4321)}},
			},
		},
		BusiestSIMs: []status.SIM{{
			Account: "production", SID: "HS1", Name: "pump <1>", Bytes: 1234567, HoursEnd: before(7*time.Minute + 30*time.Second), Hours: hours,
		}},
	}
	for i := range o.Accounts {
		if o.Accounts[i].Costs == nil {
			o.Accounts[i].Costs = []status.Cost{}
		}
		if o.Accounts[i].Bills == nil {
			o.Accounts[i].Bills = []status.Bill{}
		}
	}
	return o
}

// text is a page's text as a reader sees it, cells separated by blanks.
func text(page string) string {
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	return regexp.MustCompile(`[\s\x{202f}]+`).ReplaceAllString(page, " ")
}

// TestLandingPage shows how everything is, what needs an operator first, and nothing of
// foreign words as HTML.
func TestLandingPage(t *testing.T) {
	s := newSite("/foo")
	s.exporter.overview = overview()
	code, page := s.do("GET", "/")
	if code != http.StatusOK {
		t.Errorf("have status %d", code)
	}
	for _, want := range []string{
		`<a href="./foo">Metrics</a>`, `href="./-/healthy"`, `href="./-/ready"`, `href="./api/v1/status"`, documentation,
		"&lt;script&gt;alert", "&lt;b&gt;bold&lt;/b&gt; &amp; wrong", "pump &lt;1&gt;",
		`href="https://www.twilio.com/docs/api/errors/70051"`, `<data value="2222222211">2.22 GB</data>`, `<title>2 failing`,
		`aria-label="2 polls since 10 Mar 09:07, 1 failed"`, `aria-label="2 hours up to 10 Mar 12:00, at most 1.00 MB in one"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in %s", want, page)
		}
	}
	words := text(page)
	for _, want := range []string{
		"4 accounts: 1 with expired results, 1 failing, 1 waiting for first polls, 1 ok.",
		"As of 10 March 2004 12:07 UTC", "Polls are known since 10 Mar 09:07",
		"supersim_usage every 1m30s failed (network)", "The last results, of 10 Mar 08:07, are too old: none are exposed any more.",
		"supersim_inventory every 1h failed (permission) 10 Mar 12:06 10 Mar 13:07 – 1.5s 7 4711",
		"Code 70051. The API key has no permission for this resource.", "What to do: use a Main key.", "The results of 10 Mar 11:07 stay exposed until 10 Mar 14:07.",
		"account_balance every 1h the first poll is under way – polls now",
		"supersim_usage every 15m ok 10 Mar 12:06 10 Mar 12:21 10 Mar 12:00 250ms 29 12345",
		"Traffic, March 2004 2.22 GB 10 Mar 12:00 2.00 GB +11 % 7.00 GB",
		"Cost in USD, March 2004 1 234.50 10 Mar 12:00 2 469.00 −50 % 4 000.00",
		"Whole bill in USD 2 000.00 – 4 321.00 (whole month)",
		"HS1 production 1.23 MB 235 kB 10 Mar 10:00",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("want %q in %s", want, words)
		}
	}
	for _, not := range []string{"<script>", "alert(1)</script", "<b>bold", "debug/pprof", "style=", "onclick", "<nil>"} {
		if strings.Contains(page, not) {
			t.Errorf("have %q in %s", not, page)
		}
	}
	var order []string
	for _, name := range []string{"<h3>gone", "<h3>&lt;script", "<h3>new", "<h3>production"} {
		order = append(order, fmt.Sprintf("%08d", strings.Index(page, name)))
	}
	if !slices.IsSorted(order) {
		t.Errorf("the order of the accounts is not that of the overview: %v", order)
	}
}

// TestPageWithoutResults: what is not known is said, and nothing is made up.
func TestPageWithoutResults(t *testing.T) {
	s := newSite("/metrics")
	if _, page := s.do("GET", "/"); !strings.Contains(page, "No accounts are polled.") || !strings.Contains(page, "No usage by SIM is exposed yet") {
		t.Errorf("have %s", page)
	}
	o := overview()
	o.Accounts = o.Accounts[3:]
	o.States = map[status.State]int{status.OK: 1}
	o.Accounts[0].Traffic.Previous, o.Accounts[0].Traffic.Forecast = nil, nil
	s.exporter.overview = o
	o.Accounts[0].Collectors = []status.Collector{
		{Name: "account_balance", State: status.Waiting, Interval: 3600, NextPoll: before(-time.Minute)},
		{Name: "account_usage", State: status.Expired, Interval: 3600, LastPoll: before(5 * time.Hour), Success: before(5 * time.Hour), Polling: before(4 * time.Hour)},
		{Name: "subaccounts", State: status.Failing, Interval: 300, LastPoll: before(time.Hour), Success: before(2 * time.Hour), Error: &status.Error{Reason: "server"}},
	}
	_, page := s.do("GET", "/")
	for _, want := range []string{
		"The account is polled successfully.", "Traffic, March 2004 2.22 GB 10 Mar 12:00 not known – –",
		"account_balance every 1h waiting for the first poll – 10 Mar 12:08 –", "account_usage every 1h expired 10 Mar 07:07 polls now –",
		"The results of 10 Mar 10:07 stay in use.",
	} {
		if words := text(page); !strings.Contains(words, want) {
			t.Errorf("want %q in %s", want, words)
		}
	}
}

// TestNumbers: numbers of the month as they are written, exact ones beside them, and how
// they changed.
func TestNumbers(t *testing.T) {
	s := newSite("/metrics")
	for _, x := range []struct {
		amount   float64
		previous *float64
		want     string // the row of the table
	}{
		{0, nil, "0.00 10 Mar 12:00 not known – –"},
		{0, ptr(0), "0.00 10 Mar 12:00 0.00 – –"},
		{12, ptr(0), "12.00 10 Mar 12:00 0.00 – –"},
		{0, ptr(12), "0.00 10 Mar 12:00 12.00 −100 % –"},
		{1.004, ptr(1), "1.00 10 Mar 12:00 1.00 ±0 % –"},
		{0.996, ptr(1), "0.9960 10 Mar 12:00 1.00 ±0 % –"},
		{0.5, ptr(1), "0.5000 10 Mar 12:00 1.00 −50 % –"},
		{1.5, ptr(1), "1.50 10 Mar 12:00 1.00 +50 % –"},
		{10.99, ptr(1), "10.99 10 Mar 12:00 1.00 +999 % –"},
		{11, ptr(1), "11.00 10 Mar 12:00 1.00 more than +999 % –"},
		{-0.25, nil, "-0.2500 10 Mar 12:00 not known – –"},
		{-1234.5, nil, "-1 234.50 10 Mar 12:00 not known – –"},
		{999999.999, nil, "1 000 000.00 10 Mar 12:00 not known – –"},
		{123456, nil, "123 456.00 10 Mar 12:00 not known – –"},
	} {
		o := overview()
		cost := &o.Accounts[3].Costs[0]
		cost.Amount, cost.Previous, cost.Forecast = x.amount, x.previous, nil
		s.exporter.overview = o
		_, page := s.do("GET", "/")
		if want := "Cost in USD, March 2004 " + x.want; !strings.Contains(text(page), want) {
			t.Errorf("want %q in %s", want, text(page))
		}
		if want := fmt.Sprintf(`<data value="%s">`, strconv.FormatFloat(x.amount, 'f', -1, 64)); !strings.Contains(page, want) {
			t.Errorf("want %s in %s", want, page)
		}
	}
	for bytes, want := range map[float64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 999.6: "1.00 kB", 1000: "1.00 kB", 12345: "12.3 kB", 123456: "123 kB", 999499: "999 kB", 999500: "1.00 MB",
		1e9: "1.00 GB", 2.5e12: "2.50 TB", 1e15: "1.00 PB", 1e18: "1.00 EB", 5e21: "5000 EB",
	} {
		o := overview()
		o.Accounts[3].Traffic.Upload, o.Accounts[3].Traffic.Download = bytes, 0
		s.exporter.overview = o
		if _, page := s.do("GET", "/"); !strings.Contains(text(page), "Traffic, March 2004 "+want+" 10 Mar") {
			t.Errorf("%v: want %s in %s", bytes, want, text(page))
		}
	}
}

// TestCharts: a bar for each half hour of polls, the last one at the right, as high as the
// square root of what the longest took; and one for each hour of a SIM. What failed and
// what is not known looks different.
func TestCharts(t *testing.T) {
	s := newSite("/metrics")
	o := overview()
	o.Accounts = o.Accounts[3:]
	c := &o.Accounts[0].Collectors[0]
	poll := func(ago time.Duration, seconds float64, reason string) status.Poll {
		return status.Poll{Ended: before(ago), Duration: seconds, Reason: reason}
	}
	c.Interval, c.PollsSince = 900, before(24*time.Hour)
	c.Polls = []status.Poll{
		poll(24*time.Hour+time.Minute, 4, ""), poll(12*time.Hour+time.Minute, 1, "network"),
		poll(31*time.Minute, 16, ""), poll(30*time.Minute, 2, ""), poll(time.Minute, 0, ""),
	}
	o.BusiestSIMs[0].Hours[20] = ptr(0)
	s.exporter.overview = o
	_, page := s.do("GET", "/")
	for _, want := range []string{
		`<svg viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="5 polls since 9 Mar 12:07, 1 failed">` +
			`<path class="g" d="M3 20V10M97 20V4M99 20V17"/><path class="b" d="M51 20V2"/></svg>`,
		`aria-label="3 hours up to 10 Mar 12:00, at most 1.00 MB in one">` +
			`<path class="u" d="` + strings.Join(func() (missing []string) {
			for i := range 24 {
				if i < 20 || i == 21 {
					missing = append(missing, fmt.Sprintf("M%d 19h4", 4*i))
				}
			}
			return missing
		}(), "") + `"/><path class="h" d="M82 20V19.0M90 20V2.0M94 20V15.0"/></svg>`,
		"10 Mar 08:00", // since when the hours of the SIM are known
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %s in %s", want, page)
		}
	}
}

// TestBills: one for each account and currency; the SID tells whose they are if it is not
// the account's own.
func TestBills(t *testing.T) {
	s := newSite("/metrics")
	o := overview()
	o.Accounts[3].Bills = []status.Bill{
		{AccountSID: "AC2", Currency: "EUR", Amount: 1}, {AccountSID: "AC2", Currency: "USD", Amount: 2, PreviousMonth: ptr(3)}, {AccountSID: "AC9", Currency: "USD", Amount: 4},
	}
	s.exporter.overview = o
	_, page := s.do("GET", "/")
	if want := "Whole bill in EUR 1.00 – – – – Whole bill in USD 2.00 – 3.00 (whole month) – – Whole bill in USD, AC9 4.00 – – – –"; !strings.Contains(text(page), want) {
		t.Errorf("want %q in %s", want, text(page))
	}
}

// TestErrorOfKORE: Twilio has pages on its own codes only.
func TestErrorOfKORE(t *testing.T) {
	s := newSite("/metrics")
	o := overview()
	o.Accounts[0].Collectors[0].Error.Code = 20403
	s.exporter.overview = o
	if _, page := s.do("GET", "/?name=gone"); !strings.Contains(page, "Code 20403.") || strings.Contains(page, "twilio.com") {
		t.Errorf("have %s", page)
	}
}

// TestBuild: the script of an open page notices that another version serves it.
func TestBuild(t *testing.T) {
	build := func(version string) string {
		o := web.Options{Logger: log.NewNopLogger(), TelemetryPath: "/metrics", Metrics: metrics(), Exporter: new(fake), Version: version}
		w := httptest.NewRecorder()
		web.Handler(o).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return regexp.MustCompile(`data-build="[0-9a-f]+"`).FindString(w.Body.String())
	}
	if one, same, other := build("1"), build("1"), build("2"); one == "" || one != same || one == other {
		t.Errorf("have %s, %s and %s", one, same, other)
	}
}

// TestSameError: what it means and what to do is said once if collectors in a row fail for
// the same reason; their messages stay.
func TestSameError(t *testing.T) {
	s := newSite("/metrics")
	o := overview()
	failing := &o.Accounts[1]
	second := failing.Collectors[0]
	second.Name = "account_balance"
	failure := *second.Error
	failure.Message = "Balance: HTTP 403"
	second.Error = &failure
	third := second
	other := failure
	other.Code, other.Explanation = 20003, "The credentials are wrong."
	third.Error = &other
	fourth := third
	advised := other
	advised.Advice = "wait a minute"
	fourth.Error = &advised
	failing.Collectors = append(failing.Collectors, second, third, fourth)
	s.exporter.overview = o
	_, page := s.do("GET", "/")
	for text, want := range map[string]int{"Code 70051.": 1, "Code 20003.": 2, "use a Main key": 2, "wait a minute": 1, "Balance: HTTP 403": 3, "(request RQ1)": 1} {
		if have := strings.Count(page, text); have != want {
			t.Errorf("want %q %d times, have it %d times", text, want, have)
		}
	}
}

// TestFilter: by a part of the name in any case, and by state.
func TestFilter(t *testing.T) {
	s := newSite("/metrics")
	s.exporter.overview = overview()
	for query, want := range map[string][]string{
		"":                            {"gone", "<script>alert(1)</script>", "new", "production"},
		"?state=failing":              {"<script>alert(1)</script>"},
		"?name=PROD":                  {"production"},
		"?name=n&state=waiting":       {"new"},
		"?name=%3Cscript&state=ok":    {},
		"?name=%22%3E%3Cb%3E&state=x": {},
	} {
		_, page := s.do("GET", "/"+query)
		if have := strings.Count(page, "<article"); have != len(want) {
			t.Errorf("%q: want %d accounts on the page, have %d", query, len(want), have)
		}
		if strings.Contains(page, `"><b>`) {
			t.Errorf("%q: the query is HTML in %s", query, page)
		}
		_, body := s.do("GET", "/api/v1/status"+query)
		var document status.Overview
		if err := json.Unmarshal([]byte(body), &document); err != nil {
			t.Fatal(err)
		}
		have := []string{}
		for _, a := range document.Accounts {
			have = append(have, a.Name)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%q: want %q, have %q", query, want, have)
		}
	}
	if _, page := s.do("GET", "/?name=PROD&state=ok"); !strings.Contains(page, `value="PROD"`) || !strings.Contains(page, `<option value="ok" selected>`) || !strings.Contains(page, "1 of 4 accounts") {
		t.Errorf("the form does not show the filter: %s", page)
	}
}

// get is a request with headers.
func (s *site) get(path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestPageHeaders: nothing foreign is loaded, and a page that has not changed is not
// sent again.
func TestPageHeaders(t *testing.T) {
	s := newSite("/metrics")
	s.exporter.overview = overview()
	first := s.get("/")
	policy := first.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("want %q in the policy %q", want, policy)
		}
	}
	if first.Header().Get("Referrer-Policy") != "no-referrer" || first.Header().Get("Cache-Control") != "private, no-cache" || first.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("have headers %v", first.Header())
	}
	for _, x := range []struct {
		change func(*status.Overview)
		code   int
	}{
		{func(*status.Overview) {}, 304},
		{func(o *status.Overview) { o.Now.Time = o.Now.Add(20 * time.Second) }, 304}, // 12:07:50
		{func(o *status.Overview) { o.Now.Time = o.Now.Add(time.Minute) }, 200},
		{func(o *status.Overview) { o.Accounts[0].State = status.OK }, 200},
	} {
		o := overview()
		x.change(&o)
		s.exporter.overview = o
		w := s.get("/", "If-None-Match", `"other", `+first.Header().Get("ETag"))
		if w.Code != x.code || (w.Body.Len() == 0) != (x.code == 304) {
			t.Errorf("want %d, have %d with %d bytes", x.code, w.Code, w.Body.Len())
		}
	}
	if have := s.get("/api/v1/status").Header().Get("Cache-Control"); have != "no-store" {
		t.Errorf("the document may be kept: %q", have)
	}
	for path, contentType := range map[string]string{"/-/status.css": "text/css", "/-/status.js": "javascript", "/api/v1/status": "application/json"} {
		if w := s.get(path); !strings.Contains(w.Header().Get("Content-Type"), contentType) || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: have headers %v", path, w.Header())
		}
	}
}

// TestDocument: the keys of the JSON document keep their names, and each is explained in
// deploy/status.md.
func TestDocument(t *testing.T) {
	s := newSite("/metrics")
	s.exporter.overview = overview()
	_, body := s.do("GET", "/api/v1/status?polls=true")
	var have bytes.Buffer
	if err := json.Indent(&have, []byte(body), "", "  "); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/status.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, have.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if have.String() != string(want) {
		t.Errorf("the document is not that of %s (UPDATE_GOLDEN=1 writes it): %s", golden, have.String())
	}
	page, err := os.ReadFile("../../deploy/status.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(body, -1) {
		if !strings.Contains(string(page), "`"+key[1]+"`") {
			t.Errorf("deploy/status.md does not explain %s", key[1])
		}
	}
	for _, query := range []string{"", "?polls=false", "?polls="} {
		s.exporter.overview = overview()
		if _, body := s.do("GET", "/api/v1/status"+query); strings.Contains(body, "ended") || !strings.Contains(body, `"polls":null`) {
			t.Errorf("the polls are in the document without being asked for: %s", body)
		}
	}
}

// many is an overview of accounts with four collectors each, of which some fail, and a
// full day of polls.
func many(accounts int) status.Overview {
	o := overview()
	failing, production := o.Accounts[1], o.Accounts[3]
	failing.Name = ""
	o.Accounts = nil
	o.States = map[status.State]int{status.Failing: accounts / 50, status.OK: accounts - accounts/50}
	for i := range accounts {
		a := production
		if i < accounts/50 {
			a = failing
		}
		a.Name, a.AccountSID = fmt.Sprintf("account-%03d", i), fmt.Sprintf("AC%032x", i)
		template := a.Collectors[0]
		a.Collectors = nil
		for c, name := range []string{"supersim_inventory", "supersim_usage", "account_usage", "account_balance"} {
			collector := template
			collector.Name, collector.Polls = name, nil
			interval := time.Hour
			if c == 1 {
				interval = 15 * time.Minute
			}
			collector.Interval = interval.Seconds()
			for at := 24 * time.Hour; at > 0; at -= interval {
				collector.Polls = append(collector.Polls, status.Poll{Ended: before(at), Duration: float64((i*7+int(at/interval)*13)%40) / 10, Requests: 29})
			}
			a.Collectors = append(a.Collectors, collector)
		}
		o.Accounts = append(o.Accounts, a)
	}
	return o
}

// TestClosedAccounts: of many accounts only those that need an operator are open, and not
// all of those if they are many; the others are one line and are open on another page.
func TestClosedAccounts(t *testing.T) {
	failing := func(o status.Overview) status.Overview {
		for i := range o.Accounts {
			o.Accounts[i].State = status.Failing
		}
		return o
	}
	opened := func(page string) (names []string) {
		for _, found := range regexp.MustCompile(`(?s)<details open><summary><h3>([^<]*)</h3>.*?</article>`).FindAllStringSubmatch(page, -1) {
			if strings.Count(found[0], "<svg") != 4 || strings.Contains(found[0], "Show the collectors") {
				t.Errorf("have an open account %s", found[0])
			}
			names = append(names, found[1])
		}
		return names
	}
	s := newSite("/metrics")
	for _, x := range []struct {
		name     string
		overview status.Overview
		open     int
	}{
		{"few", many(12), 12},
		{"many", many(13), 0},
		{"many, one of them failing", many(60), 1},
		{"many, all of them failing", failing(many(60)), 25},
		{"many, few of them selected", many(60), 10},
	} {
		s.exporter.overview = x.overview
		path, all := "/", len(x.overview.Accounts)
		if x.name == "many, few of them selected" {
			path, all = "/?name=account-00", 10
		}
		_, page := s.do("GET", path)
		if have := opened(page); len(have) != x.open || strings.Count(page, "<article") != all || strings.Count(page, "Show the collectors") != all-x.open || strings.Count(page, "2.22 GB") < all-x.open {
			t.Errorf("%s: have open %q of %d: %s", x.name, have, all, page)
		}
	}

	s.exporter.overview = many(60)
	link := func(page, name string) string {
		found := regexp.MustCompile(`(?s)<a href="\./([^"]*)">Show the collectors and the month of <bdi>` + name + `</bdi></a>`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no link to open %s in %s", name, page)
		}
		path, id, _ := strings.Cut(html.UnescapeString(found[1]), "#")
		if !strings.Contains(page, `<article id="`+id+`"`) {
			t.Errorf("the link to open %s leads to %q", name, id)
		}
		return "/" + path
	}
	_, page := s.do("GET", "/?state=ok&name=ACCOUNT-0")
	_, page = s.do("GET", link(page, "account-058"))
	_, page = s.do("GET", link(page, "account-007"))
	if have := opened(page); !slices.Equal(have, []string{"account-007", "account-058"}) || !strings.Contains(page, `<option value="ok" selected>`) || !strings.Contains(page, `value="ACCOUNT-0"`) {
		t.Errorf("have open %q: %s", have, page)
	}
	for i := range s.exporter.overview.Accounts {
		s.exporter.overview.Accounts[i].Name += `"&<b>%`
	}
	if _, page := s.do("GET", `/?name=%22%26%3Cb%3E%25&open=%22%3E%3Cscript%3E`); strings.Contains(page, "<b>") || strings.Contains(page, "><script>") || strings.Count(page, "<article") != 60 || strings.Count(page, `name=%22%26%3Cb%3E%25`) != 59 {
		t.Errorf("have %s", page)
	}
}

// TestPageWeight: the page of 500 accounts can be loaded by a phone.
func TestPageWeight(t *testing.T) {
	s := newSite("/metrics")
	s.exporter.overview = many(500)
	w := s.get("/", "Accept-Encoding", "gzip")
	sent := w.Body.Len()
	unpacked, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("500 accounts: %d bytes, %d of them compressed", len(page), sent)
	if n := bytes.Count(page, []byte("<article")); n != 500 {
		t.Errorf("have %d accounts", n)
	}
	if len(page) > 400_000 || sent > 30_000 {
		t.Errorf("the page has %d bytes, and %d compressed", len(page), sent)
	}
	_, body := s.do("GET", "/api/v1/status")
	t.Logf("the document has %d bytes", len(body))
	if len(body) > 1_500_000 {
		t.Errorf("the document has %d bytes", len(body))
	}
}

// BenchmarkPages compares the page and the document of 500 accounts with one account, and
// with a handler that does nothing.
func BenchmarkPages(b *testing.B) {
	for _, x := range []struct {
		name     string
		path     string
		accounts int
	}{{"page of 500", "/", 500}, {"document of 500", "/api/v1/status", 500}, {"page of 1", "/", 1}, {"nothing", "/-/healthy", 1}} {
		b.Run(x.name, func(b *testing.B) {
			s := newSite("/metrics")
			s.exporter.overview = many(x.accounts)
			for b.Loop() {
				s.get(x.path, "Accept-Encoding", "gzip")
			}
		})
	}
}
